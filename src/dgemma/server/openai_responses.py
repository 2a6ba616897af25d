"""POST /v1/responses and /v1/responses/input_tokens, compatible with OpenAI's API, but without storage.

One writer builds the events of a stream and, from the same pieces, the response object in the last event. A request
without `stream` gets only that response object.
"""

import json
import secrets
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from copy import deepcopy
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response

from dgemma.chat import ToolCall
from dgemma.server.body import BodyRoute, documented_as, parse_body
from dgemma.server.endpoint import check_model, respond
from dgemma.server.errors import ApiError
from dgemma.server.generation import Service
from dgemma.server.jobs import Committed, Ended, Piece, Started
from dgemma.server.logprobs import LogprobsFormat, TextToken
from dgemma.server.openai_responses_fields import InputTokensFields, Reasoning, ResponseFields, encoded_thought
from dgemma.server.replies import Delta
from dgemma.server.sse import COMMENT, frame
from dgemma.server.usage import Usage

ERROR_CODES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
"""HTTP status -> error code of a failed response; any other status is a `server_error`."""


def router(service: Service) -> APIRouter:
    """The router of these endpoints."""
    routes = APIRouter(route_class=BodyRoute)

    @routes.post("/v1/responses")
    async def responses(request: Request, given: Annotated[Any, Body(), documented_as(ResponseFields)]) -> Response:
        fields, job = await parse_body(service, request, ResponseFields, given)
        writer = _ResponseWriter(service, fields)
        return await respond(service, request, fields.model, job, stream=bool(fields.stream), writer=writer)

    @routes.post("/v1/responses/input_tokens")
    async def input_tokens(
        request: Request, given: Annotated[Any, Body(), documented_as(InputTokensFields)]
    ) -> dict[str, str | int]:
        fields, job = await parse_body(service, request, InputTokensFields, given)
        if fields.model:
            check_model(service, fields.model)
        return {"object": "response.input_tokens", "input_tokens": await service.count_tokens(job)}

    return routes


class _ResponseWriter:
    """Writes a response as one body or as a stream of events."""

    keep_alive = COMMENT

    def __init__(self, service: Service, fields: ResponseFields) -> None:
        self._service, self._fields = service, fields
        self._id, self._created = f"resp_{secrets.token_hex(12)}", int(time.time())
        self._output: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None
        self._number = -1

    def body(self, started: Started, ends: Sequence[Ended]) -> JSONResponse:
        """The response as one body."""
        (end,) = ends
        for _ in self._extend(Delta(thinking=end.parts.thinking)):
            pass
        for _ in self._extend(Delta(text=end.parts.text), end.tokens):
            pass
        *_, (_, last) = self._finish(end)
        return JSONResponse(last["response"])

    async def frames(self, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """The response as SSE frames."""
        for kind in ("response.created", "response.in_progress"):
            yield self._frame(kind, {"response": self._response("in_progress")})
        async for piece in pieces:
            if isinstance(piece, Committed):
                for event in self._extend(piece.delta, piece.tokens):
                    yield self._frame(*event)
            elif isinstance(piece, Ended):
                for event in self._finish(piece):
                    yield self._frame(*event)

    def failure(self, error: ApiError) -> bytes:
        """The frames that report an error after the stream has started: the error, and the failed response so far."""
        if self._open is not None:
            self._open["status"] = "incomplete"
        error_frame = self._frame("error", {"code": error.code, "message": error.message, "param": error.param})
        failed = {"code": ERROR_CODES.get(error.status, "server_error"), "message": error.message}
        return error_frame + self._frame("response.failed", {"response": {**self._response("failed"), "error": failed}})

    def _frame(self, kind: str, data: dict[str, Any]) -> bytes:
        self._number += 1
        return frame({"type": kind, "sequence_number": self._number, **data}, kind)

    def _extend(self, delta: Delta, tokens: Sequence[TextToken] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events of more thinking, more text, or both; `tokens` are those of the text."""
        for kind, more in (("reasoning", delta.thinking), ("message", delta.text)):
            if not more:
                continue
            if self._open is None or self._open["type"] != kind:
                yield from self._close()
                yield from self._begin(kind)
            assert self._open is not None
            part = self._open["content"][0]
            part["text"] += more
            if kind == "message":
                logprobs = self._logprobs(tokens)
                part["logprobs"] += logprobs
                yield "response.output_text.delta", {**self._place(), "delta": more, "logprobs": logprobs}
            else:
                yield "response.reasoning_text.delta", {**self._place(), "delta": more}
                if self._fields.summarizes:
                    self._open["summary"][0]["text"] += more
                    yield "response.reasoning_summary_text.delta", {**self._summary_place(), "delta": more}

    def _logprobs(self, tokens: Sequence[TextToken]) -> list[dict[str, Any]]:
        if not tokens:
            return []
        return LogprobsFormat(self._service.tokenizer, self._service.token_bytes).response(tokens)

    def _begin(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Opens an output item with one text part."""
        if kind == "message":
            part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            item = {"id": f"msg_{secrets.token_hex(12)}", "type": kind, "role": "assistant"}
        else:
            part = {"type": "reasoning_text", "text": ""}
            item = {"id": f"rs_{secrets.token_hex(12)}", "type": kind, "summary": []}
            item |= {"encrypted_content": None} if self._fields.encodes_thoughts else {}
        self._open = {**item, "status": "in_progress", "content": []}
        self._output.append(self._open)
        # A copy, because the item keeps growing after the event.
        yield "response.output_item.added", {"output_index": len(self._output) - 1, "item": deepcopy(self._open)}
        yield "response.content_part.added", {**self._place(), "part": deepcopy(part)}
        self._open["content"].append(part)
        if kind == "reasoning" and self._fields.summarizes:
            summary = {"type": "summary_text", "text": ""}
            yield "response.reasoning_summary_part.added", {**self._summary_place(), "part": deepcopy(summary)}
            self._open["summary"].append(summary)

    def _close(self, status: str = "completed") -> Iterator[tuple[str, dict[str, Any]]]:
        """Closes the open item, if there is one."""
        if self._open is None:
            return
        item, part = self._open, self._open["content"][0]
        if item["type"] == "message":
            text = {"text": part["text"], "logprobs": part["logprobs"]}
            yield "response.output_text.done", {**self._place(), **text}
        else:
            yield "response.reasoning_text.done", {**self._place(), "text": part["text"]}
        yield "response.content_part.done", {**self._place(), "part": deepcopy(part)}
        for summary in item.get("summary", ()):
            yield "response.reasoning_summary_text.done", {**self._summary_place(), "text": summary["text"]}
            yield "response.reasoning_summary_part.done", {**self._summary_place(), "part": deepcopy(summary)}
        if "encrypted_content" in item:
            item["encrypted_content"] = encoded_thought(part["text"])
        item["status"] = status
        self._open = None
        yield "response.output_item.done", {"output_index": len(self._output) - 1, "item": deepcopy(item)}

    def _place(self) -> dict[str, Any]:
        return {**self._item_place(), "content_index": 0}

    def _summary_place(self) -> dict[str, Any]:
        return {**self._item_place(), "summary_index": 0}

    def _item_place(self) -> dict[str, Any]:
        assert self._open is not None
        return {"item_id": self._open["id"], "output_index": len(self._output) - 1}

    def _finish(self, end: Ended) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events of tool calls and of the end; the last one contains the response."""
        status = "incomplete" if end.reason == "length" else "completed"
        if not self._output and not end.parts.tool_calls:
            # An empty reply is still a message.
            yield from self._begin("message")
        yield from self._close(status)
        for call in end.parts.tool_calls:
            yield from self._call(call)
        yield f"response.{status}", {"response": self._response(status, end.usage)}

    def _call(self, call: ToolCall) -> Iterator[tuple[str, dict[str, Any]]]:
        arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
        item = {"id": f"fc_{secrets.token_hex(12)}", "type": "function_call", "status": "in_progress"}
        item |= {"call_id": f"call_{secrets.token_hex(12)}", "name": call.name, "arguments": ""}
        self._output.append(item)
        at = {"output_index": len(self._output) - 1}
        place = {"item_id": item["id"], **at}
        yield "response.output_item.added", {**at, "item": deepcopy(item)}
        yield "response.function_call_arguments.delta", {**place, "delta": arguments}
        yield "response.function_call_arguments.done", {**place, "name": call.name, "arguments": arguments}
        item |= {"status": "completed", "arguments": arguments}
        yield "response.output_item.done", {**at, "item": deepcopy(item)}

    def _response(self, status: str, usage: Usage | None = None) -> dict[str, Any]:
        fields = self._fields
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "completed_at": None if usage is None else int(time.time()),
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": fields.instructions,
            "max_output_tokens": fields.max_output_tokens,
            "metadata": fields.metadata or {},
            "model": self._service.config.model_name,
            "output": deepcopy(self._output),
            "parallel_tool_calls": fields.parallel_tool_calls is not False,
            "previous_response_id": None,
            "reasoning": (fields.reasoning or Reasoning()).model_dump(include={"effort", "summary"}),
            "store": False,
            "temperature": fields.temperature,
            "text": {"format": _format(fields)},
            "tool_choice": _shown_choice(fields),
            "tools": [tool.shown() for tool in fields.tools or ()],
            "top_logprobs": fields.top_logprobs or 0,
            "top_p": fields.top_p,
            "truncation": "disabled",
            "usage": None if usage is None else _usage_body(usage),
        }


def _shown_choice(fields: ResponseFields) -> Any:
    """The tool choice as the response repeats it."""
    choice = fields.tool_choice
    return choice if isinstance(choice, str) else choice.model_dump()


def _format(fields: ResponseFields) -> dict[str, Any]:
    """The text format as the response repeats it."""
    text_format = fields.text and fields.text.format
    return {"type": "text"} if text_format is None else text_format.model_dump(by_alias=True)


def _usage_body(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.reused_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.thinking_tokens},
        "total_tokens": usage.total_tokens,
        "diffusion": usage.diffusion(),
    }
