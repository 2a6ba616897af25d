"""The request fields that control decoding and thinking.

Knows nothing of constraints (`constraint_fields.py`).
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
    null_means,
    only,
    unsupported,
)

SEED_BITS = 31

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None
"""Reasoning effort. The model has no degrees: it thinks, or it does not."""


def thinks(effort: Effort) -> bool:
    """Whether an effort turns thinking on."""
    return effort not in (None, "none", "minimal")


def _minus_one_as_zero(value: Any) -> Any:
    # vLLM also accepts -1 for "all tokens", which is 0 here.
    return 0 if type(value) is int and value == -1 else value


class DecodingFields(Strict):
    """Decoding options, accepted by every chat and completion endpoint beside the fields of its API.

    mode                 diffusion, autoregressive or auto; all fields here mean what they mean in `LLM.generate`
    temperature          diffusion: scales the schedule, 1 by default; autoregressive: 0 (greedy) by default
    top_p, top_k         autoregressive only; top_p 1 and top_k 0 or -1 are neutral
    canvas_length        tokens per canvas
    max_denoising_steps  maximum number of steps per canvas
    seed                 the same seed gives the same reply; by default each request draws one, reported in the usage

    The other fields are sent by vLLM's clients; only their neutral values are accepted.
    """

    mode: Annotated[Literal["diffusion", "autoregressive", "auto"], null_means("diffusion")] = "diffusion"
    temperature: Temperature = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    top_k: Annotated[int | None, Field(ge=0, le=MAX_INTEGER), BeforeValidator(_minus_one_as_zero)] = None
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
            raise unsupported("requires mode 'autoregressive'; set that mode or remove the field")
        return value

    @field_validator("canvas_length", "max_denoising_steps")
    @classmethod
    def _diffusion_only(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("mode") == "autoregressive":
            raise unsupported("is not supported with mode 'autoregressive'; change the mode or remove the field")
        return value

    def decoding(self) -> dict[str, Any]:
        """The options of `LLM.submit`."""
        options: dict[str, Any] = {"mode": self.mode, "temperature": self.temperature}
        options |= {"canvas_length": self.canvas_length, "max_denoising_steps": self.max_denoising_steps}
        if self.mode == "autoregressive":
            options |= {"top_k": self.top_k or 0, "top_p": 1.0 if self.top_p is None else self.top_p}
        return options

    def seed_or_new(self) -> int:
        """The seed of the request, or a random one."""
        return seed_or_new(self.seed)


def seed_or_new(seed: int | None) -> int:
    """`seed`, or a random one if it is None."""
    return secrets.randbits(SEED_BITS) if seed is None else seed
