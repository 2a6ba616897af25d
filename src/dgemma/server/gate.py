"""ASGI middleware that checks the Host header, the API key and the declared size of a request before its body is read.

DNS rebinding lets a page on another site reach this machine under that site's name, so a server that listens on a
loopback address accepts only loopback names in the Host header. The gate also counts every response and gives it a
request id. Knows nothing of the endpoints.
"""

import hmac
import re
import secrets
from urllib.parse import unquote

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dgemma.server import page
from dgemma.server.config import ServerConfig, is_loopback
from dgemma.server.errors import STATUS_MESSAGES, STOPPING, ApiError, error_response, request_id_headers
from dgemma.server.metrics import Metrics

PUBLIC_PATHS = page.PATHS | {"/health"}
"""Paths that need no API key."""

_PORT = re.compile(r"(:\d*)?")
"""The optional port after the name in a Host header."""


class PendingRequests:
    """Requests whose response has not started: the body is still arriving, say, or a constraint is being compiled."""

    def __init__(self) -> None:
        self.scopes: set[anyio.CancelScope] = set()
        self.stopped = False

    def stop(self) -> None:
        """Answers all of them, and every later request, with 503."""
        self.stopped = True
        for scope in self.scopes:
            scope.cancel()


class Gate:
    """ASGI middleware around the whole app."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        config: ServerConfig,
        metrics: Metrics,
        endpoints: frozenset[str],
        pending: PendingRequests,
        largest_body: int,
    ) -> None:
        self._app, self._config, self._metrics, self._endpoints = app, config, metrics, endpoints
        self._pending, self._largest_body = pending, largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id
        scope = _with_path(scope)
        path: str = scope["path"]

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._pending.scopes.discard(waiting)
                MutableHeaders(scope=message).update(request_id_headers(path, request_id))
                # Unknown paths share one label: clients could otherwise create any number of them.
                self._metrics.answered(path if path in self._endpoints else "other", message["status"])
            await send(message)

        error = self._early_error(path, Headers(scope=scope))
        with anyio.CancelScope() as waiting:
            if error is None:
                self._pending.scopes.add(waiting)
                try:
                    await self._app(scope, self._size_limited(receive), observed)
                finally:
                    self._pending.scopes.discard(waiting)
        if waiting.cancelled_caught:
            error = ApiError(503, STOPPING)
        if error is not None:
            await error_response(path, error)(scope, receive, observed)

    def _size_limited(self, receive: Receive) -> Receive:
        """Enforces the size limit on a body without a Content-Length header."""
        size = 0

        async def measured() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._largest_body:
                raise HTTPException(413)
            return message

        return measured

    def _early_error(self, path: str, headers: Headers) -> ApiError | None:
        stopping = ApiError(503, STOPPING) if self._pending.stopped else None
        return self._access_error(path, headers) or stopping or self._too_large(headers)

    def _too_large(self, headers: Headers) -> ApiError | None:
        length = headers.get("content-length", "0")
        large = length.isdecimal() and int(length) > self._largest_body
        return ApiError(413, STATUS_MESSAGES[413]) if large else None

    def _access_error(self, path: str, headers: Headers) -> ApiError | None:
        if self._config.local and not is_loopback(_host(headers.get("host", ""))):
            return ApiError(403, "The Host header must be localhost or a loopback address, such as 127.0.0.1.")
        key = self._config.api_key
        if key is None or path in PUBLIC_PATHS:
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # A client may send both headers; one correct key is enough.
        keys = [headers.get("x-api-key", ""), token.strip() if scheme.lower() == "bearer" else scheme]
        # A constant-time comparison, without a short circuit, keeps timing from revealing the key byte by byte.
        if any([hmac.compare_digest(given.encode(), key.encode()) for given in keys]):
            return None
        problem = "is wrong" if any(keys) else "is missing"
        return ApiError(401, f"The API key {problem}; send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.")


def _with_path(scope: Scope) -> Scope:
    """Converts a request target in absolute form (RFC 9112, 3.2.2) to origin form. Its host replaces the Host header,
    as the RFC requires."""
    scheme, mark, rest = scope.get("raw_path", b"").partition(b"://")
    if not mark or scheme.lower() not in (b"http", b"https"):
        return scope
    host, _, path = rest.partition(b"/")
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    raw_path = b"/" + path
    return {
        **scope,
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "headers": [*headers, (b"host", host)],
    }


def _host(header: str) -> str:
    """The name in a Host header, without its port; empty if what follows the name is not a port."""
    if header.startswith("["):
        name, _, rest = header[1:].partition("]")
    else:
        name, mark, port = header.partition(":")
        rest = mark + port
    return name if _PORT.fullmatch(rest) else ""
