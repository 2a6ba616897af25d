"""Long lists of names in error messages."""

from collections.abc import Sequence

_MAX_SHOWN = 12


def shortened(names: Sequence[str]) -> str:
    """The first names, separated by commas, and the number of the others."""
    shown = ", ".join(names[:_MAX_SHOWN])
    return shown if len(names) <= _MAX_SHOWN else f"{shown} and {len(names) - _MAX_SHOWN} more"
