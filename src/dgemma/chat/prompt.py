"""A conversation -> prompt ids, through a transformers-compatible jinja2 chat template.

Promises that only the template's own markers become special tokens, however the template joins its inputs, and that no
message, call or tool is dropped silently (of a tool's schema, templates render the keys that they know). Does not know
how answers are parsed; that is `message_parser.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from dgemma.chat.sandbox import fill
from dgemma.errors import PromptError
from dgemma.tokenizer import BOS, CHANNEL_BEGIN, CHANNEL_END, EOS, IMAGE, IMAGE_BEGIN, IMAGE_END, Tokenizer

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
}
"""The roles that callers may use, and the names that templates have for them."""

THOUGHT = re.compile(re.escape(CHANNEL_BEGIN) + r"(?:thought\n)?(.*?)" + re.escape(CHANNEL_END), re.DOTALL)


def default_template() -> str:
    """The embedded model's template, which has Gemma's turn format."""
    return (Path(__file__).parents[1] / "tiny" / "chat_template.jinja").read_text(encoding="utf-8")


def render(
    messages: Sequence[Mapping[str, Any]],
    tokenizer: Tokenizer,
    *,
    template: str | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    thinking: bool = False,
    add_generation_prompt: bool = True,
    image_lengths: Sequence[int] = (),
) -> list[int]:
    """Messages `{"role": ..., "content": text or parts, "tool_calls": ...}` -> prompt ids.

    A part is a text, or in a user's message `{"type": "image"}` (`message_images.take_images`). The n-th image of the
    conversation becomes `image_lengths[n]` image tokens between a begin and an end token. In a message with at most one
    text the images come first, as in training, whatever their order.
    Without a template the built-in Gemma format is used; without `thinking` it pre-fills an empty thought.
    Raises PromptError for a conversation that cannot be answered, or that the template cannot render.
    """
    source = default_template() if template is None else template
    for wanted, name in ((tools, "tools"), (thinking, "enable_thinking")):
        if wanted and name not in source:
            feature = name.removeprefix("enable_")
            raise PromptError(f"This model's chat template does not support {feature}; send the request without.")
    if tools is not None and (isinstance(tools, str | Mapping) or not isinstance(tools, Sequence)):
        raise PromptError("tools must be a list of tool declarations.")
    conversation = _conversation(messages)
    declarations = [_declaration(tool) for tool in tools or ()]
    if add_generation_prompt and conversation[-1].get("tool_calls"):
        raise PromptError("The last message calls tools; add a message of role tool with the result of each call.")
    stand_ins = _stand_ins(tokenizer, "".join([source, *_strings(conversation), *_strings(declarations)]))
    text = fill(
        source,
        messages=_replaced(conversation, stand_ins),
        tools=_replaced(declarations, stand_ins) or None,
        add_generation_prompt=add_generation_prompt,
        enable_thinking=thinking,
        thought_stub=template is None,
        bos_token=BOS if tokenizer.has_special(BOS) else "",
        eos_token=EOS if tokenizer.has_special(EOS) else "",
    )
    original = {ord(stand_in): chr(code) for code, stand_in in stand_ins.items()}
    pieces, lengths = tokenizer.split_special(text), iter(image_lengths)
    num_images = sum(_is_image(part) for message in conversation for part in _parts_of(message))
    if pieces.count(IMAGE) != num_images or num_images != len(image_lengths):
        raise PromptError(f"This model's chat template does not show images ({num_images} in this conversation).")
    ids: list[int] = []
    for piece in pieces:
        if piece == IMAGE:
            image = [tokenizer.special_id(IMAGE)] * next(lengths)
            ids += [tokenizer.special_id(IMAGE_BEGIN), *image, tokenizer.special_id(IMAGE_END)]
        else:
            ids += tokenizer.encode(piece.translate(original), allow_special=tokenizer.has_special(piece))
    return ids


def _conversation(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages as templates expect them: known roles, text content, results in the order of their calls, and
    thoughts only where the model was trained to see them."""
    if not isinstance(messages, Sequence):
        raise PromptError(f"A conversation must be a list of messages, not {type(messages).__name__}.")
    if not messages:
        raise PromptError("The conversation is empty; give at least one message.")
    conversation = [_message(message, number) for number, message in enumerate(messages, 1)]
    last_user = max((at for at, message in enumerate(conversation) if message["role"] == "user"), default=-1)
    calls: list[dict[str, Any]] = []
    for at, message in enumerate(conversation):
        if message["role"] == "tool":
            if conversation[at - 1]["role"] != "tool" or not calls:
                results = list(takewhile(lambda message: message["role"] == "tool", conversation[at:]))
                conversation[at : at + len(results)] = _by_call(results, calls, at + 1)
            continue
        calls = message.get("tool_calls") or []
        # Gemma was trained to see an earlier thought only while the calls that it led to are still being answered.
        if not calls or at < last_user:
            message.pop("reasoning_content", None)
    return conversation


def _by_call(
    results: Sequence[dict[str, Any]], calls: Sequence[Mapping[str, Any]], number: int
) -> list[dict[str, Any]]:
    """Sorts consecutive results by the calls that they answer, and gives each the name of its call: templates do not
    render ids. A result without an id answers the first unanswered call of its name, or else of any name. `number` is
    the message number of the first result."""
    if not calls:
        raise PromptError(f"Message {number} is a tool's result, but no tool call comes before it.")
    names = [call["function"]["name"] for call in calls]
    by_id = {call["id"]: place for place, call in enumerate(calls) if call.get("id")}
    places: dict[int, int] = {}
    for at, result in enumerate(results):
        identity = result.get("tool_call_id")
        if not isinstance(identity, str) or not identity or len(by_id) < len(calls):
            continue
        if identity not in by_id:
            raise PromptError(
                f"Message {number + at} answers the call {identity}, which is not one of the calls before it."
            )
        if by_id[identity] in places.values():
            raise PromptError(f"Message {number + at} answers the call {identity} a second time.")
        places[at] = by_id[identity]
    for at, result in enumerate(results):
        if at in places:
            continue
        free = [place for place in range(len(calls)) if place not in places.values()]
        of_name = [place for place in free if names[place] == result.get("name")]
        # Surplus results come last and keep their names.
        places[at] = (of_name or free or [len(calls) + at])[0]
    for at, result in enumerate(results):
        place = places[at]
        result["name"] = names[place] if place < len(calls) else str(result.get("name") or names[-1])
    return [results[at] for at in sorted(places, key=places.__getitem__)]


def _message(message: Mapping[str, Any], number: int) -> dict[str, Any]:
    role = message.get("role") if isinstance(message, Mapping) else None
    if not isinstance(role, str) or role not in ROLES:
        raise PromptError(f"Message {number} needs one of the roles {', '.join(ROLES)}.")
    normal = {key: value for key, value in message.items() if value is not None}
    normal["role"] = ROLES[role]
    # Templates would drop them silently, and a tool's result would be looked up among them.
    if normal["role"] != "assistant" and normal.pop("tool_calls", ()):
        raise PromptError(f"Message {number} calls tools, but only the assistant's messages can call tools.")
    content = message.get("content")
    if role == "tool" and isinstance(content, Mapping):
        return normal
    if role == "user" and isinstance(content, list | tuple) and any(map(_is_image, content)):
        return {**normal, "content": _with_images(content, number)}
    text = _text(content, number)
    if normal["role"] == "assistant":
        keys = ("reasoning_content", "reasoning", "thinking")
        reasoning = next((normal.pop(key) for key in keys if key in normal), "")
        inline = [thought.strip() for thought in THOUGHT.findall(text)]
        normal["reasoning_content"] = str(reasoning) or "\n".join(filter(None, inline))
        text = THOUGHT.sub("", text)
        if calls := normal.pop("tool_calls", None):
            if isinstance(calls, str | Mapping) or not isinstance(calls, Sequence):
                raise PromptError(f"Message {number} has tool_calls that are not a list.")
            normal["tool_calls"] = [_call(call, number) for call in calls]
    return {**normal, "content": text}


def _text(content: Any, number: int) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    texts: list[str] = []
    for part in content if isinstance(content, Sequence) else [None]:
        text = part.get("text") if isinstance(part, Mapping) else part
        if not isinstance(text, str):
            if _is_image(part):
                raise PromptError(f"Message {number} has an image, but only the user's messages can show images.")
            raise PromptError(f"Message {number} has a part that is neither text nor image.")
        texts.append(text)
    return "\n".join(texts)


def _is_image(part: Any) -> bool:
    """Whether a part is an image. Not every object can be compared with a mapping: arrays cannot."""
    return isinstance(part, Mapping) and part == {"type": "image"}


def _with_images(content: Sequence[Any], number: int) -> list[dict[str, Any]]:
    """The parts as templates expect them. With at most one text the images come first."""
    parts = [part if _is_image(part) else {"type": "text", "text": _text([part], number)} for part in content]
    images = [part for part in parts if _is_image(part)]
    if len(parts) - len(images) <= 1:
        return [*images, *(part for part in parts if not _is_image(part))]
    return parts


def _parts_of(message: Mapping[str, Any]) -> Sequence[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else ()


def _call(call: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A call in OpenAI's shape, with its arguments as a mapping."""
    function = call.get("function", call) if isinstance(call, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    arguments = function.get("arguments") or {} if isinstance(function, Mapping) else None
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError) as error:
            raise PromptError(f"Message {number} calls {name} with arguments that are not JSON: {error}.") from error
    if not isinstance(name, str) or not name or not isinstance(arguments, Mapping):
        raise PromptError(
            f"Message {number} has a tool call that lacks a name, or whose arguments are not a JSON object."
        )
    identity = {"id": str(call["id"])} if call.get("id") else {}
    return {**identity, "type": "function", "function": {"name": name, "arguments": dict(arguments)}}


def _declaration(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function", tool) if isinstance(tool, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
        raise PromptError('Each tool needs a name: {"type": "function", "function": {"name": ..., "parameters": ...}}.')
    return {"type": "function", "function": {"description": "", "parameters": {}, **function}}


def _stand_ins(tokenizer: Tokenizer, haystack: str) -> dict[int, str]:
    """A table for `str.translate` that replaces each character with which a special token begins or ends.

    The stand-ins are private-use characters that do not occur in `haystack`. Without these characters no text from
    outside can be read as a special token, not even if a template joins two parts of one; templates can still trim,
    compare and cut the text. Letters are not replaced, because templates compare words such as roles.
    """
    ends = sorted(
        {end for name in tokenizer.special_ids for end in (name[0], name[-1]) if not (end.isalnum() or end.isspace())}
    )
    used = set(haystack)
    free = (chr(code) for code in range(0xE000, 0x110000) if chr(code) not in used)
    return {ord(end): stand_in for end, stand_in in zip(ends, free, strict=False)}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(key)
            yield from _strings(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _strings(item)


def _replaced(value: Any, table: Mapping[int, str]) -> Any:
    """A copy of JSON values with every string translated. Raises PromptError for other values."""
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, Mapping):
        return {_replaced(str(key), table): _replaced(item, table) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_replaced(item, table) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    raise PromptError(f"A message contains a {type(value).__name__}; give plain JSON values.")
