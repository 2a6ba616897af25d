"""Many requests in one thread: turns, limits, cancellation, errors and memory; the same tokens whatever else runs."""

import gc
import weakref
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma import fused, memory
from dgemma.config import EngineConfig
from dgemma.decode.autoregressive import TokenSampler
from dgemma.engine.placement import resolve
from dgemma.engine.request import Commit, Draft, Finish
from dgemma.errors import BusyError, CancelledError, ConfigError, PromptError, UsageError
from tests.engine.requests import alone, content, finish, made_up_ids, make_engine, make_request, tokens

requests = st.builds(
    make_request,
    prompt=st.tuples(st.integers(0, 2), st.integers(1, 40)).map(lambda drawn: made_up_ids(drawn[1], drawn[0])),
    max_new_tokens=st.integers(1, 20),
    seed=st.integers(0, 5),
    mode=st.sampled_from(["diffusion", "autoregressive", "auto"]),
    canvas_length=st.sampled_from([None, 3, 8, 11]),
    max_denoising_steps=st.integers(1, 4),
    temperature=st.sampled_from([1.0, 0.5]),
    token_sampler=st.just(TokenSampler(temperature=1.0)),
    reference=st.booleans(),
)


@settings(max_examples=8)
@given(st.lists(requests, min_size=2, max_size=6), st.integers(1, 4), st.integers(0, 10))
def test_a_request_gives_the_same_events_alone_and_among_others(requests, max_active, order):
    engine = make_engine(max_active=max_active)
    streams = [engine.submit(request) for request in requests]
    received = [[] for _ in requests]
    pending = list(range(len(requests)))
    while pending:
        number = pending[order % len(pending)]
        event = next(streams[number], None)
        if event is None:
            pending.remove(number)
        else:
            received[number].append(event)
        order += 1
    for request, events in zip(requests, received, strict=True):
        assert content(events) == alone(request)
    assert engine.snapshot().active == engine.snapshot().waiting == 0


def test_warm_up_lays_out_the_weights_and_changes_no_event(monkeypatch: pytest.MonkeyPatch):
    engine, laid_out = make_engine(), []
    engine.warm_up()
    lay_out = fused._lay_out_layers
    monkeypatch.setattr(fused, "_lay_out_layers", lambda network: laid_out.append("again") or lay_out(network))
    request = make_request(max_new_tokens=5)
    assert content(list(engine.submit(request))) == alone(request)
    assert laid_out == [] and engine.snapshot().finished == 1


def test_a_short_request_ends_before_a_long_one_that_came_first():
    engine = make_engine()
    long = engine.submit(make_request(max_new_tokens=80))
    next(long)
    short = engine.submit(make_request(max_new_tokens=4, seed=1))
    ended_after = None
    for number, _ in enumerate(long):
        if ended_after is None and engine.snapshot().active == 1:
            ended_after = number
    assert ended_after is not None and ended_after <= 2 * 5
    assert engine.snapshot().finished == 2
    assert isinstance(list(short)[-1], Finish)


def test_active_requests_take_turns():
    engine = make_engine()
    streams = [engine.submit(make_request(max_new_tokens=40, seed=seed)) for seed in range(3)]
    for expected in range(4):
        drafts = [next(stream) for stream in streams]
        assert [(draft.canvas, draft.step) for draft in drafts if isinstance(draft, Draft)] == [(0, expected + 1)] * 3


def test_a_request_waits_for_memory_and_then_runs():
    request = make_request(max_new_tokens=20)
    engine = make_engine(max_active=1)
    first, second = engine.submit(request), engine.submit(request)
    assert (engine.snapshot().active, engine.snapshot().waiting) == (0, 2)
    late = list(second)
    assert content(late) == alone(request)
    waited, stats = finish(late).stats, finish(first).stats
    assert waited.queued_ms > stats.queued_ms, "the second waited for all turns of the first"
    assert all(one.wall_seconds * 1000 >= one.first_text_ms >= one.queued_ms for one in (waited, stats))


def test_a_full_engine_refuses_requests_until_one_is_closed():
    engine = make_engine(max_active=1, max_waiting=1)
    streams = [engine.submit(make_request()) for _ in range(2)]
    with pytest.raises(BusyError) as raised:
        engine.submit(make_request())
    assert raised.value.retry_after_s > 0 and engine.snapshot().refused == 1
    streams.pop().close()
    list(engine.submit(make_request()))
    assert (engine.snapshot().cancelled, engine.snapshot().finished) == (1, 2)


@pytest.mark.parametrize("how", ["close", "cancel", "drop"])
@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
def test_an_ended_request_does_no_further_step_and_frees_its_memory(how, mode):
    engine = make_engine(max_prefixes=0)
    stream = engine.submit(make_request(max_new_tokens=60, mode=mode))
    other = engine.submit(make_request(max_new_tokens=3, seed=1))
    next(stream)
    cache = weakref.ref(stream._job.runner.cache)
    assert cache() is not None and engine.snapshot().kv_bytes > 0
    if how == "close":
        stream.close()
        assert list(stream) == []
    elif how == "cancel":
        assert engine.cancel(stream.id) and not engine.cancel(stream.id)
        with pytest.raises(CancelledError):
            next(stream)
        assert list(stream) == []
    else:
        del stream
    assert cache() is None
    turns = engine.snapshot().turns
    assert content(other) == alone(make_request(max_new_tokens=3, seed=1))
    assert engine.snapshot().turns - turns <= 6
    assert (engine.snapshot().cancelled, engine.snapshot().active, engine.snapshot().kv_bytes) == (1, 0, 0)


def test_a_request_that_is_not_iterated_runs_no_step():
    engine = make_engine()
    engine.submit(make_request())
    gc.collect()
    assert (engine.snapshot().turns, engine.snapshot().cancelled) == (0, 1)


@dataclass(frozen=True, kw_only=True)
class FailingSampler(TokenSampler):
    """Fails at the first token."""

    error: type[BaseException] = RuntimeError
    is_greedy = False

    def sample(self, logits_V: torch.Tensor, generator: torch.Generator) -> int:
        raise self.error("no token today")


def test_an_error_reaches_only_its_own_consumer():
    engine = make_engine()
    failing = engine.submit(make_request(mode="autoregressive", token_sampler=FailingSampler()))
    request = make_request(seed=4)
    assert content(engine.submit(request)) == alone(request)
    with pytest.raises(RuntimeError, match="no token today"):
        next(failing)
    assert list(failing) == []
    snapshot = engine.snapshot()
    assert (snapshot.failed, snapshot.finished, snapshot.active) == (1, 1, 0)


def test_a_stream_closed_as_satisfied_counts_as_finished():
    engine = make_engine()
    for satisfied in (True, False):
        stream = engine.submit(make_request(max_new_tokens=40))
        next(stream)
        stream.close(satisfied=satisfied)
        assert list(stream) == []
        snapshot = engine.snapshot()
        assert (snapshot.finished, snapshot.cancelled, snapshot.active) == (1, int(not satisfied), 0)


def test_an_interrupt_ends_the_running_request_and_leaves_the_engine_usable():
    engine = make_engine()
    sampler = FailingSampler(error=KeyboardInterrupt)
    stream = engine.submit(make_request(mode="autoregressive", token_sampler=sampler))
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert list(stream) == [] and engine.snapshot().cancelled == 1
    other, driver = (
        engine.submit(make_request(mode="autoregressive", token_sampler=sampler)),
        engine.submit(make_request()),
    )
    with pytest.raises(KeyboardInterrupt):
        list(driver)
    with pytest.raises(CancelledError, match="interrupted"):
        next(other)
    assert content(engine.submit(make_request())) == alone(make_request())


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"prompt": ()}, PromptError),
        ({"max_new_tokens": 0}, UsageError),
        ({"max_denoising_steps": 0}, ConfigError),
        ({"temperature": float("nan")}, ConfigError),
        ({"temperature": float("inf")}, ConfigError),
        ({"temperature": "warm"}, ConfigError),
        ({"canvas_length": 1_000_000}, UsageError),
        ({"max_new_tokens": 100_000}, PromptError),
    ],
)
def test_impossible_requests_are_refused_at_once(values, error):
    engine = make_engine(kv_budget_mb=1)
    with pytest.raises(error):
        engine.submit(make_request(**values))
    assert engine.snapshot().waiting == 0


@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
@pytest.mark.parametrize("end_ids", [(1, 106, -3), tuple(range(64)), (99,)])
def test_end_ids_may_be_outside_the_vocabulary_or_fill_it(mode, end_ids):
    events = make_engine().submit(make_request(mode=mode, eos_token_ids=end_ids, max_new_tokens=5))
    assert 1 <= len(tokens(events)) <= 5


def test_closing_a_stream_frees_its_slot():
    engine = make_engine(max_active=1, max_waiting=1)
    first, second = (engine.submit(make_request(seed=seed)) for seed in (0, 1))
    next(first)
    with pytest.raises(BusyError):
        engine.submit(make_request(seed=2))
    first.close()
    third = engine.submit(make_request(seed=2))
    assert content(second) == alone(make_request(seed=1)) and content(third) == alone(make_request(seed=2))


def test_the_error_for_a_request_beyond_the_budget_says_what_to_change():
    with pytest.raises(PromptError, match=r"needs a cache of \d+ MB .*kv_budget_mb"):
        make_engine(kv_budget_mb=0.5).submit(make_request(max_new_tokens=10_000))


@settings(max_examples=6)
@given(st.lists(requests, min_size=3, max_size=6), st.integers(1, 4))
def test_the_budget_is_never_exceeded(requests, share):
    large = make_engine()
    needed = [large.submit(request)._job.runner.num_bytes for request in requests]
    engine = make_engine(kv_budget_mb=max(needed) * (1 + share / 2) / (1 << 20))
    streams = [engine.submit(request) for request in requests]
    for request, stream in zip(requests, streams, strict=True):
        received = []
        for event in stream:
            received.append(event)
            live_caches = [job.runner.cache for job in engine._requests if job.runner.cache is not None]
            prefix_caches = [prefix.cache for prefix in engine._residency._prefixes._prefixes]
            used_bytes = sum(cache.num_bytes for cache in (*live_caches, *prefix_caches))
            assert used_bytes <= engine.snapshot().kv_bytes <= engine.budget_bytes
        assert content(received) == alone(request)
    assert engine.snapshot().active == 0


def test_a_closed_engine_cancels_its_requests_and_refuses_new_ones():
    engine = make_engine()
    streams = [engine.submit(make_request(seed=seed, max_new_tokens=200)) for seed in range(2)]
    list(engine.submit(make_request(max_new_tokens=4)))
    engine.close()
    for stream in streams:
        with pytest.raises(CancelledError, match="closed"):
            next(stream)
    for refused in (lambda: engine.submit(make_request()), engine.start):
        with pytest.raises(UsageError, match="closed"):
            refused()
    assert engine.snapshot().kv_bytes == 0
    engine.close()


def test_counters_add_up():
    engine = make_engine()
    requests = [make_request(made_up_ids(20), seed=seed) for seed in range(3)]
    for request in requests:
        list(engine.submit(request))
    snapshot = engine.snapshot()
    assert (snapshot.finished, snapshot.prompt_tokens, snapshot.reused_tokens) == (3, 60, 32)
    commits = [event for request in requests for event in alone(request) if isinstance(event, Commit)]
    assert snapshot.new_tokens == sum(len(commit.token_ids) for commit in commits)
    assert 0 < snapshot.kv_bytes <= snapshot.kv_budget_bytes == 64 << 20 and snapshot.prefixes == 1


def test_the_default_budget_is_a_share_of_the_memory():
    assert (resolve(EngineConfig(device="cpu")).kv_budget_mb or 0) > 100
    assert resolve(EngineConfig(device="cpu", kv_budget_mb=3)).kv_budget_mb == 3
    total = memory.total_bytes()
    for weight_bytes, budget in ((0, total / 4), (3 * total // 4, total / 8), (2 * total, total / 16)):
        resolved = resolve(EngineConfig(device="cpu"), weight_bytes)
        assert resolved.kv_budget_mb == pytest.approx(budget / (1 << 20), abs=1)
    for name in ("kv_budget_mb", "max_active", "max_waiting", "max_prefixes", "prefill_chunk"):
        with pytest.raises(ConfigError, match=name):
            EngineConfig(**{name: -1})


@pytest.mark.parametrize("fails_at", [6, 7, 8])
def test_tokens_written_before_a_failure_are_delivered(fails_at, monkeypatch):
    """Among other requests, with several tokens per turn."""
    engine = make_engine()
    failing = engine.submit(make_request(max_new_tokens=32, mode="autoregressive"))
    other = engine.submit(make_request(made_up_ids(4), max_new_tokens=32, mode="autoregressive"))
    next(failing), next(other)
    cache, passes, encode = failing._job.runner.cache, 0, engine.network.encode

    def failing_encode(ids, into, *rest, **named):
        nonlocal passes
        passes += into is cache
        if into is cache and passes == fails_at:
            raise RuntimeError("the device is gone")
        return encode(ids, into, *rest, **named)

    monkeypatch.setattr(engine.network, "encode", failing_encode)
    received = []
    with pytest.raises(RuntimeError, match="gone"):
        received.extend(failing)
    # Three unread tokens were written before passes were counted; each pass but the last wrote one more.
    assert len(tokens(received)) == 2 + fails_at


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"max_new_tokens": True}, "max_new_tokens must be a whole number, not True"),
        ({"seed": False}, "seed must be a whole number, not False"),
        ({"copy_length": -1}, "copy_length must be at least 0, not -1"),
        ({"skip_settled": "no"}, "skip_settled must be True or False, not 'no'"),
        ({"causal_check": 1}, "causal_check must be True or False, not 1"),
        ({"reference": None}, "reference must be True or False, not None"),
    ],
)
def test_numbers_are_no_switches_and_switches_no_numbers(values, words):
    with pytest.raises(UsageError, match=words):
        make_engine().submit(make_request(**values))
