"""Batches with their random draws, one per training step, optionally prepared ahead by worker processes.

Knows nothing of weights.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from dgemma.config import ModelConfig
from dgemma.train.data import BatchStream
from dgemma.train.objective import Drawn, draw
from dgemma.train.recipe import ObjectiveRecipe

Item = TypeVar("Item")


@dataclass(frozen=True)
class DrawnBatches:
    """`batches(step)` -> the Drawn of that step: its batch with all random draws, determined by `seed`."""

    stream: BatchStream
    config: ModelConfig
    objective: ObjectiveRecipe
    seed: int
    fixed: bool

    def __call__(self, step: int) -> Drawn:
        """The Drawn of a step, on the CPU."""
        batch = self.stream.batch(step)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        share = self.objective.causal_share
        if share and float(torch.rand((), generator=generator)) < share:
            batch = batch.without_canvases()
        return draw(batch, self.config, self.objective, generator, fixed=self.fixed)


def prefetch(make: Callable[[int], Item], start: int, stop: int, workers: int = 0) -> Iterator[Item]:
    """Yields make(start) .. make(stop - 1) in order; with `workers` above 0, that many single-threaded processes make
    the items ahead of time."""
    loader = DataLoader(_MadeItems(make), batch_size=None, sampler=range(start, stop), num_workers=workers)
    return iter(loader)


class _MadeItems(Dataset[Any]):
    """The Dataset that DataLoader needs: item i is make(i)."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __getitem__(self, index: int) -> Any:
        return self.make(index)
