"""Checks a request before it is accepted: its values are possible, and it fits the model's context.

Each error is one or two sentences. Changes nothing.
"""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from operator import index
from typing import Any

from dgemma.config import MAX_STEPS, ModelConfig
from dgemma.engine.request import Infill, Request
from dgemma.errors import ConfigError, PromptError, UsageError

MAX_TOP_LOGPROBS = 64


def check_request(request: Request, config: ModelConfig, max_context: int) -> None:
    """Raises PromptError for a prompt that is empty, has ids outside the vocabulary or leaves no room for new tokens;
    UsageError and ConfigError for impossible request values."""
    _check_numbers(request)
    if not request.prompt:
        raise PromptError("The prompt is empty; give at least one token.")
    _check_ids(request.prompt, "prompt", config.vocab_size)
    if request.mode not in ("diffusion", "autoregressive", "auto"):
        raise UsageError(f"mode {request.mode!r} is not one of diffusion, autoregressive, auto.")
    longest = max(max_context, config.canvas_length)
    if request.canvas_length is not None and request.canvas_length > longest:
        raise UsageError(f"canvas_length must be at most {longest} here, not {request.canvas_length}.")
    _check_in_place(request, config.vocab_size)
    if request.constraint is not None and len(request.constraint.group_V) != config.vocab_size:
        raise UsageError("The constraint was compiled for another vocabulary; compile it with this model's tokenizer.")
    new = request.positions_after_prompt
    if len(request.prompt) + new > max_context:
        raise PromptError(
            f"The prompt's {len(request.prompt)} tokens and {new} new ones exceed the "
            f"context of {max_context}; shorten the prompt or ask for fewer tokens."
        )


def check_flag(name: str, value: Any) -> None:
    """Raises UsageError for a value that is neither True nor False."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be True or False, not {value!r}.")


def check_text(name: str, value: Any) -> None:
    """Raises UsageError for a value that is neither a text nor None."""
    if not isinstance(value, str | None):
        raise UsageError(f"{name} must be a text, not {value!r}.")


def is_whole(number: Any) -> bool:
    """Whether a value is a whole number, numpy's included; True and False are none."""
    return isinstance(number, Integral) and not isinstance(number, bool)


def whole_ids(token_ids: Iterable[Any]) -> tuple[int, ...]:
    """The ids as ints. Raises PromptError for anything but whole numbers, such as a list for each prompt."""
    try:
        return tuple(index(token) for token in token_ids)
    except TypeError:
        raise PromptError("token_ids must be whole numbers: the ids of one prompt.") from None


def _check_ids(ids: Sequence[int], what: str, vocab_size: int) -> None:
    """Raises PromptError for ids outside the vocabulary."""
    unknown = next((token for token in ids if not 0 <= token < vocab_size), None)
    if unknown is not None:
        raise PromptError(
            f"The {what} has the id {unknown}, outside the vocabulary 0..{vocab_size - 1}. If you gave it as text, the "
            "model's tokenizer.json belongs to another model."
        )


def _check_numbers(request: Request) -> None:
    numbers = {
        "max_new_tokens": request.max_new_tokens,
        "seed": request.seed,
        "copy_length": request.copy_length,
    }
    optional = {
        "canvas_length": request.canvas_length,
        "max_denoising_steps": request.max_denoising_steps,
        "logprobs": request.top_logprobs,
    }
    for name, value in (numbers | {name: value for name, value in optional.items() if value is not None}).items():
        if not is_whole(value):
            raise UsageError(f"{name} must be a whole number, not {value!r}.")
    for name in ("reference", "skip_settled", "causal_check"):
        check_flag(name, getattr(request, name))
    for name in ("max_new_tokens", "canvas_length"):
        value = getattr(request, name)
        if value is not None and value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}.")
    if request.copy_length < 0:
        raise UsageError(f"copy_length must be at least 0, not {request.copy_length}.")
    if (request.max_denoising_steps or 0) > MAX_STEPS:
        raise UsageError(f"max_denoising_steps must be at most {MAX_STEPS}, not {request.max_denoising_steps}.")
    if request.top_logprobs is not None and not 0 <= request.top_logprobs <= MAX_TOP_LOGPROBS:
        raise UsageError(f"logprobs must be between 0 and {MAX_TOP_LOGPROBS}, not {request.top_logprobs}.")
    if not (isinstance(request.temperature, Real) and 0 <= request.temperature < math.inf):
        raise ConfigError(f"temperature must be a number of at least 0, not {request.temperature!r}.")
    if not -(2**63) <= request.seed < 2**63:
        raise UsageError(f"seed must be between -2^63 and 2^63 - 1, not {request.seed}.")


def _check_in_place(request: Request, vocab_size: int) -> None:
    """Raises UsageError or PromptError for an infill or an edit that cannot be done."""
    in_place = request.in_place
    if in_place is None:
        return
    if request.constraint is not None:
        raise UsageError("schema, regex and choices constrain an answer, not an infill or an edit; leave them out.")
    if request.top_logprobs is not None:
        raise UsageError("logprobs are given for an answer, not for an infill or an edit; leave them out.")
    if request.mode == "autoregressive" or request.reference:
        raise UsageError("Infills and edits take neither mode nor reference; leave them out.")
    given = in_place.suffix if isinstance(in_place, Infill) else in_place.text
    _check_ids(given, "given text", vocab_size)
    if isinstance(in_place, Infill):
        lengths = in_place.gap_lengths
        if not lengths or not all(1 <= length <= request.max_new_tokens for length in lengths):
            raise UsageError(f"Gap lengths must be between 1 and max_new_tokens, {request.max_new_tokens} here.")
    elif not given:
        raise UsageError("The text to edit is empty; give at least one word.")
    elif not (isinstance(in_place.strength, Real) and 0 <= in_place.strength <= 1):
        raise UsageError(f"strength must be between 0 and 1, not {in_place.strength!r}.")
    elif request.max_new_tokens < len(given):
        raise UsageError(
            f"A text of {len(given)} tokens cannot be edited within max_new_tokens={request.max_new_tokens}; raise it."
        )
