"""Request and response types of OpenAI's chat and completion endpoints: messages, tools, response formats, usage.

Converts request fields into the arguments of `chat.render`. Knows nothing of how streams are written.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from dgemma.chat import ToolCall
from dgemma.server.constraint_fields import ToolWord, choice_type, named_choice
from dgemma.server.fields import (
    ANY_OBJECT,
    AnyObject,
    AnyText,
    ArgumentsText,
    DataUrl,
    Detail,
    FailFastList,
    Ignored,
    JsonObject,
    StreamOptions,
    Strict,
    Text,
    TextPart,
    ToolName,
    content,
    known_type,
    only,
    part_kind,
    parts,
    reply_parts,
    result_parts,
    unsupported,
)
from dgemma.server.jobs import Drafted
from dgemma.server.usage import Usage
from dgemma.tokenizer import Tokenizer


class StreamFields(Strict):
    """The fields for streamed replies.

    stream_options  OpenAI's; asks for the usage in the last chunk
    diffusing       dgemma's own: the stream also carries drafts of the canvas
    """

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    diffusing: bool | None = None

    @field_validator("stream_options", "diffusing")
    @classmethod
    def _streams_only(cls, value: Any, info: ValidationInfo) -> Any:
        requested = value.include_usage if isinstance(value, StreamOptions) else value
        if requested and not info.data.get("stream"):
            raise unsupported("requires 'stream': true")
        if value and info.field_name == "diffusing" and info.data.get("mode") == "autoregressive":
            raise unsupported("is not supported with mode 'autoregressive', which has no drafts")
        return value

    @property
    def includes_usage(self) -> bool:
        """Whether the last chunk of the stream must carry the usage."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def usage_placeholder(self) -> dict[str, None]:
        """The null usage that the other chunks of such a stream carry."""
        return {"usage": None} if self.includes_usage else {}


class CalledFunction(Strict):
    """The name and arguments of an earlier tool call."""

    name: ToolName
    arguments: ArgumentsText
    parsed_arguments: Ignored = None


class Call(Strict):
    """An earlier tool call of the model."""

    id: Text
    type: Literal["function"] = "function"
    function: CalledFunction
    index: Ignored = None
    extra_content: Annotated[None, only({})] = None

    def rendered(self) -> dict[str, Any]:
        """The call as `chat.render` takes it, without the fields that client libraries add."""
        return self.model_dump(exclude={"index": True, "extra_content": True, "function": {"parsed_arguments"}})


class ImageUrl(Strict):
    """An image and its level of detail, which sets how many tokens of the context it takes."""

    url: DataUrl
    detail: Detail = None


class ImagePart(Strict):
    """An image part of a user message."""

    type: Literal["image_url"]
    image_url: ImageUrl
    cache_control: Ignored = None

    def rendered(self) -> dict[str, Any]:
        """The part as `chat.render` takes it."""
        return self.model_dump(include={"type", "image_url"})


def _kind(value: Any) -> str:
    # TextPart reports any other type.
    return "image" if part_kind(value) == "image_url" else "text"


Parts = Annotated[
    FailFastList[
        Annotated[Annotated[TextPart, Tag("text")] | Annotated[ImagePart, Tag("image")], Discriminator(_kind)]
    ],
    BeforeValidator(parts),
]


class Message(Strict):
    """A message of the conversation. The fields that must be empty occur in replies of OpenAI and other servers, or are
    added by client libraries, and clients send them back. `name` is rendered for tools only: Gemma's have none."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Parts | None = None
    name: Text | None = None
    tool_calls: FailFastList[Call] | None = None
    tool_call_id: Text | None = None
    reasoning_content: Text | None = None
    refusal: Annotated[None, only()] = None
    annotations: Annotated[None, only([])] = None
    audio: Annotated[None, only()] = None
    function_call: Annotated[None, only()] = None
    parsed: Ignored = None
    cache_control: Ignored = None
    provider_specific_fields: Annotated[None, only({}, {"refusal": None})] = None
    thinking_blocks: Annotated[None, only([])] = None
    reasoning_details: Annotated[None, only([])] = None

    @field_validator("content", mode="before")
    @classmethod
    def _text_in_place(cls, value: Any, info: ValidationInfo) -> Any:
        replace = {"tool": result_parts, "assistant": reply_parts}.get(info.data.get("role", ""))
        return value if replace is None else replace(value)

    @field_validator("content")
    @classmethod
    def _images_from_user_only(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("role") != "user" and any(isinstance(part, ImagePart) for part in value or ()):
            raise unsupported("contains an image; only messages with the role 'user' may contain images")
        return value

    @field_validator("tool_call_id")
    @classmethod
    def _tool_messages_only(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("role") != "tool":
            raise unsupported("is only supported in messages with the role 'tool'; remove it")
        return value

    @field_validator("tool_calls", "reasoning_content")
    @classmethod
    def _assistant_messages_only(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("role") != "assistant":
            raise unsupported("is only supported in messages with the role 'assistant'; remove it")
        return value

    @property
    def is_rendered(self) -> bool:
        """Whether the message is rendered: empty instructions are not."""
        return self.role not in ("system", "developer") or any(part.text for part in self.texts)

    @property
    def texts(self) -> list[TextPart]:
        """The text parts."""
        return [part for part in self.content or () if isinstance(part, TextPart)]

    def rendered(self) -> dict[str, Any]:
        """The message as `chat.render` takes it."""
        message: dict[str, Any] = {"role": self.role, "content": content(self.content, ImagePart.rendered)}
        for name in ("tool_call_id", "reasoning_content", *(("name",) if self.role == "tool" else ())):
            if getattr(self, name) is not None:
                message[name] = getattr(self, name)
        if self.tool_calls:
            message["tool_calls"] = [call.rendered() for call in self.tool_calls]
        return message


FunctionType = Annotated[
    Literal["function"],
    known_type("function", why="only function tools, which the client runs itself, are supported"),
]


class FunctionDeclaration(Strict):
    """A function that the model may call."""

    name: ToolName
    description: Text | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    cache_control: Ignored = None


class Tool(Strict):
    """A tool; only functions are supported."""

    type: FunctionType
    function: FunctionDeclaration
    cache_control: Ignored = None

    def declared(self) -> dict[str, Any]:
        """The declaration of the function."""
        return self.function.model_dump(exclude_none=True, exclude={"cache_control"})


class FunctionName(Strict):
    """The name of a function."""

    name: ToolName


class NamedTool(Strict):
    """The tool that must be called."""

    type: Literal["function"]
    function: FunctionName


ToolChoice = Annotated[
    Annotated[ToolWord, Tag("word")] | Annotated[NamedTool, Tag("named")],
    Discriminator(choice_type),
    BeforeValidator(named_choice),
]


class NamedSchema(Strict):
    """A named schema. It is enforced whether or not `strict` is set."""

    name: Text
    schema_: Annotated[JsonObject, Field(alias="schema")] = ANY_OBJECT
    description: Text | None = None
    strict: bool | None = None


class SchemaFormat(Strict):
    """`{"type": "json_schema"}`: JSON that satisfies a schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema

    @property
    def reply_schema(self) -> dict[str, Any]:
        """The schema."""
        return self.json_schema.schema_


ResponseFormat = Annotated[AnyText | AnyObject | SchemaFormat, Field(discriminator="type")]


def usage_body(usage: Usage) -> dict[str, Any]:
    """Usage in OpenAI's format, with the statistics of denoising as `diffusion`."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.reused_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking_tokens},
        "diffusion": usage.diffusion(),
    }


def call_body(call: ToolCall, call_id: str, arguments: str) -> Mapping[str, Any]:
    """A tool call in OpenAI's format."""
    return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def draft_body(piece: Drafted, tokenizer: Tokenizer) -> dict[str, Any]:
    """The canvas, and the whole reply as it reads with it. `tokens`, `entropies` (nats) and `accepted` have one item
    per position. `special` lists the positions of special tokens, such as an end token."""
    draft = piece.draft
    return {
        "canvas": draft.canvas,
        "step": draft.step,
        "text": piece.text,
        "thinking": piece.thinking,
        "tokens": [tokenizer.token_text(token) for token in draft.token_ids],
        "entropies": [round(entropy, 4) for entropy in draft.entropies],
        "accepted": list(draft.accepted),
        "special": [at for at, token in enumerate(draft.token_ids) if tokenizer.is_special(token)],
    }
