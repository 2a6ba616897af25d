"""Named model shapes with random weights, to measure a model's speed without its files.

Knows nothing of how time is measured.
"""

from copy import deepcopy
from dataclasses import replace

import torch

from dgemma.checkpoint.quantised import quantise_network
from dgemma.config import LayerConfig, LayerType, ModelConfig
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma
from dgemma.quant import check_kind

WINDOW = 1024


def _layers(pattern: str, sliding: tuple[int, int], full: tuple[int, int]) -> tuple[LayerConfig, ...]:
    """Layers by a pattern of `s` (sliding) and `f` (full); `sliding` and `full` are (head_dim, key heads)."""
    kinds: dict[str, tuple[LayerType, tuple[int, int]]] = {
        "s": ("sliding_attention", sliding),
        "f": ("full_attention", full),
    }
    return tuple(
        LayerConfig(layer_type=kinds[letter][0], head_dim=kinds[letter][1][0], num_key_value_heads=kinds[letter][1][1])
        for letter in pattern
    )


_SCALED = ModelConfig(
    vocab_size=32_768,
    hidden_size=768,
    intermediate_size=1024,
    num_attention_heads=8,
    layers=_layers("sssssf" * 2, sliding=(96, 4), full=(192, 2)),
    num_experts=32,
    top_k_experts=8,
    moe_intermediate_size=256,
    sliding_window=WINDOW,
)

# The released 26B-A4B: 30 layers, every sixth one full.
_WHOLE_26B = ModelConfig(
    vocab_size=262_144,
    hidden_size=2816,
    intermediate_size=2112,
    num_attention_heads=16,
    layers=_layers("sssssf" * 5, sliding=(256, 8), full=(512, 2)),
    num_experts=128,
    top_k_experts=8,
    moe_intermediate_size=704,
    sliding_window=WINDOW,
)

SHAPES: dict[str, ModelConfig] = {
    "scaled-32k": _SCALED,
    "scaled-262k": replace(_SCALED, vocab_size=262_144),
    # One layer of each kind at full size; the vocabulary of 262,144 at this width takes 2.8 GB in float32.
    "26b-layer": replace(_WHOLE_26B, vocab_size=32_768, layers=_WHOLE_26B.layers[4:6]),
    "26b-layer-262k": replace(_WHOLE_26B, layers=_WHOLE_26B.layers[4:6]),
    "26b": _WHOLE_26B,
}
"""Shapes by name. `scaled-*` are scaled-down versions of the 26B model, `26b-layer*` are two of its thirty layers."""


def random_network(config: ModelConfig, dtype: torch.dtype, device: torch.device, seed: int = 0) -> DiffusionGemma:
    """A network whose matrices are normal with standard deviation 1 / sqrt(fan in), rounded to bfloat16 like those of
    released files."""
    with torch.device("meta"):
        network = DiffusionGemma(config).to(dtype)
    network.to_empty(device=device)
    generator = torch.Generator(device=device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0.0, parameter.shape[-1] ** -0.5, generator=generator)
                parameter.copy_(parameter.bfloat16())
            else:
                # Every layer adds a normalised output to the residual; a small scale keeps it bounded over 30 layers.
                parameter.fill_(0.3 if name.endswith("post_feedforward_layernorm.weight") else 1.0)
    return network.eval().requires_grad_(False)


def shape(name: str) -> ModelConfig:
    """The configuration named `name`. Raises UsageError for an unknown one."""
    if name not in SHAPES:
        raise UsageError(f"There is no shape {name!r}. The shapes are {', '.join(SHAPES)}.")
    return SHAPES[name]


def quantised_copy(network: DiffusionGemma, kind: str) -> DiffusionGemma:
    """A copy with quantised weights; `network` is not changed. Raises UsageError for an unknown kind."""
    copy = deepcopy(network)
    quantise_network(copy, check_kind(kind))
    return copy
