"""The lock of the device: only who holds the wheel touches tensors."""

import threading
from collections.abc import Callable
from typing import TypeVar

from dgemma.interrupts import allowed, deferred

_PATIENCE_S = 1.0
"""How long who drives waits for one who wants the wheel: it may be interrupted before it takes it."""
T = TypeVar("T")


class Wheel:
    """Held by who drives, turn by turn, and between two turns by who measures.

    It is given what to do, and is no context manager made of a generator: Ctrl-C in the library's code around such a
    one leaves it open for later, with the lock taken and the handler of signals as it was inside.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Who drives takes the wheel again at once, so that another one would hardly get it.
        self._drives_on = threading.Event()
        self._drives_on.set()

    @property
    def is_held(self) -> bool:
        """Whether somebody holds it."""
        return self._lock.locked()

    def turn(self, work: Callable[[], T], whole: bool = False) -> T:
        """For who drives; Ctrl-C may break off what is done with it, unless it is to be done `whole`."""
        self._drives_on.wait(_PATIENCE_S)
        with self._lock:
            if whole:
                return work()
            with allowed():
                return work()

    def between_turns(self, work: Callable[[], T]) -> T:
        """For one who does not drive; Ctrl-C may break off what is done with it."""
        with deferred():
            try:
                self._drives_on.clear()
                with self._lock, allowed():
                    return work()
            finally:
                self._drives_on.set()

    def grip(self) -> threading.Lock:
        """The lock itself, for what is short and must be whole."""
        return self._lock
