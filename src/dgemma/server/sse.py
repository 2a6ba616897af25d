"""Server-sent events, and what to do when the client hangs up.

Promises that a generator of events is closed before the response is over, however it ends: read to its end, left by
the client, or cut off because nobody reads. Knows nothing of what the events say.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import Any, TypeVar

import anyio
from fastapi import Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from dgemma.server.errors import ClientLeftError

T = TypeVar("T")

DONE = b"data: [DONE]\n\n"
"""What ends a stream of OpenAI's older endpoints."""


def frame(data: Mapping[str, Any], event: str | None = None) -> bytes:
    """One event: its name if it has one, its data as one line of JSON."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_left(request: Request, work: Awaitable[T]) -> T:
    """Waits for `work`, which is cancelled when the client hangs up; then raises ClientLeftError."""
    outcome: list[T] = []
    failure: list[Exception] = []

    async def watch() -> None:
        await _until_left(request.receive)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            outcome.append(await work)
        except Exception as error:  # raised below: leaving the group with it would wrap it
            failure.append(error)
        group.cancel_scope.cancel()
    if failure:
        raise failure[0]
    if not outcome:
        raise ClientLeftError
    return outcome[0]


class EventStream(Response):
    """A response of frames that are sent as they come."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes], *, send_timeout_s: float) -> None:
        self.status_code = 200
        self.background = None
        self._frames, self._send_timeout_s = frames, send_timeout_s
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch() -> None:
            await _until_left(receive)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(watch)
                await self._send(send)
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._frames.aclose()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for part in self._frames:
            with anyio.move_on_after(self._send_timeout_s) as patience:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            if patience.cancelled_caught:
                # Left without its last part, the connection is closed by the server.
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
