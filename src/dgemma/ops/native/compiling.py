"""Processes that compile kernels: two at a time, since two cores share the work, in which numba is loaded.

Knows which kernels are there and who makes the others; not what they are for. A kernel that could not be made is not
tried again by the same process.
"""

import atexit
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module

COMMAND = (sys.executable, "-P", "-m", "dgemma.ops.native")
"""What compiles the kernels named behind it; not with modules from the current folder (-P), which may be anybody's."""
TRIED_FOR_S = 600
"""How long a kernel is waited for, and how long another process may be at one before this one begins it quietly too."""
_SECONDS = {"layers": 18, "head": 6, "paths": 6, "product_rows": 5, "experts_rows": 5}
"""What the longest take, by the beginning of their names; others take two."""
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, kw_only=True)
class _Maker:
    process: subprocess.Popen
    quiet: bool

    @property
    def at_work(self) -> bool:
        return self.process.poll() is None


_makers: dict[str, _Maker] = {}
"""Who makes a kernel, or has tried to: started by this process."""


def missing(kernels: Iterable[str]) -> list[str]:
    """Those without an object file. Raises ImportError where none can be run."""
    machine = import_module("dgemma.ops.native.machine")
    return [kernel for kernel in kernels if not machine.file_of(kernel).exists()]


def failed(kernels: Iterable[str]) -> list[str]:
    """Those that this process tried to have made and could not."""
    tried = [one for one in missing(kernels) if (maker := _makers.get(one)) is not None and not maker.at_work]
    return missing(tried)


def begin(kernels: Sequence[str]) -> None:
    """Has missing kernels made, beside whatever goes on. Raises OSError where no process can be started."""
    if wanted := [kernel for kernel in missing(kernels) if kernel not in _makers]:
        tell()
        # What is waited for is of no use to anybody behind this process' end.
        atexit.register(_end_the_loud)
        _start(wanted, quiet=False)


def begin_quietly(kernels: Sequence[str]) -> None:
    """`begin`, on what the processor has to spare, beyond the end of this process too; not what another process has
    just begun, and nothing where there is no place to keep it."""
    if wanted := [kernel for kernel in missing(kernels) if kernel not in _makers and _claim(kernel)]:
        with suppress(OSError):  # no memory for another process, say
            _start(wanted, quiet=True)


def finish(kernels: Sequence[str]) -> None:
    """Has what is missing made, unless this process is at it already, and waits. Raises RuntimeError when one does not
    come to be, OSError as `begin` does."""
    try:
        begin(kernels)
        if any(map(_is_at_work, missing(kernels))):
            tell()
        wait_for(kernels, TRIED_FOR_S)
    except BaseException:
        _end_the_loud()
        raise
    if left := missing(kernels):
        raise RuntimeError(f"compiling {', '.join(left)} failed")


def wait_for(kernels: Sequence[str], seconds: float) -> None:
    """Waits until all are there, or nobody of this process' is at those that are not, or so long."""
    deadline = time.monotonic() + seconds
    while (left := missing(kernels)) and any(map(_is_at_work, left)) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)


def is_at_work() -> bool:
    """Whether any that this process has started is not done."""
    return any(maker.at_work for maker in tuple(_makers.values()))


@cache
def tell() -> None:
    """Says, once, what is being waited for."""
    logging.getLogger("dgemma.ops.native").warning("Compiling kernels for this processor, once ...")


def _is_at_work(kernel: str) -> bool:
    maker = _makers.get(kernel)
    return maker is not None and maker.at_work


def _start(kernels: Sequence[str], quiet: bool) -> None:
    if not sys.executable:
        raise OSError("there is no Python to start")
    silent = subprocess.DEVNULL
    for part in _parts(kernels):
        # Groups of their own, as Ctrl-C is not meant for them, but no session: Linux shares the processor out among
        # sessions first, whatever the priorities within.
        process = subprocess.Popen([*COMMAND, *part], stdin=silent, stdout=silent, stderr=silent, process_group=0)
        _makers.update(dict.fromkeys(part, _Maker(process=process, quiet=quiet)))
        if quiet:
            os.setpriority(os.PRIO_PROCESS, process.pid, 19)
        # Somebody must wait for a process that has ended; not at this one's own end, where no thread can be started.
        with suppress(RuntimeError):
            threading.Thread(target=process.wait, daemon=True).start()


def _end_the_loud() -> None:
    loud = [(kernel, maker) for kernel, maker in tuple(_makers.items()) if not maker.quiet and maker.at_work]
    for kernel, maker in loud:
        maker.process.kill()
        maker.process.wait()
        # Ended by us, it has not failed.
        _makers.pop(kernel, None)


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
