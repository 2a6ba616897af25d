"""Quantised formats: a dequantised value is the nearest one that the format can represent."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgemma import quant
from dgemma.errors import CheckpointError, UsageError


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 99), st.integers(1, 5), st.integers(1, 3), st.sampled_from(quant.KINDS))
def test_the_quantisation_error_stays_within_the_step_of_the_format(seed, rows, groups, kind):
    weight = draw(2, rows, 32 * groups, seed=seed)
    values, scale = quant.quantise(weight, kind)
    assert (tuple(values.shape), tuple(scale.shape)) == quant.shapes(tuple(weight.shape), kind)
    assert values.dtype == quant.DTYPES[kind]
    error = (quant.dequantise(values, scale) - weight).abs()
    if kind == "int4":
        # The range is -8 to 7 steps: the negative of the extreme value is off by up to a whole step.
        allowed = scale.abs().repeat_interleave(quant.GROUP, dim=-1)
    elif kind == "int8":
        allowed = 0.5 * scale[..., None]
    else:
        # Three bits of mantissa; below 2^-6 all steps have the same size.
        allowed = torch.maximum(weight.abs() * 2**-4, scale[..., None] * 2**-10)
    assert bool((error <= allowed + 1e-6).all())


def test_int4_stores_the_first_of_two_values_in_the_low_nibble():
    weight = torch.zeros(1, 32)
    weight[0, 0], weight[0, 1], weight[0, 2] = -8.0, 3.0, 7.0
    values, scale = quant.quantise(weight, "int4")
    assert scale.tolist() == [[1.0]]
    assert values[0, 0] == 0 | (11 << 4) and values[0, 1] == 15 | (8 << 4)


def test_rows_of_zeros_stay_zeros():
    for kind in quant.KINDS:
        assert not quant.dequantise(*quant.quantise(torch.zeros(3, 64), kind)).any()


def test_invalid_widths_kinds_and_methods_are_refused():
    with pytest.raises(UsageError, match="48 is not a multiple"):
        quant.quantise(torch.zeros(2, 48), "int4")
    with pytest.raises(UsageError, match="int8, int4, fp8"):
        quant.check_kind("int3")
    with pytest.raises(CheckpointError, match="bitsandbytes"):
        quant.kind_from_hf({"quantization_config": {"quant_method": "bitsandbytes"}})
    assert quant.kind_from_hf({}) is None
    assert quant.kind_from_hf({"quantization_config": quant.kind_to_hf("int4")}) == "int4"
