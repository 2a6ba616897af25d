"""How long an engine lives: the thread that drives it, the end of the program, and processes forked from it.

All engines of the process are known here, and none is kept alive by it.
"""

import atexit
import os
import threading
import time
import weakref
from queue import SimpleQueue
from typing import Any

_engines: weakref.WeakSet[Any] = weakref.WeakSet()

_LAST_PASS_S = 10.0
"""How long the end of the program waits for passes that are running."""


def watch(engine: Any) -> None:
    """Has the engine end with the program, and be told in a process that is forked from it."""
    _engines.add(engine)


def driver(engine: Any, call: SimpleQueue[None]) -> threading.Thread:
    """A thread, not started yet, that gives the engine's requests their turns until it is closed, stopped or let go of;
    what is put into `call` wakes it."""
    # Not held by the thread that waits for work: who lets go of an engine is not to close it first.
    weakref.finalize(engine, call.put, None).atexit = False
    return threading.Thread(target=_drive, args=(weakref.ref(engine), call), name="dgemma-engine", daemon=True)


def _drive(reference: weakref.ref[Any], call: SimpleQueue[None]) -> None:
    try:
        while (engine := reference()) is not None and engine.is_driven_by(threading.current_thread()):
            turned = engine.take_turn()
            del engine
            if not turned:
                call.get()
    finally:
        if (engine := reference()) is not None:
            engine.let_go(threading.current_thread())


def _end_all() -> None:
    """A thread inside a pass while the interpreter goes down would abort the process."""
    engines, until = list(_engines), time.monotonic() + _LAST_PASS_S
    for engine in engines:
        engine.close()
    while any(engine.is_at_work for engine in engines) and time.monotonic() < until:
        time.sleep(0.001)


def _tell_child() -> None:
    for engine in list(_engines):
        engine.after_fork()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell_child)
