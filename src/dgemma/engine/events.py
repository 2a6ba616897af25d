"""The two ends of one open request: what the engine holds (Job) and what its consumer iterates (Events).

Between them lies the outbox, a queue that may be filled from any thread. Knows nothing of turns; that is the engine's.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

from dgemma.engine.prefixes import Prefix, Reuse
from dgemma.engine.request import Event, Finish
from dgemma.engine.runner import Runner


class Job:
    """One open request, as the engine sees it.

    outbox   what its consumer shall read: events, an error, or None, which says that the wheel is free
    waiting  its consumer is blocked on an empty outbox
    reuse    the kept prefix that it starts from, between its admission and its first turn
    kept     what later requests may reuse of it, between its last turn and its release
    encoder  stands for the weights that it began with: what is kept is theirs
    satisfied  its consumer has all it wants
    num_rows  those of the largest pass of its last turn, as far as it could be in one call with others'; else None
    """

    def __init__(self, job_id: int, runner: Runner) -> None:
        self.id, self.runner = job_id, runner
        self.outbox: SimpleQueue[Event | Exception | None] = SimpleQueue()
        self.waiting = False
        self.reuse: Reuse | None = None
        self.kept: Prefix | None = None
        self.encoder: object = None
        self.satisfied = False
        self.num_rows: int | None = None

    def post(self, *items: Event | Exception | None) -> None:
        """Hands items to the consumer, which wakes it."""
        for item in items:
            self.waiting = False
            self.outbox.put(item)

    def break_off(self, error: Exception) -> None:
        """Hands an error to the consumer, in place of what it has not read yet."""
        # Its consumer may read at the same time: what was there a moment ago need not be.
        with suppress(Empty):
            while True:
                self.outbox.get_nowait()
        self.post(error)


class Events(Iterator[Event]):
    """The events of one request, for one consumer at a time (of several each gets some); Finish is the last.

    `id` is what `Engine.cancel` takes. `close`, or letting go of it, ends the request; iteration then stops. Raises
    what went wrong in the request's own work, and CancelledError when it was ended from elsewhere.
    """

    def __init__(self, job: Job, wait: Callable[[Job], Event | Exception], abandon: Callable[[Job], None]) -> None:
        self.id = job.id
        self._job, self._wait, self._abandon = job, wait, abandon
        self._over = False

    def __next__(self) -> Event:
        if self._over:
            raise StopIteration
        try:
            item = self._wait(self._job)
            if self._over:
                # Closed by another thread, or read to its end by one; a third may wait as well.
                self._job.post(item)
                raise StopIteration
            if isinstance(item, Exception):
                raise item
        except BaseException as problem:
            self.close()
            if isinstance(problem, Exception) and not isinstance(problem, StopIteration):
                self._job.post(problem)
            raise
        if isinstance(item, Finish):
            self._over = True
            self._job.post(item)
        return item

    def close(self, satisfied: bool = False) -> None:
        """Ends the request; its step in flight is the last. May be called from any thread.

        satisfied: its consumer has all it wants, so that it counts as finished and not as cancelled
        """
        self._over = True
        self._job.satisfied = self._job.satisfied or satisfied
        self._abandon(self._job)

    def __del__(self) -> None:
        self._abandon(self._job)
