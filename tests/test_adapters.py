"""Networks that others extend: hooks on every module, adapters, gradients through frozen weights."""

import pytest
import torch
from torch import Tensor, nn

from dgemma.cache import KVCache
from dgemma.checkpoint.quantised import quantise_network
from dgemma.config import ModelConfig
from dgemma.model import DiffusionGemma
from dgemma.ops import native
from tests.test_model import CONFIG, ids, make_network

MODULES = [name for name, _ in make_network().named_modules() if name.startswith("layers.1.")]


def encoded(network: DiffusionGemma) -> Tensor:
    return network.encode(ids(1, 7), KVCache(network.config, max_length=20))


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_the_hooks_of_every_module_of_a_layer_are_called(name: str, gradients: bool) -> None:
    network, called = make_network(), []
    with torch.set_grad_enabled(gradients):
        expected = encoded(network)
        handle = network.get_submodule(name).register_forward_hook(lambda module, *_: called.append(module))
        torch.testing.assert_close(encoded(network), expected, rtol=1e-4, atol=1e-5)
    handle.remove()
    assert called


class Wrapped(nn.Module):
    """An adapter that does not pass on the weight of what it wraps."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base

    def forward(self, hidden: Tensor) -> Tensor:
        return self.base(hidden)


@pytest.mark.parametrize(
    "name", ["self_attn.q_proj", "mlp.up_proj", "post_attention_layernorm", "post_feedforward_layernorm"]
)
def test_adapters_need_no_weight_of_their_own(name: str) -> None:
    network = make_network()
    with torch.inference_mode():
        expected = network.logits(encoded(network))
        layer = network.all_layers()[0]
        layer.set_submodule(name, Wrapped(layer.get_submodule(name)))
        found = network.logits(encoded(network))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def wide(seed: int = 0) -> DiffusionGemma:
    """A network with matrices large enough for every layout."""
    sizes = {"hidden_size": 512, "intermediate_size": 1024, "moe_intermediate_size": 256, "vocab_size": 600}
    config = ModelConfig(**{**{name: getattr(CONFIG, name) for name in CONFIG.__dataclass_fields__}, **sizes})
    torch.manual_seed(seed)
    network = DiffusionGemma(config).requires_grad_(False)
    for parameter in network.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.05 + (parameter.ndim == 1))
    return network


def gradient(network: DiffusionGemma) -> Tensor:
    """That of an expected embedding, through frozen weights."""
    tokens, canvas = ids(1, 5), ids(1, 6, seed=2)
    soft = torch.full((1, 6, network.config.hidden_size), 0.1, requires_grad=True)
    size = tokens.shape[1] + canvas.shape[1]
    masks = dict.fromkeys({layer.layer_type for layer in network.config.layers}, torch.ones(1, 1, size, size).bool())
    with torch.enable_grad():
        _, hidden = network.forward(tokens, canvas, soft, torch.arange(size)[None], masks)
        network.logits(hidden).square().sum().backward()
    assert soft.grad is not None
    return soft.grad


@pytest.mark.parametrize("kind", ["float32", "int8"])
@pytest.mark.parametrize("kernels", [False, True])
def test_gradients_pass_through_frozen_weights_even_after_inference(
    kind: str, kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernels:
        monkeypatch.setattr(native, "load", lambda name, wait=False: None)
        monkeypatch.setattr(native, "load_for", lambda name, entries: None)
    fresh, used = wide(), wide()
    if kind == "int8":
        quantise_network(fresh, "int8")
        quantise_network(used, "int8")
    with torch.inference_mode(), used.unfused():
        used.logits(encoded(used))
    torch.testing.assert_close(gradient(used), gradient(fresh), rtol=1e-4, atol=1e-5)
    assert float(gradient(fresh).norm()) > 0
