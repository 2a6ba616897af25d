"""Rewrites a given text: the text is the draft, and the causal pass verifies it and replaces what it disagrees with.

Tokens that it agrees with are kept, many per pass. Where it disagrees, it writes its own token, and drafting resumes
where the text continues as the answer does. So words are replaced, inserted and dropped.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from dgemma.cache import KVCache
from dgemma.decode.verify import Verified, verify
from dgemma.model import DiffusionGemma

TEXT_LENGTH = 32
"""Tokens of the given text verified per pass: more than for a denoiser's draft, as most of them are kept."""
REACH = 12
"""The greatest distance, in tokens, from the point of disagreement to the point where the text resumes."""
CONTEXT = 4
"""The most tokens at the end of the answer that are matched to find that point."""


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
    """Yields the tokens kept and written in each pass, without end. The caller stops at an end id or after `most`
    tokens; the cache needs room for `most` + 1.

    A token of the text is kept if the causal pass finds it at least `strength` times as likely as its own choice: 0
    keeps the whole text, 1 only what the causal pass would write itself. `forbidden` ids are not written. Works on a
    cache of one row.
    """
    written: list[int] = []
    # The last token written, if it is not encoded yet: the next draft begins with it.
    known: list[int] = []
    place = 0
    while True:
        part = text[place : place + max(0, min(TEXT_LENGTH, most - len(written)))]
        is_last = place + len(part) >= len(text) and bool(end_ids)
        found = verify(
            network,
            cache,
            [*known, *part, *([min(end_ids)] if is_last else [])],
            last_hidden_D,
            known=len(known),
            end_ids=end_ids,
            forbidden_first=() if written else tuple(end_ids),
            forbidden=forbidden,
            accept_ratio=strength,
        )
        last_hidden_D = found.last_hidden_D
        if len(found.token_ids) > len(part) and place + len(part) < len(text):
            # The whole part is kept: the next token comes from the text, not from the causal pass.
            found = replace(found, token_ids=found.token_ids[:-1], entropies=found.entropies[:-1])
            known, place = [], place + len(part)
            written += found.token_ids
        else:
            written += found.token_ids
            known, place = written[-1:], resume(text, written, place + len(found.token_ids) - 1)
        yield found


def resume(text: Sequence[int], written: Sequence[int], place: int) -> int:
    """The index at which the text resumes after a disagreement at `place`.

    It follows the longest run of the text within REACH of `place` that matches the end of the answer, of equally long
    ones the nearest; `place` itself if none matches.
    """
    best, found = (0, 0), place
    for at in range(max(0, place - REACH), min(len(text), place + REACH)):
        matched = 0
        while matched < min(CONTEXT, at + 1, len(written)) and text[at - matched] == written[-1 - matched]:
            matched += 1
        if matched and (matched, -abs(at - place)) > best:
            best, found = (matched, -abs(at - place)), at + 1
    return found
