"""Messages -> ids through the model's chat template, and generated ids -> thinking, text and tool calls.

The template's own markers become special tokens; what a person typed never does, whatever it looks like. A reply that
is all thought is given as text, so an answer is never empty because of where the model put it (Gemma 4 format).
Knows nothing of generation.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from dgemma.errors import PromptError
from dgemma.tokenizer import (
    CHANNEL_BEGIN,
    CHANNEL_END,
    STRING_DELIMITER,
    TOOL_CALL_BEGIN,
    TOOL_CALL_END,
    TOOL_RESPONSE_BEGIN,
    TURN_END,
    Tokenizer,
)

ROLES = ("system", "developer", "user", "assistant", "model", "tool")


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call that the model asks for."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class MessageParts:
    """A generated message, taken apart."""

    thinking: str
    text: str
    tool_calls: tuple[ToolCall, ...]


def default_template() -> str:
    """Gemma's turn format, as the embedded model uses it."""
    return (Path(__file__).parent / "tiny" / "chat_template.jinja").read_text(encoding="utf-8")


def render(
    messages: Sequence[Mapping[str, Any]],
    tokenizer: Tokenizer,
    *,
    template: str | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    thinking: bool = False,
    add_generation_prompt: bool = True,
) -> list[int]:
    """Messages `{"role": ..., "content": text or text parts}` -> prompt ids.

    Raises PromptError for an empty conversation, an unknown role, content that is no text, or a template that fails.
    """
    if not messages:
        raise PromptError("The conversation is empty; give at least one message.")
    contents: dict[str, str] = {}
    marked = [_marked(message, number, contents) for number, message in enumerate(messages)]
    try:
        text = _compiled(template or default_template()).render(
            messages=marked,
            tools=list(tools) if tools else None,
            enable_thinking=thinking,
            add_generation_prompt=add_generation_prompt,
            bos_token="<bos>",
            eos_token="<eos>",
        )
    except (TemplateError, TypeError, KeyError) as error:
        raise PromptError(f"The chat template cannot render this conversation: {error}.") from error
    ids: list[int] = []
    for piece in re.split(r"(\ue000\d+\ue001)", text):
        if piece in contents:
            ids += tokenizer.encode(contents[piece])
        elif piece:
            ids += tokenizer.encode(piece, allow_special=True)
    return ids


def _marked(message: Mapping[str, Any], number: int, contents: dict[str, str]) -> dict[str, Any]:
    """The message with its content replaced by a mark, so that the content is encoded apart from the template."""
    if not isinstance(message, Mapping) or message.get("role") not in ROLES:
        raise PromptError(f"Message {number + 1} needs a role out of {', '.join(ROLES)}.")
    content = message.get("content") or ""
    if isinstance(content, Sequence) and not isinstance(content, str):
        parts = [part.get("text") if isinstance(part, Mapping) else None for part in content]
        if not all(isinstance(part, str) for part in parts):
            raise PromptError(f"Message {number + 1} has a part that is not text; only text is supported.")
        content = "".join(str(part) for part in parts)
    if not isinstance(content, str):
        raise PromptError(f"Message {number + 1} has content that is not text.")
    if message["role"] in ("assistant", "model"):
        content = _without_thinking(content)
    mark = f"\ue000{len(contents)}\ue001"
    # Line ends at the borders of a turn belong to the template.
    contents[mark] = content.strip()
    return {**message, "content": mark}


def _without_thinking(text: str) -> str:
    return re.sub(re.escape(CHANNEL_BEGIN) + r".*?" + re.escape(CHANNEL_END), "", text, flags=re.DOTALL)


@lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment.globals["raise_exception"] = raise_exception
    return environment.from_string(template)


def parse(ids: Sequence[int], tokenizer: Tokenizer) -> MessageParts:
    """Generated ids -> their parts. Nothing that a model may write makes this fail."""
    text = tokenizer.decode(ids, skip_special=False)
    for end in (TURN_END, "<eos>", TOOL_RESPONSE_BEGIN):
        text = text.split(end)[0]
    calls: list[ToolCall] = []

    def take_call(match: re.Match[str]) -> str:
        call = _parse_call(match[1])
        if call is None:
            return match[0]
        calls.append(call)
        return ""

    text = re.sub(f"{re.escape(TOOL_CALL_BEGIN)}(.*?){re.escape(TOOL_CALL_END)}", take_call, text, flags=re.DOTALL)
    thoughts: list[str] = []

    def take_thought(match: re.Match[str]) -> str:
        thoughts.append(match[1].removeprefix("thought").strip())
        return ""

    pattern = f"{re.escape(CHANNEL_BEGIN)}(.*?)(?:{re.escape(CHANNEL_END)}|$)"
    text = _plain(re.sub(pattern, take_thought, text, flags=re.DOTALL), tokenizer)
    thinking = "\n".join(thought for thought in thoughts if thought)
    if not text and not calls and thinking:
        text = thinking
    return MessageParts(thinking=thinking, text=text, tool_calls=tuple(calls))


def _plain(text: str, tokenizer: Tokenizer) -> str:
    """The text without names of special tokens, trimmed."""
    names = "|".join(map(re.escape, sorted(tokenizer.special_ids, key=len, reverse=True)))
    return re.sub(names, "", text).strip()


def _parse_call(body: str) -> ToolCall | None:
    match = re.fullmatch(r"call:([\w.\-]+)\s*(\{.*\})", body.strip(), flags=re.DOTALL)
    if match is None:
        return None
    try:
        arguments, end = _value(match[2], 0)
    except (ValueError, IndexError, RecursionError):
        return None
    return ToolCall(name=match[1], arguments=arguments) if end == len(match[2]) else None


def _value(text: str, at: int) -> tuple[Any, int]:
    """One value of a call's arguments from position `at` -> (value, position behind it)."""
    if text.startswith(STRING_DELIMITER, at):
        start = at + len(STRING_DELIMITER)
        end = text.index(STRING_DELIMITER, start)
        return text[start:end], end + len(STRING_DELIMITER)
    if text[at] in "{[":
        return _container(text, at)
    match = re.compile(r"[^,}\]]+").match(text, at)
    if match is None:
        raise ValueError(text)
    return json.loads(match[0]), match.end()


def _container(text: str, at: int) -> tuple[Any, int]:
    is_object = text[at] == "{"
    close = "}" if is_object else "]"
    members: dict[str, Any] = {}
    items: list[Any] = []
    at += 1
    while text[at] != close:
        if is_object:
            colon = text.index(":", at)
            key = text[at:colon].strip()
            members[key], at = _value(text, colon + 1)
        else:
            item, at = _value(text, at)
            items.append(item)
        if text[at] == ",":
            at += 1
        elif text[at] != close:
            raise ValueError(text)
    return (members if is_object else items), at + 1
