"""POST /v1/edit: edits a text in place. This endpoint is dgemma's own; neither OpenAI's nor Anthropic's API has it.

The reply is the whole text and a list of the changes, so a client need not compare the texts itself. Text that the
model keeps comes back byte for byte.
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
from dgemma.server.body import BodyRoute, documented_as, parse_body
from dgemma.server.decoding_fields import seed_or_new
from dgemma.server.endpoint import respond
from dgemma.server.errors import ApiError, openai_error
from dgemma.server.fields import (
    CanvasLength,
    DenoisingSteps,
    ModelName,
    Seed,
    Temperature,
    Text,
    only,
    unsupported,
)
from dgemma.server.generation import Service
from dgemma.server.jobs import Committed, Drafted, Edit, Ended, GenerationJob, Piece, Started
from dgemma.server.openai_fields import StreamFields, draft_body, usage_body
from dgemma.server.sse import COMMENT, DONE, frame

ONLY_DIFFUSION = "must be 'diffusion' on this endpoint, or absent"


class EditFields(StreamFields):
    """The body of an edit request.

    input        the text to edit
    instruction  what the edit should do, such as "Fix the mistakes"
    strength     how much may be rewritten: 0 changes nothing, 1 may change everything (`LLM.edit`)
    """

    model: ModelName
    input: Annotated[Text, Field(min_length=1)]
    instruction: Annotated[Text | None, Field(min_length=1)] = None
    strength: Annotated[float, Field(ge=0, le=1)] = 0.5
    seed: Seed = None
    mode: Annotated[None, only("diffusion", why=ONLY_DIFFUSION)] = None
    temperature: Temperature = None
    canvas_length: CanvasLength = None
    max_denoising_steps: DenoisingSteps = None

    @field_validator("temperature", "canvas_length", "max_denoising_steps")
    @classmethod
    def _without_instruction(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("instruction") is not None:
            raise unsupported("cannot be combined with instruction: an edit by instruction has no canvas")
        return value

    def job(self) -> GenerationJob:
        """The edit as a job."""
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
    """The router of this endpoint."""
    routes = APIRouter(route_class=BodyRoute)

    @routes.post("/v1/edit")
    async def edit(request: Request, given: Annotated[Any, Body(), documented_as(EditFields)]) -> Response:
        fields, job = await parse_body(service, request, EditFields, given)
        writer = _EditWriter(service, fields)
        return await respond(service, request, fields.model, job, stream=bool(fields.stream), writer=writer)

    return routes


class _EditWriter:
    """Writes an edit as one body or as a stream of chunks."""

    keep_alive = COMMENT

    def __init__(self, service: Service, fields: EditFields) -> None:
        self._service, self._fields = service, fields
        self._id, self._created = f"edit-{secrets.token_hex(12)}", int(time.time())

    def body(self, started: Started, ends: Sequence[Ended]) -> JSONResponse:
        """The edit as one response."""
        (end,) = ends
        text = {"text": end.parts.text, "changes": self._changes(end)}
        return JSONResponse({**self._head("edit"), **text, "finish_reason": end.reason, "usage": usage_body(end.usage)})

    async def frames(self, started: Started, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[bytes]:
        """The edit as SSE frames: pieces of text as they are committed, then the changes."""
        head = self._head("edit.chunk")
        async for piece in pieces:
            if isinstance(piece, Committed):
                yield frame({**head, "text": piece.delta.text, "finish_reason": None})
            elif isinstance(piece, Drafted):
                draft = draft_body(piece, self._service.tokenizer)
                yield frame({**head, "text": "", "finish_reason": None, "diffusion": draft}, "diffusion.draft")
            elif isinstance(piece, Ended):
                usage = {"usage": usage_body(piece.usage)} if self._fields.includes_usage else {}
                yield frame(
                    {**head, "text": "", "changes": self._changes(piece), "finish_reason": piece.reason, **usage}
                )
        yield DONE

    def failure(self, error: ApiError) -> bytes:
        """The frame that reports an error after the stream has started."""
        return frame(openai_error(error))

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._service.config.model_name}

    def _changes(self, end: Ended) -> list[dict[str, Any]]:
        before = self._service.tokenizer.encode(self._fields.input)
        return changes(before, end.token_ids, self._service.token_bytes)


def changes(before: Sequence[int], after: Sequence[int], token_bytes: Mapping[int, bytes]) -> list[dict[str, Any]]:
    """The places where two texts differ. `start` and `end` are character offsets in the new text; `before` and `after`
    are the old and the new text there. `token_bytes` maps token ids to their bytes."""
    old_bytes, new_bytes = (b"".join(token_bytes.get(token, b"") for token in ids) for ids in (before, after))
    # Byte offsets: old start, old end, new start, new end.
    places: list[tuple[int, int, int, int]] = []
    old = new = 0
    for same, old_ids, new_ids in _runs(before, after):
        old_end, new_end = (
            at + sum(len(token_bytes.get(token, b"")) for token in ids) for at, ids in ((old, old_ids), (new, new_ids))
        )
        if not same:
            places.append(_widened(old_bytes, new_bytes, (old, old_end, new, new_end)))
        old, new = old_end, new_end
    found: list[dict[str, Any]] = []
    for at, (old, old_end, new, new_end) in enumerate(places):
        if at + 1 < len(places) and places[at + 1][2] < new_end:
            # Two changes within one character overlap once widened: merge them.
            places[at + 1] = (old, places[at + 1][1], new, places[at + 1][3])
            continue
        start, after_text = len(_text(new_bytes[:new])), _text(new_bytes[new:new_end])
        before_text = _text(old_bytes[old:old_end])
        found.append({"start": start, "end": start + len(after_text), "before": before_text, "after": after_text})
    return found


def _runs(before: Sequence[int], after: Sequence[int]) -> Iterator[tuple[bool, Sequence[int], Sequence[int]]]:
    """Splits both texts into runs that are equal or not. Texts of the same length are compared position by position."""
    if len(before) == len(after):
        for same, run in groupby(zip(before, after, strict=True), lambda pair: pair[0] == pair[1]):
            old, new = zip(*run, strict=True)
            yield same, old, new
        return
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, old, old_end, new, new_end in matcher.get_opcodes():
        yield kind == "equal", before[old:old_end], after[new:new_end]


def _widened(old: bytes, new: bytes, place: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Widens a place to whole characters. The bytes around it are equal in both texts."""
    old_start, old_end, new_start, new_end = place
    while old_start and new_start and (_continues(old, old_start) or _continues(new, new_start)):
        old_start, new_start = old_start - 1, new_start - 1
    while old_end < len(old) and new_end < len(new) and (_continues(old, old_end) or _continues(new, new_end)):
        old_end, new_end = old_end + 1, new_end + 1
    return old_start, old_end, new_start, new_end


def _continues(text: bytes, at: int) -> bool:
    """Whether the byte at an offset continues a UTF-8 character."""
    return at < len(text) and text[at] >> 6 == 0b10


def _text(encoded: bytes) -> str:
    return encoded.decode(errors="replace")
