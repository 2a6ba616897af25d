"""A budget for the compilation of a constraint, shared by all of its stages.

Promises that a loop that spends a unit for each step ends with an error within seconds. The count is the same on every
machine; the time limit is a last resort for work that is not counted well. Knows nothing of schemas or expressions.
"""

import time

from dgemma.errors import UsageError

MAX_WORK = 2_700_000
"""Units for one check or compilation of a constraint, a few seconds. A unit is the cost of adding a part to a term."""
MAX_SECONDS = 20.0
"""CPU time of the compiling thread, several times what MAX_WORK takes. Other threads' time does not count, so that a
busy machine refuses nothing that an idle one accepts."""
UNITS_BETWEEN_CHECKS = 50_000


class TooLargeError(UsageError):
    """An expression or its automaton exceeds a limit."""


class TooSlowError(UsageError):
    """Compiling took too long. A smaller automaton is not tried: the result would depend on the machine's speed."""


class Work:
    """A counter of units for one thread. Raises TooLargeError beyond MAX_WORK, TooSlowError beyond MAX_SECONDS."""

    def __init__(self, deadline: float | None = None) -> None:
        self._deadline = time.thread_time() + MAX_SECONDS if deadline is None else deadline
        self._spent = 0.0
        self._next_check: float = UNITS_BETWEEN_CHECKS

    def afresh(self) -> "Work":
        """A new counter with the same deadline."""
        return Work(self._deadline)

    def spend(self, units: float) -> None:
        """Counts work that is about to be done."""
        self._spent += units
        if self._spent >= self._next_check:
            self._check()

    def _check(self) -> None:
        if self._spent > MAX_WORK:
            raise TooLargeError(
                "The constraint nests too many counts and alternatives, or has too many parts; simplify it."
            )
        if time.thread_time() > self._deadline:
            raise TooSlowError(f"The constraint takes more than {MAX_SECONDS:g} seconds to compile; simplify it.")
        self._next_check = min(self._spent + UNITS_BETWEEN_CHECKS, MAX_WORK + 1)
