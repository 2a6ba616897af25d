"""The vocabulary head's reading on a CPU, compiled: one pass over a slab of products leaves what a step needs of it.

Same results and same draws as `decode.vocabulary` in plain PyTorch, which is its oracle.

Shapes: N rows, W entries of a slab, V vocabulary, U uniform numbers of a row, K best entries, Q candidates,
F forbidden entries.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dgemma.ops.native.machine import run
from dgemma.ops.native.sizes import IMPOSSIBLE, candidates


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
        self.running_N4 = torch.tensor([IMPOSSIBLE, 0.0, 0.0, -torch.inf]).repeat(rows, 1)
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
            "read_slab",
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
