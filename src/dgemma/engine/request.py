"""What goes into the engine and what comes out: Request, the three events, Stats, EngineSnapshot. Ids only, no text."""

from dataclasses import dataclass, field
from typing import Literal

from dgemma.decode.autoregressive import TokenSampler
from dgemma.decode.constrain import TokenAutomaton
from dgemma.images import PreparedImage

Mode = Literal["diffusion", "autoregressive", "auto"]
FinishReason = Literal["stop", "length", "tool_calls"]

SUFFIX_SHOWN = 64
"""Tokens of a suffix that a canvas shows behind its gap."""


@dataclass(frozen=True, kw_only=True)
class Infill:
    """Writes between the prompt and `suffix`; of the `gap_lengths` (tokens) the one that reads best is taken.

    forbidden  ids, such as the special tokens, that are not written
    patience   after so many lengths in a row that read no better than an earlier one, the others are not tried
    """

    suffix: tuple[int, ...]
    gap_lengths: tuple[int, ...]
    forbidden: tuple[int, ...] = ()
    patience: int | None = None


@dataclass(frozen=True, kw_only=True)
class Revision:
    """Starts from `text` behind the prompt and rewrites what the model doubts; `strength` lies between 0 and 1.

    answers    False: the denoiser reads the text as a canvas and rewrites the tokens whose probability is below
               `strength`; their number stays. True: the text is a draft of the answer to the prompt, and the causal
               mode goes through it (`decode.rewrite`): a token stays while it is at least `strength` times as likely
               as the best one, and tokens are added and dropped as well.
    forbidden  ids, such as the special tokens, that are not written
    """

    text: tuple[int, ...]
    strength: float
    answers: bool = False
    forbidden: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Request:
    """One generation.

    prompt              ids, at least one              max_new_tokens  exact upper bound
    canvas_length       None: the model's own          temperature     scales the schedule (1.0: as published)
    max_denoising_steps None: the model's own          reference       transformers' loop, draw for draw
    turn_boundary_ids   ids that end a turn: where the prompt may be cut so that a later one can share its beginning
    in_place            None: write on from the prompt; else fill a gap or revise a text behind it, by diffusion
    skip_settled        False computes every position of a canvas in every step
    causal_check        False leaves every canvas to diffusion, even where the model asks for checks (`SamplerConfig`)
    constraint          what the answer is held to; it then ends with one of the automaton's end ids, in time
    open_end            such an answer need not end in time: it may be cut off at max_new_tokens like any other
    top_logprobs        None: no log probabilities; else those of every token and of so many likeliest ones at its place
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
    turn_boundary_ids: tuple[int, ...] = ()
    in_place: Infill | Revision | None = None
    constraint: TokenAutomaton | None = None
    open_end: bool = False
    top_logprobs: int | None = None
    images: tuple[PreparedImage, ...] = ()

    def longest_canvas(self, usual: int) -> int:
        """The positions of the longest canvas that is denoised, the model's `usual` ones where it does not say: what
        the scratch of its cache must hold."""
        if isinstance(self.in_place, Infill):
            return max(self.in_place.gap_lengths) + min(SUFFIX_SHOWN, len(self.in_place.suffix))
        length = self.canvas_length or usual
        return length if self.in_place is None else min(length, len(self.in_place.text))

    @property
    def positions_behind_prompt(self) -> int:
        """What it may take of the context besides its prompt: new tokens, or a gap and what is shown behind it."""
        return self.longest_canvas(0) if isinstance(self.in_place, Infill) else self.max_new_tokens


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A canvas in flight; it may change. Ids up to the canvas' length, each with entropy in nats and acceptance."""

    canvas: int
    step: int
    token_ids: tuple[int, ...]
    entropies: tuple[float, ...]
    accepted: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class TokenLogprobs:
    """The log probability (nats) that a token was settled with, and the likeliest ids at its place with theirs, best
    first; ids without any probability are not among them."""

    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class Stats:
    """What a generation took. Times are wall-clock, count from the submission and include the prompt's encoding.

    mode            autoregressive or diffusion, which an edit by instruction counts as, though it is checks alone
    forward_passes  denoise passes, commit passes that are not also denoise passes, checks, or one pass a token, that
                    of the first being the prompt's last; otherwise the prompt's own encoding is not counted
    prompt_tokens   those of an infill's suffix too
    canvases        a canvas that is written in checked drafts is one
    canvas_equivalents  denoise passes, each counted by the share of a canvas that it computed
    queued_ms       the part of the time that passed before the request's first turn
    reused_tokens   tokens of the prompt that an earlier request had encoded
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
        """New tokens over forward passes."""
        return self.new_tokens / max(1, self.forward_passes)

    @property
    def tokens_per_second(self) -> float:
        """New tokens over wall-clock seconds."""
        return self.new_tokens / max(1e-9, self.wall_seconds)

    @property
    def steps_per_canvas(self) -> float:
        """Denoise passes over canvases; 0 in autoregressive mode."""
        return self.denoise_steps / max(1, self.canvases)

    @property
    def equivalents_per_canvas(self) -> float:
        """Canvas equivalents over canvases: the denoise passes that would have cost as much, had none skipped a
        settled position; 0 in autoregressive mode."""
        return self.canvas_equivalents / max(1, self.canvases)

    @property
    def ms_per_step(self) -> float:
        """Wall-clock milliseconds, those in the queue left out, over forward passes."""
        return (1000 * self.wall_seconds - self.queued_ms) / max(1, self.forward_passes)


@dataclass(frozen=True, kw_only=True)
class Commit:
    """Ids that will not change any more, each with the entropy (nats) it was settled with; with the log probabilities
    as well when the request asks for them. `stats` is what all up to here took; as its times never come again, commits
    are compared without it."""

    token_ids: tuple[int, ...]
    entropies: tuple[float, ...]
    logprobs: tuple[TokenLogprobs, ...] = ()
    stats: Stats | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Finish:
    """The end: `stop` at an end token, `length` at max_new_tokens."""

    reason: FinishReason
    stats: Stats


Event = Draft | Commit | Finish


@dataclass(frozen=True, kw_only=True)
class EngineSnapshot:
    """The engine at one moment.

    active, waiting                       requests open now
    finished, cancelled, failed, refused  requests ended, and those that found no place, since the engine was made
    prompt_tokens, reused_tokens, new_tokens, turns    since then; a turn is a pass or, in autoregressive mode, a few
    kv_bytes, kv_budget_bytes             all caches: those of active requests and of kept prefixes
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
