"""Drafts copied from the prompt: an answer that repeats part of the prompt is likely to go on repeating it.

Finds the last tokens of the answer in the prompt and drafts the tokens that follow there; the longest match wins
(Inference with Reference, arXiv 2304.04487). Copies are only proposals: `decode.verify` decides which tokens are kept.
"""

from collections.abc import Sequence

COPY_LENGTH = 16
"""Positions of a copied draft: twice those of a denoiser's (`decode.verify.DRAFT_LENGTH`), as a copy that is kept at
all is kept for about ten tokens (docs/log.md)."""
MIN_MATCH = 2
"""The shortest match in tokens: a single token, such as a comma, says too little."""
MAX_MATCH = 8
"""The longest match in tokens: longer ones count as equally long."""


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

        Of equally long matches the last in the prompt is used. Empty if there is no match of MIN_MATCH ids.
        """
        ends = self._ends.get(tuple(written[-MIN_MATCH:]), ()) if len(written) >= MIN_MATCH else ()
        if not ends:
            return []
        best = max(ends, key=lambda end: (self._match_length(end, written), end))
        return list(self.prompt[best : best + count])

    def _match_length(self, end: int, written: Sequence[int]) -> int:
        """The number of ids, at most MAX_MATCH, that agree before `end` in the prompt and at the end of `written`."""
        most = min(MAX_MATCH, end, len(written))
        return next((n for n in range(most) if self.prompt[end - 1 - n] != written[-1 - n]), most)
