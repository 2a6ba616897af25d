"""The start of a run: settings of a model are kept, different sizes refused, and a vocabulary is never stale."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dgemma.checkpoint import open_model, save_model
from dgemma.config import RotaryConfig
from dgemma.errors import DataError
from dgemma.evals.example import NO_TEXTS
from dgemma.model import DiffusionGemma
from dgemma.train import vocabulary
from dgemma.train.recipe import DataRecipe, Recipe
from dgemma.train.trainer import train
from tests.train.test_trainer import toy_recipe

MODEL_SETTINGS = {
    "rms_norm_eps": 1e-3,
    "final_logit_softcapping": 7.0,
    "sliding_rotary": RotaryConfig(rope_type="default", rope_theta=100.0),
    "full_rotary": RotaryConfig(rope_type="proportional", rope_theta=5000.0, partial_rotary_factor=0.5),
}


def train_quietly(recipe: Recipe, out: Path, **options) -> Path:
    return train(recipe, None, out, lambda progress: None, **options)


def model_with(folder: Path, **settings) -> Path:
    """A model of the toy recipe's sizes with other settings."""
    model = open_model(train_quietly(toy_recipe(2), folder / "first"), dtype="float32")
    config = replace(model.config, **settings)
    network = DiffusionGemma(config)
    network.load_state_dict(model.network.state_dict())
    save_model(replace(model, config=config, network=network), folder / "changed")
    return folder / "changed"


def test_settings_that_no_recipe_has_are_kept_from_the_model_also_on_resuming(tmp_path):
    init = model_with(tmp_path, **MODEL_SETTINGS)
    for steps in (2, 4):
        best = train_quietly(toy_recipe(steps), tmp_path / "run", init=init)
        config = open_model(best).config
        assert {name: getattr(config, name) for name in MODEL_SETTINGS} == MODEL_SETTINGS


@pytest.mark.parametrize(("name", "value"), [("sliding_window", 8), ("top_k_experts", 2)])
def test_sizes_that_no_weight_shape_shows_must_match(tmp_path, name, value):
    init = model_with(tmp_path, **{name: value})
    with pytest.raises(DataError, match=f"sizes of this recipe: {name} is {value} there and "):
        train_quietly(toy_recipe(2), tmp_path / "run", init=init)


def test_a_run_cannot_start_from_a_model_without_a_vocabulary(tmp_path):
    init = train_quietly(toy_recipe(2), tmp_path / "first")
    (init / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="has no tokenizer, and its embeddings are of no use with a new one"):
        train_quietly(toy_recipe(2), tmp_path / "run", init=init)


def test_a_vocabulary_without_a_run_is_made_again_and_a_run_without_one_refused(tmp_path):
    file = tmp_path / "tokenizer.json"
    train_quietly(toy_recipe(2), tmp_path)
    made = file.read_text()
    (tmp_path / "last.pt").rename(tmp_path / "kept.pt")
    file.write_text(made.replace('"version"', '"other"'))
    train_quietly(toy_recipe(2), tmp_path)
    assert file.read_text() == made
    file.unlink()
    with pytest.raises(DataError, match=r"tokenizer\.json is gone"):
        train_quietly(toy_recipe(3), tmp_path)


def test_texts_for_a_vocabulary_are_cut_to_a_bounded_length(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"{n} " * 9999, "answer": "x" * n}) + "\n" for n in range(1, 9)))
    recipe = Recipe(data=DataRecipe(tasks={str(path): 1.0}, clean_length=100))
    lengths = {len(text) for text in vocabulary.sample(recipe, NO_TEXTS)}
    assert max(lengths) == 1600 and min(lengths) < 9
