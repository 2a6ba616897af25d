"""Reads values from parsed JSON and checks them; errors name the value and its file.

Knows nothing of what the values mean.
"""

import reprlib
from collections.abc import Mapping
from typing import Any

from dgemma.errors import CheckpointError, ConfigError

LARGEST = 2**53
"""The largest number accepted. Above it a float does not represent all integers; comparing with it also rejects
infinity and NaN."""


def require(condition: bool, message: str) -> None:
    """Raises ConfigError with the message if the condition is false."""
    if not condition:
        raise ConfigError(message)


def read_number(
    values: Mapping[str, Any], name: str, kind: type, default: Any = None, file: str = "config.json"
) -> Any:
    """`values[name]` as an int or float (`kind`), or the default if it is missing or null.

    Raises CheckpointError if it is missing without a default, not a number, or not whole although `kind` is int.
    """
    value = values.get(name)
    value = default if value is None else value
    if value is None:
        raise CheckpointError(f"{file} lacks `{name}`. Is it complete?")
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    if not is_number or (kind is int and int(value) != value):
        raise CheckpointError(f"{file} has {name} = {reprlib.repr(value)}; it must be a number.")
    return kind(value)


def read_nested(values: Mapping[str, Any], name: str, file: str = "config.json") -> Mapping[str, Any]:
    """`values[name]` as an object, empty if it is missing or null. Raises CheckpointError for any other value."""
    value = values.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise CheckpointError(f"{file} has {name} = {reprlib.repr(value)}; it must be an object.")
    return value or {}
