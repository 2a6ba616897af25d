"""What the kernels share: arrays at addresses, a thread's range of the work, and the arithmetic of logits and gates.

Indices run from zero: the compiler then sees that none is negative and can vectorise.
"""

from typing import Any

import numba
import numpy as np

from dgemma.ops.native import sizes
from dgemma.ops.native.compiler import (
    array_at,
    float32_pointer,
    inlined,
    int8_pointer,
    int64_pointer,
    power_of_two,
    thread_count,
    thread_number,
)

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
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


@inlined
def geglu(gate: Any, up: Any) -> Any:
    """gelu(gate) * up."""
    return (gate - gate / (_ONE + exp(_GELU * gate + _GELU_CUBE * gate * gate * gate))) * up
