"""Products of one or few float32 rows with int8 and int4 weights, the routed experts of one row, and GeGLU.

Shapes: N rows, I inputs, O outputs; D hidden, E experts, M expert width, k experts of a row.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.arithmetic import bytes_at, floats, geglu, integers, thread_range
from dgemma.ops.native.compiler import array_at, inlined, jitted_in_order, openmp_barrier, uint8_pointer
from dgemma.ops.native.dot_tiles import DOTS_INT8, dot_int4
from dgemma.quant import GROUP

_ZERO, _EIGHT = np.float32(0.0), np.float32(8.0)


# One row of a weight times float32 values, for each weight format. They take the addresses of values, weights and
# scales, the row, and the number of inputs.
@inlined
def _dot_row_int8(values: Any, weights: Any, scales: Any, row: Any, size: Any) -> Any:
    row_values, weight, total = floats(values, size), bytes_at(weights + row * size, size), _ZERO
    for at in range(size):
        total += row_values[at] * np.float32(weight[at])
    return total * floats(scales + 4 * row, 1)[0]


@inlined
def _dot_row_int4(values: Any, weights: Any, scales: Any, row: Any, size: Any) -> Any:
    """In each group of values the even inputs come before the odd ones."""
    groups = size // GROUP
    return dot_int4(values, weights + row * (size // 2), scales + 4 * row * groups, groups)


_one_dot, _two_dots, _three_dots, _four_dots = DOTS_INT8
# Rows that share the conversion of weights, and outputs whose weights stay in the cache for all rows.
_ROWS_AT_ONCE, _OUTPUTS_AT_ONCE = len(DOTS_INT8), 32


@jitted_in_order
def _dots_int8(rows: Any, *args: Any) -> None:
    """The dot products of one to four rows of values with a row of weights."""
    if rows == 1:
        _one_dot(*args)
    elif rows == 2:
        _two_dots(*args)
    elif rows == 3:
        _three_dots(*args)
    else:
        _four_dots(*args)


@inlined
def _experts(arguments: Any, dot_row: Any, is_int4: Any) -> None:
    """The routed experts of one row: hidden_D, weights_k, ids_k (int64), gate_up_E2MD and its scale, down_EDM and its
    scale, out_D, inner_kM (workspace), then k, D, M."""
    args = array_at(arguments, 12)
    top_k, size, width = args[9], args[10], args[11]
    weights, ids = floats(args[1], top_k), integers(args[2], top_k)
    inner, out = floats(args[8], top_k * width), floats(args[7], size)
    first, last = thread_range(top_k * width)
    for at in range(first, last):
        row = ids[at // width] * 2 * width + at % width
        gate = dot_row(args[0], args[3], args[4], row, size)
        target = at // GROUP * GROUP + at % 2 * (GROUP // 2) + at % GROUP // 2 if is_int4 else at
        inner[target] = geglu(gate, dot_row(args[0], args[3], args[4], row + width, size))
    openmp_barrier()
    first, last = thread_range(size)
    for at in range(first, last):
        total = _ZERO
        for slot in range(top_k):
            slot_inner, row = args[8] + 4 * slot * width, ids[slot] * size + at
            total += weights[slot] * dot_row(slot_inner, args[5], args[6], row, width)
        out[at] = total


def product_int8(arguments: Any) -> None:
    """out_NO = hidden_NI @ weight_OI: hidden_NI, weight_OI (int8), its scale, out_NO and its stride, then N, O, I."""
    args = array_at(arguments, 8)
    out_stride, rows, outputs, size = args[4], args[5], args[6], args[7]
    scale, stride = floats(args[2], outputs), 4 * size
    first, last = thread_range(outputs)
    for start in range(first, last, _OUTPUTS_AT_ONCE):
        end = min(last, start + _OUTPUTS_AT_ONCE)
        for row in range(0, rows, _ROWS_AT_ONCE):
            count = min(_ROWS_AT_ONCE, rows - row)
            values, out = args[0] + row * stride, args[3] + row * out_stride
            for at in range(start, end):
                _dots_int8(count, values, stride, args[1] + at * size, size, scale[at], out + 4 * at, out_stride)


def product_int4(arguments: Any) -> None:
    """`product_int8` with an int4 weight; in each group of hidden_NI the even inputs come before the odd ones."""
    args = array_at(arguments, 8)
    out_stride, rows, outputs, size = args[4], args[5], args[6], args[7]
    first, last = thread_range(outputs)
    for at in range(first, last):
        for row in range(rows):
            out = floats(args[3] + row * out_stride, outputs)
            out[at] = _dot_row_int4(args[0] + 4 * row * size, args[1], args[2], at, size)


def experts_int8(arguments: Any) -> None:
    """`_experts` with int8 weights."""
    _experts(arguments, _dot_row_int8, False)


def experts_int4(arguments: Any) -> None:
    """`_experts` with int4 weights, hidden_D as for `product_int4`."""
    _experts(arguments, _dot_row_int4, True)


def dequantise_int4(arguments: Any) -> None:
    """Dequantises an int4 weight to float32: values, scale, out, then the number of groups."""
    args = array_at(arguments, 4)
    first, last = thread_range(args[3])
    scale = floats(args[1], args[3])
    for group in range(first, last):
        packed = array_at(uint8_pointer(args[0] + group * (GROUP // 2)), GROUP // 2)
        out, group_scale = floats(args[2] + 4 * group * GROUP, GROUP), scale[group]
        for at in range(GROUP // 2):
            byte = np.int32(packed[at])
            out[2 * at] = group_scale * (np.float32(byte & np.int32(15)) - _EIGHT)
            out[2 * at + 1] = group_scale * (np.float32(byte >> np.int32(4)) - _EIGHT)


def gated(arguments: Any) -> None:
    """out_NM = gelu(gate_NM) * up_NM in float32, for gate and up side by side: gate_up_N2M, out, then N, M."""
    args = array_at(arguments, 4)
    rows, width = args[2], args[3]
    first, last = thread_range(rows)
    for row in range(first, last):
        gate = floats(args[0] + 8 * row * width, width)
        up = floats(args[0] + 8 * row * width + 4 * width, width)
        out = floats(args[1] + 4 * row * width, width)
        for at in range(width):
            out[at] = geglu(gate[at], up[at])


KERNELS = (product_int8, product_int4, experts_int8, experts_int4, dequantise_int4, gated)
