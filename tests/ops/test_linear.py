"""Laid-out weights give the products of the plain ones, and are laid out again when a weight changes."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dgemma.ops import experts as experts_module
from dgemma.ops import linear
from dgemma.ops import reference as ops
from dgemma.ops.experts import RoutedExperts
from dgemma.quant import dequantise, quantise


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layer(inputs: int, outputs: int, seed: int = 0) -> nn.Linear:
    linear_layer = nn.Linear(inputs, outputs, bias=False)
    linear_layer.weight = nn.Parameter(draw(outputs, inputs, seed=seed), requires_grad=False)
    return linear_layer


def stacked(*layers: nn.Linear | None) -> linear.Stacked:
    owner = nn.Module()
    for number, layer in enumerate(layers):
        owner.register_module(f"layer_{number}", layer)
    return linear.Stacked(owner, *(f"layer_{number}" for number in range(len(layers))))


# The larger sizes are above those from which weights are laid out in blocks, for many rows and for one.
@pytest.mark.parametrize(("inputs", "outputs"), [(24, 10), (384, 768), (1024, 1536)])
@pytest.mark.parametrize("rows", [1, 7])
def test_one_product_of_stacked_layers_equals_each_alone(inputs, outputs, rows):
    layers = [layer(inputs, outputs, seed=1), layer(inputs, 2 * outputs, seed=2)]
    hidden = draw(2, rows, inputs)
    for part, single in zip(stacked(layers[0], None, layers[1])(hidden), layers, strict=True):
        expected = single(hidden)
        assert (part - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_changed_weight_is_laid_out_again():
    changed = layer(512, 768)
    product, hidden = stacked(changed), draw(3, 512)
    before = product(hidden)[0]
    changed.weight.mul_(2)
    assert torch.allclose(product(hidden)[0], 2 * before, rtol=1e-4)
    changed.weight = nn.Parameter(draw(768, 512, seed=5), requires_grad=False)
    assert torch.allclose(product(hidden)[0], changed(hidden), rtol=1e-4, atol=1e-4)


def test_trained_weights_are_not_cached_and_copies_of_a_cache_are_empty():
    trained = layer(512, 768)
    product, hidden = stacked(trained), draw(3, 512)
    trained.weight.requires_grad_(True)
    product(hidden)[0].sum().backward()
    assert trained.weight.grad is not None
    trained.requires_grad_(False)
    cache = linear.WeightCache()
    cache.get([trained.weight], lambda: "made")
    assert copy.deepcopy(cache).get([trained.weight], lambda: "made anew") == "made anew"
    assert cache.get([trained.weight], lambda: "made anew") == "made"
    trained.requires_grad_(True)
    assert cache.get([trained.weight], lambda: "made anew") == "made anew"


@pytest.mark.parametrize("fused", [False, True])
def test_an_optimiser_step_invalidates_the_cache_of_its_weights(fused):
    """Fused optimisers do not increase the versions of the weights themselves."""
    weights = [nn.Parameter(draw(8, 8), requires_grad=False) for _ in range(2)]
    caches = [linear.WeightCache() for _ in weights]
    for cache, weight in zip(caches, weights, strict=True):
        cache.get([weight], lambda: "made")
    trained = weights[0].requires_grad_(True)
    optimizer = torch.optim.AdamW(weights, lr=0.1, fused=fused)
    optimizer.register_step_post_hook(lambda stepped, *_: stepped.zero_grad())  # runs before the global hooks
    trained.grad = torch.ones_like(trained)
    optimizer.step()
    trained.requires_grad_(False)
    made = [cache.get([weight], lambda: "made anew") for cache, weight in zip(caches, weights, strict=True)]
    assert made == ["made anew", "made"]


def test_a_new_weight_with_the_id_and_address_of_a_freed_one_is_not_mistaken_for_it():
    """Python reuses the ids of freed objects, torch the addresses of freed memory."""
    cache, made = linear.WeightCache(), []
    for number in range(3):
        weight = nn.Parameter(torch.full((7,), float(number)), requires_grad=False)
        made.append(cache.get([weight], lambda weight=weight: float(weight[0])))
        identity, address = id(weight), weight.data_ptr()
        del weight
    assert made == [0.0, 1.0, 2.0] and identity and address


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_small_weights_do_not_wait_for_kernels(kind, monkeypatch):
    """On a fresh machine a small quantised model answers at once, by plain PyTorch."""

    def load(name, wait=False):
        assert not wait and name != "products", "compiled while a caller waits"

    def load_for(name, entries):
        assert entries < linear.native.WAITED_FOR_FROM, "compiled while a caller waits"

    monkeypatch.setattr(linear.native, "is_ready", lambda name: False)
    monkeypatch.setattr(linear.native, "load", load)
    monkeypatch.setattr(linear.native, "load_for", load_for)
    values, scale = quantise(draw(4, 128, 256), kind)
    hidden = draw(3, 256)
    assert linear.matrix(values[0], scale[0])(hidden).shape == (3, 128)
    down, down_scale = quantise(draw(4, 256, 64), kind)
    routed = RoutedExperts(values, down, (scale, down_scale))
    assert routed(hidden, torch.ones(3, 2), torch.tensor([[0, 1]] * 3)).shape == (3, 256)


@pytest.mark.parametrize("kind", ["int8", "int4", "fp8"])
def test_quantised_products_are_those_of_the_dequantised_weight(kind):
    values, scale = quantise(draw(96, 64), kind)
    hidden = draw(5, 64, seed=3)
    expected = hidden @ dequantise(values, scale).T
    product = linear.matrix(values, scale)(hidden)
    # int8 quantises the hidden states too, to 7 bits.
    assert (product - expected).abs().max() <= (0.05 if kind == "int8" else 1e-5) * expected.abs().max()


@given(st.integers(0, 99), st.integers(1, 4), st.integers(4, 12), st.integers(1, 9), st.booleans())
def test_gathered_experts_equal_the_loop_over_experts(seed, top_k, count, rows, compiled):
    hidden, scores = draw(rows, 16, seed=seed), draw(rows, count, seed=seed + 1)
    weights, chosen = scores.topk(top_k)
    gate_up, down = draw(count, 12, 16, seed=2), draw(count, 16, 6, seed=3)
    expected = ops.experts(hidden, weights, chosen, gate_up, down)
    with pytest.MonkeyPatch.context() as patched:
        if not compiled:
            patched.setattr(experts_module, "panels", lambda weights, rows: None)
        experts = RoutedExperts(gate_up, down)
    assert (experts.panels is None) != compiled
    assert (experts(hidden, weights, chosen) - expected).abs().max() <= 2e-5 * expected.abs().max()
