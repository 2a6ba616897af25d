"""Ctrl-C at any instruction of the engine's books leaves it whole: no request stays open, the next is answered."""

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

ENGINE_FILES = ("engine.py", "events.py", "prefixes.py", "residency.py", "scheduler.py", "device_lock.py")
BOOKKEEPING = ("interrupts.py", *ENGINE_FILES)
STRIDE = 3
REQUEST = make_request(prompt=(1, 2, 3), max_new_tokens=2, canvas_length=2, max_denoising_steps=1)


@pytest.fixture(autouse=True)
def python_handles_interrupts() -> Iterator[None]:
    """Background jobs of a shell ignore Ctrl-C, and so does what they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted_at(number: int, work: Callable[[], Any]) -> tuple[int, bool]:
    """Does work, with Ctrl-C before the instruction of that number in the files of BOOKKEEPING.

    Returns how many instructions there were, and whether the work was broken off."""
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


# What is raised where a request is let go of is told and forgotten, as in every `__del__`.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_anywhere_leaves_the_engine_whole():
    engine, expected = make_engine(), alone(REQUEST)
    count, _ = interrupted_at(0, lambda: list(engine.submit(REQUEST)))
    assert count > 1000
    broken_off = 0
    for number in range(1, count, STRIDE):
        broken_off += interrupted_at(number, lambda: list(engine.submit(REQUEST)))[1]
        said: list[Any] = []
        # Another thread could never take what this one had left locked.
        other = threading.Thread(target=lambda said=said: said.extend(engine.submit(REQUEST)), daemon=True)
        other.start()
        other.join(timeout=60)
        assert content(said) == expected, number
        snapshot = engine.snapshot()
        assert (snapshot.active, snapshot.waiting, engine._scheduler.active_bytes) == (0, 0, 0), number
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if number % 2:
            engine.forget_prefixes()
    assert broken_off > count // STRIDE * 0.9


def test_what_is_deferred_is_done_whole():
    done = []
    with pytest.raises(KeyboardInterrupt), deferred():
        with deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]


def test_what_is_allowed_ends_at_once():
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
def test_what_python_forgets_is_raised_all_the_same():
    """While a generator that was dropped is closed, what is raised goes nowhere."""

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


def test_books_inside_of_what_is_allowed_are_kept_whole():
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


def test_other_handlers_stay(monkeypatch: pytest.MonkeyPatch):
    told = []
    before = signal.signal(signal.SIGINT, lambda *_: told.append("mine"))
    try:
        with deferred(), allowed():
            signal.raise_signal(signal.SIGINT)
        assert told == ["mine"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_defer_nothing():
    seen = []

    def work() -> None:
        with deferred(), allowed():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
