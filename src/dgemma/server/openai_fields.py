"""What OpenAI's chat and completion endpoints have in common: messages, tools, usage, finish reasons.

Turns request fields into what `chat.render` takes. Knows nothing of streams.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from dgemma.chat import ToolCall
from dgemma.server.fields import (
    ANY_OBJECT,
    AnyObject,
    AnyText,
    ArgumentsText,
    Bookkeeping,
    DataUrl,
    Detail,
    JsonObject,
    Several,
    StreamOptions,
    Strict,
    Text,
    TextPart,
    ToolName,
    content,
    only,
    only_types,
    part_kind,
    parts,
    unsupported,
)
from dgemma.server.forms import ToolWord, choice_type, named_choice
from dgemma.server.jobs import Drafted
from dgemma.server.usage import Usage
from dgemma.tokenizer import Tokenizer


class CalledFunction(Strict):
    """The name and arguments of a call that the model made earlier."""

    name: ToolName
    arguments: ArgumentsText
    parsed_arguments: Bookkeeping = None


class Call(Strict):
    """A call that the model made earlier."""

    id: Text
    type: Literal["function"] = "function"
    function: CalledFunction
    index: Bookkeeping = None
    extra_content: Annotated[None, only({})] = None

    def rendered(self) -> dict[str, Any]:
        """The call without what clients' helpers add to it."""
        return self.model_dump(exclude={"index": True, "extra_content": True, "function": {"parsed_arguments"}})


class ImageUrl(Strict):
    """An image, and how much of the context it may take."""

    url: DataUrl
    detail: Detail = None


class ImagePart(Strict):
    """An image in a message of the user."""

    type: Literal["image_url"]
    image_url: ImageUrl
    cache_control: Bookkeeping = None

    def rendered(self) -> dict[str, Any]:
        """The part as `chat` takes it."""
        return self.model_dump(include={"type", "image_url"})


def _kind(value: Any) -> str:
    # All but images is for the model of texts to refuse.
    return "image" if part_kind(value) == "image_url" else "text"


Parts = Annotated[
    Several[Annotated[Annotated[TextPart, Tag("text")] | Annotated[ImagePart, Tag("image")], Discriminator(_kind)]],
    BeforeValidator(parts),
]


class Message(Strict):
    """A message of the conversation; the empty fields are those that replies of OpenAI and of others carry and clients
    send back, with what their helpers add. `name` is rendered for tools only: Gemma's turns have no names."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Parts | None = None
    name: Text | None = None
    tool_calls: Several[Call] | None = None
    tool_call_id: Text | None = None
    reasoning_content: Text | None = None
    refusal: Annotated[None, only()] = None
    annotations: Annotated[None, only([])] = None
    audio: Annotated[None, only()] = None
    function_call: Annotated[None, only()] = None
    parsed: Bookkeeping = None
    cache_control: Bookkeeping = None
    provider_specific_fields: Annotated[None, only({}, {"refusal": None})] = None
    thinking_blocks: Annotated[None, only([])] = None
    reasoning_details: Annotated[None, only([])] = None

    @field_validator("content")
    @classmethod
    def _of_the_user(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("role") != "user" and any(isinstance(part, ImagePart) for part in value or ()):
            raise unsupported("holds an image; images go into messages of role 'user'")
        return value

    @field_validator("tool_call_id")
    @classmethod
    def _of_tools(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("role") != "tool":
            raise unsupported("is supported in messages of role 'tool' only; leave it out")
        return value

    @field_validator("tool_calls", "reasoning_content")
    @classmethod
    def _of_the_assistant(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("role") != "assistant":
            raise unsupported("belongs in messages of role 'assistant' only")
        return value

    @property
    def says_something(self) -> bool:
        """Whether it has a place in the prompt: instructions without a word have none."""
        return self.role not in ("system", "developer") or any(part.text for part in self.texts)

    @property
    def texts(self) -> list[TextPart]:
        """Its parts that are no images."""
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
    only_types("function", why="only functions, which the client runs itself, are taken as tools here"),
]


class FunctionDeclaration(Strict):
    """A function that the model may call."""

    name: ToolName
    description: Text | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    cache_control: Bookkeeping = None


class Tool(Strict):
    """A tool; only functions are known."""

    type: FunctionType
    function: FunctionDeclaration
    cache_control: Bookkeeping = None

    def declared(self) -> dict[str, Any]:
        """What is declared of the function."""
        return self.function.model_dump(exclude_none=True, exclude={"cache_control"})


class FunctionName(Strict):
    """A function by its name."""

    name: ToolName


class NamedTool(Strict):
    """The tool that is to be called."""

    type: Literal["function"]
    function: FunctionName


ToolChoice = Annotated[
    Annotated[ToolWord, Tag("word")] | Annotated[NamedTool, Tag("named")],
    Discriminator(choice_type),
    BeforeValidator(named_choice),
]


class NamedSchema(Strict):
    """A schema and its name; strict or not, it is always kept to."""

    name: Text
    schema_: Annotated[JsonObject, Field(alias="schema")] = ANY_OBJECT
    description: Text | None = None
    strict: bool | None = None


class SchemaFormat(Strict):
    """JSON of a given schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema

    @property
    def form(self) -> dict[str, Any]:
        """The schema."""
        return self.json_schema.schema_


ResponseFormat = Annotated[AnyText | AnyObject | SchemaFormat, Field(discriminator="type")]


def usage_body(usage: Usage) -> dict[str, Any]:
    """Usage in OpenAI's shape, the statistics of denoising beside it."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.reused_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking_tokens},
        "diffusion": usage.diffusion(),
    }


def includes_usage(options: StreamOptions | None) -> bool:
    """Whether a stream shall end with its usage."""
    return options is not None and bool(options.include_usage)


def no_usage_yet(options: StreamOptions | None) -> dict[str, None]:
    """What the other chunks of such a stream say of it."""
    return {"usage": None} if includes_usage(options) else {}


def call_body(call: ToolCall, identity: str, arguments: str) -> Mapping[str, Any]:
    """A tool call in OpenAI's shape."""
    return {"id": identity, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def draft_body(piece: Drafted, tokenizer: Tokenizer) -> dict[str, Any]:
    """The canvas and the reply with it; `tokens`, `entropies` (nats) and `accepted` have one item per position.

    `special` lists the positions whose token is no text, such as an end token.
    """
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
