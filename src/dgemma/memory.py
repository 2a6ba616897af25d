"""How much memory the machine lets a process have: what is built in, or what a container is held to."""

import os
from pathlib import Path

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
UNKNOWN = 1 << 62
"""What is taken for the memory of a system that does not tell."""


def total_bytes() -> int:
    """All of it."""
    return min((_pages("SC_PHYS_PAGES"), *map(_limit, _LIMITS)))


def free_bytes() -> int:
    """What nothing is kept in right now, not even files that were read."""
    return _pages("SC_AVPHYS_PAGES")


def _pages(name: str) -> int:
    try:
        count = os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return UNKNOWN
    return count if count > 0 else UNKNOWN


def _limit(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # not there, or "max"
        return UNKNOWN
