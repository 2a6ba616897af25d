"""Processes that compile kernels: two at a time, since two cores share the work, in which numba is loaded.

Knows which kernels are there and who makes the others; not what they are for.
"""

import logging
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module

TRIED_FOR_S = 600
"""How long others may be at a kernel before this process tries for itself, or goes without."""
_SECONDS = {"layers": 18, "head": 6, "paths": 6, "product_rows": 5, "experts_rows": 5}
"""What the longest take, by the beginning of their names; others take two."""
_LOOK_EVERY_S = 0.02
_makers: dict[str, subprocess.Popen] = {}
"""Who makes a kernel, or has made it, started by this process."""


def missing(kernels: Iterable[str]) -> list[str]:
    """Those without an object file. Raises ImportError where none can be run."""
    machine = import_module("dgemma.ops.native.machine")
    return [kernel for kernel in kernels if not machine.file_of(kernel).exists()]


def begin(kernels: Sequence[str]) -> None:
    """Has missing kernels made, beside whatever goes on. Raises OSError where no process can be started."""
    if wanted := [kernel for kernel in missing(kernels) if not _is_at_work(kernel)]:
        tell()
        _start(wanted)


def begin_quietly(kernels: Sequence[str]) -> None:
    """`begin`, on what the processor has to spare, beyond the end of this process too; not what another process has
    just begun, and nothing where there is no place to keep it."""
    if wanted := [kernel for kernel in missing(kernels) if not _is_at_work(kernel) and _claim(kernel)]:
        with suppress(OSError):  # no memory for another process, say
            _start(wanted, "--nice")


def finish(kernels: Sequence[str]) -> None:
    """Waits for kernels, having those made that nobody is at. Raises RuntimeError when one does not come to be, OSError
    as `begin` does."""
    begin(kernels)
    deadline = time.monotonic() + TRIED_FOR_S
    try:
        while left := missing(kernels):
            given_up = time.monotonic() > deadline or not any(map(_is_at_work, left))
            # It may have been the last thing that its maker did.
            if given_up and (left := missing(left)):
                raise RuntimeError(f"compiling {', '.join(left)} failed")
            time.sleep(_LOOK_EVERY_S)
    except BaseException:
        for kernel in kernels:
            if kernel in _makers:
                _makers[kernel].kill()
                _makers[kernel].wait()
        raise


def is_at_work() -> bool:
    """Whether any that this process has started is not done."""
    return any(map(_is_at_work, _makers))


@cache
def tell() -> None:
    """Says, once, what is being waited for."""
    logging.getLogger("dgemma.ops.native").warning("Compiling kernels for this processor, once ...")


def _is_at_work(kernel: str) -> bool:
    return kernel in _makers and _makers[kernel].poll() is None


def _start(kernels: Sequence[str], *options: str) -> None:
    # Groups of their own, as Ctrl-C is not meant for them, but no session: an operating system that groups processes by
    # sessions gives one as much of the processor as any other, whatever the priority.
    silent = subprocess.DEVNULL
    for part in _parts(kernels):
        command = [sys.executable, "-m", "dgemma.ops.native", *options, *part]
        maker = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, process_group=0)
        _makers.update(dict.fromkeys(part, maker))


def _parts(kernels: Sequence[str]) -> list[list[str]]:
    """In two that take about as long, each in the given order."""
    seconds = {kernel: next((s for name, s in _SECONDS.items() if kernel.startswith(name)), 2) for kernel in kernels}
    parts: tuple[set[str], set[str]] = (set(), set())
    for kernel in sorted(kernels, key=lambda one: -seconds[one]):
        min(parts, key=lambda part: sum(seconds[one] for one in part)).add(kernel)
    return [[kernel for kernel in kernels if kernel in part] for part in parts if part]


def _claim(kernel: str) -> bool:
    """Marks a kernel as being compiled; False if it is, or if no mark can be left."""
    mark = import_module("dgemma.ops.native.machine").file_of(kernel).with_suffix(".started")
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        if mark.exists() and time.time() - mark.stat().st_mtime < TRIED_FOR_S:
            return False
        mark.touch()
    except OSError:
        return False
    return True
