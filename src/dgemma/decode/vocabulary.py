"""The vocabulary read in blocks: what a denoise step needs of each distribution, without ever holding one whole.

One pass over blocks of `BLOCK` entries keeps, for each row, the running maximum, the sum and the first moment of
exp(logit) (hence log-sum-exp and entropy), one sample and the best K entries. Memory is a few blocks, whatever the
vocabulary. The online sums are those of Milakov and Gimelshein (arXiv 1805.02867). On CUDA a kernel reads the blocks
(`ops.cuda`) where triton can build it, on a CPU one that numba compiles (`ops.native`); same results, same draws.

Knows nothing of canvases, acceptance or steps; `decode.head` holds the dense twin that the tests compare with.

Shapes: N rows, D hidden, V vocabulary, C entries of one block, K kept entries.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dgemma.model import DiffusionGemma
from dgemma.ops import cuda, native
from dgemma.ops.native.sizes import IMPOSSIBLE
from dgemma.ops.vocabulary_products import HEAD_BLOCK

BLOCK = 2048
"""Entries that are read together: more leave the processor's caches. A part of the head's own block."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What one pass leaves of N distributions, after soft cap and temperature.

    sample_N   one id drawn from each           top_ids_NK, top_logprobs_NK   the K best entries, best first
    entropy_N  nats                             mean_ND                       exact mean embedding, if asked for
    """

    sample_N: Tensor
    entropy_N: Tensor
    top_ids_NK: Tensor
    top_logprobs_NK: Tensor
    mean_ND: Tensor | None


def uniforms_per_row(vocab_size: int) -> int:
    """How many uniform numbers `summarise` takes for each row."""
    return 2 * -(-vocab_size // BLOCK)


def summarise(
    network: DiffusionGemma,
    hidden_ND: Tensor,
    temperature: float,
    uniforms_NU: Tensor,
    top_k: int,
    exact_mean: bool = False,
    forbidden: Sequence[int] = (),
    forbidden_rows: Sequence[tuple[int, int]] = (),
) -> Summary:
    """Reads the vocabulary at every row of `hidden_ND`, block by block.

    uniforms_NU     in [0, 1), `uniforms_per_row` for each row: the randomness of the sample
    exact_mean      also accumulates the mean embedding over the whole vocabulary (as costly as the logits again)
    forbidden       ids without probability; `forbidden_rows`: (row, id) pairs without probability
    """
    arguments = (network, hidden_ND, temperature, uniforms_NU, top_k)
    barred = {"forbidden": forbidden, "forbidden_rows": forbidden_rows}
    if not exact_mean and hidden_ND.is_cuda and cuda.has_kernels():
        found = cuda.summarise(
            hidden_ND,
            network.embed_tokens.weight,
            cap=network.config.final_logit_softcapping,
            temperature=temperature,
            uniforms_NU=uniforms_NU,
            block=BLOCK,
            top_k=top_k,
            **barred,
        )
    elif not exact_mean and hidden_ND.device.type == "cpu" and (compiled := native.load("vocabulary")) is not None:
        found = _summarise_compiled(compiled.Reader, *arguments, **barred)
    else:
        return summarise_in_blocks(*arguments, exact_mean, **barred)
    sample_N, entropy_N, top_ids_NK, top_logprobs_NK = found
    return Summary(
        sample_N=sample_N, entropy_N=entropy_N, top_ids_NK=top_ids_NK, top_logprobs_NK=top_logprobs_NK, mean_ND=None
    )


@torch.inference_mode()
def _summarise_compiled(
    reader_type: Callable[..., Any],
    network: DiffusionGemma,
    hidden_ND: Tensor,
    temperature: float,
    uniforms_NU: Tensor,
    top_k: int,
    forbidden: Sequence[int],
    forbidden_rows: Sequence[tuple[int, int]],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The kernel on the CPU takes the products slab by slab, as the head makes them."""
    vocab_size, cap = network.config.vocab_size, network.config.final_logit_softcapping
    reader = reader_type(uniforms_NU, min(top_k, vocab_size), BLOCK, cap, temperature, forbidden, forbidden_rows)
    for start in range(0, vocab_size, HEAD_BLOCK):
        reader.read(network.products(hidden_ND, start, start + HEAD_BLOCK), start)
    return reader.finish()


@torch.inference_mode()
def summarise_in_blocks(
    network: DiffusionGemma,
    hidden_ND: Tensor,
    temperature: float,
    uniforms_NU: Tensor,
    top_k: int,
    exact_mean: bool = False,
    forbidden: Sequence[int] = (),
    forbidden_rows: Sequence[tuple[int, int]] = (),
) -> Summary:
    """`summarise` in plain PyTorch, on any device.

    The sample is exact and needs no second look: block i takes the place of the earlier choice with the probability
    that its sum has among the sums so far (Chao 1982, weighted reservoir of one).
    """
    vocab_size, cap = network.config.vocab_size, network.config.final_logit_softcapping
    running = _Running(len(hidden_ND), min(top_k, vocab_size), hidden_ND.device)
    mean_ND = torch.zeros(hidden_ND.shape, device=hidden_ND.device) if exact_mean else None
    for number, (start, products_NC) in enumerate(_blocks_of_products(network, hidden_ND)):
        stop = start + products_NC.shape[1]
        logits_NC = _soft_capped(products_NC, cap, temperature)
        for token in forbidden:
            if start <= token < stop:
                logits_NC[:, token - start] = IMPOSSIBLE
        for row, token in forbidden_rows:
            if start <= token < stop:
                logits_NC[row, token - start] = IMPOSSIBLE
        weights_NC, faded_N1 = running.add(logits_NC, start, uniforms_NU[:, 2 * number : 2 * number + 2])
        if mean_ND is not None:
            block_CD = network.embed(torch.arange(start, stop, device=hidden_ND.device)).float()
            mean_ND = mean_ND * faded_N1 + weights_NC @ block_CD
    return running.summary(mean_ND)


def _blocks_of_products(network: DiffusionGemma, hidden_ND: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The logits before soft cap and temperature, `BLOCK` entries at a time, each with its first id."""
    for start in range(0, network.config.vocab_size, HEAD_BLOCK):
        products = network.products(hidden_ND, start, start + HEAD_BLOCK).split(BLOCK, dim=1)
        yield from ((start + number * BLOCK, products_NC) for number, products_NC in enumerate(products))


def _soft_capped(products_NC: Tensor, cap: float, temperature: float) -> Tensor:
    """cap * tanh(x / cap) / temperature, in place, as cap - 2 cap sigmoid(-2 x / cap): half the time of tanh, and
    within a millionth of the cap."""
    limit = products_NC.new_tensor(cap / temperature)
    below_NC = products_NC.mul_(-2 / cap).sigmoid_()
    return torch.add(limit, below_NC, alpha=-2 * cap / temperature, out=products_NC)


class _Running:
    """The state of N rows between two blocks."""

    def __init__(self, rows: int, top_k: int, device: torch.device) -> None:
        self.top_k = top_k
        self.maximum_N1 = torch.full((rows, 1), IMPOSSIBLE, device=device)
        self.sum_N1 = torch.zeros(rows, 1, device=device)
        self.moment_N1 = torch.zeros(rows, 1, device=device)
        self.sample_N = torch.zeros(rows, dtype=torch.long, device=device)
        self.values_NK = torch.empty(rows, 0, device=device)
        self.ids_NK = torch.empty(rows, 0, dtype=torch.long, device=device)
        # The K-th value known so far, once there are K.
        self.bar_N1, self.full = torch.full((rows, 1), -torch.inf, device=device), False

    def add(self, logits_NC: Tensor, start: int, uniforms_N2: Tensor) -> tuple[Tensor, Tensor]:
        """Takes in a block, whose tensor is used up -> (exp(logit - maximum), what earlier sums were multiplied by)."""
        self._keep_best(logits_NC, start)
        maximum_N1 = torch.maximum(self.maximum_N1, logits_NC.amax(-1, keepdim=True))
        shift_N1 = maximum_N1 - self.maximum_N1
        faded_N1 = torch.exp(-shift_N1)
        shifted_NC = logits_NC.sub_(maximum_N1)
        weights_NC = shifted_NC.exp()
        block_N1 = weights_NC.sum(-1, keepdim=True)
        moment_N1 = shifted_NC.mul_(weights_NC).sum(-1, keepdim=True)
        # The moment is that of (logit - maximum); a new maximum shifts every earlier term by the same amount.
        earlier_N1 = torch.where(self.sum_N1 > 0, self.moment_N1 - shift_N1 * self.sum_N1, 0.0)
        self.moment_N1 = earlier_N1 * faded_N1 + moment_N1
        self.sum_N1 = self.sum_N1 * faded_N1 + block_N1
        self.maximum_N1 = maximum_N1
        self._maybe_choose(weights_NC, block_N1, start, uniforms_N2)
        return weights_NC, faded_N1

    def summary(self, mean_ND: Tensor | None) -> Summary:
        """The end of the pass."""
        self._merge()
        log_sum_N1 = self.maximum_N1 + self.sum_N1.log()
        entropy_N1 = self.sum_N1.log() - self.moment_N1 / self.sum_N1
        order_NK = self.values_NK.argsort(dim=-1, descending=True, stable=True)
        return Summary(
            sample_N=self.sample_N,
            entropy_N=entropy_N1.squeeze(1).clamp(min=0),
            top_ids_NK=self.ids_NK.gather(1, order_NK),
            top_logprobs_NK=self.values_NK.gather(1, order_NK) - log_sum_N1,
            mean_ND=None if mean_ND is None else mean_ND / self.sum_N1,
        )

    def _maybe_choose(self, weights_NC: Tensor, block_N1: Tensor, start: int, uniforms_N2: Tensor) -> None:
        rows = (uniforms_N2[:, :1] * self.sum_N1 < block_N1).squeeze(1).nonzero().squeeze(1)
        if len(rows):
            cumulative = weights_NC[rows].cumsum(-1)
            wanted = uniforms_N2[rows, 1:] * cumulative[:, -1:]
            choice = torch.searchsorted(cumulative, wanted, right=True).clamp(max=weights_NC.shape[1] - 1)
            self.sample_N[rows] = choice.squeeze(1) + start

    def _keep_best(self, logits_NC: Tensor, start: int) -> None:
        """Adds the block's candidates for the K best: the entries above the K-th value known so far.

        Few are, after the first blocks; they are gathered, each row padded to the longest. Candidates pile up until
        there are 2 K and are then thinned to K.
        """
        found = self._gather_better(logits_NC) if self.full else None
        if found is None:
            found = logits_NC.topk(min(self.top_k, logits_NC.shape[1]), dim=-1, sorted=False)
        values, at = found
        if values.shape[1] == 0:
            return
        self.values_NK = torch.cat((self.values_NK, values), dim=1)
        self.ids_NK = torch.cat((self.ids_NK, at + start), dim=1)
        if not self.full or self.values_NK.shape[1] >= 2 * self.top_k:
            self._merge()

    def _gather_better(self, logits_NC: Tensor) -> tuple[Tensor, Tensor] | None:
        """Values and places of the entries above the bar; None where a row has more than K of them."""
        row_M, at_M = (logits_NC > self.bar_N1).nonzero(as_tuple=True)
        counts_N = row_M.bincount(minlength=len(logits_NC))
        most = int(counts_N.max())
        if most > self.top_k:
            return None
        slot_M = torch.arange(len(row_M), device=row_M.device) - (counts_N.cumsum(0) - counts_N)[row_M]
        values = logits_NC.new_full((len(logits_NC), most), -torch.inf)
        at = torch.zeros_like(values, dtype=torch.long)
        values[row_M, slot_M], at[row_M, slot_M] = logits_NC[row_M, at_M], at_M
        return values, at

    def _merge(self) -> None:
        if self.values_NK.shape[1] > self.top_k:
            self.values_NK, chosen = self.values_NK.topk(self.top_k, dim=-1, sorted=False)
            self.ids_NK = self.ids_NK.gather(1, chosen)
        if self.values_NK.shape[1] == self.top_k:
            self.bar_N1, self.full = self.values_NK.amin(-1, keepdim=True), True
