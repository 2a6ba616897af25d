"""Knows whether stderr can be drawn on."""

import os
import sys


def can_draw() -> bool:
    """Whether stderr is a terminal that can erase what was drawn. A dumb one cannot, and would get empty lines."""
    return sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")
