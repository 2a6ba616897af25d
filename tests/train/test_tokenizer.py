"""Learnt vocabularies: fixed low ids, single digits, every byte, and files that transformers loads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from dgemma.errors import DataError
from dgemma.tokenizer import SPECIAL_TOKENS, Tokenizer
from dgemma.train.tokenizer import SMALLEST_VOCABULARY, tokenizer_config, train_tokenizer

TEXTS = [
    "The keeper lit the lamp, and the harbour lay quiet; it's 12 o'clock.\n\nThe keeper's boat waits.",
    '{"name": "Ada", "year": 1843}\n    def keep(lamp):\n        return lamp + 1\n',
]
BACKEND = train_tokenizer(TEXTS * 3, 360)
TOKENIZER = Tokenizer(BACKEND)


def test_special_tokens_have_the_first_ids_in_order_and_all_bytes_follow():
    assert [BACKEND.token_to_id(name) for name in SPECIAL_TOKENS] == list(range(len(SPECIAL_TOKENS)))
    assert all(BACKEND.token_to_id(letter) is not None for letter in pre_tokenizers.ByteLevel.alphabet())
    assert SMALLEST_VOCABULARY < TOKENIZER.vocab_size <= 360


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_every_text_survives_the_round_trip(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(st.text("0123456789\n .,-aé", max_size=40))
def test_a_digit_or_newline_is_always_a_token_of_its_own(text):
    pieces = [TOKENIZER.token_text(token) for token in TOKENIZER.encode(text)]
    assert all(len(piece) == 1 for piece in pieces if any(letter in "0123456789\n" for letter in piece))


def test_words_include_their_space_and_punctuation_is_separate():
    pieces = [TOKENIZER.token_text(token) for token in TOKENIZER.encode("The keeper's lamp, the boat")]
    assert pieces == ["The", " keeper", "'s", " lamp", ",", " the", " boat"]


def test_names_of_special_tokens_in_the_texts_are_not_learnt():
    plain = train_tokenizer(["lamp", "boat"] * 9, 300)
    assert train_tokenizer(["<|turn>lamp<turn|>boat"] * 9, 300).get_vocab() == plain.get_vocab()


def test_the_same_texts_give_the_same_vocabulary():
    assert train_tokenizer(TEXTS * 3, 360).get_vocab() == BACKEND.get_vocab()


def test_a_vocabulary_without_room_for_the_bytes_is_refused():
    with pytest.raises(DataError, match=str(SMALLEST_VOCABULARY)):
        train_tokenizer(TEXTS, SMALLEST_VOCABULARY - 1)


def test_transformers_loads_the_folder_and_agrees(tmp_path):
    transformers = pytest.importorskip("transformers")
    BACKEND.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(tokenizer_config()))
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    text = "<|turn>user\nThe  lamp, 42\n\n<turn|>"
    assert theirs.encode(text) == TOKENIZER.encode(text, allow_special=True)
    assert theirs.decode(theirs.encode(text)) == text
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id, theirs.unk_token_id) == (2, 1, 0, 3)
    assert set(theirs.all_special_tokens) == set(SPECIAL_TOKENS)
