"""A grown network computes what the small one did, until it is trained."""

from dataclasses import replace

import pytest
import torch

from dgemma.config import ModelConfig
from dgemma.errors import DataError
from dgemma.model import DiffusionGemma
from dgemma.train.blocks import PackedBatch
from dgemma.train.growth import grow, layer_sources
from dgemma.train.objective import losses
from dgemma.train.recipe import ObjectiveRecipe
from dgemma.train.trainer import train
from tests.test_model import NETWORK, make_network
from tests.train.test_objective import packed
from tests.train.test_trainer import toy_recipe


def loss(network: DiffusionGemma, batch: PackedBatch) -> torch.Tensor:
    return losses(network, network.forward, batch, ObjectiveRecipe(), torch.Generator().manual_seed(2)).total


def repeated(config: ModelConfig, *times: int) -> ModelConfig:
    layers = [layer for layer, count in zip(config.layers, times, strict=True) for _ in range(count)]
    return replace(config, layers=tuple(layers))


def test_a_grown_network_computes_what_the_small_one_did():
    small = make_network()
    for layer in small.all_layers():
        # As large as long training makes them.
        for name, weight in layer.named_parameters():
            if name.endswith(("proj.weight", "proj")) and "router" not in name:
                weight.data.mul_(30)
    deep = DiffusionGemma(repeated(NETWORK.config, *[2] * len(NETWORK.layers)))
    grow(deep, small)
    batch = packed(rows=2)
    with torch.no_grad():
        assert torch.allclose(loss(deep, batch), loss(small, batch), rtol=1e-4)
    first, copy = deep.all_layers()[:2]
    assert first.mlp.up_proj.weight.std() < 0.2 * small.all_layers()[0].mlp.up_proj.weight.std()
    loss(deep, batch).backward()
    # The gates of copied layers are zero and receive gradients.
    gate = copy.post_attention_layernorm.weight
    assert not gate.any() and gate.grad is not None and gate.grad.any()


def test_layers_are_copied_from_the_run_of_their_own_kind():
    sliding, full = NETWORK.config.layers[0], NETWORK.config.layers[-1]
    assert sliding != full
    assert layer_sources((sliding,) * 5 + (full,) * 2, (sliding, sliding, full)) == [0, 0, 0, 1, 1, 2, 2]
    for deep in ((sliding, full), (full, full, full), (sliding, full, sliding, full)):
        with pytest.raises(ValueError, match=r"follow|grow"):
            layer_sources(deep, (sliding, sliding, full))


def test_a_recipe_with_more_layers_starts_from_a_smaller_model(tmp_path):
    small = train(toy_recipe(3), None, tmp_path / "small", lambda progress: None)
    recipe = toy_recipe(4)
    deeper = replace(recipe, model=replace(recipe.model, pattern="sssff"))
    assert train(deeper, None, tmp_path / "deep", lambda progress: None, init=small).is_dir()
    other = replace(recipe, model=replace(recipe.model, pattern="sfsf"))
    with pytest.raises(DataError, match="does not have the sizes of this recipe"):
        train(other, None, tmp_path / "other", lambda progress: None, init=small)
    wider = replace(deeper, model=replace(deeper.model, hidden_size=32))
    with pytest.raises(DataError, match="does not have the sizes of this recipe"):
        train(wider, None, tmp_path / "wider", lambda progress: None, init=small)
