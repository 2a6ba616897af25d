"""Compiled kernels of bfloat16 networks against float32 networks whose rows are rounded where theirs are."""

import copy
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dgemma.cache import KVCache
from dgemma.checkpoint.quantised import quantise_network
from dgemma.decode import head
from dgemma.model import DiffusionGemma, Experts
from dgemma.ops import linear, native
from dgemma.ops.experts import are_few
from dgemma.ops.native.sizes import BFLOAT16, BFLOAT16_PAIRS
from dgemma.ops.vocabulary_products import HEAD_BLOCK
from tests.ops.test_native_layers import KINDS, encoded, ids, make_network, passes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="torch brings another OpenMP there")


def dots() -> list[bool]:
    """Whether products may use the processor's bfloat16 instruction: never, and where it has one."""
    from dgemma.ops.native.machine import BFLOAT16_DOTS

    return [False, True] if BFLOAT16_DOTS else [False]


@contextmanager
def using_dots(enabled: bool) -> Iterator[None]:
    from dgemma.ops.native import panels

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(panels, "BFLOAT16_DOTS", enabled)
        yield


def rounded(hidden: torch.Tensor) -> torch.Tensor:
    return hidden.bfloat16().float()


class RoundedCache(KVCache):
    """A float32 cache of keys and values that are rounded to bfloat16."""

    def write(self, layer: int, key_BKTd: torch.Tensor, value_BKTd: torch.Tensor, offsets: torch.Tensor | None = None):
        super().write(layer, rounded(key_BKTd), rounded(value_BKTd), offsets)


def experts_of_rounded_rows(
    hidden_ND: torch.Tensor,
    weights_Nk: torch.Tensor,
    ids_Nk: torch.Tensor,
    gate_up_E2MD: torch.Tensor,
    down_EDM: torch.Tensor,
    _scales: list,
) -> torch.Tensor:
    """One row and one expert after the other; few experts are weighted before they are rounded, many behind."""
    few, hidden_ND, out_ND = are_few(gate_up_E2MD), rounded(hidden_ND), torch.zeros_like(hidden_ND)
    for row, (row_weights, row_ids) in enumerate(zip(weights_Nk, ids_Nk.tolist(), strict=True)):
        for weight, expert in zip(row_weights, row_ids, strict=True):
            gate, up = (gate_up_E2MD[expert] @ hidden_ND[row]).chunk(2)
            inner = F.gelu(gate, approximate="tanh") * up
            out_ND[row] += (
                down_EDM[expert] @ rounded(inner * weight) if few else weight * (down_EDM[expert] @ rounded(inner))
            )
    return out_ND


def twins(network: DiffusionGemma, rounds_rows: bool) -> tuple[DiffusionGemma, DiffusionGemma]:
    """The network in bfloat16, and one of the same weights in float32 that multiplies rounded rows, if at all, one
    operation at a time."""
    half = copy.deepcopy(network).bfloat16()
    oracle = copy.deepcopy(half).float()
    oracle.embed = lambda tokens: half.embed(tokens).float()
    if rounds_rows:
        for name, module in oracle.named_modules():
            if isinstance(module, nn.Linear) and "router" not in name:
                module.register_forward_pre_hook(lambda _module, arguments: (rounded(arguments[0]),))
            if isinstance(module, Experts):
                module.dispatch = experts_of_rounded_rows  # pyright: ignore[reportAttributeAccessIssue]
    return half, oracle


def distance(actual: torch.Tensor, expected: torch.Tensor) -> float:
    assert actual.dtype == torch.bfloat16 and actual.shape == expected.shape
    return float((actual.float() - expected).norm() / expected.norm())


@pytest.mark.parametrize("uses_dots", dots())
@settings(max_examples=15)
@given(
    st.lists(KINDS.flatmap(lambda kind: st.sampled_from([(*kind, 1), (*kind, 2), (*kind, 4)])), min_size=1, max_size=2),
    st.sampled_from([1, 4, 8, 9, 12]),
    st.sampled_from([17, 36, 64]),
    st.integers(1, 40),
    st.integers(2, 21),
    st.data(),
)
def test_fused_layers_equal_float32_layers_of_rounded_rows(
    uses_dots, kinds, num_experts, hidden_size, prompt, canvas, data
) -> None:
    # With every expert chosen, a rounding error cannot change which ones are.
    network = make_network(tuple(kinds), num_experts, num_experts, hidden_size)
    rows = sorted(data.draw(st.sets(st.integers(0, canvas - 1), min_size=1)))
    half, oracle = twins(network, uses_dots)
    with using_dots(uses_dots):
        actual = passes(half, prompt, canvas, rows)
        layers = half._fused.last[0]
        formats = {BFLOAT16_PAIRS if uses_dots else BFLOAT16}
        assert formats == (
            {layers.panel_format}
            if are_few(half.first_weight)
            else {weight.panel_format for own in layers._laid_out for weight in own.values()}
        )
    with pytest.MonkeyPatch.context() as patched, oracle.unfused():
        patched.setattr("tests.ops.test_native_layers.KVCache", RoundedCache)
        expected = passes(oracle, prompt, canvas, rows)
    # The result itself is rounded, by 0.0011 on the mean; a number between two steps may be rounded to either.
    assert max(map(distance, actual, expected)) <= 0.01


@pytest.mark.parametrize("uses_dots", dots())
@pytest.mark.parametrize("num_experts", [4, 12])
def test_rows_do_not_depend_on_the_rows_beside_them(num_experts: int, uses_dots: bool) -> None:
    with using_dots(uses_dots):
        network = make_network(num_experts=num_experts).bfloat16()
        whole = encoded_in_bfloat16(network, ids(70))
        cache = KVCache(network.config, max_length=120, dtype=torch.bfloat16)
        parts = [encoded(network, part, cache) for part in ids(70).split([30, 2, 38], dim=1)]
    assert network._fused.last[0] is not None
    assert torch.equal(whole, torch.cat(parts, dim=1))


def encoded_in_bfloat16(network: DiffusionGemma, tokens: torch.Tensor) -> torch.Tensor:
    return encoded(network, tokens, KVCache(network.config, max_length=120, dtype=torch.bfloat16))


@pytest.mark.parametrize("num_experts", [4, 12])
def test_fused_layers_are_as_exact_as_the_modules(num_experts: int) -> None:
    """Nearer to float32 than PyTorch's own bfloat16, which rounds each operation's result as well."""
    network = make_network(num_experts=num_experts, top_k=num_experts)
    half = copy.deepcopy(network).bfloat16()
    exact = encoded(copy.deepcopy(half).float(), ids(60))
    actual = encoded_in_bfloat16(half, ids(60))
    assert half._fused.last[0] is not None
    with half.unfused():
        plain = encoded_in_bfloat16(half, ids(60))
    assert distance(actual, exact) < distance(plain, exact) < 0.05


@pytest.mark.parametrize("num_experts", [4, 12])
def test_networks_of_several_types_are_not_rounded(num_experts: int) -> None:
    """A float32 weight in a bfloat16 network: PyTorch refuses to multiply it, and so it is converted."""
    network = make_network(num_experts=num_experts).bfloat16()
    before = encoded_in_bfloat16(network, ids(20))
    network.layers[0].get_submodule("mlp.up_proj").float()
    after = encoded_in_bfloat16(network, ids(20))
    assert network._fused.last[0] is None
    # Unlike before, each operation's result is rounded.
    assert distance(after, before.float()) < 0.2


@pytest.mark.parametrize("name", ["layers.0.mlp.up_proj", "layers.1.self_attn.o_proj", "self_conditioning.mlp.up_proj"])
@pytest.mark.parametrize("num_experts", [4, 12])
@torch.inference_mode()
def test_a_float32_weight_beside_float32_norms(num_experts: int, name: str) -> None:
    """Its panels are for float32 rows, those of the other weights for bfloat16 ones."""
    network = make_network(num_experts=num_experts, top_k=num_experts).bfloat16()
    exact = copy.deepcopy(network).float()
    network.layers[0].get_submodule("input_layernorm").float()
    network.get_submodule(name).float()
    soft = torch.randn(1, 8, 36, generator=torch.Generator().manual_seed(3)).bfloat16()
    found = []
    for each in (network, exact):
        cache = KVCache(each.config, max_length=120, dtype=each.dtype)
        found.append((each.encode(ids(20), cache), each.denoise(ids(8, 1), cache, soft.to(each.dtype))))
    for actual, expected in zip(*found, strict=True):
        assert distance(actual, expected) < 0.05


@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("num_experts", [4, 12])
def test_quantised_layers_with_a_bfloat16_cache(kind, num_experts: int) -> None:
    """Rows are int8 then, as in a float32 network; only the embedding, the norms and the cache are bfloat16."""
    wide = (("sliding_attention", 32, 2), ("full_attention", 64, 1))
    network = make_network(wide, num_experts, num_experts, hidden_size=64, width=96, expert_width=32).bfloat16()
    plain = copy.deepcopy(network).float()
    for each in (network, plain):
        quantise_network(each, kind)
    actual = encoded_in_bfloat16(network, ids(50))
    if network._fused.last[0] is None:
        pytest.skip("this processor has no such instruction")
    assert distance(actual, encoded(plain, ids(50))) < 0.06


@pytest.mark.parametrize("uses_dots", dots())
@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 70), st.integers(0, 99))
def test_products_of_bfloat16_rows(uses_dots: bool, rows: int, size: int, outputs: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    hidden, weight = (torch.randn(count, size, generator=generator).bfloat16() for count in (rows, outputs))
    panels = native.load("panels", wait=True)
    assert panels is not None
    with using_dots(uses_dots):
        laid_out = panels.lay_out(weight, rows=torch.bfloat16)
    assert laid_out.panel_format == (BFLOAT16_PAIRS if uses_dots else BFLOAT16)
    actual = laid_out.multiply(hidden)
    torch.testing.assert_close(actual, hidden.float() @ weight.float().T, rtol=1e-4, atol=1e-4)
    assert torch.equal(actual[-1:], laid_out.multiply(hidden[-1:]))


@pytest.mark.parametrize("uses_dots", dots())
def test_a_product_keeps_the_type_of_its_rows(uses_dots: bool) -> None:
    weight = torch.randn(512, 300, generator=torch.Generator().manual_seed(0)).bfloat16()
    hidden = torch.randn(5, 300, generator=torch.Generator().manual_seed(1))
    with using_dots(uses_dots):
        product = linear.matrix(weight, rows=torch.bfloat16)
    assert isinstance(product, linear.PanelProduct)
    exact = hidden.bfloat16().float() @ weight.float().T
    assert torch.equal(product(hidden.bfloat16()), product.row_by_row(hidden.bfloat16()).bfloat16())
    torch.testing.assert_close(product.row_by_row(hidden.bfloat16()), exact, rtol=1e-4, atol=1e-4)
    # Every bit of float32 rows counts.
    torch.testing.assert_close(product(hidden), hidden @ weight.float().T, rtol=1e-4, atol=1e-4)
    trained = hidden.bfloat16().requires_grad_(True)
    product(trained).sum().backward()
    assert trained.grad is not None and trained.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("uses_dots", dots())
@pytest.mark.parametrize("num_experts", [4, 12])
@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
def test_numbers_that_are_not_finite_reach_the_output(broken: float, num_experts: int, uses_dots: bool) -> None:
    """Rounding makes neither zeros nor infinities of nan."""
    network = make_network(num_experts=num_experts).bfloat16()
    network.embed_tokens.weight[5, 3] = broken
    with using_dots(uses_dots):
        hidden = encoded_in_bfloat16(network, torch.tensor([[7, 8, 5, 9]]))
    assert network._fused.last[0] is not None
    assert hidden[0, 2:].isnan().all()


@torch.inference_mode()
def test_the_fused_head_reads_bfloat16_rows() -> None:
    network = make_network().bfloat16()
    hidden = torch.randn(1, 9, 36, generator=torch.Generator().manual_seed(2)).bfloat16()
    actual = head.read(network, hidden, 0.7, [torch.Generator().manual_seed(1)])
    assert network._fused.last[1] is not None and actual.soft_BLD.dtype == torch.bfloat16
    expected = head.read(copy.deepcopy(network).float(), hidden.float(), 0.7, [torch.Generator().manual_seed(1)])
    assert torch.equal(actual.argmax_BL, expected.argmax_BL) and torch.equal(actual.sample_BL, expected.sample_BL)
    assert torch.equal(actual.entropy_BL, expected.entropy_BL)


@pytest.mark.parametrize("vocab_size", [3000, HEAD_BLOCK + 70])
@torch.inference_mode()
def test_a_large_vocabulary_keeps_the_bits_of_its_logits(vocab_size: int) -> None:
    """Rounded to bfloat16, logits near 20 would be multiples of an eighth."""
    generator = torch.Generator().manual_seed(0)
    network = make_network(hidden_size=64).bfloat16()
    network.embed_tokens = nn.Embedding.from_pretrained(torch.randn(vocab_size, 64, generator=generator).bfloat16())
    hidden = torch.randn(3, 64, generator=generator).bfloat16()
    actual = network.products(hidden)
    expected = hidden.float() @ network.embed_tokens.weight.float().T
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["int8", "int4"])
@torch.inference_mode()
def test_an_int8_vocabulary_keeps_the_bits_of_its_logits(kind) -> None:
    generator = torch.Generator().manual_seed(0)
    network = make_network(hidden_size=64, width=96, expert_width=32).bfloat16()
    network.embed_tokens = nn.Embedding.from_pretrained(torch.randn(9000, 64, generator=generator).bfloat16())
    quantise_network(network, kind)
    assert network.has_int8_head()
    for rows in (1, 3):
        hidden = torch.randn(rows, 64, generator=generator).bfloat16()
        assert torch.equal(network.products(hidden), network.products(hidden.float()))
