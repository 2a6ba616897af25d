"""What every request passes before anything is read of it: the host it asks for, the key it shows, its size.

A page on another site could make a browser send requests to this machine under a name of that site; so a service for
this machine alone answers to this machine's own names only. Counts and names each answer. Knows nothing of what is
behind it.
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
from dgemma.server.errors import SENTENCES, STOPPING, ApiError, error_response, identified
from dgemma.server.metrics import Metrics

OPEN_PATHS = page.PATHS | {"/health"}
"""What may be asked without a key."""


_PORT = re.compile(r"(:\d*)?")
"""What may stand behind the name in a Host header."""


class Unanswered:
    """The requests that have no answer yet: a body that still arrives, a form that is compiled."""

    def __init__(self) -> None:
        self.scopes: set[anyio.CancelScope] = set()
        self.stopped = False

    def stop(self) -> None:
        """Has all of them, and whatever comes, told that the server stops."""
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
        unanswered: Unanswered,
        largest_body: int,
    ) -> None:
        self._app, self._config, self._metrics, self._endpoints = app, config, metrics, endpoints
        self._unanswered, self._largest_body = unanswered, largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["identity"] = identity
        scope = _with_path(scope)
        path: str = scope["path"]

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._unanswered.scopes.discard(waiting)
                MutableHeaders(scope=message).update(identified(path, identity))
                # Only known addresses become labels; anything else could fill the memory with made-up ones.
                self._metrics.answered(path if path in self._endpoints else "other", message["status"])
            await send(message)

        refused = self._refusal(path, Headers(scope=scope))
        with anyio.CancelScope() as waiting:
            if refused is None:
                self._unanswered.scopes.add(waiting)
                try:
                    await self._app(scope, self._measured(receive), counted)
                finally:
                    self._unanswered.scopes.discard(waiting)
        if waiting.cancelled_caught:
            refused = ApiError(503, STOPPING)
        if refused is not None:
            await error_response(path, refused)(scope, receive, counted)

    def _measured(self, receive: Receive) -> Receive:
        """Reads a body whose length was not told, up to the limit."""
        size = 0

        async def measured() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._largest_body:
                raise HTTPException(413)
            return message

        return measured

    def _refusal(self, path: str, headers: Headers) -> ApiError | None:
        stopping = ApiError(503, STOPPING) if self._unanswered.stopped else None
        return self._stranger(path, headers) or stopping or self._too_large(headers)

    def _too_large(self, headers: Headers) -> ApiError | None:
        length = headers.get("content-length", "0")
        large = length.isdecimal() and int(length) > self._largest_body
        return ApiError(413, SENTENCES[413]) if large else None

    def _stranger(self, path: str, headers: Headers) -> ApiError | None:
        if self._config.local and not is_loopback(_host(headers.get("host", ""))):
            return ApiError(403, "This server answers to the names of this machine only, such as 127.0.0.1.")
        key = self._config.api_key
        if key is None or path in OPEN_PATHS:
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # A client may be set up with both; one of them has to be right.
        shown = [headers.get("x-api-key", ""), token.strip() if scheme.lower() == "bearer" else scheme]
        # Comparing bytes in constant time keeps the key from being found letter by letter.
        if any([hmac.compare_digest(one.encode(), key.encode()) for one in shown]):
            return None
        told = "is wrong" if any(shown) else "is missing"
        return ApiError(401, f"The API key {told}; send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.")


def _with_path(scope: Scope) -> Scope:
    """A request that names a whole address (RFC 9112, 3.2.2) as one with a path alone. The host in it is then the one
    that is asked for, whatever the header says."""
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
    """The name in a Host header, without its port; empty where what is behind the name is none."""
    if header.startswith("["):
        name, _, rest = header[1:].partition("]")
    else:
        name, mark, port = header.partition(":")
        rest = mark + port
    return name if _PORT.fullmatch(rest) else ""
