"""Reference operations in plain PyTorch: correct everywhere, seldom the fastest.

Shapes: B batch, T query tokens, S keys, D hidden, H query heads, K key heads, d head dim, N tokens of all rows,
E experts, M expert width. Nothing here mutates its arguments.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def rms_norm(hidden: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    """Root-mean-square norm over the last dimension, computed in float32; `weight` multiplies directly (no 1 + w)."""
    # torch's own: one call instead of six, with the same bits as x * (mean(x^2) + eps)^-0.5 * weight.
    if hidden.dtype == torch.float16:
        # Values beyond this type's range have become infinite, and the norm of a row with an infinity is nan.
        hidden = hidden.clamp(torch.finfo(torch.float16).min, torch.finfo(torch.float16).max)
    if weight is None or weight.dtype == hidden.dtype:
        return F.rms_norm(hidden, hidden.shape[-1:], weight, eps)
    return F.rms_norm(hidden.float(), hidden.shape[-1:], weight.float(), eps).to(hidden.dtype)


def rms_norms(hidden: Tensor, weights: Sequence[Tensor | None], eps: float) -> tuple[Tensor, ...]:
    """`rms_norm` of one input with each of the weights."""
    return tuple(rms_norm(hidden, weight, eps) for weight in weights)


def rotate(heads_BHTd: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding with split halves: dimension j is paired with j + d/2; cos and sin are from `rotary_tables`."""
    return heads_BHTd * cos + heads_BHTd.roll(heads_BHTd.shape[-1] // 2, -1) * sin


def rotary_frequencies(head_dim: int, theta: float, share: float, factor: float) -> Tensor:
    """Inverse frequencies [d/2], float32. With partial rotary (`share` below 1) exponents are still relative to the
    whole head, and the remaining frequencies are zero: these dimensions are not rotated."""
    rotated = int(share * head_dim // 2)
    exponents = torch.arange(0, 2 * rotated, 2, dtype=torch.float32) / head_dim
    frequencies = torch.zeros(head_dim // 2)
    frequencies[:rotated] = 1.0 / theta**exponents
    return frequencies / factor


def rotary_tables(angles: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(cos, sin) of the angles [.., d/2] for both halves [.., d], the sine of the first half negated."""
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((cos, cos), dim=-1).to(dtype), torch.cat((-sin, sin), dim=-1).to(dtype)


def attention(query_BHTd: Tensor, key_BKSd: Tensor, value_BKSd: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax attention with scale 1.0 and grouped queries -> [B, H, T, d].

    `mask` is boolean, True where a query attends to a key, [B or 1, 1, T or 1, S]; None means everywhere. The query
    heads that share a key head become additional query rows of that head, so K and V are not repeated.
    """
    batch, num_heads, length, head_dim = query_BHTd.shape
    num_key_heads = key_BKSd.shape[1]
    groups = num_heads // num_key_heads
    if groups > 1:
        query_BHTd = query_BHTd.reshape(batch, num_key_heads, groups * length, head_dim)
        if mask is not None and mask.shape[-2] > 1:
            mask = torch.cat([mask] * groups, dim=-2)
    attended = F.scaled_dot_product_attention(query_BHTd, key_BKSd, value_BKSd, attn_mask=mask, scale=1.0)
    return attended.reshape(batch, num_heads, length, head_dim)


def attention_by_products(query_BHTd: Tensor, key_BKSd: Tensor, value_BKSd: Tensor, mask: Tensor | None) -> Tensor:
    """`attention` as two products with a softmax between them, which keeps the scores in memory.

    Training on a CPU compiles this: with a sparse mask it takes half the time of the fused kernel.
    """
    batch, num_heads, length, head_dim = query_BHTd.shape
    num_key_heads = key_BKSd.shape[1]
    query = query_BHTd.reshape(batch, num_key_heads, num_heads // num_key_heads, length, head_dim)
    scores = (query @ key_BKSd[:, :, None].transpose(-1, -2)).float()
    if mask is not None:
        scores = scores.masked_fill(~mask[:, :, None], torch.finfo(torch.float32).min)
    attended = scores.softmax(-1).to(value_BKSd.dtype) @ value_BKSd[:, :, None]
    return attended.reshape(batch, num_heads, length, head_dim)


def route(
    normed_ND: Tensor, scale_D: Tensor, project: Callable[[Tensor], Tensor], per_expert_scale_E: Tensor, top_k: int
) -> tuple[Tensor, Tensor]:
    """The router -> (weights [N, k] in the dtype of the hidden states, expert ids [N, k]).

    Its input is normed without a weight; `project` maps [N, D] to [N, E]. Softmax in float32 over all experts, the k
    best renormalised to sum 1, then multiplied by the per-expert scale.
    """
    scaled_ND = normed_ND * scale_D * normed_ND.shape[-1] ** -0.5
    probabilities = project(scaled_ND).softmax(-1, dtype=torch.float32)
    top_weights, top_ids = probabilities.topk(top_k, dim=-1)
    top_weights = top_weights / top_weights.sum(-1, keepdim=True) * per_expert_scale_E[top_ids]
    return top_weights.to(normed_ND.dtype), top_ids


def experts(hidden_ND: Tensor, weights_Nk: Tensor, ids_Nk: Tensor, gate_up_E2MD: Tensor, down_EDM: Tensor) -> Tensor:
    """Routed experts: gathers each expert's rows, runs the expert, and adds its output with the routing weights."""
    output = torch.zeros_like(hidden_ND)
    for expert in ids_Nk.unique().tolist():
        row, slot = (ids_Nk == expert).nonzero(as_tuple=True)
        gate, up = F.linear(hidden_ND[row], gate_up_E2MD[expert]).chunk(2, dim=-1)
        out = F.linear(F.gelu(gate, approximate="tanh") * up, down_EDM[expert])
        output.index_add_(0, row, (out * weights_Nk[row, slot, None]).to(output.dtype))
    return output


def experts_dense(
    hidden_ND: Tensor, weights_Nk: Tensor, ids_Nk: Tensor, gate_up_E2MD: Tensor, down_EDM: Tensor
) -> Tensor:
    """The same result by running every expert on every row: two matrix products, no gathering.

    Pays off if experts are few and small (the embedded model, its training); the cost grows with E instead of k.
    """
    num_experts, double_width, _ = gate_up_E2MD.shape
    width = double_width // 2
    spread_NE = hidden_ND.new_zeros(hidden_ND.shape[0], num_experts).scatter(1, ids_Nk, weights_Nk)
    gate_up = F.linear(hidden_ND, gate_up_E2MD.flatten(0, 1)).unflatten(-1, (num_experts, 2, width))
    inner_NEM = (
        F.gelu(gate_up[:, :, 0], approximate="tanh") * gate_up[:, :, 1] * spread_NE[:, :, None].to(gate_up.dtype)
    )
    return F.linear(inner_NEM.flatten(1), down_EDM.transpose(0, 1).flatten(1)).to(hidden_ND.dtype)
