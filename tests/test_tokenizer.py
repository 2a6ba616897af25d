"""Text survives the tokenizer, users cannot type special tokens, and streaming never shows half of a character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dgemma
from dgemma.api import EMBEDDED
from dgemma.errors import DgemmaError
from dgemma.tokenizer import SPECIAL_TOKENS, StreamingDetokenizer, Tokenizer

TOKENIZER = Tokenizer.from_file(EMBEDDED["tiny"] / "tokenizer.json")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


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
    ours = dgemma.chat.render(messages, TOKENIZER)
    assert theirs.encode(rendered, add_special_tokens=False) == ours
