"""Configurations: both formats, files that transformers reads, and errors that name invalid values."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgemma.config import MAX_STEPS, EngineConfig, LayerConfig, ModelConfig, RotaryConfig, SamplerConfig
from dgemma.decode.schedule import LinearSchedule
from dgemma.errors import CheckpointError, ConfigError, DgemmaError
from dgemma.model import DiffusionGemma
from dgemma.profile import DenoisingProfile
from dgemma.vision import VisionTower
from dgemma.vision_config import VisionConfig
from tests.test_model import CONFIG

SIZES = st.tuples(st.sampled_from(["sliding_attention", "full_attention"]), st.sampled_from([4, 8, 32]),
                  st.sampled_from([1, 2, 4]))  # fmt: skip


@given(st.lists(SIZES, max_size=6), st.lists(st.integers(0, 9), max_size=3), st.floats(0.5, 4.0))
def test_a_configuration_of_any_layers_survives_the_round_trip(layers, eos, factor):
    layer_configs = [
        LayerConfig(layer_type=kind, head_dim=size, num_key_value_heads=heads) for kind, size, heads in layers
    ]
    layer_configs.append(LayerConfig(layer_type="full_attention", head_dim=16, num_key_value_heads=2))
    rotary = RotaryConfig(rope_type="proportional", rope_theta=5e5, partial_rotary_factor=0.5, factor=factor)
    config = replace(CONFIG, layers=tuple(layer_configs), eos_token_ids=tuple(eos), full_rotary=rotary)
    assert ModelConfig.from_hf(config.to_hf()) == config


def test_a_configuration_survives_the_round_trip_through_transformers():
    transformers = pytest.importorskip("transformers")
    document = transformers.DiffusionGemmaConfig(**CONFIG.to_hf()).to_dict()
    assert ModelConfig.from_hf(document) == CONFIG


def test_the_older_format_has_default_head_sizes():
    document = CONFIG.to_hf()
    document["text_config"].pop("per_layer_config")
    layers = ModelConfig.from_hf(document).layers
    assert [layer.head_dim for layer in layers] == [8, 512, 8, 512]
    assert {layer.num_key_value_heads for layer in layers} == {2}


@pytest.mark.parametrize("key", ["vocab_size", "hidden_size", "num_hidden_layers", "num_experts", "sliding_window",
                                 "head_dim", "num_key_value_heads", "moe_intermediate_size"])  # fmt: skip
@pytest.mark.parametrize("value", [None, "12", 1.5, 0, -1, True])
def test_missing_and_malformed_sizes_are_refused(key, value):
    document = CONFIG.to_hf()
    document["text_config"][key] = value
    document["text_config"]["layer_types"] = [] if key == "num_hidden_layers" else None
    document["text_config"]["num_hidden_layers"] = value if key == "num_hidden_layers" else 4
    with pytest.raises(DgemmaError):
        ModelConfig.from_hf(document)


@pytest.mark.parametrize("document", [{}, {"model_type": "gemma4"}, {"model_type": "diffusion_gemma"},
                                      {"model_type": "diffusion_gemma", "text_config": 3}])  # fmt: skip
def test_other_documents_are_refused(document):
    with pytest.raises(CheckpointError):
        ModelConfig.from_hf(document)


@pytest.mark.parametrize("change", [
    {"hidden_activation": "relu"}, {"attention_bias": True}, {"tie_word_embeddings": False},
    {"use_bidirectional_attention": "all"}, {"final_logit_softcapping": None},
    {"layer_types": ["full_attention"]}, {"layer_types": ["linear_attention"] * 4}, {"top_k_experts": 5},
    {"rope_parameters": {"full_attention": {"rope_type": "yarn", "rope_theta": 1e4}}},
    {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e-300}}},
    {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": float("inf")}}},
])  # fmt: skip
def test_unsupported_settings_are_refused(change):
    document = CONFIG.to_hf()
    document["text_config"] |= change
    with pytest.raises(DgemmaError):
        ModelConfig.from_hf(document)


@pytest.mark.parametrize(("name", "value"), [
    ("vocab_size", 2**53), ("hidden_size", 2**53), ("intermediate_size", 2**53), ("num_experts", 2**50),
    ("num_attention_heads", 2**50), ("moe_intermediate_size", 2**53), ("num_hidden_layers", 9999), ("head_dim", 2**52),
])  # fmt: skip
def test_sizes_beyond_any_model_are_refused(name, value):
    document = CONFIG.to_hf()
    document["text_config"] |= {name: value, "layer_types": None, "per_layer_config": {}}
    with pytest.raises(ConfigError, match=f"{name} = {value} is more than any model has"):
        ModelConfig.from_hf(document)


def test_a_canvas_beyond_any_model_is_refused():
    with pytest.raises(ConfigError, match="canvas_length = 9007199254740992 is more than any model has"):
        ModelConfig.from_hf(CONFIG.to_hf() | {"canvas_length": 2**53})


def test_networks_of_the_largest_allowed_sizes_can_be_built_on_meta():
    sizes = {"vocab_size": 1 << 24, "hidden_size": 1 << 20, "intermediate_size": 1 << 24, "num_experts": 1 << 16}
    sizes |= {"num_attention_heads": 1 << 16, "moe_intermediate_size": 1 << 20}
    layer = LayerConfig(layer_type="full_attention", head_dim=1 << 16, num_key_value_heads=1 << 16)
    tower = {"hidden_size": 1 << 16, "intermediate_size": 1 << 20, "num_attention_heads": 1 << 12, "head_dim": 1 << 12}
    tower |= {"num_key_value_heads": 1 << 12, "patch_size": 1024, "position_embedding_size": 1 << 20}
    with torch.device("meta"):
        network = DiffusionGemma(replace(CONFIG, layers=(layer,), **sizes))
        VisionTower(VisionConfig(**tower, num_hidden_layers=1), sizes["hidden_size"])
    assert sum(parameter.nbytes for parameter in network.parameters()) > 1 << 58


@pytest.mark.parametrize("name", ["hidden_size", "intermediate_size", "position_embedding_size", "num_hidden_layers"])
def test_image_towers_beyond_any_size_are_refused(name):
    document = WITH_IMAGES.to_hf()
    document["vision_config"] |= {name: 2**53}
    with pytest.raises(ConfigError, match=f"vision_config: {name} = 9007199254740992 is more than any"):
        ModelConfig.from_hf(document)


@pytest.mark.parametrize("centre", ["9" * 400, "1e999", "NaN", "true", '"x"'])
def test_centres_that_are_not_numbers_are_refused(centre):
    record = {"length": 8, "steps": 2, "equivalents": 1, "tokens": 7, "accuracy": 1}
    kind = {"name": "a", "reach": 1, "canvases": [record], "answer_tokens": 7}
    document = json.loads(json.dumps({"canvases": [record], "answer_tokens": 7, "kinds": [kind]}))
    document["kinds"][0]["centre"] = [0.5, json.loads(centre)]
    with pytest.raises(CheckpointError, match=r"denoising.json has centre = .{,60}; it must be a number"):
        DenoisingProfile.from_document(document)


@given(st.integers(1, 99), st.floats(1e-3, 9), st.floats(0.5, 2), st.floats(0.01, 0.5),
       st.lists(st.integers(0, 9), max_size=3))  # fmt: skip
def test_a_sampler_survives_the_round_trip(steps, bound, t_max, t_min, eos):
    sampler = SamplerConfig(
        max_denoising_steps=steps, entropy_bound=bound, t_max=t_max, t_min=t_min, eos_token_ids=tuple(eos)
    )
    assert SamplerConfig.from_hf(sampler.to_hf()) == sampler


@pytest.mark.parametrize("sampler", [
    SamplerConfig(t_min=0.4, t_max=0.4), SamplerConfig(t_min=1, t_max=1, confidence_threshold=1),
    SamplerConfig(t_min=0, t_max=2), SamplerConfig(eos_token_ids=(1, 106)), SamplerConfig(),
])  # fmt: skip
def test_transformers_reads_every_sampler_that_we_write(sampler, tmp_path):
    """transformers requires floats, and a t_max above t_min."""
    generation = pytest.importorskip("transformers.models.diffusion_gemma.generation_diffusion_gemma")
    (tmp_path / "generation_config.json").write_text(json.dumps(sampler.to_hf()))
    theirs = generation.DiffusionGemmaGenerationConfig.from_pretrained(tmp_path)
    assert (theirs.t_min, theirs.confidence_threshold) == (sampler.t_min, sampler.confidence_threshold)
    assert isinstance(theirs.t_min, float) and isinstance(theirs.t_max, float) and theirs.t_max > theirs.t_min
    reread = SamplerConfig.from_hf(json.loads((tmp_path / "generation_config.json").read_text()))
    assert reread == sampler
    ours, read = (
        LinearSchedule(t_min=sampler.t_min, t_max=t_max, num_steps=48) for t_max in (sampler.t_max, theirs.t_max)
    )
    assert [ours.temperature(left) for left in range(1, 49)] == [read.temperature(left) for left in range(1, 49)]


def test_the_largest_number_of_steps_has_a_temperature():
    with pytest.raises(ConfigError, match="max_denoising_steps must be between 1 and 1000000, not 9007199254740992"):
        SamplerConfig.from_hf({"max_denoising_steps": 2**53})
    steps = SamplerConfig(max_denoising_steps=MAX_STEPS).max_denoising_steps
    assert LinearSchedule(t_min=0.5, t_max=1.0, num_steps=steps).temperature(steps) == 1.0


def test_an_empty_generation_config_has_the_published_defaults():
    assert SamplerConfig.from_hf({}) == SamplerConfig()
    assert SamplerConfig.from_hf({"t_max": None, "eos_token_id": 3}).eos_token_ids == (3,)


@pytest.mark.parametrize("values", [
    {"t_min": -0.1}, {"t_min": 0.9}, {"t_max": float("nan")}, {"max_denoising_steps": 0}, {"stability_threshold": -1},
    {"confidence_threshold": 0.0}, {"max_new_tokens": 0}, {"sampler_config": {"entropy_bound": -1.0}},
    {"sampler_config": {"_cls_name": "Other"}}, {"max_denoising_steps": "48"}, {"max_denoising_steps": 4.5},
    {"t_max": "hot"}, {"eos_token_id": "end"}, {"sampler_config": "EntropyBound"}, {"max_denoising_steps": 10**30},
])  # fmt: skip
def test_invalid_samplers_are_refused(values):
    with pytest.raises(DgemmaError):
        SamplerConfig.from_hf(values)


@pytest.mark.parametrize("values", [{"dtype": "int8"}, {"max_context": 0}, {"prefill_chunk": 0}])
def test_invalid_engine_settings_are_refused(values):
    with pytest.raises(ConfigError):
        EngineConfig(**values)


VISION = VisionConfig(hidden_size=24, num_attention_heads=4, num_key_value_heads=2, head_dim=8, rope_theta=500.0,
                      position_embedding_size=64, use_clipped_linears=True, pooling_kernel_size=2)  # fmt: skip
WITH_IMAGES = replace(
    CONFIG, vision=VISION, boi_token_id=60, eoi_token_id=61, image_token_id=62, use_bidirectional_attention="vision"
)


def test_an_image_tower_survives_the_round_trip():
    transformers = pytest.importorskip("transformers")
    document = WITH_IMAGES.to_hf()
    assert ModelConfig.from_hf(document) == WITH_IMAGES
    theirs = transformers.DiffusionGemmaConfig(**document)
    assert ModelConfig.from_hf(theirs.to_dict()) == WITH_IMAGES
    assert ModelConfig.from_hf(theirs.to_diff_dict()) == WITH_IMAGES
    assert isinstance(theirs.vision_config, transformers.Gemma4VisionConfig) and theirs.image_token_id == 62


def test_an_unchanged_vision_config_is_written_back_as_it_was_read():
    document = WITH_IMAGES.to_hf()
    document["vision_config"] |= {"default_output_length": 280, "rope_parameters": {"rope_type": "default"}}
    config = ModelConfig.from_hf(document)
    assert config.vision == replace(VISION, rope_theta=100.0)
    assert config.to_hf()["vision_config"] == document["vision_config"]
    other = replace(config, vision=VISION, image_token_id=59)
    assert other.to_hf()["vision_config"] == VISION.to_hf() and other.to_hf()["image_token_id"] == 59
    none = replace(config, vision=None, boi_token_id=None, eoi_token_id=None, image_token_id=None)
    assert ModelConfig.from_hf(none.to_hf()) == none


def test_a_model_without_a_tower_has_no_image_tokens():
    assert ModelConfig.from_hf(CONFIG.to_hf()).vision is None
    document = CONFIG.to_hf() | {"vision_config": None, "image_token_id": 9}
    config = ModelConfig.from_hf(document)
    assert config.vision is None and config.image_token_id is None and config.to_hf()["image_token_id"] == 9


def test_an_empty_vision_config_has_the_defaults_of_transformers():
    transformers = pytest.importorskip("transformers")
    config = ModelConfig.from_hf(CONFIG.to_hf() | {"vision_config": {}})
    assert (config.boi_token_id, config.eoi_token_id, config.image_token_id) == (255_999, 258_882, 258_880)
    assert config.vision == VisionConfig.from_hf(transformers.Gemma4VisionConfig().to_dict())


@pytest.mark.parametrize("change", [
    {"model_type": "siglip_vision_model"}, {"hidden_activation": "relu"}, {"attention_bias": True},
    {"rope_parameters": {"rope_type": "proportional"}}, {"rope_parameters": 3},
    {"rope_parameters": {"rope_theta": 0.0}}, {"rope_parameters": {"rope_theta": -1.0}}, {"head_dim": 6},
    {"num_key_value_heads": 3}, {"num_hidden_layers": 0}, {"num_hidden_layers": 10**7}, {"patch_size": "16"},
    {"pooling_kernel_size": 1.5}, {"hidden_size": True}, {"rms_norm_eps": -1e-6}, {"standardize": 1},
    {"use_clipped_linears": "yes"}, {"position_embedding_size": 0},
])  # fmt: skip
def test_unsupported_image_towers_are_refused(change):
    document = WITH_IMAGES.to_hf()
    document["vision_config"] |= change
    with pytest.raises(DgemmaError) as raised:
        ModelConfig.from_hf(document)
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize("change", [
    {"image_token_id": -1}, {"image_token_id": "image"}, {"boi_token_id": 1.5}, {"vision_config": "none"},
])  # fmt: skip
def test_malformed_image_tokens_are_refused(change):
    with pytest.raises(DgemmaError):
        ModelConfig.from_hf(WITH_IMAGES.to_hf() | change)


def test_an_image_tower_and_its_token_ids_go_together():
    with pytest.raises(ConfigError, match="go together"):
        replace(CONFIG, vision=VISION)
    with pytest.raises(ConfigError, match="go together"):
        replace(CONFIG, image_token_id=5)
    with pytest.raises(ConfigError, match="'text' is not supported"):
        replace(CONFIG, use_bidirectional_attention="text")
