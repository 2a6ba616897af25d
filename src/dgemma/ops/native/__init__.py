"""Kernels compiled for the processor they run on, where torch has no operator or a slow one.

    .._kernels.py, arithmetic.py   the kernels and what they share: Python functions over addresses
    .._tiles.py                    products of a few rows with a panel of float or quantised weights, or with one row
    compiler.py, __main__.py       compile them to object files with numba, once, in a process of its own
    compiling.py                   starts these processes and waits for them
    machine.py                     loads object files and runs kernels on torch's threads
    vocabulary.py                  the reading of a large vocabulary, a slab of products at a time
    panels.py                      float weights laid out for tiles, and their products
    products.py                    one or few rows times int8 and int4 weights, and the routed experts of one row
    quantised.py                   many rows times int8 and int4 weights, and the routed experts of many rows
    layers.py, dense.py, routed.py all layers of a network in one call: what is common, few experts, many experts
    head.py                        the head of a small vocabulary in one call
    paths.py                       the paths of a constrained canvas in one call

Every kernel has a plain PyTorch twin, which the tests compare it with, and which runs where numba or OpenMP is missing
and with DGEMMA_KERNELS=off.
"""

import atexit
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Literal

from dgemma.ops.native import compiling

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
    "layers": "dense",
    "layers_quantised": "dense",
    "layers_routed": "routed",
    "layers_routed_quantised": "routed",
}
"""The Python module of a name, where it differs."""
WAITED_FOR_FROM = 1 << 19
"""From this number of entries on a weight is worth waiting for its kernel; models with smaller ones answer at once."""
_DEFERRED = ("head", *_MODULES, "panels", "paths", "quantised")
"""What small models do not wait for."""
_WAIT_AFTER_S = 15.0
"""Seconds that a process computes without a small model's kernels before it waits for them, in wall time and in
processor time: about as long as they take to compile."""
_LONGEST_WAIT_S = 40.0
"""The longest such wait, which happens once: the compilers then have the processor to themselves."""
_awaited: set[str] = set()
"""Kernels that were requested, were missing, and were replaced by plain PyTorch."""
_first_missed_s = 0.0
_compiling_since_s: tuple[float, float] | None = None
"""When compilers were started: wall time and processor time; None when there are none to wait for."""
arrivals = 0
"""How often kernels that were missing have become available."""
refusals = 0
"""How often `load` returned None."""


def load(name: Name, wait: bool = False) -> ModuleType | None:
    """The module of that name; None where its kernels cannot run, or are not compiled yet (`look_for_arrivals`).

    Kernels for large models are compiled while the caller waits (up to half a minute, once for a processor), because
    they save more than that. Small models run without kernels until theirs have been compiled in the background
    (`compile_wanted`) or at the end of the process. `wait` waits for these too.
    """
    global refusals
    module = _load(name, wait)
    refusals += module is None
    return module


@cache
def _load(name: Name, wait: bool) -> ModuleType | None:
    global _first_missed_s
    if _is_off():
        return None
    with _without_kernels_on_error():
        module = import_module(f"{__name__}.{_MODULES.get(name, name)}")
        if missing := compiling.missing(_NEEDED[name]):
            if name in _DEFERRED and not wait:
                if not _awaited:
                    _first_missed_s = time.monotonic()
                    atexit.register(compile_wanted)
                _awaited.update(set(missing) - set(compiling.failed(missing)))
                return None
            compiling.finish(missing)
        for kernel in _NEEDED[name]:
            import_module(f"{__name__}.machine").address_of(kernel)
        return module
    return None


def load_for(name: Name, entries: int) -> ModuleType | None:
    """`load` for weights with this number of entries: large ones wait for their kernels."""
    return load(name, wait=entries >= WAITED_FOR_FROM or is_ready(name))


def is_ready(name: Name) -> bool:
    """Whether `load` would return the module at once; requests no compilation."""
    if _is_off() or not _awaited.isdisjoint(_NEEDED[name]):
        return False
    try:
        return not compiling.missing(_NEEDED[name])
    except (ImportError, OSError):
        return False


def begin(*names: Name) -> None:
    """Starts to compile the kernels of several modules, so that the calls of `load` that follow wait for the slowest
    kernel and not for the sum of all."""
    if not _is_off():
        with _without_kernels_on_error():
            compiling.begin(_kernels_of(names))


def prepare() -> None:
    """Compiles all missing kernels and waits, for commands that measure or run for long; does nothing where kernels
    cannot run."""
    if not _is_off():
        with _without_kernels_on_error():
            compiling.finish(_kernels_of(_NEEDED))


def compile_wanted(after_s: float = 0.0) -> None:
    """Starts to compile the missing kernels at the lowest priority, if this process has run without them for `after_s`
    seconds."""
    global _compiling_since_s
    if _awaited and time.monotonic() - _first_missed_s >= after_s:
        with _without_kernels_on_error():
            before = compiling.is_at_work()
            compiling.begin_quietly(sorted(_awaited.copy()))
            if not before and compiling.is_at_work():
                _compiling_since_s = (time.monotonic(), time.process_time())


def look_for_arrivals(wait: bool = False) -> int:
    """Lets `load` return the missing kernels if all of them have been compiled by now -> `arrivals`, from which
    `ops.linear.WeightCache` knows that values computed without them are outdated.

    With `wait`, a process that has computed without them for as long as compiling takes waits for its compilers.
    """
    global arrivals, _compiling_since_s
    if not _awaited:
        return arrivals
    with _without_kernels_on_error():
        wanted = sorted(_awaited.copy())
        if wait and _compiling_since_s is not None and compiling.is_at_work():
            clock, processor = _compiling_since_s
            if min(time.monotonic() - clock, time.process_time() - processor) > _WAIT_AFTER_S:
                _compiling_since_s = None
                compiling.announce()
                compiling.wait_for(wanted, _LONGEST_WAIT_S)
        in_vain = compiling.failed(wanted)
        if set(compiling.missing(wanted)) <= set(in_vain):
            _awaited.difference_update(wanted)
            _load.cache_clear()
            arrivals += 1
    return arrivals


def _is_off() -> bool:
    return os.environ.get("DGEMMA_KERNELS") == "off"


def _kernels_of(names: Iterable[Name]) -> list[str]:
    return list(dict.fromkeys(kernel for name in names for kernel in _NEEDED[name]))


@contextmanager
def _without_kernels_on_error() -> Iterator[None]:
    try:
        yield
    except (ImportError, OSError, RuntimeError) as error:
        logging.getLogger(__name__).info("Plain PyTorch runs instead of compiled kernels: %s", error)
