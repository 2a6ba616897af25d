"""Server-sent events, and the handling of clients that disconnect.

Promises that the generator of events is closed before the response ends, whether the stream is complete, the client
disconnects, or a send times out. Knows nothing of what the events contain.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import Any, TypeVar

import anyio
from fastapi import Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from dgemma.server.errors import ClientDisconnectedError

T = TypeVar("T")

DONE = b"data: [DONE]\n\n"
"""The last frame of a stream in chat, completions and edits; responses and messages have none."""


def frame(data: Mapping[str, Any], event: str | None = None) -> bytes:
    """Encodes one event, with its data as one line of JSON."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_disconnected(request: Request, work: Awaitable[T]) -> T:
    """Awaits `work`. If the client disconnects, cancels it and raises ClientDisconnectedError."""
    outcome: list[T] = []
    failure: list[Exception] = []

    async def watch() -> None:
        await _until_disconnected(request.receive)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            outcome.append(await work)
        except Exception as error:  # raised below: the task group would wrap it in an ExceptionGroup
            failure.append(error)
        group.cancel_scope.cancel()
    if failure:
        raise failure[0]
    if not outcome:
        raise ClientDisconnectedError
    return outcome[0]


class EventStream(Response):
    """A streaming response that sends frames as they arrive."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes], *, send_timeout_s: float) -> None:
        self.status_code = 200
        self.background = None
        self._frames, self._send_timeout_s = frames, send_timeout_s
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch() -> None:
            await _until_disconnected(receive)
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
            with anyio.move_on_after(self._send_timeout_s) as timeout:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            if timeout.cancelled_caught:
                # uvicorn closes the connection of an incomplete response.
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
