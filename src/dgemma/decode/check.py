"""Drafts of the denoiser that the causal mode of the same weights checks, as in speculative decoding.

The denoiser guesses every position of a canvas at once; the encoder, an ordinary causal language model, reads the whole
guess in one pass and says what it would have written at each position. The beginning on which both agree is kept, and
the causal mode's own token behind it. What comes out is close to causal decoding, several tokens a pass (compare
arXiv 2211.17192; here one network is both drafter and judge, and the check is also the commit).

A canvas that the denoiser is sure of from the first look, such as a puzzle it solves as a whole, needs no check and
gains nothing from one: `is_unsure` tells the two apart. Works on a cache of one row.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.decode.constrain import Walk
from dgemma.decode.denoise import DenoiseStep
from dgemma.model import DiffusionGemma

DRAFT_LENGTH = 8
"""Positions of a draft: of longer ones hardly more is kept, and each costs twice (docs/log.md)."""
FIRST_LOOK = 32
"""Positions that tell whether a canvas is to be checked: a text's are, and a short puzzle fits in them."""
UNSURE_NATS = 0.7
UNSURE_SHARE = 0.25
"""A canvas is left to the denoiser when fewer than this share of its positions are above UNSURE_NATS in the first step:
Sudoku, and little else, with the embedded model (docs/log.md)."""
GOOD_ENOUGH = 0.8
"""A drafted token stands when the causal mode finds it at least this share as likely as its own best, so that the seed
matters where both would do; at 0.3 it costs accuracy (docs/log.md)."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check keeps of a draft.

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
def check(
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
) -> Checked:
    """Encodes `draft`, of which the first `known` ids are certain, and keeps what the causal mode agrees with.

    `last_hidden_D` is the hidden state of the last token in the cache, from which the first id of the draft is judged;
    `forbidden_first` ids cannot be that, `forbidden` ones none. With a `constraint`, which stands where the known ids
    end, only ids that keep to it can be agreed with or written. `good_enough`, else GOOD_ENOUGH, is the share of the
    best id's probability that an id needs.
    Afterwards the cache holds all that is kept but the last id. An agreed end token ends what is kept.
    """
    before = cache.length
    states_TD = last_hidden_D[None]
    if draft:
        hidden_TD = network.encode(torch.tensor([list(draft)], device=network.device), cache)[0]
        states_TD = torch.cat((states_TD, hidden_TD))
    logits_TV = network.logits(states_TD)
    if forbidden_first:
        logits_TV[0, list(forbidden_first)] = -torch.inf
    if forbidden:
        logits_TV[:, list(forbidden)] = -torch.inf
    margin = math.log(max(GOOD_ENOUGH if good_enough is None else good_enough, 1e-300))
    allowed = len(draft)
    if constraint is not None:
        allowed = known + _restrict(logits_TV[known:], draft[known:], constraint, margin)
    logprobs_TV = logits_TV.log_softmax(-1).clamp(min=torch.finfo(torch.float32).min)
    best_T = logprobs_TV.argmax(-1)
    guess_T = torch.tensor(list(draft), dtype=torch.long, device=network.device)
    good_T = _good_enough(logprobs_TV[: len(draft)], guess_T, margin)
    good_T[:known] = True
    agreed = max(known, min(int(good_T.long().cumprod(0).sum()), end_of(draft, end_ids), allowed))
    ids = list(draft[known:agreed])
    if not ids or ids[-1] not in end_ids:
        ids.append(int(best_T[agreed]))
    cache.truncate(before + agreed)
    kept_TV = logprobs_TV[known : known + len(ids)]
    best = kept_TV.topk(min(top_k, kept_TV.shape[-1])) if top_k else None
    return Checked(
        token_ids=tuple(ids),
        entropies=tuple((-(kept_TV.exp() * kept_TV).sum(-1)).tolist()),
        logprobs=tuple(row[token] for row, token in zip(kept_TV.tolist(), ids, strict=True)) if top_k else (),
        top=() if best is None else _pairs(best.indices.tolist(), best.values.tolist()),
        last_hidden_D=states_TD[agreed],
    )


def _good_enough(scores_TV: Tensor, ids_T: Tensor, margin: float) -> Tensor:
    """Logits or log probabilities [T, V] -> boolean [T]: which ids are not much less likely than the best."""
    return scores_TV.gather(-1, ids_T[:, None])[:, 0] >= scores_TV.amax(-1) + margin


def _restrict(logits_TV: Tensor, draft: Sequence[int], walk: Walk, margin: float) -> int:
    """Takes from each row what the constraint does not allow behind the draft so far, as far as the draft is good
    -> how many of its ids that is: rows behind them are as they were."""
    for row, token in enumerate(draft):
        logits_TV[row] = walk.restrict(logits_TV[row])
        guess_1 = torch.tensor([token], device=logits_TV.device)
        if not _good_enough(logits_TV[row : row + 1], guess_1, margin):
            return row
        walk = walk.after([token])
    logits_TV[len(draft)] = walk.restrict(logits_TV[len(draft)])
    return len(draft)


def _pairs(ids: list[list[int]], logprobs: list[list[float]]) -> tuple[tuple[tuple[int, float], ...], ...]:
    return tuple(tuple(zip(*row, strict=True)) for row in zip(ids, logprobs, strict=True))
