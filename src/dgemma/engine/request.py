"""What goes into the engine and what comes out: Request, the three events, Stats. Ids only, no text."""

from dataclasses import dataclass, field
from typing import Literal

from dgemma.decode.autoregressive import TokenSampler

Mode = Literal["diffusion", "autoregressive", "auto"]
FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One generation.

    prompt              ids, at least one              max_new_tokens  exact upper bound
    canvas_length       None: the model's own          temperature     scales the schedule (1.0: as published)
    max_denoising_steps None: the model's own          reference       transformers' loop, draw for draw
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


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A canvas in flight; it may change. Ids up to the canvas' length, each with entropy in nats and acceptance."""

    canvas: int
    step: int
    token_ids: tuple[int, ...]
    entropies: tuple[float, ...]
    accepted: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class Commit:
    """Ids that will not change any more, each with the entropy (nats) it was settled with."""

    token_ids: tuple[int, ...]
    entropies: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Stats:
    """What a generation took. Times are wall-clock and include the prompt's encoding.

    forward_passes  denoise passes + commit passes, or one pass a token; the prompt's own encoding is not counted
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

    @property
    def tokens_per_forward(self) -> float:
        """New tokens over denoise and commit passes."""
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
    def ms_per_step(self) -> float:
        """Wall-clock milliseconds over forward passes."""
        return 1000 * self.wall_seconds / max(1, self.forward_passes)


@dataclass(frozen=True, kw_only=True)
class Finish:
    """The end: `stop` at an end token, `length` at max_new_tokens."""

    reason: FinishReason
    stats: Stats


Event = Draft | Commit | Finish
