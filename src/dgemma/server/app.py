"""create_app: builds the ASGI app with every endpoint for a loaded model. Does not listen; `run.py` does."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.responses import Response

from dgemma.api import LLM
from dgemma.errors import UsageError
from dgemma.options import NO_TOKENIZER
from dgemma.server import (
    anthropic_messages,
    edit,
    errors,
    models,
    openai_chat,
    openai_completions,
    openai_responses,
    page,
)
from dgemma.server.config import ServerConfig
from dgemma.server.endpoint import READ_METHODS
from dgemma.server.gate import Gate, PendingRequests
from dgemma.server.generation import Service
from dgemma.server.metrics import Metrics

ENDPOINTS = frozenset(
    {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/responses/input_tokens",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/edit",
        "/v1/models",
        "/health",
        "/metrics",
    }
)


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request was refused: 400, 401, 403, 404, 405, 413, or 429 if the queue is full."},
    "5XX": {"description": "500: internal error; 503: shutting down or out of connections."},
}
"""Error responses of every endpoint in /openapi.json. Without it FastAPI documents a 422 that is never sent."""


def create_app(llm: LLM, config: ServerConfig) -> FastAPI:
    """Builds an app that serves `llm`. While the app runs, the engine has its own driver thread.

    /openapi.json is served, but FastAPI's documentation pages are not: they load scripts from another host. Raises
    UsageError for a model without a tokenizer.
    """
    if llm.tokenizer is None:
        raise UsageError(f"{NO_TOKENIZER} The server generates text, which needs one.")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        started = llm.engine.start()
        yield
        if started:
            await anyio.to_thread.run_sync(llm.engine.stop)

    metrics = Metrics()
    service = Service(llm, llm.tokenizer, config, metrics)
    app = FastAPI(
        title="dgemma",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=ERRORS,
    )
    app.state.service, app.state.pending = service, PendingRequests()
    errors.install(app, ENDPOINTS)
    app.add_middleware(
        Gate,
        config=config,
        metrics=metrics,
        endpoints=ENDPOINTS,
        pending=app.state.pending,
        largest_body=config.largest_body(reads_images=llm.model.tower is not None),
    )

    @app.get("/health")
    @app.api_route("/health", methods=READ_METHODS, include_in_schema=False)
    async def health() -> dict[str, str]:
        return {"status": "ok", "model": config.model_name}

    @app.get("/metrics")
    @app.api_route("/metrics", methods=READ_METHODS, include_in_schema=False)
    async def prometheus() -> Response:
        return Response(metrics.text(), media_type=metrics.content_type)

    for endpoint in (openai_chat, openai_completions, openai_responses, anthropic_messages, edit, models):
        app.include_router(endpoint.router(service))
    app.include_router(page.router())
    return app
