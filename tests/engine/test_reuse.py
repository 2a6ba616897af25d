"""A kept prefix saves work and changes nothing: every event is bit-identical to that without reuse."""

import copy
import gc
import time
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dgemma
from dgemma.cache import KVCache
from dgemma.engine.request import Infill, Revision, Rewrite
from tests.engine.requests import TURN_END, alone, content, finish, made_up_ids, make_engine, make_request, tokens
from tests.test_model import NETWORK


def turn(length: int, seed: int) -> tuple[int, ...]:
    return (*made_up_ids(length - 1, seed), TURN_END)


turns = st.lists(st.tuples(st.integers(1, 90), st.integers(0, 1)), min_size=1, max_size=4).map(
    lambda drawn: sum((turn(*each) for each in drawn), start=())
)
conversations = st.tuples(turns, st.integers(1, 5)).map(lambda drawn: drawn[0] + made_up_ids(drawn[1], 7))


@settings(max_examples=8)
@given(
    st.lists(conversations, min_size=2, max_size=5),
    st.sampled_from(["diffusion", "autoregressive"]),
    st.sampled_from([(), (TURN_END,)]),
    st.sampled_from([16, 512]),
    st.sampled_from([0.2, 64]),
)
def test_reuse_changes_no_bit(prompts, mode, boundaries, prefill_chunk, budget):
    engine = make_engine(prefill_chunk=prefill_chunk, kv_budget_mb=budget)
    for prompt in prompts:
        request = make_request(prompt, max_new_tokens=9, mode=mode, turn_boundary_ids=boundaries)
        fresh = make_engine(prefill_chunk=prefill_chunk, max_prefixes=0)
        assert content(engine.submit(request)) == content(fresh.submit(request))
        assert fresh.snapshot().reused_tokens == 0


@settings(max_examples=12)
@given(
    st.lists(conversations, min_size=2, max_size=5),
    st.sampled_from(["diffusion", "autoregressive"]),
    st.sampled_from([(), (TURN_END,)]),
    st.sampled_from([16, 64]),
    st.sampled_from([9, 60]),
)
def test_sliding_layers_that_forget_change_no_bit(prompts, mode, boundaries, prefill_chunk, max_new_tokens):
    with patch("dgemma.cache.EVICTION_SLACK", 7):
        # So many requests may be active that no request gets a cache that keeps everything.
        engine = make_engine(prefill_chunk=prefill_chunk, max_active=10**6)
        for prompt in prompts:
            request = make_request(prompt, max_new_tokens=max_new_tokens, mode=mode, turn_boundary_ids=boundaries)
            events = engine.submit(request)
            assert events._job.runner.sliding_history is not None
            fresh = make_engine(prefill_chunk=prefill_chunk, max_prefixes=0)
            assert content(events) == content(fresh.submit(request))


def test_sliding_layers_that_forget_still_reuse_a_long_conversation():
    with patch("dgemma.cache.EVICTION_SLACK", 7):
        engine = make_engine(prefill_chunk=16, max_active=10**6)
        prompt = made_up_ids(320)
        list(engine.submit(make_request(prompt, max_new_tokens=12)))
        kv_bytes = engine.snapshot().kv_bytes
        longer = finish(engine.submit(make_request((*prompt, *made_up_ids(40, 1)), max_new_tokens=12)))
        assert longer.stats.reused_tokens == 304
        # For a branch far back the tokens of the window are forgotten, so nothing is reused; the kept prompt stays.
        branch = finish(engine.submit(make_request((*prompt[:100], *made_up_ids(300, 2)), max_new_tokens=12)))
        assert branch.stats.reused_tokens == 0 and engine.snapshot().prefixes == 2
    whole = make_engine(prefill_chunk=16)
    list(whole.submit(make_request(prompt, max_new_tokens=12)))
    # Here full layers store as many numbers per token as sliding ones.
    assert kv_bytes < 0.6 * whole.snapshot().kv_bytes


@pytest.mark.parametrize(
    "in_place",
    [
        Infill(suffix=made_up_ids(60, 5), gap_lengths=(1, 3, 8)),
        Revision(text=made_up_ids(50, 6), strength=0.9),
        Rewrite(text=made_up_ids(50, 6), strength=0.9),
    ],
)
def test_infill_and_revision_need_nothing_that_sliding_layers_forget(in_place):
    prompt, budget = made_up_ids(900), 0.4
    request = make_request(prompt, max_new_tokens=52, in_place=in_place)
    whole = make_engine()
    expected = content(whole.submit(request))
    with patch("dgemma.cache.EVICTION_SLACK", 7):
        # A cache that keeps everything would be refused.
        engine = make_engine(kv_budget_mb=budget, max_active=1)
        assert whole.snapshot().kv_bytes > budget * (1 << 20)
        assert content(engine.submit(request)) == expected
        again = finish(engine.submit(request))
    assert again.stats.reused_tokens > 850


def test_a_conversation_that_goes_on_reuses_its_turns():
    engine = make_engine(prefill_chunk=512)
    begin, stub = turn(100, 1), made_up_ids(6, 2)
    first = finish(engine.submit(make_request(begin + stub, turn_boundary_ids=(TURN_END,))))
    assert (first.stats.reused_tokens, first.stats.prompt_tokens) == (0, 106)
    longer = begin + turn(80, 3) + turn(90, 4)
    second = finish(engine.submit(make_request(longer + stub, turn_boundary_ids=(TURN_END,))))
    assert second.stats.reused_tokens == 100
    third = finish(engine.submit(make_request(longer + turn(70, 5) + stub, turn_boundary_ids=(TURN_END,))))
    assert third.stats.reused_tokens == 270
    assert engine.snapshot().prefixes == 1


def test_a_chat_reuses_its_earlier_turns():
    llm = dgemma.load("tiny")
    messages = [{"role": "user", "content": "Fix the mistakes: She go to the the market yestreday. " * 8}]
    first = llm.chat(messages, max_new_tokens=8, max_denoising_steps=3)
    messages += [{"role": "assistant", "content": first.text or "?"}, {"role": "user", "content": "Now shorter."}]
    second = llm.chat(messages, max_new_tokens=8, max_denoising_steps=3)
    assert first.stats.reused_tokens == 0
    assert 64 <= second.stats.reused_tokens < first.stats.prompt_tokens < second.stats.prompt_tokens
    assert second.token_ids == dgemma.load("tiny").chat(messages, max_new_tokens=8, max_denoising_steps=3).token_ids


def test_without_boundaries_whole_chunks_are_reused():
    engine = make_engine(prefill_chunk=16)
    document = made_up_ids(50)
    list(engine.submit(make_request((*document, 11, 12))))
    assert finish(engine.submit(make_request((*document, 13, 14)))).stats.reused_tokens == 48


def test_a_repeated_prompt_needs_only_its_last_chunk_encoded():
    engine = make_engine(prefill_chunk=16)
    prompt = made_up_ids(40)
    list(engine.submit(make_request(prompt)))
    turns = engine.snapshot().turns
    again = finish(engine.submit(make_request(prompt, seed=1, max_new_tokens=4)))
    assert again.stats.reused_tokens == 32
    # The last chunk is encoded in the pass of the first step.
    assert engine.snapshot().turns - turns == again.stats.denoise_steps
    assert finish(engine.submit(make_request(prompt, mode="autoregressive"))).stats.reused_tokens == 32


def test_the_reference_path_neither_reuses_nor_leaves_a_prefix():
    engine = make_engine()
    request = make_request(made_up_ids(40), reference=True)
    list(engine.submit(request))
    assert engine.snapshot().prefixes == 0
    list(engine.submit(make_request(made_up_ids(40))))
    assert finish(engine.submit(request)).stats.reused_tokens == 0
    assert engine.snapshot().prefixes == 1


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_dropped_request_leaves_its_encoded_prompt_as_a_prefix(after):
    engine = make_engine(prefill_chunk=16)
    prompt = made_up_ids(40)
    stream = engine.submit(make_request(prompt, max_new_tokens=40))
    for _ in range(after):
        next(stream)
    del stream
    gc.collect()
    request = make_request(prompt, seed=3)
    stream = engine.submit(request)
    received = list(stream)
    assert content(received) == alone(request) and finish(received).stats.reused_tokens == 32


def test_a_request_closed_during_prefill_leaves_its_encoded_chunks_as_a_prefix():
    engine = make_engine(prefill_chunk=16)
    prompt = made_up_ids(90)
    cut = engine.submit(make_request(prompt))
    other = engine.submit(make_request(max_new_tokens=2, max_denoising_steps=2))
    list(other)
    cut.close()
    reused = finish(engine.submit(make_request(prompt))).stats.reused_tokens
    assert 0 < reused < 90 and reused % 16 == 0


def test_concurrent_requests_share_one_prefix():
    engine = make_engine(prefill_chunk=16)
    document = made_up_ids(64)
    list(engine.submit(make_request((*document, 11, 12))))
    requests = [make_request(document[:32] + made_up_ids(20, seed), seed=seed) for seed in (1, 2, 3)]
    streams = [engine.submit(request) for request in requests]
    received = [list(stream) for stream in streams]
    for request, events in zip(requests, received, strict=True):
        assert tokens(events) and content(events) == alone(request)
        assert finish(events).stats.reused_tokens == 32


def test_under_a_tight_budget_a_prefix_is_taken_rather_than_encoded_again():
    document = made_up_ids(160)
    request = make_request(document, max_new_tokens=8, max_denoising_steps=3)
    needed = make_engine().submit(request)._job.runner.num_bytes
    engine = make_engine(prefill_chunk=16, kv_budget_mb=1.2 * needed / (1 << 20))
    list(engine.submit(request))
    assert engine.snapshot().prefixes == 1
    branch = finish(
        engine.submit(make_request(document[:80] + made_up_ids(80, 5), max_new_tokens=8, max_denoising_steps=3))
    )
    assert branch.stats.reused_tokens == 80 and engine.snapshot().prefixes == 1


@pytest.mark.parametrize("own_thread", [False, True])
@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
def test_a_closed_request_keeps_only_the_cache_of_its_prompt(own_thread, mode):
    """The slots that its answer would have taken are freed."""
    engine, prompt = make_engine(prefill_chunk=16), made_up_ids(40, 3)
    if own_thread:
        engine.start()
    list(engine.submit(make_request(prompt, max_new_tokens=900, mode=mode)))
    finished = engine.snapshot()
    engine.forget_prefixes()
    stream = engine.submit(make_request(prompt, max_new_tokens=900, mode=mode))
    for _ in range(4):
        next(stream)
    stream.close()
    if own_thread:
        deadline = time.monotonic() + 20
        while engine.snapshot().kv_bytes > finished.kv_bytes and time.monotonic() < deadline:
            time.sleep(0.01)
    else:
        list(engine.submit(make_request(made_up_ids(3), max_new_tokens=2)))
    assert engine.snapshot().kv_bytes <= 1.1 * finished.kv_bytes
    again = list(engine.submit(make_request(prompt, max_new_tokens=9, mode=mode)))
    assert finish(again).stats.reused_tokens == 32
    assert content(again) == alone(make_request(prompt, max_new_tokens=9, mode=mode))
    engine.close()


def test_a_prefix_is_copied_only_while_the_device_is_held(monkeypatch: pytest.MonkeyPatch):
    """Otherwise it would be copied while another thread measures the machine."""
    engine, held, resize = make_engine(), [], KVCache.resize

    def recording(cache: KVCache, *sizes: int | None) -> None:
        held.append(engine._device_lock.is_held)
        resize(cache, *sizes)

    monkeypatch.setattr(KVCache, "resize", recording)
    for seed in range(2):
        list(engine.submit(make_request(made_up_ids(40, 3), max_new_tokens=6, seed=seed)))
    stream = engine.submit(make_request(made_up_ids(90, 4), max_new_tokens=6))
    next(stream)
    stream.close()
    list(engine.submit(make_request(max_new_tokens=2)))
    assert len(held) >= 4 and all(held)


def test_changed_weights_invalidate_kept_prefixes():
    network = copy.deepcopy(NETWORK)
    engine, request = make_engine(network), make_request(made_up_ids(40, 3), max_new_tokens=6)
    assert finish(engine.submit(request)).stats.reused_tokens == 0
    assert finish(engine.submit(request)).stats.reused_tokens > 0
    with torch.inference_mode():
        network.layers[0].self_attn.k_proj.weight.mul_(-1.0)  # pyright: ignore[reportAttributeAccessIssue,reportCallIssue]
    changed = list(engine.submit(request))
    assert finish(changed).stats.reused_tokens == 0
    assert content(changed) == content(make_engine(network).submit(request))


def test_a_request_begun_with_other_weights_leaves_no_prefix():
    network = copy.deepcopy(NETWORK)
    engine, prompt = make_engine(network), made_up_ids(60, 3)
    stream = engine.submit(make_request(prompt, max_new_tokens=50))
    for _ in range(4):
        next(stream)
    with torch.inference_mode():
        network.layers[0].self_attn.k_proj.weight.mul_(-1.0)  # pyright: ignore[reportAttributeAccessIssue,reportCallIssue]
    list(engine.submit(make_request(made_up_ids(5), max_new_tokens=2)))
    stream.close()
    again = list(engine.submit(make_request(prompt, max_new_tokens=6)))
    assert finish(again).stats.reused_tokens == 0
    assert content(again) == content(make_engine(network).submit(make_request(prompt, max_new_tokens=6)))
