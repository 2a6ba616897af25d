"""The request path shared by all generating endpoints: check the model name, start the job, send a body or a stream.

Promises that an invalid request gets an error status before a stream starts, and that a later failure is reported as an
event in the stream. Knows no protocol: a `Writer` turns pieces into bodies and frames.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from fastapi import Request
from fastapi.responses import Response

from dgemma.server.errors import ApiError, as_api_error
from dgemma.server.generation import Service
from dgemma.server.jobs import Ended, GenerationJob, Piece, Started
from dgemma.server.sse import EventStream, unless_disconnected

READ_METHODS = ["GET", "HEAD"]
"""The methods of a read-only endpoint. One route handles both, so that the Allow header of a 405 lists both. A second,
GET-only route is never reached: it only documents the endpoint in /openapi.json."""


class Writer(Protocol):
    """Writes a reply in one protocol. `keep_alive` is the frame that its clients skip."""

    keep_alive: bytes

    def body(self, started: Started, ends: Sequence[Ended]) -> Response:
        """The whole reply as one response."""
        ...

    def frames(self, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """The reply as SSE frames, written as the pieces arrive."""
        ...

    def failure(self, error: ApiError) -> bytes:
        """The frame that reports an error after the stream has started."""
        ...


async def respond(
    service: Service, request: Request, model: str, job: GenerationJob, *, stream: bool, writer: Writer
) -> Response:
    """Runs a job and writes its reply. Cancels the job when the client disconnects."""
    check_model(service, model)
    _check_choices(service, job)
    pieces = service.pieces(job)
    try:
        started = await unless_disconnected(request, anext(pieces))
        assert isinstance(started, Started)
        if not stream:
            return await unless_disconnected(request, _whole(writer, started, pieces))
    except BaseException:
        await pieces.aclose()
        raise
    return EventStream(
        _frames(writer, started, pieces),
        keep_alive=writer.keep_alive,
        keep_alive_s=service.config.keep_alive_s,
        send_timeout_s=service.config.send_timeout_s,
    )


def _check_choices(service: Service, job: GenerationJob) -> None:
    """Raises ApiError (400) for a job with more replies than one request may have, or than the server holds."""
    wanted, param = len(job.prompts) * job.choices, "n" if job.choices > 1 else "prompt"
    if wanted > (limit := service.config.max_choices):
        message = f"The request asks for {wanted} choices (n for each prompt); the limit is {limit}."
        raise ApiError(400, message, param=param)
    if wanted > (room := service.max_open_replies):
        message = f"The request asks for {wanted} choices (n for each prompt); this server holds {room} at a time."
        raise ApiError(400, message, param=param)


def check_model(service: Service, model: str) -> None:
    """Raises ApiError (404) unless `model` is the name of the loaded model."""
    name = service.config.model_name
    if model != name:
        message = f"The requested model does not exist; this server serves {name}."
        raise ApiError(404, message, param="model", code="model_not_found")


async def _whole(writer: Writer, started: Started, pieces: AsyncGenerator[Piece]) -> Response:
    return writer.body(started, [piece async for piece in pieces if isinstance(piece, Ended)])


async def _frames(writer: Writer, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
    frames = writer.frames(started, pieces)
    try:
        async for part in frames:
            yield part
    except Exception as error:
        yield writer.failure(as_api_error(error))
    finally:
        await frames.aclose()
        await pieces.aclose()
