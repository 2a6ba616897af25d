"""The lifetime of engines: their driver threads, the end of the program, and forked processes.

Holds weak references to all engines of the process, so it keeps none alive.
"""

import atexit
import os
import threading
import time
import weakref
from queue import SimpleQueue
from typing import Any

import torch

_engines: weakref.WeakSet[Any] = weakref.WeakSet()
_has_watched = False
"""Whether this process has had an engine, so that torch has started threads for its operators."""

_LAST_PASS_S = 10.0
"""How long the program waits at its end for running passes."""


def watch(engine: Any) -> None:
    """Registers an engine: it is closed when the program ends, and `after_fork` is called in a forked child."""
    global _has_watched
    _has_watched = True
    _engines.add(engine)


def driver(engine: Any, wake: SimpleQueue[None]) -> threading.Thread:
    """Makes a driver thread, not started yet, which runs the engine's turns until the engine is closed, stopped or
    freed; an item in `wake` wakes it."""
    # While it waits for work the thread holds a weak reference only, so an engine can be freed without `close`.
    weakref.finalize(engine, wake.put, None).atexit = False
    return threading.Thread(target=_drive, args=(weakref.ref(engine), wake), name="dgemma-engine", daemon=True)


def _drive(reference: weakref.ref[Any], wake: SimpleQueue[None]) -> None:
    try:
        while (engine := reference()) is not None and engine.is_driven_by(threading.current_thread()):
            has_run = engine.take_turn()
            del engine
            if not has_run:
                wake.get()
    finally:
        if (engine := reference()) is not None:
            engine.release_driver(threading.current_thread())


def _end_all() -> None:
    """Closes all engines and waits for their passes: a thread inside a pass at interpreter shutdown would abort the
    process."""
    engines, until = list(_engines), time.monotonic() + _LAST_PASS_S
    for engine in engines:
        engine.close()
    while any(engine.is_at_work for engine in engines) and time.monotonic() < until:
        time.sleep(0.001)


def _after_fork() -> None:
    if _has_watched:
        # The threads of the parent's OpenMP do not exist here, and an operator on several threads would wait for them
        # for good.
        torch.set_num_threads(1)
    for engine in list(_engines):
        engine.after_fork()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
