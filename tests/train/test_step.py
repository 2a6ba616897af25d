"""Recorded training steps against plain ones, and learning rates in tensors against plain numbers."""

from contextlib import nullcontext

import pytest
import torch

from dgemma.model import DiffusionGemma
from dgemma.train.blocks import Document, pack
from dgemma.train.objective import draw, losses
from dgemma.train.optimizer import load_optimizer, make_optimizers, set_learning_rates
from dgemma.train.recipe import ObjectiveRecipe, OptimizerRecipe, Recipe
from dgemma.train.step import PlainStep, RecordedStep
from tests.test_model import make_network

RECIPE = Recipe(
    objective=ObjectiveRecipe(self_conditioning=0.5, rollout=0.5, rollout_steps=2),
    optimizer=OptimizerRecipe(matrix_decay=0.1, weight_decay=0.1),
)


def trained(kind: type[PlainStep], device: str, steps: int, in_tensor: bool) -> tuple[DiffusionGemma, list[float]]:
    network = make_network().requires_grad_(True).to(device)
    optimizers = make_optimizers(network, RECIPE.optimizer, torch.float32)
    # Different tokens and lengths in tensors of one size.
    documents = [Document(prompt=[3, 4, n], answer=[n] * n, canvas_length=8, draws=2) for n in (13, 20)]
    batches = [pack([[document, document]] * 8, 50, 101, eos_id=1) for document in documents]
    step = kind(network, network.forward, optimizers, RECIPE, nullcontext)
    totals = []
    for number in range(steps):
        set_learning_rates(optimizers, (0.01 / (1 + number), 0.002 / (1 + number)), in_tensor)
        batch = batches[number % 2]
        batch = batch.without_canvases() if number % 3 == 2 else batch
        generator = torch.Generator().manual_seed(number)
        totals.append(float(step(draw(batch, network.config, RECIPE.objective, generator, fixed=True)).total))
    if isinstance(step, RecordedStep):
        assert len(step._recordings) == 2
    return network, totals


def assert_same(first: tuple[DiffusionGemma, list[float]], second: tuple[DiffusionGemma, list[float]]) -> None:
    assert first[1] == pytest.approx(second[1], rel=1e-3)
    theirs = second[0].state_dict()
    for name, value in first[0].state_dict().items():
        assert torch.allclose(value, theirs[name], rtol=1e-2, atol=1e-4), name


def test_learning_rates_in_tensors_train_as_plain_numbers_do():
    plain = trained(PlainStep, "cpu", 6, in_tensor=False)
    assert_same(plain, trained(PlainStep, "cpu", 6, in_tensor=True))


@pytest.mark.gpu
def test_recorded_steps_equal_plain_ones():
    # Each size runs three eager steps and is then recorded and replayed.
    assert_same(trained(PlainStep, "cuda", 12, in_tensor=False), trained(RecordedStep, "cuda", 12, in_tensor=True))


def test_loading_an_optimiser_state_keeps_the_settings_of_the_recipe():
    network = make_network().requires_grad_(True)
    old = make_optimizers(network, OptimizerRecipe(), torch.float32)
    losses_of_one_step(network).backward()
    for optimizer in old:
        optimizer.step()
    saved = [optimizer.state_dict() for optimizer in old]
    del saved[0]["param_groups"][0]["weight_decay"]
    new = make_optimizers(network, RECIPE.optimizer, torch.float32)
    for optimizer, state in zip(new, saved, strict=True):
        load_optimizer(optimizer, state)
        assert optimizer.param_groups[0]["weight_decay"] == 0.1
    parameter = new[0].param_groups[0]["params"][0]
    assert torch.equal(new[0].state[parameter]["momentum_buffer"], old[0].state[parameter]["momentum_buffer"])


def test_passes_without_gradients_do_not_remove_those_of_later_passes():
    network = make_network().requires_grad_(True)
    with torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False):
        losses_of_one_step(network).backward()
    assert all(parameter.grad is not None for parameter in network.self_conditioning.parameters())


def losses_of_one_step(network: DiffusionGemma) -> torch.Tensor:
    document = Document(prompt=[3, 4, 5], answer=[7] * 9, canvas_length=8)
    batch = pack([[document]] * 2, 12, 16, eos_id=1)
    generator = torch.Generator().manual_seed(0)
    return losses(network, network.forward, batch, RECIPE.objective, generator).total
