"""The stream of packed batches: batch number i of a seed is always the same, so a run resumes anywhere.

Examples come from the task generators and from files, are rendered as one user turn and one model turn, and packed
without padding between them. Knows nothing of the network.
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

_MOST_MISSES = 500


class BatchStream:
    """`stream.batch(i)` -> the i-th PackedBatch of `seed`.

    Of a file of examples those that fit no row are left out, and `tell` is told how many. A task without held-out
    answers is left out of the split `eval`. Raises DataError where nothing of a file, or no task at all, is left.
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
        self._start = [tokenizer.bos_id, tokenizer.special_id("<|turn>"), *tokenizer.encode("user\n")]
        self._turn = tokenizer.special_id("<turn|>")
        self._middle = [
            self._turn,
            *tokenizer.encode("\n"),
            tokenizer.special_id("<|turn>"),
            *tokenizer.encode("model\n"),
        ]
        self._room = f"{recipe.clean_length} clean tokens and {recipe.canvas_slots} canvas slots"
        self._whose = "held-out " if split == "eval" else ""
        self._longest_token = max(map(len, tokenizer.backend.get_vocab()))
        self.tasks = {name: self._fitting(task, tell) for name, task in self._answered(tell).items()}

    def _answered(self, tell: Callable[[str], None]) -> dict[str, Task]:
        """The tasks that are drawn at all and have answers in this split."""
        found = {name: task for name, task in find_tasks(self.recipe.tasks).items() if self.recipe.tasks[name]}
        silent = []
        if self.split == "eval":
            silent = [name for name, task in found.items() if not task.generate(Random(0), "eval", self.texts).answer]
        if len(silent) == len(found):
            raise DataError(
                f"There are no held-out answers of {', '.join(silent)}, so no held-out loss; add a task that has some, "
                "or give --data with stories."
            )
        if silent:
            tell(f"There are no held-out answers of {', '.join(silent)}; the held-out loss is that of the other tasks.")
        return {name: task for name, task in found.items() if name not in silent}

    def _fitting(self, task: Task, tell: Callable[[str], None]) -> Task:
        """The same task without those of a file's examples that fit no row."""
        examples = task.trained if self.split == "train" else task.held_out
        kept = tuple(filter(self.fits, examples))
        if len(kept) == len(examples):
            return task
        told = f"of {len(examples)} {self._whose}examples of {task.name}"
        if not kept:
            raise DataError(f"None {told} fits {self._room}; make [data] clean_length or canvas_slots larger.")
        tell(f"{len(examples) - len(kept)} {told} do not fit {self._room} and are left out.")
        return task_of(task.name, *((kept, task.held_out) if self.split == "train" else (task.trained, kept)))

    def batch(self, number: int, rows: int | None = None) -> PackedBatch:
        """Packed rows of whole examples."""
        random = Random(f"{self.seed}/{self.split}/{number}")
        documents = self._rows(random, rows or self.recipe.batch_rows)
        return pack(documents, self.recipe.clean_length, self.recipe.canvas_slots, self.tokenizer.eos_id)

    def fits(self, example: Example) -> bool:
        """Whether an example fits a row, under one of the canvas lengths at least."""
        # A text of megabytes takes minutes to encode; no token has more characters than its name.
        if len(example.prompt) + len(example.answer) > self._longest_token * self.recipe.clean_length:
            return False
        prompt, answer = self._encoded(example)
        slots = min(-(-len(answer) // length) * length for length in self.recipe.canvas_lengths)
        return len(prompt) + len(answer) <= self.recipe.clean_length and slots <= self.recipe.canvas_slots

    def document(self, example: Example, random: Random) -> Document:
        """An example as ids, with a canvas length drawn near its answer's length."""
        prompt, answer = self._encoded(example)
        lengths = self.recipe.canvas_lengths
        distances = [abs(math.log2(length / (len(answer) + 4))) for length in lengths]
        weights = [2.0 ** -(1.3 * distance) for distance in distances]
        return Document(prompt=prompt, answer=answer, canvas_length=random.choices(lengths, weights)[0])

    def _encoded(self, example: Example) -> tuple[list[int], list[int]]:
        prompt = [*self._start, *self.tokenizer.encode(example.prompt), *self._middle]
        return prompt, [*self.tokenizer.encode(example.answer), self._turn]

    def _rows(self, random: Random, rows: int) -> list[list[Document]]:
        """As many examples as the rows have room for, packed the longest first into the fullest row that takes them.

        Rows filled one after the other, with what happens to fit, would train mostly on short examples: of those longer
        than half a row two thirds were turned away.
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
            if misses[name] == _MOST_MISSES:
                raise DataError(
                    f"{_MOST_MISSES} {self._whose}examples of {name} in a row do not fit {self._room}; make [data] "
                    "clean_length or canvas_slots larger."
                )
        packed = [_Row(clean=recipe.clean_length, canvas=recipe.canvas_slots) for _ in range(rows)]
        for document in sorted(documents, key=lambda document: -document.clean_length):
            fitting = [row for row in packed if row.takes(document)]
            if fitting:
                min(fitting, key=lambda row: row.clean).add(document)
        random.shuffle(packed)
        return [row.with_more_draws(recipe.noise_draws) for row in packed]


class _Row:
    """A row that is being packed, and the `clean` and `canvas` slots it has left."""

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
        """The documents, their canvases up to `most` times over as far as the row has room."""
        for _ in range(1, most):
            for number, document in enumerate(self.documents):
                if document.slots_per_draw <= self.canvas:
                    self.documents[number] = replace(document, draws=document.draws + 1)
                    self.canvas -= document.slots_per_draw
        return self.documents
