"""What a run starts from: a model's own settings stay, sizes that differ are told, a vocabulary is never stale."""

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
from tests.train.test_trainer import toy

OWN = {
    "rms_norm_eps": 1e-3,
    "final_logit_softcapping": 7.0,
    "sliding_rotary": RotaryConfig(rope_type="default", rope_theta=100.0),
    "full_rotary": RotaryConfig(rope_type="proportional", rope_theta=5000.0, partial_rotary_factor=0.5),
}


def quiet(recipe: Recipe, out: Path, **options) -> Path:
    return train(recipe, None, out, lambda progress: None, **options)


def changed(folder: Path, **settings) -> Path:
    """A model of the toy's sizes with other settings."""
    model = open_model(quiet(toy(2), folder / "first"), dtype="float32")
    config = replace(model.config, **settings)
    network = DiffusionGemma(config)
    network.load_state_dict(model.network.state_dict())
    save_model(replace(model, config=config, network=network), folder / "changed")
    return folder / "changed"


def test_what_a_recipe_cannot_name_is_the_models_also_when_the_run_goes_on(tmp_path):
    init = changed(tmp_path, **OWN)
    for steps in (2, 4):
        best = quiet(toy(steps), tmp_path / "run", init=init)
        config = open_model(best).config
        assert {name: getattr(config, name) for name in OWN} == OWN


@pytest.mark.parametrize(("name", "value"), [("sliding_window", 8), ("top_k_experts", 2)])
def test_sizes_that_no_weight_has_in_its_shape_have_to_be_the_same(tmp_path, name, value):
    init = changed(tmp_path, **{name: value})
    with pytest.raises(DataError, match=f"sizes of this recipe: {name} is {value} there and "):
        quiet(toy(2), tmp_path / "run", init=init)


def test_a_model_without_a_vocabulary_is_no_start(tmp_path):
    init = quiet(toy(2), tmp_path / "first")
    (init / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="has no tokenizer, and its embeddings are of no use with a new one"):
        quiet(toy(2), tmp_path / "run", init=init)


def test_a_vocabulary_without_a_run_is_made_anew_and_one_of_a_run_is_kept(tmp_path):
    file = tmp_path / "tokenizer.json"
    quiet(toy(2), tmp_path)
    made = file.read_text()
    (tmp_path / "last.pt").rename(tmp_path / "kept.pt")
    file.write_text(made.replace('"version"', '"other"'))
    quiet(toy(2), tmp_path)
    assert file.read_text() == made
    file.unlink()
    with pytest.raises(DataError, match=r"tokenizer\.json is gone"):
        quiet(toy(3), tmp_path)


def test_a_vocabulary_is_not_made_of_whole_megabytes(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"{n} " * 9999, "answer": "x" * n}) + "\n" for n in range(1, 9)))
    recipe = Recipe(data=DataRecipe(tasks={str(path): 1.0}, clean_length=100))
    lengths = {len(text) for text in vocabulary.sample(recipe, NO_TEXTS)}
    assert max(lengths) == 1600 and min(lengths) < 9
