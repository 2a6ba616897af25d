"""Drafts of the denoiser that the causal mode of the same weights verifies, as in speculative decoding.

The denoiser guesses every position of a canvas at once; the encoder, an ordinary causal language model, reads the whole
guess in one pass and says what it would have written at each position. The beginning on which both agree is kept, and
the causal mode's own token behind it. What comes out is close to causal decoding, several tokens a pass (compare
arXiv 2211.17192; here one network is both drafter and judge, and the verification is also the commit).

A canvas that the denoiser is sure of from the first look, such as a puzzle it solves as a whole, needs no verification
and gains nothing from one: `is_unsure` tells the two apart. Works on a cache of one row.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.decode.constrain import Walk
from dgemma.decode.denoise import DenoiseStep
from dgemma.decode.head import refuse_nan
from dgemma.decode.passes import Passes
from dgemma.fused_calls import HeadCall, compute
from dgemma.model import DiffusionGemma

DRAFT_LENGTH = 8
"""Positions of a draft: of longer ones hardly more is kept, and each costs twice (docs/log.md)."""
FIRST_LOOK = 32
"""Positions that tell whether a canvas is to be verified: a text's are, and a short puzzle fits in them."""
UNSURE_NATS = 0.7
UNSURE_SHARE = 0.25
"""A canvas is left to the denoiser when fewer than this share of its positions are above UNSURE_NATS in the first step:
Sudoku, and little else, with the embedded model (docs/log.md)."""
GOOD_ENOUGH = 0.8
"""A drafted token stands when the causal mode finds it at least this share as likely as its own best, so that the seed
matters where both would do; at 0.3 it costs accuracy (docs/log.md)."""


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a verification keeps of a draft.

    token_ids     what was agreed behind the known ids, and one more token, which is not encoded yet
    entropies     nats, of the causal mode at each
    logprobs      its log probability of each token; `top`: the likeliest ids with theirs, as many as asked for
    last_hidden_D the hidden state of the last encoded token
    """

    token_ids: tuple[int, ...]
    entropies: tuple[float, ...]
    logprobs: tuple[float, ...]
    top: tuple[tuple[tuple[int, float], ...], ...]
    last_hidden_D: Tensor


def is_unsure(step: DenoiseStep, end_ids: Collection[int]) -> bool:
    """Whether a canvas should be checked, told by its first step: too many positions before the first end token are
    open. For canvases of one row."""
    entropies = step.entropy_BL[0, : end_of(step.argmax_BL[0].tolist(), end_ids)]
    return float((entropies > UNSURE_NATS).float().mean()) >= UNSURE_SHARE


def end_of(ids: Sequence[int], end_ids: Collection[int]) -> int:
    """One past the first end token; all of them where there is none."""
    return next((index + 1 for index, token in enumerate(ids) if token in end_ids), len(ids))


@torch.inference_mode()
def verify(
    network: DiffusionGemma,
    cache: KVCache,
    draft: Sequence[int],
    last_hidden_D: Tensor,
    known: int = 0,
    end_ids: Collection[int] = (),
    forbidden_first: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    constraint: Walk | None = None,
    good_enough: float | None = None,
    top_k: int = 0,
    passes: Passes | None = None,
) -> Verified:
    """Encodes `draft`, of which the first `known` ids are certain, and keeps what the causal mode agrees with.

    `last_hidden_D` is the hidden state of the last token in the cache, from which the first id of the draft is judged;
    `forbidden_first` ids cannot be that, `forbidden` ones none. With a `constraint`, which stands where the known ids
    end, only ids that keep to it can be agreed with or written. `good_enough`, else GOOD_ENOUGH, is the share of the
    best id's probability that an id needs. `passes` encodes instead of the network's own method.
    Afterwards the cache holds all that is kept but the last id. An agreed end token ends what is kept.
    """
    passes = network if passes is None else passes
    before, judged = cache.length, draft[known:]
    states_TD = last_hidden_D[None]
    if draft:
        hidden_TD = passes.encode(torch.tensor([list(draft)], device=network.device), cache)[0]
        # What follows a known id is judged from its hidden state.
        states_TD = hidden_TD[known - 1 :] if known else torch.cat((states_TD, hidden_TD))
    forbidden_first = () if known else forbidden_first
    margin = math.log(max(GOOD_ENOUGH if good_enough is None else good_enough, 1e-300))
    in_one = network.fused_head() if constraint is None and not top_k else None
    if in_one is not None:
        barred = [(0, token) for token in forbidden_first] + [(-1, token) for token in forbidden]
        reading = compute(HeadCall(head=in_one, hidden_ND=states_TD, barred=barred))
        opinion = _opinion_in_one(reading, judged, margin)
    else:
        logits_TV = network.logits(states_TD)
        if forbidden_first:
            logits_TV[0, list(forbidden_first)] = -torch.inf
        if forbidden:
            logits_TV[:, list(forbidden)] = -torch.inf
        opinion = _opinion(logits_TV, judged, constraint, margin)
    refuse_nan(sum(opinion.entropies))
    agreed = sum(1 for _ in takewhile(bool, opinion.agrees[: end_of(judged, end_ids)]))
    ids = list(judged[:agreed])
    if not ids or ids[-1] not in end_ids:
        ids.append(opinion.best[agreed])
    cache.truncate(before + known + agreed)
    logprobs, top = (), ()
    if top_k and opinion.logprobs_TV is not None:
        kept_TV = opinion.logprobs_TV[: len(ids)]
        best = kept_TV.topk(min(top_k, kept_TV.shape[-1]))
        top = _pairs(best.indices.tolist(), best.values.tolist())
        logprobs = tuple(row[token] for row, token in zip(kept_TV.tolist(), ids, strict=True))
    return Verified(
        token_ids=tuple(ids),
        entropies=tuple(opinion.entropies[: len(ids)]),
        logprobs=logprobs,
        top=top,
        last_hidden_D=states_TD[agreed],
    )


@dataclass(frozen=True, kw_only=True)
class _Opinion:
    """What the causal mode thinks of a draft of T ids: its own id and its entropy for each and for what follows,
    T + 1 in all, and whether it agrees with each; logprobs_TV where they were made."""

    best: list[int]
    entropies: list[float]
    agrees: list[bool]
    logprobs_TV: Tensor | None = None


def _opinion_in_one(reading: Any, draft: Sequence[int], margin: float) -> _Opinion:
    """From a compiled reading of the head (`ops.native.head.VocabularyReading`)."""
    count = len(draft)
    agrees_T = _good_enough(reading.logits_NV[:count], draft, margin, reading.maximum_N[:count])
    return _Opinion(best=reading.likeliest_N.tolist(), entropies=reading.entropy_N.tolist(), agrees=agrees_T.tolist())


def _opinion(logits_TV: Tensor, draft: Sequence[int], walk: Walk | None, margin: float) -> _Opinion:
    """From the logits; with a constraint in what it allows."""
    count = len(draft)
    allowed = count if walk is None else _restrict(logits_TV, draft, walk, margin)
    logprobs_TV = logits_TV.log_softmax(-1).clamp(min=torch.finfo(torch.float32).min)
    agrees_T = _good_enough(logprobs_TV[:count], draft, margin)
    agrees_T[allowed:] = False
    return _Opinion(
        best=logprobs_TV.argmax(-1).tolist(),
        entropies=(-(logprobs_TV.exp() * logprobs_TV).sum(-1)).tolist(),
        agrees=agrees_T.tolist(),
        logprobs_TV=logprobs_TV,
    )


def _good_enough(scores_TV: Tensor, ids: Sequence[int], margin: float, best_T: Tensor | None = None) -> Tensor:
    """Logits or log probabilities [T, V] -> boolean [T]: which ids are not much less likely than the best."""
    best_T = scores_TV.amax(-1) if best_T is None else best_T
    ids_T1 = torch.tensor(list(ids), dtype=torch.long, device=scores_TV.device)[:, None]
    return scores_TV.gather(-1, ids_T1)[:, 0] >= best_T + margin


def _restrict(logits_TV: Tensor, draft: Sequence[int], walk: Walk, margin: float) -> int:
    """Takes from each row what the constraint does not allow behind the draft so far, as far as the draft is good
    -> how many of its ids that is: rows behind them are as they were."""
    for row, token in enumerate(draft):
        logits_TV[row] = allowed_V = walk.restrict(logits_TV[row])
        if not float(allowed_V[token]) >= float(allowed_V.max()) + margin:
            return row
        walk = walk.after([token])
    logits_TV[len(draft)] = walk.restrict(logits_TV[len(draft)])
    return len(draft)


def _pairs(ids: list[list[int]], logprobs: list[list[float]]) -> tuple[tuple[tuple[int, float], ...], ...]:
    return tuple(tuple(zip(*row, strict=True)) for row in zip(ids, logprobs, strict=True))
