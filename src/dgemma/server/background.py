"""Runs blocking work in a thread beside the event loop.

Promises that a cancelled caller stops waiting at once, that the abandoned thread keeps its limiter token until it is
done, and that no such thread delays the exit of the process.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import anyio

T = TypeVar("T")


async def in_background(work: Callable[[], T], limiter: anyio.CapacityLimiter) -> T:
    """Runs `work` in a new thread, once `limiter` allows one, and returns its result. Raises what `work` raises."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    await limiter.acquire_on_behalf_of(outcome)

    def finish(result: T | None, problem: BaseException | None) -> None:
        limiter.release_on_behalf_of(outcome)
        if outcome.done():  # the caller was cancelled
            return
        if isinstance(problem, StopIteration):  # a future does not accept one
            problem = RuntimeError("the work raised StopIteration")
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
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(finish, result, problem)

    # A daemon thread: the interpreter waits for others, those of a pool included, before it exits.
    thread = threading.Thread(target=run, name="dgemma-background", daemon=True)
    try:
        thread.start()
    except BaseException:
        limiter.release_on_behalf_of(outcome)
        raise
    return await outcome
