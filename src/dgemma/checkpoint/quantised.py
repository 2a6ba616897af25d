"""Which weights of a network are quantised, and where their values and scales are stored.

The quantised values replace the parameter, the scale is a buffer beside it: `q_proj.weight` and `q_proj.weight_scale`,
`experts.down_proj` and `experts.down_proj_scale`. So a state dict holds both, and files use the same names. Embedding,
norms, router and scalars are not quantised. Knows nothing of files.
"""

import re

import torch
from torch import Tensor, nn

from dgemma.model import DiffusionGemma
from dgemma.quant import Kind, Rows, quantise

_WEIGHTS = re.compile(
    r"layers\.\d+\.(self_attn\.[qkvo]_proj\.weight|mlp\.\w+_proj\.weight|experts\.\w+_proj)"
    r"|self_conditioning\.mlp\.\w+_proj\.weight"
)
SCALE = "_scale"


def is_weight(name: str) -> bool:
    """Whether a quantised network quantises the parameter of that name."""
    return _WEIGHTS.fullmatch(name) is not None


def is_scale(name: str) -> bool:
    """Whether `name` is that of a quantised weight's scale."""
    return name.endswith(SCALE) and is_weight(name.removesuffix(SCALE))


def place(network: nn.Module, name: str, tensor: Tensor) -> None:
    """Sets the parameter `name`, or the buffer if `name` is a scale."""
    path, _, leaf = name.rpartition(".")
    owner = network.get_submodule(path)
    if is_scale(name):
        owner.register_buffer(leaf, tensor)
    else:
        setattr(owner, leaf, nn.Parameter(tensor, requires_grad=False))


@torch.no_grad()
def place_quantised(
    network: nn.Module, name: str, weight: Tensor | Rows, kind: Kind, device: torch.device | None = None
) -> None:
    """Quantises a float weight and sets its values and scale. Raises what `quantise` raises."""
    values, scale = quantise(weight, kind, device, name)
    place(network, name, values)
    place(network, name + SCALE, scale)


def quantise_network(network: DiffusionGemma, kind: Kind) -> None:
    """Quantises a float network in place, one weight after another."""
    for name, parameter in list(network.named_parameters()):
        if is_weight(name):
            place_quantised(network, name, parameter, kind)
