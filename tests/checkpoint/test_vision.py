"""Opening the image tower of a folder: weights as stored, strict names and shapes, None if there is no tower."""

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
def test_a_tower_saved_by_transformers_is_read(tower, dtype, sharded, tmp_path):
    model = build(tower)
    expected = build_tower(model).to(dtype)
    model.to(dtype).save_pretrained(tmp_path, max_shard_size="40KB" if sharded else "1GB")
    assert (tmp_path / SINGLE).exists() != sharded
    opened = open_vision(tmp_path, read_config(tmp_path))
    assert opened is not None and not any(parameter.requires_grad for parameter in opened.parameters())
    weights = opened.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in expected.state_dict().items())
    assert {value.dtype for value in weights.values()} == {dtype}
    images = draw_images(opened, [(3, 2)])
    assert torch.equal(opened(*images)[0], expected(*images)[0])
    converted = open_vision(tmp_path, read_config(tmp_path), dtype=torch.float16)
    assert converted is not None and {value.dtype for value in converted.state_dict().values()} == {torch.float16}


def test_opening_a_folder_without_a_tower_returns_none(tmp_path):
    build().save_pretrained(tmp_path / "theirs")
    config = read_config(tmp_path / "theirs")
    text_weights = {
        name: value for name, value in load_file(tmp_path / "theirs" / SINGLE).items() if not is_image(name)
    }
    save_file(text_weights, tmp_path / "theirs" / SINGLE, metadata={"format": "pt"})
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


@pytest.mark.parametrize(("change", "message"), [
    (lambda weights: weights.pop(BIAS), rf"missing: {BIAS}\."),
    (lambda weights: (weights.pop(BOUND), weights.pop(PROJECTION)), rf"missing: {PROJECTION}, {BOUND}\."),
    (lambda weights: weights.update({BIAS + "es": torch.zeros(2)}), rf"unexpected: {BIAS}es\."),
    (lambda weights: weights.update({BIAS: torch.zeros(5)}), rf"{BIAS} in .* shape \(5,\), but .* \(24,\)\."),
    (lambda weights: weights.update({BIAS: weights[BIAS].int()}), rf"{BIAS} in .* type torch\.int32"),
    (lambda weights: [weights.pop(name) for name in list(weights) if "encoder.layers.1" in name and is_image(name)],
     r"missing: .* and \d+ more\."),
])  # fmt: skip
def test_the_error_for_a_wrong_tower_names_the_tensors(change, message, tmp_path):
    build("all").save_pretrained(tmp_path)
    damage(tmp_path, change)
    with pytest.raises(CheckpointError, match=message):
        open_vision(tmp_path, read_config(tmp_path))


def test_a_tower_that_contradicts_the_config_is_refused(tmp_path):
    build("all").save_pretrained(tmp_path)
    document = json.loads((tmp_path / "config.json").read_text())
    document["vision_config"]["standardize"] = False
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match=r"unexpected: .*std_bias, .*std_scale\."):
        open_vision(tmp_path, read_config(tmp_path))


def test_a_truncated_file_is_refused(tmp_path):
    build().save_pretrained(tmp_path)
    config, content = read_config(tmp_path), (tmp_path / SINGLE).read_bytes()
    (tmp_path / SINGLE).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="damaged or truncated"):
        open_vision(tmp_path, config)
