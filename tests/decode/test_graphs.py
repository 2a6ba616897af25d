"""Recorded passes equal plain ones, whatever the caches hold and whichever positions are computed."""

import threading
import time
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.config import EngineConfig, LayerConfig, ModelConfig, SamplerConfig
from dgemma.decode import buckets, graphs
from dgemma.decode.denoise import denoise
from dgemma.engine.engine import Engine
from dgemma.engine.request import Commit, Request
from dgemma.errors import PromptError, UsageError
from dgemma.model import DiffusionGemma

LENGTH = 12


def make_network(num_experts: int = 16, device: str = "cpu", dtype: torch.dtype = torch.float32) -> DiffusionGemma:
    """Sixteen experts are routed, up to eight all run; the window of 300 is between the two smallest buckets."""
    sliding = LayerConfig(layer_type="sliding_attention", head_dim=8, num_key_value_heads=2)
    full = LayerConfig(layer_type="full_attention", head_dim=16, num_key_value_heads=1)
    config = ModelConfig(
        vocab_size=64, hidden_size=32, intermediate_size=24, num_attention_heads=4, num_experts=num_experts,
        top_k_experts=2, moe_intermediate_size=16, sliding_window=300, canvas_length=LENGTH,
        layers=(sliding, full, sliding, full),
    )  # fmt: skip
    network, generator = DiffusionGemma(config).requires_grad_(False), torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim >= 2:
            parameter.normal_(0, 0.2, generator=generator)
        else:
            parameter.uniform_(0.6, 1.4, generator=generator)
    return network.to(device, dtype).eval()


NETWORK = make_network()


def ids(rows: int, count: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(64, (rows, count), generator=torch.Generator().manual_seed(seed))


def filled_cache(lengths: list[int], network: DiffusionGemma = NETWORK, sliding_history: int | None = None) -> KVCache:
    kind = {"dtype": network.dtype, "device": network.device, "sliding_history": sliding_history}
    cache = KVCache(network.config, len(lengths), max_length=1200, scratch_length=LENGTH, **kind)
    network.encode(ids(len(lengths), max(lengths)).to(network.device), cache, lengths)
    return cache


def recorded(network: DiffusionGemma = NETWORK) -> graphs.RecordedPasses:
    """As on a GPU, except that a replay runs the pass itself again, on the current values of its inputs."""
    return graphs.RecordedPasses(network, capture=lambda run: run)


def signal(rows: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(rows, LENGTH, 32, generator=torch.Generator().manual_seed(seed))


def is_close(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    return actual.shape == expected.shape and bool((actual - expected).abs().max() <= 2e-5 * expected.abs().max())


def test_buckets_are_powers_of_two():
    assert [buckets.context_bucket(length) for length in (0, 1, 256, 257, 512, 4096, 4097)] == [
        256, 256, 256, 512, 512, 4096, 8192,
    ]  # fmt: skip
    assert [buckets.token_bucket(count) for count in (0, 1, 2, 8, 9, 64)] == [0, 1, 8, 8, 16, 64]


def test_row_buckets_are_powers_of_two_up_to_the_whole_canvas():
    assert [buckets.row_bucket(rows, 48) for rows in (1, 8, 9, 17, 33, 48)] == [8, 8, 16, 32, 48, 48]


@settings(max_examples=15)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=2), st.booleans(), st.sets(st.integers(0, LENGTH - 1)))
def test_recorded_denoise_passes_equal_plain_ones(lengths, has_signal, chosen):
    passes, plain, stored = recorded(), filled_cache(lengths), filled_cache(lengths)
    canvas, soft = ids(len(lengths), LENGTH, seed=1), signal(len(lengths)) if has_signal else None
    assert is_close(passes.denoise(canvas, stored, soft), NETWORK.denoise(canvas, plain, soft))
    if chosen:
        # The other rows' keys and values are those of the previous pass, recorded or plain.
        rows, canvas = torch.tensor(sorted(chosen)), ids(len(lengths), LENGTH, seed=3)
        expected = NETWORK.denoise(canvas, plain, soft, rows)
        assert is_close(passes.denoise(canvas, stored, soft, rows), expected)
        assert is_close(NETWORK.denoise(canvas, stored, soft, rows), expected)
    assert stored.lengths == plain.lengths == lengths


@settings(max_examples=15)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=2), st.lists(st.integers(1, 70), min_size=1, max_size=4))
def test_recorded_encode_passes_equal_plain_ones(lengths, counts):
    passes, plain, stored = recorded(), filled_cache(lengths), filled_cache(lengths)
    for number, count in enumerate(counts):
        tokens = ids(len(lengths), count, seed=number)
        assert is_close(passes.encode(tokens, stored), NETWORK.encode(tokens, plain))
    assert stored.lengths == plain.lengths
    # Later passes read the same keys and values.
    canvas = ids(len(lengths), LENGTH, seed=9)
    assert is_close(NETWORK.denoise(canvas, stored), NETWORK.denoise(canvas, plain))


@settings(max_examples=10)
@given(st.integers(1, 300), st.integers(1, 80))
def test_recorded_passes_over_tokens_and_a_canvas_equal_plain_ones(length, count):
    tokens, canvas = ids(1, count, seed=1), ids(1, LENGTH, seed=2)
    actual = recorded().encode_and_denoise(tokens, canvas, filled_cache([length]))
    expected = NETWORK.encode_and_denoise(tokens, canvas, filled_cache([length]))
    assert all(is_close(one, other) for one, other in zip(actual, expected, strict=True))


PIECES = st.tuples(
    st.sampled_from(["encode", "denoise", "some rows", "both", "truncate", "by the network"]),
    st.integers(0, 3),
    st.integers(1, 60),
)


@settings(max_examples=40)
@given(st.lists(PIECES, min_size=2, max_size=12))
def test_requests_share_recordings(pieces):
    """Passes of several requests alternate, some run by the network itself; each reads its own keys and values."""
    passes = recorded()
    plain, stored = ([filled_cache([40]), filled_cache([230]), filled_cache([90, 17])] for _ in range(2))
    with patch("dgemma.cache.EVICTION_SLACK", 20):
        plain.append(filled_cache([460]))
        stored.append(filled_cache([460], sliding_history=60))
        run_alternating_passes(passes, plain, stored, pieces)
    assert [cache.lengths for cache in plain] == [cache.lengths for cache in stored]


def run_alternating_passes(passes, plain, stored, pieces):
    for seed, (kind, number, count) in enumerate(pieces):
        plain_cache, recorded_cache, batch = plain[number], stored[number], plain[number].batch_size
        tokens, canvas, soft = ids(batch, count, seed=seed), ids(batch, LENGTH, seed=seed), signal(batch)
        if kind == "both" and not plain_cache.uniform:
            continue
        if kind == "encode":
            assert is_close(passes.encode(tokens, recorded_cache), NETWORK.encode(tokens, plain_cache))
        elif kind == "by the network":
            NETWORK.encode(tokens, plain_cache), NETWORK.encode(tokens, recorded_cache)
            NETWORK.denoise(canvas, plain_cache), NETWORK.denoise(canvas, recorded_cache)
        elif kind == "both":
            actual = passes.encode_and_denoise(tokens, canvas, recorded_cache)
            expected = NETWORK.encode_and_denoise(tokens, canvas, plain_cache)
            assert all(is_close(one, other) for one, other in zip(actual, expected, strict=True))
        elif kind == "truncate":
            kept = [max(1, recorded_cache.shortest, old_length - count // 2) for old_length in plain_cache.lengths]
            plain_cache.truncate(kept), recorded_cache.truncate(kept)
            NETWORK.denoise(canvas, plain_cache), passes.denoise(canvas, recorded_cache)
        else:
            if kind == "some rows":
                # A partial pass reads what a pass over all rows left.
                NETWORK.denoise(canvas, plain_cache), passes.denoise(canvas, recorded_cache)
            some = torch.tensor([count % LENGTH]) if kind == "some rows" else None
            assert is_close(
                passes.denoise(canvas, recorded_cache, soft, some), NETWORK.denoise(canvas, plain_cache, soft, some)
            )


def test_a_staged_cache_is_not_copied_again(monkeypatch):
    copied = []
    copy = KVCache.copy_slots

    def copy_slots(self, other, start, stop):
        copied.append((start, stop))
        copy(self, other, start, stop)

    passes, cache = recorded(), filled_cache([40])
    monkeypatch.setattr(KVCache, "copy_slots", copy_slots)
    for _ in range(2):
        copied.clear()
        passes.encode(ids(1, 3), cache)
        passes.denoise(ids(1, LENGTH), cache)
        passes.denoise(ids(1, LENGTH), cache, None, torch.tensor([2]))
    # The cache was staged in the first round; in the second each pass only copies back what it wrote.
    assert copied == [(43, 46), (46, 46 + LENGTH), (46, 46 + LENGTH)]


def test_a_returned_tensor_is_not_overwritten_by_the_next_replay():
    passes, cache = recorded(), filled_cache([40])
    first = passes.denoise(ids(1, LENGTH, seed=1), cache)
    copy = first.clone()
    passes.denoise(ids(1, LENGTH, seed=2), cache)
    assert torch.equal(first, copy)


@pytest.mark.parametrize("finished", [None, ids(1, 5)])
def test_denoising_by_recorded_passes_gives_the_same_steps(finished):
    sampler = SamplerConfig(max_denoising_steps=6)
    runs = []
    for passes in (None, recorded()):
        generator = torch.Generator().manual_seed(5)
        steps = denoise(NETWORK, filled_cache([400]), sampler, generator, LENGTH, passes=passes, commit_BT=finished)
        runs.append([step.argmax_BL for step in steps])
    assert len(runs[0]) == len(runs[1])
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))


def test_passes_too_large_to_record_run_unrecorded(monkeypatch):
    monkeypatch.setattr(graphs, "LARGEST_CONTEXT", 256)
    passes, cache = recorded(), filled_cache([300])
    passes.denoise(ids(1, LENGTH), cache)
    passes.encode(ids(1, 1), cache)
    assert not passes._recordings
    canvas = ids(1, 300, seed=4)
    cache = KVCache(NETWORK.config, max_length=20, scratch_length=300)
    NETWORK.encode(ids(1, 9), cache)
    assert is_close(passes.denoise(canvas, cache), NETWORK.denoise(canvas, cache))
    assert not passes._recordings


def test_if_recording_fails_passes_run_unrecorded_with_one_warning(caplog):
    def refuse(run):
        raise RuntimeError("operation not permitted when stream is capturing")

    passes, cache = graphs.RecordedPasses(NETWORK, capture=refuse), filled_cache([40])
    canvas = ids(1, LENGTH)
    for _ in range(2):
        assert is_close(passes.denoise(canvas, cache), NETWORK.denoise(canvas, cache))
    tokens = passes.encode(ids(1, 2), cache)
    assert tokens.shape == (1, 2, 32) and cache.length == 42
    assert [record.message for record in caplog.records] == [
        "Recording passes as CUDA graphs failed; passes now run unrecorded, which is slower: "
        "operation not permitted when stream is capturing."
    ]


def test_a_pass_that_finds_no_memory_runs_unrecorded_and_others_stay_recorded():
    attempts = []

    def capture(run):
        attempts.append(run)
        if len(attempts) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run

    passes, cache, plain = graphs.RecordedPasses(NETWORK, capture=capture), filled_cache([40]), filled_cache([40])
    canvas = ids(1, LENGTH)
    passes.denoise(canvas, cache)
    for _ in range(2):
        assert is_close(passes.encode(ids(1, 1), cache), NETWORK.encode(ids(1, 1), plain))
    assert is_close(passes.denoise(canvas, cache), NETWORK.denoise(canvas, cache))
    assert len(attempts) == 2 and len(passes._recordings) == 1


def test_the_least_recently_used_recording_is_dropped_first(monkeypatch):
    monkeypatch.setattr(graphs, "MAX_RECORDINGS", 2)
    passes, cache = recorded(), filled_cache([40])
    for count in (1, 8, 1, 16):
        passes.encode(ids(1, count), cache)
    assert [bucket.clean for bucket in passes._recordings] == [1, 16]


def test_two_threads_share_recordings():
    """Each thread has its own cache; the other thread gets its turn while a pass replays."""

    def slowly(run):
        def replay():
            time.sleep(0.002)
            return run()

        return replay

    passes = graphs.RecordedPasses(NETWORK, capture=slowly)
    canvases = [ids(1, LENGTH, seed=seed) for seed in range(2)]
    expected = [NETWORK.denoise(canvas, filled_cache([40 + 50 * n])) for n, canvas in enumerate(canvases)]
    wrong = []

    def work(number: int) -> None:
        cache = filled_cache([40 + 50 * number])
        wrong.extend(
            turn for turn in range(30) if not is_close(passes.denoise(canvases[number], cache), expected[number])
        )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
def test_the_engine_gives_the_same_answers_by_recorded_passes(mode, monkeypatch):
    """Requests in turns, their caches taken from kept prefixes or resized in between."""

    def answers() -> list[list[int]]:
        config = EngineConfig(max_prefixes=2, prefill_chunk=16)
        engine = Engine(NETWORK, SamplerConfig(max_denoising_steps=3), config)
        requests = [
            Request(
                prompt=ids(1, 20 + 9 * (n % 3), seed=n % 2)[0].tolist(), max_new_tokens=14, mode=mode, seed=n,
                eos_token_ids=(),
            )
            for n in range(6)
        ]  # fmt: skip
        streams = [engine.submit(request) for request in requests]
        token_ids: list[list[int]] = [[] for _ in streams]
        for number, stream in enumerate(streams):
            for event in stream:
                if isinstance(event, Commit):
                    token_ids[number].extend(event.token_ids)
        engine.close()
        return token_ids

    expected = answers()
    recorders = []
    monkeypatch.setattr(
        "dgemma.engine.engine.passes_of", lambda network: recorders.append(recorded(network)) or recorders[-1]
    )
    assert answers() == expected
    assert recorders[0]._recordings and all(expected)


def test_recorded_passes_raise_the_errors_of_plain_ones():
    passes = recorded()
    with pytest.raises(UsageError, match="2 canvases"):
        passes.denoise(ids(2, LENGTH), filled_cache([4]))
    with pytest.raises(PromptError, match="scratch"):
        passes.denoise(ids(1, LENGTH + 1), filled_cache([4]))
    with pytest.raises(PromptError, match="context"):
        passes.encode(ids(1, 20), KVCache(NETWORK.config, max_length=10, scratch_length=LENGTH))


def test_a_bucketed_pass_reads_no_value_back_to_the_host():
    """Tensors on the meta device have no values, so reading one back fails, as it does while recording."""
    network = make_network(4).to("meta")
    cache = KVCache(network.config, max_length=700, device="meta", scratch_length=LENGTH)
    numbers = torch.empty(16, dtype=torch.long, device="meta")
    for cached in (256, 512):
        for clean, rows, soft in ((0, 16, torch.empty(1, 16, 32, device="meta")), (16, 0, None), (8, 8, None)):
            bucket = buckets.Bucket(batch=1, cached=cached, clean=clean, length=LENGTH if rows else 0, rows=rows)
            inputs = buckets.Inputs(
                ids_BR=numbers[None],
                offset_R=numbers,
                last_R=numbers,
                anchor_R=numbers,
                soft_BRD=soft,
                length_B=numbers[:1],
            )
            assert buckets.bucketed_pass(network, cache, bucket, inputs).shape == (1, 16, 32)


def test_passes_are_recorded_on_a_gpu_only():
    assert not graphs.recordable(NETWORK)
    assert graphs.passes_of(NETWORK) is NETWORK
    with pytest.raises(UsageError, match="CUDA"):
        graphs.RecordedPasses(NETWORK)


@pytest.mark.gpu
@pytest.mark.parametrize(("num_experts", "dtype", "cosine"), [(4, torch.float32, 0.9999), (16, torch.bfloat16, 0.97)])
def test_recorded_passes_equal_plain_ones_on_a_gpu(num_experts, dtype, cosine):
    """In bfloat16 a row may be routed to another expert of nearly the same weight, so its direction is compared."""
    network = make_network(num_experts, "cuda", dtype)
    if not graphs.recordable(network):
        pytest.skip("this GPU's grouped products read back to the host")
    passes, cache = graphs.passes_of(network), filled_cache([250], network)
    assert isinstance(passes, graphs.RecordedPasses)
    canvas, soft = ids(1, LENGTH, seed=1).cuda(), signal(1).to("cuda", dtype)
    rows = torch.tensor([1, 4, 5], device="cuda")

    def alike(actual: torch.Tensor, expected: torch.Tensor) -> bool:
        return bool(torch.cosine_similarity(actual.float(), expected.float(), dim=-1).mean() > cosine)

    # Twice before the cache grows into the next bucket, and once after.
    for grown in (0, 3, 300):
        if grown:
            network.encode(ids(1, grown, seed=grown).cuda(), cache)
        for fed_back, some in ((None, None), (soft, None), (soft, rows)):
            expected = network.denoise(canvas, cache, fed_back, some)
            assert alike(passes.denoise(canvas, cache, fed_back, some), expected)
        for count in (1, 6, 1):
            tokens, snapshot = ids(1, count, seed=count).cuda(), cache.snapshot()
            expected = network.encode(tokens, cache)
            cache.truncate(snapshot)
            assert alike(passes.encode(tokens, cache), expected)
            cache.truncate(snapshot)
            expected = network.encode_and_denoise(tokens, canvas, cache)
            cache.truncate(snapshot)
            actual = passes.encode_and_denoise(tokens, canvas, cache)
            assert all(alike(one, other) for one, other in zip(actual, expected, strict=True))
            cache.truncate(snapshot)
    assert not passes._is_disabled
