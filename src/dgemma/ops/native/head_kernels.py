"""The kernel of a small vocabulary: all of it in one call.

Shapes: N rows, D hidden, V vocabulary.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import array_at, largest_at
from dgemma.ops.native.kernels import IMPOSSIBLE, draw, floats, integers, share, soft_cap, weigh, weight_of
from dgemma.ops.native.panel_kernels import meet, multiply
from dgemma.ops.native.quantised_kernels import multiply_panels, quantise_row

_ZERO = np.float32(0.0)


def head(arguments: Any) -> None:
    """The whole vocabulary of each row: what a step needs of the logits limit * tanh(product / cap).

    Addresses, then sizes, in this order:
    hidden_ND      float32                         embedding, back   panels: entries of D inputs, D outputs of V inputs
    forbidden_F2   int64 (row or -1 for all, id), whose probability is zero
    settings_3     float32: 2 / cap, limit, what the expected embedding is multiplied by
    uniforms_N     float32: where in the distribution a sample is drawn
    logits_NW      float32, W the padded vocabulary; with `soft` they become weights exp(logit - maximum)
    summary_N4     float32: maximum of the logits, log of the sum of weights, entropy, and one more
    ids_N2         int64: the likeliest id, the sample
    soft_NX        float32: the expected embedding, X the padded hidden size
    N, D, V, F, W, X, whether `soft` is wanted, whether panels are bfloat16, and the address of a zero to meet at;
    whether they are int8 and rows become so, and room for these: values_ND, sums_N and scales_N
    """
    given = array_at(arguments, 23)
    rows, size, vocabulary, barred, width, padded = given[10], given[11], given[12], given[13], given[14], given[15]
    settings, forbidden = floats(given[4], 3), integers(given[3], 2 * barred)
    uniforms, soft = floats(given[5], rows), given[16]
    if given[19]:
        first, last = share(rows)
        for row in range(first, last):
            source, values = given[0] + 4 * row * size, given[20] + row * size
            quantise_row(source, values, given[22] + 4 * row, given[21] + 4 * row, size, size, 0)
        meet(given[18])
        multiply_panels(given[20], given[21], given[22], rows, given[1], size, vocabulary, 0, given[6], 4 * width)
    else:
        multiply(given[0], 4 * size, rows, given[1], given[17], size, vocabulary, given[6], 4 * width, 0)
    meet(given[18])
    first, last = share(rows)
    for row in range(first, last):
        logits, summary = floats(given[6] + 4 * row * width, vocabulary), floats(given[7] + 16 * row, 4)
        ids = integers(given[8] + 16 * row, 2)
        soft_cap(logits, vocabulary, settings[0], settings[1])
        for number in range(barred):
            if forbidden[2 * number] == row or forbidden[2 * number] < 0:
                logits[forbidden[2 * number + 1]] = IMPOSSIBLE
        maximum = largest_at(given[6] + 4 * row * width, vocabulary)
        likeliest = 0
        while logits[likeliest] < maximum:
            likeliest += 1
        total, moment = weigh(logits, vocabulary, maximum)
        ids[0] = likeliest
        ids[1] = draw(logits, 0, vocabulary, maximum, np.float64(uniforms[row]) * np.float64(total))
        summary[0], summary[1] = maximum, np.log(total)
        # Logits that are not numbers are larger than nothing and have no weight; the moment is none beside them, and
        # neither is an entropy that `max` would make zero.
        entropy = np.log(total) - moment / total
        known = total > _ZERO and maximum > IMPOSSIBLE
        summary[2] = (_ZERO if entropy < _ZERO else entropy) if known else np.float32(np.nan)
        if soft:
            scale = settings[2] / total
            for at in range(vocabulary):
                logits[at] = weight_of(logits[at], maximum) * scale
    if soft:
        meet(given[18])
        multiply(given[6], 4 * width, rows, given[2], given[17], vocabulary, size, given[9], 4 * padded, 0)


KERNELS = (head,)
