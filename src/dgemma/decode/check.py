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
from dgemma.decode.denoise import DenoiseStep
from dgemma.model import DiffusionGemma

DRAFT_LENGTH = 16
"""Positions of a draft: of longer ones nothing more was kept, and each costs twice (docs/log.md)."""
UNSURE_NATS = 0.5
UNSURE_SHARE = 0.25
"""A canvas is left to the denoiser when fewer than this share of its positions are above UNSURE_NATS in the first step:
at most 0.21 on Sudoku and at least 0.25 on text with the embedded model (docs/log.md)."""
GOOD_ENOUGH = 0.3
"""A drafted token stands when the causal mode finds it at least this share as likely as its own best: it costs no
accuracy, and lets the seed matter where both would do (docs/log.md)."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check keeps: the tokens behind those that were known, the last one the causal mode's own.

    token_ids     the agreed beginning of the draft and one more token, which is not encoded yet
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
    known: int,
    last_hidden_D: Tensor,
    end_ids: Collection[int] = (),
    forbidden_first: Sequence[int] = (),
    top_k: int = 0,
) -> Checked:
    """Encodes `draft`, of which the first `known` ids are certain, and keeps what the causal mode agrees with.

    `last_hidden_D` is the hidden state of the last token in the cache, from which the first id of the draft is judged.
    Afterwards the cache holds all that is kept but the last id. An agreed end token ends what is kept.
    """
    before = cache.length
    hidden_TD = network.encode(torch.tensor([list(draft)], device=network.device), cache)[0]
    states_TD = torch.cat((last_hidden_D[None], hidden_TD))
    logits_TV = network.logits(states_TD[known:])
    if forbidden_first:
        logits_TV[0, list(forbidden_first)] = -torch.inf
    logprobs_TV = logits_TV.log_softmax(-1).clamp(min=torch.finfo(torch.float32).min)
    best_T = logprobs_TV.argmax(-1)
    guessed_T = torch.tensor(list(draft[known:]), dtype=torch.long, device=network.device)
    of_best_T, of_guess_T = (logprobs_TV[: len(ids)].gather(-1, ids[:, None])[:, 0] for ids in (best_T, guessed_T))
    good_T = of_guess_T >= of_best_T[: len(guessed_T)] + math.log(GOOD_ENOUGH)
    agreed = min(int(good_T.long().cumprod(0).sum()), end_of(guessed_T.tolist(), end_ids))
    ids = guessed_T[:agreed].tolist()
    if not ids or ids[-1] not in end_ids:
        ids.append(int(best_T[agreed]))
    cache.truncate(before + known + agreed)
    kept_TV = logprobs_TV[: len(ids)]
    best = kept_TV.topk(min(top_k, kept_TV.shape[-1])) if top_k else None
    return Checked(
        token_ids=tuple(ids),
        entropies=tuple((-(kept_TV.exp() * kept_TV).sum(-1)).tolist()),
        logprobs=tuple(row[token] for row, token in zip(kept_TV.tolist(), ids, strict=True)) if top_k else (),
        top=() if best is None else _pairs(best.indices.tolist(), best.values.tolist()),
        last_hidden_D=states_TD[known + agreed],
    )


def _pairs(ids: list[list[int]], logprobs: list[list[float]]) -> tuple[tuple[tuple[int, float], ...], ...]:
    return tuple(tuple(zip(*row, strict=True)) for row in zip(ids, logprobs, strict=True))
