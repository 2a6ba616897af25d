"""GET /v1/models and /v1/models/{id}: the loaded model, with the fields of both OpenAI's and Anthropic's API.

The limits that Anthropic's API names `max_input_tokens` and `max_tokens` are for its clients alone, which send the
header `anthropic-version`.
"""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request

from dgemma.server.endpoint import READ_METHODS, check_model
from dgemma.server.generation import Service


def router(service: Service) -> APIRouter:
    """The router of these endpoints."""
    routes = APIRouter()
    loaded = datetime.now(UTC).replace(microsecond=0)
    name = service.config.model_name
    model: dict[str, Any] = {
        "id": name,
        "object": "model",
        "created": int(loaded.timestamp()),
        "owned_by": "dgemma",
        "type": "model",
        "display_name": name,
        "created_at": loaded.isoformat().replace("+00:00", "Z"),
        "lifecycle": "active",
        "context_length": service.context,
        "canvas_length": service.llm.config.canvas_length,
        "single_turn": service.llm.model.single_turn,
        "reads_images": service.llm.model.tower is not None,
    }

    def shown(request: Request) -> dict[str, Any]:
        limits = {"max_input_tokens": service.max_prompt_tokens, "max_tokens": service.context}
        return {**model, **limits} if "anthropic-version" in request.headers else model

    @routes.get("/v1/models")
    @routes.api_route("/v1/models", methods=READ_METHODS, include_in_schema=False)
    async def models(request: Request) -> dict[str, Any]:
        return {"object": "list", "data": [shown(request)], "has_more": False, "first_id": name, "last_id": name}

    # Hub ids contain a slash.
    @routes.get("/v1/models/{model_id:path}")
    @routes.api_route("/v1/models/{model_id:path}", methods=READ_METHODS, include_in_schema=False)
    async def one_model(request: Request, model_id: str) -> dict[str, Any]:
        check_model(service, model_id)
        return shown(request)

    return routes
