"""Server-sent events, and the handling of clients that disconnect.

Promises that the generator of events is closed before the response ends, whether the stream is complete, the client
disconnects, or a send times out, and that no stream is silent for long: clients give up on those. Knows nothing of what
the events contain.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio
from fastapi import Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from dgemma.server.errors import ClientDisconnectedError

T = TypeVar("T")

DONE = b"data: [DONE]\n\n"
"""The last frame of a stream in chat, completions and edits; responses and messages have none."""

COMMENT = b": keep-alive\n\n"
"""A keep-alive that every SSE parser skips."""


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
    """A streaming response that sends frames as they arrive, and `keep_alive` after every silence of `keep_alive_s`."""

    media_type = "text/event-stream"

    def __init__(
        self, frames: AsyncGenerator[bytes], *, keep_alive: bytes, keep_alive_s: float, send_timeout_s: float
    ) -> None:
        self.status_code = 200
        self.background = None
        self._frames, self._send_timeout_s = frames, send_timeout_s
        self._keep_alive, self._keep_alive_s = keep_alive, keep_alive_s
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch() -> None:
            await _until_disconnected(receive)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(watch)
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                body = _Body(send, self._send_timeout_s, on_timeout=group.cancel_scope.cancel)
                group.start_soon(body.keep_alive, self._keep_alive, self._keep_alive_s)
                async for part in self._frames:
                    await body.send(part)
                await body.send(b"", more=False)
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._frames.aclose()


class _Body:
    """The body of a streaming response. Two tasks send parts of it, one part at a time."""

    def __init__(self, send: Send, timeout_s: float, *, on_timeout: Callable[[], None]) -> None:
        self._send, self._timeout_s, self._on_timeout = send, timeout_s, on_timeout
        self._lock = anyio.Lock()
        self._sent_at = anyio.current_time()

    async def send(self, part: bytes, *, more: bool = True) -> None:
        """Sends a part, once the client has read enough of the earlier ones."""
        async with self._lock:
            await self._write(part, more)

    async def keep_alive(self, part: bytes, interval_s: float) -> None:
        """Sends `part` after every `interval_s` seconds in which nothing was sent. Never ends by itself."""
        while True:
            await anyio.sleep_until(self._sent_at + interval_s)
            async with self._lock:
                # Something may have been sent while this task waited for the lock.
                if anyio.current_time() >= self._sent_at + interval_s:
                    await self._write(part, more=True)

    async def _write(self, part: bytes, more: bool) -> None:
        with anyio.move_on_after(self._timeout_s) as timeout:
            await self._send({"type": "http.response.body", "body": part, "more_body": more})
        self._sent_at = anyio.current_time()
        if timeout.cancelled_caught:
            # uvicorn closes the connection of an incomplete response.
            self._on_timeout()
