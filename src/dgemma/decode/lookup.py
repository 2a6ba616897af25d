"""The prompt as a source of drafts: where an answer copies, what follows in the prompt is likely to follow in it.

Where the last tokens of the answer stand in the prompt, the prompt's next ones are the guess, the longest such run
first (Inference with Reference, arXiv 2304.04487). Promises guesses only: a check decides what stands.
"""

from collections.abc import Sequence

COPY_LENGTH = 16
"""Positions of a copy: twice a draft's, as a copy that holds at all holds for ten tokens or so (docs/log.md)."""
SHORTEST = 2
"""Tokens of the answer that must stand in the prompt: one alone, such as a comma, says too little."""
LONGEST = 8
"""Tokens behind which longer runs are not told apart."""


class PromptLookup:
    """An index of one prompt."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self.prompt = tuple(prompt)
        self._ends: dict[tuple[int, ...], list[int]] = {}
        for end in range(SHORTEST, len(self.prompt)):
            self._ends.setdefault(self.prompt[end - SHORTEST : end], []).append(end)

    def after(self, written: Sequence[int], count: int) -> list[int]:
        """At most `count` ids that follow, in the prompt, the longest run that `written` ends with; of equal ones the
        last. Nothing where no run of SHORTEST ids is in it."""
        ends = self._ends.get(tuple(written[-SHORTEST:]), ()) if len(written) >= SHORTEST else ()
        if not ends:
            return []
        best = max(ends, key=lambda end: (self._run(end, written), end))
        return list(self.prompt[best : best + count])

    def _run(self, end: int, written: Sequence[int]) -> int:
        """How many ids before `end` are the last ones written."""
        most = min(LONGEST, end, len(written))
        return next((n for n in range(most) if self.prompt[end - 1 - n] != written[-1 - n]), most)
