"""POST /v1/edit: a text gone over in place; no other API has it.

The reply is the whole text and the places that changed. What is not doubted comes back byte for byte, so a client can
show the changes without comparing texts itself.
"""

import difflib
import secrets
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field, ValidationInfo, field_validator

from dgemma.api import edit_messages
from dgemma.server.body import BodyRoute, described, read
from dgemma.server.decoding import seed_or_new
from dgemma.server.endpoint import answer
from dgemma.server.errors import ApiError, openai_error
from dgemma.server.fields import (
    CanvasLength,
    DenoisingSteps,
    ModelName,
    Seed,
    StreamOptions,
    Strict,
    Temperature,
    Text,
    only,
    unsupported,
)
from dgemma.server.generation import Service
from dgemma.server.jobs import Drafted, Edit, Ended, GenerationJob, Grown, Piece, Started
from dgemma.server.openai_fields import draft_body, usage_body
from dgemma.server.sse import DONE, frame

BY_DIFFUSION = "is 'diffusion' here: a text is gone over by diffusion"


class EditFields(Strict):
    """The body of an edit request.

    input        the text that is gone over
    instruction  what it shall be the answer to, such as "Fix the mistakes"
    strength     how much is rewritten: 0 touches nothing, 1 may touch everything (`LLM.edit`)
    """

    model: ModelName
    input: Annotated[Text, Field(min_length=1)]
    instruction: Annotated[Text | None, Field(min_length=1)] = None
    strength: Annotated[float, Field(ge=0, le=1)] = 0.5
    seed: Seed = None
    mode: Annotated[None, only("diffusion", why=BY_DIFFUSION)] = None
    temperature: Temperature = None
    canvas_length: CanvasLength = None
    max_denoising_steps: DenoisingSteps = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    diffusing: bool | None = None

    @field_validator("temperature", "canvas_length", "max_denoising_steps")
    @classmethod
    def _without_instruction(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("instruction") is not None:
            raise unsupported("works without an instruction only, as with one the causal mode goes over the text")
        return value

    @field_validator("stream_options", "diffusing")
    @classmethod
    def _streams_only(cls, value: Any, info: ValidationInfo) -> Any:
        if value and not info.data.get("stream"):
            raise unsupported("works with 'stream': true only")
        return value

    def job(self) -> GenerationJob:
        """What is to be done."""
        prompt = "" if self.instruction is None else edit_messages(self.input, self.instruction)
        return GenerationJob(
            prompts=(prompt,),
            raw=self.instruction is None,
            edit=Edit(text=self.input, instruction=self.instruction, strength=self.strength),
            seed=seed_or_new(self.seed),
            options={
                "temperature": self.temperature,
                "canvas_length": self.canvas_length,
                "max_denoising_steps": self.max_denoising_steps,
            },
            drafts=bool(self.diffusing),
        )


def router(service: Service) -> APIRouter:
    """The endpoint, for an app to include."""
    routes = APIRouter(route_class=BodyRoute)

    @routes.post("/v1/edit")
    async def edit(request: Request, given: Annotated[Any, Body(), described(EditFields)]) -> Response:
        fields, job = await read(service, request, EditFields, given)
        writer = _EditWriter(service, fields)
        return await answer(service, request, fields.model, job, stream=bool(fields.stream), writer=writer)

    return routes


class _EditWriter:
    """Pieces of a job -> the text and its changes, or the chunks of them."""

    def __init__(self, service: Service, fields: EditFields) -> None:
        self._service, self._fields = service, fields
        self._id, self._created = f"edit-{secrets.token_hex(12)}", int(time.time())

    def body(self, started: Started, ends: Sequence[Ended]) -> JSONResponse:
        """The whole reply."""
        (end,) = ends
        text = {"text": end.parts.text, "changes": self._changes(end)}
        return JSONResponse({**self._head("edit"), **text, "finish_reason": end.reason, "usage": usage_body(end.usage)})

    async def frames(self, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """The reply as events: the text as it settles, then the changes."""
        head = self._head("edit.chunk")
        async for piece in pieces:
            if isinstance(piece, Grown):
                yield frame({**head, "text": piece.growth.text, "finish_reason": None})
            elif isinstance(piece, Drafted):
                draft = draft_body(piece, self._service.tokenizer)
                yield frame({**head, "text": "", "finish_reason": None, "diffusion": draft}, "diffusion.draft")
            elif isinstance(piece, Ended):
                usage = {}
                if self._fields.stream_options and self._fields.stream_options.include_usage:
                    usage = {"usage": usage_body(piece.usage)}
                yield frame(
                    {**head, "text": "", "changes": self._changes(piece), "finish_reason": piece.reason, **usage}
                )
        yield DONE

    def failure(self, error: ApiError) -> bytes:
        """The event that tells of an error after the stream began."""
        return frame(openai_error(error))

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._service.config.model_name}

    def _changes(self, end: Ended) -> list[dict[str, Any]]:
        before = self._service.tokenizer.encode(self._fields.input)
        return changes(before, end.token_ids, self._service.written)


def changes(before: Sequence[int], after: Sequence[int], written: Mapping[int, bytes]) -> list[dict[str, Any]]:
    """The places where two texts differ: `start` and `end` count the characters of the new text, `before` and `after`
    are what stood there and what stands there now."""
    old_bytes, new_bytes = (b"".join(written.get(token, b"") for token in ids) for ids in (before, after))
    found: list[tuple[int, int, int, int]] = []
    old = new = 0
    for same, old_ids, new_ids in _runs(before, after):
        old_end, new_end = (
            at + sum(len(written.get(token, b"")) for token in ids) for at, ids in ((old, old_ids), (new, new_ids))
        )
        if not same:
            found.append(_widened(old_bytes, new_bytes, (old, old_end, new, new_end)))
        old, new = old_end, new_end
    told: list[dict[str, Any]] = []
    for at, (old, old_end, new, new_end) in enumerate(found):
        if at + 1 < len(found) and found[at + 1][2] < new_end:
            # Two halves of one character that both changed: one place.
            found[at + 1] = (old, found[at + 1][1], new, found[at + 1][3])
            continue
        start, inside = _text(new_bytes[:new]), _text(new_bytes[new:new_end])
        was = _text(old_bytes[old:old_end])
        told.append({"start": len(start), "end": len(start) + len(inside), "before": was, "after": inside})
    return told


def _runs(before: Sequence[int], after: Sequence[int]) -> Iterator[tuple[bool, Sequence[int], Sequence[int]]]:
    """Both texts in pieces that are the same or not. Texts of as many tokens are laid side by side as they stand."""
    if len(before) == len(after):
        for same, run in groupby(zip(before, after, strict=True), lambda pair: pair[0] == pair[1]):
            old, new = zip(*run, strict=True)
            yield same, old, new
        return
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, old, old_end, new, new_end in matcher.get_opcodes():
        yield kind == "equal", before[old:old_end], after[new:new_end]


def _widened(old: bytes, new: bytes, place: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """A place, widened to whole characters; what lies around it is the same in both texts."""
    old_start, old_end, new_start, new_end = place
    while old_start and new_start and (_continues(old, old_start) or _continues(new, new_start)):
        old_start, new_start = old_start - 1, new_start - 1
    while old_end < len(old) and new_end < len(new) and (_continues(old, old_end) or _continues(new, new_end)):
        old_end, new_end = old_end + 1, new_end + 1
    return old_start, old_end, new_start, new_end


def _continues(text: bytes, at: int) -> bool:
    """Whether a byte goes on with the character before it."""
    return at < len(text) and text[at] >> 6 == 0b10


def _text(written: bytes) -> str:
    return written.decode(errors="replace")
