"""How a reply is decoded, and whether thoughts come before it: the fields for that, beyond what the APIs have of them.

Knows nothing of what a reply is held to.
"""

import secrets
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from dgemma.server.fields import (
    MAX_INTEGER,
    CanvasLength,
    DenoisingSteps,
    Seed,
    Strict,
    Temperature,
    only,
    unsupported,
    usual,
)

SEED_BITS = 31

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None
"""How much to think. The model knows no degrees: it thinks, or it does not."""


def thinks(effort: Effort) -> bool:
    """Whether an effort asks for thinking."""
    return effort not in (None, "none", "minimal")


def _all_of_them(value: Any) -> Any:
    # vLLM's word for all tokens; zero is that of everybody else.
    return 0 if type(value) is int and value == -1 else value


class DecodingFields(Strict):
    """How a reply is decoded. All endpoints take these, beyond what their APIs have of them.

    mode                 diffusion, autoregressive, or auto; the three names and what follows are `LLM.generate`'s
    temperature          diffusion: scales the schedule, 1 by default; autoregressive: 0, greedy, by default
    top_p, top_k         autoregressive only; 1, and 0 or -1, are neutral
    canvas_length        tokens per canvas            max_denoising_steps  at most so many steps a canvas
    seed                 the same seed gives the same reply; without one each request draws its own, told in the usage

    The rest is what vLLM's clients send with its neutral value.
    """

    mode: Annotated[Literal["diffusion", "autoregressive", "auto"], usual("diffusion")] = "diffusion"
    temperature: Temperature = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    top_k: Annotated[int | None, Field(ge=0, le=MAX_INTEGER), BeforeValidator(_all_of_them)] = None
    canvas_length: CanvasLength = None
    max_denoising_steps: DenoisingSteps = None
    seed: Seed = None
    min_p: Annotated[None, only(0, 0.0)] = None
    repetition_penalty: Annotated[None, only(1, 1.0)] = None
    ignore_eos: Annotated[None, only(False)] = None
    skip_special_tokens: Annotated[None, only(True)] = None

    @field_validator("top_p", "top_k")
    @classmethod
    def _autoregressive_only(cls, value: float | None, info: ValidationInfo) -> float | None:
        neutral = 1 if info.field_name == "top_p" else 0
        if value not in (None, neutral) and info.data.get("mode") != "autoregressive":
            raise unsupported("works with mode 'autoregressive' only; leave it out, or set that mode")
        return value

    @field_validator("canvas_length", "max_denoising_steps")
    @classmethod
    def _diffusion_only(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("mode") == "autoregressive":
            raise unsupported("does not work with mode 'autoregressive'; leave it out, or change the mode")
        return value

    def decoding(self) -> dict[str, Any]:
        """The options of `LLM.submit`."""
        options: dict[str, Any] = {"mode": self.mode, "temperature": self.temperature}
        options |= {"canvas_length": self.canvas_length, "max_denoising_steps": self.max_denoising_steps}
        if self.mode == "autoregressive":
            options |= {"top_k": self.top_k or 0, "top_p": 1.0 if self.top_p is None else self.top_p}
        return options

    def seed_or_new(self) -> int:
        """The seed that was asked for, or one that nobody has had before."""
        return seed_or_new(self.seed)


def seed_or_new(seed: int | None) -> int:
    """A seed that was asked for, or one that nobody has had before."""
    return secrets.randbits(SEED_BITS) if seed is None else seed
