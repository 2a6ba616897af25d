"""POST /v1/completions: continues a prompt of text or token ids, or fills the gap between a prompt and `suffix`.

A list of prompts gives several choices, in OpenAI's order: all choices of the first prompt, then those of the next.
"""

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from dgemma.server.body import BodyRoute, documented_as, parse_body
from dgemma.server.constraint_fields import ConstraintFields
from dgemma.server.endpoint import respond
from dgemma.server.errors import ApiError, openai_error
from dgemma.server.fields import (
    MAX_INTEGER,
    FailFastList,
    Ignored,
    ModelName,
    Stops,
    Text,
    TokenLimit,
    TopLogprobs,
    only,
    unsupported,
)
from dgemma.server.generation import Service
from dgemma.server.jobs import Committed, Drafted, Ended, GenerationJob, Piece, Started
from dgemma.server.logprobs import LogprobsFormat, TextToken
from dgemma.server.openai_fields import StreamFields, draft_body, usage_body
from dgemma.server.sse import COMMENT, DONE, frame
from dgemma.server.usage import Usage

TokenIds = Annotated[FailFastList[Annotated[int, Field(ge=0, le=MAX_INTEGER)]], Field(min_length=1)]


def _prompt_type(value: Any) -> str:
    return "ids" if isinstance(value, list) else "text"


Prompt = Annotated[Annotated[Text, Tag("text")] | Annotated[TokenIds, Tag("ids")], Discriminator(_prompt_type)]


def _prompts(value: Any) -> Any:
    """Converts one prompt, a text or a list of ids, to a list of one prompt. The first item decides whether a list is
    one prompt of ids or several prompts."""
    is_ids = isinstance(value, list) and bool(value) and type(value[0]) in (int, float)
    if is_ids and (wrong := next((at for at, item in enumerate(value) if type(item) is not int), None)) is not None:
        raise unsupported(f"is a list of token ids, but its item {wrong} is not an integer")
    return [value] if isinstance(value, str) or is_ids else value


class CompletionFields(StreamFields, ConstraintFields):
    """The body of a completion request."""

    model: ModelName
    prompt: Annotated[FailFastList[Prompt], BeforeValidator(_prompts), Field(min_length=1)]
    max_tokens: TokenLimit = None
    n: Annotated[int | None, Field(ge=1)] = None
    stop: Stops
    suffix: Text | None = None
    echo: Annotated[None, only(False)] = None
    best_of: Annotated[None, only(1)] = None
    logprobs: TopLogprobs = None
    frequency_penalty: Annotated[None, only(0, 0.0)] = None
    presence_penalty: Annotated[None, only(0, 0.0)] = None
    logit_bias: Annotated[None, only({})] = None
    user: Ignored = None
    metadata: Ignored = None

    @field_validator("suffix")
    @classmethod
    def _infill_options(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if info.data.get("mode") == "autoregressive":
            raise unsupported("is not supported with mode 'autoregressive', which cannot look ahead")
        if info.data.get("canvas_length") is not None:
            raise unsupported("cannot be combined with canvas_length: the gap is the canvas")
        if any(not isinstance(prompt, str) for prompt in info.data.get("prompt", ())):
            raise unsupported("requires a text prompt, not token ids")
        return value

    @field_validator("logprobs")
    @classmethod
    def _not_for_infill(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("suffix") is not None:
            raise unsupported("cannot be combined with suffix, where several fillings compete")
        return value

    def job(self) -> GenerationJob:
        """The generation job of this request."""
        constraint = self.constraint({}, {"suffix": self.suffix is not None})
        logprobs = {} if self.logprobs is None else {"logprobs": self.logprobs}
        return GenerationJob(
            prompts=tuple(self.prompt),
            raw=True,
            suffix=self.suffix,
            seed=self.seed_or_new(),
            choices=self.n or 1,
            max_new_tokens=self.max_tokens,
            options={**self.decoding(), **constraint, **logprobs},
            stops=tuple(self.stop),
            drafts=bool(self.diffusing),
        )


def router(service: Service) -> APIRouter:
    """The router of this endpoint."""
    routes = APIRouter(route_class=BodyRoute)

    @routes.post("/v1/completions")
    async def completions(request: Request, given: Annotated[Any, Body(), documented_as(CompletionFields)]) -> Response:
        fields, job = await parse_body(service, request, CompletionFields, given)
        writer = _CompletionWriter(service, fields)
        return await respond(service, request, fields.model, job, stream=bool(fields.stream), writer=writer)

    return routes


class _CompletionWriter:
    """Writes a completion as one body or as a stream of chunks."""

    keep_alive = COMMENT

    def __init__(self, service: Service, fields: CompletionFields) -> None:
        self._service, self._fields = service, fields
        self._id, self._created = f"cmpl-{secrets.token_hex(12)}", int(time.time())

    def body(self, started: Started, ends: Sequence[Ended]) -> JSONResponse:
        """The completion as one response."""
        usage = Usage.total(
            [end.usage for end in ends], prompt_tokens=started.prompt_tokens, choices=self._fields.n or 1
        )
        choices = [_choice(end.index, end.parts.text, end.reason, self._logprobs(end.tokens)) for end in ends]
        return JSONResponse({**self._head(), "choices": choices, "usage": usage_body(usage)})

    async def frames(self, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """The completion as SSE frames."""
        head = {**self._head(), **self._fields.usage_placeholder}
        usages: list[Usage] = []
        async for piece in pieces:
            if isinstance(piece, Committed):
                choice = _choice(piece.index, piece.delta.text, None, self._logprobs(piece.tokens))
                yield frame({**head, "choices": [choice]})
            elif isinstance(piece, Drafted):
                draft = {"diffusion": draft_body(piece, self._service.tokenizer)}
                choices = [_choice(piece.index, "", None)]
                yield frame({**head, "choices": choices, **draft}, "diffusion.draft")
            elif isinstance(piece, Ended):
                usages.append(piece.usage)
                yield frame({**head, "choices": [_choice(piece.index, "", piece.reason)]})
        if self._fields.includes_usage:
            usage = usage_body(Usage.total(usages, prompt_tokens=started.prompt_tokens, choices=self._fields.n or 1))
            yield frame({**self._head(), "choices": [], "usage": usage})
        yield DONE

    def failure(self, error: ApiError) -> bytes:
        """The frame that reports an error after the stream has started."""
        return frame(openai_error(error))

    def _logprobs(self, tokens: Sequence[TextToken]) -> dict[str, Any] | None:
        if self._fields.logprobs is None:
            return None
        return LogprobsFormat(self._service.tokenizer, self._service.token_bytes).completion(tokens)

    def _head(self) -> dict[str, Any]:
        model = self._service.config.model_name
        return {"id": self._id, "object": "text_completion", "created": self._created, "model": model}


def _choice(index: int, text: str, reason: str | None, logprobs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}
