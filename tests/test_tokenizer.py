"""Text survives the tokenizer, users cannot type special tokens, and streaming never shows half of a character."""

from functools import cache

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers

import dgemma
from dgemma.checkpoint import EMBEDDED
from dgemma.errors import CheckpointError, DgemmaError
from dgemma.tokenizer import SPECIAL_TOKENS, StreamingDetokenizer, Tokenizer
from dgemma.train.tokenizer import train_tokenizer

TOKENIZER = Tokenizer.from_file(EMBEDDED["tiny"] / "tokenizer.json")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@cache
def small_tokenizer() -> Tokenizer:
    """A byte-level vocabulary of a few words, as training makes it."""
    return Tokenizer(train_tokenizer(["The lamp of the keeper, the boat of the keeper.\n"] * 3, 320))


@cache
def byte_fallback_tokenizer(*, strips_first_space: bool) -> Tokenizer:
    """A vocabulary in the manner of sentencepiece: spaces written as a mark, byte tokens for what it lacks."""
    words = ["<unk>", "<eos>", "\u2581", *"abcdefg", *(f"<0x{byte:02X}>" for byte in range(256))]
    merges = [("\u2581", "a"), ("b", "c")]
    vocabulary = {word: number for number, word in enumerate([*words, *("".join(merge) for merge in merges)])}
    backend = tokenizers.Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", "\u2581")
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    if strips_first_space:
        steps.append(decoders.Strip(" ", 1, 0))
    backend.decoder = decoders.Sequence(steps)
    backend.add_special_tokens(["<eos>"])
    return Tokenizer(backend)


VOCABULARIES = {
    "byte-level": small_tokenizer,
    "byte fallback": lambda: byte_fallback_tokenizer(strips_first_space=False),
    "byte fallback, first space stripped": lambda: byte_fallback_tokenizer(strips_first_space=True),
}


@given(texts)
def test_any_text_comes_back(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(texts, st.sampled_from(SPECIAL_TOKENS), texts)
def test_typed_names_of_special_tokens_stay_text(before, name, after):
    text = before + name + after
    ids = TOKENIZER.encode(text)
    assert not any(TOKENIZER.is_special(token) for token in ids)
    assert TOKENIZER.decode(ids) == text


@given(texts, st.lists(st.integers(1, 4), max_size=30))
def test_streaming_in_any_pieces_gives_the_whole_text(text, sizes):
    ids = TOKENIZER.encode(text)
    stream, shown = StreamingDetokenizer(TOKENIZER), ""
    for size in [*sizes, len(ids) + 1]:
        piece, ids = ids[:size], ids[size:]
        shown += stream.push(piece)
        assert text.startswith(shown)
    assert shown + stream.finish() == text


@pytest.mark.parametrize("name", VOCABULARIES)
@pytest.mark.parametrize("skip_special", [True, False])
@given(data=st.data())
def test_streaming_any_ids_gives_what_decoding_them_all_gives(name, skip_special, data):
    tokenizer = VOCABULARIES[name]()
    anything = st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=30)
    ids = data.draw(st.one_of(anything, texts.map(tokenizer.encode)))
    size = data.draw(st.integers(1, 9))
    stream = StreamingDetokenizer(tokenizer, skip_special=skip_special)
    shown = "".join(stream.push(ids[at : at + size]) for at in range(0, len(ids), size))
    whole = tokenizer.decode(ids, skip_special=skip_special)
    assert whole.startswith(shown)
    assert shown + stream.finish() == whole


@pytest.mark.parametrize("name", VOCABULARIES)
def test_text_is_shown_as_soon_as_it_is_final(name):
    tokenizer = VOCABULARIES[name]()
    stream = StreamingDetokenizer(tokenizer)
    assert stream.push(tokenizer.encode("a b")) == "a b"
    bell, after = tokenizer.encode("\U0001f514"), tokenizer.encode("c")
    assert "".join(stream.push([token]) for token in bell[:-1]) == ""
    assert stream.push([bell[-1]]) + stream.push(after) == "\U0001f514c"
    assert stream.finish() == ""


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_stream_of_broken_bytes_is_not_held_back_for_ever(name):
    tokenizer = VOCABULARIES[name]()
    broken = tokenizer.encode("\u00ff")[-1]
    stream = StreamingDetokenizer(tokenizer)
    shown = "".join(stream.push([broken]) for _ in range(1000))
    assert len(shown) > 900 and set(shown) == {"\ufffd"}
    assert shown + stream.finish() == tokenizer.decode([broken] * 1000)


def test_a_long_run_of_byte_tokens_is_shown_on_the_way():
    tokenizer = byte_fallback_tokenizer(strips_first_space=False)
    text = "\U0001f514\u00e9" * 100
    stream = StreamingDetokenizer(tokenizer)
    shown = "".join(stream.push([token]) for token in tokenizer.encode(text))
    assert len(shown) > 150
    assert shown + stream.finish() == text


def test_control_tokens_that_a_file_lists_as_ordinary_are_special_all_the_same():
    backend = tokenizers.Tokenizer.from_str(TOKENIZER.backend.to_str())
    ordinary = tokenizers.Tokenizer(models.BPE(backend.get_vocab(), []))
    ordinary.add_tokens(["<|tool_call>"])
    tokenizer = Tokenizer(ordinary)
    assert tokenizer.encode("<|tool_call>") != [tokenizer.special_id("<|tool_call>")]
    assert tokenizer.encode("<|tool_call>", allow_special=True) == [tokenizer.special_id("<|tool_call>")]


def test_lone_surrogates_become_replacement_characters_and_pairs_are_joined():
    assert TOKENIZER.decode(TOKENIZER.encode("a\ud83db")) == "a\ufffdb"
    assert TOKENIZER.decode(TOKENIZER.encode("\ud83d\ude00")) == "\U0001f600"


def test_files_that_are_no_tokenizer_are_told(tmp_path):
    with pytest.raises(CheckpointError, match="no tokenizer"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="not a readable"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def test_digits_stand_alone_and_special_ids_have_names():
    assert len(TOKENIZER.encode("2024")) == 4
    assert (TOKENIZER.pad_id, TOKENIZER.eos_id, TOKENIZER.bos_id) == (0, 1, 2)
    assert TOKENIZER.encode("hi", add_bos=True)[0] == 2
    assert TOKENIZER.encode("<|turn>", allow_special=True) == [TOKENIZER.special_id("<|turn>")]
    with pytest.raises(DgemmaError, match="nosuch"):
        TOKENIZER.special_id("<nosuch>")


def test_transformers_loads_the_folder():
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(EMBEDDED["tiny"])
    text = "Solve this Sudoku:\n1030\n0402, please."
    assert theirs.encode(text, add_special_tokens=False) == TOKENIZER.encode(text)
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (2, 1, 0)
    messages = [{"role": "user", "content": "Hello there"}]
    rendered = theirs.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    ours = dgemma.chat.render(messages, TOKENIZER, template=dgemma.chat.default_template())
    assert theirs.encode(rendered, add_special_tokens=False) == ours
