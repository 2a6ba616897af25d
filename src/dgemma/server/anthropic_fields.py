"""The body of POST /v1/messages: Anthropic's content blocks -> messages that `chat.render` takes.

Knows nothing of streams.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from dgemma.server.fields import (
    MAX_INTEGER,
    Bookkeeping,
    JsonObject,
    ModelName,
    Several,
    Stops,
    Strict,
    Text,
    ToolName,
    content,
    image_fields,
    joined,
    only,
    only_kinds,
    only_types,
    part_kind,
    parts,
    text_type,
    told_name,
    unsupported,
)
from dgemma.server.forms import FormFields, ToolUse
from dgemma.server.jobs import GenerationJob

NO_THREADS = "is not supported: this server keeps no conversations; send the whole one, without it"
THREAD_UNSUPPORTED = "thread_unsupported_request"
"""What Anthropic's clients know this refusal by; those that add the field of themselves then leave it out."""


class TextBlock(Strict):
    """A piece of text. Caching is this server's own business, so `cache_control` changes nothing."""

    type: Annotated[Literal["text"], text_type("text")]
    text: Text
    cache_control: Bookkeeping = None
    citations: Annotated[None, only([])] = None


Texts = Annotated[Several[TextBlock], BeforeValidator(parts)]


def _source_type(value: Any) -> Any:
    if value in ("url", "file"):
        raise unsupported(f"is {value!r}; nothing is fetched here, so send the image itself, as 'base64'")
    return value


class ImageSource(Strict):
    """An image's bytes."""

    type: Annotated[Literal["base64"], BeforeValidator(_source_type)]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: Text


class ImageBlock(Strict):
    """An image in a message of the user."""

    type: Literal["image"]
    source: ImageSource
    cache_control: Bookkeeping = None

    def rendered(self) -> dict[str, Any]:
        """The block as `chat` takes it."""
        return {"type": "image", "base64": self.source.data}


class ThinkingBlock(Strict):
    """An earlier thought; what this server gives out has no signature to check."""

    type: Literal["thinking"]
    thinking: Text
    signature: Bookkeeping = None


class ToolUseBlock(Strict):
    """A call that the model made earlier."""

    type: Literal["tool_use"]
    id: Text
    name: ToolName
    input: JsonObject
    cache_control: Bookkeeping = None
    caller: Annotated[None, only({"type": "direct"})] = None
    toolset_name: Annotated[None, only()] = None


class ToolResultBlock(Strict):
    """The result of a call, in words."""

    type: Literal["tool_result"]
    tool_use_id: Text
    content: Texts | None = None
    is_error: bool | None = None
    cache_control: Bookkeeping = None
    toolset_name: Annotated[None, only()] = None


WAYS_OUT = {
    "redacted_thinking": "this server cannot read it; leave it out",
    "document": "this server takes no files; send the text itself",
}
"""What to do with blocks that are not taken, by their type."""

Block = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ImageBlock, Tag("image")]
    | Annotated[ThinkingBlock, Tag("thinking")]
    | Annotated[ToolUseBlock, Tag("tool_use")]
    | Annotated[ToolResultBlock, Tag("tool_result")],
    Discriminator(part_kind),
    only_kinds("text", "image", "thinking", "tool_use", "tool_result", hints=WAYS_OUT),
]


class Message(Strict):
    """A message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[Several[Block], BeforeValidator(parts), Field(min_length=1)]

    @field_validator("content")
    @classmethod
    def _of_the_role(cls, blocks: list[Any], info: ValidationInfo) -> list[Any]:
        right = {
            "user": (TextBlock, ImageBlock, ToolResultBlock),
            "assistant": (TextBlock, ThinkingBlock, ToolUseBlock),
        }
        for block in blocks:
            if not isinstance(block, right.get(str(info.data.get("role")), TextBlock)):
                raise unsupported(f"holds a block of type '{block.type}', which another role sends")
        return blocks

    def rendered(self) -> list[dict[str, Any]]:
        """The message as `chat.render` takes it; results of calls become messages of their own, before the text."""
        text = "\n".join(block.text for block in self.content if isinstance(block, TextBlock))
        if self.role == "assistant":
            return [self._reply(text)]
        if self.role == "system":
            return [{"role": "system", "content": text}]
        results = [_result(block) for block in self.content if isinstance(block, ToolResultBlock)]
        shown = [block for block in self.content if isinstance(block, TextBlock | ImageBlock)]
        said = content(shown, ImageBlock.rendered)
        return [*results, {"role": "user", "content": said}] if said or not results else results

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
    """A tool that the model may call. Input is streamed as it is, however eagerly."""

    type: Annotated[
        Literal["custom"] | None,
        only_types("custom", why="only tools that the client runs itself, of type 'custom', are taken here"),
    ] = None
    name: ToolName
    description: Text | None = None
    input_schema: JsonObject
    strict: bool | None = None
    cache_control: Bookkeeping = None
    eager_input_streaming: Bookkeeping = None
    defer_loading: Annotated[None, only(False)] = None
    allowed_callers: Annotated[None, only(["direct"])] = None
    input_examples: Annotated[None, only([])] = None

    def function(self) -> dict[str, Any]:
        """The tool as OpenAI's clients declare it."""
        shown = {"name": self.name, "description": self.description or "", "parameters": self.input_schema}
        return {**shown, "strict": bool(self.strict)}


class ToolChoice(Strict):
    """Whether tools may be called, or which one must be."""

    type: Literal["auto", "none", "any", "tool"]
    name: ToolName | None = None
    disable_parallel_tool_use: bool | None = None

    @field_validator("name")
    @classmethod
    def _of_a_tool(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("type") != "tool":
            raise unsupported("belongs to the type 'tool'")
        return value


class Thinking(Strict):
    """Whether the model shall think. A budget is a target by its own definition, and the model knows none."""

    type: Literal["adaptive", "enabled", "disabled"]
    budget_tokens: Annotated[int | None, Field(ge=1, le=MAX_INTEGER)] = None
    display: Annotated[None, only("summarized", why="is not supported: thoughts are given as they are")] = None

    @field_validator("budget_tokens")
    @classmethod
    def _of_thinking(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("type") != "enabled":
            raise unsupported("belongs to the type 'enabled'")
        return value


class SchemaFormat(Strict):
    """JSON of a given schema."""

    type: Literal["json_schema"]
    schema_: Annotated[JsonObject, Field(alias="schema")]


class OutputConfig(Strict):
    """The form of the reply's text. The effort has no effect: it is about words and calls as well as thoughts."""

    format: SchemaFormat | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


def _removes_nothing(value: Any) -> None:
    """Refuses an edit of the conversation that would change it, naming it."""
    kind = part_kind(value)
    if (
        kind == "clear_thinking_20251015"
        and set(value) == {"type", "keep"}
        and value["keep"] in ("all", {"type": "all"})
    ):
        return
    told = "needs a type" if kind is None else f"is of type {told_name(kind)}"
    raise unsupported(f"{told}; this server removes nothing from a conversation, so leave the edit out")


class ContextManagement(Strict):
    """Edits of the conversation; only those that remove nothing are taken."""

    edits: Several[Annotated[None, BeforeValidator(_removes_nothing)]] | None = None


class MessagesFields(FormFields):
    """The body of a request."""

    model: ModelName
    messages: Annotated[Several[Message], Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    system: Texts | None = None
    stop_sequences: Stops
    stream: bool | None = None
    thinking: Thinking | None = None
    tools: Several[ToolFields] | None = None
    tool_choice: ToolChoice | None = None
    metadata: Bookkeeping = None
    cache_control: Bookkeeping = None
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
    def _answerable(cls, messages: list[Message]) -> list[Message]:
        if messages[-1].role == "assistant":
            raise unsupported("ends with a message of the assistant; a reply cannot be begun for it, end with the user")
        return messages

    @field_validator("tool_choice")
    @classmethod
    def _named(cls, value: ToolChoice | None) -> ToolChoice | None:
        if value is not None and value.type == "tool" and value.name is None:
            raise unsupported("of the type 'tool' needs the name of one")
        return value

    def job(self) -> GenerationJob:
        """What is to be generated."""
        form = self.output_config.format.schema_ if self.output_config and self.output_config.format else None
        told = joined(self.system)
        system = [{"role": "system", "content": told}] if told else []
        use, thinking = self._tool_use(), self.thinking is not None and self.thinking.type != "disabled"
        held = self.held(
            {"output_config": None if form is None else {"schema": form}, "tool_choice": use.form},
            {"tools": use.may_be_called, "thinking": thinking, "stop_sequences": self.stop_sequences},
        )
        return GenerationJob(
            prompts=([*system, *(message for given in self.messages for message in given.rendered())],),
            image_fields=image_fields(self.messages, "messages"),
            tools=use.declared,
            thinking=thinking,
            seed=self.seed_or_new(),
            max_new_tokens=self.max_tokens,
            options={**self.decoding(), **use.free_form(held), **held},
            stops=tuple(self.stop_sequences),
            single_call=use.single,
        )

    def _tool_use(self) -> ToolUse:
        choice = self.tool_choice or ToolChoice(type="auto")
        return ToolUse(
            functions=[tool.function() for tool in self.tools or ()],
            choice={"any": "required", "tool": "required"}.get(choice.type, choice.type),
            named=choice.name,
            parallel=not choice.disable_parallel_tool_use,
        )


class CountFields(MessagesFields):
    """The body of a request for the number of tokens that a prompt has; that may be one that is not to be answered."""

    max_tokens: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = 1

    @field_validator("messages")
    @classmethod
    def _answerable(cls, messages: list[Message]) -> list[Message]:
        return messages
