"""Text survives the round trip, users cannot type special tokens, and streaming never shows half of a character."""

import base64
import json
from functools import cache

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers

from dgemma import chat
from dgemma.checkpoint import EMBEDDED
from dgemma.errors import CheckpointError, DgemmaError
from dgemma.tokenizer import MAX_IDS, SPECIAL_TOKENS, StreamingDetokenizer, Tokenizer
from dgemma.train.tokenizer import train_tokenizer

TOKENIZER = Tokenizer.from_file(EMBEDDED["tiny"] / "tokenizer.json")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@cache
def small_tokenizer() -> Tokenizer:
    """A byte-level vocabulary of a few words, as training makes it."""
    return Tokenizer(train_tokenizer(["The lamp of the keeper, the boat of the keeper.\n"] * 3, 320))


@cache
def byte_fallback_tokenizer(*, strips_first_space: bool) -> Tokenizer:
    """A vocabulary like those of sentencepiece: spaces are written as a mark, missing characters as byte tokens."""
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
def test_any_text_survives_the_round_trip(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(texts, st.sampled_from(SPECIAL_TOKENS), texts)
def test_typed_names_of_special_tokens_stay_text(before, name, after):
    text = before + name + after
    ids = TOKENIZER.encode(text)
    assert not any(TOKENIZER.is_special(token) for token in ids)
    assert TOKENIZER.decode(ids) == text


@given(texts, st.lists(st.integers(1, 4), max_size=30))
def test_streaming_in_pieces_of_any_size_gives_the_whole_text(text, sizes):
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
def test_streaming_any_ids_equals_decoding_them_at_once(name, skip_special, data):
    tokenizer = VOCABULARIES[name]()
    anything = st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=30)
    ids = data.draw(st.one_of(anything, texts.map(tokenizer.encode)))
    size = data.draw(st.integers(1, 9))
    stream = StreamingDetokenizer(tokenizer, skip_special=skip_special)
    shown = "".join(stream.push(ids[start : start + size]) for start in range(0, len(ids), size))
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
def test_broken_bytes_are_not_held_back_indefinitely(name):
    tokenizer = VOCABULARIES[name]()
    broken = tokenizer.encode("\u00ff")[-1]
    stream = StreamingDetokenizer(tokenizer)
    shown = "".join(stream.push([broken]) for _ in range(1000))
    assert len(shown) > 900 and set(shown) == {"\ufffd"}
    assert shown + stream.finish() == tokenizer.decode([broken] * 1000)


def test_a_long_run_of_byte_tokens_is_shown_while_it_is_streamed():
    tokenizer = byte_fallback_tokenizer(strips_first_space=False)
    text = "\U0001f514\u00e9" * 100
    stream = StreamingDetokenizer(tokenizer)
    shown = "".join(stream.push([token]) for token in tokenizer.encode(text))
    assert len(shown) > 150
    assert shown + stream.finish() == text


def test_control_tokens_listed_as_ordinary_are_still_special():
    backend = tokenizers.Tokenizer.from_str(TOKENIZER.backend.to_str())
    ordinary = tokenizers.Tokenizer(models.BPE(backend.get_vocab(), []))
    ordinary.add_tokens(["<|tool_call>"])
    tokenizer = Tokenizer(ordinary)
    assert tokenizer.encode("<|tool_call>") != [tokenizer.special_id("<|tool_call>")]
    assert tokenizer.encode("<|tool_call>", allow_special=True) == [tokenizer.special_id("<|tool_call>")]


def test_lone_surrogates_become_replacement_characters_and_pairs_are_joined():
    assert TOKENIZER.decode(TOKENIZER.encode("a\ud83db")) == "a\ufffdb"
    assert TOKENIZER.decode(TOKENIZER.encode("\ud83d\ude00")) == "\U0001f600"


def test_missing_and_invalid_tokenizer_files_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no tokenizer"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="not a readable"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def tokenizer_with(tmp_path, **parts) -> Tokenizer:
    """The embedded model's tokenizer with other parts, read from a file."""
    document = json.loads((EMBEDDED["tiny"] / "tokenizer.json").read_text(encoding="utf-8"))
    document["model"]["vocab"] |= parts.pop("vocab", {})
    document["added_tokens"] += parts.pop("added_tokens", [])
    (tmp_path / "tokenizer.json").write_text(json.dumps({**document, **parts}), encoding="utf-8")
    return Tokenizer.from_file(tmp_path / "tokenizer.json")


def replace_step(pattern: str, content: str) -> dict:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def split_step(expression: str) -> dict:
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}


def charsmap(table: bytes) -> dict:
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode()}


DOUBLED = [replace_step("h", "hh")]
ADDED = {"content": "x", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


@pytest.mark.parametrize(("parts", "message"), [
    ({"vocab": {"zz": 2**31}}, "token id 2147483648"),
    ({"added_tokens": [{**ADDED, "id": MAX_IDS}]}, f"token id {MAX_IDS}"),
    ({"normalizer": charsmap(b"\xff\xff\xff\xff")}, "precompiled_charsmap that is damaged"),
    ({"normalizer": charsmap(b"")}, "precompiled_charsmap that is damaged"),
    ({"normalizer": charsmap(b"\4\0\0\0" + b"\0" * 4 + b"long" * 999)}, "a normalizer with steps that make"),
    ({"normalizer": {"type": "Sequence", "normalizers": DOUBLED * 9}}, "a normalizer with steps that make"),
    ({"normalizer": {"normalizers": [{"normalizers": DOUBLED * 9}]}}, "a normalizer with steps that make"),
    ({"normalizer": {"type": "Prepend", "prepend": "x" * 10_000}}, "a normalizer with steps that make"),
    ({"normalizer": {"type": "Replace", "pattern": {"Regex": ""}, "content": "x" * 999}}, "normalizer with steps that"),
    ({"decoder": {"type": "Sequence", "decoders": DOUBLED * 9}}, "a decoder with steps that make"),
    ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split_step("a")] * 33}}, "a pre_tokenizer with 33 steps"),
    ({"pre_tokenizer": split_step("(")}, "is not a readable tokenizer.json"),
    ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Nothing"}]}}, "is not a readable tokenizer.json"),
])  # fmt: skip
def test_tokenizers_that_could_crash_the_process_are_refused(tmp_path, parts, message):
    with pytest.raises(CheckpointError, match=message) as raised:
        tokenizer_with(tmp_path, **parts)
    assert str(tmp_path / "tokenizer.json") in str(raised.value)


def test_tokenizers_within_the_bounds_are_read(tmp_path):
    steps = [{"type": "Prepend", "prepend": "\u2581"}, replace_step(" ", "\u2581"), {"type": "NFKC"}]
    whole = charsmap(b"\0\4\0\0" + b"\xff\3\0\0" * 256 + b"abc")
    normalizer = {"type": "Sequence", "normalizers": [*steps, whole, *DOUBLED * 4]}
    assert len(tokenizer_with(tmp_path, normalizer=normalizer).encode("h")) > 16
    assert tokenizer_with(tmp_path, added_tokens=[{**ADDED, "id": 1536, "content": "zzzz"}]).special_id("zzzz") == 1536


def test_a_duplicate_name_in_the_file_is_refused(tmp_path):
    written = (EMBEDDED["tiny"] / "tokenizer.json").read_text(encoding="utf-8").lstrip()
    (tmp_path / "tokenizer.json").write_text('{"normalizer": null,' + written[1:], encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"tokenizer.json is not a readable .* a name twice"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def test_an_oversized_file_is_not_read(tmp_path):
    with (tmp_path / "tokenizer.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(CheckpointError, match="has more than 256 MB"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def test_panics_of_the_library_become_errors_that_name_the_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"The vocabulary in .*tokenizer.json cannot encode this text"):
        tokenizer_with(tmp_path, pre_tokenizer=split_step("(a+)+$")).encode("a" * 40 + "! ha")
    ids = TOKENIZER.encode("a")
    strips = tokenizer_with(tmp_path, decoder={"type": "Strip", "content": "a", "start": 0, "stop": 9})
    for decode in (lambda: strips.decode(ids), lambda: strips.token_text(ids[0]), lambda: strips.token_texts(ids)):
        with pytest.raises(CheckpointError, match=r"The vocabulary in .*tokenizer.json cannot decode"):
            decode()
    unknown = {"type": "WordLevel", "unk_token": "q", "vocab": {}}
    with pytest.raises(CheckpointError, match=r"tokenizer.json cannot encode .*UNK"):
        tokenizer_with(tmp_path, model=unknown).encode("hi")


def test_an_interrupt_is_not_turned_into_an_error(monkeypatch):
    class Interrupted:
        def encode(self, *_, **__):
            raise KeyboardInterrupt

    tokenizer = Tokenizer(TOKENIZER.backend)
    monkeypatch.setattr(tokenizer, "_backend", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        tokenizer.encode("hi")


def test_digits_are_single_tokens_and_special_tokens_are_found_by_name():
    assert len(TOKENIZER.encode("2024")) == 4
    assert (TOKENIZER.eos_id, TOKENIZER.bos_id) == (1, 2)
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
    ours = chat.render(messages, TOKENIZER, template=chat.default_template())
    assert theirs.encode(rendered, add_special_tokens=False) == ours
