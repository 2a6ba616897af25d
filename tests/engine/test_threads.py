"""Many consumers at once, with and without a driver thread: no event is lost or mixed up, and nothing hangs."""

import gc
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dgemma.decode.autoregressive import TokenSampler
from dgemma.engine import modes
from dgemma.engine.engine import Engine
from dgemma.engine.pace import Pace
from dgemma.engine.request import Request
from dgemma.engine.runner import Runner
from dgemma.errors import BusyError, CancelledError
from tests.engine.requests import alone, content, made_up_ids, make_engine, make_request

CONSUMERS = 8
NO_ID = 10**6
"""An end token that is never written."""
ROOT = Path(__file__).parents[2]


def numbered_request(number: int) -> Request:
    return make_request(
        made_up_ids(5 + 13 * (number % 3), number % 2),
        max_new_tokens=4 + 7 * (number % 4),
        seed=number,
        mode="autoregressive" if number % 3 == 0 else "diffusion",
        token_sampler=TokenSampler(temperature=1.0),
    )


def consume(engine: Engine, number: int) -> bool:
    """Reads one request, every third one not to the end. Returns whether its events are the expected ones."""
    expected = EXPECTED[number]
    stream = engine.submit(numbered_request(number))
    if number % 3 == 1:
        read = [next(stream) for _ in range(1 + number % 2)]
        if number % 2:
            stream.close()
        return content(read) == expected[: len(read)]
    return content(stream) == expected


REQUESTS = 16
EXPECTED = [alone(numbered_request(number)) for number in range(REQUESTS)]


@pytest.mark.parametrize("own_thread", [False, True])
@pytest.mark.parametrize("max_active", [1, 5])
def test_consumers_in_threads_get_what_they_would_get_alone(own_thread, max_active):
    engine = make_engine(max_active=max_active, kv_budget_mb=0.3)
    if own_thread:
        engine.start()
    with ThreadPoolExecutor(CONSUMERS) as pool:
        assert all(pool.map(lambda number: consume(engine, number), range(REQUESTS)))
    gc.collect()
    snapshot = engine.snapshot()
    assert snapshot.active == snapshot.waiting == snapshot.failed == 0
    assert snapshot.finished + snapshot.cancelled == REQUESTS and snapshot.finished >= REQUESTS * 2 // 3
    assert snapshot.kv_bytes <= snapshot.kv_budget_bytes
    engine.close()


def test_closing_from_another_thread_ends_a_blocked_consumer_without_error():
    engine = make_engine(max_active=1)
    blocker = engine.submit(make_request(max_new_tokens=500, canvas_length=3))
    stream = engine.submit(make_request())
    next(blocker)
    read: list[object] = []
    driver = threading.Thread(target=lambda: read.extend(blocker))
    consumer = threading.Thread(target=lambda: read.append(next(stream, "over")))
    driver.start()
    consumer.start()
    stream.close()
    consumer.join(20)
    blocker.close()
    driver.join(20)
    assert not consumer.is_alive() and not driver.is_alive()
    assert "over" in read and engine.snapshot().cancelled == 2


def test_cancelling_from_another_thread_reaches_the_consumer():
    engine = make_engine()
    stream = engine.submit(make_request(max_new_tokens=2000))
    next(stream)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(list, stream)
        assert engine.cancel(stream.id)
        with pytest.raises(CancelledError):
            reading.result(20)


def test_closing_the_engine_wakes_every_consumer():
    engine = make_engine(max_active=2)
    streams = [
        engine.submit(make_request(max_new_tokens=2000, seed=seed, eos_token_ids=(NO_ID,))) for seed in range(CONSUMERS)
    ]
    with ThreadPoolExecutor(CONSUMERS) as pool:
        readings = [pool.submit(list, stream) for stream in streams]
        engine.close()
        assert all(isinstance(reading.exception(20), CancelledError) for reading in readings)
    snapshot = engine.snapshot()
    assert (snapshot.active, snapshot.waiting, snapshot.kv_bytes, snapshot.cancelled) == (0, 0, 0, CONSUMERS)


def test_a_started_engine_works_ahead_of_its_consumers():
    # Other tests' engines may be at work in this process.
    before = set(threading.enumerate())
    engine = make_engine()
    engine.start()
    engine.start()
    first, second = engine.submit(numbered_request(0)), engine.submit(numbered_request(1))
    assert content(second) == EXPECTED[1]
    assert content(first) == EXPECTED[0]
    engine.close()
    assert "dgemma-engine" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_starting_takes_over_from_a_consumer_that_drives():
    engine = make_engine()
    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(list, engine.submit(make_request(max_new_tokens=60)))
        engine.start()
        assert content(reading.result(20)) == alone(make_request(max_new_tokens=60))
        assert content(engine.submit(numbered_request(1))) == EXPECTED[1]
    engine.close()


def test_under_load_refused_requests_raise_busy_and_others_are_answered():
    engine = make_engine(max_active=2, max_waiting=1)

    def attempt(number: int) -> bool | None:
        try:
            return consume(engine, number)
        except BusyError as error:
            assert error.retry_after_s > 0
            return None

    with ThreadPoolExecutor(CONSUMERS) as pool:
        answers = list(pool.map(attempt, range(REQUESTS)))
    assert False not in answers and True in answers
    assert engine.snapshot().refused == answers.count(None)


def test_requests_dropped_by_the_garbage_collector_at_any_moment_end():
    engine = make_engine()

    def drop(number: int) -> bool:
        for _ in range(4):
            cycle: list[object] = [engine.submit(numbered_request(number))]
            cycle.append(cycle)
            del cycle
        return content(engine.submit(numbered_request(number))) == EXPECTED[number]

    thresholds = gc.get_threshold()
    gc.set_threshold(5, 1, 1)
    try:
        with ThreadPoolExecutor(CONSUMERS) as pool:
            assert all(pool.map(drop, range(REQUESTS // 2)))
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    snapshot = engine.snapshot()
    assert (snapshot.active, snapshot.waiting) == (0, 0) and snapshot.finished >= REQUESTS // 2


def test_an_engine_without_references_is_freed():
    engine = make_engine()
    list(engine.submit(make_request()))
    reference = weakref.ref(engine)
    del engine
    assert reference() is None


def test_a_program_may_exit_in_the_middle_of_a_request():
    code = (
        "from tests.engine.requests import make_engine, make_request\n"
        "engine = make_engine()\n"
        "engine.start()\n"
        "stream = engine.submit(make_request(max_new_tokens=2000))\n"
        "next(stream)\n"
        "print('read')"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "read\n", "")


@pytest.mark.parametrize("own_thread", [False, True])
def test_no_request_runs_while_the_pace_is_measured(own_thread, monkeypatch):
    """The measurement takes place even if another thread keeps the engine busy."""
    engine, measuring, turns, turns_meanwhile = make_engine(), threading.Event(), [], []
    advance = Runner.advance

    def recording(runner, num_tokens=1):
        turns.append(measuring.is_set())
        return advance(runner, num_tokens)

    def measure(network, file, passes):
        before = len(turns)
        measuring.set()
        time.sleep(0.2)
        measuring.clear()
        turns_meanwhile.append(len(turns) - before)
        return Pace(step_ms={8: 1.0}, token_ms=1.0)

    monkeypatch.setattr(Runner, "advance", recording)
    monkeypatch.setattr(modes, "cached_pace", measure)
    if own_thread:
        engine.start()
    finished = threading.Event()

    def keep_at_work() -> None:
        while not finished.is_set():
            list(engine.submit(make_request(max_new_tokens=20)))

    busy = threading.Thread(target=keep_at_work)
    busy.start()
    try:
        while len(turns) < 10:
            time.sleep(0.001)
        assert engine.choose(20).mode in ("diffusion", "autoregressive")
        so_far = len(turns)
        while len(turns) < so_far + 10:
            time.sleep(0.001)
    finally:
        finished.set()
        busy.join()
        engine.close()
    assert turns_meanwhile == [0] and not any(turns)
