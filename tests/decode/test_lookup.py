"""Drafts copied from the prompt: the index agrees with a slow search, and answers stay those of the causal mode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgemma.config import EngineConfig
from dgemma.decode import verify as module
from dgemma.decode.lookup import MAX_MATCH, MIN_MATCH, PromptLookup
from dgemma.engine.engine import Engine
from tests.decode.test_verify import CHECKING, greedy
from tests.engine.requests import finish, make_request, tokens
from tests.test_model import NETWORK

IDS = st.lists(st.integers(0, 3), max_size=30)


def slow(prompt: list[int], written: list[int], count: int) -> list[int]:
    """The slow search: every position of the prompt, for every length of match, longest first."""
    for run in range(min(MAX_MATCH, len(written)), MIN_MATCH - 1, -1):
        for end in range(len(prompt) - 1, run - 1, -1):
            if prompt[end - run : end] == written[len(written) - run :]:
                return prompt[end : end + count]
    return []


@given(IDS, IDS, st.integers(1, 9))
def test_the_longest_run_is_found_and_of_equal_ones_the_last(prompt, written, count):
    assert PromptLookup(prompt).after(written, count) == slow(prompt, written, count)


def test_nothing_follows_the_prompts_end_and_one_id_is_no_run():
    lookup = PromptLookup([1, 2, 3, 4])
    assert lookup.after([3, 4], 9) == []
    assert lookup.after([2], 9) == []
    assert lookup.after([9, 1, 2], 1) == [3]
    assert PromptLookup([]).after([1, 2], 9) == []


def test_copies_are_taken_and_the_answer_stays_the_causal_one(monkeypatch):
    monkeypatch.setattr(module, "ACCEPT_RATIO", 1.0)
    monkeypatch.setattr(module, "UNSURE_SHARE", 0.0)
    found: list[list[int]] = []
    after = PromptLookup.after

    def noted(lookup: PromptLookup, written: list[int], count: int) -> list[int]:
        found.append(after(lookup, written, count))
        return found[-1]

    monkeypatch.setattr(PromptLookup, "after", noted)
    prompt = [*range(10, 30), *greedy(list(range(10, 30)), 60)]
    engine = Engine(NETWORK, CHECKING, EngineConfig(device="cpu", prefill_chunk=16, kv_budget_mb=64))
    events = list(engine.submit(make_request(prompt, max_new_tokens=40, canvas_length=64)))
    assert any(found)
    assert tokens(events) == greedy(prompt, 40)
    # A pass that only checks a copy is no denoise step.
    stats = finish(events).stats
    assert stats.forward_passes - stats.denoise_steps > stats.denoise_steps


@pytest.mark.parametrize("prompt", [[5], [5, 6]])
def test_short_prompts_have_nothing_to_copy(prompt):
    assert PromptLookup(prompt).after(prompt, 4) == []
