"""The engine's input and output types: Request, the three events, Stats, EngineSnapshot. Ids only, no text."""

from dataclasses import dataclass, field
from typing import Literal

from dgemma.config import Mode
from dgemma.decode.autoregressive import TokenSampler
from dgemma.decode.constrain import TokenAutomaton
from dgemma.images import PreparedImage

FinishReason = Literal["stop", "length", "tool_calls"]

SUFFIX_SHOWN = 64
"""Tokens of the suffix that an infill canvas holds after its gap."""


@dataclass(frozen=True, kw_only=True)
class Infill:
    """Writes between the prompt and `suffix`. Each of the `gap_lengths` (in tokens) is tried; the best score wins.

    forbidden  ids that are never written, such as special tokens
    patience   stop after this many lengths in a row that score no better than an earlier one; None tries all
    """

    suffix: tuple[int, ...]
    gap_lengths: tuple[int, ...]
    forbidden: tuple[int, ...] = ()
    patience: int | None = None


@dataclass(frozen=True, kw_only=True)
class Revision:
    """Edits `text`, which follows the prompt: the denoiser reads it as a canvas and rewrites the tokens whose
    probability is below `strength` (`decode.revise`). The number of tokens stays.

    strength   0 to 1; 0 keeps every token
    forbidden  ids that are never written, such as special tokens
    """

    text: tuple[int, ...]
    strength: float
    forbidden: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """Edits `text`, a draft of the answer to the prompt: the causal pass verifies it (`decode.rewrite`). A token stays
    while it is at least `strength` times as likely as the best one; tokens may be added and dropped.

    strength   0 to 1; 0 keeps every token
    forbidden  ids that are never written, such as special tokens
    """

    text: tuple[int, ...]
    strength: float
    forbidden: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Request:
    """One generation.

    prompt              ids, at least one              max_new_tokens  exact upper bound
    canvas_length       None: the model's own          temperature     scales the schedule (1.0: as published)
    max_denoising_steps None: the model's own          reference       transformers' loop, draw for draw
    turn_boundary_ids   ids that end a conversation turn: the prompt may be split there, for reuse as a prefix
    in_place            None: continue the prompt; else fill a gap after it, or revise or rewrite a text after it
    skip_settled        False: compute every position of a canvas in every step
    causal_check        False: decode every canvas by diffusion, even if the model's sampler has `causal_check`
    copy_length         in autoregressive mode, the ids copied from the prompt that a pass verifies at most; 0: none.
                        "auto" sets it
    constraint          constrains the answer, which then ends with one of the automaton's end ids within max_new_tokens
    open_end            a constrained answer need not end in time: it may be cut off at max_new_tokens like any other
    top_logprobs        None: no log probabilities; else those of every token and of this many likeliest ids
    images              in the order of the prompt, which has an image token for each of their soft tokens
    """

    prompt: tuple[int, ...]
    max_new_tokens: int
    seed: int
    mode: Mode = "diffusion"
    canvas_length: int | None = None
    max_denoising_steps: int | None = None
    temperature: float = 1.0
    token_sampler: TokenSampler = field(default_factory=TokenSampler)
    eos_token_ids: tuple[int, ...] = ()
    reference: bool = False
    skip_settled: bool = True
    causal_check: bool = True
    copy_length: int = 0
    turn_boundary_ids: tuple[int, ...] = ()
    in_place: Infill | Revision | Rewrite | None = None
    constraint: TokenAutomaton | None = None
    open_end: bool = False
    top_logprobs: int | None = None
    images: tuple[PreparedImage, ...] = ()

    def longest_canvas(self, usual: int) -> int:
        """Positions of the longest canvas that this request denoises: its cache's scratch must hold them. `usual` is
        the model's canvas length, for a request without its own."""
        if isinstance(self.in_place, Infill):
            return max(self.in_place.gap_lengths) + min(SUFFIX_SHOWN, len(self.in_place.suffix))
        length = self.canvas_length or usual
        return length if self.in_place is None else min(length, len(self.in_place.text))

    @property
    def positions_after_prompt(self) -> int:
        """Context positions needed besides the prompt: new tokens, or the longest gap and the suffix shown after it."""
        return self.longest_canvas(0) if isinstance(self.in_place, Infill) else self.max_new_tokens


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A canvas in flight; it may change. For each position its id, entropy (nats) and whether the step accepted it."""

    canvas: int
    step: int
    token_ids: tuple[int, ...]
    entropies: tuple[float, ...]
    accepted: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class TokenLogprobs:
    """The log probability (nats) of a committed token, and `top`: the likeliest ids at its position with theirs, best
    first. Impossible ids are left out."""

    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class Stats:
    """The cost of a generation. Times are wall-clock, from the submission on, and include the prompt's encoding.

    mode                autoregressive or diffusion; an edit by instruction, all verification, counts as diffusion
    forward_passes      denoise passes, commit passes that are not also denoise passes, and verifications; in
                        autoregressive mode one per token that is not copied from the prompt, the first being the
                        prompt's last pass. Other passes over the prompt are not counted
    prompt_tokens       includes the suffix of an infill
    canvases            a canvas written in verified drafts counts as one
    canvas_equivalents  denoise passes, each counted by the share of a canvas that it computed
    queued_ms           time before the request's first turn
    reused_tokens       prompt tokens taken from the prefix cache
    """

    mode: str
    prompt_tokens: int
    new_tokens: int
    canvases: int
    denoise_steps: int
    forward_passes: int
    first_text_ms: float
    wall_seconds: float
    peak_memory_mb: float
    queued_ms: float = 0.0
    reused_tokens: int = 0
    canvas_equivalents: float = 0.0

    @property
    def tokens_per_forward(self) -> float:
        """New tokens per forward pass."""
        return self.new_tokens / max(1, self.forward_passes)

    @property
    def tokens_per_second(self) -> float:
        """New tokens per wall-clock second."""
        return self.new_tokens / max(1e-9, self.wall_seconds)

    @property
    def steps_per_canvas(self) -> float:
        """Denoise passes per canvas; 0 in autoregressive mode."""
        return self.denoise_steps / max(1, self.canvases)

    @property
    def equivalents_per_canvas(self) -> float:
        """Canvas equivalents per canvas: the number of denoise passes that would cost as much if none skipped settled
        positions; 0 in autoregressive mode."""
        return self.canvas_equivalents / max(1, self.canvases)

    @property
    def ms_per_step(self) -> float:
        """Wall-clock milliseconds per forward pass, time in the queue left out."""
        return (1000 * self.wall_seconds - self.queued_ms) / max(1, self.forward_passes)


@dataclass(frozen=True, kw_only=True)
class Commit:
    """Ids that will not change any more, each with the entropy (nats) that it was settled with, and with log
    probabilities if the request asks for them. `stats` is the cost up to here; as times never repeat, commits are
    compared without it."""

    token_ids: tuple[int, ...]
    entropies: tuple[float, ...]
    logprobs: tuple[TokenLogprobs, ...] = ()
    stats: Stats | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Finish:
    """The end of a request: `stop` at an end token, `length` at max_new_tokens."""

    reason: FinishReason
    stats: Stats


Event = Draft | Commit | Finish


@dataclass(frozen=True, kw_only=True)
class EngineSnapshot:
    """The engine's counters at one moment.

    active, waiting                       requests open now
    finished, cancelled, failed           requests ended since the engine was made
    refused                               requests refused since then because the engine was full
    prompt_tokens, reused_tokens, new_tokens, turns    totals since then; a turn is one pass or, in autoregressive mode,
                                          a few
    kv_bytes, kv_budget_bytes             KV caches of active requests and kept prefixes
    prefixes                              kept prefixes
    """

    active: int
    waiting: int
    finished: int
    cancelled: int
    failed: int
    refused: int
    prompt_tokens: int
    reused_tokens: int
    new_tokens: int
    turns: int
    kv_bytes: int
    kv_budget_bytes: int
    prefixes: int
