"""Passes of several requests in one kernel call: each result is bit-identical to that of the pass alone."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.bench.shapes import random_network
from dgemma.cache import KVCache
from dgemma.checkpoint.quantised import quantise_network
from dgemma.decode.autoregressive import TokenSampler
from dgemma.engine import joint_calls, open_requests
from dgemma.engine.joint_calls import run_together
from dgemma.fused_calls import HeadCall, compute
from dgemma.model import DiffusionGemma
from dgemma.ops.native.head import Head
from dgemma.ops.native.layers import FusedLayers
from dgemma.ops.vocabulary_products import HEAD_BLOCK
from dgemma.quant import Kind
from tests.engine.requests import alone, content, make_engine, make_request, tokens
from tests.ops.test_native_layers import ids, make_network
from tests.test_model import CONFIG

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="layers are fused on Linux only")

Results = list[torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Text:
    """A prompt in a cache, and the pass that follows it."""

    prompt: int
    canvas: int
    clean: int
    kind: str
    forgets: bool

    def begin(self, network: DiffusionGemma) -> KVCache:
        history = self.clean if self.forgets else None
        cache = KVCache(network.config, max_length=700, scratch_length=20, sliding_history=history)
        if self.forgets:
            network.encode(ids(560), cache)
        network.encode(ids(self.prompt), cache)
        return cache

    def go_on(self, network: DiffusionGemma, cache: KVCache) -> Results:
        canvas, soft = ids(self.canvas, 1), torch.ones(1, self.canvas, network.config.hidden_size)
        if self.kind == "encode":
            return [network.encode(ids(self.clean, 3), cache), network.encode(ids(1, 4), cache)]
        if self.kind == "keys":
            return [network.encode(ids(self.clean, 3), cache, keys_only=True)][:0]
        if self.kind == "denoise":
            return [network.denoise(canvas, cache), network.denoise(canvas, cache, soft)]
        if self.kind == "rows":
            network.denoise(canvas, cache)
            return [network.denoise(canvas, cache, soft, torch.arange(self.canvas)[:: self.clean])]
        return list(network.encode_and_denoise(ids(self.clean, 3), canvas, cache))


@torch.inference_mode()
def computed(network: DiffusionGemma, texts: list[Text], run: Callable[[list[Callable[[], Results]]], list[Results]]):
    """The results of the passes of all texts, and the keys and values that they left."""
    caches = [text.begin(network) for text in texts]
    results = run([partial(text.go_on, network, cache) for text, cache in zip(texts, caches, strict=True)])
    return [[*result, *cache.keys, *cache.values] for result, cache in zip(results, caches, strict=True)]


def in_turns(turns: list[Callable[[], Results]]) -> list[Results]:
    return [turn() for turn in turns]


def in_one_call(turns: list[Callable[[], Results]]) -> list[Results]:
    outcomes = run_together(turns)
    assert not [outcome.error for outcome in outcomes if outcome.error is not None]
    return [outcome.value for outcome in outcomes]  # pyright: ignore[reportReturnType]


TEXTS = st.builds(
    Text,
    prompt=st.integers(1, 60),
    canvas=st.integers(1, 20),
    clean=st.integers(1, 9),
    kind=st.sampled_from(["encode", "keys", "denoise", "rows", "joint"]),
    forgets=st.booleans(),
)


@pytest.mark.parametrize("num_experts", [4, 12])
@pytest.mark.parametrize("quant", [None, "int8", "int4"])
@settings(max_examples=8)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6), size=st.sampled_from([8, 32]), seed=st.integers(0, 3))
def test_joint_passes_are_bit_identical_to_separate_ones(num_experts, quant, texts, size, seed) -> None:
    kinds = (("sliding_attention", size, 2), ("full_attention", 2 * size, 1))
    network = make_network(kinds, num_experts, hidden_size=64, width=64, expert_width=32, seed=seed)
    if quant is not None:
        quantise_network(network, quant)
    expected = computed(network, texts, in_turns)
    assert network.are_fused[0]
    for joint, separate in zip(computed(network, texts, in_one_call), expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(joint, separate, strict=True))


READINGS = st.lists(
    st.tuples(
        st.integers(1, 6), st.sampled_from([0.5, 0.8]), st.lists(st.tuples(st.integers(-1, 0), st.integers(0, 89)))
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("quant", [None, "int8"])
@pytest.mark.parametrize("soft", [False, True])
@settings(max_examples=12)
@given(readings=READINGS, draws=st.booleans())
@torch.inference_mode()
def test_joint_readings_of_the_head_are_bit_identical_to_separate_ones(quant, soft, readings, draws) -> None:
    network = make_network(hidden_size=64, width=64, expert_width=32)
    if quant is not None:
        quantise_network(network, quant)
    generator = torch.Generator().manual_seed(1)
    calls = [
        HeadCall(
            head=network.fused_head(),
            hidden_ND=torch.randn(rows, 64, generator=generator),
            temperature=temperature,
            uniforms_N=torch.rand(rows, generator=generator) if draws else None,
            forbidden_pairs=forbidden_pairs,
            soft=soft,
        )
        for rows, temperature, forbidden_pairs in readings
    ]
    outcomes = run_together([partial(compute, call) for call in calls])
    for call, outcome in zip(calls, outcomes, strict=True):
        separate, joint = compute(call), outcome.value
        assert joint is not None
        assert torch.equal(joint.likeliest_N, separate.likeliest_N)
        for actual, expected in zip(joint.summary_N4.T[:3], separate.summary_N4.T[:3], strict=True):
            assert torch.equal(actual, expected)
        assert not draws or torch.equal(joint.sample_N, separate.sample_N)
        if soft:
            assert torch.equal(joint.soft_ND, separate.soft_ND)
        else:
            assert joint.soft_ND is None and torch.equal(joint.logits_NV, separate.logits_NV)


@pytest.mark.parametrize("fits_bfloat16", [False, True])
@torch.inference_mode()
def test_logits_over_a_large_vocabulary_are_one_product_for_all_turns(
    fits_bfloat16, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = random_network(replace(CONFIG, vocab_size=20_000, hidden_size=64), torch.float32, torch.device("cpu"))
    if not fits_bfloat16:
        network.embed_tokens.weight += torch.rand(20_000, 64)
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randn(*shape, 64, generator=generator) for shape in ((), (3,), (1, 2), ())]
    expected = [network.logits(hidden) for hidden in rows]
    multiplied, products = [], DiffusionGemma.products

    def recording(self: DiffusionGemma, hidden: torch.Tensor, **options: bool) -> torch.Tensor:
        multiplied.append(tuple(hidden.shape))
        return products(self, hidden, **options)

    monkeypatch.setattr(DiffusionGemma, "products", recording)
    outcomes = run_together([partial(network.logits, hidden) for hidden in rows])
    assert multiplied == [(7, 64)]
    for logits, outcome in zip(expected, outcomes, strict=True):
        assert outcome.value is not None and torch.equal(outcome.value, logits)


@pytest.mark.parametrize("kind", ["int8", "int4"])
@torch.inference_mode()
def test_logits_of_an_int8_head_are_one_product_for_all_single_rows(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Products of several rows of one request are rounded to int8, so they are a separate call."""
    config = replace(CONFIG, vocab_size=2 * HEAD_BLOCK, hidden_size=64, intermediate_size=64, moe_intermediate_size=32)
    network = random_network(config, torch.float32, torch.device("cpu"))
    quantise_network(network, kind)
    if not network.has_int8_head():
        pytest.skip("this processor gains nothing by an int8 head")
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randn(*shape, 64, generator=generator) for shape in ((), (3,), (1, 1), (1,), ())]
    expected = [network.logits(hidden) for hidden in rows]
    multiplied, products = [], DiffusionGemma.products

    def recording(self: DiffusionGemma, hidden: torch.Tensor, **options: bool) -> torch.Tensor:
        multiplied.append(tuple(hidden.shape))
        return products(self, hidden, **options)

    monkeypatch.setattr(DiffusionGemma, "products", recording)
    outcomes = run_together([partial(network.logits, hidden) for hidden in rows])
    assert sorted(multiplied) == [(3, 64), (4, 64)]
    for logits, outcome in zip(expected, outcomes, strict=True):
        assert outcome.value is not None and torch.equal(outcome.value, logits)


def test_readings_of_different_kinds_are_separate_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    network, seen = make_network(), []
    with torch.inference_mode():
        head, hidden_ND = network.fused_head(), torch.ones(2, 36)
    read = Head.read
    monkeypatch.setattr(Head, "read", lambda self, rows, *rest: seen.append(len(rows)) or read(self, rows, *rest))
    call = HeadCall(head=head, hidden_ND=hidden_ND)
    others = [call._replace(temperature=0.5), call._replace(soft=True), call._replace(uniforms_N=torch.zeros(2))]
    run_together([partial(compute, each) for each in (call, *others, call)])
    assert seen == [4, 2, 2, 2]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The rows of each text of each fused call."""
    seen: list[list[int]] = []
    run = FusedLayers.run

    def counting(self: FusedLayers, texts: Any, keys_only: bool = False) -> torch.Tensor:
        seen.append([len(text.positions) for text in texts])
        return run(self, texts, keys_only)

    monkeypatch.setattr(FusedLayers, "run", counting)
    return seen


def encode_turns(network: DiffusionGemma, *counts: int, keys_only: bool = False) -> list[Callable[[], torch.Tensor]]:
    caches = [KVCache(network.config, max_length=200) for _ in counts]
    encode = partial(network.encode, keys_only=keys_only)
    return [partial(encode, ids(count), cache) for count, cache in zip(counts, caches, strict=True)]


def test_no_joint_call_has_more_than_max_rows(calls) -> None:
    run_together(encode_turns(make_network(), 3, joint_calls.MAX_ROWS, 4, joint_calls.MAX_ROWS + 9, 1))
    assert calls == [[3, 4, 1], [joint_calls.MAX_ROWS], [joint_calls.MAX_ROWS + 9]]


def test_passes_of_different_kinds_are_separate_calls(calls) -> None:
    first, second = make_network(), make_network(seed=1)
    turns = [
        *encode_turns(first, 1, 2),
        *encode_turns(second, 3),
        *encode_turns(first, 4, keys_only=True),
        *encode_turns(first, 5),
    ]
    run_together(turns)
    assert calls == [[1, 2, 5], [3], [4]]


def test_an_outcome_reports_the_largest_pass_of_its_turn(calls) -> None:
    network = make_network()

    def two_passes() -> None:
        for turn in encode_turns(network, 2, 7):
            turn()

    (single,), (double,), plain = encode_turns(network, 5), [two_passes], lambda: None
    assert [outcome.num_rows for outcome in run_together([single, double, plain])] == [5, 7, None]
    with network.unfused():
        assert [outcome.num_rows for outcome in run_together(encode_turns(network, 5, 5))] == [None, None]
    assert calls == [[5, 2], [7]]


def test_an_error_ends_only_its_own_turn() -> None:
    network = make_network()

    def failing() -> torch.Tensor:
        network.encode(ids(2), KVCache(network.config, max_length=9))
        raise ValueError("of its own")

    good, bad, other = run_together([*encode_turns(network, 3), failing, *encode_turns(network, 4)])
    assert good.value is not None and other.value is not None and bad.value is None
    assert isinstance(bad.error, ValueError) and good.error is other.error is None


def test_an_error_in_a_joint_call_reaches_every_turn_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    network, unwound = make_network(), []

    def run(self: FusedLayers, texts: Any, keys_only: bool = False) -> torch.Tensor:
        raise MemoryError("no room")

    def careful(turn: Callable[[], torch.Tensor]) -> torch.Tensor:
        try:
            return turn()
        finally:
            unwound.append(turn)

    monkeypatch.setattr(FusedLayers, "run", run)
    outcomes = run_together([partial(careful, turn) for turn in encode_turns(network, 3, 4)])
    assert [type(outcome.error) for outcome in outcomes] == [MemoryError, MemoryError] and len(unwound) == 2


def test_an_interrupt_ends_all_turns(calls) -> None:
    network, unwound = make_network(), []

    def interrupted() -> torch.Tensor:
        raise KeyboardInterrupt

    def waiting() -> torch.Tensor:
        try:
            return encode_turns(network, 3)[0]()
        finally:
            unwound.append("waiting")

    with pytest.raises(KeyboardInterrupt):
        run_together([waiting, interrupted])
    assert unwound == ["waiting"] and calls == []
    assert run_together([*encode_turns(network, 3)])[0].value is not None


@torch.inference_mode()
def test_a_pass_outside_of_a_joint_turn_runs_at_once() -> None:
    network = make_network()
    caches = [KVCache(network.config, max_length=9) for _ in range(2)]
    inside = run_together([lambda: network.encode(ids(2), caches[0])])[0].value
    assert inside is not None and torch.equal(inside, network.encode(ids(2), caches[1]))


def test_small_passes_of_several_requests_share_a_call(calls) -> None:
    engine = make_engine()
    requests = [make_request(mode="autoregressive", seed=seed, max_new_tokens=12) for seed in range(3)]
    requests += [make_request(seed=3, canvas_length=8, token_sampler=TokenSampler(temperature=1.0))]
    streams = [engine.submit(request) for request in requests]
    received = [[] for _ in streams]
    while any(received[number][-1:] != [None] for number in range(len(streams))):
        for events_so_far, stream in zip(received, streams, strict=True):
            events_so_far.append(next(stream, None))
    shared_calls = [call for call in calls if len(call) > 1]
    assert [1, 1, 1] in shared_calls and any(8 in call for call in shared_calls)
    for request, events in zip(requests, received, strict=True):
        assert content([event for event in events if event is not None]) == alone(request)


@pytest.mark.parametrize("mode", ["autoregressive", "diffusion"])
def test_a_reference_request_leaves_the_passes_of_others_fused(mode) -> None:
    """The logits of a large vocabulary could be joined, in the middle of a pass that must not be fused."""
    config = replace(CONFIG, vocab_size=20_000, hidden_size=64)
    network = random_network(config, torch.float32, torch.device("cpu"))
    requests = [make_request(seed=seed, mode=mode, reference=True, max_new_tokens=6 + 6 * seed) for seed in range(2)]
    requests += [
        make_request(seed=seed, mode=kind, max_new_tokens=12)
        for seed, kind in enumerate(("autoregressive", "diffusion"))
    ]
    expected = [content(make_engine(network).submit(request)) for request in requests]
    engine = make_engine(network)
    streams = [engine.submit(request) for request in requests]
    received = [[next(stream)] for stream in streams]
    for events_so_far, stream in zip(received, streams, strict=True):
        events_so_far += stream
    assert [content(events) for events in received] == expected
    assert content(engine.submit(requests[-1])) == expected[-1]


def test_passes_over_copies_share_a_call(calls) -> None:
    engine = make_engine()
    requests = [make_request((seed, 56, 56) * 8, mode="autoregressive", copy_length=4) for seed in (7, 8)]
    streams = [engine.submit(request) for request in requests]
    received = [[next(stream)] for stream in streams]
    for events_so_far, stream in zip(received, streams, strict=True):
        events_so_far += stream
    assert any(len(call) == 2 and max(call) > 1 for call in calls)
    assert [content(events) for events in received] == [alone(request) for request in requests]


def test_first_turns_and_large_passes_are_not_joined(calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request's first turn runs alone, as its size is unknown; so does a pass of more than MAX_ROWS rows."""
    monkeypatch.setattr(open_requests, "MAX_ROWS", 10)
    engine = make_engine()
    streams = [engine.submit(make_request(seed=seed, canvas_length=8)) for seed in range(3)]
    for stream in streams:
        tokens(stream)
    assert all(len(call) == 1 for call in calls)
