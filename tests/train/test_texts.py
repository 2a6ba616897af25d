"""Loading natural text from a small folder made here: cleaning, splitting into sentences, holding out, and errors."""

import json
import lzma
from pathlib import Path

import pytest

from dgemma.errors import DataError
from dgemma.train import texts

STORY = (
    "Once there was a boat on the lake number {}. It had a white sail.\nThe wind blew, and the boat sailed far away."
)
BOOK = """The Project Gutenberg eBook of Nothing
Produced by Nobody in particular at all.
*** START OF THE PROJECT GUTENBERG EBOOK NOTHING
AT ALL ***

CHAPTER ONE

It was a bright cold day in the village. Mr. Smith, who lived
on the hill, looked out of his window. \u201cThe cat is gone! Where can it be?\u201d he cried.

     Verse is indented and stays out.
     It has short lines.

The caf\u00e9 was _very_ full that day. She said nothing (as usual) to them. The old caf\u00e9 had closed its doors.

*** END OF THE PROJECT GUTENBERG EBOOK NOTHING ***
Most people start at our website to read more books.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    stories = [STORY.format(number) for number in range(300)]
    (tmp_path / "tinystories.txt").write_text("\n<|endoftext|>\n".join([*stories, stories[0], "Too short."]))
    tale = {"name": "Tale", "sections": ["The king had three sons. \n\nThey all went\nto the wood."]}
    (tmp_path / "fairytaleqa_stories.json").write_text(json.dumps([tale]))
    (tmp_path / "gutenberg").mkdir()
    (tmp_path / "gutenberg" / "nothing.txt").write_text(BOOK, encoding="utf-8")
    problem = {"question": "Ann has 2 pens and  buys 3. How many?", "answer": "<<2+3=5>>5\n#### 5"}
    (tmp_path / "gsm8k_train.jsonl").write_text(json.dumps(problem) + "\n\n")
    senses = [
        {"members": ["boat", "Big Boat"], "definition": ["a small vessel"], "examples": ["the boat was late today"]},
        {"members": ["odd"], "definition": ["(of numbers) not divisible by two"], "examples": ["an odd old number"]},
    ]
    with lzma.open(tmp_path / "wordnet_definitions.jsonl.xz", "wt") as file:
        file.writelines(json.dumps(sense) + "\n" for sense in senses)
    rows = ["puzzle,solution", *(f"{number:081d},{number + 1:081d}" for number in range(400))]
    (tmp_path / "sudoku_diabolical.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_everything_is_read_and_cleaned(folder: Path) -> None:
    train, held_out = texts.load_texts(folder)
    sentences = {*train.sentences, *held_out.sentences}
    assert sentences > {
        "The king had three sons.",
        "They all went to the wood.",
        "It was a bright cold day in the village.",
        "Mr. Smith, who lived on the hill, looked out of his window.",
        '"The cat is gone! Where can it be?" he cried.',
        "The old cafe had closed its doors.",
        "The boat was late today.",
        "The wind blew, and the boat sailed far away.",
    }
    assert not [
        sentence for sentence in sentences if "Verse" in sentence or "website" in sentence or "Nobody" in sentence
    ]
    assert not [sentence for sentence in sentences if "_" in sentence or "(" in sentence or "odd" in sentence]
    assert {*train.definitions, *held_out.definitions} == {
        ("boat", "a small vessel"),
        ("odd", "not divisible by two"),
    }
    assert [*train.word_problems, *held_out.word_problems] == [
        ("Ann has 2 pens and buys 3. How many?", "<<2+3=5>>5\n#### 5")
    ]
    assert len(train.stories) + len(held_out.stories) == 300


def test_training_and_held_out_texts_are_disjoint_and_the_same_every_time(folder: Path) -> None:
    train, held_out = texts.load_texts(folder)
    for name in ("sentences", "stories", "definitions", "word_problems", "sudoku"):
        first, second = getattr(train, name), getattr(held_out, name)
        assert not set(first) & set(second)
        assert len(set(first)) == len(first)
    assert 0 < len(held_out.sudoku) < 40
    assert 0 < len(held_out.stories) < 30
    assert texts.load_texts(str(folder)) == (train, held_out)


def test_sentences_are_in_the_same_part_as_their_story(folder: Path) -> None:
    _, held_out = texts.load_texts(folder)
    numbers = {story.split(".")[0].split()[-1] for story in held_out.stories}
    assert {sentence.split()[-1].rstrip(".") for sentence in held_out.sentences if "number" in sentence} == numbers


def test_another_file_does_not_move_texts_between_the_parts(folder: Path) -> None:
    before = texts.load_texts(folder)
    (folder / "gsm8k_train.jsonl").unlink()
    after = texts.load_texts(folder)
    assert [part.sudoku for part in after] == [part.sudoku for part in before]
    assert [part.sentences for part in after] == [part.sentences for part in before]
    assert after[0].word_problems == after[1].word_problems == ()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("The dog ran to the gate.", True),
        ('"Where is my hat?" asked the man.', True),
        ("the dog ran to the gate.", False),
        ("The dog ran to the gate", False),
        ("Go home now.", False),
        ('"Where is my hat, asked the man.', False),
        ("The dog [a hound] ran to the gate.", False),
        ("The dog ran -- and ran -- to the gate.", False),
        ("'Oh dear,' thought the little girl.", False),
        ("The dog ran to the gate of Mr.", False),
        ("The dog ran to the ca\u00f1on at noon.", False),
        ("The dog ran to the gate, " + "and ran on, " * 20 + "and slept.", False),
    ],
)
def test_is_sentence_accepts_only_clean_sentences(text: str, clean: bool) -> None:
    assert texts.is_sentence(text) is clean


def test_missing_empty_and_broken_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        texts.load_texts(tmp_path / "nowhere")
    with pytest.raises(DataError, match="No training text in"):
        texts.load_texts(tmp_path)
    (tmp_path / "gsm8k_train.jsonl").write_text("{not json\n")
    with pytest.raises(DataError, match=r"gsm8k_train\.jsonl is not in the form expected"):
        texts.load_texts(tmp_path)
