"""Kernels compiled for this very processor, where torch has no operator or a slow one.

    kernels.py, .._kernels.py      the kernels: Python functions over addresses
    quantised_tiles.py             the processor's products of bytes
    compiler.py, __main__.py       numba makes machine code of them, once, in a process of its own
    machine.py                     loads it and runs it on torch's own threads
    vocabulary.py                  what a denoise step needs of a large vocabulary, a slab of products at a time
    panels.py                      float weights laid out as tiles read them, and rows times these
    products.py                    one row times an int8 or int4 weight, and the routed experts of one row
    quantised.py                   many rows times int8 and int4 weights, and the routed experts of many rows
    layers.py, routed.py, head.py  all layers of a network, and all of a small vocabulary, in a call each
    paths.py                       all paths of a constrained canvas in one call

Their results are those of the plain ways, which stay: they are the oracle of the tests, and run where numba or OpenMP's
entry is missing, and with DGEMMA_KERNELS=off.
"""

import atexit
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Literal

Name = Literal[
    "vocabulary",
    "panels",
    "products",
    "quantised",
    "head",
    "layers",
    "layers_quantised",
    "layers_routed",
    "layers_routed_quantised",
    "paths",
]

_NEEDED: dict[Name, tuple[str, ...]] = {
    "layers_routed_quantised": ("layers_routed_quantised",),
    "layers_quantised": ("layers_quantised",),
    "layers": ("layers",),
    "layers_routed": ("layers_routed", "product_panels"),
    "head": ("head",),
    "panels": ("product_panels", "gated"),
    "paths": ("paths",),
    "products": ("product_int8", "product_int4", "experts_int8", "experts_int4", "dequantise_int4"),
    "quantised": ("quantise_rows", "product_rows", "experts_rows"),
    "vocabulary": ("read_slab",),
}
_MODULES: dict[Name, str] = {
    "layers_quantised": "layers",
    "layers_routed": "routed",
    "layers_routed_quantised": "routed",
}
"""Where that is not their name."""
WAITED_FOR_FROM = 1 << 19
"""Entries of a weight, from which on its product is worth the wait: models of smaller ones answer at once."""
_FOR_LATER = ("head", "layers", *_MODULES, "panels", "paths", "quantised")
"""What small models need, and does not wait for."""
_TRIED_FOR_S = 600
"""How long another process may be at it before this one tries for itself."""
_WORTH_CPU_S = 30
"""What a process may spend without the kernels of a small model before it waits for them: about what making them costs,
so that at worst it takes twice as long as it would have with them."""
_asked_for: set[str] = set()
"""The kernels that this process went without."""
_started: list[subprocess.Popen] = []
"""Who makes them; kept, since a process must be waited for."""
_asked_at_s = _begun_at_cpu_s = 0.0
_arrivals = 0


@cache
def load(name: Name, at_once: bool = False) -> ModuleType | None:
    """The module of that name; None where its kernels cannot be run, or are not there yet (`arrivals`).

    What large models need is compiled at once (some ten seconds, the first time on a processor), since they
    take longer to load than that. Small ones answer at once without, and what they need is compiled beside later
    answers (`compile_wanted`), or when the process ends. `at_once` compiles that too.
    """
    global _asked_at_s
    if os.environ.get("DGEMMA_KERNELS") == "off":
        return None
    try:
        module = import_module(f"{__name__}.{_MODULES.get(name, name)}")
        if missing := _missing(_NEEDED[name]):
            if name in _FOR_LATER and not at_once:
                if not _asked_for:
                    _asked_at_s = time.monotonic()
                    atexit.register(compile_wanted)
                _asked_for.update(missing)
                return None
            _compile(missing)
        for kernel in _NEEDED[name]:
            import_module(f"{__name__}.machine").address_of(kernel)
        return module
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        logging.getLogger(__name__).info("Plain PyTorch stands in for the compiled kernels: %s", error)
        return None


def load_for(name: Name, entries: int) -> ModuleType | None:
    """`load` for weights of so many entries: large ones wait for their kernels."""
    return load(name, at_once=entries >= WAITED_FOR_FROM or is_ready(name))


def is_ready(name: Name) -> bool:
    """Whether this process can have that module, or has it; asks for nothing to be compiled."""
    if os.environ.get("DGEMMA_KERNELS") == "off" or not _asked_for.isdisjoint(_NEEDED[name]):
        return False
    try:
        return not _missing(_NEEDED[name])
    except (ImportError, OSError):
        return False


def prepare() -> None:
    """Compiles what is missing, for commands that measure or go on for long; nothing where that cannot be done."""
    if os.environ.get("DGEMMA_KERNELS") == "off":
        return
    try:
        if missing := _missing(list(dict.fromkeys(kernel for kernels in _NEEDED.values() for kernel in kernels))):
            _compile(missing)
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        logging.getLogger(__name__).info("The kernels were not compiled: %s", error)


def compile_wanted(after_s: float = 0.0) -> None:
    """Starts to compile what this process went without, on what the processor has to spare, also when this process has
    ended; not what is being compiled already, and nothing where there is no place to keep it, or where the process has
    gone without for less than `after_s`."""
    global _begun_at_cpu_s
    if not _asked_for or time.monotonic() - _asked_at_s < after_s:
        return
    if wanted := [kernel for kernel in _still_missing() if _claim(kernel)]:
        with suppress(OSError):  # no memory for another process, say
            _started.extend(_compilers(wanted, "--nice"))
        _begun_at_cpu_s = time.process_time()


def arrivals(wait: bool = False) -> int:
    """How many times what this process went without has come to be compiled, all of it: `load` gives it from then on.

    With `wait`, a process that has spent as much without it as compiling takes waits for the compilers it has started.
    """
    global _arrivals
    if not _asked_for:
        return _arrivals
    _started[:] = [one for one in _started if one.poll() is None]
    if _started and wait and time.process_time() - _begun_at_cpu_s > _WORTH_CPU_S and _still_missing():
        _tell()
        with suppress(subprocess.TimeoutExpired):
            for one in _started:
                one.wait(timeout=_TRIED_FOR_S)
    if not _still_missing():
        _asked_for.clear()
        atexit.unregister(compile_wanted)
        load.cache_clear()
        _arrivals += 1
    return _arrivals


def _still_missing() -> list[str]:
    return _missing(sorted(_asked_for.copy()))


def _missing(kernels: Sequence[str]) -> list[str]:
    machine = import_module(f"{__name__}.machine")
    return [kernel for kernel in kernels if not machine.file_of(kernel).exists()]


def _compile(kernels: Sequence[str]) -> None:
    _tell()
    started = _compilers(kernels)
    try:
        ended = [one.wait(timeout=_TRIED_FOR_S) for one in started]
    finally:
        for one in started:
            one.kill()
            one.wait()
    if any(ended):
        raise RuntimeError(f"compiling {', '.join(kernels)} failed")


def _tell() -> None:
    logging.getLogger(__name__).warning("Compiling kernels for this processor, once ...")


def _compilers(kernels: Sequence[str], *options: str) -> list[subprocess.Popen]:
    """Processes that compile them: two, since two cores share the work. Groups of their own, as Ctrl-C is not meant for
    them, but no session: a kernel that groups processes by sessions would give them as much as all others have."""
    parts = [part for part in (kernels[::2], kernels[1::2]) if part]
    commands = [[sys.executable, "-m", __name__, *options, *part] for part in parts]
    silent = subprocess.DEVNULL
    return [
        subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, process_group=0) for command in commands
    ]


def _claim(kernel: str) -> bool:
    """Marks a kernel as being compiled; False if it is, or if no mark can be left."""
    mark = import_module(f"{__name__}.machine").file_of(kernel).with_suffix(".started")
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        if mark.exists() and time.time() - mark.stat().st_mtime < _TRIED_FOR_S:
            return False
        mark.touch()
    except OSError:
        return False
    return True
