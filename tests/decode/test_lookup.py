"""Drafts copied from the prompt: the index agrees with a slow search, and answers stay those of the causal mode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgemma.config import EngineConfig
from dgemma.decode import verify as verify_module
from dgemma.decode.lookup import MAX_MATCH, MIN_MATCH, PromptLookup
from dgemma.engine.engine import Engine
from tests.decode.test_verify import CHECKING, greedy
from tests.engine.requests import finish, make_request, tokens
from tests.test_model import NETWORK

IDS = st.lists(st.integers(0, 3), max_size=30)


def slow_search(prompt: list[int], written: list[int], count: int) -> list[int]:
    """Tries every position of the prompt for every length of match, longest first."""
    for length in range(min(MAX_MATCH, len(written)), MIN_MATCH - 1, -1):
        for end in range(len(prompt) - 1, length - 1, -1):
            if prompt[end - length : end] == written[len(written) - length :]:
                return prompt[end : end + count]
    return []


@given(IDS, IDS, st.integers(1, 9))
def test_the_last_of_the_longest_matches_is_found(prompt, written, count):
    assert PromptLookup(prompt).after(written, count) == slow_search(prompt, written, count)


def test_a_match_at_the_prompts_end_or_of_a_single_id_gives_no_draft():
    lookup = PromptLookup([1, 2, 3, 4])
    assert lookup.after([3, 4], 9) == []
    assert lookup.after([2], 9) == []
    assert lookup.after([9, 1, 2], 1) == [3]
    assert PromptLookup([]).after([1, 2], 9) == []


def test_copied_drafts_are_used_and_the_answer_stays_the_causal_one(monkeypatch):
    monkeypatch.setattr(verify_module, "ACCEPT_RATIO", 1.0)
    monkeypatch.setattr(verify_module, "UNSURE_SHARE", 0.0)
    drafts: list[list[int]] = []
    original = PromptLookup.after

    def recording(lookup: PromptLookup, written: list[int], count: int) -> list[int]:
        drafts.append(original(lookup, written, count))
        return drafts[-1]

    monkeypatch.setattr(PromptLookup, "after", recording)
    prompt = [*range(10, 30), *greedy(list(range(10, 30)), 60)]
    engine = Engine(NETWORK, CHECKING, EngineConfig(device="cpu", prefill_chunk=16, kv_budget_mb=64))
    events = list(engine.submit(make_request(prompt, max_new_tokens=40, canvas_length=64)))
    assert any(drafts)
    assert tokens(events) == greedy(prompt, 40)
    # A pass that only checks a copied draft is not a denoise step.
    stats = finish(events).stats
    assert stats.forward_passes - stats.denoise_steps > stats.denoise_steps


@pytest.mark.parametrize("prompt", [[5], [5, 6]])
def test_short_prompts_have_nothing_to_copy(prompt):
    assert PromptLookup(prompt).after(prompt, 4) == []
