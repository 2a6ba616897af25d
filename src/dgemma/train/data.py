"""The stream of packed batches: batch number i of a seed is always the same, so a run resumes anywhere.

Examples come from the task generators, are rendered as one user turn and one model turn, and packed without padding
between them. Knows nothing of the network.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from torch.utils.data import DataLoader, Dataset

from dgemma.errors import DataError
from dgemma.evals.example import Example, Split, Texts
from dgemma.evals.pairs import find_tasks
from dgemma.tokenizer import Tokenizer
from dgemma.train.blocks import Document, PackedBatch, pack
from dgemma.train.recipe import DataRecipe

_MOST_MISSES = 500

Made = TypeVar("Made")


class BatchStream:
    """`stream.batch(i)` -> the i-th PackedBatch of `seed`."""

    def __init__(self, recipe: DataRecipe, tokenizer: Tokenizer, texts: Texts, seed: int, split: Split = "train"):
        self.tasks = find_tasks(recipe.tasks)
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

    def batch(self, number: int, rows: int | None = None) -> PackedBatch:
        """Packed rows of whole examples."""
        random = Random(f"{self.seed}/{self.split}/{number}")
        documents = self._rows(random, rows or self.recipe.batch_rows)
        return pack(documents, self.recipe.clean_length, self.recipe.canvas_slots, self.tokenizer.eos_id)

    def document(self, example: Example, random: Random) -> Document:
        """An example as ids, with a canvas length drawn near its answer's length."""
        prompt = [*self._start, *self.tokenizer.encode(example.prompt), *self._middle]
        answer = [*self.tokenizer.encode(example.answer), self._turn]
        lengths = self.recipe.canvas_lengths
        distances = [abs(math.log2(length / (len(answer) + 4))) for length in lengths]
        weights = [2.0 ** -(1.3 * distance) for distance in distances]
        return Document(prompt=prompt, answer=answer, canvas_length=random.choices(lengths, weights)[0])

    def _rows(self, random: Random, rows: int) -> list[list[Document]]:
        """As many examples as the rows have room for, packed the longest first into the fullest row that takes them.

        Rows filled one after the other, with what happens to fit, would train mostly on short examples: of those longer
        than half a row two thirds were turned away.
        """
        recipe = self.recipe
        tasks, weights = zip(*recipe.tasks.items(), strict=True)
        documents: list[Document] = []
        room, misses = rows * recipe.clean_length, 0
        while room > 0:
            task = self.tasks[random.choices(tasks, weights)[0]]
            document = self.document(task.generate(random, self.split, self.texts), random)
            if document.clean_length <= recipe.clean_length and document.slots_per_draw <= recipe.canvas_slots:
                documents.append(document)
                room, misses = room - document.clean_length, 0
            elif (misses := misses + 1) == _MOST_MISSES:
                raise DataError(
                    f"{misses} examples in a row ({', '.join(tasks)}) do not fit {recipe.clean_length} clean tokens"
                    f" and {recipe.canvas_slots} canvas slots; make [data] clean_length or canvas_slots larger."
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


def prefetch(make: Callable[[int], Made], start: int, stop: int, workers: int = 0) -> Iterator[Made]:
    """`make(i)` for i from `start` to before `stop`, in order; with `workers` in so many processes of one thread each,
    ahead of being asked for."""
    loader = DataLoader(_Numbered(make), batch_size=None, sampler=range(start, stop), num_workers=workers)
    return iter(loader)


class _Numbered(Dataset[Any]):
    """What is made as the loader wants it: item i is number i."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __getitem__(self, index: int) -> Any:
        return self.make(index)
