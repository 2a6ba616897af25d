"""Kernels compiled for this very processor, where torch has no operator or a slow one.

    kernels.py, .._kernels.py      the kernels: Python functions over addresses
    quantised_tiles.py             the processor's products of bytes
    compiler.py, __main__.py       numba makes machine code of them, once, in a process of its own
    compiling.py                   starts such processes, and waits for them
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
    "layers_quantised": "layers",
    "layers_routed": "routed",
    "layers_routed_quantised": "routed",
}
"""The module that has them, where it goes by another name."""
WAITED_FOR_FROM = 1 << 19
"""Entries of a weight, from which on its product is worth the wait: models of smaller ones answer at once."""
_FOR_LATER = ("head", "layers", *_MODULES, "panels", "paths", "quantised")
"""What small models do not wait for."""
_WORTH_S = 15.0
"""What a process may spend without the kernels of a small model, by the clock and of the processor's time, before it
waits for them: about what making them takes."""
_WAITED_FOR_S = 40.0
"""How long it then waits, once: its compilers have the processor to themselves, unless others take it from them."""
_asked_for: set[str] = set()
"""Kernels that were asked for, were missing, and were done without."""
_asked_at_s = 0.0
_begun_at_s: tuple[float, float] | None = None
"""By the clock and of the processor's time; None while nobody is to be waited for."""
arrivals = 0
"""How many times kernels that this process went without were found to be there."""
refusals = 0
"""How many times `load` had nothing to give."""


def load(name: Name, at_once: bool = False) -> ModuleType | None:
    """The module of that name; None where its kernels cannot be run, or are not there yet (`look_for_arrivals`).

    Kernels for large models are compiled synchronously (up to half a minute, once for a processor): they gain more than
    that by them. Small models answer without until theirs are there, which are compiled in the background
    (`compile_wanted`) or when the process ends. `at_once` compiles these synchronously too.
    """
    global refusals
    module = _load(name, at_once)
    refusals += module is None
    return module


@cache
def _load(name: Name, at_once: bool) -> ModuleType | None:
    global _asked_at_s
    if os.environ.get("DGEMMA_KERNELS") == "off":
        return None
    with _going_without():
        module = import_module(f"{__name__}.{_MODULES.get(name, name)}")
        if missing := compiling.missing(_NEEDED[name]):
            if name in _FOR_LATER and not at_once:
                if not _asked_for:
                    _asked_at_s = time.monotonic()
                    atexit.register(compile_wanted)
                _asked_for.update(set(missing) - set(compiling.failed(missing)))
                return None
            compiling.finish(missing)
        for kernel in _NEEDED[name]:
            import_module(f"{__name__}.machine").address_of(kernel)
        return module
    return None


def load_for(name: Name, entries: int) -> ModuleType | None:
    """`load` for weights of so many entries: large ones wait for their kernels."""
    return load(name, at_once=entries >= WAITED_FOR_FROM or is_ready(name))


def is_ready(name: Name) -> bool:
    """Whether this process can have that module, or has it; asks for nothing to be compiled."""
    if os.environ.get("DGEMMA_KERNELS") == "off" or not _asked_for.isdisjoint(_NEEDED[name]):
        return False
    try:
        return not compiling.missing(_NEEDED[name])
    except (ImportError, OSError):
        return False


def begin(*names: Name) -> None:
    """Has all that these modules need compiled, for a `load` to come to find: what is to wait for several kernels waits
    for the longest of them."""
    if os.environ.get("DGEMMA_KERNELS") != "off":
        with _going_without():
            compiling.begin(_kernels_of(names))


def prepare() -> None:
    """Compiles what is missing, for commands that measure or go on for long; nothing where that cannot be done."""
    if os.environ.get("DGEMMA_KERNELS") != "off":
        with _going_without():
            compiling.finish(_kernels_of(_NEEDED))


def compile_wanted(after_s: float = 0.0) -> None:
    """Starts to compile what this process goes without, on what the processor has to spare, if it has done so for
    `after_s`."""
    global _begun_at_s
    if _asked_for and time.monotonic() - _asked_at_s >= after_s:
        with _going_without():
            before = compiling.is_at_work()
            compiling.begin_quietly(sorted(_asked_for.copy()))
            if not before and compiling.is_at_work():
                _begun_at_s = (time.monotonic(), time.process_time())


def look_for_arrivals(wait: bool = False) -> int:
    """If all that this process goes without is compiled by now, lets `load` give it from now on -> `arrivals`, by which
    `ops.linear.WeightCache` knows to make anew what was made without.

    With `wait`, a process that has spent as much without it as compiling takes waits for the compilers it has started.
    """
    global arrivals, _begun_at_s
    if not _asked_for:
        return arrivals
    with _going_without():
        wanted = sorted(_asked_for.copy())
        if wait and _begun_at_s is not None and compiling.is_at_work():
            clock, processor = _begun_at_s
            if min(time.monotonic() - clock, time.process_time() - processor) > _WORTH_S:
                _begun_at_s = None
                compiling.tell()
                compiling.wait_for(wanted, _WAITED_FOR_S)
        in_vain = compiling.failed(wanted)
        if set(compiling.missing(wanted)) <= set(in_vain):
            _asked_for.difference_update(wanted)
            _load.cache_clear()
            arrivals += 1
    return arrivals


def _kernels_of(names: Iterable[Name]) -> list[str]:
    return list(dict.fromkeys(kernel for name in names for kernel in _NEEDED[name]))


@contextmanager
def _going_without() -> Iterator[None]:
    try:
        yield
    except (ImportError, OSError, RuntimeError) as error:
        logging.getLogger(__name__).info("Plain PyTorch stands in for the compiled kernels: %s", error)
