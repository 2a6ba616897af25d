"""The body of POST /v1/responses: converts OpenAI's items into messages for `chat.render`.

The server stores nothing, so every request contains its whole conversation. Knows nothing of streams.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from dgemma.server.constraint_fields import ConstraintFields, ToolUse, ToolWord, choice_type, named_choice
from dgemma.server.decoding_fields import Effort, thinks
from dgemma.server.fields import (
    AnyObject,
    AnyText,
    ArgumentsText,
    DataUrl,
    Detail,
    FailFastList,
    Ignored,
    JsonObject,
    ModelName,
    Strict,
    Text,
    TokenLimit,
    ToolName,
    TopLogprobs,
    content,
    image_fields,
    joined,
    null_means,
    object_of_type,
    only,
    part_kind,
    parts,
    reply_parts,
    result_parts,
    text_type,
    unsupported,
)
from dgemma.server.jobs import GenerationJob
from dgemma.server.openai_fields import FunctionType

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"
"""Adds to each thought the text that `encoded_thought` makes of it, for clients that send back only that."""
THOUGHT_PREFIX = "dgemma:"
NOT_STORED = "is not supported: this server stores nothing; send the whole conversation as input"


class InputText(Strict):
    """A text part of a message, from the client or from an earlier reply."""

    type: Annotated[Literal["input_text", "output_text"], text_type("input_text", "output_text")]
    text: Text
    annotations: Annotated[None, only([])] = None
    logprobs: Ignored = None
    parsed: Ignored = None


ResultTexts = Annotated[FailFastList[InputText], BeforeValidator(lambda value: result_parts(value, kind="input_text"))]


class InputImage(Strict):
    """An image part of a user message."""

    type: Literal["input_image"]
    image_url: DataUrl
    detail: Detail = None
    file_id: Annotated[None, only()] = None

    def rendered(self) -> dict[str, Any]:
        """The part as `chat.render` takes it."""
        return self.model_dump(include={"type", "image_url", "detail"})


def _kind(value: Any) -> str:
    # InputText reports any other type.
    return "image" if part_kind(value) == "input_image" else "text"


Inputs = Annotated[
    FailFastList[
        Annotated[Annotated[InputText, Tag("text")] | Annotated[InputImage, Tag("image")], Discriminator(_kind)]
    ],
    BeforeValidator(lambda value: parts(value, kind="input_text")),
]


class MessageItem(Strict):
    """A message of the conversation."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Inputs
    id: Ignored = None
    status: Ignored = None
    phase: Ignored = None

    @field_validator("content", mode="before")
    @classmethod
    def _refusals_as_text(cls, value: Any, info: ValidationInfo) -> Any:
        return reply_parts(value, kind="output_text") if info.data.get("role") == "assistant" else value

    @field_validator("content")
    @classmethod
    def _images_from_user_only(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("role") != "user" and any(isinstance(part, InputImage) for part in value):
            raise unsupported("contains an image; only messages with the role 'user' may contain images")
        return value


class ReasoningText(Strict):
    """A text part of an earlier thought."""

    type: Literal["reasoning_text"]
    text: Text


class SummaryText(Strict):
    """A text part of a thought's summary. This server's summaries are the thought itself."""

    type: Literal["summary_text"]
    text: Text


def encoded_thought(thought: str) -> str:
    """A thought as `encrypted_content`: encoded, so that clients leave it as it is, but not encrypted."""
    return THOUGHT_PREFIX + base64.b64encode(thought.encode()).decode()


def _decoded_thought(given: str) -> str:
    try:
        if not given.startswith(THOUGHT_PREFIX):
            raise ValueError
        return base64.b64decode(given.removeprefix(THOUGHT_PREFIX), validate=True).decode()
    except ValueError:
        raise unsupported("was not made by this server, which cannot read it; remove it") from None


class ReasoningItem(Strict):
    """An earlier thought of the model. `encrypted_content` holds the decoded thought."""

    type: Literal["reasoning"]
    content: FailFastList[ReasoningText] | None = None
    summary: FailFastList[SummaryText] | None = None
    encrypted_content: Annotated[Text, AfterValidator(_decoded_thought)] | None = None
    id: Ignored = None
    status: Ignored = None

    @property
    def thought(self) -> str:
        """The text of the thought. Clients send back its encoded form, its text or its summary, or several of them."""
        return joined(self.content or self.summary) if self.encrypted_content is None else self.encrypted_content


class CallItem(Strict):
    """An earlier tool call of the model."""

    type: Literal["function_call"]
    call_id: Text
    name: ToolName
    arguments: ArgumentsText
    parsed_arguments: Ignored = None
    id: Ignored = None
    status: Ignored = None
    caller: Annotated[None, only({"type": "direct"})] = None
    namespace: Annotated[None, only()] = None
    async_: Annotated[None, only(False)] = None


class CallOutputItem(Strict):
    """The result of a tool call. The model reads its text; its images are replaced by a text."""

    type: Literal["function_call_output"]
    call_id: Text
    output: ResultTexts
    id: Ignored = None
    status: Ignored = None


def _item_type(value: Any) -> str | None:
    """The type of an item; messages may omit it."""
    kind = value.get("type", "message") if isinstance(value, Mapping) else None
    return kind if isinstance(kind, str) else None


HINTS = {"item_reference": "this server stores nothing, so send the item itself"}
"""Unsupported item types -> what to send instead."""

Item = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[ReasoningItem, Tag("reasoning")]
    | Annotated[CallItem, Tag("function_call")]
    | Annotated[CallOutputItem, Tag("function_call_output")],
    Discriminator(_item_type),
    object_of_type("message", "reasoning", "function_call", "function_call_output", usual="message", hints=HINTS),
]


def _items(value: Any) -> Any:
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


class FunctionTool(Strict):
    """A function that the model may call."""

    type: FunctionType
    name: ToolName
    description: Text | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    defer_loading: Annotated[None, only(False)] = None
    allowed_callers: Annotated[None, only(["direct"])] = None

    def shown(self) -> dict[str, Any]:
        """The declaration as the response repeats it."""
        declared = self.model_dump(exclude={"defer_loading", "allowed_callers"})
        return {**declared, "strict": bool(self.strict)}


class NamedTool(Strict):
    """The tool that must be called."""

    type: Literal["function"]
    name: ToolName


ToolChoice = Annotated[
    Annotated[ToolWord, Tag("word")] | Annotated[NamedTool, Tag("named")],
    Discriminator(choice_type),
    BeforeValidator(named_choice),
]


class Reasoning(Strict):
    """Whether the model thinks, and whether the reply repeats its thoughts as summaries."""

    effort: Effort = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Annotated[None, only()] = None


class SchemaFormat(Strict):
    """`{"type": "json_schema"}`: JSON that satisfies a schema, whether or not `strict` is set."""

    type: Literal["json_schema"]
    name: Text
    schema_: Annotated[JsonObject, Field(alias="schema")]
    description: Text | None = None
    strict: bool | None = None

    @property
    def reply_schema(self) -> dict[str, Any]:
        """The schema."""
        return self.schema_


class TextFields(Strict):
    """The format of the reply's text."""

    format: Annotated[AnyText | AnyObject | SchemaFormat, Field(discriminator="type")] | None = None
    verbosity: Ignored = None


class ResponseStreamOptions(Strict):
    """OpenAI's options of a stream."""

    include_obfuscation: Ignored = None


def _includes(value: Any) -> Any:
    if isinstance(value, list) and any(name not in (LOGPROBS, ENCRYPTED) for name in value):
        raise unsupported(f"may only contain '{LOGPROBS}' and '{ENCRYPTED}'")
    return value


def _at_most_16_pairs(value: Any) -> Any:
    if isinstance(value, Mapping) and len(value) > 16:
        raise unsupported("has more than 16 key-value pairs")
    return value


class ResponseFields(ConstraintFields):
    """The body of a responses request."""

    model: ModelName
    input: Annotated[FailFastList[Item], BeforeValidator(_items), Field(min_length=1)]
    instructions: Text | None = None
    max_output_tokens: TokenLimit = None
    stream: bool | None = None
    stream_options: ResponseStreamOptions | None = None
    tools: FailFastList[FunctionTool] | None = None
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    text: TextFields | None = None
    metadata: Annotated[dict[Text, Text] | None, BeforeValidator(_at_most_16_pairs)] = None
    store: Annotated[None, only(False, why=NOT_STORED)] = None
    previous_response_id: Annotated[None, only(why=NOT_STORED)] = None
    conversation: Annotated[None, only(why=NOT_STORED)] = None
    background: Annotated[None, only(False, why=NOT_STORED)] = None
    include: Annotated[FailFastList[str] | None, BeforeValidator(_includes)] = None
    truncation: Annotated[None, only("disabled")] = None
    top_logprobs: TopLogprobs = None
    service_tier: Ignored = None
    user: Ignored = None
    safety_identifier: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_retention: Ignored = None
    prompt_cache_options: Ignored = None
    client_metadata: Ignored = None
    moderation: Annotated[None, only()] = None
    context_management: Annotated[None, only()] = None
    max_tool_calls: Annotated[None, only()] = None
    prompt: Annotated[None, only()] = None

    @field_validator("top_logprobs")
    @classmethod
    def _with_logprobs(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value and LOGPROBS not in (info.data.get("include") or ()):
            raise unsupported(f"requires 'include': ['{LOGPROBS}']")
        return value

    def job(self) -> GenerationJob:
        """The generation job of this request."""
        tools, thinking = self._tool_use(), self.reasoning is not None and thinks(self.reasoning.effort)
        schema = self.text.format.reply_schema if self.text and self.text.format else None
        constraint = self.constraint(
            {"text": None if schema is None else {"schema": schema}, "tool_choice": tools.required_call},
            {"tools": tools.may_be_called},
        )
        system = [{"role": "system", "content": self.instructions}] if self.instructions else []
        return GenerationJob(
            prompts=([*system, *messages(self.input)],),
            image_fields=image_fields(self.input, "input"),
            tools=tools.declared,
            # A hint: a constraint leaves no room for a thought.
            thinking=thinking and not constraint,
            seed=self.seed_or_new(),
            max_new_tokens=self.max_output_tokens,
            options={**self.decoding(), **tools.optional_calls(constraint), **constraint, **self._logprobs()},
            single_call=tools.single,
        )

    @property
    def summarizes(self) -> bool:
        """Whether the reply repeats thoughts as summaries."""
        return self.reasoning is not None and self.reasoning.summary is not None

    @property
    def encodes_thoughts(self) -> bool:
        """Whether thoughts have an `encrypted_content`."""
        return ENCRYPTED in (self.include or ())

    def _logprobs(self) -> dict[str, Any]:
        return {"logprobs": self.top_logprobs or 0} if LOGPROBS in (self.include or ()) else {}

    def _tool_use(self) -> ToolUse:
        fields = {"name", "description", "parameters", "strict"}
        named = None if isinstance(self.tool_choice, str) else self.tool_choice.name
        return ToolUse(
            functions=[tool.model_dump(include=fields, exclude_none=True) for tool in self.tools or ()],
            choice=self.tool_choice if isinstance(self.tool_choice, str) else "required",
            named=named,
            parallel=self.parallel_tool_calls is not False,
        )


class InputTokensFields(ResponseFields):
    """The body of a token count request, which may leave out the model: an empty name is the loaded one."""

    model: Annotated[str, null_means("")] = ""


def messages(items: Sequence[Any]) -> list[dict[str, Any]]:
    """Converts items to messages. A thought, a text and calls that follow each other become one message."""
    rendered: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, CallOutputItem):
            rendered.append({"role": "tool", "tool_call_id": item.call_id, "content": joined(item.output)})
        elif isinstance(item, MessageItem) and item.role != "assistant":
            # Empty instructions are not rendered.
            if (parts_or_text := content(item.content, InputImage.rendered)) or item.role == "user":
                rendered.append({"role": item.role, "content": parts_or_text})
        else:
            _add_to_reply(rendered, item)
    return rendered


def _add_to_reply(rendered: list[dict[str, Any]], item: MessageItem | ReasoningItem | CallItem) -> None:
    """Adds an item to the assistant message at the end of the conversation, or to a new one."""
    last: dict[str, Any] = rendered[-1] if rendered else {}
    complete = last.get("content") or last.get("tool_calls")
    if last.get("role") != "assistant" or (complete and not isinstance(item, CallItem)):
        last = {"role": "assistant", "content": ""}
        rendered.append(last)
    if isinstance(item, MessageItem):
        last["content"] = joined(item.content)
    elif isinstance(item, ReasoningItem):
        last["reasoning_content"] = item.thought
    else:
        function = {"name": item.name, "arguments": item.arguments}
        last.setdefault("tool_calls", []).append({"id": item.call_id, "type": "function", "function": function})
