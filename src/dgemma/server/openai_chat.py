"""POST /v1/chat/completions, compatible with OpenAI's API, with optional drafts of the canvas.

With `stream` and `diffusing` set, an event named `diffusion.draft` follows every denoise step. Its data is a chunk with
an empty delta, so clients that do not know drafts ignore it. Its field `diffusion` holds the whole reply as it reads
now, which replaces that of the previous draft.
"""

import json
import secrets
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field, ValidationInfo, field_validator

from dgemma.chat import MessageParts
from dgemma.server.body import BodyRoute, documented_as, parse_body
from dgemma.server.constraint_fields import ConstraintFields, ToolUse
from dgemma.server.decoding_fields import Effort, thinks
from dgemma.server.endpoint import respond
from dgemma.server.errors import ApiError, openai_error
from dgemma.server.fields import (
    FailFastList,
    Ignored,
    ModelName,
    Stops,
    Strict,
    TokenLimit,
    TopLogprobs,
    image_fields,
    only,
    unsupported,
)
from dgemma.server.generation import Service
from dgemma.server.jobs import Committed, Drafted, Ended, GenerationJob, Piece, Started
from dgemma.server.logprobs import LogprobsFormat, TextToken
from dgemma.server.openai_fields import (
    Message,
    ResponseFormat,
    StreamFields,
    Tool,
    ToolChoice,
    call_body,
    draft_body,
    usage_body,
)
from dgemma.server.sse import COMMENT, DONE, frame
from dgemma.server.usage import Usage


class TemplateKwargs(Strict):
    """vLLM's arguments of the chat template; only `enable_thinking` is supported."""

    enable_thinking: bool | None = None


class ChatFields(StreamFields, ConstraintFields):
    """The body of a chat request."""

    model: ModelName
    messages: Annotated[FailFastList[Message], Field(min_length=1)]
    max_tokens: TokenLimit = None
    max_completion_tokens: TokenLimit = None
    n: Annotated[int | None, Field(ge=1)] = None
    stop: Stops
    tools: FailFastList[Tool] | None = None
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort = None
    chat_template_kwargs: TemplateKwargs | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs = None
    frequency_penalty: Annotated[None, only(0, 0.0)] = None
    presence_penalty: Annotated[None, only(0, 0.0)] = None
    logit_bias: Annotated[None, only({})] = None
    verbosity: Ignored = None
    prediction: Annotated[None, only()] = None
    audio: Annotated[None, only()] = None
    web_search_options: Annotated[None, only()] = None
    functions: Annotated[None, only([], why="is not supported; use tools")] = None
    function_call: Annotated[None, only("none", why="is not supported; use tool_choice")] = None
    modalities: Annotated[None, only(["text"])] = None
    service_tier: Ignored = None
    store: Annotated[None, only(False, why="is not supported: this server stores nothing; remove the field")] = None
    user: Ignored = None
    metadata: Ignored = None
    safety_identifier: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_retention: Ignored = None
    prompt_cache_options: Ignored = None
    moderation: Annotated[None, only()] = None

    @field_validator("max_completion_tokens")
    @classmethod
    def _one_limit(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("max_tokens") not in (None, value):
            raise unsupported("contradicts max_tokens; set only one of them")
        return value

    @field_validator("top_logprobs")
    @classmethod
    def _with_logprobs(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value and not info.data.get("logprobs"):
            raise unsupported("requires 'logprobs': true")
        return value

    @field_validator("chat_template_kwargs")
    @classmethod
    def _one_switch(cls, value: TemplateKwargs | None, info: ValidationInfo) -> TemplateKwargs | None:
        effort, switch = info.data.get("reasoning_effort"), None if value is None else value.enable_thinking
        if switch is not None and effort is not None and switch != thinks(effort):
            raise unsupported("contradicts reasoning_effort; set only one of them")
        return value

    def job(self) -> GenerationJob:
        """The generation job of this request."""
        enabled = self.chat_template_kwargs is not None and bool(self.chat_template_kwargs.enable_thinking)
        tools, thinking = self._tool_use(), enabled or thinks(self.reasoning_effort)
        schema = self.response_format and self.response_format.reply_schema
        constraint = self.constraint(
            {"response_format": None if schema is None else {"schema": schema}, "tool_choice": tools.required_call},
            {"tools": tools.may_be_called, "chat_template_kwargs": enabled},
        )
        return GenerationJob(
            prompts=([message.rendered() for message in self.messages if message.is_rendered],),
            image_fields=image_fields(self.messages, "messages"),
            tools=tools.declared,
            # An effort is a hint: a constraint leaves no room for a thought.
            thinking=thinking and not constraint,
            seed=self.seed_or_new(),
            choices=self.n or 1,
            max_new_tokens=self.max_completion_tokens or self.max_tokens,
            options={**self.decoding(), **tools.optional_calls(constraint), **constraint, **self._logprobs()},
            stops=tuple(self.stop),
            drafts=bool(self.diffusing),
            single_call=tools.single,
        )

    @property
    def requires_call(self) -> bool:
        """Whether the reply must be a tool call."""
        return self.tool_choice not in ("none", "auto")

    def _tool_use(self) -> ToolUse:
        named = None if isinstance(self.tool_choice, str) else self.tool_choice.function.name
        return ToolUse(
            functions=[tool.declared() for tool in self.tools or ()],
            choice=self.tool_choice if isinstance(self.tool_choice, str) else "required",
            named=named,
            parallel=self.parallel_tool_calls is not False,
        )

    def _logprobs(self) -> dict[str, Any]:
        return {"logprobs": self.top_logprobs or 0} if self.logprobs else {}


def router(service: Service) -> APIRouter:
    """The router of this endpoint."""
    routes = APIRouter(route_class=BodyRoute)

    @routes.post("/v1/chat/completions")
    async def chat_completions(request: Request, given: Annotated[Any, Body(), documented_as(ChatFields)]) -> Response:
        fields, job = await parse_body(service, request, ChatFields, given)
        writer = _ChatWriter(service, fields)
        return await respond(service, request, fields.model, job, stream=bool(fields.stream), writer=writer)

    return routes


class _ChatWriter:
    """Writes a chat completion as one body or as a stream of chunks."""

    keep_alive = COMMENT

    def __init__(self, service: Service, fields: ChatFields) -> None:
        self._service, self._fields = service, fields
        self._id, self._created = f"chatcmpl-{secrets.token_hex(12)}", int(time.time())

    def body(self, started: Started, ends: Sequence[Ended]) -> JSONResponse:
        """The chat completion as one response."""
        usage = Usage.total(
            [end.usage for end in ends], prompt_tokens=started.prompt_tokens, choices=self._fields.n or 1
        )
        choices = [
            {
                "index": end.index,
                "message": _message(end.parts),
                "logprobs": self._logprobs(end.tokens),
                "finish_reason": end.reason,
            }
            for end in ends
        ]
        return JSONResponse({**self._head("chat.completion"), "choices": choices, "usage": usage_body(usage)})

    async def frames(self, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """The chat completion as SSE frames."""
        usages: list[Usage] = []
        for index in range(self._fields.n or 1):
            # A reply that must be a call has no text.
            yield self._chunk(index, {"role": "assistant", "content": None if self._fields.requires_call else ""})
        async for piece in pieces:
            if isinstance(piece, Committed):
                if piece.delta.thinking:
                    yield self._chunk(piece.index, {"reasoning_content": piece.delta.thinking})
                if piece.delta.text:
                    yield self._chunk(piece.index, {"content": piece.delta.text}, tokens=piece.tokens)
            elif isinstance(piece, Drafted):
                draft = {"diffusion": draft_body(piece, self._service.tokenizer)}
                yield self._chunk(piece.index, {}, more=draft, event="diffusion.draft")
            elif isinstance(piece, Ended):
                usages.append(piece.usage)
                for at, call in enumerate(_calls(piece.parts)):
                    yield self._chunk(piece.index, {"tool_calls": [{"index": at, **call}]})
                yield self._chunk(piece.index, {}, reason=piece.reason)
        if self._fields.includes_usage:
            usage = usage_body(Usage.total(usages, prompt_tokens=started.prompt_tokens, choices=self._fields.n or 1))
            yield frame({**self._head("chat.completion.chunk"), "choices": [], "usage": usage})
        yield DONE

    def failure(self, error: ApiError) -> bytes:
        """The frame that reports an error after the stream has started."""
        return frame(openai_error(error))

    def _logprobs(self, tokens: Sequence[TextToken]) -> dict[str, Any] | None:
        if not self._fields.logprobs:
            return None
        return LogprobsFormat(self._service.tokenizer, self._service.token_bytes).chat(tokens)

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._service.config.model_name}

    def _chunk(
        self,
        index: int,
        delta: Mapping[str, Any],
        *,
        reason: str | None = None,
        more: Mapping[str, Any] | None = None,
        event: str | None = None,
        tokens: Sequence[TextToken] = (),
    ) -> bytes:
        logprobs = self._logprobs(tokens) if tokens else None
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        usage = self._fields.usage_placeholder
        return frame({**self._head("chat.completion.chunk"), "choices": [choice], **usage, **(more or {})}, event)


def _message(parts: MessageParts) -> dict[str, Any]:
    calls = _calls(parts)
    message: dict[str, Any] = {"role": "assistant", "content": parts.text if parts.text or not calls else None}
    message["refusal"] = None
    if parts.thinking:
        message["reasoning_content"] = parts.thinking
    if calls:
        message["tool_calls"] = calls
    return message


def _calls(parts: MessageParts) -> list[Mapping[str, Any]]:
    return [
        call_body(call, f"call_{secrets.token_hex(12)}", json.dumps(dict(call.arguments), ensure_ascii=False))
        for call in parts.tool_calls
    ]
