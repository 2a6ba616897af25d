"""POST /v1/messages and /v1/messages/count_tokens, compatible with Anthropic's API."""

import json
import secrets
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response

from dgemma.chat import ToolCall
from dgemma.server.anthropic_fields import CountFields, MessagesFields
from dgemma.server.body import BodyRoute, documented_as, parse_body
from dgemma.server.endpoint import check_model, respond
from dgemma.server.errors import ApiError, anthropic_error
from dgemma.server.generation import Service
from dgemma.server.jobs import Committed, Ended, Piece, Started
from dgemma.server.replies import Delta
from dgemma.server.sse import frame
from dgemma.server.usage import Usage


def router(service: Service) -> APIRouter:
    """The router of these endpoints."""
    routes = APIRouter(route_class=BodyRoute)

    @routes.post("/v1/messages")
    async def messages(request: Request, given: Annotated[Any, Body(), documented_as(MessagesFields)]) -> Response:
        fields, job = await parse_body(service, request, MessagesFields, given)
        writer = _MessageWriter(service, omits_thoughts=fields.omits_thoughts)
        return await respond(service, request, fields.model, job, stream=bool(fields.stream), writer=writer)

    @routes.post("/v1/messages/count_tokens")
    async def count_tokens(
        request: Request, given: Annotated[Any, Body(), documented_as(CountFields)]
    ) -> dict[str, int]:
        fields, job = await parse_body(service, request, CountFields, given)
        check_model(service, fields.model)
        return {"input_tokens": await service.count_tokens(job)}

    return routes


class _MessageWriter:
    """Writes a message as one body or as a stream of events."""

    keep_alive = frame({"type": "ping"}, "ping")

    def __init__(self, service: Service, *, omits_thoughts: bool) -> None:
        self._service, self._omits_thoughts = service, omits_thoughts
        self._id = f"msg_{secrets.token_hex(12)}"
        self._block = -1
        self._kind: str | None = None

    def body(self, started: Started, ends: Sequence[Ended]) -> JSONResponse:
        """The message as one response."""
        (end,) = ends
        parts = end.parts
        content: list[dict[str, Any]] = []
        if parts.thinking and not self._omits_thoughts:
            content.append({"type": "thinking", "thinking": parts.thinking, "signature": ""})
        if parts.text or not parts.tool_calls:
            content.append({"type": "text", "text": parts.text})
        content += [{**_call(call), "input": dict(call.arguments)} for call in parts.tool_calls]
        return JSONResponse({**self._message(started, end.usage), "content": content, **_stop(end)})

    async def frames(self, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """The message as SSE frames."""
        yield _frame("message_start", {"message": self._message(started, None)})
        async for piece in pieces:
            if isinstance(piece, Committed):
                for event in self._extend(piece.delta):
                    yield event
            elif isinstance(piece, Ended):
                for event in self._finish(piece):
                    yield event

    def failure(self, error: ApiError) -> bytes:
        """The frame that reports an error after the stream has started."""
        return frame(anthropic_error(error), "error")

    def _extend(self, delta: Delta) -> Iterator[bytes]:
        """The events of more thinking, more text, or both."""
        for kind, more in (("thinking", delta.thinking), ("text", delta.text)):
            if not more or (kind == "thinking" and self._omits_thoughts):
                continue
            if self._kind != kind:
                yield from self._close()
                empty = {"thinking": "", "signature": ""} if kind == "thinking" else {"text": ""}
                yield from self._open(kind, {"type": kind, **empty})
            yield self._delta({"type": f"{kind}_delta", kind: more})

    def _finish(self, end: Ended) -> Iterator[bytes]:
        """The events of tool calls and of the end."""
        if self._block < 0 and not end.parts.tool_calls:
            yield from self._open("text", {"type": "text", "text": ""})
        yield from self._close()
        for call in end.parts.tool_calls:
            yield from self._open("tool_use", {**_call(call), "input": {}})
            arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
            yield self._delta({"type": "input_json_delta", "partial_json": arguments})
            yield from self._close()
        yield _frame("message_delta", {"delta": _stop(end), "usage": _usage_body(end.usage)})
        yield _frame("message_stop", {})

    def _open(self, kind: str, block: Mapping[str, Any]) -> Iterator[bytes]:
        self._block, self._kind = self._block + 1, kind
        yield _frame("content_block_start", {"index": self._block, "content_block": block})

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return _frame("content_block_delta", {"index": self._block, "delta": delta})

    def _close(self) -> Iterator[bytes]:
        if self._kind == "thinking":
            # The signature is empty, but clients drop a thought that has none.
            yield self._delta({"type": "signature_delta", "signature": ""})
        if self._kind is not None:
            self._kind = None
            yield _frame("content_block_stop", {"index": self._block})

    def _message(self, started: Started, usage: Usage | None) -> dict[str, Any]:
        known = {"input_tokens": started.prompt_tokens, "output_tokens": 0} if usage is None else _usage_body(usage)
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._service.config.model_name,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": known,
        }


def _frame(kind: str, data: Mapping[str, Any]) -> bytes:
    return frame({"type": kind, **data}, kind)


def _call(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": call.name}


def _stop(end: Ended) -> dict[str, Any]:
    """The stop reason, in Anthropic's terms."""
    if end.stop_string is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": end.stop_string}
    full = "model_context_window_exceeded" if end.context_full else "max_tokens"
    words = {"stop": "end_turn", "length": full, "tool_calls": "tool_use"}
    return {"stop_reason": words[end.reason], "stop_sequence": None}


def _usage_body(usage: Usage) -> dict[str, Any]:
    """Usage in Anthropic's format. Cache fields are about billing, so they are 0; `diffusion` has the reused tokens."""
    return {
        "input_tokens": usage.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": usage.completion_tokens,
        "diffusion": usage.diffusion(),
    }
