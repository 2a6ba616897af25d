"""Pairs of a row and one of its experts, in the order of the experts: what is done with them beside products.

Addresses, sizes, and steps, which are bytes from one to the next. Each thread takes its share of pairs, or of rows.

Shapes: M expert width, k experts of a row.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import called
from dgemma.ops.native.kernels import floats, gated_by, integers, share

_ZERO = np.float32(0.0)


@called
def gather_floats(pairs: Any, rows_of_pairs: Any, source: Any, step: Any, target: Any, size: Any) -> None:
    """Each pair's row of `size` float32 numbers."""
    rows = integers(rows_of_pairs, pairs)
    first, last = share(pairs)
    for pair in range(first, last):
        own, out = floats(source + rows[pair] * step, size), floats(target + 4 * pair * size, size)
        for at in range(size):
            out[at] = own[at]


@called
def gate_pairs(pairs: Any, inner: Any, step: Any, width: Any) -> None:
    """gelu(gate) * up of each pair's [2 M] numbers, in the place of its gate."""
    first, last = share(pairs)
    for pair in range(first, last):
        gate, up = floats(inner + pair * step, width), floats(inner + pair * step + 4 * width, width)
        for at in range(width):
            gate[at] = gated_by(gate[at], up[at])


@called
def sum_answers(
    rows: Any, top_k: Any, back: Any, weights: Any, answers: Any, step: Any, out: Any, out_step: Any, size: Any
) -> None:
    """Each row's answers by its experts, times their weights; `back` tells where they are."""
    first, last = share(rows)
    for row in range(first, last):
        total, own = floats(out + row * out_step, size), floats(weights + 4 * row * top_k, top_k)
        places = integers(back + 8 * row * top_k, top_k)
        for at in range(size):
            total[at] = _ZERO
        for slot in range(top_k):
            weight, answer = own[slot], floats(answers + places[slot] * step, size)
            for at in range(size):
                total[at] += weight * answer[at]
