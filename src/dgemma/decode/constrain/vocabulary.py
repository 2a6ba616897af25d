"""The bytes of each token, and a trie of them.

Promises the exact bytes of every id for byte-level vocabularies and for those with byte-fallback tokens; special tokens
have none. The result is compared with the tokenizer's own decoding, so that another kind of vocabulary is refused and
never misread. Automata may also contain a few special tokens, each represented by a mark: a byte that is never in
UTF-8 text.

Shapes: N trie nodes, W tokens that have bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgemma.errors import CheckpointError
from dgemma.tokenizer import (
    CHANNEL_BEGIN,
    CHANNEL_END,
    REPLACEMENT_CHARACTER,
    STRING_DELIMITER,
    TOOL_CALL_BEGIN,
    TOOL_CALL_END,
    Tokenizer,
)

FIRST_MARK = 0xF8
"""Bytes from here on are not in UTF-8 text, which ends at 0xF4 (at 0xF7 in older definitions)."""

MARKS = {
    name: FIRST_MARK + rank
    for rank, name in enumerate((TOOL_CALL_BEGIN, TOOL_CALL_END, STRING_DELIMITER, CHANNEL_BEGIN, CHANNEL_END))
}
"""The byte that represents each of these special tokens in an automaton."""

SPACE_MARK = "\u2581"


def token_bytes(tokenizer: Tokenizer) -> dict[int, bytes]:
    """The bytes of every id that has any. Raises CheckpointError for an unsupported kind of vocabulary."""
    decoder = tokenizer.backend.decoder
    kinds = set() if decoder is None else _decoder_kinds(json.loads(decoder.__getstate__()))
    added = {index: token.content for index, token in tokenizer.backend.get_added_tokens_decoder().items()}
    byte_of = _byte_level_alphabet()
    byte_marks = set(map(chr, byte_of))
    found: dict[int, bytes] = {}
    for text, index in tokenizer.backend.get_vocab(with_added_tokens=True).items():
        if tokenizer.is_special(index) or not text:
            continue
        if index in added:
            written = added[index].encode()
        elif "ByteLevel" in kinds:
            in_bytes = byte_marks.issuperset(text)
            written = text.translate(byte_of).encode("latin-1") if in_bytes else text.encode()
        elif index in tokenizer.byte_token_ids:
            written = bytes([int(text[3:5], 16)])
        else:
            written = (text.replace(SPACE_MARK, " ") if "Replace" in kinds else text).encode()
        found[index] = written
    _compare(tokenizer, found)
    return found


def constrained_bytes(tokenizer: Tokenizer) -> dict[int, bytes]:
    """The bytes of each id in an automaton: its own if they may be UTF-8 text, or the mark of a special token."""
    text = {index: written for index, written in token_bytes(tokenizer).items() if max(written) < FIRST_MARK}
    return text | {
        tokenizer.special_id(name): bytes([mark]) for name, mark in MARKS.items() if tokenizer.has_special(name)
    }


def _compare(tokenizer: Tokenizer, found: Mapping[int, bytes]) -> None:
    """Raises CheckpointError if the tokenizer decodes a token to other bytes."""
    for (index, written), text in zip(found.items(), tokenizer.token_texts(found), strict=True):
        if REPLACEMENT_CHARACTER not in text and text.encode() != written:
            raise CheckpointError(
                f"This tokenizer decodes token {index} to {text!r}, but its bytes are {written!r}; "
                "schema, regex and choices need a byte-level or byte-fallback vocabulary."
            )


def _decoder_kinds(decoder: Mapping[str, object]) -> set[str]:
    inner = decoder.get("decoders")
    nested = (_decoder_kinds(item) for item in inner) if isinstance(inner, list) else ()
    return {str(decoder.get("type"))}.union(*nested)


def _byte_level_alphabet() -> dict[int, int]:
    """Code point -> byte in byte-level vocabularies: printable bytes are themselves, the others are from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: byte for byte in printable} | {256 + rank: byte for rank, byte in enumerate(others)}


@dataclass(frozen=True, kw_only=True)
class Trie:
    """A trie of the tokens' bytes with its root at node 0; nodes are numbered level by level.

    parent_N    the parent of each node
    byte_N      the byte on the edge from the parent
    level_ends  one past the last node of each level; the first, the root's, is 1
    node_W      the node where each token ends
    ids_W       the id of each token
    """

    parent_N: NDArray[np.int64]
    byte_N: NDArray[np.uint8]
    level_ends: tuple[int, ...]
    node_W: NDArray[np.int64]
    ids_W: NDArray[np.int64]


def build_trie(written: Mapping[int, bytes]) -> Trie:
    """The trie of the tokens; a token without bytes is left out."""
    texts = {index: text for index, text in written.items() if text}
    length_W = np.fromiter(map(len, texts.values()), np.int64, len(texts))
    first_W = np.cumsum(length_W) - length_W
    everything = np.frombuffer(b"".join(texts.values()), dtype=np.uint8)
    node_W = np.zeros(len(texts), dtype=np.int64)
    parents, last_bytes, ends = [np.zeros(1, np.int64)], [np.zeros(1, np.uint8)], [1]
    longer = np.arange(len(texts))
    while len(longer := longer[length_W[longer] >= len(ends)]):
        steps = node_W[longer] * 256 + everything[first_W[longer] + len(ends) - 1]
        edges, number = np.unique(steps, return_inverse=True)
        node_W[longer] = ends[-1] + number
        parents.append(edges // 256)
        last_bytes.append((edges % 256).astype(np.uint8))
        ends.append(ends[-1] + len(edges))
    return Trie(
        parent_N=np.concatenate(parents),
        byte_N=np.concatenate(last_bytes),
        level_ends=tuple(ends),
        node_W=node_W,
        ids_W=np.fromiter(texts, np.int64, len(texts)),
    )


def expand_runs(first: NDArray[np.int64], count: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Concatenates the ranges first[i] .. first[i] + count[i] -> (i of each element, the elements)."""
    owner = np.repeat(np.arange(len(count)), count)
    begin = np.cumsum(count) - count
    return owner, np.arange(len(owner)) - begin[owner] + first[owner]
