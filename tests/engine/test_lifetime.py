"""Engines are freed with their last reference, refused in a fork while busy, and usable after their thread stops."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest

import dgemma
from dgemma.errors import CancelledError, UsageError
from tests.engine.requests import alone, content, make_engine, make_request

ROOT = Path(__file__).parents[2]


def use(llm: dgemma.LLM, how: str) -> object:
    """Uses the model in the given way; returns what the user still holds besides it."""
    if how == "started":
        llm.engine.start()
    if how != "unused":
        llm.chat("Hello", max_new_tokens=2, max_denoising_steps=2)
    if how == "stopped":
        llm.engine.start()
        llm.engine.stop()
    if how == "unread":
        events = llm.stream("Hello", max_new_tokens=40)
        next(events)
        return events
    return None


@pytest.mark.parametrize("how", ["unused", "answered", "unread", "started", "stopped"])
def test_a_released_model_is_freed_at_once(how):
    """Without the garbage collector, which does not know how large tensors are."""
    gc.collect()
    gc.disable()
    try:
        llm = dgemma.load("tiny")
        kept, network, engine = use(llm, how), weakref.ref(llm.network), weakref.ref(llm.engine)
        thread = llm.engine._thread
        assert (thread is not None) == (how == "started")
        del kept, llm
        if thread is not None:
            thread.join(timeout=60)
            assert not thread.is_alive()
        assert network() is None and engine() is None
    finally:
        gc.enable()


def test_requests_go_on_when_the_engines_thread_stops():
    engine = make_engine()
    requests = [make_request(seed=number, max_new_tokens=60) for number in range(4)]
    engine.start()
    streams = [engine.submit(request) for request in requests]
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(lambda stream=stream: content(stream)) for stream in streams]
        for _ in range(5):
            engine.stop()
            engine.stop()
            engine.start()
        engine.stop()
        assert engine._thread is None
        assert [future.result(timeout=60) for future in futures] == [alone(request) for request in requests]


def test_concurrent_starts_and_stops_leave_no_driver_thread():
    engine = make_engine()
    requests = [make_request(seed=number, max_new_tokens=40) for number in range(3)]
    with ThreadPoolExecutor(7) as pool:
        ended = [pool.submit(lambda: [(engine.start(), engine.stop()) for _ in range(30)]) for _ in range(4)]
        futures = [pool.submit(lambda request=request: content(engine.submit(request))) for request in requests]
        assert [future.result(timeout=60) for future in futures] == [alone(request) for request in requests]
        for future in ended:
            future.result(timeout=60)
    assert engine._thread is None and not engine._driven
    assert content(engine.submit(requests[0])) == alone(requests[0])


def test_consumers_drive_the_engine_if_no_thread_can_start(monkeypatch):
    engine = make_engine()
    with monkeypatch.context() as none_left, pytest.raises(RuntimeError, match="no more threads"):
        none_left.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("there are no more threads")))
        engine.start()
    engine.stop()
    assert content(engine.submit(make_request())) == alone(make_request())
    engine.close()


def test_a_closed_engine_cannot_be_started():
    engine = make_engine()
    engine.close()
    engine.stop()
    with pytest.raises(UsageError, match="load the model again"):
        engine.start()


def in_a_fork(work) -> int:
    """Runs `work` in a forked child; returns its exit code, which is -9 if it had to be killed after 60 seconds."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = work() or 0
        finally:
            os._exit(code)
    ended = threading.Timer(60, os.kill, (child, 9))
    ended.start()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ended.cancel()
    return code


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_busy_engine_is_refused_in_a_fork():
    engine, request = make_engine(), make_request(max_new_tokens=400)
    engine.start()
    stream = engine.submit(request)
    first = next(stream)

    def child() -> int:
        with pytest.raises(UsageError, match="forked while another thread used the model"):
            engine.submit(request)
        # The events that the parent had by then, or the reason why there are no more.
        try:
            return 5 if content(stream) == alone(request)[1:] else 3
        except CancelledError as error:
            return 5 if "forked" in str(error) else 4

    assert in_a_fork(child) == 5
    # The parent's request goes on.
    assert content([first, *stream]) == alone(request)
    engine.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_an_idle_engine_answers_in_a_fork():
    engine, expected = make_engine(), alone(make_request(max_new_tokens=3))
    assert content(engine.submit(make_request(max_new_tokens=3))) == expected
    with engine.network.unfused():
        assert in_a_fork(lambda: 5 * (content(engine.submit(make_request(max_new_tokens=3))) != [])) == 5


_IN_A_FORK_OF_TWO_THREADS = """
import os, signal, torch, dgemma

torch.set_num_threads(2)
messages = [{"role": "user", "content": "Fix the mistakes: She go home."}]
llm = dgemma.load("tiny")
answer = llm.chat(messages, max_new_tokens=8).text
child = os.fork()
if child == 0:
    signal.alarm(60)
    again = [model.chat(messages, max_new_tokens=8).text for model in (llm, dgemma.load("tiny"))]
    os._exit(5 if again == [answer] * 2 else 4)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_fork_does_not_wait_for_the_threads_of_its_parent():
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _IN_A_FORK_OF_TWO_THREADS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.strip() == "5"


def test_several_readers_of_one_stream_all_end():
    engine = make_engine()
    for closes in (False, True):
        stream = engine.submit(make_request(max_new_tokens=30))
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(lambda stream=stream: list(stream)) for _ in range(4)]
            if closes:
                engine.cancel(stream.id)
            errors = [future.exception(timeout=60) for future in futures]
        assert sum(isinstance(error, CancelledError) for error in errors) <= closes
        if not closes:
            events = [event for future in futures for event in future.result()]
            assert sorted(map(str, content(events))) == sorted(map(str, alone(make_request(max_new_tokens=30))))


def test_a_program_may_exit_while_a_daemon_thread_reads_events():
    program = """
import threading, dgemma
llm, begun = dgemma.load("tiny"), threading.Event()
def work():
    for event in llm.stream("Once upon a time", max_new_tokens=3000, drafts=True):
        begun.set()
threading.Thread(target=work, daemon=True).start()
begun.wait()
"""
    for _ in range(3):
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120)
        assert result.returncode == 0, result.stderr
