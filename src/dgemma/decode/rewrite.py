"""A given text as the draft of an answer: the causal mode goes through it and writes where it would not say the same.

What it agrees with is kept as it stands, many tokens a pass. Where it does not, it writes a token of its own, and the
given text is taken up again where it goes on as the answer does; so words are replaced, added and dropped.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from dgemma.cache import KVCache
from dgemma.decode.verify import Verified, verify
from dgemma.model import DiffusionGemma

TEXT_LENGTH = 32
"""Positions of the given text that a pass reads: most of them stay, unlike those of a denoiser's draft."""
REACH = 12
"""How far from where it broke off, in tokens, the given text may be taken up again."""
CONTEXT = 4
"""Tokens of the answer that tell where that is."""


def rewrite(
    network: DiffusionGemma,
    cache: KVCache,
    text: Sequence[int],
    strength: float,
    most: int,
    last_hidden_D: Tensor,
    end_ids: Collection[int],
    forbidden: Sequence[int] = (),
) -> Iterator[Verified]:
    """Yields what is kept of the text and written instead, pass by pass, without end: the consumer stops at an end id
    or at `most` tokens, so many and one more the cache must have room for.

    A token of the text stays while the causal mode finds it at least `strength` times as likely as its own choice: 0
    keeps the whole text, 1 what the causal mode itself would say. `forbidden` ids are not written. Works on a cache of
    one row.
    """
    written: list[int] = []
    # The last token that was written, where it is not encoded yet: it heads the next draft.
    known: list[int] = []
    place = 0
    while True:
        part = text[place : place + max(0, min(TEXT_LENGTH, most - len(written)))]
        ends = place + len(part) >= len(text) and bool(end_ids)
        found = verify(
            network,
            cache,
            [*known, *part, *([min(end_ids)] if ends else [])],
            last_hidden_D,
            known=len(known),
            end_ids=end_ids,
            forbidden_first=() if written else tuple(end_ids),
            forbidden=forbidden,
            good_enough=strength,
        )
        last_hidden_D = found.last_hidden_D
        if len(found.token_ids) > len(part) and place + len(part) < len(text):
            # All of it stays, so what follows is the text's next token, not the causal mode's.
            found = replace(found, token_ids=found.token_ids[:-1], entropies=found.entropies[:-1])
            known, place = [], place + len(part)
            written += found.token_ids
        else:
            written += found.token_ids
            known, place = written[-1:], resume(text, written, place + len(found.token_ids) - 1)
        yield found


def resume(text: Sequence[int], written: Sequence[int], place: int) -> int:
    """Where the text goes on after what is written, when it was broken off at `place`: behind the nearest run of it
    that ends as the answer does, the longest such run first; `place` itself where no token near it is the last one."""
    best, found = (0, 0), place
    for at in range(max(0, place - REACH), min(len(text), place + REACH)):
        same = 0
        while same < CONTEXT and same <= at and same < len(written) and text[at - same] == written[-1 - same]:
            same += 1
        if same and (same, -abs(at - place)) > best:
            best, found = (same, -abs(at - place)), at + 1
    return found
