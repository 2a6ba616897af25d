"""Which request runs next: a bounded line of waiting requests and a circle of active ones that take turns.

Promises that the active requests' caches stay within the budget, that requests become active in the order of their
coming, and that each active one gets its turn before another gets two; some may take theirs together. Pure bookkeeping
on ids and byte counts: knows no tensors, no threads and nothing of what a turn does. Whoever calls it must hold the
engine's lock.
"""

from collections import deque
from collections.abc import Callable, Sequence

from dgemma.errors import BusyError

REMEMBERED = 16
"""How many finished requests the estimate of speed looks back on."""


class Scheduler:
    """At most `max_active` requests run in turns, within `budget_bytes`; `max_waiting` more may be open."""

    def __init__(self, *, max_active: int, max_waiting: int, budget_bytes: int) -> None:
        self.max_active, self.max_waiting, self.budget_bytes = max_active, max_waiting, budget_bytes
        self._waiting: dict[int, int] = {}
        self._active: dict[int, int] = {}
        self._turns: deque[int] = deque()
        self._ended: set[int] = set()
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def num_active(self) -> int:
        """Requests that take turns."""
        return len(self._active)

    @property
    def num_waiting(self) -> int:
        """Requests in the line."""
        return len(self._waiting)

    @property
    def active_bytes(self) -> int:
        """Bytes of the active requests' caches; never more than the budget."""
        return sum(self._active.values())

    def enter(self, request_id: int, num_bytes: int) -> None:
        """Puts a request that will need `num_bytes` at the end of the line. Raises BusyError when the line is full.

        A request that exceeds the budget on its own must be refused before.
        """
        assert num_bytes <= self.budget_bytes
        if self.num_active + self.num_waiting - len(self._ended) >= self.max_active + self.max_waiting:
            seconds = self.retry_after_s()
            raise BusyError(
                f"All {self.max_active + self.max_waiting} places are taken; try again in {seconds:.1f} seconds.",
                retry_after_s=seconds,
            )
        self._waiting[request_id] = num_bytes

    def candidate(self) -> int | None:
        """The first in line if it may become active now, else None."""
        if not self._waiting or self.num_active >= self.max_active:
            return None
        request_id, num_bytes = next(iter(self._waiting.items()))
        return request_id if self.active_bytes + num_bytes <= self.budget_bytes else None

    def admit(self, request_id: int) -> None:
        """Makes the candidate active; its first regular turn comes after those of all others."""
        assert self.candidate() == request_id
        self._active[request_id] = self._waiting.pop(request_id)
        self._turns.append(request_id)

    def next_turns(self, joins: Callable[[int, Sequence[int]], bool] | None = None) -> list[int]:
        """The active request whose turn it is, and those behind it that take theirs with it, as `joins` says of each
        and of those that do so before it; none when there is none."""
        if not self._turns:
            return []
        together = [self._turns[0]]
        if joins is not None:
            together += (one for one in tuple(self._turns)[1:] if joins(one, together))
        for one in together:
            self._turns.remove(one)
        self._turns.extend(together)
        return together

    def end(self, request_id: int) -> None:
        """Gives away the place of an active request whose turn is still running; its bytes count until it leaves."""
        self._ended.add(request_id)

    def leave(self, request_id: int) -> None:
        """Takes a request out wherever it stands."""
        self._ended.discard(request_id)
        self._waiting.pop(request_id, None)
        if self._active.pop(request_id, None) is not None:
            self._turns.remove(request_id)

    def note(self, seconds: float) -> None:
        """Remembers how long a request was active that ran to its end."""
        self._seconds.append(seconds)

    def retry_after_s(self) -> float:
        """Seconds until the next request should end: the mean of the last ones over those that run; 0.1 to 60."""
        mean = sum(self._seconds) / len(self._seconds) if self._seconds else 1.0
        return min(60.0, max(0.1, mean / max(1, self.num_active)))
