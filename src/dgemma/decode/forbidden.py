"""Ids that may not be written, in the forms that logits and kernels take. Without probability they change samples,
entropies and expected embeddings too.

Shapes: B rows, L positions of each, V vocabulary.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Forbidden:
    """Ids without probability: `first` at position 0 of each row, `anywhere` at every position."""

    first: tuple[int, ...] = ()
    anywhere: tuple[int, ...] = ()

    @classmethod
    def of(cls, first: Iterable[int] = (), anywhere: Iterable[int] = ()) -> "Forbidden":
        """From any collections of ids."""
        return cls(tuple(first), tuple(anywhere))

    def mask(self, logits_BLV: Tensor) -> None:
        """Sets the logits [..., L, V] of these ids to -inf, in place."""
        if self.first:
            logits_BLV[..., 0, list(self.first)] = -torch.inf
        if self.anywhere:
            logits_BLV[..., list(self.anywhere)] = -torch.inf

    def first_pairs(self, batch: int, length: int) -> list[tuple[int, int]]:
        """(position, id) pairs of `first`; positions count through all rows, `batch` of `length` each."""
        return [(row * length, token) for row in range(batch) for token in self.first]

    def pairs(self, batch: int = 1, length: int = 1) -> list[tuple[int, int]]:
        """(position, id) pairs of all ids, as `first_pairs`; position -1 means every one."""
        return [*self.first_pairs(batch, length), *((-1, token) for token in self.anywhere)]
