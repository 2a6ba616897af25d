"""The page at `/`: its files, and what of the service it may offer.

Promises that the browser loads nothing from any other host and runs no script but the page's own, whatever a model
writes. Serves the files of the folder `page` and no others. Knows nothing of what the page does with them.
"""

from collections.abc import Callable, Coroutine
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from dgemma.server.openai_chat import ChatFields
from dgemma.server.openai_completions import CompletionFields

FEATURES = "/page/features"
FILES = {
    "/": ("index.html", "text/html"),
    "/page/page.css": ("page.css", "text/css"),
    "/page/reply.css": ("reply.css", "text/css"),
    "/page/page.js": ("page.js", "text/javascript"),
    "/page/panels.js": ("panels.js", "text/javascript"),
    "/page/reply.js": ("reply.js", "text/javascript"),
    "/page/client.js": ("client.js", "text/javascript"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Address -> file and its type. All of it is text."""

PATHS = frozenset({*FILES, FEATURES})
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
        routes.add_api_route(path, _file((folder / name).read_bytes(), kind), methods=["GET"])

    @routes.get(FEATURES)
    async def page_features() -> dict[str, bool]:
        return features()

    return routes


def features() -> dict[str, bool]:
    """Whether this version takes the fields that a panel of the page rests on.

    schema  a reply's form can be guaranteed by a JSON Schema
    infill  text can be written into a gap
    """
    form = {"type": "json_schema", "json_schema": {"name": "form", "schema": {"type": "object"}}}
    messages = [{"role": "user", "content": "-"}]
    return {
        "schema": _takes(ChatFields, {"model": "-", "messages": messages, "response_format": form}),
        "infill": _takes(CompletionFields, {"model": "-", "prompt": "-", "suffix": "-"}),
    }


def _takes(fields: type[BaseModel], body: dict[str, Any]) -> bool:
    try:
        fields.model_validate(body)
    except ValidationError:
        return False
    return True


def _file(content: bytes, kind: str) -> Endpoint:
    async def send() -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    return send
