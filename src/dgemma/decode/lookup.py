"""Copies from the prompt: an answer that repeats part of the prompt is likely to go on repeating it.

Finds the last tokens of the answer in the prompt and proposes the tokens that follow there; the longest match wins
(Inference with Reference, arXiv 2304.04487). The causal pass decides which of them are kept: in `decode.verify` instead
of a draft of the denoiser, in `decode.autoregressive` those that are its own next tokens.
"""

from collections.abc import Collection, Sequence
from itertools import takewhile

COPY_LENGTH = 16
"""Positions of a copied draft: twice those of a denoiser's (`decode.verify.DRAFT_LENGTH`), as a copy that is kept at
all is kept for about ten tokens (docs/log.md)."""
SHORT_COPY = 8
"""Positions of a copy between single tokens, where a longer pass costs more, compared with a token (docs/log.md)."""
MIN_MATCH = 2
"""The shortest match in tokens: a single token, such as a comma, says too little."""
MAX_MATCH = 8
"""The longest match in tokens: longer ones count as equally long."""
MAX_PLACES = 256
"""The most places in the prompt that are compared, the last ones: a run that the prompt repeats without end is slow."""
_CREDIT = 2.0
"""The most credit of `Copies`, and that of the start. With 1, the first failed try ends the copying of many answers;
with 3, answers that never copy lose more (docs/log.md)."""
_EARNED = 1 / 16
"""The credit that every pass earns."""


class PromptLookup:
    """An index of one prompt, to find matches of the answer's last tokens."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self.prompt = tuple(prompt)
        # For each run of MIN_MATCH ids: the indices at which it ends in the prompt.
        self._ends: dict[tuple[int, ...], list[int]] = {}
        for end in range(MIN_MATCH, len(self.prompt)):
            self._ends.setdefault(self.prompt[end - MIN_MATCH : end], []).append(end)

    def after(self, written: Sequence[int], count: int) -> list[int]:
        """At most `count` ids that follow, in the prompt, the longest match of the end of `written`.

        Of equally long matches the last in the prompt is used. Empty if there is no match of MIN_MATCH ids. Of a run
        that occurs very often, only the last MAX_PLACES places are compared.
        """
        ends = self._ends.get(tuple(written[-MIN_MATCH:]), ()) if len(written) >= MIN_MATCH else ()
        if not ends:
            return []
        best = max(ends[-MAX_PLACES:], key=lambda end: (self._match_length(end, written), end))
        return list(self.prompt[best : best + count])

    def _match_length(self, end: int, written: Sequence[int]) -> int:
        """The number of ids, at most MAX_MATCH, that agree before `end` in the prompt and at the end of `written`."""
        most = min(MAX_MATCH, end, len(written))
        return next((n for n in range(most) if self.prompt[end - 1 - n] != written[-1 - n]), most)


class Copies:
    """Copies from one prompt for a decoder that writes one token at a time, as long as they save passes.

    Each try takes a longer pass, and each id that is kept saves one. A try costs one credit, an id that is kept earns
    one, and every pass a little, as an answer may begin to repeat the prompt at any time. Without credit nothing is
    proposed, never more than an answer of `max_new_tokens` has room for besides the decoder's own next token, and none
    of `end_ids`: the decoder writes its last token itself.
    """

    def __init__(
        self, prompt: Sequence[int], max_new_tokens: int, length: int = SHORT_COPY, end_ids: Collection[int] = ()
    ) -> None:
        self._lookup, self._left, self._length, self._end_ids = PromptLookup(prompt), max_new_tokens, length, end_ids
        self._written: list[int] = []
        self._credit = _CREDIT

    def propose(self) -> list[int]:
        """At most `length` ids that may follow those written; empty if there is no match, room or credit."""
        count = min(self._length, self._left - 1)
        found = self._lookup.after(self._written, count) if self._credit >= 1 and count > 0 else []
        copied = list(takewhile(lambda token: token not in self._end_ids, found))
        self._credit -= bool(copied)
        return copied

    def record(self, token_ids: Sequence[int]) -> None:
        """Records the ids that a pass wrote: those kept of the copy, and one of the decoder's own."""
        self._written = [*self._written, *token_ids][-MAX_MATCH:]
        self._left -= len(token_ids)
        self._credit = min(_CREDIT, self._credit + len(token_ids) - 1 + _EARNED)


def count_copies(prompt: Sequence[int], answer: Sequence[int]) -> tuple[int, int]:
    """How often `Copies` tries a copy while `answer` is written after `prompt`, and how many ids are kept in all."""
    copies, tried, kept, place = Copies(prompt, len(answer)), 0, 0, 0
    while place < len(answer):
        proposed = copies.propose()
        agreed = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(proposed, answer[place:], strict=False)))
        tried, kept = tried + bool(proposed), kept + agreed
        copies.record(answer[place : place + agreed + 1])
        place += agreed + 1
    return tried, kept
