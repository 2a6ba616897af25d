"""The stream of packed batches: batch i depends only on the seed and i, so a run can resume anywhere.

Examples come from the task generators and from files. Each is rendered as one user turn and one model turn, and packed
into rows without padding between them. Knows nothing of the network.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from dgemma.errors import DataError
from dgemma.evals.example import Example, Split, Texts
from dgemma.evals.pairs import find_tasks, task_of
from dgemma.evals.tasks import Task
from dgemma.tokenizer import Tokenizer
from dgemma.train.blocks import Document, PackedBatch, pack
from dgemma.train.recipe import DataRecipe

_MAX_MISSES = 500
"""Examples in a row that may not fit before a task is given up."""


class BatchStream:
    """`stream.batch(i)` -> the i-th PackedBatch of `seed`.

    Examples of a file that fit no row are left out, and so are tasks without held-out answers in the split `eval`;
    `tell` gets a sentence about either. Raises DataError if no example of a file or no task is left.
    """

    def __init__(
        self,
        recipe: DataRecipe,
        tokenizer: Tokenizer,
        texts: Texts,
        seed: int,
        split: Split = "train",
        tell: Callable[[str], None] = lambda line: None,
    ):
        self.recipe, self.tokenizer, self.texts, self.seed = recipe, tokenizer, texts, seed
        self.split: Split = split
        self._user_turn = [tokenizer.bos_id, tokenizer.special_id("<|turn>"), *tokenizer.encode("user\n")]
        self._turn_end = tokenizer.special_id("<turn|>")
        self._model_turn = [
            self._turn_end,
            *tokenizer.encode("\n"),
            tokenizer.special_id("<|turn>"),
            *tokenizer.encode("model\n"),
        ]
        self._row_size = f"{recipe.clean_length} clean tokens and {recipe.canvas_slots} canvas slots"
        self._held_out = "held-out " if split == "eval" else ""
        self._longest_token = max(map(len, tokenizer.backend.get_vocab()))
        self.tasks = {name: self._without_oversized(task, tell) for name, task in self._usable_tasks(tell).items()}

    def _usable_tasks(self, tell: Callable[[str], None]) -> dict[str, Task]:
        """The tasks with a weight above 0 and with answers in this split."""
        found = {name: task for name, task in find_tasks(self.recipe.tasks).items() if self.recipe.tasks[name]}
        unanswered = []
        if self.split == "eval":
            unanswered = [
                name for name, task in found.items() if not task.generate(Random(0), "eval", self.texts).answer
            ]
        names = ", ".join(unanswered)
        if len(unanswered) == len(found):
            raise DataError(
                f"There are no held-out answers of {names}, so no held-out loss; add a task that has some, or give "
                "--data with stories."
            )
        if unanswered:
            tell(f"There are no held-out answers of {names}; the held-out loss is that of the other tasks.")
        return {name: task for name, task in found.items() if name not in unanswered}

    def _without_oversized(self, task: Task, tell: Callable[[str], None]) -> Task:
        """The task without the examples of its file that fit no row."""
        examples = task.trained if self.split == "train" else task.held_out
        kept = tuple(filter(self.fits, examples))
        if len(kept) == len(examples):
            return task
        total = f"of {len(examples)} {self._held_out}examples of {task.name}"
        if not kept:
            raise DataError(f"None {total} fits {self._row_size}; make [data] clean_length or canvas_slots larger.")
        tell(f"{len(examples) - len(kept)} {total} do not fit {self._row_size} and are left out.")
        return task_of(task.name, *((kept, task.held_out) if self.split == "train" else (task.trained, kept)))

    def batch(self, number: int, rows: int | None = None) -> PackedBatch:
        """Batch `number`, of `rows` rows instead of the recipe's if given."""
        random = Random(f"{self.seed}/{self.split}/{number}")
        documents = self._draw_rows(random, rows or self.recipe.batch_rows)
        return pack(documents, self.recipe.clean_length, self.recipe.canvas_slots, self.tokenizer.eos_id)

    def fits(self, example: Example) -> bool:
        """Whether an example fits into a row with at least one of the canvas lengths."""
        # Checked first, since encoding megabytes takes minutes: no token covers more characters than its name has.
        if len(example.prompt) + len(example.answer) > self._longest_token * self.recipe.clean_length:
            return False
        prompt, answer = self._encode(example)
        slots = min(-(-len(answer) // length) * length for length in self.recipe.canvas_lengths)
        return len(prompt) + len(answer) <= self.recipe.clean_length and slots <= self.recipe.canvas_slots

    def document(self, example: Example, random: Random) -> Document:
        """An example as ids, with a random canvas length; lengths near its answer's are likelier."""
        prompt, answer = self._encode(example)
        lengths = self.recipe.canvas_lengths
        distances = [abs(math.log2(length / (len(answer) + 4))) for length in lengths]
        weights = [2.0 ** -(1.3 * distance) for distance in distances]
        return Document(prompt=prompt, answer=answer, canvas_length=random.choices(lengths, weights)[0])

    def _encode(self, example: Example) -> tuple[list[int], list[int]]:
        prompt = [*self._user_turn, *self.tokenizer.encode(example.prompt), *self._model_turn]
        return prompt, [*self.tokenizer.encode(example.answer), self._turn_end]

    def _draw_rows(self, random: Random, rows: int) -> list[list[Document]]:
        """Draws examples until their clean tokens fill the rows, then packs them best-fit, the longest first.

        Filling one row after the other with whatever fits would train mostly on short examples: it rejected two thirds
        of those longer than half a row.
        """
        recipe = self.recipe
        names, weights = list(self.tasks), [recipe.tasks[name] for name in self.tasks]
        documents: list[Document] = []
        room, misses = rows * recipe.clean_length, Counter[str]()
        while room > 0:
            (name,) = random.choices(names, weights)
            document = self.document(self.tasks[name].generate(random, self.split, self.texts), random)
            if document.clean_length <= recipe.clean_length and document.slots_per_draw <= recipe.canvas_slots:
                documents.append(document)
                room, misses[name] = room - document.clean_length, 0
                continue
            misses[name] += 1
            if misses[name] == _MAX_MISSES:
                raise DataError(
                    f"{_MAX_MISSES} {self._held_out}examples of {name} in a row do not fit {self._row_size}; make "
                    "[data] clean_length or canvas_slots larger."
                )
        packed = [_Row(clean=recipe.clean_length, canvas=recipe.canvas_slots) for _ in range(rows)]
        for document in sorted(documents, key=lambda document: -document.clean_length):
            fitting = [row for row in packed if row.takes(document)]
            if fitting:
                min(fitting, key=lambda row: row.clean).add(document)
        random.shuffle(packed)
        return [row.with_more_draws(recipe.noise_draws) for row in packed]


class _Row:
    """A row being packed; `clean` and `canvas` are the slots that it has left."""

    def __init__(self, *, clean: int, canvas: int) -> None:
        self.clean, self.canvas = clean, canvas
        self.documents: list[Document] = []

    def takes(self, document: Document) -> bool:
        return document.clean_length <= self.clean and document.slots_per_draw <= self.canvas

    def add(self, document: Document) -> None:
        self.documents.append(document)
        self.clean -= document.clean_length
        self.canvas -= document.slots_per_draw

    def with_more_draws(self, most: int) -> list[Document]:
        """The documents, with up to `most` noise draws each while the canvas slots last."""
        for _ in range(1, most):
            for number, document in enumerate(self.documents):
                if document.slots_per_draw <= self.canvas:
                    self.documents[number] = replace(document, draws=document.draws + 1)
                    self.canvas -= document.slots_per_draw
        return self.documents
