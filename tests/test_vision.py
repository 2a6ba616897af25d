"""The image tower: images do not influence each other, and invalid shapes are refused."""

import pytest
import torch
from torch import Tensor

from dgemma.errors import UsageError
from dgemma.vision import VisionTower
from dgemma.vision_config import VisionConfig

CONFIG = VisionConfig(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=8,
    patch_size=2, pooling_kernel_size=2, position_embedding_size=12, use_clipped_linears=True, standardize=True,
)  # fmt: skip


def make_tower() -> VisionTower:
    torch.manual_seed(0)
    tower = VisionTower(CONFIG, 20)
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.uniform_(-0.4, 0.4)
    return tower.eval().requires_grad_(False)


TOWER = make_tower()


def image(columns: int, rows: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Patches and positions of one image of `columns` by `rows` patches."""
    positions = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).flip(-1)
    return torch.rand(1, rows * columns, 12, generator=torch.Generator().manual_seed(seed)), positions[None]


def test_an_image_does_not_depend_on_the_others_or_on_padding():
    (first, first_positions), (second, second_positions) = image(4, 2), image(2, 4, seed=1)
    batched = TOWER(torch.cat((first, second)), torch.cat((first_positions, second_positions)))
    padded = TOWER(
        torch.cat((first, torch.ones(1, 3, 12)), dim=1), torch.cat((first_positions, torch.full((1, 3, 2), -1)), dim=1)
    )
    (alone,) = TOWER(first, first_positions)
    assert alone.shape == (2, 20) and alone.dtype == torch.float32
    assert torch.equal(batched[0], alone) and torch.equal(padded[0], alone)
    assert not torch.equal(batched[1], alone)


def test_every_patch_influences_every_soft_token():
    patches, positions = image(4, 4)
    (before,) = TOWER(patches, positions)
    for index in range(16):
        changed = patches.clone()
        changed[0, index] += 0.5
        assert (TOWER(changed, positions)[0] != before).any(-1).all()


def test_a_pooling_kernel_of_one_gives_one_soft_token_per_patch():
    """In this case transformers 5.23 mistakes the padding for the image."""
    config = VisionConfig(**{**vars(CONFIG), "pooling_kernel_size": 1})
    tower = VisionTower(config, 20)
    tower.load_state_dict(TOWER.state_dict())
    patches, positions = image(3, 2)
    (soft,) = tower(patches, positions)
    assert soft.shape == (6, 20) and soft.isfinite().all()


@pytest.mark.parametrize(("patches", "positions"), [
    (torch.zeros(1, 4, 11), torch.zeros(1, 4, 2)),
    (torch.zeros(4, 12), torch.zeros(4, 2)),
    (torch.zeros(1, 4, 12), torch.zeros(1, 5, 2)),
    (torch.zeros(1, 4, 12), torch.zeros(1, 4, 3)),
])  # fmt: skip
def test_patches_and_positions_of_other_shapes_are_refused(patches, positions):
    with pytest.raises(UsageError, match=r"patches \[images, patches, 12\]"):
        TOWER(patches, positions)


@pytest.mark.parametrize("positions", [
    [[-1, -1]] * 4,
    [[0, 0], [1, 0], [0, 1], [-1, -1]],
    [[0, 0], [1, 0], [0, 1], [0, 1]],
    [[0, 0], [1, 0], [2, 0], [3, 0]],
    [[2, 2], [3, 2], [2, 3], [3, 3]],
])  # fmt: skip
def test_patches_that_fill_no_grid_are_refused(positions):
    with pytest.raises(UsageError, match="each place once"):
        TOWER(torch.zeros(1, 4, 12), torch.tensor([positions]))


def test_images_beyond_the_learned_positions_are_refused():
    with pytest.raises(UsageError, match="14 by 2 patches is too long for a tower of 12"):
        TOWER(*image(14, 2))
