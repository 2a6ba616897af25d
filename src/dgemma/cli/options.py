"""Checks of option values that run before anything is loaded; a bad value raises UsageError.

Knows nothing of models: values that depend on one are checked after it is loaded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

from dgemma.cli import importing
from dgemma.config import EngineConfig, Mode
from dgemma.errors import ConfigError, UsageError


@contextmanager
def given_by_options() -> Iterator[None]:
    """Turns a ConfigError into a UsageError. For code whose values come from options only, not from files."""
    try:
        yield
    except ConfigError as error:
        raise UsageError(str(error)) from error


def checked_mode(mode: str) -> str:
    """Returns `mode`. Raises UsageError for an unknown one."""
    if mode not in get_args(Mode):
        raise UsageError(f"mode {mode!r} is not one of {', '.join(get_args(Mode))}.")
    return mode


def checked_tokens(count: int | None) -> int | None:
    """Returns `count`. Raises UsageError if it is below 1."""
    if count is not None and count < 1:
        raise UsageError(f"max_new_tokens must be at least 1, not {count}.")
    return count


def checked_seed(seed: int) -> int:
    """Returns `seed`. Raises UsageError if it does not fit into 64 bits."""
    if not -(2**63) <= seed < 2**63:
        raise UsageError(f"seed must be between -2^63 and 2^63 - 1, not {seed}.")
    return seed


def checked_dtype(dtype: str) -> str:
    """Returns `dtype`. Raises UsageError for an unknown one."""
    with given_by_options():
        EngineConfig(dtype=dtype)  # pyright: ignore[reportArgumentType]
    return dtype


def checked_quant(quant: str | None) -> str | None:
    """Returns `quant`. Raises UsageError for an unknown one."""
    if quant is not None:
        # Imported only if it is needed: it imports torch, which takes a second.
        with importing():
            from dgemma.quant import check_kind

        check_kind(quant)
    return quant
