"""The story task: subjects read from stories, cuts at sentence ends, a check that rejects babble."""

from random import Random

import pytest

from dgemma.evals.example import Example, Split, Texts
from dgemma.evals.tasks import story

SHORT = (
    "Once upon a time, there was a brave little fox named Rufus. Rufus loved to run in the tall grass. One day he "
    "found a red ball near the river. He rolled the ball to his friend, and they played all day. When the sun went "
    "down, Rufus carried the ball home and fell asleep beside it."
)
LONG = (
    SHORT + "\n" + '"What a fine day it was!" said his mother. "Tomorrow you may play again."\n' + "He was glad. " * 40
)
TEXTS = Texts(stories=(SHORT, LONG))


def draw(split: Split, number: int, texts: Texts) -> list[Example]:
    random = Random(split)
    return [story.generate(random, split, texts) for _ in range(number)]


@pytest.mark.parametrize(
    ("beginning", "subject"),
    [
        ("Once upon a time, there was a brave little dog. The dog was happy.", "a brave little dog"),
        ("Once upon a time there was a girl named Lily. She liked to sing.", "a girl named Lily"),
        ("Ben and Sam were brothers. They liked to play.", "Ben and Sam"),
        ("One day, a small boy saw a cat. His name was Tom.", "a small boy named Tom"),
        ("In a forest, a big, old bear slept. It was winter.", "a big, old bear"),
        ("There was an owl in the tree. It was a wise owl.", "an owl"),
        ("Once there was a fire truck. The truck was red. The truck was fast.", "a fire truck"),
        ("Molly wanted a pie. Molly baked it. Molly ate it.", "Molly"),
        ("One day there were two friends. They went home.", "two friends"),
        ("It was dark and nobody was there. All was still.", None),
        ('Tom laughed and said, "Yes." Tom ran home. Tom slept.', None),
    ],
)
def test_find_subject_reads_the_subject_of_a_beginning(beginning: str, subject: str | None) -> None:
    assert story.find_subject(beginning) == subject


def test_training_examples_come_from_stories() -> None:
    for example in draw("train", 60, TEXTS):
        assert SHORT.startswith(example.answer) or LONG.startswith(example.answer)
        assert story.is_correct(example, example.answer)
        if example.kind == "subject":
            assert "a brave little fox named Rufus" in example.prompt or "Rufus and" in example.prompt


def test_cut_story_ends_at_a_paragraph_or_sentence() -> None:
    assert story.cut_story(SHORT) == SHORT
    assert story.cut_story("Too short to be told.") is None
    assert story.cut_story(LONG) == LONG[: LONG.rindex("\n")], "a paragraph's end is preferred"
    flat = LONG.replace("\n", " ")
    cut = story.cut_story(flat)
    assert cut is not None
    assert flat.startswith(cut)
    assert story.SHORTEST_ANSWER <= len(cut) <= story.LONGEST_ANSWER
    assert cut[-1] in '.!?"'
    assert cut.count('"') % 2 == 0


def test_examples_can_be_drawn_without_texts() -> None:
    for example in draw("eval", 50, Texts()):
        assert example.answer == ""
        assert story.subject_of(example.prompt) in story.EVAL_SUBJECTS
    for example in draw("train", 200, Texts()):
        assert story.is_correct(example, example.answer), example


def test_the_splits_share_no_phrasing_and_no_subject() -> None:
    for table in (story.PHRASINGS, story.FREE_REQUESTS):
        assert not set(table["train"]) & set(table["eval"])
    stories = story.stories_with_subjects(TEXTS.stories)
    assert not {subject for subject, _, _ in stories} & set(story.EVAL_SUBJECTS)


def test_the_same_seed_gives_the_same_examples() -> None:
    for texts in (TEXTS, Texts()):
        assert draw("train", 30, texts) == draw("train", 30, texts)


def test_subject_is_found_again_in_every_request() -> None:
    for phrasings in story.PHRASINGS.values():
        for phrasing in phrasings:
            assert story.subject_of(phrasing.format(subject="a boy and a kite")) == "a boy and a kite"
    for requests in story.FREE_REQUESTS.values():
        assert [story.subject_of(request) for request in requests] == [""] * len(requests)


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        (SHORT, True),
        (SHORT.replace("fox named Rufus", "fox").replace("Rufus", "He"), True),
        (SHORT.replace("fox", "cat").replace("Rufus", "Tom"), False),
        (SHORT[:-1], False),
        ("A fox ran home.", False),
        ("The fox ran to the tree. " * 8, False),
        ("", False),
    ],
)
def test_is_correct_judges_form(reply: str, right: bool) -> None:
    example = Example(task="story", prompt="Tell me a story about a fox named Rufus.", answer=SHORT, kind="subject")
    assert story.is_correct(example, reply) is right


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="subject, free"):
        story.generate(Random(1), "train", kind="novel")
