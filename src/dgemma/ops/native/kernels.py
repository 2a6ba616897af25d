"""Kernels for products of one row, for reading a large vocabulary and for GeGLU, and the functions that all kernels
share.

A kernel takes the address of its arguments, an array of addresses and sizes (int64). Loops run from zero: LLVM then
knows that no index is negative, and vectorises them.

Shapes: N rows, W entries of a slab, U uniform numbers of a row, K best entries, Q candidates for them, F forbidden
entries; I inputs, O outputs; D hidden, E experts, M expert width, k experts of a row.
"""

from typing import Any

import numba
import numpy as np

from dgemma.ops.native import sizes
from dgemma.ops.native.compiler import (
    DOTS_INT8,
    array_at,
    dot_int4,
    float32_pointer,
    inlined,
    int8_pointer,
    int64_pointer,
    jitted_in_order,
    largest_at,
    openmp_barrier,
    power_of_two,
    thread_count,
    thread_number,
    uint8_pointer,
)
from dgemma.quant import GROUP

CHUNK, candidate_capacity = sizes.CHUNK, inlined(sizes.candidate_capacity)
_ZERO, _ONE, _EIGHT = np.float32(0.0), np.float32(1.0), np.float32(8.0)
# Entries further below the maximum have no weight; `exp` clamps its argument a little lower.
LEAST_EXPONENT = np.float32(-86.0)
IMPOSSIBLE = np.float32(sizes.IMPOSSIBLE)

# Entries that a draw sums at once, before it looks at single entries.
_DRAW_BLOCK = 64

_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
_LOG2_E, _HALF_UP, _BIAS = np.float32(1.4426950408889634), np.float32(127.5), np.float32(127.0)
# log(2) in two parts, the first exact when multiplied by a small whole number.
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_C2, _C3 = np.float32(0.5), np.float32(1.6666665459e-1)
_C4, _C5, _C6, _C7 = (np.float32(c) for c in (4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3, 1.9875691500e-4))

# gelu by tanh: x - x / (1 + exp(2 sqrt(2 / pi) (x + 0.044715 x^3))).
_GELU, _GELU_CUBE = np.float32(1.5957691216057308), np.float32(0.07135481627159897)


@inlined
def floats(address: Any, size: Any) -> Any:
    """The float32 numbers at an address, as an array."""
    return array_at(float32_pointer(address), size)


@inlined
def integers(address: Any, size: Any) -> Any:
    """The int64 numbers at an address, as an array."""
    return array_at(int64_pointer(address), size)


@inlined
def bytes_at(address: Any, size: Any) -> Any:
    """The int8 numbers at an address, as an array."""
    return array_at(int8_pointer(address), size)


@inlined
def thread_range(count: Any) -> Any:
    """This thread's range of `count` items: the first, and the end."""
    thread, threads = np.int64(thread_number()), np.int64(thread_count())
    return count * thread // threads, count * (thread + 1) // threads


# Reassociation would merge the two parts of log(2) again, so this keeps its own flags: LLVM inlines it, not numba.
@numba.njit(forceinline=True, fastmath={"contract", "nsz"})
def exp(x: Any) -> Any:
    """e^x in float32, within two units of the last place; x is clamped to -87 .. 88.

    Without branches, so that loops over it are vectorised. The polynomial is that of Cephes' expf.
    """
    x = min(max(x, _LOWEST), _HIGHEST)
    exponent = np.int32(x * _LOG2_E + _HALF_UP)
    whole = np.float32(exponent) - _BIAS
    rest = x - whole * _LN2_HIGH - whole * _LN2_LOW
    polynomial = ((((_C7 * rest + _C6) * rest + _C5) * rest + _C4) * rest + _C3) * rest + _C2
    return (polynomial * rest * rest + rest + _ONE) * power_of_two(exponent)


@inlined
def _select(values: Any, ids: Any, count: Any, wanted: Any) -> None:
    """Moves the `wanted` largest of the first `count` entries to the front; the smallest of them is at `wanted` - 1.

    Quickselect with Lomuto's partition, without a branch that depends on an entry: it would be mispredicted half of the
    time.
    """
    low, high = 0, count
    while True:
        last, middle = high - 1, (low + high) // 2
        pivot, pivot_id = values[middle], ids[middle]
        values[middle], ids[middle] = values[last], ids[last]
        boundary = low
        for at in range(low, last):
            value, token = values[at], ids[at]
            values[at], ids[at] = values[boundary], ids[boundary]
            values[boundary], ids[boundary] = value, token
            boundary += value > pivot
        values[last], ids[last] = values[boundary], ids[boundary]
        values[boundary], ids[boundary] = pivot, pivot_id
        if boundary == wanted - 1:
            return
        if boundary < wanted - 1:
            low = boundary + 1
        else:
            high = boundary


@inlined
def soft_cap(products: Any, size: Any, twice_by_cap: Any, limit: Any) -> None:
    """limit * tanh(product / cap), in place. `exp` clamps its argument, so neither end overflows."""
    for at in range(size):
        products[at] = limit - (limit + limit) / (_ONE + exp(products[at] * twice_by_cap))


@inlined
def weight_of(logit: Any, maximum: Any) -> Any:
    """exp(logit - maximum), or zero below e^-86."""
    shifted = logit - maximum
    return exp(shifted) if shifted > LEAST_EXPONENT else _ZERO


@inlined
def softmax_sums(logits: Any, size: Any, maximum: Any) -> Any:
    """The sum of w = exp(logit - maximum), and that of w * (logit - maximum)."""
    total, moment = _ZERO, _ZERO
    for at in range(size):
        weight = weight_of(logits[at], maximum)
        total += weight
        moment += weight * (logits[at] - maximum)
    return total, moment


@inlined
def draw(logits: Any, begin: Any, end: Any, maximum: Any, wanted: Any) -> Any:
    """The first entry from `begin` at which the running sum of exp(logit - maximum) exceeds `wanted`, or, if rounding
    leaves none, a late entry that has a weight. Blocks of entries are summed until one exceeds it."""
    running, last = 0.0, begin
    for start in range(begin, end, _DRAW_BLOCK):
        size, block_sum = min(_DRAW_BLOCK, end - start), _ZERO
        for at in range(size):
            block_sum += weight_of(logits[start + at], maximum)
        if block_sum > _ZERO:
            last = start
        if running + np.float64(block_sum) > wanted:
            break
        running += np.float64(block_sum)
    chosen = last
    for at in range(last, min(end, last + _DRAW_BLOCK)):
        weight = weight_of(logits[at], maximum)
        if weight > _ZERO:
            chosen = at
        running += np.float64(weight)
        if running > wanted:
            break
    return chosen


def read_slab(arguments: Any) -> None:
    """Reads one slab of the vocabulary; its products are overwritten by logits = limit * tanh(product / cap).

    Arguments, in order:
    products_NW    float32, contiguous            uniforms_NU    float32
    forbidden_F2   int64: (row or -1 for all, entry of the slab) pairs without probability
    settings_2     float32: 2 / cap, limit
    running_N4     float32: maximum of the logits, sum of w = exp(logit - maximum), sum of w * (logit - maximum), and
                   the threshold of a candidate
    sample_N       int64: the entry drawn so far
    values_NQ, ids_NQ   float32, int64: candidates for the K best entries, Q = `candidate_capacity(K)`
    counts_N       int64: the number of candidates
    N, W, U, F, K, the slab's first id, its first block, the size of a block
    """
    args = array_at(arguments, 17)
    rows, width, uniform_count, num_forbidden, top_k = args[9], args[10], args[11], args[12], args[13]
    first_id, first_block, block_size = args[14], args[15], args[16]
    forbidden = integers(args[2], 2 * num_forbidden)
    settings = floats(args[3], 2)
    samples, counts = integers(args[5], rows), integers(args[8], rows)
    capacity = candidate_capacity(top_k)
    first_row, last_row = thread_range(rows)

    for row in range(first_row, last_row):
        logits = floats(args[0] + 4 * row * width, width)
        uniforms = floats(args[1] + 4 * row * uniform_count, uniform_count)
        running = floats(args[4] + 16 * row, 4)
        values = floats(args[6] + 4 * row * capacity, capacity)
        ids = integers(args[7] + 8 * row * capacity, capacity)
        maximum, total, moment, threshold = running[0], np.float64(running[1]), np.float64(running[2]), running[3]
        count = counts[row]

        for block in range((width + block_size - 1) // block_size):
            begin, end = block * block_size, min(width, (block + 1) * block_size)
            block_total = 0.0
            for start in range(begin, end, CHUNK):
                size = min(CHUNK, end - start)
                chunk_address = args[0] + 4 * (row * width + start)
                chunk = floats(chunk_address, size)
                soft_cap(chunk, size, settings[0], settings[1])
                for number in range(num_forbidden):
                    entry = forbidden[2 * number + 1] - start
                    if 0 <= entry < size and (forbidden[2 * number] == row or forbidden[2 * number] < 0):
                        chunk[entry] = IMPOSSIBLE
                best = largest_at(chunk_address, size)
                if best > maximum:
                    # Earlier terms are rescaled to the new maximum.
                    shift = np.float64(best - maximum)
                    decay = np.exp(-shift) if total > 0 else 0.0
                    moment = (moment - shift * total) * decay if total > 0 else 0.0
                    total, block_total, maximum = total * decay, block_total * decay, best
                chunk_total, chunk_moment = softmax_sums(chunk, size, maximum)
                total, block_total, moment = total + chunk_total, block_total + chunk_total, moment + chunk_moment

                if best > threshold:
                    for at in range(size):
                        values[count], ids[count] = chunk[at], first_id + start + at
                        count += chunk[at] > threshold
                    if count >= 2 * top_k:
                        _select(values, ids, count, top_k)
                        count, threshold = top_k, values[top_k - 1]

            # Weighted reservoir sampling: the block's sample replaces the earlier one with the probability of its share
            # in the sum so far.
            number = 2 * (first_block + block)
            if np.float64(uniforms[number]) * total < block_total:
                wanted = np.float64(uniforms[number + 1]) * block_total
                samples[row] = first_id + draw(logits, begin, end, maximum, wanted)

        running[0], running[1], running[2], running[3] = maximum, total, moment, threshold
        counts[row] = count


@inlined
def geglu(gate: Any, up: Any) -> Any:
    """gelu(gate) * up."""
    return (gate - gate / (_ONE + exp(_GELU * gate + _GELU_CUBE * gate * gate * gate))) * up


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


KERNELS = (*(read_slab, dequantise_int4, gated), *(product_int8, product_int4, experts_int8, experts_int4))
