"""Verifies drafts with the causal pass of the same network, as in speculative decoding.

The denoiser drafts every position of a canvas at once; the encoder, an ordinary causal language model, reads the whole
draft in one pass and gives its own next token at each position. The prefix on which both agree is kept, followed by the
causal pass's own token. The result is close to causal decoding, at several tokens per pass (compare arXiv 2211.17192;
here one network is both drafter and verifier, and the verification is also the commit).

A canvas that is certain from its first step, such as a puzzle solved as a whole, gains nothing from verification:
`is_unsure` distinguishes the two. Works on a cache of one row.
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
from dgemma.decode.forbidden import Forbidden
from dgemma.decode.passes import Passes
from dgemma.errors import NotFiniteError
from dgemma.fused_calls import HeadCall, compute
from dgemma.model import DiffusionGemma

DRAFT_LENGTH = 8
"""Positions of a draft: hardly more is kept of longer ones, and each position costs twice (docs/log.md)."""
FIRST_LOOK = 32
"""Positions of the step that decides whether a canvas is verified: enough for text, and a short puzzle fits in them."""
UNSURE_NATS = 0.7
UNSURE_SHARE = 0.25
"""A canvas is not verified if fewer than this share of its positions are above UNSURE_NATS in its first step. With the
embedded model that is Sudoku, and little else (docs/log.md)."""
ACCEPT_RATIO = 0.8
"""A drafted token is kept if the causal pass finds it at least this many times as likely as its own choice. Below 1 so
that the seed matters where several tokens would do; 0.3 costs accuracy (docs/log.md)."""

Pairs = tuple[tuple[int, float], ...]
"""Ids with their log probabilities, likeliest first."""


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The result of verifying a draft.

    token_ids      the ids agreed on after the known ones, then the causal pass's own. The last one is not encoded yet,
                   unless it is an end token agreed on
    entropies      nats, of the causal pass at each of these
    logprobs       the causal pass's log probability of each; empty without `top_k`
    top            the `top_k` likeliest ids at each, with their log probabilities; empty without `top_k`
    last_hidden_D  the hidden state of the last encoded token, which is the last one in the cache
    """

    token_ids: tuple[int, ...]
    entropies: tuple[float, ...]
    logprobs: tuple[float, ...]
    top: tuple[Pairs, ...]
    last_hidden_D: Tensor


def is_unsure(step: DenoiseStep, end_ids: Collection[int]) -> bool:
    """Whether a canvas should be verified: in its first step at least UNSURE_SHARE of the positions up to the first end
    token are uncertain. For canvases of one row."""
    entropies = step.entropy_BL[0, : end_of(step.argmax_BL[0].tolist(), end_ids)]
    return float((entropies > UNSURE_NATS).float().mean()) >= UNSURE_SHARE


def end_of(ids: Sequence[int], end_ids: Collection[int]) -> int:
    """One past the index of the first end token; the length of `ids` if there is none."""
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
    accept_ratio: float | None = None,
    top_k: int = 0,
    passes: Passes | None = None,
) -> Verified:
    """Encodes `draft` in one pass and keeps the prefix that the causal pass agrees with.

    last_hidden_D    the hidden state of the last token in the cache, which predicts the first id of the draft
    known            the number of ids at the start of the draft that are certain and not verified
    end_ids          an agreed end token ends what is kept
    forbidden_first  ids that the first id cannot be, unless it is known; `forbidden`: ids that none can be
    constraint       the automaton's state after the known ids: only ids valid in it are agreed with or written
    accept_ratio      the share of the best id's probability that a drafted id needs; by default ACCEPT_RATIO
    top_k            the number of likeliest ids reported for each token
    passes           encodes instead of `network`, such as `graphs.RecordedPasses`

    Afterwards the cache holds the known ids and those of the result that are encoded. Raises NotFiniteError if the
    logits at the first id are not finite; later ones end what is kept.
    """
    passes = network if passes is None else passes
    before, unverified = cache.length, draft[known:]
    states_TD = last_hidden_D[None]
    if draft:
        hidden_TD = passes.encode(torch.tensor([list(draft)], device=network.device), cache)[0]
        # Each state predicts the id after it; the last known id's state predicts the first one that is verified.
        states_TD = hidden_TD[known - 1 :] if known else torch.cat((states_TD, hidden_TD))
    excluded = Forbidden.of(() if known else forbidden_first, forbidden)
    margin = math.log(max(ACCEPT_RATIO if accept_ratio is None else accept_ratio, 1e-300))
    fused_head = network.fused_head() if constraint is None and not top_k else None
    if fused_head is not None:
        verdict = _verdict_of_head(fused_head, states_TD, unverified, excluded, margin)
    else:
        logits_TV = network.logits(states_TD)
        excluded.mask(logits_TV)
        verdict = _verdict_of_logits(logits_TV, unverified, constraint, margin)
    agreed = sum(1 for _ in takewhile(bool, verdict.agrees[: end_of(unverified, end_ids)]))
    ids = list(unverified[:agreed])
    if not ids or ids[-1] not in end_ids:
        if math.isfinite(verdict.entropies[agreed]):
            ids.append(verdict.best[agreed])
        elif ids:
            # The last one agreed on is left to the next pass, which reads these logits first.
            agreed -= 1
        else:
            raise NotFiniteError
    cache.truncate(before + known + agreed)
    logprobs, top = verdict.logprobs_of(ids, top_k)
    return Verified(
        token_ids=tuple(ids),
        entropies=tuple(verdict.entropies[: len(ids)]),
        logprobs=logprobs,
        top=top,
        last_hidden_D=states_TD[agreed],
    )


@dataclass(frozen=True, kw_only=True)
class _Verdict:
    """The causal pass's verdict on a draft of T ids.

    best, entropies  its own id and its entropy in nats at each position and at the one after the draft: T + 1
    agrees           whether each drafted id is likely enough: T
    logprobs_TV      its log probabilities at all T + 1 positions; None if a fused head computed the verdict
    """

    best: list[int]
    entropies: list[float]
    agrees: list[bool]
    logprobs_TV: Tensor | None = None

    def logprobs_of(self, ids: Sequence[int], top_k: int) -> tuple[tuple[float, ...], tuple[Pairs, ...]]:
        """The log probability of each of these ids, which begin at the first position, and the `top_k` likeliest ids
        there with theirs; nothing without `top_k`."""
        if not top_k or self.logprobs_TV is None:
            return (), ()
        kept_TV = self.logprobs_TV[: len(ids)]
        own_T = kept_TV.gather(-1, torch.tensor(ids, device=kept_TV.device)[:, None])[:, 0]
        best = kept_TV.topk(min(top_k, kept_TV.shape[-1]))
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return tuple(own_T.tolist()), tuple(tuple(zip(*row, strict=True)) for row in rows)


def _verdict_of_head(
    fused_head: Any, states_TD: Tensor, draft: Sequence[int], excluded: Forbidden, margin: float
) -> _Verdict:
    """The verdict of the head as one kernel (`ops.native.head.Head`)."""
    reading = compute(HeadCall(head=fused_head, hidden_ND=states_TD, forbidden_pairs=excluded.pairs()))
    count = len(draft)
    agrees_T = _is_likely_enough(reading.logits_NV[:count], draft, margin, reading.maximum_N[:count])
    return _Verdict(best=reading.likeliest_N.tolist(), entropies=reading.entropy_N.tolist(), agrees=agrees_T.tolist())


def _verdict_of_logits(logits_TV: Tensor, draft: Sequence[int], constraint: Walk | None, margin: float) -> _Verdict:
    """The verdict from logits [T + 1, V], which a constraint restricts in place."""
    count = len(draft)
    verified = count if constraint is None else _restrict(logits_TV, draft, constraint, margin)
    logprobs_TV = logits_TV.log_softmax(-1).clamp(min=torch.finfo(torch.float32).min)
    agrees_T = _is_likely_enough(logprobs_TV[:count], draft, margin)
    agrees_T[verified:] = False
    return _Verdict(
        best=logprobs_TV.argmax(-1).tolist(),
        entropies=(-(logprobs_TV.exp() * logprobs_TV).sum(-1)).tolist(),
        agrees=agrees_T.tolist(),
        logprobs_TV=logprobs_TV,
    )


def _is_likely_enough(scores_TV: Tensor, ids: Sequence[int], margin: float, best_T: Tensor | None = None) -> Tensor:
    """Whether the score of each id is at least the best one plus `margin` (<= 0) -> boolean [T].

    Scores are logits or log probabilities; `best_T`, the maximum of each row, is computed if not given.
    """
    best_T = scores_TV.amax(-1) if best_T is None else best_T
    ids_T1 = torch.tensor(list(ids), dtype=torch.long, device=scores_TV.device)[:, None]
    return scores_TV.gather(-1, ids_T1)[:, 0] >= best_T + margin


def _restrict(logits_TV: Tensor, draft: Sequence[int], constraint: Walk, margin: float) -> int:
    """Removes from each row the ids that the constraint does not allow after the drafted ids before it.

    Stops at the first drafted id that is not likely enough -> the number of ids before it; later rows are unchanged.
    """
    for row, token in enumerate(draft):
        logits_TV[row] = allowed_V = constraint.restrict(logits_TV[row])
        if not float(allowed_V[token]) >= float(allowed_V.max()) + margin:
            return row
        constraint = constraint.after([token])
    logits_TV[len(draft)] = constraint.restrict(logits_TV[len(draft)])
    return len(draft)
