"""The device lock: only the thread that holds it touches tensors."""

import threading
from collections.abc import Callable
from typing import TypeVar

from dgemma.interrupts import allowed, deferred

_PATIENCE_S = 1.0
"""How long the driver waits for another thread to take the lock: that one may be interrupted before it does."""
T = TypeVar("T")


class DeviceLock:
    """The driver holds it turn by turn; a thread that measures holds it between two turns.

    Its methods take the work as a function and are not context managers made of generators: Ctrl-C in contextlib's
    code around such a generator would leave it suspended, with the lock taken and the signal handler as it was inside.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """The lock itself, for work that is short and must not be interrupted."""
        # Cleared while another thread wants the lock: the driver retakes it at once after each turn, so that another
        # thread would hardly ever get it.
        self._driver_may_run = threading.Event()
        self._driver_may_run.set()

    @property
    def is_held(self) -> bool:
        """Whether a thread holds it."""
        return self.lock.locked()

    def turn(self, work: Callable[[], T], whole: bool = False) -> T:
        """Does `work` holding the lock, for the driver. Ctrl-C may interrupt it unless it must be done `whole`."""
        self._driver_may_run.wait(_PATIENCE_S)
        with self.lock:
            if whole:
                return work()
            with allowed():
                return work()

    def between_turns(self, work: Callable[[], T]) -> T:
        """Does `work` holding the lock, for a thread that does not drive. Ctrl-C may interrupt it."""
        with deferred():
            try:
                self._driver_may_run.clear()
                with self.lock, allowed():
                    return work()
            finally:
                self._driver_may_run.set()
