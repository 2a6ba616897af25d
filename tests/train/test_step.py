"""Recorded steps against plain ones, and rates in tensors against plain numbers."""

from contextlib import nullcontext

import pytest
import torch

from dgemma.model import DiffusionGemma
from dgemma.train.objective import draw
from dgemma.train.optimizer import make_optimizers, set_learning_rates
from dgemma.train.recipe import ObjectiveRecipe, OptimizerRecipe, Recipe
from dgemma.train.step import PlainStep, RecordedStep
from tests.test_model import make_network
from tests.train.test_objective import packed

RECIPE = Recipe(
    objective=ObjectiveRecipe(self_conditioning=0.5, rollout=0.5, rollout_steps=2),
    optimizer=OptimizerRecipe(matrix_decay=0.1, weight_decay=0.1),
)


def trained(kind: type[PlainStep], device: str, steps: int, in_tensor: bool) -> tuple[DiffusionGemma, list[float]]:
    network = make_network().requires_grad_(True).to(device)
    optimizers = make_optimizers(network, RECIPE.optimizer, torch.float32, recorded=in_tensor and device == "cuda")
    step = kind(network, network.forward, optimizers, RECIPE, nullcontext)
    totals = []
    for number in range(steps):
        set_learning_rates(optimizers, (0.01 / (1 + number), 0.002 / (1 + number)), in_tensor)
        batch = packed(rows=4)
        batch = batch.without_canvases() if number % 3 == 2 else batch
        generator = torch.Generator().manual_seed(number)
        totals.append(float(step(draw(batch, network.config, RECIPE.objective, generator, fixed=True)).total))
    return network, totals


def assert_same(one: tuple[DiffusionGemma, list[float]], other: tuple[DiffusionGemma, list[float]]) -> None:
    assert one[1] == pytest.approx(other[1], rel=1e-3)
    theirs = other[0].state_dict()
    for name, value in one[0].state_dict().items():
        assert torch.allclose(value, theirs[name], rtol=1e-2, atol=1e-4), name


def test_a_rate_in_a_tensor_is_the_same_rate():
    plain = trained(PlainStep, "cpu", 6, in_tensor=False)
    assert plain[1][0] > plain[1][-2]
    assert_same(plain, trained(PlainStep, "cpu", 6, in_tensor=True))


@pytest.mark.gpu
def test_recorded_steps_are_plain_steps():
    assert_same(trained(PlainStep, "cuda", 18, in_tensor=False), trained(RecordedStep, "cuda", 18, in_tensor=True))
