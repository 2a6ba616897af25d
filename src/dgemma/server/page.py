"""Serves the files of the web page at `/`.

Promises that the browser loads nothing from another host and runs no script but the page's own, whatever a model
writes. Serves only the files of the folder `page`, and knows nothing of what they do.
"""

from collections.abc import Callable, Coroutine
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

FILES = {
    "/": ("index.html", "text/html"),
    "/page/page.css": ("page.css", "text/css"),
    "/page/reply.css": ("reply.css", "text/css"),
    "/page/page.js": ("page.js", "text/javascript"),
    "/page/panels.js": ("panels.js", "text/javascript"),
    "/page/reply.js": ("reply.js", "text/javascript"),
    "/page/images.js": ("images.js", "text/javascript"),
    "/page/client.js": ("client.js", "text/javascript"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""URL path -> file name and media type. All files are text."""

PATHS = frozenset(FILES)
"""Paths of the page, which it needs before the user has entered an API key."""

HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # After an upgrade the browser must not use an old page from its cache.
    "cache-control": "no-cache",
}

Endpoint = Callable[[], Coroutine[Any, Any, Response]]


def router() -> APIRouter:
    """The router of the page's files."""
    routes = APIRouter(include_in_schema=False)
    folder = files("dgemma.server") / "page"
    for path, (name, kind) in FILES.items():
        routes.add_api_route(path, _file((folder / name).read_bytes(), kind), methods=["GET", "HEAD"])

    return routes


def _file(content: bytes, kind: str) -> Endpoint:
    async def send() -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    return send
