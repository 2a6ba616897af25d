"""A request's body -> its fields and the job they ask for, without holding up the requests of others.

Promises that what takes long with a body is done beside the event loop, and that a body with more in it than a prompt
can need is refused before anything is made of it. Knows nothing of what the fields mean.
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

from dgemma.server.errors import ApiError, ClientLeftError
from dgemma.server.fields import holds_more
from dgemma.server.generation import Service
from dgemma.server.jobs import GenerationJob

SMALL = 16 << 10
"""Bytes of a body that takes a few milliseconds at most, so that it need not wait for a thread."""


class Asking(Protocol):
    """The fields of a body, as a pydantic model."""

    @classmethod
    def model_validate(cls, obj: Any, /) -> Any:
        """A body that was read -> its fields. Raises ValidationError."""
        ...

    def job(self) -> GenerationJob:
        """What they ask for."""
        ...


F = TypeVar("F", bound=Asking)


class BodyRoute(APIRoute):
    """A route that takes no body of more commas and brackets than its service allows."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The usual handler, behind the count."""
        handle = super().get_route_handler()

        async def counted(request: Request) -> Response:
            service: Service = request.app.state.service
            try:
                body = await request.body()
            except ClientDisconnect:
                raise ClientLeftError from None
            if json.detect_encoding(body) not in ("utf-8", "utf-8-sig"):
                raise ApiError(400, "The body cannot be read; send JSON, encoded as UTF-8.")
            most = service.most_marks
            if len(body) > most and await service.run_aside(partial(holds_more, body, most)):
                raise ApiError(400, f"The body has more than {most} commas and brackets outside its texts; shorten it.")
            return await handle(request)

        return counted


def described(kind: type[BaseModel]) -> PlainValidator:
    """Takes a body as it is, for `read` to check, and describes it in /openapi.json as what it shall be."""
    return PlainValidator(lambda given: given, json_schema_input_type=kind)


async def read(service: Service, request: Request, kind: type[F], given: Any) -> tuple[F, GenerationJob]:
    """The fields of a body, and the job they ask for. Raises RequestValidationError and ApiError."""
    work = partial(_read, kind, given)
    return work() if len(await request.body()) <= SMALL else await service.run_aside(work)


def _read(kind: type[F], given: Any) -> tuple[F, GenerationJob]:
    try:
        fields: F = kind.model_validate(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in wrong], body=given) from None
    return fields, fields.job()
