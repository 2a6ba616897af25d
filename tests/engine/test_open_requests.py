"""The books of open requests, without threads."""

from collections.abc import Iterator
from queue import Empty

from dgemma.engine.events import Job
from dgemma.engine.open_requests import OpenRequests
from dgemma.engine.request import Commit, Event
from dgemma.engine.residency import Residency
from dgemma.engine.runner import Runner
from dgemma.engine.scheduler import Scheduler
from dgemma.errors import CancelledError
from tests.engine.requests import SAMPLER, made_up_ids, make_request
from tests.test_model import NETWORK

COMMIT = Commit(token_ids=(3, 4), entropies=(0.0, 0.0))


def make_requests() -> OpenRequests:
    scheduler = Scheduler(max_active=2, max_waiting=2, budget_bytes=1 << 20)
    return OpenRequests(scheduler, Residency(NETWORK, None, None, scheduler, max_prefixes=2))


def make_runner() -> Runner:
    return Runner(NETWORK, NETWORK, SAMPLER, make_request(made_up_ids(20)), prefill_chunk=16)


def unread(job: Job) -> Iterator[Event | Exception | None]:
    try:
        while True:
            yield job.outbox.get_nowait()
    except Empty:
        return


def test_a_request_cancelled_in_its_turn_keeps_its_memory_until_the_turn_is_over():
    requests, error = make_requests(), CancelledError("The request was cancelled.")
    entered = requests.enter(make_runner())
    (job,) = requests.begin_turn()
    assert job is entered and job in requests and requests.find(job.id) is job
    job.runner.open()
    job.post(COMMIT)
    requests.end(job, "cancelled", error)
    assert job not in requests and requests.find(job.id) is None
    assert requests.snapshot().kv_bytes == job.runner.num_bytes
    requests.end_turn(job, [COMMIT], None)
    assert list(unread(job)) == [error], "nothing but the error is left to read"
    snapshot = requests.snapshot()
    assert (snapshot.cancelled, snapshot.active, snapshot.kv_bytes, snapshot.new_tokens) == (1, 0, 0, 0)


def test_a_failure_is_posted_after_the_events_before_it():
    requests, error = make_requests(), RuntimeError("the device is gone")
    requests.enter(make_runner())
    (job,) = requests.begin_turn()
    requests.end_turn(job, [COMMIT], error)
    assert list(unread(job)) == [COMMIT, error]
    snapshot = requests.snapshot()
    assert (snapshot.failed, snapshot.turns, snapshot.new_tokens, snapshot.active) == (1, 1, 2, 0)


def test_a_request_ends_only_once():
    requests = make_requests()
    jobs = [requests.enter(make_runner()) for _ in range(2)]
    for how in ("cancelled", "finished", "failed"):
        requests.end(jobs[0], how, CancelledError("The request was closed."))
    assert list(requests) == jobs[1:] and len(list(unread(jobs[0]))) == 1
    snapshot = requests.snapshot()
    assert (snapshot.cancelled, snapshot.finished, snapshot.failed, snapshot.waiting) == (1, 0, 0, 1)


def test_no_prompt_is_kept_once_prefixes_are_not():
    for keeps in (True, False):
        requests = make_requests()
        requests.keeps_prefixes = keeps
        requests.enter(make_runner())
        (job,) = requests.begin_turn()
        job.runner.open()
        job.runner.advance()
        requests.end(job, "cancelled")
        requests.end_turn(job, (), None)
        assert requests.snapshot().prefixes == keeps
