"""Summarises the distributions over the vocabulary block by block, without ever holding a whole one.

One pass over blocks of `BLOCK` entries keeps, for each row, the running maximum, the sum and the first moment of
exp(logit) (hence log-sum-exp and entropy), one sample and the K likeliest entries. It takes memory for a few blocks,
whatever the vocabulary. The online sums are those of Milakov and Gimelshein (arXiv 1805.02867). On CUDA a kernel reads
the blocks (`ops.cuda`) if triton can build it, on a CPU one compiled by numba (`ops.native`); results and draws are the
same.

Knows nothing of canvases, acceptance or steps. The tests compare it with `decode.head.read_dense`.

Shapes: N rows, D hidden, V vocabulary, C entries of one block, K kept entries, M entries above a threshold.
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
"""Entries read together: more would not stay in the processor's caches. Divides the head's own block."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The result of one pass over N distributions, after soft cap and temperature.

    sample_N                     one id drawn from each
    entropy_N                    nats
    top_ids_NK, top_logprobs_NK  the K likeliest entries, likeliest first
    mean_ND                      the exact mean embedding; None unless `exact_mean`
    """

    sample_N: Tensor
    entropy_N: Tensor
    top_ids_NK: Tensor
    top_logprobs_NK: Tensor
    mean_ND: Tensor | None


def uniforms_per_row(vocab_size: int) -> int:
    """The number of uniform random numbers that `summarise` needs for each row."""
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
    """Summarises the distribution at every row of `hidden_ND`, block by block.

    uniforms_NU     the randomness of the samples: `uniforms_per_row` numbers in [0, 1) for each row
    exact_mean      also accumulates the mean embedding over the whole vocabulary, which costs as much as the logits
    forbidden       ids without probability
    forbidden_rows  (row, id) pairs without probability
    """
    arguments = (network, hidden_ND, temperature, uniforms_NU, top_k)
    excluded = {"forbidden": forbidden, "forbidden_rows": forbidden_rows}
    if not exact_mean and hidden_ND.is_cuda and cuda.has_kernels():
        found = cuda.summarise(
            hidden_ND,
            network.embed_tokens.weight,
            cap=network.config.final_logit_softcapping,
            temperature=temperature,
            uniforms_NU=uniforms_NU,
            block=BLOCK,
            top_k=top_k,
            **excluded,
        )
    elif not exact_mean and hidden_ND.device.type == "cpu" and (compiled := native.load("vocabulary")) is not None:
        found = _summarise_compiled(compiled.Reader, *arguments, **excluded)
    else:
        return summarise_in_blocks(*arguments, exact_mean, **excluded)
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
    """`summarise` by the compiled CPU kernel, which takes the products in the head's own blocks."""
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

    The sample is exact and needs no second pass: block i replaces the earlier choice with a probability equal to its
    share of the sum so far (Chao 1982, weighted reservoir of one).
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
        weights_NC, rescale_N1 = running.add(logits_NC, start, uniforms_NU[:, 2 * number : 2 * number + 2])
        if mean_ND is not None:
            block_CD = network.embed(torch.arange(start, stop, device=hidden_ND.device)).float()
            mean_ND = mean_ND * rescale_N1 + weights_NC @ block_CD
    return running.summary(mean_ND)


def _blocks_of_products(network: DiffusionGemma, hidden_ND: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yields (first id, logits before soft cap and temperature) for each `BLOCK` entries."""
    for start in range(0, network.config.vocab_size, HEAD_BLOCK):
        products = network.products(hidden_ND, start, start + HEAD_BLOCK).split(BLOCK, dim=1)
        yield from ((start + number * BLOCK, products_NC) for number, products_NC in enumerate(products))


def _soft_capped(products_NC: Tensor, cap: float, temperature: float) -> Tensor:
    """cap * tanh(x / cap) / temperature, in place.

    Computed as (cap - 2 cap sigmoid(-2 x / cap)) / temperature: half the time of tanh, within a millionth of the cap.
    """
    limit = products_NC.new_tensor(cap / temperature)
    below_NC = products_NC.mul_(-2 / cap).sigmoid_()
    return torch.add(limit, below_NC, alpha=-2 * cap / temperature, out=products_NC)


class _Running:
    """The running sums, samples and likeliest entries of N rows, between two blocks."""

    def __init__(self, rows: int, top_k: int, device: torch.device) -> None:
        self.top_k = top_k
        self.maximum_N1 = torch.full((rows, 1), IMPOSSIBLE, device=device)
        self.sum_N1 = torch.zeros(rows, 1, device=device)
        self.moment_N1 = torch.zeros(rows, 1, device=device)
        self.sample_N = torch.zeros(rows, dtype=torch.long, device=device)
        self.values_NK = torch.empty(rows, 0, device=device)
        self.ids_NK = torch.empty(rows, 0, dtype=torch.long, device=device)
        # The K-th largest logit so far; -inf until K entries have been read.
        self.threshold_N1, self.has_threshold = torch.full((rows, 1), -torch.inf, device=device), False

    def add(self, logits_NC: Tensor, start: int, uniforms_N2: Tensor) -> tuple[Tensor, Tensor]:
        """Adds a block, overwriting its tensor -> (exp(logit - maximum), the factor that rescaled the earlier sums)."""
        self._keep_best(logits_NC, start)
        maximum_N1 = torch.maximum(self.maximum_N1, logits_NC.amax(-1, keepdim=True))
        shift_N1 = maximum_N1 - self.maximum_N1
        rescale_N1 = torch.exp(-shift_N1)
        shifted_NC = logits_NC.sub_(maximum_N1)
        weights_NC = shifted_NC.exp()
        block_N1 = weights_NC.sum(-1, keepdim=True)
        moment_N1 = shifted_NC.mul_(weights_NC).sum(-1, keepdim=True)
        # The moment is that of (logit - maximum); a new maximum shifts every earlier term by the same amount.
        earlier_N1 = torch.where(self.sum_N1 > 0, self.moment_N1 - shift_N1 * self.sum_N1, 0.0)
        self.moment_N1 = earlier_N1 * rescale_N1 + moment_N1
        self.sum_N1 = self.sum_N1 * rescale_N1 + block_N1
        self.maximum_N1 = maximum_N1
        self._maybe_resample(weights_NC, block_N1, start, uniforms_N2)
        return weights_NC, rescale_N1

    def summary(self, mean_ND: Tensor | None) -> Summary:
        """The result after the last block; `mean_ND` is the unnormalised sum of embeddings."""
        self._reduce_to_best()
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

    def _maybe_resample(self, weights_NC: Tensor, block_N1: Tensor, start: int, uniforms_N2: Tensor) -> None:
        """Replaces a row's sample by one from this block, with a probability equal to the block's share of the sum."""
        rows = (uniforms_N2[:, :1] * self.sum_N1 < block_N1).squeeze(1).nonzero().squeeze(1)
        if len(rows):
            cumulative = weights_NC[rows].cumsum(-1)
            wanted = uniforms_N2[rows, 1:] * cumulative[:, -1:]
            choice = torch.searchsorted(cumulative, wanted, right=True).clamp(max=weights_NC.shape[1] - 1)
            self.sample_N[rows] = choice.squeeze(1) + start

    def _keep_best(self, logits_NC: Tensor, start: int) -> None:
        """Adds the block's candidates for the K largest: the entries above the threshold.

        After the first blocks there are few; each row is padded to the row with the most. Candidates accumulate until
        there are 2 K and are then reduced to K.
        """
        found = self._above_threshold(logits_NC) if self.has_threshold else None
        if found is None:
            found = logits_NC.topk(min(self.top_k, logits_NC.shape[1]), dim=-1, sorted=False)
        values, indices = found
        if values.shape[1] == 0:
            return
        self.values_NK = torch.cat((self.values_NK, values), dim=1)
        self.ids_NK = torch.cat((self.ids_NK, indices + start), dim=1)
        if not self.has_threshold or self.values_NK.shape[1] >= 2 * self.top_k:
            self._reduce_to_best()

    def _above_threshold(self, logits_NC: Tensor) -> tuple[Tensor, Tensor] | None:
        """Values and indices of the entries above the threshold; None if a row has more than K of them."""
        row_M, index_M = (logits_NC > self.threshold_N1).nonzero(as_tuple=True)
        counts_N = row_M.bincount(minlength=len(logits_NC))
        most = int(counts_N.max())
        if most > self.top_k:
            return None
        # Entries are in the order of rows: the column of each is its number among those of its row.
        column_M = torch.arange(len(row_M), device=row_M.device) - (counts_N.cumsum(0) - counts_N)[row_M]
        values = logits_NC.new_full((len(logits_NC), most), -torch.inf)
        indices = torch.zeros_like(values, dtype=torch.long)
        values[row_M, column_M], indices[row_M, column_M] = logits_NC[row_M, index_M], index_M
        return values, indices

    def _reduce_to_best(self) -> None:
        """Reduces the candidates to the K largest and sets the threshold, once there are K."""
        if self.values_NK.shape[1] > self.top_k:
            self.values_NK, chosen = self.values_NK.topk(self.top_k, dim=-1, sorted=False)
            self.ids_NK = self.ids_NK.gather(1, chosen)
        if self.values_NK.shape[1] == self.top_k:
            self.threshold_N1, self.has_threshold = self.values_NK.amin(-1, keepdim=True), True
