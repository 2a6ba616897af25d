"""Memory: how much a process may use on this machine or in its container, how much this process has used, and large
pages."""

import ctypes
import mmap
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

# Of cgroup v2 and v1: folder, files of the limit and the usage, and the lines of memory.stat that count page cache.
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
"""The value of a limit that the system does not report."""


def total_bytes() -> int:
    """The memory of the machine, or the limit of its container if that is less."""
    return min([_pages("SC_PHYS_PAGES"), *(_number(folder / limit, UNKNOWN) for folder, limit, _, _ in _GROUPS)])


def available_bytes() -> int:
    """Memory that a process could allocate now: free memory, and page cache that the system would reclaim."""
    try:
        found = _AVAILABLE.search(_STATE.read_text(encoding="ascii"))
    except OSError:
        found = None
    free = _pages("SC_AVPHYS_PAGES") if found is None else 1024 * int(found[1])
    return max(0, min([free, *(_left_in_group(*group) for group in _GROUPS)]))


def peak_mb() -> float:
    """The peak resident memory of this process in megabytes; 0 if the system does not report it."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / (1 << 10)


def in_large_pages(num_bytes: int) -> memoryview | None:
    """New memory, for which the system is asked to use pages of two megabytes: they are read up to a third faster than
    small ones. None if the system has no such request. The rest after the last whole large page is in small pages."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    try:
        mapping = mmap.mmap(-1, num_bytes + _LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        start = -_address(mapping) % _LARGE_PAGE
        if whole := num_bytes // _LARGE_PAGE * _LARGE_PAGE:
            mapping.madvise(mmap.MADV_HUGEPAGE, start, whole)
    except (OSError, ValueError):
        return None
    return memoryview(mapping)[start : start + num_bytes]


def _address(mapping: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(mapping))


def _pages(name: str) -> int:
    try:
        count = os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return UNKNOWN
    return count if count > 0 else UNKNOWN


def _left_in_group(folder: Path, limit: str, usage: str, page_cache: str) -> int:
    """Bytes that a container may still allocate; its page cache can be reclaimed and is not counted as used."""
    reclaimable = 0
    with suppress(OSError):
        stat = (folder / "memory.stat").read_text(encoding="ascii")
        reclaimable = sum(map(int, re.findall(page_cache, stat, re.MULTILINE)))
    return _number(folder / limit, UNKNOWN) - max(0, _number(folder / usage, 0) - reclaimable)


def _number(file: Path, default: int) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # does not exist, or "max"
        return default
