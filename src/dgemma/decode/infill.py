"""Infilling: fills a gap in a text with a model that writes all positions at once.

`fill` denoises a gap before a given suffix; `fill_score` rates fillings, so that the length of the gap can be chosen.
The suffix is pinned, that is, restored in every step, so the result contains it unchanged. Knows nothing of requests or
text.

Shapes: B rows (one here), L canvas positions, G gap tokens, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode import head
from dgemma.decode.denoise import DenoiseStep, denoise
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma

ROWS_AT_ONCE = 8
"""Positions whose logits are in memory at a time: 8 MB with a vocabulary of 262,144."""


@torch.inference_mode()
def fill(
    network: DiffusionGemma,
    cache: KVCache,
    sampler: SamplerConfig,
    generator: head.Generators,
    gap_length: int,
    suffix: Sequence[int],
    forbidden: Sequence[int] = (),
) -> Iterator[DenoiseStep]:
    """Denoises a gap of `gap_length` positions between the cache's tokens and `suffix`, which is pinned; one row.

    The canvas is as long as gap and suffix together. `forbidden` ids (end tokens, for example) cannot appear in the
    gap. A gap takes at most 2 G + 4 steps, over which the temperature falls: if several words fit, more steps mostly
    waver between them (docs/log.md). Raises UsageError for an empty gap.
    """
    if gap_length < 1:
        raise UsageError(f"A gap must have at least one token, not {gap_length}.")
    steps = min(sampler.max_denoising_steps, 2 * gap_length + 4)
    noise = head.random_ids(network.config.vocab_size, (1, gap_length), generator, network.device)
    given = torch.tensor([list(suffix)], dtype=torch.long, device=network.device)
    canvas_BL = torch.cat((noise, given), dim=1)
    pinned_BL = torch.zeros_like(canvas_BL, dtype=torch.bool)
    pinned_BL[:, gap_length:] = True
    return denoise(
        network,
        cache,
        replace(sampler, max_denoising_steps=steps),
        generator,
        canvas_BL.shape[1],
        canvas_BL=canvas_BL,
        forbidden=forbidden,
        pinned_BL=pinned_BL,
    )


@torch.inference_mode()
def fill_score(
    network: DiffusionGemma, cache: KVCache, last_hidden_D: Tensor, filling: Sequence[int], suffix: Sequence[int]
) -> float:
    """A score that compares fillings of different lengths before the same suffix; leaves the cache unchanged.

    log p(suffix | filling) + log p(filling) / sqrt(G), both causal. Every token lowers the sum, so the filling's part
    is normalised by its length (as in Wu et al. 2016, arXiv 1609.08144, equation 14). `last_hidden_D` is the hidden
    state of the last cached token.
    """
    snapshot = cache.snapshot()
    tokens = torch.tensor([[*filling, *suffix]], device=network.device)
    hidden_TD = network.encode(tokens, cache)[0]
    cache.truncate(snapshot)
    before_TD = torch.cat((last_hidden_D[None], hidden_TD[:-1]))
    logprobs_T = log_probabilities(network, before_TD, tokens[0])
    return float(logprobs_T[: len(filling)].sum() / len(filling) ** 0.5 + logprobs_T[len(filling) :].sum())


def log_probabilities(network: DiffusionGemma, hidden_ND: Tensor, ids_N: Tensor) -> Tensor:
    """The log probability of each id at its hidden state, computed a few positions at a time -> float32 [N]."""
    rows = []
    for hidden_RD, ids_R in zip(hidden_ND.split(ROWS_AT_ONCE), ids_N.split(ROWS_AT_ONCE), strict=True):
        logits_RV = network.logits(hidden_RD)
        rows.append(logits_RV.gather(1, ids_R[:, None])[:, 0] - logits_RV.logsumexp(-1))
    return torch.cat(rows)
