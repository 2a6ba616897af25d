"""The body of POST /v1/responses: OpenAI's items -> messages that `chat.render` takes.

Nothing is stored here, so every request brings its whole conversation. Knows nothing of streams.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from dgemma.server.decoding import Effort, thinks
from dgemma.server.fields import (
    AnyObject,
    AnyText,
    ArgumentsText,
    Bookkeeping,
    DataUrl,
    Detail,
    JsonObject,
    ModelName,
    Several,
    Strict,
    Text,
    TokenLimit,
    ToolName,
    TopLogprobs,
    content,
    image_fields,
    joined,
    only,
    only_kinds,
    part_kind,
    parts,
    text_type,
    unsupported,
)
from dgemma.server.forms import FormFields, ToolUse, ToolWord, choice_type, named_choice
from dgemma.server.jobs import GenerationJob
from dgemma.server.openai_fields import FunctionType

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"
"""Adds nothing: thoughts are given in plain words, which can be sent back."""
NOT_STORED = "is not supported: nothing is stored here; send the whole conversation as input"


class InputText(Strict):
    """A piece of text that goes in, or that came out earlier."""

    type: Annotated[Literal["input_text", "output_text"], text_type("input_text", "output_text")]
    text: Text
    annotations: Annotated[None, only([])] = None
    logprobs: Bookkeeping = None
    parsed: Bookkeeping = None


InputTexts = Annotated[Several[InputText], BeforeValidator(lambda value: parts(value, kind="input_text"))]


class InputImage(Strict):
    """An image in a message of the user."""

    type: Literal["input_image"]
    image_url: DataUrl
    detail: Detail = None
    file_id: Annotated[None, only()] = None

    def rendered(self) -> dict[str, Any]:
        """The part as `chat` takes it."""
        return self.model_dump(include={"type", "image_url", "detail"})


def _kind(value: Any) -> str:
    # All but images is for the model of texts to refuse.
    return "image" if part_kind(value) == "input_image" else "text"


Inputs = Annotated[
    Several[Annotated[Annotated[InputText, Tag("text")] | Annotated[InputImage, Tag("image")], Discriminator(_kind)]],
    BeforeValidator(lambda value: parts(value, kind="input_text")),
]


class MessageItem(Strict):
    """A message of the conversation."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Inputs
    id: Bookkeeping = None
    status: Bookkeeping = None
    phase: Bookkeeping = None

    @field_validator("content")
    @classmethod
    def _of_the_user(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("role") != "user" and any(isinstance(part, InputImage) for part in value):
            raise unsupported("holds an image; images go into messages of role 'user'")
        return value


class ReasoningText(Strict):
    """A piece of an earlier thought."""

    type: Literal["reasoning_text"]
    text: Text


class SummaryText(Strict):
    """A piece of a thought's summary, which is the thought itself where it came from here."""

    type: Literal["summary_text"]
    text: Text


class ReasoningItem(Strict):
    """An earlier thought of the model."""

    type: Literal["reasoning"]
    content: Several[ReasoningText] | None = None
    summary: Several[SummaryText] | None = None
    encrypted_content: Annotated[None, only(why="cannot be read here; leave it out")] = None
    id: Bookkeeping = None
    status: Bookkeeping = None

    @property
    def thought(self) -> str:
        """The thought. Some clients send back its summary alone."""
        return joined(self.content or self.summary)


class CallItem(Strict):
    """A call that the model made earlier."""

    type: Literal["function_call"]
    call_id: Text
    name: ToolName
    arguments: ArgumentsText
    parsed_arguments: Bookkeeping = None
    id: Bookkeeping = None
    status: Bookkeeping = None
    caller: Annotated[None, only({"type": "direct"})] = None
    namespace: Annotated[None, only()] = None
    async_: Annotated[None, only(False)] = None


class CallOutputItem(Strict):
    """The result of a call."""

    type: Literal["function_call_output"]
    call_id: Text
    output: InputTexts
    id: Bookkeeping = None
    status: Bookkeeping = None


def _item_type(value: Any) -> str | None:
    """Messages may come without a type."""
    kind = value.get("type", "message") if isinstance(value, Mapping) else None
    return kind if isinstance(kind, str) else None


WAYS_OUT = {"item_reference": "nothing is stored here, so send the item itself"}
"""What to do with items that are not taken, by their type."""

Item = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[ReasoningItem, Tag("reasoning")]
    | Annotated[CallItem, Tag("function_call")]
    | Annotated[CallOutputItem, Tag("function_call_output")],
    Discriminator(_item_type),
    only_kinds("message", "reasoning", "function_call", "function_call_output", usual="message", hints=WAYS_OUT),
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
        """The declaration as a response repeats it."""
        declared = self.model_dump(exclude={"defer_loading", "allowed_callers"})
        return {**declared, "strict": bool(self.strict)}


class NamedTool(Strict):
    """The tool that is to be called."""

    type: Literal["function"]
    name: ToolName


ToolChoice = Annotated[
    Annotated[ToolWord, Tag("word")] | Annotated[NamedTool, Tag("named")],
    Discriminator(choice_type),
    BeforeValidator(named_choice),
]


class Reasoning(Strict):
    """Whether the model shall think, and whether its thoughts are given as summaries too."""

    effort: Effort = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Annotated[None, only()] = None


class SchemaFormat(Strict):
    """JSON of a given schema; strict or not, it is always kept to."""

    type: Literal["json_schema"]
    name: Text
    schema_: Annotated[JsonObject, Field(alias="schema")]
    description: Text | None = None
    strict: bool | None = None

    @property
    def form(self) -> dict[str, Any]:
        """The schema."""
        return self.schema_


class TextFields(Strict):
    """The form of the reply's text."""

    format: Annotated[AnyText | AnyObject | SchemaFormat, Field(discriminator="type")] | None = None
    verbosity: Bookkeeping = None


class ResponseStreamOptions(Strict):
    """What a stream shall hold besides the reply."""

    include_obfuscation: Bookkeeping = None


def _includes(value: Any) -> Any:
    if isinstance(value, list) and any(name not in (LOGPROBS, ENCRYPTED) for name in value):
        raise unsupported(f"can ask for '{LOGPROBS}' and '{ENCRYPTED}' only")
    return value


def _few_pairs(value: Any) -> Any:
    if isinstance(value, Mapping) and len(value) > 16:
        raise unsupported("holds more than 16 pairs")
    return value


class ResponseFields(FormFields):
    """The body of a request."""

    model: ModelName
    input: Annotated[Several[Item], BeforeValidator(_items), Field(min_length=1)]
    instructions: Text | None = None
    max_output_tokens: TokenLimit = None
    stream: bool | None = None
    stream_options: ResponseStreamOptions | None = None
    tools: Several[FunctionTool] | None = None
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    text: TextFields | None = None
    metadata: Annotated[dict[Text, Text] | None, BeforeValidator(_few_pairs)] = None
    store: Annotated[None, only(False, why=NOT_STORED)] = None
    previous_response_id: Annotated[None, only(why=NOT_STORED)] = None
    conversation: Annotated[None, only(why=NOT_STORED)] = None
    background: Annotated[None, only(False, why=NOT_STORED)] = None
    include: Annotated[Several[str] | None, BeforeValidator(_includes)] = None
    truncation: Annotated[None, only("disabled")] = None
    top_logprobs: TopLogprobs = None
    service_tier: Bookkeeping = None
    user: Bookkeeping = None
    safety_identifier: Bookkeeping = None
    prompt_cache_key: Bookkeeping = None
    prompt_cache_retention: Bookkeeping = None
    prompt_cache_options: Bookkeeping = None
    client_metadata: Bookkeeping = None
    moderation: Annotated[None, only()] = None
    context_management: Annotated[None, only()] = None
    max_tool_calls: Annotated[None, only()] = None
    prompt: Annotated[None, only()] = None

    @field_validator("top_logprobs")
    @classmethod
    def _with_logprobs(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value and LOGPROBS not in (info.data.get("include") or ()):
            raise unsupported(f"works with 'include': ['{LOGPROBS}'] only")
        return value

    def job(self) -> GenerationJob:
        """What is to be generated."""
        use, thinking = self._tool_use(), self.reasoning is not None and thinks(self.reasoning.effort)
        form = self.text.format.form if self.text and self.text.format else None
        held = self.held(
            {"text": None if form is None else {"schema": form}, "tool_choice": use.form},
            {"tools": use.may_be_called, "reasoning": thinking},
        )
        system = [{"role": "system", "content": self.instructions}] if self.instructions else []
        return GenerationJob(
            prompts=([*system, *messages(self.input)],),
            image_fields=image_fields(self.input, "input"),
            tools=use.declared,
            thinking=thinking,
            seed=self.seed_or_new(),
            max_new_tokens=self.max_output_tokens,
            options={**self.decoding(), **use.free_form(held), **held, **self._logprobs()},
            single_call=use.single,
        )

    @property
    def summarizes(self) -> bool:
        """Whether thoughts are given as summaries too."""
        return self.reasoning is not None and self.reasoning.summary is not None

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


def messages(items: Sequence[Any]) -> list[dict[str, Any]]:
    """Items in their order -> messages; a thought, a text and calls that follow each other are one message."""
    rendered: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, CallOutputItem):
            rendered.append({"role": "tool", "tool_call_id": item.call_id, "content": joined(item.output)})
        elif isinstance(item, MessageItem) and item.role != "assistant":
            # Instructions without a word have no place in the prompt.
            if (said := content(item.content, InputImage.rendered)) or item.role == "user":
                rendered.append({"role": item.role, "content": said})
        else:
            _add_to_reply(rendered, item)
    return rendered


def _add_to_reply(rendered: list[dict[str, Any]], item: MessageItem | ReasoningItem | CallItem) -> None:
    """Adds to the assistant's message that the conversation ends with, or to a new one."""
    last: dict[str, Any] = rendered[-1] if rendered else {}
    full = last.get("content") or last.get("tool_calls")
    if last.get("role") != "assistant" or (full and not isinstance(item, CallItem)):
        last = {"role": "assistant", "content": ""}
        rendered.append(last)
    if isinstance(item, MessageItem):
        last["content"] = joined(item.content)
    elif isinstance(item, ReasoningItem):
        last["reasoning_content"] = item.thought
    else:
        function = {"name": item.name, "arguments": item.arguments}
        last.setdefault("tool_calls", []).append({"id": item.call_id, "type": "function", "function": function})
