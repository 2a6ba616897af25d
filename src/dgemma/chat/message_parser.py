"""Parses a generated message into thinking, text and tool calls (Gemma 4 format).

Promises never to fail, whatever the ids, and never to return an empty reply if the model wrote anything: a reply that
is all thinking becomes text, and a malformed call stays in the text as written. Knows nothing of templates or prompts.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from dgemma.tokenizer import (
    CHANNEL_BEGIN,
    CHANNEL_END,
    EOS,
    REPLACEMENT_CHARACTER,
    STRING_DELIMITER,
    TOOL_CALL_BEGIN,
    TOOL_CALL_END,
    TOOL_RESPONSE_BEGIN,
    TURN_BEGIN,
    TURN_END,
    Tokenizer,
)

MESSAGE_ENDS = (TURN_END, EOS, TOOL_RESPONSE_BEGIN, TURN_BEGIN)
MAX_ARGUMENT_DEPTH = 64
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
CONSTANTS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A tool call that the model requests."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class MessageParts:
    """The parts of a generated message."""

    thinking: str
    text: str
    tool_calls: tuple[ToolCall, ...]


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """The name of a special token, or the text between two special tokens."""

    text: str
    special: bool


def parse(source: Sequence[int] | str, tokenizer: Tokenizer, *, complete: bool = True) -> MessageParts:
    """Parses the ids or the text of a generated message.

    With `complete=False` the message is still being generated: an unfinished tool call or character is left out, and
    thinking never becomes text, so that the text so far can be shown.
    """
    pieces = _pieces(source, tokenizer)
    everything = "".join(piece.text for piece in pieces if not piece.special)
    thoughts: list[str] = []
    text = ""
    calls: list[ToolCall] = []
    while pieces and not (pieces[0].special and pieces[0].text in MESSAGE_ENDS):
        piece = pieces.pop(0)
        if not piece.special:
            text += piece.text.lstrip("\n") if thoughts and not text else piece.text
        elif piece.text == CHANNEL_BEGIN:
            thoughts.append(_thought(_take_until(pieces, CHANNEL_END)[0]))
        elif piece.text == CHANNEL_END:
            # The begin marker of this thought is in the prompt, or was stripped.
            thoughts, text = [*thoughts, _thought([_Piece(text=text, special=False)])], ""
        elif piece.text == TOOL_CALL_BEGIN:
            body, closed = _take_until(pieces, TOOL_CALL_END)
            call = _parse_call(body) if closed or complete else None
            if call is not None:
                calls.append(call)
            elif closed or complete:
                text += TOOL_CALL_BEGIN + "".join(part.text for part in body) + (TOOL_CALL_END if closed else "")
    thinking = "\n\n".join(filter(None, thoughts))
    if not complete:
        text = text.rstrip(REPLACEMENT_CHARACTER)
    elif calls and not text.strip():
        text = ""
    elif not text.strip() and not calls:
        # If there is neither thinking nor text, take all text, even after the message's end.
        text, thinking = thinking or text or everything, ""
    return MessageParts(thinking=thinking, text=text, tool_calls=tuple(calls))


def _pieces(source: Sequence[int] | str, tokenizer: Tokenizer) -> list[_Piece]:
    if isinstance(source, str):
        return [_Piece(text=text, special=tokenizer.has_special(text)) for text in tokenizer.split_special(source)]
    pieces: list[_Piece] = []
    for name, ids in groupby(source, tokenizer.special_name):
        if name is None:
            pieces.append(_Piece(text=tokenizer.decode(ids), special=False))
        else:
            pieces += [_Piece(text=name, special=True) for _ in ids]
    return pieces


def _take_until(pieces: list[_Piece], end: str) -> tuple[list[_Piece], bool]:
    """Removes the pieces before `end`, and `end` itself -> (the pieces, whether `end` was found).

    Stops early at a special token that begins another part of the message or ends it.
    """
    body: list[_Piece] = []
    while pieces:
        if pieces[0].special and pieces[0].text == end:
            pieces.pop(0)
            return body, True
        if pieces[0].special and pieces[0].text in (*MESSAGE_ENDS, CHANNEL_BEGIN, TOOL_CALL_BEGIN):
            break
        body.append(pieces.pop(0))
    return body, False


def _thought(body: Sequence[_Piece]) -> str:
    text = "".join(piece.text for piece in body if not piece.special)
    return re.sub(r"\A\s*thought(\n|\Z)", "", text).strip()


def _parse_call(body: Sequence[_Piece]) -> ToolCall | None:
    """Parses `call:NAME{key:value,...}`; None if it is malformed."""
    # An atom is a character or a special token: a delimiter that is spelt out in characters is not a delimiter.
    atoms = [atom for piece in body for atom in ([piece.text] if piece.special else piece.text)]
    try:
        brace = atoms.index("{")
        reader = _ArgumentReader(atoms, brace)
        arguments = reader.members()
    except (ValueError, IndexError):
        return None
    name = re.fullmatch(r"\s*call:\s*([\w.:/-]+)\s*", "".join(atoms[:brace]))
    return ToolCall(name=name[1], arguments=arguments) if name and not reader.rest().strip() else None


class _ArgumentReader:
    """A recursive descent parser of Gemma's argument syntax. Raises ValueError or IndexError if it is malformed.

    Strings are between two delimiter tokens, or between plain quotes as in JSON, which models sometimes write. A bare
    word that is neither a number nor a constant is read as a string.
    """

    def __init__(self, atoms: Sequence[str], at: int) -> None:
        self._atoms = atoms
        self._at = at
        self._depth = 0

    def rest(self) -> str:
        """The text after the current position."""
        return "".join(self._atoms[self._at :])

    def members(self) -> dict[str, Any]:
        """Reads `{key:value,...}` at the current position."""
        members: dict[str, Any] = {}
        self._open("{")
        while not self._take_close("}"):
            quoted = self._peek() in (STRING_DELIMITER, '"')
            key = self._string() if quoted else self._until(":").strip()
            self._expect(":")
            members[key] = self._value()
            self._take_separator("}")
        return members

    def _items(self) -> list[Any]:
        items: list[Any] = []
        self._open("[")
        while not self._take_close("]"):
            items.append(self._value())
            self._take_separator("]")
        return items

    def _value(self) -> Any:
        first = self._peek()
        if first in (STRING_DELIMITER, '"'):
            return self._string()
        if first == "{":
            return self.members()
        if first == "[":
            return self._items()
        word = self._until(",}]").strip()
        if not word:
            raise ValueError("a value is missing")
        if word in CONSTANTS:
            return CONSTANTS[word]
        if not NUMBER.fullmatch(word):
            return word
        value = json.loads(word)
        if math.isinf(value):
            raise ValueError("a number that JSON cannot hold")
        return value

    def _string(self) -> str:
        start = self._at + 1
        if self._atoms[self._at] == STRING_DELIMITER:
            end = self._atoms.index(STRING_DELIMITER, start)
            self._at = end + 1
            return "".join(self._atoms[start:end])
        end = start
        while self._atoms[end] != '"':
            end += 2 if self._atoms[end] == "\\" else 1
        self._at = end + 1
        return json.loads("".join(self._atoms[start - 1 : end + 1]), strict=False)

    def _until(self, ends: str) -> str:
        start = self._at
        while self._atoms[self._at] not in ends:
            self._at += 1
        return "".join(self._atoms[start : self._at])

    def _peek(self) -> str:
        while self._atoms[self._at].isspace():
            self._at += 1
        return self._atoms[self._at]

    def _expect(self, atom: str) -> None:
        if self._peek() != atom:
            raise ValueError(f"{atom} is missing")
        self._at += 1

    def _open(self, atom: str) -> None:
        self._expect(atom)
        self._depth += 1
        if self._depth > MAX_ARGUMENT_DEPTH:
            raise ValueError("too deep")

    def _take_close(self, atom: str) -> bool:
        if self._peek() != atom:
            return False
        self._at += 1
        self._depth -= 1
        return True

    def _take_separator(self, close: str) -> None:
        if self._peek() != close:
            self._expect(",")
