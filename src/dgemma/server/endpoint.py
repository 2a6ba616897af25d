"""How every endpoint that generates answers: the model's name checked, the job begun, one body or a stream of events.

Promises that what is wrong with a request is told by the status, before a stream begins; what goes wrong later is told
by an event. Knows no protocol: a writer turns pieces into bodies and frames.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from fastapi import Request
from fastapi.responses import Response

from dgemma.server.errors import ApiError, refusal
from dgemma.server.generation import Service
from dgemma.server.jobs import Ended, GenerationJob, Piece, Started
from dgemma.server.sse import EventStream, unless_left

READING = ["GET", "HEAD"]
"""The methods of an address that only tells. One route has both, so that a refusal of others names both; a second one,
that is never reached, describes GET alone in /openapi.json."""


class Writer(Protocol):
    """One protocol's way to write a reply."""

    def body(self, started: Started, ends: Sequence[Ended]) -> Response:
        """The whole reply at once."""
        ...

    def frames(self, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """The reply as events, as the pieces come."""
        ...

    def failure(self, error: ApiError) -> bytes:
        """The event that tells of an error after the stream began."""
        ...


async def answer(
    service: Service, request: Request, model: str, job: GenerationJob, *, stream: bool, writer: Writer
) -> Response:
    """Runs a job and writes its reply; stops the engine when the client hangs up."""
    check_model(service, model)
    if (wanted := len(job.prompts) * job.choices) > (limit := service.config.max_choices):
        raise ApiError(400, f"{wanted} replies were asked for; one request may ask for {limit}.", param="n")
    if wanted > service.places:
        raise ApiError(400, f"{wanted} replies were asked for; this server has {service.places} places.", param="n")
    pieces = service.pieces(job)
    try:
        started = await unless_left(request, anext(pieces))
        assert isinstance(started, Started)
        if not stream:
            return await unless_left(request, _whole(writer, started, pieces))
    except BaseException:
        await pieces.aclose()
        raise
    frames = _frames(writer, started, pieces)
    return EventStream(frames, send_timeout_s=service.config.send_timeout_s)


def check_model(service: Service, model: str) -> None:
    """Refuses every name but that of the model which is loaded."""
    name = service.config.model_name
    if model != name:
        told = f"There is no model of that name here; this server has {name}."
        raise ApiError(404, told, param="model", code="model_not_found")


async def _whole(writer: Writer, started: Started, pieces: AsyncGenerator[Piece]) -> Response:
    return writer.body(started, [piece async for piece in pieces if isinstance(piece, Ended)])


async def _frames(writer: Writer, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
    frames = writer.frames(started, pieces)
    try:
        async for part in frames:
            yield part
    except Exception as error:
        yield writer.failure(refusal(error))
    finally:
        await frames.aclose()
        await pieces.aclose()
