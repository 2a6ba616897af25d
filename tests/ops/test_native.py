"""The kernels that numba compiles, against plain PyTorch."""

import math
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from dgemma.decode import head
from dgemma.decode.vocabulary import BLOCK, Summary, summarise, summarise_in_blocks, uniforms_per_row
from dgemma.model import DiffusionGemma
from dgemma.ops import linear, native, reference
from dgemma.ops.linear import Matrix, matrix, with_one_row
from dgemma.ops.native.sizes import BFLOAT16, FIXED24, FLOAT32
from dgemma.ops.vocabulary_products import HEAD_BLOCK
from dgemma.quant import GROUP, Kind, dequantise, quantise
from tests.decode.test_head import make_network, states

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="torch brings another OpenMP there")


@given(st.floats(-86.5, 87.5, width=32))
def test_exp_is_accurate_to_float32(x: float) -> None:
    from dgemma.ops.native.arithmetic import exp

    assert exp(np.float32(x)) == pytest.approx(math.exp(x), rel=2.5e-7)


def kernel_and_plain(
    network: DiffusionGemma, rows: int, top_k: int, temperature: float = 0.6, **forbidden
) -> tuple[Summary, Summary]:
    hidden = states(rows)[0]
    count = uniforms_per_row(network.config.vocab_size)
    drawn = torch.rand(rows, count, generator=torch.Generator().manual_seed(3))
    arguments = (network, hidden, temperature, drawn, top_k)
    return summarise(*arguments, **forbidden), summarise_in_blocks(*arguments, **forbidden)


def assert_alike(actual: Summary, plain: Summary) -> None:
    possible = plain.top_logprobs_NK > -1e6
    assert actual.top_ids_NK.shape == plain.top_ids_NK.shape
    assert torch.equal(actual.top_logprobs_NK > -1e6, possible)
    torch.testing.assert_close(actual.top_logprobs_NK[possible], plain.top_logprobs_NK[possible], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(actual.entropy_N, plain.entropy_N, rtol=1e-5, atol=1e-4)
    assert torch.equal(actual.sample_N, plain.sample_N)


@pytest.mark.parametrize("vocab_size", [5, 300, BLOCK + 1, HEAD_BLOCK, 2 * HEAD_BLOCK + BLOCK + 77])
@pytest.mark.parametrize("top_k", [1, 20, 256, 6000])
@pytest.mark.parametrize("rows", [1, 7])
def test_the_vocabulary_is_read_as_in_plain_pytorch(vocab_size: int, top_k: int, rows: int) -> None:
    """With one thread or several, fewer entries than `top_k`, and several slabs of which the last is short."""
    forbidden = {"forbidden": (vocab_size - 1, 2), "forbidden_rows": ((0, 3), (rows - 1, vocab_size - 2))}
    network = make_network(vocab_size)
    actual, plain = kernel_and_plain(network, rows, top_k, **forbidden)
    assert_alike(actual, plain)
    # Nearly equal logits may be ordered differently, so each id is compared with its own log probability.
    logits_NV = network.logits(states(rows)[0]) / 0.6
    logits_NV[:, list(forbidden["forbidden"])] = -1e30
    for row, token in forbidden["forbidden_rows"]:
        logits_NV[row, token] = -1e30
    expected_NK = logits_NV.log_softmax(-1).gather(1, actual.top_ids_NK)
    possible = expected_NK > -1e6
    torch.testing.assert_close(actual.top_logprobs_NK[possible], expected_NK[possible], rtol=1e-5, atol=1e-4)
    assert all(len(set(ids)) == len(ids) for ids in actual.top_ids_NK.tolist())


@pytest.mark.parametrize("temperature", [1e-5, 0.4, 50.0])
def test_the_vocabulary_is_read_at_any_temperature(temperature: float) -> None:
    actual, plain = kernel_and_plain(make_network(3 * BLOCK), 4, 20, temperature)
    torch.testing.assert_close(actual.entropy_N, plain.entropy_N, rtol=1e-5, atol=1e-4)
    assert torch.equal(actual.sample_N, plain.sample_N)
    assert torch.equal(actual.top_ids_NK[:, 0], plain.top_ids_NK[:, 0])


def test_indistinguishable_logits_give_distinct_ids_and_the_plain_entropy() -> None:
    """Entries are indistinguishable: any may be chosen, each once, and the entropy equals that of plain PyTorch."""
    for spread in (0.0, 1e6):
        network = make_network(2 * BLOCK + 5, spread=spread)
        actual, plain = kernel_and_plain(network, 3, 256)
        torch.testing.assert_close(actual.entropy_N, plain.entropy_N, rtol=1e-5, atol=1e-3)
        assert all(len(set(ids.tolist())) == 256 for ids in actual.top_ids_NK)


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


def test_plain_pytorch_reads_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name}")

    expected = kernel_and_plain(make_network(BLOCK + 1), 3, 20)[1]
    monkeypatch.setattr(native, "import_module", missing)
    native._load.cache_clear()
    try:
        assert native.load("vocabulary") is None and native.load("products") is None
        actual = kernel_and_plain(make_network(BLOCK + 1), 3, 20)[0]
    finally:
        native._load.cache_clear()
    assert torch.equal(actual.top_logprobs_NK, expected.top_logprobs_NK)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def refuse(hidden: torch.Tensor) -> torch.Tensor:
    raise AssertionError("one row of float32 took the plain path")


@given(st.booleans(), st.integers(0, 40), st.integers(0, 70), st.integers(1, 300), st.integers(0, 70))
def test_products_with_panels_equal_plain_ones(exact: bool, first: int, second: int, inputs: int, rows: int) -> None:
    """Any sizes, several weights side by side; a row's product does not depend on the other rows."""
    from dgemma.ops.native import panels

    hidden, weights = normal(2, rows, inputs), [normal(first, inputs), normal(second, inputs)]
    weights = [weight.bfloat16().float() for weight in weights] if exact else weights
    laid_out = panels.lay_out(*weights)
    assert (laid_out.panel_format == BFLOAT16) == (exact or first + second == 0)
    expected = torch.cat([hidden @ weight.T for weight in weights], dim=-1)
    actual = laid_out.multiply(hidden)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)
    if rows:
        assert torch.equal(laid_out.multiply(hidden[1, -1]), actual[1, -1])


@pytest.mark.parametrize("sizes", [(4, 6, 5), (3, 33, 96), (2, 64, 17)])
def test_products_with_panels_of_an_expert_equal_plain_ones(sizes: tuple[int, int, int]) -> None:
    from dgemma.ops.native import panels

    weight, hidden = normal(*sizes), normal(9, sizes[2])
    laid_out = panels.lay_out(weight)
    for expert in range(sizes[0]):
        actual = laid_out.of_expert(expert).multiply(hidden)
        torch.testing.assert_close(actual, hidden @ weight[expert].T, rtol=1e-4, atol=1e-4)


def test_weights_that_fit_bfloat16_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    from dgemma.ops.native import panels

    exact, last = normal(96, 64).bfloat16().float(), normal(96, 64).bfloat16().float()
    last[-1, -1] += 2**-20
    monkeypatch.setattr(panels, "_COMPARED_AT_ONCE", 1000)
    assert panels.fits_bfloat16(exact) and panels.fits_bfloat16(exact.T) and not panels.fits_bfloat16(last)
    assert not panels.fits_bfloat16(torch.full_like(exact, torch.nan))
    assert panels.lay_out(exact, 2 * exact).panel_format == BFLOAT16
    assert panels.lay_out(exact, last).panel_format == FLOAT32


def test_large_weights_are_in_large_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    from dgemma.ops.native import panels

    large = normal(2048, 1024)
    monkeypatch.setattr(panels, "fits_24_bits", lambda weight: False)
    assert torch.equal(panels.lay_out(large).multiply(torch.eye(1024)[:3]), large.T[:3])


@given(st.integers(1, 70), st.integers(1, 300), st.integers(1, 140), st.floats(-20, 20))
def test_weights_in_24_bits_are_off_by_half_a_unit_at_most(
    outputs: int, inputs: int, rows: int, magnitude: float
) -> None:
    from dgemma.ops.native import panels

    weight, hidden = normal(outputs, inputs) * 10**magnitude, normal(rows, inputs)
    weight[::5] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panels, "_FEWEST_INPUTS", 1)
        patch.setattr(panels, "fits_bfloat16", lambda weight: False)
        laid_out = panels.lay_out(weight)
    assert laid_out.panel_format == FIXED24 and not laid_out.is_exact
    rounded = laid_out.multiply(torch.eye(inputs)).T
    unit_O1 = weight.abs().amax(-1, keepdim=True) / (2**23 - 1)
    assert bool(((rounded - weight).abs() <= 0.6 * unit_O1 + weight.abs() * 2**-23).all()), "to float32's own precision"
    expected = hidden.double() @ rounded.double().T
    torch.testing.assert_close(
        laid_out.multiply(hidden).double() / 10**magnitude, expected / 10**magnitude, rtol=1e-4, atol=1e-4
    )
    for row in {0, rows // 2, rows - 1}:
        assert torch.equal(laid_out.multiply(hidden[row]), laid_out.multiply(hidden)[row])


def test_weights_that_24_bits_hold_too_coarsely_stay_float32() -> None:
    from dgemma.ops.native import panels

    plain = normal(64, 256)
    assert panels.fits_24_bits(plain) and panels.fits_24_bits(plain * 1e-30) and panels.fits_24_bits(plain * 1e37)
    assert not panels.fits_24_bits(normal(64, 255)), "sums of few products are more exact"
    assert not panels.fits_24_bits(plain.bfloat16())
    for value in (20.0, torch.nan, torch.inf, -torch.inf):
        outlier = plain.clone()
        outlier[-1, -1] = value
        assert not panels.fits_24_bits(outlier)
        assert panels.lay_out(outlier).panel_format == FLOAT32
    assert not panels.fits_24_bits(plain * 1e-33), "the unit would not be a normal number"
    assert panels.fits_24_bits(torch.zeros(64, 256))


def test_only_the_vocabulary_may_round_a_matrix() -> None:
    weight, hidden = normal(600, 512), normal(3, 512)
    exact, rounded = matrix(weight), matrix(weight, may_round=True)
    assert isinstance(exact, linear.PanelProduct) and isinstance(rounded, linear.PanelProduct)
    assert (exact._laid_out.panel_format, rounded._laid_out.panel_format) == (FLOAT32, FIXED24)
    assert torch.equal(exact(torch.eye(512)), weight.T)
    assert not torch.equal(rounded(torch.eye(512)), weight.T)
    assert not torch.equal(exact(hidden), rounded(hidden))


def test_stacked_layers_keep_every_bit_beside_the_panels_of_the_fused_call() -> None:
    owner = torch.nn.Module()
    owner.first, owner.second = (torch.nn.Linear(512, 300, bias=False).requires_grad_(False) for _ in range(2))
    stacked = linear.Stacked(owner, "first", "second")
    expected = [layer.weight.T for layer in (owner.first, owner.second)]
    assert all(map(torch.equal, stacked(torch.eye(512)), expected))
    assert stacked._panels.value is None, "nothing is laid out for a fused call that may never come"
    assert stacked.panels().panel_format == FIXED24
    assert all(map(torch.equal, stacked(torch.eye(512)), expected))
    with torch.no_grad():
        owner.first.weight.copy_(owner.first.weight.bfloat16())
        owner.second.weight.copy_(owner.second.weight.bfloat16())
    stacked(torch.eye(512))
    product = stacked._kept.value
    assert product._laid_out is stacked.panels() and stacked.panels().panel_format == BFLOAT16, "one copy is enough"


def test_products_outside_of_the_fused_layers_see_every_bit() -> None:
    """So the reference path does, which must differ from transformers by as little as possible."""
    from dgemma.ops.native import panels

    weight, hidden = normal(600, 512), normal(3, 512)
    packed = panels.lay_out(weight)
    assert packed.panel_format == FIXED24
    plain = F.linear(hidden, weight)
    assert torch.equal(linear.PanelProduct(packed, [weight])(hidden), plain)
    rounded = linear.PanelProduct(packed, [weight], may_round=True)(hidden)
    assert not torch.equal(rounded, plain)
    torch.testing.assert_close(rounded, plain, rtol=1e-4, atol=1e-4)


@given(st.sampled_from(["int8", "int4"]), st.integers(1, 40), st.integers(1, 70), st.integers(1, 9))
def test_products_of_one_row_equal_those_of_dequantised_weights(
    kind: Kind, first: int, second: int, groups: int
) -> None:
    compiled = native.load("products")
    assert compiled is not None
    hidden, weights = normal(1, 1, groups * GROUP), [normal(first, groups * GROUP), normal(second, groups * GROUP)]
    values, scales = zip(*[quantise(weight, kind) for weight in weights], strict=True)
    dequantised = torch.cat([dequantise(*pair) for pair in zip(values, scales, strict=True)])
    torch.testing.assert_close(compiled.multiply(hidden, values, scales), hidden @ dequantised.T, rtol=1e-4, atol=1e-4)
    if kind == "int4":
        assert torch.equal(compiled.dequantise_int4(values[0], scales[0]), dequantise(values[0], scales[0]))


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("int8", (9, 9, 33, 17)),
        ("int8", (32, 8, 96, 64)),
        ("int4", (4, 2, 32, 64)),
        ("int4", (32, 8, 96, 64)),
    ],
)
def test_quantised_experts_of_one_row_equal_dequantised_ones(kind: Kind, sizes: tuple[int, int, int, int]) -> None:
    num_experts, top_k, size, width = sizes
    compiled = native.load("products")
    assert compiled is not None
    gate_up, down = normal(num_experts, 2 * width, size), normal(num_experts, size, width)
    hidden, weights = normal(1, size), normal(1, top_k).softmax(-1)
    ids = torch.randperm(num_experts, generator=torch.Generator().manual_seed(1))[None, :top_k]
    (gate_up, first), (down, second) = quantise(gate_up, kind), quantise(down, kind)
    scales, plain = [first, second], (dequantise(gate_up, first), dequantise(down, second))
    expected = reference.experts(hidden, weights, ids, *plain)
    actual = compiled.experts(hidden, weights, ids, gate_up, down, scales)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@given(st.integers(1, 40), st.integers(1, 70))
def test_gated_rows_equal_gelu_of_gate_times_up(rows: int, width: int) -> None:
    compiled, gate_up = native.load("panels", wait=True), 4 * normal(rows, 2 * width)
    assert compiled is not None
    gate, up = gate_up.chunk(2, dim=-1)
    expected = torch.nn.functional.gelu(gate, approximate="tanh") * up
    torch.testing.assert_close(compiled.gated(gate_up), expected, rtol=1e-5, atol=1e-5)


def test_one_row_and_large_weights_use_the_kernel() -> None:
    """Only for a single float32 row and large weights; everything else takes the plain path."""
    hidden = normal(1, 1, 1000)
    (large, scale), (small, small_scale) = quantise(normal(600, 1000), "int8"), quantise(normal(4, 1000), "int8")
    product = with_one_row(refuse, [large, small], [scale, small_scale])
    dequantised = torch.cat((dequantise(large, scale), dequantise(small, small_scale)))
    torch.testing.assert_close(product(hidden), hidden @ dequantised.T, rtol=1e-4, atol=1e-4)
    with pytest.raises(AssertionError):
        product(normal(1, 2, 1000))
    with pytest.raises(AssertionError):
        product(hidden.bfloat16())
    plain: Matrix = matrix(small, small_scale)
    assert with_one_row(plain, [small], [small_scale]) is plain
    assert with_one_row(plain, [large.T], [scale]) is plain
    assert with_one_row(plain, [large], [scale.bfloat16()]) is plain
    assert with_one_row(plain, [large], [scale]) is not plain


def test_float_weights_are_laid_out_unless_trained_or_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, hidden = normal(600, 1000), normal(3, 1000)
    expected = hidden @ weight.T
    torch.testing.assert_close(matrix(weight)(hidden), expected, rtol=1e-4, atol=1e-4)
    hidden_with_grad = hidden.clone().requires_grad_()
    matrix(weight)(hidden_with_grad).sum().backward()
    torch.testing.assert_close(hidden_with_grad.grad, weight.sum(0).expand(3, -1), rtol=1e-4, atol=1e-3)
    assert matrix(weight)(hidden.bfloat16()).dtype == torch.bfloat16
    assert linear.panels([weight.double()]) is None and linear.panels([weight.requires_grad_()]) is None
    weight.requires_grad_(False)
    assert linear.panels([weight]) is not None
    monkeypatch.setattr(linear, "available_bytes", lambda: 1 << 30)
    assert linear.panels([weight]) is None, "a copy would not fit"
    torch.testing.assert_close(matrix(weight)(hidden), expected, rtol=1e-4, atol=1e-4)


def test_int4_weights_with_bfloat16_scales_are_multiplied_correctly() -> None:
    """Moving a network to bfloat16 converts its scales too, which a kernel would read as float32."""
    values, scale = quantise(normal(8, 64), "int4")
    hidden, rounded = normal(3, 64), scale.bfloat16()
    expected = hidden @ dequantise(values, rounded.float()).T
    torch.testing.assert_close(matrix(values, rounded)(hidden), expected, rtol=0.02, atol=0.1)
