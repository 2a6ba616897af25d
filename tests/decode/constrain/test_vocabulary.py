"""The bytes of every id, for both kinds of vocabulary, and the automata over them."""

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models

from dgemma.checkpoint import EMBEDDED
from dgemma.decode.constrain import ConstraintCompiler, choice, description, json_schema, regex, token_automaton
from dgemma.decode.constrain.vocabulary import build_trie, token_bytes
from dgemma.errors import CheckpointError, UsageError
from dgemma.tokenizer import Tokenizer


def byte_level() -> Tokenizer:
    return Tokenizer.from_file(EMBEDDED["tiny"] / "tokenizer.json")


def byte_fallback(*steps: object) -> Tokenizer:
    """As the released model has it: a mark for spaces, and tokens for single bytes."""
    names = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    names += ["\u2581", "a", "é", "\u2581a", "日"]
    vocabulary = {name: index for index, name in enumerate(names)}
    backend = tokenizers.Tokenizer(models.BPE(vocabulary, [("\u2581", "a")], unk_token="<unk>", byte_fallback=True))
    chain = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), *steps]
    backend.decoder = decoders.Sequence(chain)  # pyright: ignore[reportAttributeAccessIssue]
    backend.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>"])
    backend.add_tokens(["<plain>"])
    return Tokenizer(backend)


@pytest.mark.parametrize("make", [byte_level, byte_fallback])
@pytest.mark.parametrize("text", ["Grüße, 日本 \U0001f600!\n\t", ' {"a": "\\""}', "\x00\x7f\xa0"])
def test_the_bytes_of_a_texts_ids_are_the_text(make, text):
    tokenizer = make()
    written = token_bytes(tokenizer)
    assert b"".join(written[index] for index in tokenizer.encode(text)) == text.encode()
    assert not set(written) & set(tokenizer.special_ids.values())
    assert {bytes([byte]) for byte in range(256)} <= set(written.values())


def test_added_tokens_write_their_names_and_special_ones_nothing():
    tokenizer = byte_fallback()
    written = token_bytes(tokenizer)
    assert written[tokenizer.vocab_size - 1] == b"<plain>" and tokenizer.eos_id not in written


def test_a_vocabulary_that_writes_otherwise_is_refused():
    with pytest.raises(CheckpointError, match="byte-level or byte-fallback"):
        token_bytes(byte_fallback(decoders.Strip(" ", 1, 0)))


def test_the_trie_holds_every_token_once():
    written = {3: b"ab", 4: b"a", 5: b"ab", 9: b"b"}
    trie = build_trie(written)
    assert sorted(trie.ids_W.tolist()) == [3, 4, 5, 9]
    assert trie.level_ends == (1, 3, 4) and trie.parent_N.tolist() == [0, 0, 0, 1]
    assert bytes(trie.byte_N[1:]) == b"abb"


@given(st.dictionaries(st.integers(0, 99), st.binary(max_size=5)))
def test_every_tokens_path_spells_its_bytes(written):
    trie = build_trie(written)
    spelled = {}
    for index, node in zip(trie.ids_W.tolist(), trie.node_W.tolist(), strict=True):
        backwards = []
        while node:
            backwards.append(int(trie.byte_N[node]))
            node = int(trie.parent_N[node])
        spelled[index] = bytes(reversed(backwards))
    assert spelled == {index: text for index, text in written.items() if text}
    distinct = {text[:length] for text in written.values() for length in range(len(text) + 1)} | {b""}
    assert len(trie.parent_N) == trie.level_ends[-1] == len(distinct)


def test_automata_are_made_once_and_the_oldest_forgotten(monkeypatch):
    monkeypatch.setattr(description, "MAX_KEPT", 2)
    compiler = ConstraintCompiler(byte_level(), vocab_size=1536, end_ids=(1, 5))
    first = compiler.compile(regex("a+"))
    assert compiler.compile(regex("a+")) is first
    compiler.compile(choice(["a", "b"]))
    compiler.compile(json_schema({"type": "null"}))
    assert compiler.compile(regex("a+")) is not first


@pytest.mark.parametrize("limit", ["MAX_TRANSITIONS", "MAX_ENTRIES"])
def test_an_automaton_that_is_too_much_is_refused(monkeypatch, limit):
    compiler = ConstraintCompiler(byte_level(), vocab_size=1536, end_ids=(1, 5))
    compiler.compile(regex("[0-9]{1,40}"))
    monkeypatch.setattr(token_automaton, limit, 30)
    with pytest.raises(UsageError, match="lower its maximum lengths"):
        compiler.compile(regex("[0-9]{1,41}"))


def test_ids_outside_the_network_and_end_ids_write_no_text():
    tokenizer = byte_level()
    text_id = tokenizer.encode("a")[0]
    automaton = ConstraintCompiler(tokenizer, vocab_size=200, end_ids=(1, text_id)).compile(regex("[ab]+"))
    assert len(automaton.group_V) == 200
    with pytest.raises(UsageError, match=f"Token {text_id} is not"):
        automaton.after(0, [text_id])
    with pytest.raises(UsageError, match="no end token"):
        ConstraintCompiler(tokenizer, vocab_size=200, end_ids=())
