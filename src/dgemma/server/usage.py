"""Token counts and timings of a reply, independent of any protocol; each protocol formats them itself.

Tokens per forward is new tokens over forward passes; times are wall-clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dgemma.engine.request import Stats


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens and passes of one reply, or of several together. Completion tokens include thinking tokens; prompt tokens
    include reused ones, which an earlier request encoded."""

    mode: str
    seed: int
    prompt_tokens: int
    completion_tokens: int
    thinking_tokens: int
    reused_tokens: int
    canvases: int
    denoise_steps: int
    forward_passes: int
    first_text_ms: float
    wall_seconds: float

    @classmethod
    def from_stats(cls, stats: Stats, *, seed: int, thinking_tokens: int) -> "Usage":
        """The usage of one reply from the engine's statistics."""
        return cls(
            mode=stats.mode,
            seed=seed,
            prompt_tokens=stats.prompt_tokens,
            completion_tokens=stats.new_tokens,
            thinking_tokens=thinking_tokens,
            reused_tokens=stats.reused_tokens,
            canvases=stats.canvases,
            denoise_steps=stats.denoise_steps,
            forward_passes=stats.forward_passes,
            first_text_ms=stats.first_text_ms,
            wall_seconds=stats.wall_seconds,
        )

    @classmethod
    def total(cls, usages: Sequence["Usage"], *, prompt_tokens: int, choices: int = 1) -> "Usage":
        """Sums the usage of several replies, `choices` to each prompt; `prompt_tokens` is the total of the prompts.
        Seed and first-text time are those of the first reply. Reused tokens are counted once per prompt, for its first
        reply."""
        first = usages[0]
        return cls(
            mode=first.mode,
            seed=first.seed,
            prompt_tokens=prompt_tokens,
            completion_tokens=sum(usage.completion_tokens for usage in usages),
            thinking_tokens=sum(usage.thinking_tokens for usage in usages),
            reused_tokens=sum(usage.reused_tokens for usage in usages[::choices]),
            canvases=sum(usage.canvases for usage in usages),
            denoise_steps=sum(usage.denoise_steps for usage in usages),
            forward_passes=sum(usage.forward_passes for usage in usages),
            first_text_ms=first.first_text_ms,
            wall_seconds=sum(usage.wall_seconds for usage in usages),
        )

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def diffusion(self) -> dict[str, Any]:
        """The `diffusion` object that every protocol adds to its usage."""
        return {
            "mode": self.mode,
            "seed": self.seed,
            "canvases": self.canvases,
            "denoise_steps": self.denoise_steps,
            "forward_passes": self.forward_passes,
            "tokens_per_forward": round(self.completion_tokens / max(1, self.forward_passes), 3),
            "tokens_per_second": round(self.completion_tokens / max(1e-9, self.wall_seconds), 1),
            "first_text_ms": round(self.first_text_ms, 1),
            "reused_tokens": self.reused_tokens,
            "wall_ms": round(1000 * self.wall_seconds, 1),
        }
