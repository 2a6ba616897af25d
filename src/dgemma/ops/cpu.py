"""Faster twins of `ops.reference` on a CPU. Shapes as there; P = N * k pairs of a row and one of its experts."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma.ops import native, reference
from dgemma.ops.linear import Matrix, PanelProduct, compiled_products, compiled_rows, matrix, needs_gradient, panels
from dgemma.quant import dequantise


def rms_norms(hidden: Tensor, weights: Sequence[Tensor | None], eps: float) -> tuple[Tensor, ...]:
    """`reference.rms_norms` for float32: one length for all weights, and four short calls where torch's own takes ten.

    x / hypot(|x| / sqrt(D), sqrt(eps)) is x / sqrt(mean(x^2) + eps).
    """
    length = _length(hidden, eps)
    if len(weights) == 1:
        weight = weights[0]
        return (hidden / length if weight is None else (hidden * weight).div_(length),)
    unit = hidden / length
    return tuple(unit if weight is None else unit * weight for weight in weights)


def _length(hidden: Tensor, eps: float) -> Tensor:
    # torch's compiler looks through a cache, and warns of it.
    constants = _constants if torch.compiler.is_compiling() else _kept_constants
    inverse_root_size, root_eps = constants(hidden.shape[-1], eps)
    return torch.hypot(torch.linalg.vector_norm(hidden, 2, -1, True).mul_(inverse_root_size), root_eps)


def add_normed(residual: Tensor, hidden: Tensor, weight: Tensor, eps: float) -> Tensor:
    """`residual + rms_norm(hidden, weight, eps)` with one call less."""
    return torch.addcdiv(residual, hidden * weight, _length(hidden, eps))


def heads(joined_BTnd: Tensor, weights_nd: Tensor, cos: Tensor, sin: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """One norm and one rotation for the heads of queries, keys and values -> (all of them normed without weight
    [B, T, n, d], the first of them, as many as there are weights, with it and rotated [B, heads, T, d])."""
    unit_BTnd = joined_BTnd / _length(joined_BTnd, eps)
    turned = (unit_BTnd[:, :, : len(weights_nd)] * weights_nd).transpose(1, 2)
    return unit_BTnd, torch.addcmul(turned * cos, turned.roll(turned.shape[-1] // 2, -1), sin)


def route(normed_ND: Tensor, weight_ED: Tensor, per_expert_scale_E: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """`reference.route` with the inputs' scale multiplied into the weight.

    The softmax over the best alone is that over all, renormalised.
    """
    top_logits, top_ids = F.linear(normed_ND, weight_ED).topk(top_k, dim=-1)
    return top_logits.softmax(-1).mul_(per_expert_scale_E[top_ids]), top_ids


def _constants(size: int, eps: float) -> tuple[Tensor, Tensor]:
    """As tensors: a number would be made into one at every call."""
    return torch.tensor(size).rsqrt(), torch.tensor(eps).sqrt()


_kept_constants = cache(_constants)


class RoutedExperts:
    """Routed experts, their weights laid out: called with (hidden [N, D], weights [N, k], expert ids [N, k]) -> [N, D].

    gate_up_E2MD, down_EDM   float or quantised weights, gate first; `scales` are those of quantised ones
    dtype                    of the rows, which are not always of the weights' type
    """

    def __init__(
        self,
        gate_up_E2MD: Tensor,
        down_EDM: Tensor,
        scales: Sequence[Tensor | None] = (None, None),
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._weights, self._scales = (gate_up_E2MD, down_EDM), [scale for scale in scales if scale is not None]
        self._compiled = compiled_products(self._weights, self._scales) if self._scales else None
        self._compiled_rows = compiled_rows(self._weights, self._scales) if self._scales else None
        by_kernels = not self._scales and dtype == torch.float32
        self.panels = _panels_of(gate_up_E2MD, down_EDM) if by_kernels else None
        kernels = None if self.panels is None else native.load("panels", at_once=True)
        self._gated: Matrix = _gated if kernels is None else kernels.gated
        if self.panels is not None:
            self._gate_up, self._down = (
                [PanelProduct(laid_out.of_expert(number), [weight]) for number, weight in enumerate(weights)]
                for laid_out, weights in zip(self.panels, self._weights, strict=True)
            )
        elif self._compiled_rows is None:
            self._gate_up, self._down = _pieces(gate_up_E2MD, scales[0]), _pieces(down_EDM, scales[1])

    def __call__(self, hidden_ND: Tensor, weights_Nk: Tensor, ids_Nk: Tensor) -> Tensor:
        if not len(ids_Nk):
            return torch.zeros_like(hidden_ND)
        if self._compiled_rows is not None and needs_gradient(hidden_ND):
            pairs = zip(self._weights, self._scales, strict=True)
            return reference.experts(
                hidden_ND, weights_Nk, ids_Nk, *(dequantise(*pair, hidden_ND.dtype) for pair in pairs)
            )
        compiled = self._compiled if hidden_ND.dtype == torch.float32 else None
        if self._compiled_rows is not None and (compiled is None or len(ids_Nk) > 1):
            hidden = hidden_ND.float()
            return self._compiled_rows.experts(hidden, weights_Nk, ids_Nk, *self._weights, self._scales).to(
                hidden_ND.dtype
            )
        if len(ids_Nk) > 1:
            plain = hidden_ND.dtype != torch.float32 or needs_gradient(hidden_ND)
            return self._rows(hidden_ND, weights_Nk, ids_Nk, _gated if plain else self._gated)
        if compiled is not None:
            return compiled.experts(hidden_ND, weights_Nk, ids_Nk, *self._weights, self._scales)
        return self._one_row(hidden_ND, weights_Nk, ids_Nk)

    def _one_row(self, hidden_1D: Tensor, weights_1k: Tensor, ids_1k: Tensor) -> Tensor:
        """Nothing to sort and nothing to put back."""
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


def _panels_of(gate_up_E2MD: Tensor, down_EDM: Tensor) -> tuple[Any, Any] | None:
    found = panels([gate_up_E2MD]), panels([down_EDM])
    return None if any(laid_out is None for laid_out in found) else found


def _pieces(weight: Tensor, scale: Tensor | None) -> list[Matrix]:
    return [
        matrix(piece, part)
        for piece, part in zip(weight, [None] * len(weight) if scale is None else scale, strict=True)
    ]


def _gated(gate_and_up: Tensor) -> Tensor:
    gate, up = gate_and_up.chunk(2, dim=-1)
    return F.gelu(gate, approximate="tanh").mul_(up)
