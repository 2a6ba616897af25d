"""The two ends of one open request: the engine holds a Job, the consumer iterates Events.

Between them is the outbox, a queue that any thread may fill. Knows nothing of turns; the engine runs those.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

from dgemma.engine.prefixes import Prefix, Reuse
from dgemma.engine.request import Event, Finish
from dgemma.engine.runner import Runner


class Job:
    """One open request, as the engine sees it.

    outbox       items for the consumer: events, an error, or None, which asks it to drive because no thread does
    waiting      whether the consumer is blocked on an empty outbox
    reuse        the kept prefix that it starts from; set between its admission and its first turn
    kept         the prefix that later requests may reuse; set between its last turn and its release
    weights_key  identifies the weights that it was admitted under; `kept` is valid for these only
    satisfied    whether the consumer closed the request because it has all it wants
    num_rows     rows of the largest pass of its last turn that could be joined with other requests'; None if none could
    """

    def __init__(self, job_id: int, runner: Runner) -> None:
        self.id, self.runner = job_id, runner
        self.outbox: SimpleQueue[Event | Exception | None] = SimpleQueue()
        self.waiting = False
        self.reuse: Reuse | None = None
        self.kept: Prefix | None = None
        self.weights_key: object = None
        self.satisfied = False
        self.num_rows: int | None = None

    def post(self, *items: Event | Exception | None) -> None:
        """Puts items into the outbox, which wakes the consumer."""
        for item in items:
            self.waiting = False
            self.outbox.put(item)

    def fail(self, error: Exception) -> None:
        """Replaces all unread items by an error."""
        # The consumer may read at the same time, so the outbox may be empty even if it was not a moment ago.
        with suppress(Empty):
            while True:
                self.outbox.get_nowait()
        self.post(error)


class Events(Iterator[Event]):
    """Iterates the events of one request; Finish is the last. For one consumer: several would each get a part of them.

    `id` is the argument of `Engine.cancel`. `close`, or dropping the iterator, ends the request; iteration then stops.
    Iterating raises an error of the request's own work, and CancelledError if the request was ended from elsewhere.
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
                # Another thread closed it or read the last item; post this one again for any third that waits.
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
        """Ends the request; a step in flight is its last. May be called from any thread.

        satisfied: the consumer has all it wants, so the request counts as finished, not as cancelled
        """
        self._over = True
        self._job.satisfied = self._job.satisfied or satisfied
        self._abandon(self._job)

    def __del__(self) -> None:
        self._abandon(self._job)
