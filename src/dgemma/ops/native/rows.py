"""What the fused layers are told of the texts in a pass.

Shapes: N rows, D hidden, K key heads, S slots, d head dim.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from dgemma.ops.native.sizes import KIND, ROW


@dataclass(frozen=True, kw_only=True)
class TextRows:
    """The rows of one text in a pass, and its cache.

    embedded     float32, the rows' embeddings; the first `clean` are those of clean tokens, the others of a canvas
    positions    where they stand in the text, ascending
    start, end   where the canvas begins and ends
    keys, values of each layer [1, K, S, d], a position's in the slot of its number, on layers with a window of its
                 number less `first_held`
    soft         what was expected of the rows, where all are of a canvas
    """

    embedded: Tensor
    positions: Sequence[int]
    clean: int
    start: int
    end: int
    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    soft: Tensor | None = None
    first_held: int = 0

    @property
    def reach(self) -> int:
        """One past the farthest position that is written or seen."""
        return max(self.end, self.positions[-1] + 1)

    def told(self, number: int) -> np.ndarray:
        """What `sizes.ROW` names of each row, of the text of that number."""
        told, clean = np.empty((len(self.positions), len(ROW)), dtype=np.int64), self.clean
        told[:, ROW.position] = self.positions
        told[:, ROW.text] = number
        if clean:
            told[:clean, ROW.begin] = told[:clean, ROW.position]
            told[:clean, ROW.behind] = told[:clean, ROW.position] + 1
            told[:clean, ROW.kind] = KIND.clean
        if clean < len(told):
            kind = KIND.canvas if self.soft is None else KIND.conditioned
            told[clean:, ROW.begin : ROW.kind + 1] = (self.start, self.end, kind)
        return told
