"""Names of parameters and of stored tensors map to each other; tied copies and image weights are left out."""

import torch

from dgemma.checkpoint.names import from_file, is_image, to_file, to_image_file
from tests.test_model import CONFIG, make_network
from tests.test_vision import TOWER


def test_every_parameter_name_survives_the_round_trip():
    for name, _ in make_network().named_parameters():
        assert from_file(to_file(name)) == name
    assert len(CONFIG.layers) == 4 and torch.is_tensor(next(make_network().parameters()))


def test_tied_copies_and_the_image_tower_map_to_no_parameter():
    assert from_file("lm_head.weight") is None
    assert from_file("model.encoder.language_model.layers.3.mlp.up_proj.weight") is None
    assert from_file("model.encoder.vision_tower.patch_embedder.weight") is None
    assert from_file("model.encoder.language_model.layers.3.layer_scalar") == "layers.3.encoder_scalar"


def test_an_unknown_name_is_neither_a_parameter_nor_left_out():
    ours = {name for name, _ in make_network().named_parameters()}
    for name in ("something.else", "norm.weight", "layers.0.encoder_scalar", "model.decoder.layers.0.encoder_scalar"):
        assert from_file(name) not in ours | {None}


def test_tensors_of_the_image_tower_are_recognised():
    names = {to_image_file(name) for name in TOWER.state_dict()}
    assert len(names) == len(TOWER.state_dict()) and all(is_image(name) and from_file(name) is None for name in names)
    assert "model.encoder.embed_vision.embedding_projection.weight" in names
    assert "model.encoder.vision_tower.encoder.layers.1.self_attn.q_proj.linear.weight" in names
    assert not any(is_image(to_file(name)) for name, _ in make_network().named_parameters())
