"""Token ids that arrive in pieces -> thinking and text that may be shown at once, stop strings respected.

Promises that shown text is never taken back, that no part of a stop string is shown, and that the shown pieces joined
are the finished reply. The one exception: when text turns out to have been a thought, the answer follows on a new line.
Knows nothing of HTTP, and of the engine only its ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dgemma.api import LLM
from dgemma.chat import MessageParts, ToolCall
from dgemma.tokenizer import CHANNEL_BEGIN, CHANNEL_END, StreamingDetokenizer, Tokenizer

THOUGHT_HEADER = "thought"


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What became visible; either may be empty."""

    thinking: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.thinking or self.text)


class StopStrings:
    """Lets text pass until one of the stop strings begins; a possible beginning waits until it is decided."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.hit: str | None = None
        """The stop string that was met."""

    def push(self, text: str) -> str:
        """Takes more text -> what of it, and of the text held before, may be shown."""
        if self.hit is not None:
            return ""
        text = self._held + text
        found = [(at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            # Of two that begin at the same place the longer one: it is what the text says.
            at, self.hit = min(found, key=lambda place: (place[0], -len(place[1])))
            self._held = ""
            return text[:at]
        kept = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def finish(self) -> str:
        """What was held and did not become a stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` with which `stop` begins."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)


class GrowingText:
    """A raw continuation: every id that is not special is text. After a `before` that ends with a space, the first
    space that it begins with is not written again, as `LLM.gap_text` says."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str], before: str = "") -> None:
        self._detokenizer = StreamingDetokenizer(tokenizer)
        self._repeats_space = before.endswith(" ")
        self._stops = StopStrings(stops)
        self._text = ""

    @property
    def stop_string(self) -> str | None:
        """The stop string at which the text ended, if one was met."""
        return self._stops.hit

    def push(self, ids: Sequence[int]) -> Growth:
        """Takes the next ids -> the text to show."""
        return self._grow(self._stops.push(self._own(self._detokenizer.push(ids))))

    def finish(self) -> tuple[Growth, MessageParts]:
        """The last text to show and the whole reply."""
        growth = self._grow(self._stops.push(self._own(self._detokenizer.finish())) + self._stops.finish())
        return growth, MessageParts(thinking="", text=self._text, tool_calls=())

    def _own(self, text: str) -> str:
        """What is not there already."""
        if text and self._repeats_space:
            self._repeats_space = False
            return text.removeprefix(" ")
        return text

    def _grow(self, text: str) -> Growth:
        self._text += text
        return Growth(text=text)


class GrowingMessage:
    """A chat reply: thinking, text and tool calls come apart as `LLM.parse` says.

    Tool calls are complete only at the end, and `finish` gives them.
    """

    def __init__(self, llm: LLM, tokenizer: Tokenizer, stops: Sequence[str]) -> None:
        self._llm, self._tokenizer = llm, tokenizer
        self._stops = StopStrings(stops)
        self._detokenizer = StreamingDetokenizer(tokenizer)
        self._ids: list[int] = []
        # Most replies are text alone, and need not be parsed from their first id again at every piece.
        self._plain: str | None = ""
        self._thinking = _Shown()
        self._text = _Shown()

    @property
    def stop_string(self) -> str | None:
        """The stop string at which the text ended, if one was met."""
        return self._stops.hit

    def push(self, ids: Sequence[int]) -> Growth:
        """Takes the next ids -> what may be shown of them."""
        self._ids += ids
        if self._plain is not None and not any(map(self._tokenizer.is_special, ids)):
            self._plain += self._detokenizer.push(ids)
            return self._grow("", self._plain)
        self._plain = None
        parts = self._llm.parse(self._ids, complete=False)
        return self._grow(parts.thinking, parts.text)

    def finish(self) -> tuple[Growth, MessageParts]:
        """The last growth and the whole reply."""
        parts = self._llm.parse(self._ids)
        thinking = self._thinking.grow(parts.thinking)
        text = self._stops.push(self._text.grow(parts.text)) + self._stops.finish()
        return Growth(thinking=thinking, text=text), self._cut(parts)

    def _grow(self, thinking: str, text: str) -> Growth:
        # "thought" is the thought's header until a line follows it, and white space alone may yet be dropped.
        header = THOUGHT_HEADER.startswith(thinking)
        return Growth(
            thinking="" if header else self._thinking.grow(thinking),
            text=self._stops.push(self._text.grow(text)) if text.strip() else "",
        )

    def _cut(self, parts: MessageParts) -> MessageParts:
        """The parts without what stands behind a stop string."""
        if self._stops.hit is None:
            return parts
        calls: tuple[ToolCall, ...] = ()
        return MessageParts(thinking=parts.thinking, text=parts.text.split(self._stops.hit, 1)[0], tool_calls=calls)


class _Shown:
    """A text that grows: how much of it was given out."""

    def __init__(self) -> None:
        self._shown = ""
        self._given = False
        self._broken = False

    def grow(self, text: str) -> str:
        """What `text` has more than before; a text that is another one begins on a new line."""
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
    """How many of the ids belong to thoughts, their markers included."""
    count, inside = 0, False
    for token in ids:
        name = tokenizer.special_name(token)
        inside = inside or name == CHANNEL_BEGIN
        count += inside
        inside = inside and name != CHANNEL_END
    return count
