"""Values from parsed JSON, checked as they are read: what is wrong is told by its name and its file.

Knows nothing of what the values mean.
"""

import reprlib
from collections.abc import Mapping
from typing import Any

from dgemma.errors import CheckpointError, ConfigError


def require(condition: bool, message: str) -> None:
    """Raises ConfigError with that message where the condition fails."""
    if not condition:
        raise ConfigError(message)


def number(values: Mapping[str, Any], name: str, kind: type, default: Any = None, file: str = "config.json") -> Any:
    """Reads `values[name]` as an int or float; a missing name without a default, or another type, is an error."""
    value = values.get(name)
    value = default if value is None else value
    if value is None:
        raise CheckpointError(f"{file} lacks `{name}`. Is it complete?")
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
    if not is_number or (kind is int and int(value) != value):
        raise CheckpointError(f"{file} has {name} = {reprlib.repr(value)}, where a number belongs.")
    return kind(value)


_LARGEST = 2**53
"""Above it a JSON number is no longer the one that was meant; infinity and what is no number are not below it."""


def table(values: Mapping[str, Any], name: str, file: str = "config.json") -> Mapping[str, Any]:
    """Reads `values[name]` as an object; one that is absent or null is empty, anything else an error."""
    value = values.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise CheckpointError(f"{file} has {name} = {reprlib.repr(value)}, where an object belongs.")
    return value or {}
