"""The vocabulary head's reading on a CPU, compiled: one pass over a slab of products leaves what a step needs of it.

Imported by `ops.cpu` when first wanted, as `ops.native` is. Same results and same draws as `decode.vocabulary` in
plain PyTorch, which is its oracle.

Shapes: N rows, W entries of a slab, V vocabulary, U uniform numbers of a row, K best entries, Q candidates,
F forbidden entries.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgemma.ops.native import array_at, exp, floats, inlined, integers, kernel, run, thread_count, thread_number

# Entries that are read, capped and summed before the next: they stay in the nearest cache.
_CHUNK = 256
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
# exp holds its argument above this; what lies below has no weight.
_LOWEST = np.float32(-86.0)
_IMPOSSIBLE = np.float32(-1e30)


def candidates(top_k: int) -> int:
    """Room for the candidates of a row: 2 K are thinned to K, but not within a chunk, and one is written beyond."""
    return 2 * top_k + _CHUNK + 1


@inlined
def _select(values: Any, ids: Any, count: Any, wanted: Any) -> None:
    """Brings the `wanted` largest of the first `count` entries to the front, the smallest of them last of them.

    Quickselect with Lomuto's partition and without a branch that depends on an entry, which would be guessed wrong
    half of the time.
    """
    low, high = 0, count
    while True:
        last, middle = high - 1, (low + high) // 2
        pivot, pivot_id = values[middle], ids[middle]
        values[middle], ids[middle] = values[last], ids[last]
        border = low
        for at in range(low, last):
            value, token = values[at], ids[at]
            values[at], ids[at] = values[border], ids[border]
            values[border], ids[border] = value, token
            border += value > pivot
        values[last], ids[last] = values[border], ids[border]
        values[border], ids[border] = pivot, pivot_id
        if border == wanted - 1:
            return
        if border < wanted - 1:
            low = border + 1
        else:
            high = border


@kernel
def read_slab(arguments: Any) -> None:
    """Takes in one slab, whose products are overwritten with logits = limit * tanh(product / cap).

    Addresses, then sizes, in this order:
    products_NW    float32, contiguous            uniforms_NU    float32
    forbidden_F2   int64 (row or -1 for all, entry of the slab), whose probability is zero
    settings_2     float32: 2 / cap, limit
    running_N4     float32: maximum of the logits, sum of w = exp(logit - maximum), sum of w * (logit - maximum), and
                   what an entry must exceed to be among the K best
    sample_N       int64: the entry drawn so far
    values_NQ, ids_NQ   float32, int64: candidates for the K best entries, Q = `candidates(K)`
    kept_N         int64: how many of them count
    N, W, U, F, K, the slab's first id, its first block, entries of a block
    """
    given = array_at(arguments, 17)
    rows, width, uniform_count, barred, top_k = given[9], given[10], given[11], given[12], given[13]
    first_id, first_block, block_size = given[14], given[15], given[16]
    forbidden = integers(given[2], 2 * barred)
    settings = floats(given[3], 2)
    twice_by_cap, limit = settings[0], settings[1]
    samples, kept = integers(given[5], rows), integers(given[8], rows)
    room = 2 * top_k + _CHUNK + 1
    thread, threads = np.int64(thread_number()), np.int64(thread_count())

    for row in range(rows * thread // threads, rows * (thread + 1) // threads):
        logits = floats(given[0] + 4 * row * width, width)
        uniforms = floats(given[1] + 4 * row * uniform_count, uniform_count)
        running = floats(given[4] + 16 * row, 4)
        values = floats(given[6] + 4 * row * room, room)
        ids = integers(given[7] + 8 * row * room, room)
        maximum, total, moment, bar = running[0], np.float64(running[1]), np.float64(running[2]), running[3]
        count = kept[row]

        for block in range((width + block_size - 1) // block_size):
            begin, end = block * block_size, min(width, (block + 1) * block_size)
            block_total = 0.0
            for start in range(begin, end, _CHUNK):
                # From zero on, so that the compiler sees that no index is negative and takes eight entries at a time.
                size = min(_CHUNK, end - start)
                chunk = floats(given[0] + 4 * (row * width + start), size)
                for at in range(size):
                    # limit * tanh(x / cap); exp holds its argument, so both ends are reached without overflow.
                    chunk[at] = limit - (limit + limit) / (_ONE + exp(chunk[at] * twice_by_cap))
                for number in range(barred):
                    entry = forbidden[2 * number + 1] - start
                    if 0 <= entry < size and (forbidden[2 * number] == row or forbidden[2 * number] < 0):
                        chunk[entry] = _IMPOSSIBLE
                best = _IMPOSSIBLE
                for at in range(size):
                    best = max(best, chunk[at])

                if best > maximum:
                    # A new maximum shifts every earlier term by the same amount.
                    shift = np.float64(best - maximum)
                    faded = np.exp(-shift) if total > 0 else 0.0
                    moment = (moment - shift * total) * faded if total > 0 else 0.0
                    total, block_total, maximum = total * faded, block_total * faded, best
                chunk_total, chunk_moment = _ZERO, _ZERO
                for at in range(size):
                    shifted = chunk[at] - maximum
                    weight = exp(shifted) if shifted > _LOWEST else _ZERO
                    chunk_total += weight
                    chunk_moment += weight * shifted
                total, block_total, moment = total + chunk_total, block_total + chunk_total, moment + chunk_moment

                if best > bar:
                    for at in range(size):
                        values[count], ids[count] = chunk[at], first_id + start + at
                        count += chunk[at] > bar
                    if count >= 2 * top_k:
                        _select(values, ids, count, top_k)
                        count, bar = top_k, values[top_k - 1]

            # The block takes the earlier choice's place with the probability that its sum has among those so far.
            number = 2 * (first_block + block)
            if np.float64(uniforms[number]) * total < block_total:
                wanted, passed, chosen = np.float64(uniforms[number + 1]) * block_total, 0.0, end - 1
                for at in range(begin, end):
                    passed += np.exp(np.float64(logits[at] - maximum))
                    if passed > wanted:
                        chosen = at
                        break
                samples[row] = first_id + chosen

        running[0], running[1], running[2], running[3] = maximum, total, moment, bar
        kept[row] = count


class Reader:
    """What has been read of N distributions over V entries, slab after slab.

    `uniforms_NU` decide the samples, two numbers for each block of `block_size` entries; `forbidden` ids have no
    probability, `forbidden_rows` are (row, id) pairs without one.
    """

    def __init__(
        self,
        uniforms_NU: Tensor,
        top_k: int,
        block_size: int,
        cap: float,
        temperature: float,
        forbidden: Sequence[int] = (),
        forbidden_rows: Sequence[tuple[int, int]] = (),
    ) -> None:
        rows, room = len(uniforms_NU), candidates(top_k)
        self.top_k, self.block_size = top_k, block_size
        self.uniforms_NU = uniforms_NU.float().contiguous()
        self.settings_2 = torch.tensor([2 / cap, cap / temperature])
        self.barred = [(-1, token) for token in forbidden] + list(forbidden_rows)
        self.running_N4 = torch.tensor([float(_IMPOSSIBLE), 0.0, 0.0, -torch.inf]).repeat(rows, 1)
        self.sample_N = torch.zeros(rows, dtype=torch.long)
        self.values_NQ = torch.empty(rows, room)
        self.ids_NQ = torch.zeros(rows, room, dtype=torch.long)
        self.kept_N = torch.zeros(rows, dtype=torch.long)

    def read(self, products_NW: Tensor, first_id: int) -> None:
        """Takes in the products with the entries from `first_id` on, a whole number of blocks but for the last slab;
        their tensor is used up. Raises nothing: shapes are the caller's to keep."""
        products_NW = products_NW.contiguous()
        rows, width = products_NW.shape
        here = [[row, token - first_id] for row, token in self.barred if 0 <= token - first_id < width]
        run(
            read_slab,
            products_NW,
            self.uniforms_NU,
            torch.tensor(here, dtype=torch.long),
            self.settings_2,
            self.running_N4,
            self.sample_N,
            self.values_NQ,
            self.ids_NQ,
            self.kept_N,
            *(rows, width, self.uniforms_NU.shape[1], len(here), self.top_k),
            *(first_id, first_id // self.block_size, self.block_size),
        )

    def finish(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(sample [N], entropy [N], ids [N, K] of the best entries, best first, their log probabilities [N, K])."""
        maximum_N, sum_N, moment_N, _ = self.running_N4.unbind(1)
        unused_NQ = torch.arange(self.values_NQ.shape[1]) >= self.kept_N[:, None]
        top = self.values_NQ.masked_fill_(unused_NQ, -torch.inf).topk(self.top_k, dim=-1)
        log_sum_N = sum_N.log()
        logprobs_NK = top.values - (maximum_N + log_sum_N)[:, None]
        return (
            self.sample_N,
            (log_sum_N - moment_N / sum_N).clamp(min=0),
            self.ids_NQ.gather(1, top.indices),
            logprobs_NK,
        )
