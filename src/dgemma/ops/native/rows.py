"""What the fused layers are told of the texts in a pass.

Shapes: N rows, D hidden, K key heads, S slots, d head dim.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from dgemma.ops.native.sizes import KIND, ROW


class TextRows(NamedTuple):
    """The rows of one text in a pass, and its cache. One is made for every pass, and a tuple is made at once.

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

    def tell(self, told: np.ndarray, number: int) -> None:
        """Fills in what `sizes.ROW` names of each row, of the text of that number; all is zero before."""
        clean, positions = self.clean, self.positions
        if len(told) == clean == 1:
            position = positions[0]
            told[0] = (position, position, position + 1, KIND.clean, number)
            return
        if isinstance(positions, range):
            positions = np.arange(positions.start, positions.stop)
        told[:, ROW.position] = positions
        if number:
            told[:, ROW.text] = number
        if clean:
            # Of their kind, which is zero.
            told[:clean, ROW.begin] = positions[:clean]
            told[:clean, ROW.behind] = positions[:clean]
            told[:clean, ROW.behind] += 1
        if clean < len(told):
            kind = KIND.canvas if self.soft is None else KIND.conditioned
            told[clean:, ROW.begin : ROW.kind + 1] = (self.start, self.end, kind)
