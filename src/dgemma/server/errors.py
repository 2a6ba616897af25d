"""Everything that goes wrong -> a status and one sentence, in the shape that the API in question has for errors.

Promises that a reply never holds a traceback, a path of this machine or much of the text that a client sent, and that a
field that is to blame is named. What nobody foresaw goes to the log, and to the client as status 500 without details.
"""

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from dgemma.errors import BusyError, CancelledError, ConfigError, DgemmaError, PromptError, UsageError

logger = logging.getLogger(__name__)

ANTHROPIC_PREFIX = "/v1/messages"
OPENAI_TYPES = {401: "authentication_error", 429: "rate_limit_error", 500: "server_error", 503: "server_error"}
ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
}
ANTHROPIC_CODES = ("thread_unsupported_request",)
"""Codes that Anthropic's clients act on."""
SENTENCES = {
    404: "There is nothing at this address; docs/server.md lists what there is.",
    405: "This address does not take that method; docs/server.md lists what there is.",
    413: "The body is larger than this server takes.",
}
BASE_ADDRESSES = "the address to set ends with /v1 for OpenAI's clients, and without it for Anthropic's"
STOPPING = "The server is shutting down; try again later."
UNFORESEEN = "The server failed on this request; its log says why."
LONGEST_NAME = 100
LONGEST_SENTENCE = 600


class ApiError(Exception):
    """A refusal: status, one sentence, the field to blame and a word for programs."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers: dict[str, str] = {}


class ClientLeftError(Exception):
    """The client hung up; there is nobody to answer."""


def refusal(error: Exception) -> ApiError:
    """Any error as what the client is told."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, BusyError):
        busy = ApiError(429, str(error), code="busy")
        busy.headers["retry-after"] = str(math.ceil(error.retry_after_s))
        return busy
    if isinstance(error, PromptError | UsageError | ConfigError):
        return ApiError(400, _shortened(str(error)))
    if isinstance(error, CancelledError):
        return ApiError(503, STOPPING)
    logger.error("a request failed", exc_info=error)
    return ApiError(500, UNFORESEEN)


def openai_error(error: ApiError) -> dict[str, Any]:
    """The body that OpenAI's clients read."""
    kind = OPENAI_TYPES.get(error.status, "invalid_request_error")
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


def anthropic_error(error: ApiError) -> dict[str, Any]:
    """The body that Anthropic's clients read."""
    kind = ANTHROPIC_TYPES.get(error.status, "invalid_request_error")
    details = {"details": {"error_code": error.code}} if error.code in ANTHROPIC_CODES else {}
    return {"type": "error", "error": {"type": kind, "message": error.message, **details}}


def error_response(path: str, error: ApiError) -> JSONResponse:
    """The reply to a request for `path`."""
    body = anthropic_error(error) if path.startswith(ANTHROPIC_PREFIX) else openai_error(error)
    return JSONResponse(body, status_code=error.status, headers=error.headers)


def identified(path: str, identity: str) -> dict[str, str]:
    """The headers that name a reply to a request for `path`, as the clients of either API look for them."""
    anthropic = {"request-id": identity} if path.startswith(ANTHROPIC_PREFIX) else {}
    return {"x-request-id": identity, **anthropic}


def install(app: FastAPI, endpoints: Collection[str]) -> None:
    """Makes an app with these endpoints answer every error in this way."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return error_response(request.url.path, refusal(error))

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return error_response(request.url.path, _validation_refusal(request, error))

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        told = SENTENCES.get(error.status_code, "The body cannot be read; send JSON, encoded as UTF-8.")
        if error.status_code == 404 and (meant := _meant(request.url.path, endpoints)) is not None:
            told = f"There is nothing at this address, but there is at {meant}; {BASE_ADDRESSES}."
        plain = ApiError(error.status_code, told)
        plain.headers.update(error.headers or {})
        return error_response(request.url.path, plain)

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        # The framework logs it: this handler's error is raised again once the client has its answer.
        reply = error_response(request.url.path, ApiError(500, UNFORESEEN))
        # This answer does not pass the gate, which names all others.
        reply.headers.update(identified(request.url.path, request.state.identity))
        return reply

    async def left(request: Request, error: Exception) -> Response:
        # Nobody reads it; the number is the one that access logs use for this.
        return Response(status_code=499)

    app.add_exception_handler(ApiError, answer)
    app.add_exception_handler(ClientLeftError, left)
    app.add_exception_handler(DgemmaError, answer)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)


def _meant(path: str, endpoints: Collection[str]) -> str | None:
    """The address that is there with one `/v1` more or less than in `path`."""
    other = path.removeprefix("/v1") if path.startswith("/v1/") else f"/v1{path}"
    if other.startswith("/v1/models/"):
        return "/v1/models/ID"
    return other if other in endpoints else None


def _validation_refusal(request: Request, error: RequestValidationError) -> ApiError:
    """The first thing that is wrong with a body, and how many more there are."""
    first, *more = error.errors()
    if first["type"] == "json_invalid":
        told = first.get("ctx", {}).get("error", "")
        return ApiError(
            400, f"The body is not valid JSON: {told} at character {first['loc'][-1]}.", code="json_invalid"
        )
    if first["loc"] == ("body",):
        if first["type"] == "missing":
            return ApiError(400, "The body is empty; send a JSON object.")
        if "json" not in request.headers.get("content-type", ""):
            return ApiError(400, "Send the body with the header Content-Type: application/json.")
        if isinstance(error.body, Mapping):
            return ApiError(400, "The body has a field name that is no valid text; leave it out.")
        return ApiError(400, "The body is JSON but no object; send an object.")
    name = _printable(".".join(map(str, _place(error.body, first["loc"][1:], first["type"] == "missing"))))
    rest = f" ({len(more)} more fields are wrong.)" if more else ""
    return ApiError(400, _sentence(name, first) + rest, param=name, code=first["type"])


def _place(document: Any, location: Sequence[int | str], is_missing: bool) -> list[int | str]:
    """Where in the document an error is. The names of the alternatives that were tried are no places in it."""
    place: list[int | str] = []
    for at, step in enumerate(location, 1):
        inside: Any = _items(document, step) if isinstance(document, list) else document
        if isinstance(inside, Mapping) and step in inside and not _is_tag(step, inside, location[at:], is_missing):
            place, document = [*place, step], inside[step]
        elif at == len(location) and isinstance(document, Mapping):
            place.append(step)
    return place


def _items(document: list[Any], step: int | str) -> Mapping[int | str, Any]:
    """What a list has at a step, under that step."""
    return {step: document[step]} if isinstance(step, int) and step < len(document) else {}


def _is_tag(step: int | str, inside: Mapping, further: Sequence[int | str], is_missing: bool) -> bool:
    """Whether a step that is a key of the document is the name of an alternative all the same, such as that of a part
    `{"type": "text", "text": ...}`: where it leads to nothing that has parts, and what follows is a key beside it."""
    if not further or isinstance(inside[step], Mapping | list):
        return False
    return further[0] in inside or further[0] == "type" or (is_missing and len(further) == 1)


def _sentence(name: str, error: Mapping[str, Any]) -> str:
    kind, told = error["type"], error["msg"].rstrip(".")
    if kind == "extra_forbidden":
        return f"{name} is not a field that this server knows; leave it out."
    if kind == "missing":
        return f"{name} is missing."
    if kind == "unsupported" or "told" in error.get("ctx", {}):
        return f"{name} {told}."
    return f"{name}: {told[:1].lower()}{told[1:]}."


def _shortened(told: str) -> str:
    """A sentence that quotes what a client made up, with the middle left out where that is long."""
    half = LONGEST_SENTENCE // 2
    return told if len(told) <= LONGEST_SENTENCE else f"{told[:half]} ... {told[-half:]}"


def _printable(name: str) -> str:
    """A name that a client made up, fit to be sent back."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name[:LONGEST_NAME])
