"""Products of hidden states with the tied embedding, a block of the vocabulary at a time.

On a CPU the embedding is laid out once for its products: as floats, which may be rounded to 24 bits, or as an int8 copy
where the layers hold int8 or int4 weights. Knows nothing of soft caps or sampling.

Shapes: D hidden, V vocabulary.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma.ops.linear import (
    PANEL_TYPES,
    Matrix,
    PanelProduct,
    QuantisedProduct,
    WeightCache,
    gains_by_int8,
    laid_out,
    matrix,
    panels,
    with_one_row,
)
from dgemma.quant import quantise

HEAD_BLOCK = 8192
"""Vocabulary entries in one product; readers that take as many at a time cause no copies. With 2,048 an int8 product
takes 1.04 times as long for 256 rows, 1.4 times for 8, as it looks at the rows anew for each."""


def is_int8(embedding_VD: Tensor, layer_weight: Tensor) -> bool:
    """Whether a network with such layer weights multiplies by an int8 copy of its embedding."""
    if layer_weight.device.type != "cpu":
        return False
    return layer_weight.dtype == torch.int8 or (layer_weight.dtype == torch.uint8 and gains_by_int8(embedding_VD))


class VocabularyProducts:
    """One network's products with its vocabulary. Every method takes the embedding [V, D] and one of the layers'
    weights, whose kind decides whether the products are int8."""

    def __init__(self) -> None:
        self._kept = WeightCache()

    def multiply(
        self,
        hidden: Tensor,
        embedding_VD: Tensor,
        layer_weight: Tensor,
        start: int = 0,
        stop: int | None = None,
        row_by_row: bool = False,
    ) -> Tensor:
        """Hidden states [.., D] times the embeddings of ids start .. stop -> float32 [.., stop - start].

        With `row_by_row` each row's products are bit for bit those of the row alone. Only for rows that `can_share`.
        """
        start, stop, _ = slice(start, stop).indices(len(embedding_VD))
        if not self._are_laid_out(embedding_VD, layer_weight):
            return F.linear(hidden, embedding_VD[start:stop]).float()
        if is_int8(embedding_VD, layer_weight):
            # These products compute in float32, and would round their result to the type of other rows.
            hidden = hidden.float()
        blocks = self._blocks(embedding_VD, layer_weight)
        first, last = start // HEAD_BLOCK, (stop - 1) // HEAD_BLOCK

        def part(number: int) -> Tensor:
            offset, block = number * HEAD_BLOCK, blocks[number]
            if isinstance(block, PanelProduct) and block.takes(hidden):
                # Not rounded to bfloat16, unlike the result of calling it.
                products = block.row_by_row(hidden)
            elif row_by_row and isinstance(block, QuantisedProduct):
                products = block.row_by_row(hidden)
            else:
                products = block(hidden)
            return products[..., max(start - offset, 0) : stop - offset].float()

        if first == last:
            return part(first)
        # Written in place: concatenating the blocks would hold the products twice.
        products, filled = hidden.new_empty(*hidden.shape[:-1], stop - start, dtype=torch.float32), 0
        for number in range(first, last + 1):
            block = part(number)
            products[..., filled : filled + block.shape[-1]] = block
            filled += block.shape[-1]
        return products

    def can_share(self, hidden: Tensor, embedding_VD: Tensor, layer_weight: Tensor) -> bool:
        """Whether the products of these hidden states are bit for bit the same when others are multiplied with them
        `row_by_row`: any rows if the embedding is float32 or bfloat16, a single one if it is int8."""
        if hidden.dtype not in PANEL_TYPES or not self._are_laid_out(embedding_VD, layer_weight):
            return False
        single = hidden.numel() == hidden.shape[-1]
        kind = QuantisedProduct if is_int8(embedding_VD, layer_weight) else PanelProduct
        blocks = self._blocks(embedding_VD, layer_weight)
        return (single or kind is PanelProduct) and all(isinstance(block, kind) for block in blocks)

    def _are_laid_out(self, embedding_VD: Tensor, layer_weight: Tensor) -> bool:
        is_float = laid_out(embedding_VD) and embedding_VD.dtype in PANEL_TYPES
        return is_float or is_int8(embedding_VD, layer_weight)

    def _blocks(self, embedding_VD: Tensor, layer_weight: Tensor) -> list[Matrix]:
        return self._kept.get((embedding_VD, layer_weight), partial(_lay_out, embedding_VD, layer_weight))


def _lay_out(embedding_VD: Tensor, layer_weight: Tensor) -> list[Matrix]:
    blocks = embedding_VD.split(HEAD_BLOCK)
    if not is_int8(embedding_VD, layer_weight):
        *whole, last = [matrix(block, may_round=True, rows=embedding_VD.dtype) for block in blocks]
        if whole and isinstance(whole[0], PanelProduct) and not isinstance(last, PanelProduct):
            # A short block is too small to gain, but PyTorch would round its logits alone to bfloat16.
            packed = panels([blocks[-1]], rows=embedding_VD.dtype)
            last = last if packed is None else PanelProduct(packed, [blocks[-1]], may_round=True)
        return [*whole, last]
    quantised = [quantise(rows, "int8") for rows in blocks]
    return [with_one_row(matrix(*pair), [pair[0]], [pair[1]]) for pair in quantised]
