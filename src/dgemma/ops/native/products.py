"""Products of one or few rows with int8 and int4 weights, and the routed experts of one row; rows stay float32.

A single row is bound by memory bandwidth: weights are read in place, once, by all threads. Few rows share the reading.
Many are multiplied faster in integers (`quantised.py`), which rounds them.

Shapes: N rows, I inputs, O outputs; D hidden, E experts, M expert width, k experts of a row.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dgemma.ops.native.machine import run
from dgemma.quant import GROUP

_SUFFIXES = {torch.int8: "_int8", torch.uint8: "_int4"}


def multiply(hidden: Tensor, weights: Sequence[Tensor], scales: Sequence[Tensor]) -> Tensor:
    """Rows [.., I] times several weights [O, I] -> [.., sum of O], their outputs side by side.

    Weights are contiguous, all of one format, with their scales (`dgemma.quant`); hidden states and products are
    float32. A row's result is bit for bit the same whatever other rows are multiplied with it.
    """
    *leading, size = hidden.shape
    # `len` of a tensor takes five times as long as its shape.
    outputs = [weight.shape[0] for weight in weights]
    out = hidden.new_empty(*leading, sum(outputs))
    count = hidden.numel() // size if size else 0
    rows, address, stride = _reordered(hidden, weights[0]), out.data_ptr(), 4 * sum(outputs)
    for weight, scale, width in zip(weights, scales, outputs, strict=True):
        run("product" + _SUFFIXES[weight.dtype], rows, weight, scale, address, stride, count, width, size)
        address += 4 * width
    return out


def experts(
    hidden_1D: Tensor,
    weights_1k: Tensor,
    ids_1k: Tensor,
    gate_up_E2MD: Tensor,
    down_EDM: Tensor,
    scales: Sequence[Tensor],
) -> Tensor:
    """`reference.experts` of one row -> [1, D], for int8 or int4 weights with the `scales` of both."""
    size, top_k = hidden_1D.shape[1], ids_1k.shape[1]
    width = gate_up_E2MD.shape[1] // 2
    weights_1k, ids_1k = weights_1k.float().contiguous(), ids_1k.contiguous()
    out_1D, inner_kM = torch.empty_like(hidden_1D), hidden_1D.new_empty(top_k, width)
    gate_up_scale, down_scale = scales
    weights = (gate_up_E2MD, gate_up_scale, down_EDM, down_scale)
    sizes = (top_k, size, width)
    run(
        "experts" + _SUFFIXES[gate_up_E2MD.dtype],
        _reordered(hidden_1D, gate_up_E2MD),
        weights_1k,
        ids_1k,
        *weights,
        out_1D,
        inner_kM,
        *sizes,
    )
    return out_1D


def _reordered(hidden: Tensor, weight: Tensor) -> Tensor:
    """One row in the order of a weight's inputs: for int4, the even inputs of each group before the odd ones."""
    if weight.dtype != torch.uint8:
        return hidden.contiguous()
    return hidden.reshape(-1, GROUP // 2, 2).transpose(1, 2).contiguous()


def dequantise_int4(values: Tensor, scale: Tensor) -> Tensor:
    """`quant.dequantise` of contiguous int4 values [.., O, I / 2] with their scales -> float32 [.., O, I]."""
    out = torch.empty(*values.shape[:-1], 2 * values.shape[-1])
    run("dequantise_int4", values, scale, out, scale.numel())
    return out
