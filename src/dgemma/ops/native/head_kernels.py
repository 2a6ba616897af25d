"""The kernel for the head of a small vocabulary: logits, sample, entropy and expected embedding in one call.

Shapes: N rows, D hidden, V vocabulary.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.arithmetic import (
    IMPOSSIBLE,
    draw,
    floats,
    integers,
    soft_cap,
    softmax_sums,
    thread_range,
    weight_of,
)
from dgemma.ops.native.compiler import array_at, largest_at
from dgemma.ops.native.panel_kernels import multiply, spin_barrier
from dgemma.ops.native.quantised_kernels import multiply_panels, quantise_row
from dgemma.ops.native.sizes import INT8

_ZERO = np.float32(0.0)


def head(arguments: Any) -> None:
    """What a step needs of each row's logits limit * tanh(product / cap), over the whole vocabulary.

    Arguments, in order:
    hidden_ND      float32
    embedding      panels of the embedding, for the logits
    back           panels of its transpose, for the expected embedding
    forbidden_F2   int64: (row or -1 for all, id) pairs without probability
    settings_3     float32: 2 / cap, limit, the scale of the expected embedding
    uniforms_N     float32 in [0, 1), which decide the samples
    logits_NW      float32, W the padded vocabulary; with `soft` they become scaled weights
    summary_N4     float32: maximum of the logits, log of the sum of weights, entropy, unused
    ids_N2         int64: the likeliest id, the sample
    soft_NX        float32: the expected embedding, X the padded hidden size
    N, D, V, F, W, X, whether `soft` is wanted, the format of float panels, the barrier's counter (zero),
    whether `embedding` is int8, and then workspace for quantised rows: values_ND, sums_N, scales_N
    """
    args = array_at(arguments, 23)
    rows, size, vocabulary, num_forbidden, width, padded = args[10], args[11], args[12], args[13], args[14], args[15]
    settings, forbidden = floats(args[4], 3), integers(args[3], 2 * num_forbidden)
    uniforms, soft = floats(args[5], rows), args[16]
    if args[19]:
        first, last = thread_range(rows)
        for row in range(first, last):
            source, values = args[0] + 4 * row * size, args[20] + row * size
            quantise_row(source, values, args[22] + 4 * row, args[21] + 4 * row, size, size, 0)
        spin_barrier(args[18])
        multiply_panels(args[20], args[21], args[22], rows, args[1], size, vocabulary, INT8, args[6], 4 * width)
    else:
        multiply(args[0], 4 * size, rows, args[1], args[17], size, vocabulary, args[6], 4 * width, 0)
    spin_barrier(args[18])
    first, last = thread_range(rows)
    for row in range(first, last):
        logits, summary = floats(args[6] + 4 * row * width, vocabulary), floats(args[7] + 16 * row, 4)
        ids = integers(args[8] + 16 * row, 2)
        soft_cap(logits, vocabulary, settings[0], settings[1])
        for number in range(num_forbidden):
            if forbidden[2 * number] == row or forbidden[2 * number] < 0:
                logits[forbidden[2 * number + 1]] = IMPOSSIBLE
        maximum = largest_at(args[6] + 4 * row * width, vocabulary)
        likeliest = 0
        while logits[likeliest] < maximum:
            likeliest += 1
        total, moment = softmax_sums(logits, vocabulary, maximum)
        ids[0] = likeliest
        ids[1] = draw(logits, 0, vocabulary, maximum, np.float64(uniforms[row]) * np.float64(total))
        summary[0], summary[1] = maximum, np.log(total)
        # nan logits have no weight and never become the maximum; the moment is nan with them. The entropy must then be
        # nan too, which `max(0, ..)` would turn into zero.
        entropy = np.log(total) - moment / total
        known = total > _ZERO and maximum > IMPOSSIBLE
        summary[2] = (_ZERO if entropy < _ZERO else entropy) if known else np.float32(np.nan)
        if soft:
            scale = settings[2] / total
            for at in range(vocabulary):
                logits[at] = weight_of(logits[at], maximum) * scale
    if soft:
        spin_barrier(args[18])
        multiply(args[6], 4 * width, rows, args[2], args[17], vocabulary, size, args[9], 4 * padded, 0)


KERNELS = (head,)
