"""The stream of packed batches: batch number i of a seed is always the same, so a run resumes anywhere.

Examples come from the task generators, are rendered as one user turn and one model turn, and packed without padding
between them. Knows nothing of the network.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from torch.utils.data import DataLoader, Dataset

from dgemma.errors import DataError
from dgemma.evals.example import Example, Split, Texts
from dgemma.evals.tasks import TASKS
from dgemma.tokenizer import Tokenizer
from dgemma.train.blocks import Document, PackedBatch, pack
from dgemma.train.recipe import DataRecipe, LongRecipe


class BatchStream:
    """`stream.batch(i)` -> the i-th PackedBatch of `seed`."""

    def __init__(self, recipe: DataRecipe, tokenizer: Tokenizer, texts: Texts, seed: int, split: Split = "train"):
        unknown = {*recipe.tasks, *(recipe.long.tasks if recipe.long else ())} - set(TASKS)
        if unknown:
            raise DataError(f"The recipe names the unknown task {min(unknown)!r}; known: {', '.join(TASKS)}.")
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
        recipe = self.recipe
        if recipe.long is not None and number % recipe.long.every == recipe.long.every - 1:
            recipe = recipe.long
        documents = [self._row(random, recipe) for _ in range(rows or recipe.batch_rows)]
        return pack(documents, recipe.clean_length, recipe.canvas_slots, self.tokenizer.eos_id)

    def batches(self, start: int, stop: int, workers: int = 0) -> Iterator[PackedBatch]:
        """Batches `start` .. `stop`, in order; with `workers` they are made ahead in that many processes."""
        loader = DataLoader(_Numbered(self), batch_size=None, sampler=range(start, stop), num_workers=workers)
        return iter(loader)

    def document(self, example: Example, random: Random) -> Document:
        """An example as ids, with a canvas length drawn near its answer's length."""
        prompt = [*self._start, *self.tokenizer.encode(example.prompt), *self._middle]
        answer = [*self.tokenizer.encode(example.answer), self._turn]
        lengths = self.recipe.canvas_lengths
        distances = [abs(math.log2(length / (len(answer) + 4))) for length in lengths]
        weights = [2.0 ** -(1.3 * distance) for distance in distances]
        return Document(prompt=prompt, answer=answer, canvas_length=random.choices(lengths, weights)[0])

    def _row(self, random: Random, recipe: DataRecipe | LongRecipe) -> list[Document]:
        """Fills one row; an example that no longer fits is tried four times more before the row is closed."""
        tasks, weights = zip(*recipe.tasks.items(), strict=True)
        row: list[Document] = []
        clean, canvas, misses = 0, 0, 0
        while misses < 5:
            task = TASKS[random.choices(tasks, weights)[0]]
            document = self.document(task.generate(random, self.split, self.texts), random)
            draws = min(recipe.noise_draws, (recipe.canvas_slots - canvas) // document.slots_per_draw)
            if draws and clean + document.clean_length <= recipe.clean_length:
                document = replace(document, draws=draws)
                row.append(document)
                clean, canvas = clean + document.clean_length, canvas + document.canvas_slots
            else:
                misses += 1
        return row


class _Numbered(Dataset[PackedBatch]):
    """The stream as the loader wants it: item i is batch i."""

    def __init__(self, stream: BatchStream) -> None:
        self.stream = stream

    def __getitem__(self, index: int) -> PackedBatch:
        return self.stream.batch(index)
