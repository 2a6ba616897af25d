"""The outbox of a request, filled and emptied by several threads."""

from queue import Empty, SimpleQueue

from dgemma.engine.events import Job
from dgemma.errors import CancelledError


class RacedQueue(SimpleQueue):
    """Reports an item that another thread then takes."""

    def empty(self) -> bool:
        return False

    def get_nowait(self):
        raise Empty


def test_an_error_is_posted_even_if_a_reader_empties_the_outbox_first():
    job = Job(1, runner=None)  # pyright: ignore[reportArgumentType]
    job.outbox = RacedQueue()
    error = CancelledError("The request was cancelled.")
    job.fail(error)
    assert job.outbox.get() is error
