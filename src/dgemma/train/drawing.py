"""What the steps of a run are taken on, made ahead of them where other processes have the time.

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

Made = TypeVar("Made")


@dataclass(frozen=True)
class DrawnBatches:
    """`batches(step)` -> what a step is taken on: its batch, and all that chance decides of it, by `seed`."""

    stream: BatchStream
    config: ModelConfig
    objective: ObjectiveRecipe
    seed: int
    fixed: bool

    def __call__(self, step: int) -> Drawn:
        """On the CPU."""
        batch = self.stream.batch(step)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        share = self.objective.causal_share
        if share and float(torch.rand((), generator=generator)) < share:
            batch = batch.without_canvases()
        return draw(batch, self.config, self.objective, generator, fixed=self.fixed)


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
