"""Reading a large vocabulary on a CPU: one pass over each slab of products updates the sample, entropy and top-k.

Same results and same draws as `decode.vocabulary` in plain PyTorch, which the tests compare it with.

Shapes: N rows, W entries of a slab, V vocabulary, U uniform numbers of a row, K best entries, Q candidates,
F forbidden entries.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dgemma.ops.native.machine import run
from dgemma.ops.native.sizes import IMPOSSIBLE, candidate_capacity


class Reader:
    """Reads N distributions over V entries, one slab after another.

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
        rows, capacity = len(uniforms_NU), candidate_capacity(top_k)
        self.top_k, self.block_size = top_k, block_size
        self.uniforms_NU = uniforms_NU.float().contiguous()
        self.settings_2 = torch.tensor([2 / cap, cap / temperature])
        self.forbidden_pairs = [(-1, token) for token in forbidden] + list(forbidden_rows)
        self.running_N4 = torch.tensor([IMPOSSIBLE, 0.0, 0.0, -torch.inf]).repeat(rows, 1)
        self.sample_N = torch.zeros(rows, dtype=torch.long)
        self.values_NQ = torch.empty(rows, capacity)
        self.ids_NQ = torch.zeros(rows, capacity, dtype=torch.long)
        self.counts_N = torch.zeros(rows, dtype=torch.long)

    def read(self, products_NW: Tensor, first_id: int) -> None:
        """Reads the products with the entries from `first_id` on, a whole number of blocks except for the last slab.
        Overwrites their tensor. Does not check shapes."""
        products_NW = products_NW.contiguous()
        rows, width = products_NW.shape
        in_slab = [[row, token - first_id] for row, token in self.forbidden_pairs if 0 <= token - first_id < width]
        run(
            "read_slab",
            products_NW,
            self.uniforms_NU,
            torch.tensor(in_slab, dtype=torch.long),
            self.settings_2,
            self.running_N4,
            self.sample_N,
            self.values_NQ,
            self.ids_NQ,
            self.counts_N,
            *(rows, width, self.uniforms_NU.shape[1], len(in_slab), self.top_k),
            *(first_id, first_id // self.block_size, self.block_size),
        )

    def finish(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(sample [N], entropy [N], ids [N, K] of the best entries, best first, their log probabilities [N, K])."""
        maximum_N, sum_N, moment_N, _ = self.running_N4.unbind(1)
        unused_NQ = torch.arange(self.values_NQ.shape[1]) >= self.counts_N[:, None]
        top = self.values_NQ.masked_fill_(unused_NQ, -torch.inf).topk(self.top_k, dim=-1)
        log_sum_N = sum_N.log()
        logprobs_NK = top.values - (maximum_N + log_sum_N)[:, None]
        return (
            self.sample_N,
            (log_sum_N - moment_N / sum_N).clamp(min=0),
            self.ids_NQ.gather(1, top.indices),
            logprobs_NK,
        )
