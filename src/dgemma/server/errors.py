"""Turns every error into a status and a short message, in the error format of the API that was called.

Promises that a response never contains a traceback, a local path or a long quotation of the request, and that it names
the invalid field. Unexpected errors are logged and reported as a 500 without details.
"""

import logging
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from dgemma.errors import BusyError, CancelledError, ConfigError, DgemmaError, PromptError, UsageError

logger = logging.getLogger(__name__)

ANTHROPIC_PATH = re.compile(r"/+(v1/+)*messages(/|$)")
"""The paths of Anthropic's endpoints, also as clients with a wrong base URL write them."""
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
RETRYABLE = (429,)
"""The 4xx statuses after which a client should try again."""
ANTHROPIC_CODES = ("thread_unsupported_request",)
"""Error codes that Anthropic's clients act on."""
STATUS_MESSAGES = {
    404: "There is no endpoint at this path; docs/server.md lists all endpoints.",
    405: "This endpoint does not support that HTTP method; the Allow header lists those that it does.",
    413: "The request body is larger than this server allows (--max-body-mb).",
}
BASE_URLS = "The base URL ends with /v1 for OpenAI's clients, has no /v1 for Anthropic's, and never ends with a slash."
STOPPING = "The server is shutting down; try again later."
INTERNAL_ERROR = "The server had an internal error; its log has the details."
MAX_NAME_CHARACTERS = 100
MAX_MESSAGE_CHARACTERS = 600
PYDANTIC_SUBJECT = re.compile(r"^(Input|List|String|Dictionary) should ")


class ApiError(Exception):
    """An error for the client: HTTP status, message, the invalid field (`param`), a machine-readable code, headers."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers: dict[str, str] = {}


class ClientDisconnectedError(Exception):
    """The client disconnected before it got a response."""


def as_api_error(error: Exception) -> ApiError:
    """The error to send to the client for any exception. Logs unexpected ones."""
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
    return ApiError(500, INTERNAL_ERROR)


def openai_error(error: ApiError) -> dict[str, Any]:
    """An error body in OpenAI's format."""
    kind = OPENAI_TYPES.get(error.status, "invalid_request_error")
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


def anthropic_error(error: ApiError) -> dict[str, Any]:
    """An error body in Anthropic's format."""
    kind = ANTHROPIC_TYPES.get(error.status, "invalid_request_error")
    details = {"details": {"error_code": error.code}} if error.code in ANTHROPIC_CODES else {}
    return {"type": "error", "error": {"type": kind, "message": error.message, **details}}


def error_response(path: str, error: ApiError) -> JSONResponse:
    """The error response to a request for `path`, in the format of its API."""
    body = anthropic_error(error) if ANTHROPIC_PATH.match(path) else openai_error(error)
    return JSONResponse(body, status_code=error.status, headers={**_retry_headers(error.status), **error.headers})


def _retry_headers(status: int) -> dict[str, str]:
    """Tells the clients of both APIs not to retry a request that will be refused again: some retry even a wrong key."""
    return {"x-should-retry": "false"} if 400 <= status < 500 and status not in RETRYABLE else {}


def request_id_headers(path: str, request_id: str) -> dict[str, str]:
    """The response headers in which the clients of each API look for the request id."""
    anthropic = {"request-id": request_id} if ANTHROPIC_PATH.match(path) else {}
    return {"x-request-id": request_id, **anthropic}


def install(app: FastAPI, endpoints: Collection[str]) -> None:
    """Registers the exception handlers on an app. `endpoints` are the paths that a 404 may suggest."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return error_response(request.url.path, as_api_error(error))

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return error_response(request.url.path, _validation_error(request, error))

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        message = STATUS_MESSAGES.get(error.status_code, _unreadable(error.__cause__))
        if error.status_code == 404 and (similar := _similar_endpoint(request.url.path, endpoints)) is not None:
            message = f"There is no endpoint at this path; did you mean {similar}? {BASE_URLS}"
        api_error = ApiError(error.status_code, message)
        api_error.headers.update(error.headers or {})
        return error_response(request.url.path, api_error)

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        # No logging here: Starlette raises the error again after the response, and uvicorn logs it.
        response = error_response(request.url.path, ApiError(500, INTERNAL_ERROR))
        # This response bypasses the gate, which sets the request id of all others.
        response.headers.update(request_id_headers(request.url.path, request.state.request_id))
        return response

    async def left(request: Request, error: Exception) -> Response:
        # The client does not see it; 499 is the status that nginx logs for a closed connection.
        return Response(status_code=499)

    app.add_exception_handler(ApiError, answer)
    app.add_exception_handler(ClientDisconnectedError, left)
    app.add_exception_handler(DgemmaError, answer)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _similar_endpoint(path: str, endpoints: Collection[str]) -> str | None:
    """The endpoint that differs from `path` by one `/v1` or by doubled slashes, if there is one."""
    path = re.sub("/+", "/", path)
    other = path.removeprefix("/v1") if path.startswith("/v1/") else f"/v1{path}"
    for meant in (path, other):
        if meant in endpoints:
            return meant
        if meant.startswith("/v1/models/"):
            return "/v1/models/ID"
    return None


def _unreadable(cause: BaseException | None) -> str:
    """The message for a body that cannot be parsed although it may be JSON."""
    if isinstance(cause, RecursionError):
        return "The request body is nested too deeply."
    if isinstance(cause, ValueError) and not isinstance(cause, UnicodeError):
        return "The request body has a number with too many digits."
    return "The request body must be JSON encoded as UTF-8."


def _is_json(content_type: str) -> bool:
    """Whether FastAPI parses a body of this content type as JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _validation_error(request: Request, error: RequestValidationError) -> ApiError:
    """Reports the first error in a body and the number of further ones."""
    first, *more = error.errors()
    if first["type"] == "json_invalid":
        problem = first.get("ctx", {}).get("error", "")
        message = f"The request body is not valid JSON: {problem} (character {first['loc'][-1]})."
        return ApiError(400, message, code="json_invalid")
    if first["loc"] == ("body",):
        if first["type"] == "missing":
            return ApiError(400, "The request body is empty; send a JSON object.")
        if not _is_json(request.headers.get("content-type", "")):
            return ApiError(400, "Set the header Content-Type: application/json.")
        if isinstance(error.body, Mapping):
            return ApiError(400, "The request body has a field name that is not valid Unicode; remove it.")
        return ApiError(400, "The request body must be a JSON object.")
    name = _printable(".".join(map(str, _path_in(error.body, first["loc"][1:], first["type"] == "missing"))))
    rest = f" ({len(more)} more {'error' if len(more) == 1 else 'errors'}.)" if more else ""
    return ApiError(400, _message(name, first) + rest, param=name, code=first["type"])


def _path_in(document: Any, location: Sequence[int | str], is_missing: bool) -> list[int | str]:
    """The path of an error in the document: pydantic's location without the tags of the unions on the way."""
    path: list[int | str] = []
    for at, step in enumerate(location, 1):
        inside: Any = _items(document, step) if isinstance(document, list) else document
        if isinstance(inside, Mapping) and step in inside and not _is_tag(step, inside, location[at:], is_missing):
            path, document = [*path, step], inside[step]
        elif at == len(location) and isinstance(document, Mapping):
            path.append(step)
    return path


def _items(document: list[Any], step: int | str) -> Mapping[int | str, Any]:
    """The list item that a step selects, as a mapping from the step; empty if it selects none."""
    return {step: document[step]} if isinstance(step, int) and step < len(document) else {}


def _is_tag(step: int | str, inside: Mapping, further: Sequence[int | str], is_missing: bool) -> bool:
    """Whether a step that is also a key of the document is a union tag. In `{"type": "text", "text": ...}`, `text` is
    both. It is a tag if its value is a scalar and the next step is a key beside it, `type`, or the missing field."""
    if not further or isinstance(inside[step], Mapping | list):
        return False
    return further[0] in inside or further[0] == "type" or (is_missing and len(further) == 1)


def _message(name: str, error: Mapping[str, Any]) -> str:
    kind, reason, context = error["type"], error["msg"].rstrip("."), error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"{name} is not a supported field; remove it."
    if kind == "missing":
        return f"{name} is required."
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{name} must be an object."
    if kind == "union_tag_invalid":
        return f"{name} must have one of the types {context['expected_tags']}."
    if kind == "union_tag_not_found":
        return f"{name} must have a 'type'."
    if kind in ("too_short", "string_too_short") and context["min_length"] == 1:
        return f"{name} must not be empty."
    if kind == "too_long":
        return f"{name} is too long; the limit is {context['max_length']}."
    if kind == "unsupported" or "predicate" in context:
        return f"{name} {reason}."
    # Pydantic's "Input should be greater than or equal to 1", for example, becomes "n must be greater than ...".
    predicate, num_replaced = PYDANTIC_SUBJECT.subn("must ", reason.replace(" after validation", ""))
    return f"{name} {predicate}." if num_replaced else f"{name}: {reason[:1].lower()}{reason[1:]}."


def _shortened(message: str) -> str:
    """Cuts the middle out of a message that is long because it quotes the request."""
    half = MAX_MESSAGE_CHARACTERS // 2
    return message if len(message) <= MAX_MESSAGE_CHARACTERS else f"{message[:half]} ... {message[-half:]}"


def _printable(name: str) -> str:
    """A field name from the request, shortened and without unprintable characters."""
    return "".join(character if character.isprintable() else "\ufffd" for character in name[:MAX_NAME_CHARACTERS])
