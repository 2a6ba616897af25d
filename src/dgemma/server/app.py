"""create_app: a loaded model -> an ASGI app with every endpoint. Does not listen; that is `run.py`'s."""

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
from dgemma.server.endpoint import READING
from dgemma.server.gate import Gate, Unanswered
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
    "4XX": {"description": "What is wrong, in one sentence: 400, 401, 403, 404, 405, 413; 429 to come back later."},
    "5XX": {"description": "503 while the server is shutting down or full; 500 for what nobody foresaw."},
}
"""What every address may answer, for /openapi.json; without it the framework tells of a 422 that is never sent."""


def create_app(llm: LLM, config: ServerConfig) -> FastAPI:
    """An app that serves `llm`; while it runs, the engine has a thread of its own.

    No documentation page is served, as the usual one loads scripts from another host; /openapi.json is there. Raises
    UsageError for a model without a tokenizer.
    """
    if llm.tokenizer is None:
        raise UsageError(f"{NO_TOKENIZER} A server answers with text.")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        begun = llm.engine.start()
        yield
        if begun:
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
    app.state.service, app.state.unanswered = service, Unanswered()
    errors.install(app, ENDPOINTS)
    app.add_middleware(
        Gate,
        config=config,
        metrics=metrics,
        endpoints=ENDPOINTS,
        unanswered=app.state.unanswered,
        largest_body=config.largest_body(reads_images=llm.model.tower is not None),
    )

    @app.get("/health")
    @app.api_route("/health", methods=READING, include_in_schema=False)
    async def health() -> dict[str, str]:
        return {"status": "ok", "model": config.model_name}

    @app.get("/metrics")
    @app.api_route("/metrics", methods=READING, include_in_schema=False)
    async def prometheus() -> Response:
        return Response(metrics.text(), media_type=metrics.content_type)

    for endpoint in (openai_chat, openai_completions, openai_responses, anthropic_messages, edit, models):
        app.include_router(endpoint.router(service))
    app.include_router(page.router())
    return app
