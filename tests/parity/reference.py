"""Builds transformers' DiffusionGemma at tiny sizes with random weights, and this project's network with the same ones.

Norms, layer scalars and router scales are random too, so that a test fails if one of them is left out. Knows nothing of
files or sampling.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import transformers

from dgemma.checkpoint.names import from_file
from dgemma.config import ModelConfig
from dgemma.model import DiffusionGemma

VISION = {
    "model_type": "gemma4_vision", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8, "global_head_dim": 8,
    "position_embedding_size": 16,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The sizes that differ between cases; `pattern` names the layers, s for sliding and f for full."""

    pattern: str
    vocab: int
    window: int
    canvas: int
    experts: int
    top_k: int
    hidden: int = 32
    heads: int = 4
    key_heads: int = 2
    head_dim: int = 8
    full_key_heads: int = 1
    full_head_dim: int = 16


SHAPES = {
    "2 layers": Shape(pattern="sf", vocab=64, window=8, canvas=8, experts=4, top_k=1),
    "3 layers": Shape(pattern="sff", vocab=99, window=8, canvas=64, experts=8, top_k=2, full_key_heads=2),
    "4 layers": Shape(pattern="fssf", vocab=300, window=16, canvas=16, experts=9, top_k=3, hidden=48, head_dim=16),
    "5 layers": Shape(pattern="ssfsf", vocab=500, window=12, canvas=24, experts=12, top_k=4, key_heads=4),
    "7 layers": Shape(pattern="ssssfsf", vocab=4096, window=32, canvas=32, experts=6, top_k=2, full_head_dim=32),
}


def build_reference(
    shape: Shape,
    seed: int = 0,
    embedding_std: float = 0.3,
    vision: Mapping[str, Any] = VISION,
    top: Mapping[str, Any] | None = None,
    bidirectional: str | None = None,
) -> transformers.DiffusionGemmaForBlockDiffusion:
    """transformers' model of that shape with random weights everywhere, and an image tower of those sizes; `top`
    goes into the configuration itself, `bidirectional` is the text's `use_bidirectional_attention`."""
    text = {
        "vocab_size": shape.vocab, "hidden_size": shape.hidden, "intermediate_size": 24,
        "num_hidden_layers": len(shape.pattern), "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_heads, "head_dim": shape.head_dim, "sliding_window": shape.window,
        "layer_types": [{"s": "sliding_attention", "f": "full_attention"}[letter] for letter in shape.pattern],
        "num_experts": shape.experts, "top_k_experts": shape.top_k, "moe_intermediate_size": 12,
        "global_head_dim": shape.full_head_dim, "num_global_key_value_heads": shape.full_key_heads,
        "use_bidirectional_attention": bidirectional,
    }  # fmt: skip
    config = transformers.DiffusionGemmaConfig(
        text_config=text, vision_config=dict(vision), canvas_length=shape.canvas, **(top or {})
    )
    torch.manual_seed(seed)
    model = transformers.DiffusionGemmaForBlockDiffusion(config).eval().requires_grad_(False)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if "inv_freq" in name or "embed_scale" in name:
            continue
        if name.endswith(("put_min", "put_max")):
            # Bounds of clipped products, small enough to take effect: most inputs are normed to about 1.
            scale = 0.02 if "down_proj" in name else 1 if "output" in name else 4
            tensor.uniform_(0.1, 0.3).mul_(-scale if name.endswith("min") else scale)
        elif tensor.ndim >= 2:
            tensor.normal_(0, embedding_std if "embed_tokens" in name else 0.1)
        else:
            tensor.uniform_(0.5, 1.5)
    return model


def build_twin(model: transformers.DiffusionGemmaForBlockDiffusion) -> DiffusionGemma:
    """This project's network with the weights of transformers' model; no name may be missing or left over."""
    network = DiffusionGemma(ModelConfig.from_hf(model.config.to_dict())).eval().requires_grad_(False)
    weights = {ours: value for name, value in model.state_dict().items() if (ours := from_file(name)) is not None}
    network.load_state_dict(weights, strict=True)
    return network
