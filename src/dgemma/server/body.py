"""Parses a request body into its fields and the job they describe, without blocking the event loop.

Promises that large bodies are validated in a background thread, and that a body with more JSON values than a prompt can
need is refused before it is parsed. Knows nothing of what the fields mean.
"""

import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, PlainValidator, ValidationError
from starlette.requests import ClientDisconnect

from dgemma.server.errors import ApiError, ClientDisconnectedError
from dgemma.server.fields import has_more_separators, quoted
from dgemma.server.generation import Service
from dgemma.server.jobs import GenerationJob

MAX_INLINE_BYTES = 16 << 10
"""Bodies up to this size take a few milliseconds at most and are validated on the event loop."""


class RequestFields(Protocol):
    """The fields of a request body, as a pydantic model."""

    @classmethod
    def model_validate(cls, obj: Any, /) -> Any:
        """Validates a decoded body. Raises ValidationError."""
        ...

    def job(self) -> GenerationJob:
        """The job that the fields describe."""
        ...


F = TypeVar("F", bound=RequestFields)


class BodyRoute(APIRoute):
    """A route that refuses bodies with more commas and brackets than its service allows."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The default handler, preceded by the checks of the encoding and of the separators."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            service: Service = request.app.state.service
            if (encoding := request.headers.get("content-encoding", "identity")) != "identity":
                message = (
                    f"The request has Content-Encoding {quoted(encoding)}; send the body uncompressed, without it."
                )
                raise ApiError(400, message)
            try:
                body = await request.body()
            except ClientDisconnect:
                raise ClientDisconnectedError from None
            if json.detect_encoding(body) not in ("utf-8", "utf-8-sig"):
                raise ApiError(400, "The request body must be JSON encoded as UTF-8.")
            limit = service.max_separators
            if len(body) > limit and await service.parse_in_background(partial(has_more_separators, body, limit)):
                message = f"The request body has more than {limit} commas and brackets outside of strings; shorten it."
                raise ApiError(400, message)
            return await handle(request)

        return checked


def documented_as(kind: type[BaseModel]) -> PlainValidator:
    """Passes a body through unchecked, for `parse_body` to validate, and documents it as `kind` in /openapi.json."""
    return PlainValidator(lambda given: given, json_schema_input_type=kind)


async def parse_body(service: Service, request: Request, kind: type[F], given: Any) -> tuple[F, GenerationJob]:
    """The fields of a body and the job they describe. Raises RequestValidationError and ApiError."""
    parse = partial(_parse, kind, given)
    return parse() if len(await request.body()) <= MAX_INLINE_BYTES else await service.parse_in_background(parse)


def _parse(kind: type[F], given: Any) -> tuple[F, GenerationJob]:
    try:
        fields: F = kind.model_validate(given)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in errors], body=given) from None
    return fields, fields.job()
