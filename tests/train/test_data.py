"""The stream of packed batches: shares of the recipe, whole examples, full rows, and one batch for each number."""

from dataclasses import replace
from random import Random

import pytest
import torch

import dgemma
from dgemma.errors import DataError
from dgemma.evals.example import NO_TEXTS, Texts
from dgemma.evals.tasks import TASKS
from dgemma.tokenizer import Tokenizer
from dgemma.train.data import BatchStream
from dgemma.train.recipe import DataRecipe

STORY = (
    "Once there was a little dog named Pip. He lived by the sea with his friend Ann. One day a big wave took his red "
    "ball away. Pip was sad and sat down in the sand. Then Ann came with a long stick and got it back for him. They "
    "both went home and had warm soup."
)
RECIPE = DataRecipe(
    tasks={"extract": 0.5, "fix": 0.5},
    batch_rows=8,
    clean_length=256,
    canvas_slots=256,
    noise_draws=2,
    canvas_lengths=(16, 32, 64),
)


@pytest.fixture(scope="module")
def tokenizer():
    return dgemma.load("tiny").tokenizer


def stream(tokenizer: Tokenizer, **changes) -> BatchStream:
    return BatchStream(replace(RECIPE, **changes), tokenizer, NO_TEXTS, seed=5)


def test_long_examples_keep_their_share(tokenizer):
    """Rows that are filled one after the other would hold fewer of them."""
    batches = stream(tokenizer)
    num_long = num_examples = 0
    for number in range(6):
        batch = batches.batch(number)
        lengths = [int((row == owner).sum()) for row in batch.owner_BN[:, :256] for owner in row.unique() if owner >= 0]
        num_long += sum(length > 100 for length in lengths)
        num_examples += len(lengths)
    random = Random(1)
    drawn_lengths = []
    for _ in range(400):
        example = TASKS[random.choice(("extract", "fix"))].generate(random, "train")
        drawn_lengths.append(batches.document(example, random).clean_length)
    expected = sum(100 < length <= 256 for length in drawn_lengths) / len(drawn_lengths)
    assert num_long / num_examples > 0.8 * expected


def test_rows_are_nearly_full(tokenizer):
    batches = [stream(tokenizer).batch(number) for number in range(8)]
    assert torch.cat([batch.owner_BN[:, :256] >= 0 for batch in batches]).float().mean() > 0.85


def test_canvases_are_repeated_only_if_there_is_room(tokenizer):
    once, often = stream(tokenizer, noise_draws=1).batch(0), stream(tokenizer, noise_draws=9).batch(0)
    assert torch.equal(once.tokens_BT, often.tokens_BT)
    used = [(batch.owner_BN[:, 256:] >= 0).float().mean() for batch in (once, often)]
    assert used[0] < used[1]


def test_a_batch_depends_only_on_its_number(tokenizer):
    batches = stream(tokenizer)
    first, again, other = batches.batch(2), stream(tokenizer).batch(2), batches.batch(3)
    assert torch.equal(first.tokens_BT, again.tokens_BT)
    assert not torch.equal(first.tokens_BT, other.tokens_BT)


def test_examples_that_fit_no_row_are_an_error(tokenizer):
    with pytest.raises(DataError, match="clean_length"):
        stream(tokenizer, clean_length=16).batch(0)


def test_a_task_that_never_fits_is_an_error_even_if_another_fits(tokenizer):
    """sudoku4 takes some 60 tokens, sudoku9 more than 160."""
    tasks = {"sudoku4": 0.1, "sudoku9": 0.9}
    with pytest.raises(DataError, match="500 examples of sudoku9 in a row do not fit 100 clean tokens"):
        stream(tokenizer, tasks=tasks, clean_length=100, batch_rows=99).batch(0)


def test_a_task_without_held_out_answers_is_left_out_of_the_held_out_batches(tokenizer):
    """A story's held-out answer is empty where no story is held out."""
    warnings = []

    def held_out(texts: Texts, **tasks: float) -> BatchStream:
        return BatchStream(replace(RECIPE, tasks=tasks), tokenizer, texts, 5, "eval", warnings.append)

    mixed = held_out(NO_TEXTS, sudoku4=0.5, story=0.5)
    assert list(mixed.tasks) == ["sudoku4"] and len(warnings) == 1 and "no held-out answers of story" in warnings[0]
    answers = mixed.batch(0).answer_BT.sum(1)
    assert torch.equal(held_out(NO_TEXTS, sudoku4=0.5).batch(0).answer_BT.sum(1), answers)
    with pytest.raises(DataError, match="no held-out answers of story, so no held-out loss"):
        held_out(NO_TEXTS, story=1.0)
    assert list(held_out(Texts(stories=(STORY,)), story=1.0).tasks) == ["story"] and len(warnings) == 1
