"""The *sudoku* task: a 4x4 or 9x9 puzzle in rows of digits (0 for empty), answered with the solved rows.

Every puzzle has exactly one solution, and a seed always gives the same requests. A puzzle is made by revealing cells of
a solved grid until naked and hidden singles alone solve it, which proves uniqueness without a search; then more cells
are revealed, up to the requested number of clues. Knows nothing of tokens, models or files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts

TASK = "sudoku"
KINDS = ("4x4", "9x9")

PHRASINGS: dict[Split, tuple[str, ...]] = {
    "train": (
        "Solve this Sudoku:\n{grid}",
        "Solve this Sudoku.\n{grid}",
        "Solve this {kind} Sudoku:\n{grid}",
        "Solve the Sudoku below. A 0 is an empty cell.\n{grid}",
        "Solve the following Sudoku puzzle:\n{grid}",
        "Please solve this Sudoku puzzle:\n{grid}",
        "Fill in the empty cells of this Sudoku:\n{grid}",
        "Fill in the zeros of this {kind} Sudoku:\n{grid}",
        "Complete this Sudoku:\n{grid}",
        "Complete this {kind} Sudoku grid.\n{grid}",
        "Here is a Sudoku:\n{grid}\nWhat is the solution?",
        "Here is a {kind} Sudoku puzzle. Solve it.\n{grid}",
        "Find the solution of this Sudoku:\n{grid}",
        "Can you solve this Sudoku?\n{grid}",
        "Sudoku:\n{grid}",
        "{grid}\nSolve this Sudoku.",
        "Replace each 0 so that the Sudoku is solved:\n{grid}",
        "What is the answer to this Sudoku?\n{grid}",
    ),
    "eval": (
        "Finish this Sudoku puzzle:\n{grid}",
        "Please complete the {kind} Sudoku below.\n{grid}",
        "I am stuck on this Sudoku. Can you fill in the rest?\n{grid}",
        "Give me the solved grid for this Sudoku:\n{grid}",
        "Work out the missing digits of this Sudoku:\n{grid}",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board's geometry: for each cell, row by row, the numbers of its row, its column and its box."""

    size: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    boxes: tuple[int, ...]


@cache
def board_of(size: int) -> Board:
    """The geometry of a `size` x `size` board, 4 or 9."""
    side = {4: 2, 9: 3}[size]
    cells = [divmod(cell, size) for cell in range(size * size)]
    return Board(
        size=size,
        rows=tuple(row for row, _ in cells),
        columns=tuple(column for _, column in cells),
        boxes=tuple(row // side * side + column // side for row, column in cells),
    )


class Position:
    """A board being filled: each cell's bit (0 when empty) and, for each row, column and box, the bits in use."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.full = (1 << board.size) - 1
        self.values = [0] * (board.size * board.size)
        self.row_used = [0] * board.size
        self.column_used = [0] * board.size
        self.box_used = [0] * board.size
        self.empty = list(range(board.size * board.size))

    def copy(self) -> "Position":
        """An independent copy."""
        copy = Position(self.board)
        copy.values, copy.empty = self.values[:], self.empty[:]
        copy.row_used, copy.column_used, copy.box_used = self.row_used[:], self.column_used[:], self.box_used[:]
        return copy

    def place(self, cell: int, bit: int) -> None:
        """Writes `bit` into `cell`; call `drop_filled` afterwards to update `empty`."""
        self.values[cell] = bit
        self.row_used[self.board.rows[cell]] |= bit
        self.column_used[self.board.columns[cell]] |= bit
        self.box_used[self.board.boxes[cell]] |= bit

    def drop_filled(self) -> None:
        """Removes filled cells from `empty`."""
        self.empty = [cell for cell in self.empty if not self.values[cell]]

    def candidates(self, cell: int) -> int:
        """The bits not used in the cell's row, column or box."""
        board = self.board
        used = (
            self.row_used[board.rows[cell]] | self.column_used[board.columns[cell]] | self.box_used[board.boxes[cell]]
        )
        return self.full & ~used

    def fill_singles(self) -> bool:
        """Fills naked and hidden singles until none is left; False on a contradiction."""
        while self.empty:
            num_empty = len(self.empty)
            if not self._sweep():
                return False
            self.drop_filled()
            if len(self.empty) == num_empty:
                break
        return True

    def _sweep(self) -> bool:
        """One pass over the empty cells that fills naked singles, then hidden ones; False on a contradiction.

        Candidates counted before a value was placed during the pass may include that value. So hidden singles are
        checked against the bits in use by then: no value is placed twice, and a count can only be too high, which
        misses a single but never invents one.
        """
        board, size = self.board, self.board.size
        rows, columns, boxes = board.rows, board.columns, board.boxes
        row_used, column_used, box_used = self.row_used, self.column_used, self.box_used
        row_once, column_once, box_once = [0] * size, [0] * size, [0] * size
        row_twice, column_twice, box_twice = [0] * size, [0] * size, [0] * size
        for cell in self.empty:
            row, column, box = rows[cell], columns[cell], boxes[cell]
            bits = self.full & ~(row_used[row] | column_used[column] | box_used[box])
            if not bits:
                return False
            if not bits & (bits - 1):
                self.place(cell, bits)
                continue
            row_twice[row] |= row_once[row] & bits
            row_once[row] |= bits
            column_twice[column] |= column_once[column] & bits
            column_once[column] |= bits
            box_twice[box] |= box_once[box] & bits
            box_once[box] |= bits
        for cell in self.empty:
            if self.values[cell]:
                continue
            row, column, box = rows[cell], columns[cell], boxes[cell]
            several = row_twice[row] & column_twice[column] & box_twice[box]
            bits = self.full & ~(row_used[row] | column_used[column] | box_used[box] | several)
            if bits:
                if bits & (bits - 1):
                    return False
                self.place(cell, bits)
        return True


def read_position(grid: str) -> Position | None:
    """Parses a grid of 16 or 81 digits, line breaks allowed; None if two clues contradict each other."""
    digits = "".join(grid.split())
    size = {16: 4, 81: 9}.get(len(digits))
    if size is None or not all("0" <= digit <= str(size) for digit in digits):
        raise ValueError("a Sudoku grid is 16 digits 0-4 or 81 digits 0-9, 0 for an empty cell")
    position = Position(board_of(size))
    for cell, digit in enumerate(digits):
        if digit != "0":
            bit = 1 << (int(digit) - 1)
            if not position.candidates(cell) & bit:
                return None
            position.place(cell, bit)
    position.drop_filled()
    return position


def solve(grid: str) -> list[str]:
    """At most two solutions of `grid`, each as lines of rows: none if it is impossible, one if it is unique."""
    position = read_position(grid)
    solutions: list[str] = []
    if position is not None:
        for values in search(position, None):
            solutions.append(layout("".join(str(bit.bit_length()) for bit in values)))
            if len(solutions) == 2:
                break
    return solutions


def search(position: Position, random: Random | None) -> Iterator[list[int]]:
    """Yields every solution of `position` (and changes it), branching on the cell with the fewest candidates."""
    if not position.fill_singles():
        return
    if not position.empty:
        yield position.values
        return
    cell = min(position.empty, key=lambda each: position.candidates(each).bit_count())
    bits = [1 << place for place in range(position.board.size) if position.candidates(cell) >> place & 1]
    if random is not None:
        random.shuffle(bits)
    for bit in bits:
        branch = position.copy()
        branch.place(cell, bit)
        branch.drop_filled()
        yield from search(branch, random)


def layout(digits: str) -> str:
    """A flat string of 16 or 81 digits as lines of rows."""
    size = {16: 4, 81: 9}[len(digits)]
    return "\n".join(digits[start : start + size] for start in range(0, len(digits), size))


def random_solution(random: Random, size: int) -> str:
    """A solved grid as flat digits: a random first row, the rest by a randomised search."""
    while True:
        position = Position(board_of(size))
        digits = [1 << place for place in range(size)]
        random.shuffle(digits)
        for cell, bit in enumerate(digits):
            position.place(cell, bit)
        position.drop_filled()
        values = next(search(position, random), None)
        if values is not None:
            return "".join(str(bit.bit_length()) for bit in values)


def pattern_solution(random: Random, size: int) -> str:
    """A solved grid as flat digits: the cyclic pattern, shuffled by `shuffle_grids`; fast but less varied."""
    side = {4: 2, 9: 3}[size]
    digits = [(side * (row % side) + row // side + column) % size for row in range(size) for column in range(size)]
    return shuffle_grids(random, "".join(str(digit + 1) for digit in digits))[0]


def shuffle_grids(random: Random, *grids: str) -> tuple[str, ...]:
    """Applies one random symmetry (digits, bands, stacks, rows, columns, transpose) to all grids; 0 stays 0."""
    size = {16: 4, 81: 9}[len(grids[0])]
    row_order, column_order = _shuffled_lines(random, size), _shuffled_lines(random, size)
    if random.random() < 0.5:
        order = [row * size + column for row in row_order for column in column_order]
    else:
        order = [row * size + column for column in column_order for row in row_order]
    digits = "123456789"[:size]
    relabel = str.maketrans(digits, "".join(random.sample(digits, size)))
    return tuple("".join([grid[cell] for cell in order]).translate(relabel) for grid in grids)


def _shuffled_lines(random: Random, size: int) -> list[int]:
    """A permutation of rows that keeps each band together."""
    side = {4: 2, 9: 3}[size]
    return [band * side + row for band in random.sample(range(side), side) for row in random.sample(range(side), side)]


def make_puzzle(random: Random, solution: str, num_clues: int) -> str:
    """A uniquely solvable puzzle with `num_clues` clues, or a few more if singles alone needed them.

    Starts from a random number of random clues, from few (so that each one matters) to `num_clues`. Reveals one more
    cell whenever the singles get stuck, then random cells up to `num_clues`.
    """
    size = {16: 4, 81: 9}[len(solution)]
    bits = [1 << (int(digit) - 1) for digit in solution]
    order = random.sample(range(size * size), size * size)
    clues = order[: random.randint(min(num_clues, 2 * size), num_clues)]
    position = Position(board_of(size))
    for cell in clues:
        position.place(cell, bits[cell])
    position.drop_filled()
    position.fill_singles()
    while position.empty:
        cell = random.choice(position.empty)
        clues.append(cell)
        position.place(cell, bits[cell])
        position.drop_filled()
        position.fill_singles()
    shown = set(clues)
    for cell in order:
        if len(shown) >= num_clues:
            break
        shown.add(cell)
    return "".join([digit if cell in shown else "0" for cell, digit in enumerate(solution)])


def ease_puzzle(random: Random, puzzle: str, solution: str, num_clues: int) -> str:
    """`puzzle` with more cells revealed, up to `num_clues` clues; its solution stays unique."""
    empty = [cell for cell, digit in enumerate(puzzle) if digit == "0"]
    num_extra = max(0, num_clues - (len(puzzle) - len(empty)))
    extra = set(random.sample(empty, min(num_extra, len(empty))))
    return "".join([solution[cell] if cell in extra else digit for cell, digit in enumerate(puzzle)])


def draw_puzzle(random: Random, split: Split, texts: Texts, kind: str) -> tuple[str, str]:
    """A puzzle and its solution as flat digits."""
    if kind == "4x4":
        solution = random_solution(random, 4)
        target, most = random.randint(4, 10), 10
    else:
        target, most = (random.randint(40, 50), 50) if split == "eval" else (random.randint(30, 65), 65)
        if texts.sudoku:
            hard, solved = random.choice(texts.sudoku)
            hard, solution = shuffle_grids(random, hard, solved)
            if split == "train" and random.random() < 0.25:
                return ease_puzzle(random, hard, solution, target), solution
        elif split == "eval" or random.random() < 0.25:
            solution = random_solution(random, 9)
        else:
            solution = pattern_solution(random, 9)
    while True:
        puzzle = make_puzzle(random, solution, target)
        if len(puzzle) - puzzle.count("0") <= most:
            return puzzle, solution


def generate(random: Random, split: Split, texts: Texts = NO_TEXTS, kind: str | None = None) -> Example:
    """A puzzle of `kind` (`4x4` or `9x9`; if not given, a quarter are 4x4) and its solution."""
    if kind is None:
        kind = "4x4" if random.random() < 0.25 else "9x9"
    if kind not in KINDS:
        raise ValueError(f"no Sudoku of kind {kind!r}; there are {', '.join(KINDS)}")
    puzzle, solution = draw_puzzle(random, split, texts, kind)
    phrasing = random.choice(PHRASINGS[split])
    prompt = phrasing.format(grid=layout(puzzle), kind=kind)
    return Example(task=TASK, kind=kind, prompt=prompt, answer=layout(solution))


def is_correct(example: Example, reply: str) -> bool:
    """Whether `reply` is exactly a complete valid grid that keeps every clue of the request."""
    size = int(example.kind[0])
    digits = set("123456789"[:size])
    rows = [line.rstrip() for line in reply.strip().splitlines()]
    if len(rows) != size or any(len(row) != size or not set(row) <= digits for row in rows):
        return False
    puzzle_rows = [line for line in example.prompt.splitlines() if len(line) == size and line.isdecimal()]
    clues, filled = "".join(puzzle_rows), "".join(rows)
    if any(clue not in ("0", digit) for clue, digit in zip(clues, filled, strict=True)):
        return False
    position = read_position(filled)
    return position is not None and not position.empty


def constraint(example: Example) -> dict[str, Any]:
    """The constraint as options of `LLM.chat`: a regular expression for the right number of rows and digits."""
    size = int(example.kind[0])
    row = f"[1-{size}]{{{size}}}"
    return {"regex": f"{row}(\\n{row}){{{size - 1}}}"}
