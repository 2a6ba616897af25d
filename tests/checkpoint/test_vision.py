"""The image tower of a folder: read as it is, strictly, or found to be absent."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from dgemma.checkpoint import find_model, open_model, save_model
from dgemma.checkpoint.names import is_image, to_image_file
from dgemma.checkpoint.safetensors import SINGLE
from dgemma.checkpoint.vision import open_vision
from dgemma.errors import CheckpointError

pytest.importorskip("transformers")
from tests.parity.images import build, build_tower, draw_images


def read_config(folder):
    return open_model(folder, device="meta").config


@pytest.mark.parametrize("tower", ["plain", "all"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("sharded", [False, True])
def test_what_transformers_saves_is_read(tower, dtype, sharded, tmp_path):
    model = build(tower)
    expected = build_tower(model).to(dtype)
    model.to(dtype).save_pretrained(tmp_path, max_shard_size="40KB" if sharded else "1GB")
    assert (tmp_path / SINGLE).exists() != sharded
    found = open_vision(tmp_path, read_config(tmp_path))
    assert found is not None and not any(parameter.requires_grad for parameter in found.parameters())
    weights = found.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in expected.state_dict().items())
    assert {value.dtype for value in weights.values()} == {dtype}
    images = draw_images(found, [(3, 2)])
    assert torch.equal(found(*images)[0], expected(*images)[0])
    wide = open_vision(tmp_path, read_config(tmp_path), dtype=torch.float16)
    assert wide is not None and {value.dtype for value in wide.state_dict().values()} == {torch.float16}


def test_folders_without_a_tower_have_none(tmp_path):
    build().save_pretrained(tmp_path / "theirs")
    config = read_config(tmp_path / "theirs")
    text = {name: value for name, value in load_file(tmp_path / "theirs" / SINGLE).items() if not is_image(name)}
    save_file(text, tmp_path / "theirs" / SINGLE, metadata={"format": "pt"})
    assert open_vision(tmp_path / "theirs", config) is None
    save_model(open_model(find_model("tiny")), tmp_path / "ours")
    assert read_config(tmp_path / "ours").vision is None
    assert open_vision(tmp_path / "ours", read_config(tmp_path / "ours")) is None
    with pytest.raises(CheckpointError, match=r"holds no model\.safetensors"):
        open_vision(tmp_path, config)


def damage(folder, change) -> None:
    weights = load_file(folder / SINGLE)
    change(weights)
    save_file(weights, folder / SINGLE, metadata={"format": "pt"})


BIAS = to_image_file("std_bias")
PROJECTION = to_image_file("embed_vision.embedding_projection.weight")
BOUND = to_image_file("encoder.layers.1.mlp.up_proj.output_max")


@pytest.mark.parametrize(("change", "told"), [
    (lambda weights: weights.pop(BIAS), rf"missing: {BIAS}\."),
    (lambda weights: (weights.pop(BOUND), weights.pop(PROJECTION)), rf"missing: {PROJECTION}, {BOUND}\."),
    (lambda weights: weights.update({BIAS + "es": torch.zeros(2)}), rf"unexpected: {BIAS}es\."),
    (lambda weights: weights.update({BIAS: torch.zeros(5)}), rf"{BIAS} in .* shape \(5,\), but .* \(24,\)\."),
    (lambda weights: weights.update({BIAS: weights[BIAS].int()}), rf"{BIAS} in .* type torch\.int32"),
    (lambda weights: [weights.pop(name) for name in list(weights) if "encoder.layers.1" in name and is_image(name)],
     r"missing: .* and \d+ more\."),
])  # fmt: skip
def test_towers_that_do_not_fit_are_told_by_name(change, told, tmp_path):
    build("all").save_pretrained(tmp_path)
    damage(tmp_path, change)
    with pytest.raises(CheckpointError, match=told):
        open_vision(tmp_path, read_config(tmp_path))


def test_a_tower_that_config_knows_otherwise_is_told(tmp_path):
    build("all").save_pretrained(tmp_path)
    document = json.loads((tmp_path / "config.json").read_text())
    document["vision_config"]["standardize"] = False
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match=r"unexpected: .*std_bias, .*std_scale\."):
        open_vision(tmp_path, read_config(tmp_path))


def test_a_damaged_file_is_told(tmp_path):
    build().save_pretrained(tmp_path)
    config, whole = read_config(tmp_path), (tmp_path / SINGLE).read_bytes()
    (tmp_path / SINGLE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="damaged or truncated"):
        open_vision(tmp_path, config)
