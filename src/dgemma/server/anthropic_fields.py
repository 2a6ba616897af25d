"""The body of POST /v1/messages: converts Anthropic's content blocks into messages for `chat.render`.

Knows nothing of streams.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from dgemma.server.constraint_fields import ConstraintFields, ToolUse
from dgemma.server.fields import (
    MAX_INTEGER,
    FailFastList,
    Ignored,
    JsonObject,
    ModelName,
    Stops,
    Strict,
    Text,
    ToolName,
    content,
    image_fields,
    joined,
    known_type,
    object_of_type,
    only,
    part_kind,
    parts,
    quoted,
    result_parts,
    text_type,
    unsupported,
)
from dgemma.server.jobs import GenerationJob

NO_THREADS = "is not supported: this server stores no conversations; remove it and send the whole conversation"
THREAD_UNSUPPORTED = "thread_unsupported_request"
"""The error code on which Anthropic's clients that add the field by themselves retry without it."""


class TextBlock(Strict):
    """A text block. The server manages its prefix cache by itself, so `cache_control` has no effect."""

    type: Annotated[Literal["text"], text_type("text")]
    text: Text
    cache_control: Ignored = None
    citations: Annotated[None, only([])] = None


Texts = Annotated[FailFastList[TextBlock], BeforeValidator(parts)]


class DocumentSource(Strict):
    """The text of a document."""

    type: Annotated[Literal["text"], known_type("text", why="only documents of type 'text' can be read")]
    media_type: Literal["text/plain"]
    data: Text


class DocumentBlock(Strict):
    """A plain-text document in the result of a tool. The model reads its title, context and text."""

    type: Literal["document"]
    source: DocumentSource
    title: Text | None = None
    context: Text | None = None
    citations: Annotated[None, only({"enabled": False})] = None
    cache_control: Ignored = None

    @property
    def text(self) -> str:
        """What the model reads, one part a line."""
        return "\n".join(part for part in (self.title, self.context, self.source.data) if part)


def _result_kind(value: Any) -> str:
    return "document" if part_kind(value) == "document" else "text"


ResultPart = Annotated[
    Annotated[TextBlock, Tag("text")] | Annotated[DocumentBlock, Tag("document")], Discriminator(_result_kind)
]
ResultParts = Annotated[FailFastList[ResultPart], BeforeValidator(result_parts)]


def _source_type(value: Any) -> Any:
    if value in ("url", "file"):
        raise unsupported(f"is {value!r}; this server does not fetch images, so send the image itself, as 'base64'")
    return value


class ImageSource(Strict):
    """The bytes of an image."""

    type: Annotated[Literal["base64"], BeforeValidator(_source_type)]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: Text


class ImageBlock(Strict):
    """An image block of a user message."""

    type: Literal["image"]
    source: ImageSource
    cache_control: Ignored = None

    def rendered(self) -> dict[str, Any]:
        """The block as `chat.render` takes it."""
        return {"type": "image", "base64": self.source.data}


class ThinkingBlock(Strict):
    """An earlier thought. Its signature is not checked: this server signs nothing."""

    type: Literal["thinking"]
    thinking: Text
    signature: Ignored = None


class ToolUseBlock(Strict):
    """An earlier tool call of the model."""

    type: Literal["tool_use"]
    id: Text
    name: ToolName
    input: JsonObject
    cache_control: Ignored = None
    caller: Annotated[None, only({"type": "direct"})] = None
    toolset_name: Annotated[None, only()] = None


class ToolResultBlock(Strict):
    """The result of a tool call. The model reads its text and documents; its images are replaced by a text."""

    type: Literal["tool_result"]
    tool_use_id: Text
    content: ResultParts | None = None
    is_error: bool | None = None
    cache_control: Ignored = None
    toolset_name: Annotated[None, only()] = None


HINTS = {
    "redacted_thinking": "this server cannot decrypt it, so remove it",
    "document": "send the text itself",
}
"""Unsupported block types -> what to do instead."""

Block = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ImageBlock, Tag("image")]
    | Annotated[ThinkingBlock, Tag("thinking")]
    | Annotated[ToolUseBlock, Tag("tool_use")]
    | Annotated[ToolResultBlock, Tag("tool_result")],
    Discriminator(part_kind),
    object_of_type("text", "image", "thinking", "tool_use", "tool_result", hints=HINTS),
]


class Message(Strict):
    """A message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[FailFastList[Block], BeforeValidator(parts), Field(min_length=1)]

    @field_validator("content")
    @classmethod
    def _blocks_of_role(cls, blocks: list[Any], info: ValidationInfo) -> list[Any]:
        allowed = {
            "user": (TextBlock, ImageBlock, ToolResultBlock),
            "assistant": (TextBlock, ThinkingBlock, ToolUseBlock),
        }
        for block in blocks:
            if not isinstance(block, allowed.get(str(info.data.get("role")), TextBlock)):
                raise unsupported(f"contains a block of type '{block.type}', which is not allowed in this role")
        return blocks

    def rendered(self) -> list[dict[str, Any]]:
        """The message as `chat.render` takes it. Tool results become messages of their own, before the text."""
        text = "\n".join(block.text for block in self.content if isinstance(block, TextBlock))
        if self.role == "assistant":
            return [self._reply(text)]
        if self.role == "system":
            return [{"role": "system", "content": text}]
        results = [_result(block) for block in self.content if isinstance(block, ToolResultBlock)]
        others = [block for block in self.content if isinstance(block, TextBlock | ImageBlock)]
        parts_or_text = content(others, ImageBlock.rendered)
        return [*results, {"role": "user", "content": parts_or_text}] if parts_or_text or not results else results

    def _reply(self, text: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thoughts := [block.thinking for block in self.content if isinstance(block, ThinkingBlock)]:
            message["reasoning_content"] = "\n\n".join(thoughts)
        if calls := [block for block in self.content if isinstance(block, ToolUseBlock)]:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.input}}
                for call in calls
            ]
        return message


def _result(block: ToolResultBlock) -> dict[str, Any]:
    text = joined(block.content)
    return {"role": "tool", "tool_call_id": block.tool_use_id, "content": f"Error: {text}" if block.is_error else text}


class ToolFields(Strict):
    """A tool that the model may call. `eager_input_streaming` has no effect."""

    type: Annotated[
        Literal["custom"] | None,
        known_type("custom", why="only tools of type 'custom', which the client runs itself, are supported"),
    ] = None
    name: ToolName
    description: Text | None = None
    input_schema: JsonObject
    strict: bool | None = None
    cache_control: Ignored = None
    eager_input_streaming: Ignored = None
    defer_loading: Annotated[None, only(False)] = None
    allowed_callers: Annotated[None, only(["direct"])] = None
    input_examples: Annotated[None, only([])] = None

    def function(self) -> dict[str, Any]:
        """The tool as an OpenAI function declaration."""
        shown = {"name": self.name, "description": self.description or "", "parameters": self.input_schema}
        return {**shown, "strict": bool(self.strict)}


class ToolChoice(Strict):
    """Whether tools may be called, or which one must be."""

    type: Literal["auto", "none", "any", "tool"]
    name: ToolName | None = None
    disable_parallel_tool_use: bool | None = None

    @field_validator("name")
    @classmethod
    def _only_for_type_tool(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("type") != "tool":
            raise unsupported("is only allowed with the type 'tool'")
        return value


class Thinking(Strict):
    """Whether the model thinks, and whether the reply has its thoughts (`display`; `summarized` ones are returned in
    full). The API defines `budget_tokens` as a target; this model has none, so it is ignored."""

    type: Literal["adaptive", "enabled", "disabled"]
    budget_tokens: Annotated[int | None, Field(ge=1, le=MAX_INTEGER)] = None
    display: Literal["summarized", "omitted"] | None = None

    @field_validator("budget_tokens")
    @classmethod
    def _only_for_type_enabled(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("type") != "enabled":
            raise unsupported("is only allowed with the type 'enabled'")
        return value


class SchemaFormat(Strict):
    """`{"type": "json_schema"}`: JSON that satisfies a schema."""

    type: Literal["json_schema"]
    schema_: Annotated[JsonObject, Field(alias="schema")]


class OutputConfig(Strict):
    """The format of the reply's text. `effort` has no effect: it covers text and tool calls as well as thinking."""

    format: SchemaFormat | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


def _removes_nothing(value: Any) -> None:
    """Accepts an edit of the conversation only if it removes nothing."""
    kind = part_kind(value)
    if (
        kind == "clear_thinking_20251015"
        and set(value) == {"type", "keep"}
        and value["keep"] in ("all", {"type": "all"})
    ):
        return
    if kind is None:
        raise unsupported("must have a 'type', which is a string")
    predicate = f"is of type {quoted(kind)} and may remove content, which is not supported; remove the edit"
    raise unsupported(predicate)


class ContextManagement(Strict):
    """Edits of the conversation; only edits that remove nothing are supported."""

    edits: FailFastList[Annotated[None, BeforeValidator(_removes_nothing)]] | None = None


class MessagesFields(ConstraintFields):
    """The body of a messages request."""

    model: ModelName
    messages: Annotated[FailFastList[Message], Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    system: Texts | None = None
    stop_sequences: Stops
    stream: bool | None = None
    thinking: Thinking | None = None
    tools: FailFastList[ToolFields] | None = None
    tool_choice: ToolChoice | None = None
    metadata: Ignored = None
    cache_control: Ignored = None
    service_tier: Annotated[None, only("auto", "standard_only")] = None
    output_config: OutputConfig | None = None
    container: Annotated[None, only()] = None
    inference_geo: Annotated[None, only()] = None
    speed: Annotated[None, only("standard")] = None
    diagnostics: Annotated[None, only()] = None
    context_management: ContextManagement | None = None
    mcp_servers: Annotated[None, only([])] = None
    thread: Annotated[None, only(False, why=NO_THREADS, kind=THREAD_UNSUPPORTED)] = None

    @field_validator("messages")
    @classmethod
    def _no_prefill(cls, messages: list[Message]) -> list[Message]:
        if messages[-1].role == "assistant":
            raise unsupported("must not end with an assistant message: prefilling a reply is not supported")
        return messages

    @field_validator("tool_choice")
    @classmethod
    def _named_if_type_tool(cls, value: ToolChoice | None) -> ToolChoice | None:
        if value is not None and value.type == "tool" and value.name is None:
            raise unsupported("must have a 'name' if its type is 'tool'")
        return value

    def job(self) -> GenerationJob:
        """The generation job of this request."""
        schema = self.output_config.format.schema_ if self.output_config and self.output_config.format else None
        instructions = joined(self.system)
        system = [{"role": "system", "content": instructions}] if instructions else []
        tools, thinking = self._tool_use(), self.thinking is not None and self.thinking.type != "disabled"
        constraint = self.constraint(
            {"output_config": None if schema is None else {"schema": schema}, "tool_choice": tools.required_call},
            # Anthropic's API refuses thinking with a required call, too.
            {"tools": tools.may_be_called, "thinking": thinking and tools.required_call is not None},
        )
        return GenerationJob(
            prompts=([*system, *(message for given in self.messages for message in given.rendered())],),
            image_fields=image_fields(self.messages, "messages"),
            tools=tools.declared,
            # Beside the format of a text it is a hint: a constraint leaves no room for a thought.
            thinking=thinking and not constraint,
            seed=self.seed_or_new(),
            max_new_tokens=self.max_tokens,
            options={**self.decoding(), **tools.optional_calls(constraint), **constraint},
            stops=tuple(self.stop_sequences),
            single_call=tools.single,
        )

    @property
    def omits_thoughts(self) -> bool:
        """Whether the reply leaves its thoughts out."""
        return self.thinking is not None and self.thinking.display == "omitted"

    def _tool_use(self) -> ToolUse:
        choice = self.tool_choice or ToolChoice(type="auto")
        return ToolUse(
            functions=[tool.function() for tool in self.tools or ()],
            choice={"any": "required", "tool": "required"}.get(choice.type, choice.type),
            named=choice.name,
            parallel=not choice.disable_parallel_tool_use,
        )


class CountFields(MessagesFields):
    """The body of a token count request. Its messages may end with an assistant message."""

    max_tokens: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = 1

    @field_validator("messages")
    @classmethod
    def _no_prefill(cls, messages: list[Message]) -> list[Message]:
        return messages
