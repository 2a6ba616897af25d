"""What options may say, checked before anything is loaded; a value that cannot be is a usage error.

Knows nothing of models: what depends on one is told once it is there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

from dgemma.config import EngineConfig
from dgemma.engine.request import Mode
from dgemma.errors import ConfigError, UsageError


@contextmanager
def given_by_options() -> Iterator[None]:
    """Makes a ConfigError a UsageError: around what reads the values of options and of no file."""
    try:
        yield
    except ConfigError as error:
        raise UsageError(str(error)) from error


def checked_mode(mode: str) -> str:
    """The mode of an answer."""
    if mode not in get_args(Mode):
        raise UsageError(f"mode {mode!r} is not one of {', '.join(get_args(Mode))}.")
    return mode


def checked_tokens(count: int | None) -> int | None:
    """How many new tokens there may be."""
    if count is not None and count < 1:
        raise UsageError(f"max_new_tokens must be at least 1, not {count}.")
    return count


def checked_seed(seed: int) -> int:
    """The seed of an answer."""
    if not -(2**63) <= seed < 2**63:
        raise UsageError(f"seed must lie between -2^63 and 2^63 - 1, not {seed}.")
    return seed


def checked_dtype(dtype: str) -> str:
    """The type of the weights in memory."""
    with given_by_options():
        EngineConfig(dtype=dtype)  # pyright: ignore[reportArgumentType]
    return dtype
