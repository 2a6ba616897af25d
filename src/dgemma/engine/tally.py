"""The counts and limits of one request, and the events that report them.

Knows nothing of how ids are generated.
"""

import time
from collections.abc import Collection

from dgemma import memory
from dgemma.decode.denoise import DenoiseStep
from dgemma.decode.lookup import MAX_MATCH
from dgemma.decode.verify import end_of
from dgemma.engine.request import Commit, Draft, Finish, FinishReason, Infill, Request, Stats, TokenLogprobs

IMPOSSIBLE_NATS = -1e4
"""A log probability below this means impossible: the constraint or a forbidden id excluded the token."""


class Tally:
    """Counts what one request writes and takes, from its submission on.

    canvas_length  positions that count as one canvas
    tail           the last ids written, as many as `PromptLookup` reads
    """

    def __init__(self, request: Request, end_ids: Collection[int], canvas_length: int) -> None:
        self.request, self.end_ids, self.canvas_length = request, end_ids, canvas_length
        self.canvases = self.steps = self.passes = self.new_tokens = self.reused_tokens = 0
        self.equivalents = 0.0
        self.tail: list[int] = []
        self.submitted = self.opened = time.perf_counter()
        self.first_text: float | None = None

    def cut(self, ids: list[int]) -> tuple[list[int], FinishReason | None]:
        """`ids` up to the first end token (included) and within max_new_tokens, and the reason to finish, if any."""
        room = self.request.max_new_tokens - self.new_tokens
        kept = ids[: min(room, end_of(ids, self.end_ids))]
        if kept and kept[-1] in self.end_ids:
            return kept, "stop"
        return kept, "length" if len(kept) == room else None

    def commit(self, ids: list[int], entropies: tuple[float, ...], logprobs: tuple[TokenLogprobs, ...] = ()) -> Commit:
        """Counts `ids` as written -> the event."""
        self.new_tokens += len(ids)
        self.tail = [*self.tail, *ids][-MAX_MATCH:]
        self.first_text = self.first_text or time.perf_counter()
        return Commit(token_ids=tuple(ids), entropies=entropies, logprobs=logprobs, stats=self.stats())

    def count(self, step: DenoiseStep) -> None:
        """Counts one denoise step."""
        self.steps, self.passes = self.steps + 1, self.passes + 1
        self.equivalents += step.computed / (step.canvas_BL.shape[1] if self.request.in_place else self.canvas_length)
        self.first_text = self.first_text or time.perf_counter()

    def draft(self, step: DenoiseStep, length: int | None = None, number: int | None = None) -> Draft:
        """The event for the first `length` positions of a step; `number` replaces the step's own number."""
        return Draft(
            canvas=self.canvases,
            step=number or step.step,
            token_ids=tuple(step.argmax_BL[0, :length].tolist()),
            entropies=tuple(step.entropy_BL[0, :length].tolist()),
            accepted=tuple(step.accepted_BL[0, :length].tolist()),
        )

    def logprobs(self, step: DenoiseStep, count: int) -> tuple[TokenLogprobs, ...]:
        """The log probabilities of the first `count` positions; empty if the request does not ask for them."""
        if step.top_ids_BLK is None or step.top_logprobs_BLK is None or step.argmax_logprob_BL is None:
            return ()
        tops = zip(step.top_ids_BLK[0, :count].tolist(), step.top_logprobs_BLK[0, :count].tolist(), strict=True)
        chosen = step.argmax_logprob_BL[0, :count].tolist()
        return tuple(
            self.token_logprobs(logprob, tuple(zip(ids, values, strict=True)))
            for logprob, (ids, values) in zip(chosen, tops, strict=True)
        )

    def token_logprobs(self, logprob: float, top: tuple[tuple[int, float], ...]) -> TokenLogprobs:
        """`logprob` with as many of the likeliest ids as the request asks for, impossible ones left out."""
        possible = tuple(pair for pair in top[: self.request.top_logprobs] if pair[1] > IMPOSSIBLE_NATS)
        return TokenLogprobs(logprob=logprob, top=possible)

    def finish(self, reason: FinishReason | None) -> tuple[Finish, ...]:
        """The last event if there is a reason to finish, else nothing."""
        return () if reason is None else (Finish(reason=reason, stats=self.stats()),)

    def stats(self) -> Stats:
        """The counts so far."""
        # The suffix is read with every filling of the gap.
        gap = self.request.in_place if isinstance(self.request.in_place, Infill) else None
        return Stats(
            mode="autoregressive" if self.request.mode == "autoregressive" else "diffusion",
            prompt_tokens=len(self.request.prompt) + (0 if gap is None else len(gap.suffix)),
            new_tokens=self.new_tokens,
            canvases=self.canvases,
            denoise_steps=self.steps,
            forward_passes=self.passes,
            first_text_ms=1000 * ((self.first_text or self.submitted) - self.submitted),
            wall_seconds=time.perf_counter() - self.submitted,
            peak_memory_mb=memory.peak_mb(),
            queued_ms=1000 * (self.opened - self.submitted),
            reused_tokens=self.reused_tokens,
            canvas_equivalents=self.equivalents,
        )
