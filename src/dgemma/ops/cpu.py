"""Faster twins of `ops.reference` on a CPU. Shapes as there; P = N * k pairs of a row and one of its experts."""

from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma.ops import native
from dgemma.ops.linear import Matrix, is_compiled_kind

OneRow = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(hidden [1, D], weights [1, k], expert ids [1, k]) -> [1, D]."""


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
    inverse_root_size, root_eps = _constants(hidden.shape[-1], eps)
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


@cache
def _constants(size: int, eps: float) -> tuple[Tensor, Tensor]:
    """As tensors: a number would be made into one at every call."""
    return torch.tensor(size).rsqrt(), torch.tensor(eps).sqrt()


def compiled_experts(gate_up_E2MD: Tensor, down_EDM: Tensor, scales: Sequence[Tensor | None]) -> OneRow | None:
    """The compiled experts of one row over these weights, where they can be had."""
    compiled = native.load("products") if is_compiled_kind(gate_up_E2MD, scales[0]) else None
    if compiled is None or not (gate_up_E2MD.is_contiguous() and down_EDM.is_contiguous()):
        return None
    known = [scale for scale in scales if scale is not None]
    return lambda hidden_1D, weights_1k, ids_1k: compiled.experts(
        hidden_1D, weights_1k, ids_1k, gate_up_E2MD, down_EDM, known
    )


def experts(
    hidden_ND: Tensor,
    weights_Nk: Tensor,
    ids_Nk: Tensor,
    gate_up: Sequence[Matrix],
    down: Sequence[Matrix],
    one_row: OneRow | None = None,
) -> Tensor:
    """Routed experts, one after another, each on its rows from gathering to the way back, so that they stay in cache.

    `gate_up[e]` gives gate and up side by side, `down[e]` leads back to D; `one_row` takes a single float32 row.
    """
    rows, top_k = ids_Nk.shape
    if rows == 1 and one_row is not None and hidden_ND.dtype == torch.float32:
        return one_row(hidden_ND, weights_Nk, ids_Nk)
    if rows == 1:
        return _experts_of_one_row(hidden_ND, weights_Nk, ids_Nk, gate_up, down)
    order_P = ids_Nk.flatten().argsort(stable=True)
    counts = ids_Nk.flatten().bincount(minlength=len(gate_up)).tolist()
    row_P = order_P // top_k
    out_PD = hidden_ND.new_empty(rows * top_k, hidden_ND.shape[1])
    start = 0
    for expert, count in enumerate(counts):
        if count:
            stop = start + count
            # index_select copies whole rows, several times faster than indexing.
            hidden = hidden_ND.index_select(0, row_P[start:stop])
            out_PD[start:stop] = down[expert](_gated(gate_up[expert](hidden)))
            start = stop
    back_P = torch.empty_like(order_P).scatter_(0, order_P, torch.arange(len(order_P), device=order_P.device))
    return F.embedding_bag(back_P.view(rows, top_k), out_PD, mode="sum", per_sample_weights=weights_Nk.to(out_PD.dtype))


def experts_dense(
    hidden_ND: Tensor, weights_Nk: Tensor, ids_Nk: Tensor, gate_up: Matrix, down: Matrix, num_experts: int
) -> Tensor:
    """`reference.experts_dense` with the experts' matrices laid out side by side: `down` is [D, E M]."""
    spread_NE = hidden_ND.new_zeros(len(hidden_ND), num_experts).scatter_(1, ids_Nk, weights_Nk)
    gate_up_N = gate_up(hidden_ND).unflatten(-1, (num_experts, 2, -1))
    inner_NEM = F.gelu(gate_up_N[:, :, 0], approximate="tanh").mul_(gate_up_N[:, :, 1]).mul_(spread_NE[:, :, None])
    return down(inner_NEM.flatten(1))


def _experts_of_one_row(
    hidden_1D: Tensor, weights_1k: Tensor, ids_1k: Tensor, gate_up: Sequence[Matrix], down: Sequence[Matrix]
) -> Tensor:
    """Nothing to sort and nothing to put back."""
    out_kD = torch.cat([down[expert](_gated(gate_up[expert](hidden_1D))) for expert in ids_1k[0].tolist()])
    return weights_1k.to(out_kD.dtype) @ out_kD


def _gated(gate_and_up: Tensor) -> Tensor:
    gate, up = gate_and_up.chunk(2, dim=-1)
    return F.gelu(gate, approximate="tanh").mul_(up)
