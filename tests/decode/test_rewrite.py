"""Rewriting a text: strength 0 keeps the text, 1 gives what the causal mode writes itself."""

from collections.abc import Sequence
from itertools import count

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.decode.rewrite import resume, rewrite
from dgemma.engine.request import Rewrite
from tests.decode.test_verify import greedy
from tests.engine.requests import finish, make_engine, make_request, tokens
from tests.test_model import NETWORK, ids

PROMPT = ids(1, 6)[0].tolist()
NUMBERS = st.lists(st.integers(0, 63), max_size=50)


def rewritten(text: Sequence[int], strength: float, end: int, most: int) -> tuple[list[int], int]:
    """The ids written, up to the end id or `most` ids, and the number of passes."""
    cache = KVCache(NETWORK.config, max_length=len(PROMPT) + most + 1)
    with torch.inference_mode():
        last_hidden = NETWORK.encode(torch.tensor([PROMPT]), cache)[0, -1]
    written: list[int] = []
    for passes, found in zip(
        count(1), rewrite(NETWORK, cache, text, strength, most, last_hidden, (end,)), strict=False
    ):
        written += found.token_ids
        if end in written:
            return written[: written.index(end) + 1], passes
        if len(written) >= most:
            return written[:most], passes
    raise AssertionError("it never ends by itself")


@given(NUMBERS)
@settings(max_examples=20)
def test_a_strength_of_zero_gives_the_text_back(text):
    text = [token for token in text if token != 1]
    assert rewritten(text, 0.0, end=1, most=99)[0] == [*text, 1] or not text


@given(NUMBERS, st.integers(1, 30))
@settings(max_examples=20)
def test_a_strength_of_one_gives_what_the_causal_mode_says(text, length):
    truth = greedy(PROMPT, length)
    end = next(token for token in range(64) if token not in truth)
    assert rewritten(text, 1.0, end, length)[0] == truth


def test_a_text_that_is_almost_right_takes_few_passes():
    truth = greedy(PROMPT, 40)
    end = next(token for token in range(64) if token not in truth)
    other = [(token + 1) % 64 for token in truth]
    replaced = [*truth[:10], other[10], *truth[11:]]
    added = [*truth[:20], *other[3:5], *truth[20:]]
    missing = [*truth[:30], *truth[32:]]
    for text in (truth, replaced, added, missing):
        written, passes = rewritten(text, 1.0, end, 40)
        assert written == truth and passes <= 12


@pytest.mark.parametrize(
    ("written", "place", "found"),
    [
        ([1, 2], 1, 2),  # goes on where it agreed
        ([1, 2, 9], 2, 2),  # an id that the text has not: nothing moves
        ([1, 2, 4], 2, 4),  # one was dropped
        ([1, 2, 9, 3], 2, 3),  # one was added
        ([5, 6], 2, 7),  # of several places, the one with the longest run behind it
        ([], 0, 0),
    ],
)
def test_where_the_text_goes_on(written, place, found):
    assert resume([1, 2, 3, 4, 6, 5, 6], written, place) == found


@given(st.lists(st.integers(10, 63), min_size=1, max_size=60), st.floats(0, 1), st.sampled_from([1, 8, None]))
@settings(max_examples=20)
def test_an_answer_that_will_not_end_is_cut_where_it_must_be(text, strength, canvas_length):
    most = 2 * len(text) + 3
    rewriting = Rewrite(text=tuple(text), strength=strength)
    request = make_request(PROMPT, max_new_tokens=most, in_place=rewriting, canvas_length=canvas_length)
    events = list(make_engine().submit(request))
    assert finish(events).stats.new_tokens == len(tokens(events)) <= most
    assert 1 not in tokens(events)
    assert strength or tokens(events) == text
