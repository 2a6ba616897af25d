"""The kernels that numba compiles, against plain PyTorch."""

import math
import sys
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgemma.decode import head
from dgemma.decode.vocabulary import BLOCK, Summary, summarise, summarise_in_blocks, uniforms_per_row
from dgemma.model import HEAD_BLOCK, DiffusionGemma
from dgemma.ops import native, reference
from dgemma.ops.linear import Matrix, matrix, with_one_row
from dgemma.quant import GROUP, Kind, dequantise, quantise
from tests.decode.test_head import make_network, states

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="torch brings another OpenMP there")


@given(st.floats(-86.5, 87.5, width=32))
def test_exp(x: float) -> None:
    from dgemma.ops.native.kernels import exp

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
    monkeypatch.setattr(native, "import_module", missing)
    native.load.cache_clear()
    try:
        assert native.load("vocabulary") is None and native.load("products") is None
        found = both(make_network(BLOCK + 1), 3, 20)[0]
    finally:
        native.load.cache_clear()
    assert torch.equal(found.top_logprobs_NK, expected.top_logprobs_NK)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def refuse(hidden: torch.Tensor) -> torch.Tensor:
    raise AssertionError("one row of float32 went the plain way")


FLOATS = st.sampled_from([torch.float32, torch.bfloat16])


@given(FLOATS, st.integers(0, 40), st.integers(0, 70), st.integers(1, 300))
def test_products_of_one_row(dtype: torch.dtype, first: int, second: int, inputs: int) -> None:
    """Any sizes, several weights side by side."""
    compiled = native.load("products")
    assert compiled is not None
    hidden, weights = normal(1, 1, inputs), [normal(first, inputs).to(dtype), normal(second, inputs).to(dtype)]
    expected = torch.cat([hidden @ weight.float().T for weight in weights], dim=-1)
    torch.testing.assert_close(compiled.multiply(hidden, weights, [None, None]), expected, rtol=1e-4, atol=1e-4)


@given(st.sampled_from(["int8", "int4"]), st.integers(1, 40), st.integers(1, 70), st.integers(1, 9))
def test_products_of_one_row_with_quantised_weights(kind: Kind, first: int, second: int, groups: int) -> None:
    compiled = native.load("products")
    assert compiled is not None
    hidden, weights = normal(1, 1, groups * GROUP), [normal(first, groups * GROUP), normal(second, groups * GROUP)]
    values, scales = zip(*[quantise(weight, kind) for weight in weights], strict=True)
    stood_for = torch.cat([dequantise(*pair) for pair in zip(values, scales, strict=True)])
    torch.testing.assert_close(compiled.multiply(hidden, values, scales), hidden @ stood_for.T, rtol=1e-4, atol=1e-4)
    if kind == "int4":
        assert torch.equal(compiled.dequantise_int4(values[0], scales[0]), dequantise(values[0], scales[0]))


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("float32", (4, 2, 6, 5)),
        ("float32", (32, 8, 96, 64)),
        ("bfloat16", (4, 2, 6, 5)),
        ("bfloat16", (32, 8, 96, 64)),
        ("int8", (9, 9, 33, 17)),
        ("int8", (32, 8, 96, 64)),
        ("int4", (4, 2, 32, 64)),
        ("int4", (32, 8, 96, 64)),
    ],
)
def test_the_experts_of_one_row(kind: Kind | Literal["float32", "bfloat16"], sizes: tuple[int, int, int, int]) -> None:
    num_experts, top_k, size, width = sizes
    compiled = native.load("products")
    assert compiled is not None
    gate_up, down = normal(num_experts, 2 * width, size), normal(num_experts, size, width)
    hidden, weights = normal(1, size), normal(1, top_k).softmax(-1)
    ids = torch.randperm(num_experts, generator=torch.Generator().manual_seed(1))[None, :top_k]
    scales: list[torch.Tensor] = []
    plain = (gate_up, down)
    if kind == "bfloat16":
        gate_up, down = gate_up.bfloat16(), down.bfloat16()
        plain = (gate_up.float(), down.float())
    elif kind != "float32":
        (gate_up, first), (down, second) = quantise(gate_up, kind), quantise(down, kind)
        scales, plain = [first, second], (dequantise(gate_up, first), dequantise(down, second))
    expected = reference.experts(hidden, weights, ids, *plain)
    found = compiled.experts(hidden, weights, ids, gate_up, down, scales)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@given(st.integers(1, 40), st.integers(1, 70))
def test_gated_rows(rows: int, width: int) -> None:
    compiled, both = native.load("products"), 4 * normal(rows, 2 * width)
    assert compiled is not None
    gate, up = both.chunk(2, dim=-1)
    expected = torch.nn.functional.gelu(gate, approximate="tanh") * up
    torch.testing.assert_close(compiled.gated(both), expected, rtol=1e-5, atol=1e-5)


def test_large_weights_take_one_row_compiled() -> None:
    """One row alone, of a type and size that pay; all else goes the plain way."""
    large, small, hidden = normal(600, 1000), normal(4, 1000), normal(1, 1, 1000)
    product = with_one_row(refuse, [large, small], [None, None])
    torch.testing.assert_close(product(hidden), hidden @ torch.cat((large, small)).T, rtol=1e-4, atol=1e-4)
    with pytest.raises(AssertionError):
        product(normal(1, 2, 1000))
    with pytest.raises(AssertionError):
        product(hidden.bfloat16())
    plain: Matrix = matrix(small)
    assert with_one_row(plain, [small], [None]) is plain
    assert with_one_row(plain, [large.bfloat16()], [None]) is plain
    assert with_one_row(plain, [large.T], [None]) is plain
    values, scale = quantise(large, "int8")
    assert with_one_row(plain, [values], [scale]) is not plain
    assert with_one_row(plain, [values], [scale.bfloat16()]) is plain


def test_int4_weights_whose_scales_are_of_another_type() -> None:
    """A network moved to bfloat16 takes its scales along, which a kernel would read as float32."""
    values, scale = quantise(normal(8, 64), "int4")
    hidden, rounded = normal(3, 64), scale.bfloat16()
    expected = hidden @ dequantise(values, rounded.float()).T
    torch.testing.assert_close(matrix(values, rounded)(hidden), expected, rtol=0.02, atol=0.1)
