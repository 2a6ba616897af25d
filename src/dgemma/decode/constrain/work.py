"""How much work compiling a form may take, whatever part of it the work goes into.

Promises that a loop that spends what it does ends with an error within seconds. The count is the same on every machine;
the time is a last resort, for what is not counted as it should be. Knows nothing of schemas or expressions.
"""

import time

from dgemma.errors import UsageError

MAX_WORK = 2_700_000
"""Units for one look at a form, a few seconds' work. A unit is what putting one part into a term takes."""
MAX_SECONDS = 20.0
"""Processor time of the compiling thread, several times what MAX_WORK takes. What others do at the same time does not
count, so that a busy machine refuses nothing that an idle one takes."""
UNITS_BETWEEN_LOOKS = 50_000


class TooLargeError(UsageError):
    """An expression, or the automaton made of it, is larger than it may be."""


class TooSlowError(UsageError):
    """Compiling took too long. No smaller form is tried then: which one is taken would depend on the machine."""


class Work:
    """A counter for one thread. Raises TooLargeError beyond MAX_WORK, TooSlowError beyond MAX_SECONDS."""

    def __init__(self, deadline: float | None = None) -> None:
        self._deadline = time.thread_time() + MAX_SECONDS if deadline is None else deadline
        self._spent = 0.0
        self._next_look: float = UNITS_BETWEEN_LOOKS

    def afresh(self) -> "Work":
        """The same deadline with nothing spent."""
        return Work(self._deadline)

    def spend(self, units: float) -> None:
        """Counts work about to be done."""
        self._spent += units
        if self._spent >= self._next_look:
            self._look()

    def _look(self) -> None:
        if self._spent > MAX_WORK:
            raise TooLargeError(
                "What the answer is held to nests too many counts and alternatives, or has too many parts; simplify it."
            )
        if time.thread_time() > self._deadline:
            raise TooSlowError(
                f"What the answer is held to takes more than {MAX_SECONDS:g} seconds to compile; simplify it."
            )
        self._next_look = min(self._spent + UNITS_BETWEEN_LOOKS, MAX_WORK + 1)
