"""Integer products of quantised weights against float products of the dequantised values."""

import math
import sys

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dgemma.errors import NotFiniteError
from dgemma.ops import linear, native
from dgemma.ops.experts import RoutedExperts
from dgemma.quant import GROUP, Kind, dequantise, quantise

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="torch brings another OpenMP there")


def known_kinds() -> list[Kind]:
    """The kinds that this machine multiplies as integers."""
    module, kinds = native.load("quantised"), KINDS_OF_INTEGERS
    return [kind for kind in kinds if module is not None and module.multiplies(quantise(draw(1, GROUP), kind)[0])]


KINDS_OF_INTEGERS: tuple[Kind, ...] = ("int8", "int4")
KINDS = st.deferred(lambda: st.sampled_from(known_kinds() or KINDS_OF_INTEGERS))


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def compiled(weight: Tensor):
    """The kernel module, if this machine can use it for such a weight; otherwise skips the test."""
    module = native.load("quantised")
    if module is None or not module.multiplies(weight):
        pytest.skip("this processor has no such instruction")
    return module


def largest(kind: Kind) -> int:
    """The largest quantised value of a row that is multiplied with weights of this kind."""
    from dgemma.ops.native.machine import LARGEST_FOR_INT8

    return LARGEST_FOR_INT8 if kind == "int8" else 127


def rounded(hidden: Tensor, kind: Kind) -> Tensor:
    """Rows rounded to int8 and converted back."""
    step = hidden.abs().amax(-1, keepdim=True) / largest(kind)
    return torch.where(step > 0, (hidden / step).round() * step, hidden)


def assert_close(actual: Tensor, expected: Tensor, steps: float = 0.0, levels: int = 127) -> None:
    """Asserts equality to float rounding, plus `steps` steps of a row where a value may be rounded the other way."""
    scale = expected.abs().max().clamp(min=1e-6)
    assert actual.shape == expected.shape
    assert float((actual - expected).abs().max() / scale) < 2e-6 + steps / (2 * levels)


@given(KINDS, st.integers(1, 20), st.integers(1, 100), st.integers(1, 40), st.integers(1, 12), st.integers(0, 99))
def test_integer_products_equal_those_of_dequantised_weights(
    kind: Kind, rows: int, first: int, second: int, groups: int, seed: int
) -> None:
    """For any number and length of rows, outputs that do not fill a panel, and several weights side by side."""
    hidden = draw(rows, groups * GROUP, seed=seed) * torch.logspace(-6, 6, rows)[:, None]
    # The values are on the int8 grid already, so neither side has anything to round.
    hidden = rounded(hidden, kind)
    weights = [draw(first, groups * GROUP, seed=seed + 1), draw(second, groups * GROUP, seed=seed + 2)]
    values, scales = zip(*[quantise(weight, kind) for weight in weights], strict=True)
    actual = compiled(values[0]).multiply(hidden[None], values, scales)[0]
    dequantised = torch.cat([dequantise(*pair) for pair in zip(values, scales, strict=True)]).double()
    for row in range(rows):
        assert_close(actual[row], (hidden[row].double() @ dequantised.T).float())


@given(st.integers(1, 30), st.integers(1, 40))
def test_int8_products_take_any_multiple_of_four_inputs(quads: int, outputs: int) -> None:
    hidden, (values, scale) = rounded(draw(5, 4 * quads), "int8"), quantise(draw(outputs, 4 * quads, seed=1), "int8")
    assert_close(compiled(values).multiply(hidden, [values], [scale]), hidden @ dequantise(values, scale).T)
    assert not compiled(values).multiplies(values[:, :-1]), "the inputs are no multiple of four"


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_the_largest_values_do_not_overflow(kind: Kind) -> None:
    """All weights and all inputs at either end of their range."""
    size = 4096
    for sign in (1.0, -1.0):
        for other in (1.0, -1.0):
            values, scale = quantise(torch.full((3, size), sign), kind)
            actual = compiled(values).multiply(torch.full((9, size), other), [values], [scale])
            assert_close(actual, torch.full((9, size), other) @ dequantise(values, scale).T)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_rows_of_zeros_or_of_one_value_are_exact(kind: Kind) -> None:
    values, scale = quantise(draw(40, 64), kind)
    hidden = torch.zeros(6, 64)
    hidden[2, 5], hidden[4] = 3.0, 1e-30
    actual = compiled(values).multiply(hidden, [values], [scale])
    for row in (2, 4):
        assert_close(actual[row], hidden[row] @ dequantise(values, scale).T)
    assert not actual[[0, 1, 3, 5]].any()


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_a_row_does_not_depend_on_other_rows_or_the_number_of_threads(kind: Kind) -> None:
    values, scale = quantise(draw(200, 96), kind)
    hidden, threads = draw(30, 96, seed=4), torch.get_num_threads()
    actual = []
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            actual.append(compiled(values).multiply(hidden, [values], [scale]))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(actual[0], actual[1]) and torch.equal(actual[0], actual[2])
    for row in range(len(hidden)):
        single = compiled(values).multiply(hidden[row : row + 1], [values], [scale])
        assert torch.equal(single[0], actual[0][row])


@given(KINDS, st.integers(2, 9), st.integers(1, 12), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_experts_equal_the_loop_over_experts(
    kind: Kind, count: int, rows: int, top_k: int, groups: int, inner_groups: int
) -> None:
    """Experts with no row, with one and with many."""
    top_k, size, width = min(top_k, count), groups * GROUP, inner_groups * GROUP
    hidden, scores = rounded(draw(rows, size), kind), draw(rows, count, seed=rows)
    weights, chosen = scores.softmax(-1).topk(top_k)
    gate_up, gate_up_scale = quantise(draw(count, 2 * width, size, seed=2) / size**0.5, kind)
    down, down_scale = quantise(draw(count, size, width, seed=3) / width**0.5, kind)
    scales = (gate_up_scale, down_scale)
    actual = compiled(gate_up).experts(hidden, weights, chosen, gate_up, down, scales)
    expected = torch.zeros(rows, size)
    for row, slot in torch.cartesian_prod(torch.arange(rows), torch.arange(top_k)).tolist():
        expert = chosen[row, slot]
        gate, up = (dequantise(gate_up[expert], gate_up_scale[expert]) @ hidden[row]).chunk(2)
        inner = rounded(F.gelu(gate, approximate="tanh") * up, kind)
        expected[row] += weights[row, slot] * (dequantise(down[expert], down_scale[expert]) @ inner)
    assert_close(actual, expected, steps=1.5, levels=largest(kind))
    routed = RoutedExperts(gate_up, down, scales)
    if gate_up.numel() + down.numel() >= linear._INTEGER_FROM and rows > 1:
        assert torch.equal(routed(hidden, weights, chosen), actual)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_large_weights_use_integer_products_and_small_ones_stay_exact(kind: Kind) -> None:
    large, small = quantise(draw(600, 128), kind), quantise(draw(30, 128), kind)
    module, hidden = compiled(large[0]), draw(7, 128, seed=1)
    assert torch.equal(linear.matrix(*large)(hidden), module.multiply(hidden, [large[0]], [large[1]]))
    bfloat16_product = linear.matrix(*large)(hidden.bfloat16())
    assert bfloat16_product.dtype == torch.bfloat16
    if kind == "int4":
        exact = hidden @ dequantise(*small).T
        torch.testing.assert_close(linear.matrix(*small)(hidden), exact, rtol=1e-5, atol=1e-5)
    # Moving a network to another type converts its scales too.
    moved = linear.matrix(large[0], large[1].bfloat16())(hidden)
    assert float((moved - hidden @ dequantise(*large).T).abs().max()) < 0.05 * float(moved.abs().max())


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_non_finite_rows_stay_non_finite(kind: Kind) -> None:
    values, scale = quantise(draw(40, 64), kind)
    hidden = draw(5, 64, seed=1)
    hidden[1, 3], hidden[3, 60] = torch.nan, torch.inf
    actual = compiled(values).multiply(hidden, [values], [scale])
    assert not actual[[1, 3]].isfinite().any() and actual[[0, 2, 4]].isfinite().all()


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_gradients_of_hidden_states_are_those_of_dequantised_weights(kind: Kind) -> None:
    """A kernel has no gradient, so these products are computed in float."""
    values, scale = quantise(draw(600, 128), kind)
    compiled(values)
    hidden = draw(7, 128, seed=1).requires_grad_()
    linear.matrix(values, scale)(hidden).square().sum().backward()
    plain = hidden.detach().clone().requires_grad_()
    (plain @ dequantise(values, scale).T).square().sum().backward()
    assert hidden.grad is not None and plain.grad is not None
    torch.testing.assert_close(hidden.grad, plain.grad, rtol=1e-4, atol=1e-3)
    gate_up, down = quantise(draw(8, 128, 64, seed=2), kind), quantise(draw(8, 64, 64, seed=3), kind)
    experts = RoutedExperts(gate_up[0], down[0], (gate_up[1], down[1]))
    rows = draw(5, 64, seed=4).requires_grad_()
    weights, ids = draw(5, 8, seed=5).softmax(-1).topk(2)
    experts(rows, weights, ids).sum().backward()
    assert rows.grad is not None and rows.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_empty_inputs_are_accepted_and_non_finite_rows_refused(kind: Kind) -> None:
    values, scale = quantise(draw(600, 128), kind)
    assert linear.matrix(values, scale)(torch.empty(0, 128)).shape == (0, 600)
    if kind == "int8" and linear._FBGEMM:
        plain = linear._int8(values, scale)
        assert plain(torch.empty(2, 0, 128)).shape == (2, 0, 600)
        # At any position of the row.
        for position in (0, 5, 127):
            for value in (math.nan, math.inf):
                rows = torch.ones(3, 128)
                rows[1, position] = value
                with pytest.raises(NotFiniteError):
                    plain(rows)
        assert bool(plain(torch.full((2, 128), 2e36)).isfinite().all()), (
            "finite values whose sum overflows are accepted"
        )
    gate_up, down = quantise(draw(8, 128, 64), kind), quantise(draw(8, 64, 64), kind)
    experts = RoutedExperts(gate_up[0], down[0], (gate_up[1], down[1]))
    empty = torch.empty(0, 64)
    assert experts(empty, torch.empty(0, 2), torch.empty(0, 2, dtype=torch.long)).shape == (0, 64)
