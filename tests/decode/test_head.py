"""The streamed head compared with the dense one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dgemma.config import LayerConfig, ModelConfig
from dgemma.decode import head
from dgemma.decode.vocabulary import BLOCK, summarise, summarise_in_blocks, uniforms_per_row
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma
from dgemma.ops import native

ROOT = Path(__file__).parents[2]


def make_network(vocab_size: int, hidden_size: int = 16, spread: float = 1.0) -> DiffusionGemma:
    """A network of which only the output head is used."""
    config = ModelConfig(
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        intermediate_size=8,
        num_attention_heads=1,
        layers=(LayerConfig(layer_type="full_attention", head_dim=8, num_key_value_heads=1),),
        num_experts=1,
        top_k_experts=1,
        moe_intermediate_size=8,
        sliding_window=8,
    )
    network = DiffusionGemma(config).requires_grad_(False)
    network.embed_tokens.weight.normal_(0, spread, generator=torch.Generator().manual_seed(1))
    return network


def states(rows: int, hidden_size: int = 16) -> torch.Tensor:
    return torch.randn(2, rows, hidden_size, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("vocab_size", [40, 300, BLOCK, BLOCK + 1, 3 * BLOCK - 5])
@pytest.mark.parametrize("spread", [0.1, 1.0, 6.0])
def test_streamed_reading_equals_dense(vocab_size: int, spread: float) -> None:
    network, hidden = make_network(vocab_size, spread=spread), states(5)
    generator = torch.Generator().manual_seed(0)
    forbidden = {"forbidden_first": (3, vocab_size - 1), "forbidden": (7, vocab_size - 2)}
    dense = head.read_dense(network, hidden, 0.6, generator, 20, **forbidden)
    streamed = head.read_streamed(network, hidden, 0.6, generator, 20, **forbidden, soft_top_k=None)
    assert torch.equal(streamed.argmax_BL, dense.argmax_BL)
    torch.testing.assert_close(streamed.entropy_BL, dense.entropy_BL, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(streamed.soft_BLD, dense.soft_BLD, rtol=1e-4, atol=1e-4)
    assert streamed.top_ids_BLK is not None and dense.top_ids_BLK is not None
    possible = dense.top_logprobs_BLK > -1e6
    assert torch.equal(streamed.top_ids_BLK[possible], dense.top_ids_BLK[possible])
    torch.testing.assert_close(
        streamed.top_logprobs_BLK[possible], dense.top_logprobs_BLK[possible], rtol=1e-4, atol=1e-4
    )


def test_soft_embeddings_are_exact_if_the_whole_vocabulary_is_kept() -> None:
    network, hidden = make_network(2 * BLOCK + 3), states(4)
    generator = torch.Generator().manual_seed(0)
    dense = head.read_dense(network, hidden, 0.8, generator)
    streamed = head.read_streamed(network, hidden, 0.8, generator, soft_top_k=2 * BLOCK + 3)
    torch.testing.assert_close(streamed.soft_BLD, dense.soft_BLD, rtol=1e-4, atol=1e-4)


def test_dense_reading_depends_on_the_vocabulary_the_rows_and_the_kernels() -> None:
    small, large = make_network(300), make_network(head.SMALL_VOCABULARY + 1)
    assert head.takes_dense(small, 64) and not head.takes_dense(small, head.DENSE_UP_TO // 300 + 1)
    assert head.takes_dense(large, 1) == (native.load("vocabulary") is None)


def test_tokens_outside_the_top_k_count_with_the_mean_embedding() -> None:
    network = make_network(3 * BLOCK, spread=0.01)
    network.embed_tokens.weight += 1.0
    hidden = 0.01 * states(4)
    generator = torch.Generator().manual_seed(0)
    dense = head.read_dense(network, hidden, 0.8, generator)
    streamed = head.read_streamed(network, hidden, 0.8, generator, soft_top_k=16)
    cosine = torch.cosine_similarity(dense.soft_BLD, streamed.soft_BLD, dim=-1)
    assert cosine.min() > 0.999


def test_samples_follow_the_distribution() -> None:
    vocab_size, count = 2 * BLOCK + 9, 40_000
    network = make_network(vocab_size, spread=0.5)
    hidden = states(1)[0, :1]
    probabilities = (network.logits(hidden)[0] / 0.7).softmax(-1)
    uniforms = torch.rand(count, uniforms_per_row(vocab_size), generator=torch.Generator().manual_seed(3))
    drawn = torch.cat(
        [summarise(network, hidden.expand(len(u), -1), 0.7, u, top_k=1).sample_N for u in uniforms.split(2000)]
    )
    # By deciles of the vocabulary, and over the most likely ids one by one: five standard deviations.
    for ids in [*torch.arange(vocab_size).chunk(10), *probabilities.topk(5).indices[:, None]]:
        expected = float(probabilities[ids].sum())
        observed = float(torch.isin(drawn, ids).float().mean())
        assert abs(observed - expected) < 5 * (expected * (1 - expected) / count) ** 0.5


def test_each_row_draws_from_its_own_generator() -> None:
    network, hidden = make_network(BLOCK + 100), states(6)
    pair = head.read_streamed(network, hidden, 0.8, [torch.Generator().manual_seed(seed) for seed in (5, 6)])
    alone = head.read_streamed(network, hidden[1:], 0.8, [torch.Generator().manual_seed(6)])
    assert torch.equal(pair.sample_BL[1:], alone.sample_BL)


PEAK = """
import resource
import torch
from dgemma.decode import head
from tests.decode.test_head import make_network

network = make_network(262_144, hidden_size=32)
hidden, generator = torch.randn(1, 256, 32), torch.Generator().manual_seed(0)
head.read(network, hidden[:, :8], 0.8, generator)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
head.read(network, hidden, 0.8, generator, top_k=8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_vocabulary_takes_little_memory() -> None:
    """256 positions at 262,144 entries: less than 64 MB on top of the weights, in a process of its own."""
    result = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(result.stdout) < 64 * 1024


@pytest.mark.gpu
def test_a_gpu_reads_as_plain_pytorch_does() -> None:
    """`summarise` uses the kernel if triton can build it; `tests/ops/test_cuda.py` compares more closely."""
    network, hidden = make_network(3 * BLOCK - 5).cuda(), states(5)[0].cuda()
    drawn = torch.rand(5, uniforms_per_row(3 * BLOCK - 5), generator=torch.Generator().manual_seed(3)).cuda()
    arguments = (network, hidden, 0.7, drawn, 20, False, (7,), ((2, 3),))
    actual, expected = summarise(*arguments), summarise_in_blocks(*arguments)
    assert torch.equal(actual.top_ids_NK, expected.top_ids_NK) and torch.equal(actual.sample_N, expected.sample_N)
    torch.testing.assert_close(actual.entropy_N, expected.entropy_N, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_an_invalid_temperature_is_refused(temperature: float) -> None:
    network = make_network(30)
    hidden_BLD = torch.ones(1, 2, network.config.hidden_size)
    with pytest.raises(UsageError, match="temperature above 0"):
        head.read(network, hidden_BLD, temperature, torch.Generator())
