"""Rewriting a text: strength 0 keeps the text, strength 1 gives what the causal mode writes."""

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


def rewritten(text: Sequence[int], strength: float, end: int, limit: int) -> tuple[list[int], int]:
    """The ids written, up to the end id or `limit` ids, and the number of passes."""
    cache = KVCache(NETWORK.config, max_length=len(PROMPT) + limit + 1)
    with torch.inference_mode():
        last_hidden = NETWORK.encode(torch.tensor([PROMPT]), cache)[0, -1]
    written: list[int] = []
    for passes, verified in zip(
        count(1), rewrite(NETWORK, cache, text, strength, limit, last_hidden, (end,)), strict=False
    ):
        written += verified.token_ids
        if end in written:
            return written[: written.index(end) + 1], passes
        if len(written) >= limit:
            return written[:limit], passes
    raise AssertionError("rewrite stopped before an end token and before the limit")


@given(NUMBERS)
@settings(max_examples=20)
def test_strength_zero_returns_the_text(text):
    text = [token for token in text if token != 1]
    assert rewritten(text, 0.0, end=1, limit=99)[0] == [*text, 1] or not text


@given(NUMBERS, st.integers(1, 30))
@settings(max_examples=20)
def test_strength_one_returns_the_causal_answer(text, length):
    causal = greedy(PROMPT, length)
    end = next(token for token in range(64) if token not in causal)
    assert rewritten(text, 1.0, end, length)[0] == causal


def test_a_text_that_is_almost_right_takes_few_passes():
    causal = greedy(PROMPT, 40)
    end = next(token for token in range(64) if token not in causal)
    other = [(token + 1) % 64 for token in causal]
    replaced = [*causal[:10], other[10], *causal[11:]]
    added = [*causal[:20], *other[3:5], *causal[20:]]
    missing = [*causal[:30], *causal[32:]]
    for text in (causal, replaced, added, missing):
        written, passes = rewritten(text, 1.0, end, 40)
        assert written == causal and passes <= 12


@pytest.mark.parametrize(
    ("written", "position", "expected"),
    [
        ([1, 2], 1, 2),  # goes on after the ids that agree
        ([1, 2, 9], 2, 2),  # an id that is not in the text: the position stays
        ([1, 2, 4], 2, 4),  # one was dropped
        ([1, 2, 9, 3], 2, 3),  # one was added
        ([5, 6], 2, 7),  # of several positions, the one after the longest match
        ([], 0, 0),
    ],
)
def test_resume_finds_where_to_go_on_in_the_text(written, position, expected):
    assert resume([1, 2, 3, 4, 6, 5, 6], written, position) == expected


@given(st.lists(st.integers(10, 63), min_size=1, max_size=60), st.floats(0, 1), st.sampled_from([1, 8, None]))
@settings(max_examples=20)
def test_an_answer_without_an_end_is_cut_at_the_token_limit(text, strength, canvas_length):
    limit = 2 * len(text) + 3
    rewriting = Rewrite(text=tuple(text), strength=strength)
    request = make_request(PROMPT, max_new_tokens=limit, in_place=rewriting, canvas_length=canvas_length)
    events = list(make_engine().submit(request))
    assert finish(events).stats.new_tokens == len(tokens(events)) <= limit
    assert 1 not in tokens(events)
    assert strength or tokens(events) == text
