"""Memory: how much of it the machine lets a process have, built in or as a container is held to, how much this process
has had, and large pages."""

import ctypes
import mmap
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

# What a container may have, what it has, and what of that files were read into, in both versions of Linux' groups.
_GROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", r"^(?:in)?active_file (\d+)$"),
    (
        Path("/sys/fs/cgroup/memory"),
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        r"^total_(?:in)?active_file (\d+)$",
    ),
)
_STATE, _AVAILABLE = Path("/proc/meminfo"), re.compile(r"^MemAvailable:\s+(\d+) kB$", re.MULTILINE)
_LARGE_PAGE = 1 << 21
UNKNOWN = 1 << 62
"""What is taken for the memory of a system that does not tell."""


def total_bytes() -> int:
    """All of it."""
    return min([_pages("SC_PHYS_PAGES"), *(_number(folder / limit, UNKNOWN) for folder, limit, _, _ in _GROUPS)])


def available_bytes() -> int:
    """What could be had now: what is free, and what files were read into, which the system gives up for it."""
    try:
        told = _AVAILABLE.search(_STATE.read_text(encoding="ascii"))
    except OSError:
        told = None
    free = _pages("SC_AVPHYS_PAGES") if told is None else 1024 * int(told[1])
    return max(0, min([free, *(_left_to(*group) for group in _GROUPS)]))


def peak_mb() -> float:
    """The most that this process has had at once; 0 where the system does not tell."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / (1 << 10)


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


def _left_to(folder: Path, limit: str, usage: str, files: str) -> int:
    """What a container may still have."""
    given_up = 0
    with suppress(OSError):
        given_up = sum(map(int, re.findall(files, (folder / "memory.stat").read_text(encoding="ascii"), re.MULTILINE)))
    return _number(folder / limit, UNKNOWN) - max(0, _number(folder / usage, 0) - given_up)


def _number(file: Path, default: int) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # not there, or "max"
        return default
