"""The log probabilities of a reply's text, token by token, and OpenAI's two shapes for them.

Promises that the tokens told are those of the text that is shown, each once and not before its text: markers, thoughts,
tool calls, end tokens and what stands behind a stop string are not among them. Knows nothing of requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgemma.chat.parts import MESSAGE_ENDS
from dgemma.engine.request import TokenLogprobs
from dgemma.tokenizer import CHANNEL_BEGIN, CHANNEL_END, TOOL_CALL_BEGIN, TOOL_CALL_END, Tokenizer

CONTINUED = 0b10
"""The two highest bits of a byte that continues a character."""


@dataclass(frozen=True, kw_only=True)
class TextToken:
    """A token of the text. `start` counts the bytes of the text before it, `offset` its characters."""

    id: int
    start: int
    offset: int
    logprobs: TokenLogprobs


class TextTokens:
    """Takes a reply's ids and gives its text's tokens as the text is shown.

    `written` holds the bytes of each id that is text; `raw` replies are text alone, others are messages.
    """

    def __init__(self, tokenizer: Tokenizer, written: Mapping[int, bytes], *, raw: bool) -> None:
        self._tokenizer, self._written, self._raw = tokenizer, written, raw
        self._inside: str | None = None
        self._thoughts: list[TextToken] = []
        self._thought = False
        self._over = False
        self._shown = 0
        self.given: list[TextToken] = []
        self._begin(0)

    def push(self, ids: Sequence[int], logprobs: Sequence[TokenLogprobs]) -> None:
        """Takes the next ids with their log probabilities."""
        for token, told in zip(ids, logprobs, strict=True):
            name = self._tokenizer.special_name(token)
            if name is not None:
                self._mark(name)
            elif self._inside == CHANNEL_BEGIN:
                self._thoughts.append(TextToken(id=token, start=0, offset=0, logprobs=told))
            elif self._inside is None and not self._over:
                self._add(token, told)

    def shown(self, size: int) -> tuple[TextToken, ...]:
        """The tokens that begin within the first `size` bytes of shown text and were not given yet."""
        self._shown = size
        count = next((at for at, token in enumerate(self._waiting) if token.start >= size), len(self._waiting))
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        self.given += ready
        return tuple(ready)

    def finish(self, size: int) -> tuple[TextToken, ...]:
        """The last tokens of a text of `size` bytes; a reply that is all thought has its thought as its text."""
        if size and not self.given and not self._waiting:
            self._waiting, self._thoughts = self._thoughts, []
        return self.shown(size)

    def _mark(self, name: str) -> None:
        if self._raw or self._over:
            return
        if name in MESSAGE_ENDS:
            self._over = True
        elif name in (CHANNEL_BEGIN, TOOL_CALL_BEGIN):
            self._inside = name
            self._thought = self._thought or name == CHANNEL_BEGIN
        elif name == CHANNEL_END and self._inside is None:
            # What was taken for text was a thought; what follows begins on a new line.
            self._thoughts += self._waiting
            self._thought = True
            self._begin(self._shown + bool(self._shown))
        elif (self._inside, name) in ((CHANNEL_BEGIN, CHANNEL_END), (TOOL_CALL_BEGIN, TOOL_CALL_END)):
            self._inside = None

    def _begin(self, start: int) -> None:
        self._start = self._size = start
        self._characters = 0
        self._waiting: list[TextToken] = []

    def _add(self, token: int, told: TokenLogprobs) -> None:
        text = self._written.get(token, b"")
        if self._thought and self._size == self._start:
            # The line breaks behind a thought are no text.
            text = text.lstrip(b"\n")
        if not text:
            return
        # A token that goes on with a character begins where that character does.
        offset = self._characters - (text[0] >> 6 == CONTINUED)
        self._waiting.append(TextToken(id=token, start=self._size, offset=max(0, offset), logprobs=told))
        self._size += len(text)
        self._characters += sum(byte >> 6 != CONTINUED for byte in text)


class Shapes:
    """OpenAI's shapes of these tokens; a token that is no text of its own is told by its bytes."""

    def __init__(self, tokenizer: Tokenizer, written: Mapping[int, bytes]) -> None:
        self._tokenizer, self._written = tokenizer, written

    def chat(self, tokens: Sequence[TextToken]) -> dict[str, Any]:
        """As chat completions have it."""
        content = [
            {
                **self._entry(token.id, token.logprobs.logprob),
                "top_logprobs": [self._entry(index, value) for index, value in token.logprobs.top],
            }
            for token in tokens
        ]
        return {"content": content, "refusal": None}

    def response(self, tokens: Sequence[TextToken]) -> list[dict[str, Any]]:
        """As responses have it: as in chat, and always with bytes."""
        content = self.chat(tokens)["content"]
        for entry in (entry for token in content for entry in (token, *token["top_logprobs"])):
            entry["bytes"] = entry["bytes"] or []
        return content

    def completion(self, tokens: Sequence[TextToken]) -> dict[str, Any]:
        """As the older completions have it."""
        return {
            "tokens": [self._text(token.id) for token in tokens],
            "token_logprobs": [token.logprobs.logprob for token in tokens],
            "top_logprobs": [{self._text(index): value for index, value in token.logprobs.top} for token in tokens],
            "text_offset": [token.offset for token in tokens],
        }

    def _entry(self, token: int, logprob: float) -> dict[str, Any]:
        written = self._written.get(token)
        return {"token": self._text(token), "logprob": logprob, "bytes": None if written is None else list(written)}

    def _text(self, token: int) -> str:
        written = self._written.get(token)
        if written is None:
            return self._tokenizer.special_name(token) or ""
        try:
            return written.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in written)
