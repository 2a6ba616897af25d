"""Which request runs next: a bounded FIFO queue of waiting requests, and active requests that take turns round-robin.

Promises that the active requests' caches stay within the budget, that requests are admitted in the order of arrival,
and that each active request gets a turn before any other gets two; several may share a turn. Pure bookkeeping on ids
and byte counts: knows no tensors, no threads and nothing of what a turn does. The caller must hold the engine's lock.
"""

from collections import deque
from collections.abc import Callable, Sequence

from dgemma.errors import BusyError

REMEMBERED = 16
"""Number of finished requests over which `retry_after_s` averages."""


class Scheduler:
    """At most `max_active` requests are active, within `budget_bytes` of KV cache; `max_waiting` more may wait."""

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
        """Requests that wait to be admitted."""
        return len(self._waiting)

    @property
    def active_bytes(self) -> int:
        """Bytes of the active requests' caches; never more than the budget."""
        return sum(self._active.values())

    def enter(self, request_id: int, num_bytes: int) -> None:
        """Queues a request whose cache will take `num_bytes`. Raises BusyError when the queue is full.

        The caller must already have refused a request that exceeds the budget on its own.
        """
        assert num_bytes <= self.budget_bytes
        if self.num_active + self.num_waiting - len(self._ended) >= self.max_active + self.max_waiting:
            seconds = self.retry_after_s()
            raise BusyError(
                f"The engine is full: all {self.max_active + self.max_waiting} places are taken; try again in "
                f"{seconds:.1f} seconds.",
                retry_after_s=seconds,
            )
        self._waiting[request_id] = num_bytes

    def candidate(self) -> int | None:
        """The first waiting request if it can be admitted now, else None."""
        if not self._waiting or self.num_active >= self.max_active:
            return None
        request_id, num_bytes = next(iter(self._waiting.items()))
        return request_id if self.active_bytes + num_bytes <= self.budget_bytes else None

    def admit(self, request_id: int) -> None:
        """Makes the candidate active, last in the round."""
        assert self.candidate() == request_id
        self._active[request_id] = self._waiting.pop(request_id)
        self._turns.append(request_id)

    def next_turns(self, joins: Callable[[int, Sequence[int]], bool] | None = None) -> list[int]:
        """The active request whose turn it is, then the later ones in the round that share its turn; empty if none is
        active. `joins(request, chosen)` says whether a request may share the turn of those chosen before it."""
        if not self._turns:
            return []
        chosen = [self._turns[0]]
        if joins is not None:
            for request_id in tuple(self._turns)[1:]:
                if joins(request_id, chosen):
                    chosen.append(request_id)
        for request_id in chosen:
            self._turns.remove(request_id)
        self._turns.extend(chosen)
        return chosen

    def end(self, request_id: int) -> None:
        """Frees the place of an active request whose turn is still running; its bytes count until `leave`."""
        self._ended.add(request_id)

    def leave(self, request_id: int) -> None:
        """Removes a request, waiting or active."""
        self._ended.discard(request_id)
        self._waiting.pop(request_id, None)
        if self._active.pop(request_id, None) is not None:
            self._turns.remove(request_id)

    def record_duration(self, seconds: float) -> None:
        """Records how long a finished request was active."""
        self._seconds.append(seconds)

    def retry_after_s(self) -> float:
        """Estimated seconds until a request ends: the mean duration over the number of active ones; 0.1 to 60."""
        mean = sum(self._seconds) / len(self._seconds) if self._seconds else 1.0
        return min(60.0, max(0.1, mean / max(1, self.num_active)))
