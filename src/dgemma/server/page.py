"""The page at `/`: its files.

Promises that the browser loads nothing from any other host and runs no script but the page's own, whatever a model
writes. Serves the files of the folder `page` and no others. Knows nothing of what the page does with them.
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
    "/page/pictures.js": ("pictures.js", "text/javascript"),
    "/page/client.js": ("client.js", "text/javascript"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Address -> file and its type. All of it is text."""

PATHS = frozenset(FILES)
"""What the page needs before anybody has typed a key."""

HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # A newer version of the package must not meet an older page in the browser's memory.
    "cache-control": "no-cache",
}

Endpoint = Callable[[], Coroutine[Any, Any, Response]]


def router() -> APIRouter:
    """The page's addresses, for an app to include."""
    routes = APIRouter(include_in_schema=False)
    folder = files("dgemma.server") / "page"
    for path, (name, kind) in FILES.items():
        routes.add_api_route(path, _file((folder / name).read_bytes(), kind), methods=["GET", "HEAD"])

    return routes


def _file(content: bytes, kind: str) -> Endpoint:
    async def send() -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    return send
