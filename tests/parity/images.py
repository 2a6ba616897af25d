"""Small image models and images for the parity tests: transformers' model with a tower, and its twin here.

Knows nothing of files or sampling.
"""

from collections.abc import Sequence

import torch
import transformers
from torch import Tensor

from dgemma.checkpoint.names import is_image, to_image_file
from dgemma.config import ModelConfig
from dgemma.vision import VisionTower
from tests.parity.reference import Shape, build_reference

IMAGE, BEGIN, END = 61, 62, 63
TOKENS = {"image_token_id": IMAGE, "boi_token_id": BEGIN, "eoi_token_id": END}

_SMALL = {
    "model_type": "gemma4_vision", "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8, "position_embedding_size": 40,
    "patch_size": 4, "pooling_kernel_size": 2,
}  # fmt: skip
TOWERS = {
    "plain": _SMALL,
    "clipped": _SMALL | {"use_clipped_linears": True, "num_key_value_heads": 2},
    "standardised": _SMALL | {"standardize": True, "pooling_kernel_size": 3, "head_dim": 12, "hidden_size": 32},
    "all": _SMALL | {
        "use_clipped_linears": True, "standardize": True, "num_key_value_heads": 1, "num_hidden_layers": 3,
        "rope_parameters": {"rope_type": "axial", "rope_theta": 500.0}, "pooling_kernel_size": 3, "patch_size": 2,
    },
}  # fmt: skip

SHAPES = {
    # Spans of up to 30 tokens on windows of 8 and 12.
    "sliding first": Shape(pattern="sf", vocab=64, window=8, canvas=8, experts=4, top_k=2),
    "full first": Shape(pattern="fssf", vocab=80, window=12, canvas=16, experts=9, top_k=3, key_heads=4),
}


def build(
    tower: str = "plain",
    shape: Shape = SHAPES["sliding first"],
    bidirectional: str | None = "vision",
    embedding_std: float = 0.3,
) -> transformers.DiffusionGemmaForBlockDiffusion:
    """transformers' model with that tower and random weights."""
    return build_reference(
        shape, embedding_std=embedding_std, vision=TOWERS[tower], top=TOKENS, bidirectional=bidirectional
    )


def build_tower(model: transformers.DiffusionGemmaForBlockDiffusion) -> VisionTower:
    """This project's tower with the weights of transformers' model; no name may be missing or left over."""
    config = ModelConfig.from_hf(model.config.to_dict())
    assert config.vision is not None
    tower = VisionTower(config.vision, config.hidden_size).eval().requires_grad_(False)
    theirs = {name: value for name, value in model.state_dict().items() if is_image(name)}
    ours = {to_image_file(name): name for name in tower.state_dict()}
    assert set(ours) == set(theirs)
    tower.load_state_dict({ours[name]: value for name, value in theirs.items()})
    return tower


def draw_images(tower: VisionTower, sizes: Sequence[tuple[int, int]], padding: int = 0) -> tuple[Tensor, Tensor]:
    """Random patches and positions of images with these sizes in soft tokens (columns, rows), padded to the largest
    and by `padding` soft tokens more."""
    side, values = tower.config.pooling_kernel_size, 3 * tower.config.patch_size**2
    generator = torch.Generator().manual_seed(len(sizes))
    most = side**2 * (max(columns * rows for columns, rows in sizes) + padding)
    patches, positions = torch.zeros(len(sizes), most, values), torch.full((len(sizes), most, 2), -1)
    for index, (columns, rows) in enumerate(sizes):
        grid = torch.cartesian_prod(torch.arange(side * rows), torch.arange(side * columns)).flip(-1)
        positions[index, : len(grid)] = grid
        patches[index, : len(grid)] = torch.rand(len(grid), values, generator=generator)
    return patches, positions
