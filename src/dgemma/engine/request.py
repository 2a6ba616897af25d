"""What goes into the engine and what comes out: Request, the three events, Stats, EngineSnapshot. Ids only, no text."""

import math
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Literal

from dgemma.decode.autoregressive import TokenSampler
from dgemma.decode.constrain import TokenAutomaton
from dgemma.errors import ConfigError, PromptError, UsageError

Mode = Literal["diffusion", "autoregressive", "auto"]
FinishReason = Literal["stop", "length", "tool_calls"]


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

    forward_passes  denoise passes, commit passes that are not also denoise passes, checks, or one pass a token; the
                    prompt's own encoding is not counted
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


MOST_STEPS = 1_000_000
"""A limit far above any use, below which the schedule's arithmetic holds."""


def check_numbers(request: Request) -> None:
    """Raises UsageError for what must be a whole number and is none, ConfigError for an impossible temperature."""
    numbers = {"max_new_tokens": request.max_new_tokens, "seed": request.seed}
    optional = {
        "canvas_length": request.canvas_length,
        "max_denoising_steps": request.max_denoising_steps,
        "logprobs": request.top_logprobs,
    }
    for name, value in (numbers | {name: value for name, value in optional.items() if value is not None}).items():
        if not isinstance(value, Integral):
            raise UsageError(f"{name} is a whole number, not {value!r}.")
    if (request.max_denoising_steps or 0) > MOST_STEPS:
        raise UsageError(f"max_denoising_steps must be at most {MOST_STEPS}, not {request.max_denoising_steps}.")
    if not (isinstance(request.temperature, Real) and 0 <= request.temperature < math.inf):
        raise ConfigError(f"temperature is a number of at least 0, not {request.temperature!r}.")
    if not -(2**63) <= request.seed < 2**63:
        raise UsageError(f"seed must lie between -2^63 and 2^63 - 1, not {request.seed}.")


def check_in_place(request: Request, vocab_size: int) -> None:
    """Raises UsageError or PromptError for a gap or a revision that cannot be."""
    in_place = request.in_place
    if in_place is None:
        return
    if request.constraint is not None:
        raise UsageError("schema, regex and choices hold an answer, not a gap or a revised text; leave them out.")
    if request.top_logprobs is not None:
        raise UsageError("logprobs tell of an answer, not of a gap or a revised text; leave them out.")
    if request.mode == "autoregressive" or request.reference:
        raise UsageError("Filling a gap and revising a text work by diffusion; leave out mode and reference.")
    given = in_place.suffix if isinstance(in_place, Infill) else in_place.text
    if not all(0 <= token < vocab_size for token in given):
        raise PromptError(f"The given text has ids outside the vocabulary 0..{vocab_size - 1}.")
    if isinstance(in_place, Infill):
        lengths = in_place.gap_lengths
        if not lengths or not all(1 <= length <= request.max_new_tokens for length in lengths):
            raise UsageError(f"Gap lengths must lie between 1 and the {request.max_new_tokens} new tokens allowed.")
    elif not given or not (isinstance(in_place.strength, Real) and 0 <= in_place.strength <= 1):
        raise UsageError("A revision needs a text and a strength between 0 and 1.")
    elif request.max_new_tokens < len(given):
        raise UsageError(f"A text of {len(given)} tokens cannot be revised within {request.max_new_tokens} tokens.")
