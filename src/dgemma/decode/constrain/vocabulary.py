"""The bytes that each token writes, and a trie of them.

Promises the exact bytes of every id for byte-level vocabularies and for those with byte-fallback tokens; special
tokens write nothing. What it finds is compared with the tokenizer's own decoding, so a third kind is refused and never
misread. In automata a few special tokens have a part: bytes that no UTF-8 text holds stand for them, the marks.

Shapes: N trie nodes, E trie edges, W tokens that write something.
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
"""From this byte on nothing is text: UTF-8 ends at 0xF4, and older definitions of it at 0xF7."""

MARKS = {
    name: FIRST_MARK + rank
    for rank, name in enumerate((TOOL_CALL_BEGIN, TOOL_CALL_END, STRING_DELIMITER, CHANNEL_BEGIN, CHANNEL_END))
}
"""The bytes that stand for special tokens."""

SPACE_MARK = "\u2581"


def token_bytes(tokenizer: Tokenizer) -> dict[int, bytes]:
    """The bytes of every id that writes any. Raises CheckpointError for a vocabulary of unknown kind."""
    kinds = _decoder_kinds(json.loads(tokenizer.backend.to_str()).get("decoder") or {})
    added = {index: token.content for index, token in tokenizer.backend.get_added_tokens_decoder().items()}
    byte_of = _byte_level_alphabet()
    found: dict[int, bytes] = {}
    for text, index in tokenizer.backend.get_vocab(with_added_tokens=True).items():
        if tokenizer.is_special(index) or not text:
            continue
        if index in added:
            written = added[index].encode()
        elif "ByteLevel" in kinds:
            written = bytes(byte_of[mark] for mark in text) if all(mark in byte_of for mark in text) else text.encode()
        elif index in tokenizer.byte_token_ids:
            written = bytes([int(text[3:5], 16)])
        else:
            written = (text.replace(SPACE_MARK, " ") if "Replace" in kinds else text).encode()
        found[index] = written
    _compare(tokenizer, found)
    return found


def constrained_bytes(tokenizer: Tokenizer) -> dict[int, bytes]:
    """What each id writes in an automaton: its bytes where they can be text, the mark of a special token with one."""
    text = {index: written for index, written in token_bytes(tokenizer).items() if max(written) < FIRST_MARK}
    return text | {
        tokenizer.special_id(name): bytes([mark]) for name, mark in MARKS.items() if tokenizer.has_special(name)
    }


def _compare(tokenizer: Tokenizer, found: Mapping[int, bytes]) -> None:
    for index, written in found.items():
        text = tokenizer.token_text(index)
        if REPLACEMENT_CHARACTER not in text and text.encode() != written:
            raise CheckpointError(
                f"This tokenizer writes token {index} as {text!r}, not as its bytes {written!r} say; "
                "schema, regex and choices need a byte-level or byte-fallback vocabulary."
            )


def _decoder_kinds(decoder: Mapping[str, object]) -> set[str]:
    inner = decoder.get("decoders")
    nested = (_decoder_kinds(item) for item in inner) if isinstance(inner, list) else ()
    return {str(decoder.get("type"))}.union(*nested)


def _byte_level_alphabet() -> dict[str, int]:
    """The characters that stand for bytes in byte-level vocabularies: themselves if printable, else from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + rank): byte for rank, byte in enumerate(others)}


@dataclass(frozen=True, kw_only=True)
class Trie:
    """Every token as a path of bytes from node 0.

    Node n's edges are first_N[n] .. first_N[n] + count_N[n], each with its byte and the node it leads to. Its tokens
    are ids_W[first_id_N[n]] .. + id_count_N[n].
    """

    first_N: NDArray[np.int64]
    count_N: NDArray[np.int64]
    byte_E: NDArray[np.int64]
    node_E: NDArray[np.int64]
    first_id_N: NDArray[np.int64]
    id_count_N: NDArray[np.int64]
    ids_W: NDArray[np.int64]


def build_trie(written: Mapping[int, bytes]) -> Trie:
    """The trie of all the tokens' bytes."""
    children: list[dict[int, int]] = [{}]
    ids: list[list[int]] = [[]]
    for index, text in written.items():
        node = 0
        for byte in text:
            if byte not in children[node]:
                children[node][byte] = len(children)
                children.append({})
                ids.append([])
            node = children[node][byte]
        ids[node].append(index)
    counts, id_counts = np.array([len(edges) for edges in children]), np.array([len(own) for own in ids])
    return Trie(
        first_N=np.cumsum(counts) - counts,
        count_N=counts,
        byte_E=np.array([byte for edges in children for byte in edges], dtype=np.int64),
        node_E=np.array([node for edges in children for node in edges.values()], dtype=np.int64),
        first_id_N=np.cumsum(id_counts) - id_counts,
        id_count_N=id_counts,
        ids_W=np.array([index for own in ids for index in own], dtype=np.int64),
    )


def spread(first: NDArray[np.int64], count: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Runs first[i] .. first[i] + count[i], one after the other -> (i of each element, the element)."""
    owner = np.repeat(np.arange(len(count)), count)
    begin = np.cumsum(count) - count
    return owner, np.arange(len(owner)) - begin[owner] + first[owner]
