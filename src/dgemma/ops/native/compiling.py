"""Processes that compile kernels, two at a time: numba is loaded in them, and two cores share the work.

Knows which kernels exist and which process compiles the others; not what they are for. A process does not try again to
compile a kernel that failed.
"""

import atexit
import logging
import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

COMMAND = (sys.executable, "-P", "-m", "dgemma.ops.native")
"""Compiles the kernels whose names follow. -P: never import modules from the current folder, which may be anyone's."""
TRIED_FOR_S = 600
"""How long to wait for a kernel, and how long another process may be compiling it before this one starts as well."""
_SECONDS = {"layers": 18, "head": 6, "paths": 6, "product_rows": 5, "experts_rows": 5}
"""Seconds that the slowest kernels take, by the prefix of their names; others take two."""
_LOOK_EVERY_S = 0.02
KEPT_FOR_S = 30 * 24 * 3600
"""How long after their last use the kernels of another version or processor are kept."""
_FOLDER = re.compile(r"[0-9a-f]{16}")
_FILE = re.compile(r"\w+\.(o|started|\w{8})")
"""An object file, the mark of a compiler, or the temporary file of one that was killed."""


@dataclass(frozen=True, kw_only=True)
class _Compiler:
    process: subprocess.Popen
    quiet: bool

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None


_compilers: dict[str, _Compiler] = {}
"""The process that compiles a kernel or has tried to, for those that this process started."""


def missing(kernels: Iterable[str]) -> list[str]:
    """The kernels without an object file. Raises ImportError where kernels cannot run."""
    machine = import_module("dgemma.ops.native.machine")
    return [kernel for kernel in kernels if not machine.file_of(kernel).exists()]


def failed(kernels: Iterable[str]) -> list[str]:
    """The kernels that this process tried to compile in vain."""
    ended = {kernel for kernel, compiler in tuple(_compilers.items()) if not compiler.is_running}
    # Looked for after the processes have ended, so that none is missing that was just written.
    return [kernel for kernel in missing(kernels) if kernel in ended]


def begin(kernels: Sequence[str]) -> None:
    """Starts to compile missing kernels and returns. Raises OSError where no process can be started."""
    if wanted := [kernel for kernel in missing(kernels) if kernel not in _compilers]:
        announce()
        # The caller will wait for these; when this process ends, they are not needed any more.
        atexit.register(_kill_foreground)
        _start(wanted, quiet=False)


def begin_quietly(kernels: Sequence[str]) -> None:
    """`begin` at the lowest priority, and beyond the end of this process. Leaves out kernels that another process has
    just begun, and those that could not be saved."""
    if wanted := [kernel for kernel in missing(kernels) if kernel not in _compilers and _claim(kernel)]:
        with suppress(OSError):  # no memory for another process, say
            _start(wanted, quiet=True)


def finish(kernels: Sequence[str]) -> None:
    """Compiles missing kernels and waits for them. Raises RuntimeError if one could not be compiled, OSError as `begin`
    does."""
    try:
        begin(kernels)
        if any(map(_is_running, missing(kernels))):
            announce()
        wait_for(kernels, TRIED_FOR_S)
    except BaseException:
        _kill_foreground()
        raise
    if left := missing(kernels):
        raise RuntimeError(f"compiling {', '.join(left)} failed")


def wait_for(kernels: Sequence[str], seconds: float) -> None:
    """Waits until all kernels exist, or no compiler of this process is at work on the missing ones, or the time is
    up."""
    deadline = time.monotonic() + seconds
    while (left := missing(kernels)) and any(map(_is_running, left)) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)


def is_at_work() -> bool:
    """Whether a compiler that this process started is still running."""
    return any(compiler.is_running for compiler in tuple(_compilers.values()))


@cache
def announce() -> None:
    """Logs, once, what the user is waiting for."""
    logging.getLogger("dgemma.ops.native").warning("Compiling kernels for this processor, once ...")


def _is_running(kernel: str) -> bool:
    compiler = _compilers.get(kernel)
    return compiler is not None and compiler.is_running


def _start(kernels: Sequence[str], quiet: bool) -> None:
    if not sys.executable:
        raise OSError("there is no Python to start")
    silent = subprocess.DEVNULL
    for part in _parts(kernels):
        # A process group of their own, because Ctrl-C is not meant for them, but no session of their own: Linux divides
        # processor time among sessions first, and priorities count only within a session.
        process = subprocess.Popen([*COMMAND, *part], stdin=silent, stdout=silent, stderr=silent, process_group=0)
        _compilers.update(dict.fromkeys(part, _Compiler(process=process, quiet=quiet)))
        if quiet:
            os.setpriority(os.PRIO_PROCESS, process.pid, 19)
        # A process that has ended must be waited for. While this process is shutting down no thread can be started.
        with suppress(RuntimeError):
            threading.Thread(target=process.wait, daemon=True).start()
    delete_unused(import_module("dgemma.ops.native.machine").file_of(kernels[0]).parent)


def delete_unused(current: Path) -> None:
    """Deletes the folders beside `current` whose kernels nobody has used for `KEPT_FOR_S`. Leaves alone a folder that
    belongs to another user or holds anything else."""
    with suppress(OSError):
        for folder in current.parent.iterdir():
            if folder != current and _FOLDER.fullmatch(folder.name):
                # Another process may be deleting it as well.
                with suppress(OSError):
                    _delete_if_unused(folder)


def _delete_if_unused(folder: Path) -> None:
    own, files = folder.lstat(), list(folder.iterdir())
    statuses = [file.lstat() for file in files]
    if own.st_uid != os.geteuid() or not stat.S_ISDIR(own.st_mode):
        return
    if not all(map(stat.S_ISREG, (status.st_mode for status in statuses))):
        return
    if not all(_FILE.fullmatch(file.name) for file in files):
        return
    # A compiler at work has just written its mark, and loading a kernel reads its file. Where the system does not note
    # reads, a version in use may have to be compiled again.
    times = [own.st_mtime, *(max(status.st_atime, status.st_mtime) for status in statuses)]
    if time.time() - max(times) < KEPT_FOR_S:
        return
    for file in files:
        file.unlink(missing_ok=True)
    # Not if a file has been added meanwhile.
    folder.rmdir()


def _kill_foreground() -> None:
    running = [kernel for kernel, compiler in tuple(_compilers.items()) if compiler.is_running and not compiler.quiet]
    for kernel in running:
        # Forgotten, because it did not fail: we ended it.
        process = _compilers.pop(kernel).process
        process.kill()
        process.wait()


def _parts(kernels: Sequence[str]) -> list[list[str]]:
    """Two parts that take about equally long, each in the given order."""
    seconds = {kernel: next((s for name, s in _SECONDS.items() if kernel.startswith(name)), 2) for kernel in kernels}
    parts: tuple[set[str], set[str]] = (set(), set())
    for kernel in sorted(kernels, key=lambda one: -seconds[one]):
        min(parts, key=lambda part: sum(seconds[one] for one in part)).add(kernel)
    return [[kernel for kernel in kernels if kernel in part] for part in parts if part]


def _claim(kernel: str) -> bool:
    """Marks a kernel as being compiled; False if it already is, or if the mark cannot be written."""
    mark = import_module("dgemma.ops.native.machine").file_of(kernel).with_suffix(".started")
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        if mark.exists() and time.time() - mark.stat().st_mtime < TRIED_FOR_S:
            return False
        mark.touch()
    except OSError:
        return False
    return True
