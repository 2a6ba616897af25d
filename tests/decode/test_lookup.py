"""Copies from the prompt: the index agrees with a slow search, and answers stay those of the causal mode."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.config import EngineConfig
from dgemma.decode import verify as verify_module
from dgemma.decode.autoregressive import NextToken, TokenSampler, autoregressive
from dgemma.decode.lookup import MAX_MATCH, MAX_PLACES, MIN_MATCH, Copies, PromptLookup, count_copies
from dgemma.engine import writing
from dgemma.engine.engine import Engine
from dgemma.engine.modes import ModeChooser
from dgemma.engine.request import Commit, Event, Request
from dgemma.errors import NotFiniteError
from tests.decode.constrain.schemas import random_llm
from tests.decode.test_verify import CHECKING, greedy
from tests.engine.requests import finish, make_engine, make_request, tokens
from tests.test_model import NETWORK

LLM = random_llm(3)
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


def test_only_the_last_places_of_a_frequent_run_are_compared():
    prompt = [9, 1, 2, 7, *[1, 2, 8] * MAX_PLACES]
    assert PromptLookup(prompt).after([9, 1, 2], 1) == [8]
    assert PromptLookup(prompt[:-3]).after([9, 1, 2], 1) == [7]


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


class Scripted(Copies):
    """Proposes parts of `answer` from the place that has been reached, `wrong` of every few ids replaced by 7."""

    def __init__(self, answer: Sequence[int], lengths: Iterator[int], wrong: Iterator[bool]) -> None:
        super().__init__((), len(answer))
        self.answer, self.lengths, self.wrong, self.place = answer, lengths, wrong, 0

    def propose(self) -> list[int]:
        part = self.answer[self.place : self.place + next(self.lengths)]
        return [7 if next(self.wrong) else token for token in part]

    def record(self, token_ids: Sequence[int]) -> None:
        self.place += len(token_ids)


@torch.inference_mode()
def write(count: int, copies: Copies | None = None, **options: Any) -> tuple[list[NextToken], int]:
    """The first `count` tokens after the ids 10 to 29, and the passes that they took."""
    cache, found, passes = KVCache(NETWORK.config, max_length=20 + count), [], 0
    last_hidden_D = NETWORK.encode(torch.arange(10, 30)[None], cache)[0, -1]
    given = {"sampler": TokenSampler(), "generator": torch.Generator().manual_seed(3), **options}
    for written in autoregressive(NETWORK, cache, last_hidden_D, copies=copies, **given):
        found, passes = [*found, *written], passes + 1
        assert cache.length == 20 + len(found) - 1, "the cache holds all tokens but the last, and no refused copy"
        if len(found) >= count:
            break
    return found[:count], passes


def likeliest(events: Sequence[Event]) -> list[list[int]]:
    """The likeliest ids at each token."""
    commits = [event for event in events if isinstance(event, Commit)]
    return [[token for token, _ in one.top] for commit in commits for one in commit.logprobs]


WAYS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "first id": {"forbidden_first": (17, 40)},
    "log probabilities": {"top_k": 3},
    "sampled": {"sampler": TokenSampler(temperature=0.8, top_k=20, top_p=0.95)},
}
PLAIN = {name: write(24, **options)[0] for name, options in WAYS.items()}


@given(st.sampled_from(sorted(WAYS)), st.randoms(use_true_random=False), st.sampled_from((0.0, 0.2, 1.0)))
def test_tokens_are_the_same_whatever_is_copied(way, random, share_wrong):
    lengths = iter(lambda: random.randrange(9), None)
    wrong = iter(lambda: random.random() < share_wrong, None)
    plain = PLAIN[way]
    actual, passes = write(24, Scripted([one.token for one in plain], lengths, wrong), **WAYS[way])
    assert [one.token for one in actual] == [one.token for one in plain]
    assert [one.entropy for one in actual] == pytest.approx([one.entropy for one in plain], abs=1e-4)
    assert [one.logprob is None for one in actual] == [one.logprob is None for one in plain]
    assert [[token for token, _ in one.top] for one in actual] == [[token for token, _ in one.top] for one in plain]
    assert passes <= 24


def test_a_right_copy_saves_a_pass_for_each_of_its_ids():
    answer = [one.token for one in PLAIN["greedy"]]
    assert write(24, Scripted(answer, itertools.repeat(5), itertools.repeat(False)))[1] == 1 + math.ceil(23 / 6)


@pytest.mark.parametrize("way", ["greedy", "log probabilities"])
@pytest.mark.parametrize("finite", [1, 6, 9, 12])
def test_all_tokens_before_logits_that_are_not_finite_are_yielded(way, finite, monkeypatch):
    """Passes of six states: the first that is not finite comes at the beginning of a pass, and within one."""
    encode = NETWORK.encode

    def failing(ids: torch.Tensor, cache: KVCache) -> torch.Tensor:
        states_BTD, start = encode(ids, cache), cache.length - ids.shape[1]
        states_BTD[:, max(0, 20 + finite - 1 - start) :] = torch.nan
        return states_BTD

    answer = [one.token for one in PLAIN["greedy"]]
    cache, found = KVCache(NETWORK.config, max_length=44), []
    last_hidden_D = NETWORK.encode(torch.arange(10, 30)[None], cache)[0, -1]
    monkeypatch.setattr(NETWORK, "encode", failing)
    copies = Scripted(answer, itertools.repeat(5), itertools.repeat(False))
    written = autoregressive(
        NETWORK, cache, last_hidden_D, TokenSampler(), torch.Generator(), copies=copies, **{"top_k": 0, **WAYS[way]}
    )
    with pytest.raises(NotFiniteError):
        for tokens_of_pass in written:
            found += [one.token for one in tokens_of_pass]
    assert found == answer[:finite]


def test_no_token_follows_an_end_id_in_its_pass():
    answer = [one.token for one in PLAIN["greedy"]]
    end = next(index for index in range(14, 24) if answer[index] not in answer[:index])
    lengths = {}
    for end_ids in ((), (answer[end],)):
        cache = KVCache(NETWORK.config, max_length=60)
        last_hidden_D = NETWORK.encode(torch.arange(10, 30)[None], cache)[0, -1]
        copies = Copies(answer, 24, 6, end_ids)
        written = autoregressive(NETWORK, cache, last_hidden_D, TokenSampler(), torch.Generator(), copies=copies)
        passes = list(itertools.islice(written, 16))
        assert [one.token for found in passes for one in found][:24] == answer
        lengths[end_ids] = list(itertools.accumulate(map(len, passes)))
    without, with_end = lengths.values()
    assert end + 1 not in without and end + 1 in with_end and end not in with_end


def test_a_copy_stops_before_an_end_id():
    copies = Copies([1, 2, 3, 9, 4, 5, 9], max_new_tokens=100, length=6, end_ids=(9,))
    copies.record([1, 2])
    for _ in range(9):
        assert copies.propose() == [3]
        copies.record([3, 9])
        assert copies.propose() == [4, 5]
        copies.record([4, 5])
        assert copies.propose() == [], "the end id comes next, and no credit is spent"
        copies.record([9, 1, 2])


@pytest.mark.parametrize(
    "constraint", [{"regex": "(ab|ba)*c"}, {"schema": {"type": "array", "items": {"enum": [1, 22]}}}]
)
def test_a_constrained_answer_is_the_same_whatever_is_copied(constraint, monkeypatch):
    asked: list[Request] = []
    resolve = ModeChooser.resolve
    with monkeypatch.context() as patch:
        patch.setattr(ModeChooser, "resolve", lambda chooser, one: asked.append(one) or resolve(chooser, one))
        LLM.generate("ab", mode="autoregressive", max_new_tokens=30, logprobs=2, **constraint)
    plain = list(LLM.engine.submit(asked[0]))
    lengths, wrong = itertools.cycle((6, 0, 3, 1)), itertools.cycle((False, False, False, False, True))
    scripted = Scripted(tokens(plain), lengths, wrong)
    monkeypatch.setattr(writing, "Copies", lambda *_: scripted)
    copying = list(LLM.engine.submit(replace(asked[0], copy_length=8)))
    assert tokens(copying) == tokens(plain)
    assert finish(copying).reason == finish(plain).reason
    stats = finish(copying).stats
    assert stats.new_tokens == finish(plain).stats.new_tokens > stats.forward_passes
    assert likeliest(copying) == likeliest(plain)


def test_copying_stops_once_it_has_cost_more_than_it_saved():
    copies, tries = Copies([1, 2, 3, 4, 5, 6] * 3, max_new_tokens=1000, length=4), 0
    for _ in range(10):
        copies.record([1, 2])
        copies.record([9])
    copies.record([1, 2])
    assert copies.propose() == [3, 4, 5, 6]
    for _ in range(64):
        copies.record([1])
        copies.record([2])
        tries += bool(copies.propose())
    assert 2 <= tries <= 2 + 128 / 16, "a failing try now and then"
    copies.record([1, 2, 3, 4])
    assert copies.propose() == [5, 6], "three kept ids pay for the next try"


def test_a_copy_leaves_room_for_the_token_after_it():
    copies = Copies([1, 2, 3, 4, 5, 6] * 3, max_new_tokens=6)
    copies.record([1, 2])
    assert copies.propose() == [3, 4, 5]
    copies.record([3, 4])
    assert copies.propose() == [5]
    copies.record([5])
    assert copies.propose() == []


@given(IDS.filter(bool), IDS.filter(bool))
def test_counted_copies_are_those_of_a_decoder(prompt, answer):
    class Counting(Copies):
        tries = 0

        def propose(self) -> list[int]:
            found = super().propose()
            self.tries += bool(found)
            return found

    copies, written, passes = Counting(prompt, len(answer)), 1, 1
    copies.record(answer[:1])
    while written < len(answer):
        proposed = copies.propose()
        assert len(proposed) < len(answer) - written
        agreed = 0
        while agreed < len(proposed) and proposed[agreed] == answer[written + agreed]:
            agreed += 1
        copies.record(answer[written : written + agreed + 1])
        written, passes = written + agreed + 1, passes + 1
    assert count_copies(prompt, answer) == (copies.tries, len(answer) - passes)


def test_a_prompt_that_the_answer_repeats_saves_passes():
    prompt = [*range(10, 30), *greedy(list(range(10, 30)), 60)]
    plain, copying = (
        list(make_engine().submit(make_request(prompt, max_new_tokens=40, mode="autoregressive", copy_length=length)))
        for length in (0, 8)
    )
    assert tokens(copying) == tokens(plain) == greedy(prompt, 40)
    assert finish(plain).stats.forward_passes == 40 and finish(copying).stats.forward_passes < 30


@pytest.mark.parametrize("max_new_tokens", [1, 3, 12])
def test_no_pass_holds_more_copies_than_the_answer_has_room_for(max_new_tokens, monkeypatch):
    prompt = [*range(10, 30), *greedy(list(range(10, 30)), 60)]
    request = make_request(prompt, max_new_tokens=max_new_tokens, mode="autoregressive", copy_length=8)
    held, encode = [], NETWORK.encode

    def recording(ids: torch.Tensor, cache: KVCache, **options: Any) -> torch.Tensor:
        found = encode(ids, cache, **options)
        held.append(cache.length)
        return found

    monkeypatch.setattr(NETWORK, "encode", recording)
    assert tokens(make_engine().submit(request)) == greedy(prompt, max_new_tokens)
    assert max(held) == len(prompt) + max_new_tokens - 1
