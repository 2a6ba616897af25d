"""The Sudoku task against a slow, obvious solver: puzzles are unique, answers valid, seeds repeatable, splits apart."""

from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgemma.evals.example import Example, Split, Texts
from dgemma.evals.tasks import sudoku

HARD = "500904076200008500010000000420865001000102000800473065000000050002600008670501002"
HARD_SOLUTION = "538924176246718539917356824423865791765192483891473265184239657352647918679581342"
SIDE = {4: 2, 9: 3}


def clues_of(example: Example) -> list[str]:
    size = int(example.kind[0])
    return [line for line in example.prompt.splitlines() if len(line) == size and line.isdecimal()]


def allowed(grid: list[int], size: int, cell: int) -> list[int]:
    """The digits that no filled cell in the same row, column or box has, found by looking at every cell."""
    side, row, column = SIDE[size], cell // size, cell % size
    seen = {
        digit
        for other, digit in enumerate(grid)
        if digit
        and (
            other // size == row
            or other % size == column
            or (other // size // side, other % size // side) == (row // side, column // side)
        )
    }
    return [digit for digit in range(1, size + 1) if digit not in seen]


def slow_solutions(grid: list[int], size: int) -> Iterator[list[int]]:
    """Every solution by plain backtracking over the cell with the fewest digits left."""
    choices = [(allowed(grid, size, cell), cell) for cell, digit in enumerate(grid) if not digit]
    if not choices:
        yield list(grid)
        return
    digits, cell = min(choices, key=lambda choice: len(choice[0]))
    for digit in digits:
        grid[cell] = digit
        yield from slow_solutions(grid, size)
        grid[cell] = 0


@pytest.mark.parametrize("kind", sudoku.KINDS)
@pytest.mark.parametrize("split", ["train", "eval"])
def test_the_answer_is_the_only_solution_of_its_puzzle(kind: str, split: Split) -> None:
    random, size = Random(f"{kind} {split}"), int(kind[0])
    for _ in range(15):
        example = sudoku.generate(random, split, kind=kind)
        rows = clues_of(example)
        solutions = list(islice(slow_solutions([int(digit) for digit in "".join(rows)], size), 2))
        assert ["".join(map(str, solution)) for solution in solutions] == [example.answer.replace("\n", "")]
        assert sudoku.solve("\n".join(rows)) == [example.answer]
        assert sudoku.is_correct(example, example.answer)


@pytest.mark.parametrize(
    ("kind", "split", "fewest", "most"),
    [("4x4", "train", 4, 10), ("4x4", "eval", 4, 10), ("9x9", "train", 30, 65), ("9x9", "eval", 40, 50)],
)
def test_the_number_of_clues_is_within_its_range(kind: str, split: Split, fewest: int, most: int) -> None:
    random = Random(3)
    counts = [sum(digit != "0" for digit in "".join(clues_of(example))) for example in draw(random, split, kind, 300)]
    assert min(counts) >= fewest
    assert max(counts) <= most
    assert len(set(counts)) >= (most - fewest) // 2


def draw(random: Random, split: Split, kind: str, number: int) -> list[Example]:
    return [sudoku.generate(random, split, kind=kind) for _ in range(number)]


def test_puzzles_from_texts_are_unique() -> None:
    texts, random = Texts(sudoku=((HARD, HARD_SOLUTION),)), Random(5)
    for split in ("train", "eval"):
        for _ in range(40):
            example = sudoku.generate(random, split, texts, kind="9x9")
            assert sudoku.solve("".join(clues_of(example))) == [example.answer]


def test_the_same_seed_gives_the_same_examples() -> None:
    for split in ("train", "eval"):
        first, second = Random(11), Random(11)
        assert [sudoku.generate(first, split) for _ in range(20)] == [sudoku.generate(second, split) for _ in range(20)]


def test_splits_share_no_phrasing() -> None:
    assert not set(sudoku.PHRASINGS["train"]) & set(sudoku.PHRASINGS["eval"])


def test_solve_counts_solutions() -> None:
    assert sudoku.solve(HARD) == [sudoku.layout(HARD_SOLUTION)]
    assert len(sudoku.solve("0" * 81)) == 2
    assert sudoku.solve("11" + "0" * 79) == []
    # The first cell has no digit left, though no two clues clash.
    assert sudoku.solve("0230" + "0400" + "1000" + "0000") == []
    with pytest.raises(ValueError, match="81 digits"):
        sudoku.solve("123")


@given(st.integers(0, 10**6), st.integers(0, 16))
def test_solve_agrees_with_the_slow_solver(seed: int, num_clues: int) -> None:
    """Also with many solutions, or with none because one clue was changed."""
    random = Random(seed)
    grid = [int(digit) for digit in sudoku.random_solution(random, 4)]
    for cell in random.sample(range(16), 16 - num_clues):
        grid[cell] = 0
    if num_clues and random.random() < 0.5:
        cell = random.choice([cell for cell, digit in enumerate(grid) if digit])
        kept, grid[cell] = grid[cell], 0
        grid[cell] = random.choice(allowed(grid, 4, cell) or [kept])
    expected = {"".join(map(str, solution)) for solution in slow_solutions(list(grid), 4)}
    actual = {solution.replace("\n", "") for solution in sudoku.solve("".join(map(str, grid)))}
    assert len(actual) == min(2, len(expected))
    assert actual <= expected


def test_is_correct_refuses_wrong_replies() -> None:
    example = sudoku.generate(Random(2), "eval", kind="9x9")
    rows = example.answer.splitlines()
    assert sudoku.is_correct(example, "".join(row + "  \n" for row in rows))
    assert not sudoku.is_correct(example, "")
    assert not sudoku.is_correct(example, "\n".join(rows[:8]))
    assert not sudoku.is_correct(example, "\n".join(clues_of(example)))
    assert not sudoku.is_correct(example, "The solution is:\n" + example.answer)
    swapped = example.answer.translate(str.maketrans("12", "21"))
    assert not sudoku.is_correct(example, swapped), "valid, but it does not keep the clues"
    for index, digit in enumerate(example.answer):
        if digit.isdecimal():
            wrong = example.answer[:index] + str(int(digit) % 9 + 1) + example.answer[index + 1 :]
            assert not sudoku.is_correct(example, wrong)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="4x4, 9x9"):
        sudoku.generate(Random(1), "train", kind="16x16")
