"""Log probabilities of the tokens of a reply's text, and OpenAI's JSON formats for them.

Promises that exactly the tokens of the visible text are reported, each once and never before its text. Markers,
thoughts, tool calls, end tokens and anything after a stop string are left out. Knows nothing of requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgemma.chat.message_parser import MESSAGE_ENDS
from dgemma.engine.request import TokenLogprobs
from dgemma.tokenizer import CHANNEL_BEGIN, CHANNEL_END, TOOL_CALL_BEGIN, TOOL_CALL_END, Tokenizer

CONTINUED = 0b10
"""The two highest bits of a byte that continues a character."""


@dataclass(frozen=True, kw_only=True)
class TextToken:
    """A token of the text. `start` is its byte offset in the text, `offset` its character offset."""

    id: int
    start: int
    offset: int
    logprobs: TokenLogprobs


class TextTokens:
    """Collects a reply's token ids and releases those of its text as the text is shown.

    `token_bytes` maps the ids of text tokens to their bytes. A `raw` reply is plain text, any other a message.
    """

    def __init__(self, tokenizer: Tokenizer, token_bytes: Mapping[int, bytes], *, raw: bool) -> None:
        self._tokenizer, self._token_bytes, self._raw = tokenizer, token_bytes, raw
        self._inside: str | None = None
        self._thoughts: list[TextToken] = []
        self._thought = False
        self._over = False
        self._shown = 0
        self.released: list[TextToken] = []
        self._begin(0)

    def push(self, ids: Sequence[int], logprobs: Sequence[TokenLogprobs]) -> None:
        """Takes the next ids with their log probabilities."""
        for token, token_logprobs in zip(ids, logprobs, strict=True):
            name = self._tokenizer.special_name(token)
            if name is not None:
                self._mark(name)
            elif self._inside == CHANNEL_BEGIN:
                self._thoughts.append(TextToken(id=token, start=0, offset=0, logprobs=token_logprobs))
            elif self._inside is None and not self._over:
                self._add(token, token_logprobs)

    def release(self, size: int) -> tuple[TextToken, ...]:
        """Releases the tokens that start within the first `size` bytes of the text, which have now been shown."""
        self._shown = size
        count = next((at for at, token in enumerate(self._waiting) if token.start >= size), len(self._waiting))
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        self.released += ready
        return tuple(ready)

    def finish(self, size: int) -> tuple[TextToken, ...]:
        """Releases the last tokens of a text of `size` bytes. If the reply is all thought, the thought is its text."""
        if size and not self.released and not self._waiting:
            self._waiting, self._thoughts = self._thoughts, []
        return self.release(size)

    def _mark(self, name: str) -> None:
        if self._raw or self._over:
            return
        if name in MESSAGE_ENDS:
            self._over = True
        elif name in (CHANNEL_BEGIN, TOOL_CALL_BEGIN):
            self._inside = name
            self._thought = self._thought or name == CHANNEL_BEGIN
        elif name == CHANNEL_END and self._inside is None:
            # An unopened thought ends here: the text so far was part of it. The answer starts on a new line.
            self._thoughts += self._waiting
            self._thought = True
            self._begin(self._shown + bool(self._shown))
        elif (self._inside, name) in ((CHANNEL_BEGIN, CHANNEL_END), (TOOL_CALL_BEGIN, TOOL_CALL_END)):
            self._inside = None

    def _begin(self, start: int) -> None:
        self._start = self._size = start
        self._characters = 0
        self._waiting: list[TextToken] = []

    def _add(self, token: int, logprobs: TokenLogprobs) -> None:
        text = self._token_bytes.get(token, b"")
        if self._thought and self._size == self._start:
            # Line breaks after a thought are not part of the text.
            text = text.lstrip(b"\n")
        if not text:
            return
        # A token that continues a character has the offset of that character.
        offset = self._characters - (text[0] >> 6 == CONTINUED)
        self._waiting.append(TextToken(id=token, start=self._size, offset=max(0, offset), logprobs=logprobs))
        self._size += len(text)
        self._characters += sum(byte >> 6 != CONTINUED for byte in text)


class LogprobsFormat:
    """Formats these tokens for OpenAI's APIs. A token that is not valid UTF-8 by itself is shown as `bytes:\\x..`."""

    def __init__(self, tokenizer: Tokenizer, token_bytes: Mapping[int, bytes]) -> None:
        self._tokenizer, self._token_bytes = tokenizer, token_bytes

    def chat(self, tokens: Sequence[TextToken]) -> dict[str, Any]:
        """The `logprobs` of a chat completion's choice."""
        content = [
            {
                **self._entry(token.id, token.logprobs.logprob),
                "top_logprobs": [self._entry(index, value) for index, value in token.logprobs.top],
            }
            for token in tokens
        ]
        return {"content": content, "refusal": None}

    def response(self, tokens: Sequence[TextToken]) -> list[dict[str, Any]]:
        """The `logprobs` of a response's text part: as in chat, but `bytes` is never null."""
        content = self.chat(tokens)["content"]
        for entry in (entry for token in content for entry in (token, *token["top_logprobs"])):
            entry["bytes"] = entry["bytes"] or []
        return content

    def completion(self, tokens: Sequence[TextToken]) -> dict[str, Any]:
        """The `logprobs` of a legacy completion's choice."""
        return {
            "tokens": [self._text(token.id) for token in tokens],
            "token_logprobs": [token.logprobs.logprob for token in tokens],
            "top_logprobs": [{self._text(index): value for index, value in token.logprobs.top} for token in tokens],
            "text_offset": [token.offset for token in tokens],
        }

    def _entry(self, token: int, logprob: float) -> dict[str, Any]:
        written = self._token_bytes.get(token)
        return {"token": self._text(token), "logprob": logprob, "bytes": None if written is None else list(written)}

    def _text(self, token: int) -> str:
        written = self._token_bytes.get(token)
        if written is None:
            return self._tokenizer.special_name(token) or ""
        try:
            return written.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in written)
