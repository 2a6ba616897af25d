"""Turns token ids that arrive in pieces into thinking and text that can be sent at once, up to a stop string.

Promises that sent text is never taken back, that no part of a stop string is sent, and that the pieces together are the
finished reply. One exception: if sent text turns out to be thinking, the answer follows on a new line. Knows nothing of
HTTP, and of the engine only its token ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dgemma.api import LLM
from dgemma.chat import MessageParts, ToolCall
from dgemma.tokenizer import CHANNEL_BEGIN, CHANNEL_END, StreamingDetokenizer, Tokenizer

THOUGHT_HEADER = "thought"


@dataclass(frozen=True, kw_only=True)
class Delta:
    """New thinking and new text; either may be empty."""

    thinking: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.thinking or self.text)


class StopStrings:
    """Passes text through up to the first stop string. Holds back an ending that may be the beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.hit: str | None = None
        """The stop string that was found."""

    def push(self, text: str) -> str:
        """Takes more text and returns what may be shown, including text held back before."""
        if self.hit is not None:
            return ""
        text = self._held + text
        found = [(at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            # The earliest one; at the same place the longest.
            at, self.hit = min(found, key=lambda place: (place[0], -len(place[1])))
            self._held = ""
            return text[:at]
        kept = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def finish(self) -> str:
        """The text that was held back and is not a stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest suffix of `text` that is a proper prefix of `stop`."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)


class IncrementalText:
    """A raw continuation: every id that is not special is text. If the text `before` a gap ends with a space, a leading
    space is dropped, as in `LLM.gap_text`."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str], before: str = "") -> None:
        self._detokenizer = StreamingDetokenizer(tokenizer)
        self._repeats_space = before.endswith(" ")
        self._stops = StopStrings(stops)
        self._text = ""

    @property
    def stop_string(self) -> str | None:
        """The stop string at which the text ended, if one was met."""
        return self._stops.hit

    def push(self, ids: Sequence[int]) -> Delta:
        """Takes the next ids and returns the text to show."""
        return self._extend(self._stops.push(self._deduplicated(self._detokenizer.push(ids))))

    def finish(self) -> tuple[Delta, MessageParts]:
        """The last text to show and the whole reply."""
        delta = self._extend(self._stops.push(self._deduplicated(self._detokenizer.finish())) + self._stops.finish())
        return delta, MessageParts(thinking="", text=self._text, tool_calls=())

    def _deduplicated(self, text: str) -> str:
        """The text without a leading space that `before` already ends with."""
        if text and self._repeats_space:
            self._repeats_space = False
            return text.removeprefix(" ")
        return text

    def _extend(self, text: str) -> Delta:
        self._text += text
        return Delta(text=text)


class IncrementalMessage:
    """A chat reply, split into thinking, text and tool calls by `LLM.parse`.

    Tool calls are complete only at the end: `finish` returns them.
    """

    def __init__(self, llm: LLM, tokenizer: Tokenizer, stops: Sequence[str]) -> None:
        self._llm, self._tokenizer = llm, tokenizer
        self._stops = StopStrings(stops)
        self._detokenizer = StreamingDetokenizer(tokenizer)
        self._ids: list[int] = []
        # The text while there are no special tokens, as in most replies: extended instead of parsed anew each time.
        self._plain: str | None = ""
        self._thinking = _ShownText()
        self._text = _ShownText()

    @property
    def stop_string(self) -> str | None:
        """The stop string at which the text ended, if one was met."""
        return self._stops.hit

    def push(self, ids: Sequence[int]) -> Delta:
        """Takes the next ids and returns what may be shown."""
        self._ids += ids
        if self._plain is not None and not any(map(self._tokenizer.is_special, ids)):
            self._plain += self._detokenizer.push(ids)
            return self._extend("", self._plain)
        self._plain = None
        parts = self._llm.parse(self._ids, complete=False)
        return self._extend(parts.thinking, parts.text)

    def finish(self) -> tuple[Delta, MessageParts]:
        """The last delta and the whole reply."""
        parts = self._llm.parse(self._ids)
        thinking = self._thinking.extend(parts.thinking)
        text = self._stops.push(self._text.extend(parts.text)) + self._stops.finish()
        return Delta(thinking=thinking, text=text), self._cut(parts)

    def _extend(self, thinking: str, text: str) -> Delta:
        # A prefix of "thought" may be the header of the thought, and white space alone may be dropped later.
        header = THOUGHT_HEADER.startswith(thinking)
        return Delta(
            thinking="" if header else self._thinking.extend(thinking),
            text=self._stops.push(self._text.extend(text)) if text.strip() else "",
        )

    def _cut(self, parts: MessageParts) -> MessageParts:
        """The parts without anything after a stop string."""
        if self._stops.hit is None:
            return parts
        calls: tuple[ToolCall, ...] = ()
        return MessageParts(thinking=parts.thinking, text=parts.text.split(self._stops.hit, 1)[0], tool_calls=calls)


class _ShownText:
    """A growing text, and how much of it has been sent."""

    def __init__(self) -> None:
        self._shown = ""
        self._given = False
        self._broken = False

    def extend(self, text: str) -> str:
        """What `text` adds to the previous one. A text that does not continue it starts on a new line."""
        if text.startswith(self._shown):
            more = text[len(self._shown) :]
        else:
            more, self._broken = text, self._given
        self._shown = text
        if more and self._broken:
            more, self._broken = "\n" + more, False
        self._given = self._given or bool(more)
        return more


def count_thinking(ids: Sequence[int], tokenizer: Tokenizer) -> int:
    """The number of ids inside thoughts, including the markers."""
    count, inside = 0, False
    for token in ids:
        name = tokenizer.special_name(token)
        inside = inside or name == CHANNEL_BEGIN
        count += inside
        inside = inside and name != CHANNEL_END
    return count
