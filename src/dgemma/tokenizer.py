"""Text to token ids and back, special ids by name, and a detokenizer for text that arrives in pieces.

Promises: text from a user never becomes a special token unless `allow_special=True` is asked for, `decode` undoes
`encode` for byte-level and byte-fallback vocabularies, and the streaming detokenizer never shows half of a character.
One `Tokenizer` may be used from several threads at once: nothing in it changes after construction.
Does not know turns, roles, thinking or tools; those are `chat`'s.
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
# No tokenizer spreads the bytes of one character over more tokens than the character has bytes.
MAX_TOKENS_PER_CHARACTER = 4
# A run of byte tokens this long is shown before it ends; without a limit a stream of them would cost quadratic time.
MAX_PENDING_TOKENS = 64


_LONG = 10_000
"""Characters that take so long to encode that other threads would notice."""

MOST_IDS = 1 << 24
"""More than any vocabulary has; the library makes a table as long as the largest id, which may be more than memory."""
_MOST_BYTES = 1 << 28  # of a tokenizer.json; the released one has 32 MB
_MOST_STEPS, _MOST_GROWTH = 32, 256
# What the steps do to each character that does not change its length by itself; all others keep it nearly.
_GROWTH = {"ByteLevel": 2, "Metaspace": 2, "CTC": 2, "BPEDecoder": 2}


class Tokenizer:
    """A `tokenizers.Tokenizer` with safe encoding and named special ids."""

    def __init__(self, backend: tokenizers.Tokenizer, file: Path | None = None) -> None:
        """file: the tokenizer.json that `backend` was just read from, for errors; such a backend is not copied."""
        self._name = f"The vocabulary in {file}" if file else "The model's vocabulary"
        with self._faults("cannot be used"):
            # The backend is changed below, and callers may go on using theirs.
            self._backend = backend if file else tokenizers.Tokenizer.from_str(backend.to_str())
            self._backend.no_truncation()
            self._backend.no_padding()
            _mark_control_tokens_special(self._backend)
        # From here on the backend reads special tokens in text as plain text; `encode` finds those it is allowed to.
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
        """Read a `tokenizer.json`."""
        path = Path(path)
        if not path.is_file():
            raise CheckpointError(f"There is no tokenizer at {path}. Copy the model's tokenizer.json there.")
        try:
            with path.open("rb") as file:
                written = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
        if len(written) > _MOST_BYTES:
            raise CheckpointError(
                f"{path} has more than {_MOST_BYTES >> 20} MB, as no tokenizer has. Download it again."
            )
        with _rust_faults(f"{path} is not a readable tokenizer.json"):
            try:
                text = written.decode()
                _check_sizes(json.loads(text, object_pairs_hook=_once_each), path)
            except (ValueError, RecursionError) as error:
                raise CheckpointError(
                    f"{path} is not a readable tokenizer.json ({error}). Download it again."
                ) from error
            return cls(tokenizers.Tokenizer.from_str(text), path)

    @property
    def backend(self) -> tokenizers.Tokenizer:
        """The wrapped tokenizer, for those who need its vocabulary; it must not be changed."""
        return self._backend

    @property
    def vocab_size(self) -> int:
        return self._backend.get_vocab_size(with_added_tokens=True)

    @property
    def special_ids(self) -> dict[str, int]:
        """Every special token by name, as a new dictionary."""
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

    @property
    def pad_id(self) -> int:
        return self.special_id(PAD)

    def has_special(self, name: str) -> bool:
        return name in self._special_ids

    def special_id(self, name: str) -> int:
        """The id of a special token; a `CheckpointError` names it when this vocabulary has none."""
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
        """One token alone as text: special tokens by name, parts of a character as U+FFFD."""
        return self._decoded([token_id], skip_special=False)

    def token_texts(self, token_ids: Iterable[int]) -> list[str]:
        """`token_text` of each of these, all at once."""
        with self._faults("cannot decode its tokens"):
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
        """The text cut so that each name of a special token in it is a piece of its own; no piece is empty."""
        pieces = [text] if self._special_pattern is None else self._special_pattern.split(text)
        return [piece for piece in pieces if piece]

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """Ids to text. Ids outside the vocabulary give no text."""
        return self._decoded([token for token in ids if token >= 0], skip_special)

    def _decoded(self, ids: list[int], skip_special: bool) -> str:
        with self._faults("cannot decode these tokens"):
            return self._backend.decode(ids, skip_special_tokens=skip_special)

    def _encode_plain(self, text: str) -> list[int]:
        try:
            text.encode()
        except UnicodeEncodeError:
            # Lone surrogates reach us from JSON; pairs are joined, the rest becomes U+FFFD.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        with self._faults("cannot encode this text"):
            if len(text) > _LONG:
                # For a batch it lets go of the interpreter's lock, which other threads would miss for seconds.
                return self._backend.encode_batch([text], add_special_tokens=False)[0].ids
            return self._backend.encode(text, add_special_tokens=False).ids

    def _faults(self, problem: str) -> AbstractContextManager[None]:
        return _rust_faults(f"{self._name} {problem}")


@contextmanager
def _rust_faults(problem: str) -> Iterator[None]:
    """What the library raises of its own, as a CheckpointError of that beginning: bare Exceptions, and panics of its
    Rust code, which are BaseExceptions of a class that cannot be imported."""
    try:
        yield
    except BaseException as error:
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise CheckpointError(f"{problem} ({error}). Use the tokenizer.json that belongs to the model.") from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Of a name that stands there twice, the one that is checked need not be the one that is used."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("an object has a name twice")
    return found


def _check_sizes(document: Any, path: Path) -> None:
    """Refuses what ends the process, not the call: ids that make too long a table, and texts that grow without end."""
    told = "Use the tokenizer.json that belongs to the model."
    document = document if isinstance(document, Mapping) else {}
    model, added = document.get("model"), document.get("added_tokens")
    vocabulary = model.get("vocab") if isinstance(model, Mapping) else None
    ids = list(vocabulary.values()) if isinstance(vocabulary, Mapping) else []
    ids += [token.get("id") for token in added if isinstance(token, Mapping)] if isinstance(added, list) else []
    largest = max((one for one in ids if isinstance(one, int)), default=0)
    if largest >= MOST_IDS:
        raise CheckpointError(f"{path} has the token id {largest}, which no vocabulary needs. {told}")
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        growths = [_growth(step) for step in _steps(document.get(part))]
        if len(growths) > _MOST_STEPS or prod(growths) > _MOST_GROWTH:
            problem = f"{len(growths)} steps" if len(growths) > _MOST_STEPS else "steps that make a text far longer"
            raise CheckpointError(f"{path} has a {part} with {problem}, as no model has. {told}")


def _steps(part: Any) -> Iterator[Mapping[str, Any]]:
    """The steps of a normalizer, pre-tokenizer or decoder, those of sequences one by one."""
    if not isinstance(part, Mapping):
        return
    inner = [part[name] for name in ("normalizers", "pretokenizers", "decoders") if isinstance(part.get(name), list)]
    if part.get("type") != "Sequence" or not inner:
        yield part
    for steps in inner:
        for step in steps:
            yield from _steps(step)


def _growth(step: Mapping[str, Any]) -> int:
    """How many times longer a step may make a text, rounded up."""
    if "precompiled_charsmap" in step:
        return _charsmap_growth(step["precompiled_charsmap"])
    kind, pattern, new = step.get("type"), step.get("pattern"), step.get("content", step.get("prepend"))
    if isinstance(new, str) and ("pattern" in step or "prepend" in step):
        old = pattern.get("String") if isinstance(pattern, Mapping) else None
        # What a regular expression finds may be empty, between any two characters.
        return max(1, -(-len(new) // len(old))) if isinstance(old, str) and old else 1 + len(new)
    return _GROWTH.get(kind, 1) if isinstance(kind, str) else 2


def _charsmap_growth(charsmap: Any) -> int:
    """The same of sentencepiece's table: the size of its index, the index, and texts that end with a zero."""
    table = base64.b64decode(charsmap if isinstance(charsmap, str) else "", validate=True)
    size = int.from_bytes(table[:4], "little")
    # The library makes room for an index of any size.
    if len(table) < 4 or size % 4 or size > len(table) - 4:
        raise ValueError("a precompiled_charsmap that is damaged")
    return 1 + max(len(text.decode(errors="replace")) for text in table[4 + size :].split(b"\0"))


def _mark_control_tokens_special(backend: tokenizers.Tokenizer) -> None:
    """Make special every known control token that the file lists as an ordinary added token.

    Some published files do so for the tool tokens, and a user who types one would then write a real tool call.
    """
    ordinary = {token.content for token in backend.get_added_tokens_decoder().values() if not token.special}
    found = [name for name in SPECIAL_TOKENS if name in ordinary]
    backend.add_special_tokens([tokenizers.AddedToken(name, normalized=False, special=True) for name in found])


class StreamingDetokenizer:
    """Ids in pieces to text in pieces; the pieces joined equal `decode` of all ids.

    `push` returns the text that later ids cannot change. Ids whose text is still open wait in `_pending`; each push
    decodes those few again, together with one earlier token as context for decoders that strip the first space.
    """

    def __init__(self, tokenizer: Tokenizer, *, skip_special: bool = True) -> None:
        self._tokenizer = tokenizer
        self._skip_special = skip_special
        self._context: list[int] = []
        self._pending: list[int] = []

    def push(self, ids: Iterable[int]) -> str:
        """Take ids and return the text that became final."""
        pieces = []
        for token_id in ids:
            if self._skip_special and self._tokenizer.is_special(token_id):
                continue
            self._pending.append(token_id)
            # Taking the ids in bounded portions keeps the cost linear however many arrive at once.
            if len(self._pending) >= MAX_PENDING_TOKENS:
                pieces.append(self._release(self._final_length()))
        pieces.append(self._release(self._final_length()))
        return "".join(pieces)

    def finish(self) -> str:
        """Return what still waits, an incomplete character as U+FFFD, and begin anew."""
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
        """How many pending ids have text that is final."""
        pending = self._pending
        length = len(pending)
        if length < MAX_PENDING_TOKENS:
            # A byte-fallback decoder judges a whole run of byte tokens at once, so the run must have ended.
            while length and pending[length - 1] in self._tokenizer.byte_token_ids:
                length -= 1
        for cut in range(length, max(length - MAX_TOKENS_PER_CHARACTER, 0), -1):
            if not self._text(pending[:cut]).endswith(REPLACEMENT_CHARACTER):
                return cut
        if len(pending) < MAX_PENDING_TOKENS:
            return 0
        # Only broken bytes: cut where both halves decode alone as they do together, so that no character is split.
        whole = self._text(pending)
        for cut in range(len(pending) - 1, len(pending) - 1 - MAX_TOKENS_PER_CHARACTER, -1):
            if self._text(pending[:cut]) + self._text(pending[cut:]) == whole:
                return cut
        return len(pending)
