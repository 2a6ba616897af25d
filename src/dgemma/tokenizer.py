"""Text to token ids and back, special ids by name, and a streaming detokenizer.

Promises that text from a user never becomes a special token without `allow_special=True`, that `decode` undoes `encode`
for byte-level and byte-fallback vocabularies, and that the streaming detokenizer never returns half of a character.
`Tokenizer` is thread-safe: nothing in it changes after construction. Knows nothing of turns, roles, thinking or tools;
those are in `chat`.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import prod
from pathlib import Path
from typing import Any

import tokenizers

from dgemma.errors import CheckpointError

PAD, EOS, BOS, UNK = "<pad>", "<eos>", "<bos>", "<unk>"
TURN_BEGIN, TURN_END = "<|turn>", "<turn|>"
CHANNEL_BEGIN, CHANNEL_END = "<|channel>", "<channel|>"
THINK = "<|think|>"
TOOL_BEGIN, TOOL_END = "<|tool>", "<tool|>"
TOOL_CALL_BEGIN, TOOL_CALL_END = "<|tool_call>", "<tool_call|>"
TOOL_RESPONSE_BEGIN, TOOL_RESPONSE_END = "<|tool_response>", "<tool_response|>"
STRING_DELIMITER = '<|"|>'
IMAGE_BEGIN, IMAGE_END, IMAGE = "<|image>", "<image|>", "<|image|>"

SPECIAL_TOKENS = (
    PAD,
    EOS,
    BOS,
    UNK,
    TURN_BEGIN,
    TURN_END,
    CHANNEL_BEGIN,
    CHANNEL_END,
    THINK,
    TOOL_BEGIN,
    TOOL_END,
    TOOL_CALL_BEGIN,
    TOOL_CALL_END,
    TOOL_RESPONSE_BEGIN,
    TOOL_RESPONSE_END,
    STRING_DELIMITER,
    IMAGE_BEGIN,
    IMAGE_END,
    IMAGE,
)

REPLACEMENT_CHARACTER = "\ufffd"
# A character has at most 4 bytes in UTF-8, and no tokenizer uses more tokens for it than it has bytes.
MAX_TOKENS_PER_CHARACTER = 4
# A run of byte tokens this long is decoded before it ends; without a limit its cost would be quadratic.
MAX_PENDING_TOKENS = 64


_LONG_TEXT = 10_000
"""Characters of a text whose encoding takes so long that it must not block other threads."""

MAX_IDS = 1 << 24
"""Token ids must be below this, which is more than any vocabulary needs. The library allocates a table as long as the
largest id, which might not fit in memory."""
_MAX_BYTES = 1 << 28  # of a tokenizer.json; the released one has 32 MB
_MAX_STEPS, _MAX_GROWTH = 32, 256
# How many times longer these steps may make a text; other steps that insert no text roughly keep its length.
_GROWTH = {"ByteLevel": 2, "Metaspace": 2, "CTC": 2, "BPEDecoder": 2}


class Tokenizer:
    """A `tokenizers.Tokenizer` with safe encoding and named special ids."""

    def __init__(self, backend: tokenizers.Tokenizer, file: Path | None = None) -> None:
        """`file` is the tokenizer.json that `backend` was just read from, for error messages; `backend` is then not
        copied."""
        self._name = f"The vocabulary in {file}" if file else "The model's vocabulary"
        with self._library_errors("cannot be used"):
            # A copy: the backend is changed below, and the caller may go on using its own.
            self._backend = backend if file else tokenizers.Tokenizer.from_str(backend.to_str())
            self._backend.no_truncation()
            self._backend.no_padding()
            _mark_control_tokens_special(self._backend)
        # The backend now encodes the names of special tokens as plain text; `encode` finds those that are allowed.
        self._backend.encode_special_tokens = True
        self._special_ids = {
            token.content: token_id
            for token_id, token in self._backend.get_added_tokens_decoder().items()
            if token.special and token.content
        }
        self._special_names = {token_id: name for name, token_id in self._special_ids.items()}
        longest_first = sorted(self._special_ids, key=len, reverse=True)
        self._special_pattern = (
            re.compile("(" + "|".join(map(re.escape, longest_first)) + ")") if longest_first else None
        )
        byte_ids = (self._backend.token_to_id(f"<0x{byte:02X}>") for byte in range(256))
        self._byte_token_ids = frozenset(token_id for token_id in byte_ids if token_id is not None)

    @classmethod
    def from_file(cls, path: str | Path) -> "Tokenizer":
        """Reads a `tokenizer.json`. Raises CheckpointError if it is missing, unreadable or refused."""
        path = Path(path)
        if not path.is_file():
            raise CheckpointError(f"There is no tokenizer at {path}. Copy the model's tokenizer.json there.")
        try:
            with path.open("rb") as file:
                written = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
        if len(written) > _MAX_BYTES:
            raise CheckpointError(
                f"{path} has more than {_MAX_BYTES >> 20} MB, too much for a tokenizer. Download it again."
            )
        with _converted_errors(f"{path} is not a readable tokenizer.json"):
            try:
                text = written.decode()
                _check_sizes(json.loads(text, object_pairs_hook=_unique_names), path)
            except (ValueError, RecursionError) as error:
                raise CheckpointError(
                    f"{path} is not a readable tokenizer.json ({error}). Download it again."
                ) from error
            return cls(tokenizers.Tokenizer.from_str(text), path)

    @property
    def backend(self) -> tokenizers.Tokenizer:
        """The wrapped tokenizer, for access to its vocabulary; it must not be changed."""
        return self._backend

    @property
    def vocab_size(self) -> int:
        return self._backend.get_vocab_size(with_added_tokens=True)

    @property
    def special_ids(self) -> dict[str, int]:
        """The id of each special token by its name, as a new dictionary."""
        return dict(self._special_ids)

    @property
    def byte_token_ids(self) -> frozenset[int]:
        """The ids of byte-fallback tokens such as `<0x0A>`; empty for byte-level vocabularies."""
        return self._byte_token_ids

    @property
    def bos_id(self) -> int:
        return self.special_id(BOS)

    @property
    def eos_id(self) -> int:
        return self.special_id(EOS)

    def has_special(self, name: str) -> bool:
        return name in self._special_ids

    def special_id(self, name: str) -> int:
        """The id of a special token. Raises CheckpointError if the vocabulary does not have it."""
        if name not in self._special_ids:
            raise CheckpointError(
                f"This tokenizer has no special token {name}. Use the tokenizer.json that belongs to the model."
            )
        return self._special_ids[name]

    def is_special(self, token_id: int) -> bool:
        return token_id in self._special_names

    def special_name(self, token_id: int) -> str | None:
        """The name of a special token; None for every other id."""
        return self._special_names.get(token_id)

    def token_text(self, token_id: int) -> str:
        """The text of one token: the name of a special token, U+FFFD for a part of a character."""
        return self._decoded([token_id], skip_special=False)

    def token_texts(self, token_ids: Iterable[int]) -> list[str]:
        """`token_text` of each id, in one batch."""
        with self._library_errors("cannot decode its tokens"):
            return self._backend.decode_batch([[token] for token in token_ids], skip_special_tokens=False)

    def encode(self, text: str, *, add_bos: bool = False, allow_special: bool = False) -> list[int]:
        """Text to ids. The names of special tokens in `text` are plain text unless `allow_special`."""
        ids = [self.bos_id] if add_bos else []
        if not allow_special:
            return ids + self._encode_plain(text)
        for piece in self.split_special(text):
            if piece in self._special_ids:
                ids.append(self._special_ids[piece])
            else:
                ids.extend(self._encode_plain(piece))
        return ids

    def split_special(self, text: str) -> list[str]:
        """Splits the text so that each name of a special token is a separate piece; no piece is empty."""
        pieces = [text] if self._special_pattern is None else self._special_pattern.split(text)
        return [piece for piece in pieces if piece]

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """Ids to text. Ids outside the vocabulary are skipped."""
        return self._decoded([token for token in ids if token >= 0], skip_special)

    def _decoded(self, ids: list[int], skip_special: bool) -> str:
        with self._library_errors("cannot decode these tokens"):
            return self._backend.decode(ids, skip_special_tokens=skip_special)

    def _encode_plain(self, text: str) -> list[int]:
        try:
            text.encode()
        except UnicodeEncodeError:
            # Text from JSON may have surrogates: pairs are joined, lone ones become U+FFFD.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        with self._library_errors("cannot encode this text"):
            if len(text) > _LONG_TEXT:
                # The library releases the GIL for a batch only; a long text would block other threads for seconds.
                return self._backend.encode_batch([text], add_special_tokens=False)[0].ids
            return self._backend.encode(text, add_special_tokens=False).ids

    def _library_errors(self, problem: str) -> AbstractContextManager[None]:
        return _converted_errors(f"{self._name} {problem}")


@contextmanager
def _converted_errors(problem: str) -> Iterator[None]:
    """Converts the errors of the library to CheckpointErrors that begin with `problem`.

    The library raises bare Exceptions. Panics of its Rust code are BaseExceptions of a class that cannot be imported.
    """
    try:
        yield
    except BaseException as error:
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise CheckpointError(f"{problem} ({error}). Use the tokenizer.json that belongs to the model.") from error


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without duplicate names: of two, the library might use the one that is not checked here."""
    if len(members := dict(pairs)) < len(pairs):
        raise ValueError("an object has a name twice")
    return members


def _check_sizes(document: Any, path: Path) -> None:
    """Refuses a file that would exhaust memory and end the process: ids that need too large a table, or steps that
    lengthen a text too much."""
    advice = "Use the tokenizer.json that belongs to the model."
    document = document if isinstance(document, Mapping) else {}
    model, added = document.get("model"), document.get("added_tokens")
    vocabulary = model.get("vocab") if isinstance(model, Mapping) else None
    ids = list(vocabulary.values()) if isinstance(vocabulary, Mapping) else []
    ids += [token.get("id") for token in added if isinstance(token, Mapping)] if isinstance(added, list) else []
    largest = max((token_id for token_id in ids if isinstance(token_id, int)), default=0)
    if largest >= MAX_IDS:
        raise CheckpointError(f"{path} has the token id {largest}, which no vocabulary needs. {advice}")
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        growths = [_growth(step) for step in _steps(document.get(part))]
        if len(growths) > _MAX_STEPS or prod(growths) > _MAX_GROWTH:
            problem = f"{len(growths)} steps" if len(growths) > _MAX_STEPS else "steps that make a text far longer"
            raise CheckpointError(f"{path} has a {part} with {problem}, which no model has. {advice}")


def _steps(part: Any) -> Iterator[Mapping[str, Any]]:
    """The steps of a normalizer, pre-tokenizer or decoder, with sequences flattened."""
    if not isinstance(part, Mapping):
        return
    inner = [part[name] for name in ("normalizers", "pretokenizers", "decoders") if isinstance(part.get(name), list)]
    if part.get("type") != "Sequence" or not inner:
        yield part
    for steps in inner:
        for step in steps:
            yield from _steps(step)


def _growth(step: Mapping[str, Any]) -> int:
    """The largest factor by which a step may lengthen a text, rounded up."""
    if "precompiled_charsmap" in step:
        return _charsmap_growth(step["precompiled_charsmap"])
    kind, pattern, new = step.get("type"), step.get("pattern"), step.get("content", step.get("prepend"))
    if isinstance(new, str) and ("pattern" in step or "prepend" in step):
        old = pattern.get("String") if isinstance(pattern, Mapping) else None
        # A regular expression may match the empty text between any two characters.
        return max(1, -(-len(new) // len(old))) if isinstance(old, str) and old else 1 + len(new)
    return _GROWTH.get(kind, 1) if isinstance(kind, str) else 2


def _charsmap_growth(charsmap: Any) -> int:
    """`_growth` of sentencepiece's table: the size of an index in bytes, the index, then zero-terminated texts."""
    table = base64.b64decode(charsmap if isinstance(charsmap, str) else "", validate=True)
    size = int.from_bytes(table[:4], "little")
    # Checked because the library allocates an index of any size.
    if len(table) < 4 or size % 4 or size > len(table) - 4:
        raise ValueError("a precompiled_charsmap that is damaged")
    return 1 + max(len(text.decode(errors="replace")) for text in table[4 + size :].split(b"\0"))


def _mark_control_tokens_special(backend: tokenizers.Tokenizer) -> None:
    """Makes special each known control token that the file has as an ordinary added token.

    Some published files have the tool tokens that way; a user who types one would then write a real tool call.
    """
    ordinary = {token.content for token in backend.get_added_tokens_decoder().values() if not token.special}
    found = [name for name in SPECIAL_TOKENS if name in ordinary]
    backend.add_special_tokens([tokenizers.AddedToken(name, normalized=False, special=True) for name in found])


class StreamingDetokenizer:
    """Decodes ids as they arrive; the returned texts joined equal `decode` of all ids.

    `push` returns the text that later ids cannot change. Ids whose text is not final are kept in `_pending`. Each push
    decodes those few again, after one earlier token as context for decoders that strip the first space.
    """

    def __init__(self, tokenizer: Tokenizer, *, skip_special: bool = True) -> None:
        self._tokenizer = tokenizer
        self._skip_special = skip_special
        self._context: list[int] = []
        self._pending: list[int] = []

    def push(self, ids: Iterable[int]) -> str:
        """Adds ids and returns the text that became final."""
        pieces = []
        for token_id in ids:
            if self._skip_special and self._tokenizer.is_special(token_id):
                continue
            self._pending.append(token_id)
            # Bounded portions keep the cost linear however many ids arrive at once.
            if len(self._pending) >= MAX_PENDING_TOKENS:
                pieces.append(self._release(self._final_length()))
        pieces.append(self._release(self._final_length()))
        return "".join(pieces)

    def finish(self) -> str:
        """Returns the pending text, with an incomplete character as U+FFFD, and resets the detokenizer."""
        text = self._release(len(self._pending))
        self._context = []
        return text

    def _text(self, ids: Sequence[int]) -> str:
        before = self._tokenizer.decode(self._context, skip_special=False)
        return self._tokenizer.decode([*self._context, *ids], skip_special=False)[len(before) :]

    def _release(self, count: int) -> str:
        if count == 0:
            return ""
        released, self._pending = self._pending[:count], self._pending[count:]
        text = self._text(released)
        byte_tokens = self._tokenizer.byte_token_ids
        # A byte token as context would join the bytes that follow it.
        self._context = [token_id for token_id in released if token_id not in byte_tokens][-1:] or self._context
        return text

    def _final_length(self) -> int:
        """The number of pending ids whose text is final."""
        pending = self._pending
        length = len(pending)
        if length < MAX_PENDING_TOKENS:
            # A byte-fallback decoder decodes a whole run of byte tokens at once, so the run must have ended.
            while length and pending[length - 1] in self._tokenizer.byte_token_ids:
                length -= 1
        for cut in range(length, max(length - MAX_TOKENS_PER_CHARACTER, 0), -1):
            if not self._text(pending[:cut]).endswith(REPLACEMENT_CHARACTER):
                return cut
        if len(pending) < MAX_PENDING_TOKENS:
            return 0
        # Only invalid bytes: cut where both halves decode separately as they do together, so as to split no character.
        whole = self._text(pending)
        for cut in range(len(pending) - 1, len(pending) - 1 - MAX_TOKENS_PER_CHARACTER, -1):
            if self._text(pending[:cut]) + self._text(pending[cut:]) == whole:
                return cut
        return len(pending)
