"""Verifying a draft gives what the causal mode writes, whatever was drafted, and the cache holds nothing else."""

import itertools
import math
import re
from dataclasses import replace
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dgemma
from dgemma.cache import KVCache
from dgemma.config import EngineConfig, SamplerConfig
from dgemma.decode import verify as verify_module
from dgemma.decode.denoise import denoise
from dgemma.decode.verify import end_of, is_unsure, verify
from dgemma.engine.engine import Engine
from dgemma.engine.modes import ModeChooser
from dgemma.engine.pace import Choice
from dgemma.engine.request import Commit, Draft, Finish
from dgemma.errors import NotFiniteError
from dgemma.evals.tasks import TASKS
from tests.decode.constrain.schemas import random_llm
from tests.engine.requests import SAMPLER, content, finish, make_request, tokens
from tests.test_model import NETWORK, close, ids

CHECKING = replace(SAMPLER, causal_check=True, eos_token_ids=())
CHECKED = random_llm(3, checked=True)
SUDOKU = [{"role": "user", "content": "Solve this Sudoku:\n1030\n0402\n2043\n0320"}]


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every canvas is verified, and only the causal mode's own choice is kept."""
    monkeypatch.setattr(verify_module, "ACCEPT_RATIO", 1.0)
    monkeypatch.setattr(verify_module, "UNSURE_SHARE", 0.0)


def engine(**values: object) -> Engine:
    return Engine(NETWORK, replace(CHECKING, **values), EngineConfig(device="cpu", prefill_chunk=16, kv_budget_mb=64))


def greedy(prompt: list[int], count: int) -> list[int]:
    """Greedy decoding without a cache: encodes the whole text for every token."""
    text = list(prompt)
    for _ in range(count):
        cache = KVCache(NETWORK.config, max_length=len(text))
        text.append(int(NETWORK.logits(NETWORK.encode(torch.tensor([text]), cache)[0, -1]).argmax()))
    return text[len(prompt) :]


@torch.inference_mode()
def prefix(length: int) -> tuple[KVCache, torch.Tensor]:
    cache = KVCache(NETWORK.config, max_length=64)
    return cache, NETWORK.encode(ids(1, length), cache)[0, -1]


@given(st.integers(0, 9), st.integers(0, 8), st.integers(0, 99))
@settings(max_examples=25)
def test_verified_tokens_are_those_of_the_causal_mode(right, wrong, seed):
    before = ids(1, 5)[0].tolist()
    causal = greedy(before, right + 1)
    draft = causal[:right] + [(causal[-1] + 1) % 64, *ids(1, 9, seed=seed)[0].tolist()][:wrong]
    cache, last_hidden = prefix(5)
    verified = verify(NETWORK, cache, draft, last_hidden, top_k=2)
    assert list(verified.token_ids[:right]) == causal[:right]
    text = [*before, *verified.token_ids]
    assert cache.length == len(text) - 1
    fresh = KVCache(NETWORK.config, max_length=64)
    with torch.inference_mode():
        hidden = NETWORK.encode(torch.tensor([text[:-1]]), fresh)[0]
        assert close(verified.last_hidden_D, hidden[-1])
        assert close(NETWORK.denoise(ids(1, 6), cache), NETWORK.denoise(ids(1, 6), fresh))
        logprobs = NETWORK.logits(hidden).log_softmax(-1)[len(before) - 1 :]
    for index, token in enumerate(verified.token_ids):
        assert verified.logprobs[index] == pytest.approx(float(logprobs[index, token]), abs=1e-4)
        assert [token for token, _ in verified.top[index]] == logprobs[index].topk(2).indices.tolist()
        entropy = -(logprobs[index].exp() * logprobs[index]).sum()
        assert verified.entropies[index] == pytest.approx(float(entropy), abs=1e-4)


def test_a_drafted_token_that_is_likely_enough_is_kept(monkeypatch):
    cache, last_hidden = prefix(5)
    second = int(NETWORK.logits(last_hidden).topk(2).indices[1])
    monkeypatch.setattr(verify_module, "ACCEPT_RATIO", 1.0)
    assert verify(NETWORK, cache, [second], last_hidden).token_ids[0] != second
    cache, last_hidden = prefix(5)
    monkeypatch.setattr(verify_module, "ACCEPT_RATIO", 1e-9)
    assert verify(NETWORK, cache, [second], last_hidden).token_ids[0] == second


def test_nothing_follows_an_agreed_end_token():
    causal = greedy(ids(1, 5)[0].tolist(), 4)
    cache, last_hidden = prefix(5)
    verified = verify(NETWORK, cache, causal, last_hidden, end_ids=(causal[2],))
    assert list(verified.token_ids) == causal[: causal.index(causal[2]) + 1]


@pytest.mark.parametrize("top_k", [0, 2])
@pytest.mark.parametrize("finite", [1, 3, 6])
def test_tokens_before_logits_that_are_not_finite_are_kept(finite, top_k, monkeypatch):
    causal = greedy(ids(1, 5)[0].tolist(), 6)
    cache, last_hidden = prefix(5)
    encode = NETWORK.encode

    def failing(ids: torch.Tensor, cache: KVCache) -> torch.Tensor:
        states_BTD, start = encode(ids, cache), cache.length - ids.shape[1]
        states_BTD[:, max(0, 5 + finite - 1 - start) :] = torch.nan
        return states_BTD

    monkeypatch.setattr(NETWORK, "encode", failing)
    verified = verify(NETWORK, cache, causal, last_hidden, top_k=top_k)
    assert list(verified.token_ids) == causal[:finite]
    assert len(verified.entropies) == finite and all(map(math.isfinite, verified.entropies))
    assert cache.length == 5 + finite - 1
    with pytest.raises(NotFiniteError):
        verify(NETWORK, cache, causal[finite - 1 :], verified.last_hidden_D, known=1, top_k=top_k)


def test_a_forbidden_first_token_is_replaced():
    causal = greedy(ids(1, 5)[0].tolist(), 1)
    cache, last_hidden = prefix(5)
    assert verify(NETWORK, cache, causal, last_hidden, forbidden_first=causal).token_ids[0] != causal[0]


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(("length", "count"), [(8, 30), (16, 16), (3, 11), (32, 1)])
def test_an_answer_in_checked_drafts_is_the_causal_answer(length, count):
    """Random weights are never sure of a canvas, so every canvas is checked."""
    request = make_request(range(10, 30), max_new_tokens=count, canvas_length=length)
    events = list(engine().submit(request))
    assert tokens(events) == greedy(list(range(10, 30)), count)
    assert finish(events).stats.new_tokens == count
    assert finish(events).reason == "length"


@given(st.integers(1, 20), st.integers(0, 5), st.sampled_from([None, 3, 8]), st.integers(1, 40))
@settings(max_examples=10)
def test_checked_answers_do_not_depend_on_kept_prefixes(count, seed, length, prompt):
    request = make_request(range(10, 10 + prompt), max_new_tokens=count, seed=seed, canvas_length=length)
    shared = engine()
    first = content(shared.submit(request))
    assert content(shared.submit(request)) == first == content(engine().submit(request))


def test_a_commit_is_the_agreed_draft_and_one_token_more():
    events = list(engine(max_denoising_steps=20).submit(make_request(max_new_tokens=9, canvas_length=16)))
    for before, event in itertools.pairwise(events):
        if isinstance(event, Commit):
            assert isinstance(before, Draft)
            agreed = len(event.token_ids) - 1
            assert before.token_ids[:agreed] == event.token_ids[:agreed]
    stats = finish(events).stats
    assert stats.mode == "diffusion"
    drafts, commits = (sum(isinstance(event, kind) for event in events) for kind in (Draft, Commit))
    assert stats.denoise_steps == drafts == commits
    assert stats.canvases == 1 and stats.forward_passes == drafts + commits


@pytest.mark.usefixtures("strict")
def test_a_canvas_takes_no_more_denoise_steps_than_allowed():
    request = make_request(max_new_tokens=21, canvas_length=8, max_denoising_steps=2)
    events = list(engine().submit(request))
    assert tokens(events) == greedy([2, 17, 5], 21)
    assert finish(events).stats.canvases == 3
    assert finish(events).stats.denoise_steps <= 2 * 3


def test_reference_and_unchecked_answers_are_those_of_a_model_without_checks():
    plain = make_request(max_new_tokens=9, causal_check=False)
    pure = list(engine(causal_check=False).submit(make_request(max_new_tokens=9)))
    assert content(engine().submit(plain)) == content(pure)
    reference = make_request(max_new_tokens=9, reference=True)
    assert content(engine().submit(reference)) == content(engine(causal_check=False).submit(reference))


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("pattern", ["(ab|ba){2,9}", "[0-9]{3,12}", "x.*y"])
@pytest.mark.parametrize(
    ("count", "length", "steps"), [(20, 3, 20), (24, 8, 24), (31, 32, 31), (20, 8, 1), (30, 16, 2)]
)
@pytest.mark.parametrize("prompt", ["Say:", "Say abbaabbaab, 012345678901 or xaby, xxabyyyy:"])
def test_a_checked_constrained_answer_equals_the_constrained_causal_one(pattern, count, length, steps, prompt):
    """With random weights: the answer is that of the causal mode under the same constraint, whether drafted, copied
    from the prompt or written when no denoise step is left."""
    options = {"regex": pattern, "max_new_tokens": count}
    checked = CHECKED.generate(prompt, canvas_length=length, max_denoising_steps=steps, **options)
    single = CHECKED.generate(prompt, mode="autoregressive", **options)
    assert checked.token_ids == single.token_ids and re.fullmatch(pattern, checked.text)
    assert checked.stats.forward_passes > checked.stats.denoise_steps


def test_confident_canvases_are_kept_and_unsure_ones_checked(monkeypatch):
    """The embedded model solves a puzzle in confident canvases; a checked answer is that of its causal mode."""
    llm = dgemma.load("tiny")
    assert llm.model.sampler.causal_check
    with_checks, without_checks = (llm.chat(SUDOKU, seed=7, causal_check=enabled) for enabled in (True, False))
    assert (
        with_checks.token_ids == without_checks.token_ids
        and with_checks.stats.denoise_steps == without_checks.stats.denoise_steps
    )
    monkeypatch.setattr(verify_module, "UNSURE_SHARE", 0.0)
    monkeypatch.setattr(verify_module, "ACCEPT_RATIO", 1.0)
    request = [{"role": "user", "content": "Fix the mistakes: She go to the the market yestreday."}]
    checked, causal = llm.chat(request), llm.chat(request, mode="autoregressive")
    assert checked.stats.forward_passes > checked.stats.denoise_steps
    assert checked.text == causal.text


def test_is_unsure_reads_the_entropy_up_to_the_first_end_token():
    step = next(denoise(NETWORK, prefix(5)[0], SamplerConfig(), torch.Generator().manual_seed(0), 8))
    flat, sharp = torch.full((1, 8), 2.0), torch.zeros(1, 8)
    assert is_unsure(replace(step, entropy_BL=flat), ())
    assert not is_unsure(replace(step, entropy_BL=sharp), ())
    # Positions after the first end token do not count.
    late = torch.cat((sharp[:, :4], flat[:, :4]), dim=1)
    argmax_BL = torch.tensor([[9, 9, 9, 1, 9, 9, 9, 9]])
    assert is_unsure(replace(step, entropy_BL=late, argmax_BL=argmax_BL), ())
    assert not is_unsure(replace(step, entropy_BL=late, argmax_BL=argmax_BL), (1,))


def test_auto_sets_the_canvas_length_of_unchecked_answers_only(monkeypatch):
    chosen = Choice(mode="diffusion", canvas_length=3, copy_length=0, diffusion_ms=1.0, autoregressive_ms=2.0)
    monkeypatch.setattr(ModeChooser, "choose", lambda *_: chosen)
    auto, plain = (make_request(max_new_tokens=9, mode=mode) for mode in ("auto", "diffusion"))
    assert content(engine().submit(auto)) == content(engine().submit(plain))
    short = make_request(max_new_tokens=9, canvas_length=3)
    unchecked = engine(causal_check=False)
    assert content(unchecked.submit(auto)) == content(engine(causal_check=False).submit(short))


def test_a_confident_canvas_is_as_long_as_the_answer_needs():
    """The first look becomes the canvas if it shows the end; otherwise a canvas of the full length is begun."""
    llm = dgemma.load("tiny")

    def lengths(prompt: str, **options: int) -> list[int]:
        events = llm.stream([{"role": "user", "content": prompt}], drafts=True, max_new_tokens=96, **options)
        return [len(event.token_ids) for event in events if isinstance(event, Draft)]

    assert {*lengths(SUDOKU[0]["content"])} == {32}
    assert {*lengths(SUDOKU[0]["content"], canvas_length=64)} == {64}
    large = lengths(TASKS["sudoku9"].generate(Random(1), "eval").prompt)
    assert large[0] == 32 and 64 in large


def test_end_of_is_one_past_the_first_end_token():
    assert end_of([5, 1, 1], (1,)) == 2
    assert end_of([5, 6], (1,)) == 2
    assert end_of([], (1,)) == 0


@pytest.mark.usefixtures("strict")
def test_finish_follows_an_end_token_that_the_causal_mode_agrees_with():
    causal = greedy(list(range(10, 30)), 6)
    end = causal[-1]
    assert causal.index(end) > 0
    events = list(engine(eos_token_ids=(end,)).submit(make_request(range(10, 30), max_new_tokens=20)))
    assert isinstance(events[-1], Finish) and events[-1].reason == "stop"
    assert tokens(events)[-1] == end and end not in tokens(events)[:-1]
