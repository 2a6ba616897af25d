"""The reading of a large vocabulary: logits, softmax sums, a sample and the best entries of a slab of products.

Shapes: N rows, W entries of a slab, U uniform numbers of a row, K best entries, Q candidates for them, F forbidden
entries.
"""

from typing import Any

import numpy as np

from dgemma.ops.native import sizes
from dgemma.ops.native.arithmetic import IMPOSSIBLE, draw, floats, integers, soft_cap, softmax_sums, thread_range
from dgemma.ops.native.compiler import array_at, inlined, largest_at

CHUNK, candidate_capacity = sizes.CHUNK, inlined(sizes.candidate_capacity)


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


KERNELS = (read_slab,)
