"""The routed experts of one layer, and the choice of how to run them.

    training, or float weights on a GPU   plain PyTorch, or grouped products (`ops.cuda`)
    few small experts                     every expert on every row: two matrix products
    on a CPU                              each expert on the rows routed to it, weights laid out once
    int8 and int4 weights on a CPU        compiled integer kernels (`ops.native`)
    fp8 weights on a GPU                  grouped fp8 products (`ops.cuda`)

`reference.experts` is the oracle of all of them. Knows nothing of routers or layers.

Shapes: N rows, D hidden, E experts, M expert width, k experts of a row, P = N * k pairs of a row and an expert.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma.ops import cuda, native, reference
from dgemma.ops.linear import (
    PANEL_TYPES,
    Matrix,
    PanelProduct,
    WeightCache,
    compiled_products,
    compiled_rows,
    laid_out,
    matrix,
    needs_gradient,
    panels,
)
from dgemma.quant import dequantise, is_quantised

_FEW = 8
_FEW_UP_TO_ENTRIES = 1 << 21


def are_few(gate_up_E2MD: Tensor) -> bool:
    """Whether a layer's experts are few and small."""
    return len(gate_up_E2MD) <= _FEW and gate_up_E2MD.numel() <= _FEW_UP_TO_ENTRIES


def runs_all(gate_up_E2MD: Tensor) -> bool:
    """Whether every expert is run on every row instead of on the rows routed to it: few small float experts, because
    this takes fewer calls."""
    return are_few(gate_up_E2MD) and not is_quantised(gate_up_E2MD)


def multiplies_bfloat16(gate_up_E2MD: Tensor) -> bool:
    """Whether a float32 network with these experts can keep its matrices in bfloat16 on this machine: its kernels read
    panels in either type. Networks with few small experts are laid out in another way."""
    return not runs_all(gate_up_E2MD) and native.load_for("panels", gate_up_E2MD.numel()) is not None


class ExpertDispatch:
    """Runs a layer's experts in the fastest way that its weights and the machine allow; keeps the laid out weights."""

    def __init__(self) -> None:
        self._routed, self._dense = WeightCache(), WeightCache()

    def __call__(
        self,
        hidden_ND: Tensor,
        weights_Nk: Tensor,
        ids_Nk: Tensor,
        gate_up_E2MD: Tensor,
        down_EDM: Tensor,
        scales: Sequence[Tensor] = (),
    ) -> Tensor:
        """The sum of each row's experts, weighted by `weights_Nk` -> [N, D]. `scales` are those of both weights where
        these are quantised (`dgemma.quant`)."""
        gate_up, down = gate_up_E2MD, down_EDM
        rows = (hidden_ND, weights_Nk, ids_Nk)
        if is_quantised(gate_up) and cuda.never_synchronises(gate_up):
            return cuda.experts(*rows, gate_up, down, scales=scales)
        if runs_all(gate_up):
            if not laid_out(gate_up):
                return reference.experts_dense(*rows, gate_up, down)
            inward, outward = self._dense.get((gate_up, down), partial(_side_by_side, gate_up, down))
            return experts_dense(*rows, inward, outward, len(gate_up))
        if laid_out(gate_up):
            return self._lay_out(gate_up, down, scales, hidden_ND.dtype)(*rows)
        run = cuda.experts if hidden_ND.is_cuda and not gate_up.requires_grad else reference.experts
        return run(*rows, gate_up, down)

    def panels(
        self, gate_up_E2MD: Tensor, down_EDM: Tensor, scales: Sequence[Tensor], rows: torch.dtype
    ) -> tuple[Any, Any]:
        """Both weights laid out for compiled kernels (`ops.native.panels.Panels`) and rows of this type; None for what
        cannot be."""
        return self._lay_out(gate_up_E2MD, down_EDM, scales, rows).panels or (None, None)

    def _lay_out(self, gate_up: Tensor, down: Tensor, scales: Sequence[Tensor], dtype: torch.dtype) -> "RoutedExperts":
        make = partial(RoutedExperts, gate_up, down, tuple(scales) or (None, None), dtype=dtype)
        return self._routed.get([gate_up, down, *scales], make, dtype)


class RoutedExperts:
    """Routed experts on a CPU, their weights laid out.

    Called with (hidden [N, D], weights [N, k], expert ids [N, k]) -> [N, D].

    gate_up_E2MD, down_EDM   float or quantised weights, gate first; `scales` are those of quantised ones
    dtype                    of the rows, which may differ from that of the weights
    """

    def __init__(
        self,
        gate_up_E2MD: Tensor,
        down_EDM: Tensor,
        scales: Sequence[Tensor | None] = (None, None),
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._weights, self._scales = (gate_up_E2MD, down_EDM), [scale for scale in scales if scale is not None]
        self._one_row_kernels = compiled_products(self._weights, self._scales) if self._scales else None
        self._integer_kernels = compiled_rows(self._weights, self._scales) if self._scales else None
        by_panels = not self._scales and dtype in PANEL_TYPES
        self.panels = _panels_of(gate_up_E2MD, down_EDM, dtype) if by_panels else None
        kernels = None if self.panels is None else native.load("panels", wait=True)
        self._gated: Matrix = _gated if kernels is None else kernels.gated
        if self.panels is not None:
            self._gate_up, self._down = (
                [PanelProduct(packed.of_expert(number), [weight]) for number, weight in enumerate(weights)]
                for packed, weights in zip(self.panels, self._weights, strict=True)
            )
        elif self._integer_kernels is None:
            self._gate_up, self._down = _matrices(gate_up_E2MD, scales[0]), _matrices(down_EDM, scales[1])

    def __call__(self, hidden_ND: Tensor, weights_Nk: Tensor, ids_Nk: Tensor) -> Tensor:
        if not len(ids_Nk):
            return torch.zeros_like(hidden_ND)
        integers = self._integer_kernels
        if integers is not None and needs_gradient(hidden_ND):
            pairs = zip(self._weights, self._scales, strict=True)
            floats = (dequantise(*pair, hidden_ND.dtype) for pair in pairs)
            return reference.experts(hidden_ND, weights_Nk, ids_Nk, *floats)
        one_row = self._one_row_kernels if hidden_ND.dtype == torch.float32 and len(ids_Nk) == 1 else None
        if one_row is not None:
            return one_row.experts(hidden_ND, weights_Nk, ids_Nk, *self._weights, self._scales)
        if integers is not None:
            found_ND = integers.experts(hidden_ND.float(), weights_Nk, ids_Nk, *self._weights, self._scales)
            return found_ND.to(hidden_ND.dtype)
        if len(ids_Nk) == 1:
            return self._one_row(hidden_ND, weights_Nk, ids_Nk)
        plain = hidden_ND.dtype != torch.float32 or needs_gradient(hidden_ND)
        return self._rows(hidden_ND, weights_Nk, ids_Nk, _gated if plain else self._gated)

    def _one_row(self, hidden_1D: Tensor, weights_1k: Tensor, ids_1k: Tensor) -> Tensor:
        """One row: nothing to sort and nothing to put back."""
        chosen = ids_1k[0].tolist()
        out_kD = torch.cat([self._down[one](_gated(self._gate_up[one](hidden_1D))) for one in chosen])
        return weights_1k.to(out_kD.dtype) @ out_kD

    def _rows(self, hidden_ND: Tensor, weights_Nk: Tensor, ids_Nk: Tensor, gated: Matrix) -> Tensor:
        """One expert after another, each on its rows from gathering to the way back, so that they stay in cache."""
        rows, top_k = ids_Nk.shape
        order_P = ids_Nk.flatten().argsort(stable=True)
        counts = ids_Nk.flatten().bincount(minlength=len(self._gate_up)).tolist()
        row_P = order_P // top_k
        out_PD = hidden_ND.new_empty(rows * top_k, hidden_ND.shape[1])
        start = 0
        for expert, count in enumerate(counts):
            if count:
                stop = start + count
                # index_select copies whole rows, several times faster than indexing.
                inner = self._gate_up[expert](hidden_ND.index_select(0, row_P[start:stop]))
                out_PD[start:stop] = self._down[expert](gated(inner))
                start = stop
        back_P = torch.empty_like(order_P).scatter_(0, order_P, torch.arange(len(order_P), device=order_P.device))
        return F.embedding_bag(
            back_P.view(rows, top_k), out_PD, mode="sum", per_sample_weights=weights_Nk.to(out_PD.dtype)
        )


def experts_dense(
    hidden_ND: Tensor, weights_Nk: Tensor, ids_Nk: Tensor, gate_up: Matrix, down: Matrix, num_experts: int
) -> Tensor:
    """`reference.experts_dense` with the experts' matrices laid out side by side: `down` is [D, E M]."""
    spread_NE = hidden_ND.new_zeros(len(hidden_ND), num_experts).scatter_(1, ids_Nk, weights_Nk)
    gate_up_N = gate_up(hidden_ND).unflatten(-1, (num_experts, 2, -1))
    inner_NEM = F.gelu(gate_up_N[:, :, 0], approximate="tanh").mul_(gate_up_N[:, :, 1]).mul_(spread_NE[:, :, None])
    return down(inner_NEM.flatten(1))


def _side_by_side(gate_up_E2MD: Tensor, down_EDM: Tensor) -> tuple[Matrix, Matrix]:
    """The products with all experts' weights at once."""
    return matrix(gate_up_E2MD.flatten(0, 1)), matrix(down_EDM.transpose(0, 1).flatten(1).contiguous())


def _panels_of(gate_up_E2MD: Tensor, down_EDM: Tensor, rows: torch.dtype) -> tuple[Any, Any] | None:
    found = panels([gate_up_E2MD], rows=rows), panels([down_EDM], rows=rows)
    return None if any(weight is None for weight in found) else found


def _matrices(weight_EOI: Tensor, scale: Tensor | None) -> list[Matrix]:
    """The product with each expert's weight."""
    scales = [None] * len(weight_EOI) if scale is None else scale
    return [matrix(*pair) for pair in zip(weight_EOI, scales, strict=True)]


def _gated(gate_and_up: Tensor) -> Tensor:
    gate, up = gate_and_up.chunk(2, dim=-1)
    return F.gelu(gate, approximate="tanh").mul_(up)
