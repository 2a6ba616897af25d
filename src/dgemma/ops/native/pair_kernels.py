"""Gathering, gating and combining of routed experts, over pairs of a row and one of its experts, sorted by expert.

Arguments are addresses, sizes and strides (in bytes). The work is split over threads by pairs or by rows.

Shapes: M expert width, k experts of a row.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.arithmetic import floats, geglu, integers, thread_range
from dgemma.ops.native.compiler import jitted
from dgemma.ops.native.panel_kernels import bfloat16_row_bytes, round_row

_ZERO = np.float32(0.0)


@jitted
def gather_floats(pairs: Any, row_of_pair: Any, source: Any, stride: Any, target: Any, size: Any) -> None:
    """Copies each pair's row of `size` floats (or pairs of bfloat16 numbers)."""
    rows = integers(row_of_pair, pairs)
    first, last = thread_range(pairs)
    for pair in range(first, last):
        row, out = floats(source + rows[pair] * stride, size), floats(target + 4 * pair * size, size)
        for at in range(size):
            out[at] = row[at]


@jitted
def gate_pairs(pairs: Any, inner: Any, stride: Any, width: Any) -> None:
    """gelu(gate) * up of each pair's [2 M] floats, in the place of its gate."""
    first, last = thread_range(pairs)
    for pair in range(first, last):
        gate, up = floats(inner + pair * stride, width), floats(inner + pair * stride + 4 * width, width)
        for at in range(width):
            gate[at] = geglu(gate[at], up[at])


@jitted
def round_pairs(pairs: Any, source: Any, stride: Any, values: Any, size: Any) -> None:
    """`round_row` of each pair's row at `source`."""
    first, last = thread_range(pairs)
    for pair in range(first, last):
        round_row(source + pair * stride, values + pair * bfloat16_row_bytes(size), size)


@jitted
def combine_experts(
    rows: Any,
    top_k: Any,
    pair_of_slot: Any,
    weights: Any,
    expert_out: Any,
    stride: Any,
    out: Any,
    out_stride: Any,
    size: Any,
) -> None:
    """Each row's weighted sum of its experts' outputs; `pair_of_slot` has the pairs of a row's k experts."""
    first, last = thread_range(rows)
    for row in range(first, last):
        total, row_weights = floats(out + row * out_stride, size), floats(weights + 4 * row * top_k, top_k)
        row_pairs = integers(pair_of_slot + 8 * row * top_k, top_k)
        for at in range(size):
            total[at] = _ZERO
        for slot in range(top_k):
            weight, pair_out = row_weights[slot], floats(expert_out + row_pairs[slot] * stride, size)
            for at in range(size):
                total[at] += weight * pair_out[at]
