"""Ctrl-C at any instruction of the engine's bookkeeping leaves no request open, and the next request is answered."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from dgemma.interrupts import allowed, deferred
from tests.engine.requests import alone, content, make_engine, make_request

ENGINE_FILES = (
    "engine.py",
    "open_requests.py",
    "events.py",
    "prefixes.py",
    "residency.py",
    "scheduler.py",
    "device_lock.py",
)
BOOKKEEPING = ("interrupts.py", *ENGINE_FILES)
STRIDE = 3
REQUEST = make_request(prompt=(1, 2, 3), max_new_tokens=2, canvas_length=2, max_denoising_steps=1)


@pytest.fixture(autouse=True)
def python_handles_interrupts() -> Iterator[None]:
    """Installs Python's handler: background jobs of a shell ignore Ctrl-C, and their children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted_at(number: int, work: Callable[[], Any]) -> tuple[int, bool]:
    """Runs `work` and raises SIGINT before instruction `number` of the files in BOOKKEEPING.

    Returns the number of instructions, and whether the work was interrupted."""
    count = 0

    def each(frame: FrameType, event: str, value: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        if event == "opcode" and count == number:
            signal.raise_signal(signal.SIGINT)
        return each

    def first(frame: FrameType, event: str, value: object) -> Any:
        path = Path(frame.f_code.co_filename)
        ours = path.name in BOOKKEEPING and path.parent.name in ("dgemma", "engine")
        return each(frame, event, value) if ours or path.name == "contextlib.py" else None

    before = sys.gettrace()
    sys.settrace(first)
    try:
        work()
    except KeyboardInterrupt:
        return count, True
    finally:
        sys.settrace(before)
    return count, False


# An exception while a request is dropped is reported and ignored, as in every `__del__`.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_instruction_leaves_the_engine_usable():
    engine, expected = make_engine(), alone(REQUEST)
    count, _ = interrupted_at(0, lambda: list(engine.submit(REQUEST)))
    assert count > 1000
    num_interrupted = 0
    for number in range(1, count, STRIDE):
        num_interrupted += interrupted_at(number, lambda: list(engine.submit(REQUEST)))[1]
        received: list[Any] = []
        # Another thread would hang on a lock that this one had left held.
        other = threading.Thread(target=lambda received=received: received.extend(engine.submit(REQUEST)), daemon=True)
        other.start()
        other.join(timeout=60)
        assert content(received) == expected, number
        snapshot = engine.snapshot()
        assert (snapshot.active, snapshot.waiting, engine._requests._scheduler.active_bytes) == (0, 0, 0), number
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if number % 2:
            engine.forget_prefixes()
    assert num_interrupted > count // STRIDE * 0.9


def test_deferred_blocks_run_to_their_end():
    done = []
    with pytest.raises(KeyboardInterrupt), deferred():
        with deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]


def test_an_interrupt_in_an_allowed_block_is_raised_at_once():
    done = []
    with pytest.raises(KeyboardInterrupt), deferred():
        try:
            with allowed():
                signal.raise_signal(signal.SIGINT)
                done.append("never")
        finally:
            signal.raise_signal(signal.SIGINT)
            done.append("cleaned up")
    assert done == ["cleaned up"]
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)
        with allowed():
            done.append("never")
    assert done == ["cleaned up"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_ignores_is_raised_afterwards():
    """Python ignores an exception raised while a dropped generator is closed."""

    def steps() -> Iterator[int]:
        try:
            yield 1
        finally:
            signal.raise_signal(signal.SIGINT)

    done = []
    with pytest.raises(KeyboardInterrupt), deferred():
        for number in range(3):
            with allowed():
                dropped = steps()
                next(dropped)
                del dropped
                done.append(number)
    assert done == [0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with deferred(), allowed():
        done.append("later")
    assert done == [0, "later"]


def test_a_deferred_block_inside_an_allowed_one_runs_to_its_end():
    done = []
    with pytest.raises(KeyboardInterrupt), deferred(), allowed():
        with deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("whole")
        done.append("never")
    assert done == ["whole"]
    with deferred(), allowed():
        done.append("later")
    assert done == ["whole", "later"]


def test_a_custom_handler_is_left_installed(monkeypatch: pytest.MonkeyPatch):
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append("mine"))
    try:
        with deferred(), allowed():
            signal.raise_signal(signal.SIGINT)
        assert calls == ["mine"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_deferred_in_another_thread_leaves_the_handler_alone():
    seen = []

    def work() -> None:
        with deferred(), allowed():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
