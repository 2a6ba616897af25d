"""Memory: how much of it the machine lets a process have, built in or as a container is held to, and large pages."""

import ctypes
import mmap
import os
import re
from pathlib import Path

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_STATE, _AVAILABLE = Path("/proc/meminfo"), re.compile(r"^MemAvailable:\s+(\d+) kB$", re.MULTILINE)
_LARGE_PAGE = 1 << 21
UNKNOWN = 1 << 62
"""What is taken for the memory of a system that does not tell."""


def total_bytes() -> int:
    """All of it."""
    return min((_pages("SC_PHYS_PAGES"), *map(_limit, _LIMITS)))


def available_bytes() -> int:
    """What could be had now: what is free, and what files were read into, which the system gives up for it."""
    try:
        told = _AVAILABLE.search(_STATE.read_text(encoding="ascii"))
    except OSError:
        told = None
    return _pages("SC_AVPHYS_PAGES") if told is None else 1024 * int(told[1])


def in_large_pages(num_bytes: int) -> memoryview | None:
    """New memory that the system is asked to keep in pages of two megabytes, which are read up to a third faster than
    small ones; None where it cannot be asked. What is behind the last whole page lies in small ones."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    try:
        room = mmap.mmap(-1, num_bytes + _LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        start = -_address(room) % _LARGE_PAGE
        if whole := num_bytes // _LARGE_PAGE * _LARGE_PAGE:
            room.madvise(mmap.MADV_HUGEPAGE, start, whole)
    except (OSError, ValueError):
        return None
    return memoryview(room)[start : start + num_bytes]


def _address(room: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(room))


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
