"""The outbox of a request, filled and emptied by several threads."""

from queue import Empty, SimpleQueue

from dgemma.engine.events import Job
from dgemma.errors import CancelledError


class Raced(SimpleQueue):
    """Says that something is there, which somebody else then takes."""

    def empty(self) -> bool:
        return False

    def get_nowait(self):
        raise Empty


def test_an_error_is_posted_though_its_reader_was_faster():
    job = Job(1, runner=None)  # pyright: ignore[reportArgumentType]
    job.outbox = Raced()
    error = CancelledError("The request was cancelled.")
    job.fail(error)
    assert job.outbox.get() is error
