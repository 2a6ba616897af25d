"""The lock of the device: only who holds the wheel touches tensors."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from dgemma.interrupts import allowed, deferred

_PATIENCE_S = 1.0
"""How long who drives waits for one who wants the wheel: it may be interrupted before it takes it."""


class Wheel:
    """Held by who drives, turn by turn, and between two turns by who measures."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Who drives takes the wheel again at once, so that another one would hardly get it.
        self._drives_on = threading.Event()
        self._drives_on.set()

    @property
    def is_held(self) -> bool:
        """Whether somebody holds it."""
        return self._lock.locked()

    @contextmanager
    def turn(self, whole: bool = False) -> Iterator[None]:
        """For who drives; Ctrl-C may break off what is done with it, unless it is to be done `whole`."""
        self._drives_on.wait(_PATIENCE_S)
        with self._lock, nullcontext() if whole else allowed():
            yield

    @contextmanager
    def between_turns(self) -> Iterator[None]:
        """For one who does not drive; Ctrl-C may break off what is done with it."""
        with deferred():
            try:
                self._drives_on.clear()
                with self._lock, allowed():
                    yield
            finally:
                self._drives_on.set()

    def grip(self) -> threading.Lock:
        """The lock itself, for what is short and must be whole."""
        return self._lock
