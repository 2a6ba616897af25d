"""Work in background threads: limiter tokens are released however it ends."""

import asyncio
import threading

import anyio
import pytest

from dgemma.server.background import in_background


def test_what_cannot_be_started_or_fails_gives_its_place_back(monkeypatch):
    async def run() -> None:
        limiter = anyio.CapacityLimiter(1)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", lambda thread: (_ for _ in ()).throw(RuntimeError("no thread")))
            for _ in range(2):
                with pytest.raises(RuntimeError, match="no thread"):
                    await in_background(lambda: 1, limiter)
        for problem in (ValueError("wrong"), StopIteration()):
            with pytest.raises((ValueError, RuntimeError)):
                await in_background(lambda problem=problem: (_ for _ in ()).throw(problem), limiter)
        with pytest.raises(RuntimeError, match="raised StopIteration"):
            await in_background(lambda: next(iter(())), limiter)
        assert await in_background(lambda: 7, limiter) == 7 and limiter.borrowed_tokens == 0

    asyncio.run(run())


def test_who_leaves_does_not_wait_and_what_is_left_keeps_its_place():
    async def run() -> None:
        limiter, begun, may_end = anyio.CapacityLimiter(1), threading.Event(), threading.Event()
        waiting = asyncio.ensure_future(in_background(lambda: begun.set() or may_end.wait(30), limiter))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert limiter.borrowed_tokens == 1
        may_end.set()
        assert await asyncio.wait_for(in_background(lambda: 7, limiter), 30) == 7

    asyncio.run(run())
