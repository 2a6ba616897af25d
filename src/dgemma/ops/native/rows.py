"""The rows that a pass of the fused layers runs over, by text.

Shapes: N rows, D hidden, K key heads, S slots, d head dim.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from dgemma.ops.native.sizes import KIND, ROW


class TextRows(NamedTuple):
    """The rows of one text in a pass, and its KV cache. A named tuple, because one is made for every pass.

    embedded       the rows' embeddings; the first `clean` are clean tokens, the others canvas positions
    positions      the rows' positions in the text, ascending
    start, end     where the canvas begins and ends
    keys, values   for each layer [1, K, S, d]; a position's slot is its number, in sliding-window layers its number
                   minus `first_held`
    soft           the rows' expected embeddings for self-conditioning, if all rows are canvas positions
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
        """One past the last position that is written or attended to."""
        return max(self.end, self.positions[-1] + 1)

    def fill_rows(self, row_table: np.ndarray, text_number: int) -> None:
        """Fills in these rows of the row table (`sizes.ROW`), which is zero before."""
        clean, positions = self.clean, self.positions
        if len(row_table) == clean == 1:
            position = positions[0]
            row_table[0] = (position, position, position + 1, KIND.clean, text_number)
            return
        if isinstance(positions, range):
            positions = np.arange(positions.start, positions.stop)
        row_table[:, ROW.position] = positions
        if text_number:
            row_table[:, ROW.text] = text_number
        if clean:
            # Their kind is `KIND.clean`, which is zero.
            row_table[:clean, ROW.window_origin] = positions[:clean]
            row_table[:clean, ROW.key_end] = positions[:clean]
            row_table[:clean, ROW.key_end] += 1
        if clean < len(row_table):
            kind = KIND.canvas if self.soft is None else KIND.conditioned
            row_table[clean:, ROW.window_origin : ROW.kind + 1] = (self.start, self.end, kind)
