"""Products of one row, which memory's speed decides: the weights are read where they lie, by all threads, once.

Shapes: I inputs, O outputs; D hidden, E experts, M expert width, k experts of the row.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dgemma.ops.native import kernels
from dgemma.ops.native.machine import run


def multiply(hidden: Tensor, weights: Sequence[Tensor], scales: Sequence[Tensor | None]) -> Tensor:
    """One row [.., I] times several weights [O, I] -> [.., sum of O], their outputs side by side.

    Weights are contiguous, float32 or int8 with a scale [O]; hidden states are float32.
    """
    hidden = hidden.contiguous()
    out = hidden.new_empty(*hidden.shape[:-1], sum(len(weight) for weight in weights))
    address = out.data_ptr()
    for weight, scale in zip(weights, scales, strict=True):
        if scale is None:
            run(kernels.product, hidden, weight, address, *weight.shape)
        else:
            run(kernels.product_int8, hidden, weight, address, *weight.shape, scale)
        address += len(weight) * out.element_size()
    return out


def experts(
    hidden_1D: Tensor,
    weights_1k: Tensor,
    ids_1k: Tensor,
    gate_up_E2MD: Tensor,
    down_EDM: Tensor,
    scales: Sequence[Tensor] = (),
) -> Tensor:
    """`reference.experts` of one row -> [1, D]; int8 weights have `scales` [E, 2 M] and [E, D]."""
    size, width, top_k = *down_EDM.shape[1:], ids_1k.shape[1]
    out_1D, inner_kM = torch.empty_like(hidden_1D), hidden_1D.new_empty(top_k, width)
    tensors = (hidden_1D.contiguous(), weights_1k.float(), ids_1k, gate_up_E2MD, down_EDM, out_1D, inner_kM)
    run(kernels.experts_int8 if scales else kernels.experts, *tensors, top_k, size, width, *scales)
    return out_1D
