"""Bucketed passes are the plain ones: whatever the cache holds, whichever rows are asked for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.cache import KVCache
from dgemma.config import LayerConfig, ModelConfig, SamplerConfig
from dgemma.decode import graphs
from dgemma.decode.denoise import denoise
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma

LENGTH = 12


def make_network(num_experts: int = 16, device: str = "cpu", dtype: torch.dtype = torch.float32) -> DiffusionGemma:
    """Sixteen experts are routed to, up to eight are all run; a window of 300 lies between the two smallest buckets."""
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


def filled_cache(lengths: list[int], network: DiffusionGemma = NETWORK) -> KVCache:
    cache = KVCache(
        network.config, len(lengths), max_length=700, dtype=network.dtype, device=network.device, scratch_length=LENGTH
    )
    network.encode(ids(len(lengths), max(lengths)).to(network.device), cache, lengths)
    return cache


def bucketed(canvas: torch.Tensor, cache: KVCache, soft: torch.Tensor | None, rows: torch.Tensor | None):
    inputs = graphs.gather_inputs(NETWORK, canvas, cache, soft, rows)
    bucket = graphs.context_bucket(cache.length, cache.max_length)
    hidden = graphs.bucketed_pass(NETWORK, cache, inputs, LENGTH, bucket)
    return hidden[:, : LENGTH if rows is None else len(rows)]


def test_context_buckets_are_powers_of_two_up_to_the_whole_cache():
    assert [graphs.context_bucket(held, 5000) for held in (0, 1, 256, 257, 512, 4096, 4097, 5000)] == [
        256, 256, 256, 512, 512, 4096, 5000, 5000,
    ]  # fmt: skip
    assert graphs.context_bucket(3, 100) == 100


def test_row_buckets_are_powers_of_two_up_to_the_whole_canvas():
    assert [graphs.row_bucket(rows, 48) for rows in (1, 8, 9, 17, 33, 48)] == [8, 8, 16, 32, 48, 48]


@settings(max_examples=15)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=2), st.booleans(), st.sets(st.integers(0, LENGTH - 1)))
def test_a_bucketed_pass_is_the_plain_pass(lengths, has_signal, chosen):
    plain, recorded = filled_cache(lengths), filled_cache(lengths)
    canvas = ids(len(lengths), LENGTH, seed=1)
    soft = torch.randn(len(lengths), LENGTH, 32, generator=torch.Generator().manual_seed(2)) if has_signal else None
    expected, found = NETWORK.denoise(canvas, plain, soft), bucketed(canvas, recorded, soft, None)
    assert (found - expected).abs().max() <= 2e-5 * expected.abs().max()
    if chosen:
        # The other rows' keys and values are those of the pass before, whichever way that went.
        rows, canvas = torch.tensor(sorted(chosen)), ids(len(lengths), LENGTH, seed=3)
        expected = NETWORK.denoise(canvas, plain, soft, rows)
        for found in (bucketed(canvas, recorded, soft, rows), NETWORK.denoise(canvas, recorded, soft, rows)):
            assert (found - expected).abs().max() <= 2e-5 * expected.abs().max()
    assert recorded.lengths == plain.lengths == lengths


def test_a_canvas_by_bucketed_passes_is_the_same_canvas():
    sampler = SamplerConfig(max_denoising_steps=6)
    runs = []
    for run in (None, lambda canvas, cache, soft, rows: bucketed(canvas, cache, soft, rows)):
        generator = torch.Generator().manual_seed(5)
        runs.append([s.argmax_BL for s in denoise(NETWORK, filled_cache([400]), sampler, generator, LENGTH, run=run)])
    assert len(runs[0]) == len(runs[1])
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))


def test_a_bucketed_pass_reads_nothing_back():
    """Tensors on the meta device have no values, so whatever asked for one would fail, as it would while recording."""
    network = make_network(4).to("meta")
    cache = KVCache(network.config, max_length=700, device="meta", scratch_length=LENGTH)
    inputs = graphs.Inputs(
        canvas_BR=torch.empty(1, 8, dtype=torch.long, device="meta"),
        soft_BRD=torch.empty(1, 8, 32, device="meta"),
        rows_R=torch.empty(8, dtype=torch.long, device="meta"),
        held_B=torch.empty(1, dtype=torch.long, device="meta"),
    )
    for bucket in (256, 700):
        assert graphs.bucketed_pass(network, cache, inputs, LENGTH, bucket).shape == (1, 8, 32)


def test_only_a_gpu_records():
    assert not graphs.recordable(NETWORK)
    with pytest.raises(UsageError, match="CUDA"):
        graphs.RecordedPasses(NETWORK)


@pytest.mark.gpu
@pytest.mark.parametrize(("num_experts", "dtype", "cosine"), [(4, torch.float32, 0.9999), (16, torch.bfloat16, 0.97)])
def test_recorded_passes_are_the_plain_ones_on_a_gpu(num_experts, dtype, cosine):
    """In bfloat16 a row may be routed to another expert of nearly the same weight, so only its direction is held."""
    network = make_network(num_experts, "cuda", dtype)
    if not graphs.recordable(network):
        pytest.skip("this GPU's grouped products read back to the host")
    passes, cache = graphs.RecordedPasses(network), filled_cache([250], network)
    canvas = ids(1, LENGTH, seed=1).cuda()
    soft = torch.randn(1, LENGTH, 32, generator=torch.Generator().manual_seed(2)).to("cuda", dtype)
    rows = torch.tensor([1, 4, 5], device="cuda")
    # Twice before the cache grows into the next bucket, and once behind it.
    for grown in (0, 3, 300):
        if grown:
            network.encode(ids(1, grown, seed=grown).cuda(), cache)
        for signal, some in ((None, None), (soft, None), (soft, rows)):
            expected, found = network.denoise(canvas, cache, signal, some), passes(canvas, cache, signal, some)
            assert torch.cosine_similarity(found.float(), expected.float(), dim=-1).mean() > cosine
