"""The kernels that numba compiles, against plain PyTorch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgemma.decode import head
from dgemma.decode.vocabulary import BLOCK, Summary, summarise, summarise_in_blocks, uniforms_per_row
from dgemma.model import HEAD_BLOCK, DiffusionGemma
from dgemma.ops import cpu
from tests.decode.test_head import make_network, states

pytestmark = pytest.mark.skipif(cpu.compiled_vocabulary() is None, reason="no compiled kernels on this machine")


@given(st.floats(-86.5, 87.5, width=32))
def test_exp(x: float) -> None:
    from dgemma.ops.native import exp

    assert exp(np.float32(x)) == pytest.approx(math.exp(x), rel=2.5e-7)


def both(network: DiffusionGemma, rows: int, top_k: int, temperature: float = 0.6, **barred) -> tuple[Summary, Summary]:
    hidden = states(rows)[0]
    count = uniforms_per_row(network.config.vocab_size)
    drawn = torch.rand(rows, count, generator=torch.Generator().manual_seed(3))
    arguments = (network, hidden, temperature, drawn, top_k)
    return summarise(*arguments, **barred), summarise_in_blocks(*arguments, **barred)


def assert_alike(found: Summary, plain: Summary) -> None:
    possible = plain.top_logprobs_NK > -1e6
    assert found.top_ids_NK.shape == plain.top_ids_NK.shape
    assert torch.equal(found.top_logprobs_NK > -1e6, possible)
    torch.testing.assert_close(found.top_logprobs_NK[possible], plain.top_logprobs_NK[possible], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(found.entropy_N, plain.entropy_N, rtol=1e-5, atol=1e-4)
    assert torch.equal(found.sample_N, plain.sample_N)


@pytest.mark.parametrize("vocab_size", [5, 300, BLOCK + 1, HEAD_BLOCK, 2 * HEAD_BLOCK + BLOCK + 77])
@pytest.mark.parametrize("top_k", [1, 20, 256, 6000])
@pytest.mark.parametrize("rows", [1, 7])
def test_the_vocabulary_is_read_as_in_plain_pytorch(vocab_size: int, top_k: int, rows: int) -> None:
    """One thread or several, fewer entries than are kept, several slabs, the last of them short."""
    barred = {"forbidden": (vocab_size - 1, 2), "forbidden_rows": ((0, 3), (rows - 1, vocab_size - 2))}
    network = make_network(vocab_size)
    found, plain = both(network, rows, top_k, **barred)
    assert_alike(found, plain)
    # Nearly equal logits may stand in another order, so each id is asked for its own.
    logits_NV = network.logits(states(rows)[0]) / 0.6
    logits_NV[:, list(barred["forbidden"])] = -1e30
    for row, token in barred["forbidden_rows"]:
        logits_NV[row, token] = -1e30
    own_NK = logits_NV.log_softmax(-1).gather(1, found.top_ids_NK)
    possible = own_NK > -1e6
    torch.testing.assert_close(found.top_logprobs_NK[possible], own_NK[possible], rtol=1e-5, atol=1e-4)
    assert all(len(set(ids)) == len(ids) for ids in found.top_ids_NK.tolist())


@pytest.mark.parametrize("temperature", [1e-5, 0.4, 50.0])
def test_it_is_read_at_any_temperature(temperature: float) -> None:
    found, plain = both(make_network(3 * BLOCK), 4, 20, temperature)
    torch.testing.assert_close(found.entropy_N, plain.entropy_N, rtol=1e-5, atol=1e-4)
    assert torch.equal(found.sample_N, plain.sample_N)
    assert torch.equal(found.top_ids_NK[:, 0], plain.top_ids_NK[:, 0])


def test_equal_logits_and_those_at_the_soft_cap() -> None:
    """Nothing to tell entries apart: any are the best, each once, and the entropy is that of an even choice."""
    for spread in (0.0, 1e6):
        network = make_network(2 * BLOCK + 5, spread=spread)
        found, plain = both(network, 3, 256)
        torch.testing.assert_close(found.entropy_N, plain.entropy_N, rtol=1e-5, atol=1e-3)
        assert all(len(set(ids.tolist())) == 256 for ids in found.top_ids_NK)


def test_rows_do_not_depend_on_the_number_of_threads() -> None:
    network, hidden = make_network(BLOCK + 100), states(9)
    threads = torch.get_num_threads()
    readings = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            readings.append(head.read_streamed(network, hidden, 0.8, [torch.Generator().manual_seed(5)] * 2, 5))
    finally:
        torch.set_num_threads(threads)
    for other in readings[1:]:
        assert torch.equal(other.sample_BL, readings[0].sample_BL)
        assert torch.equal(other.top_ids_BLK, readings[0].top_ids_BLK)


def test_without_a_compiler_plain_pytorch_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name}")

    expected = both(make_network(BLOCK + 1), 3, 20)[1]
    monkeypatch.setattr(cpu, "import_module", missing)
    cpu.compiled_vocabulary.cache_clear()
    try:
        assert cpu.compiled_vocabulary() is None
        found = both(make_network(BLOCK + 1), 3, 20)[0]
    finally:
        cpu.compiled_vocabulary.cache_clear()
    assert torch.equal(found.top_logprobs_NK, expected.top_logprobs_NK)
