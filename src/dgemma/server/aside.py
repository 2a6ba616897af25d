"""Runs slow work in a thread beside the event loop.

Promises that a caller who is cancelled stops waiting at once, that the thread it leaves keeps its place in the limiter
until it is done, and that none keeps the process from ending.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import anyio

T = TypeVar("T")


async def aside(work: Callable[[], T], limiter: anyio.CapacityLimiter) -> T:
    """`work` in a thread of its own, of as many as the limiter allows. Raises what it raises."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    await limiter.acquire_on_behalf_of(outcome)

    def end(result: T | None, problem: BaseException | None) -> None:
        limiter.release_on_behalf_of(outcome)
        if outcome.done():  # left
            return
        if isinstance(problem, StopIteration):  # no future can hold one
            problem = RuntimeError("the work ran into the end of an iterator")
        if problem is not None:
            outcome.set_exception(problem)
        else:
            outcome.set_result(result)  # pyright: ignore[reportArgumentType]

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except BaseException as error:
            problem = error
        with suppress(RuntimeError):  # the loop is no more
            loop.call_soon_threadsafe(end, result, problem)

    # One that the interpreter waits for, as those of a pool are, would hold up its end.
    thread = threading.Thread(target=run, name="dgemma-aside", daemon=True)
    try:
        thread.start()
    except BaseException:
        limiter.release_on_behalf_of(outcome)
        raise
    return await outcome
