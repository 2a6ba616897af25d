"""Model folders: saves are complete or change nothing, weights load in one dtype, damage is refused in a sentence."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dgemma import files
from dgemma.checkpoint import EMBEDDED, LoadedModel, find_model, open_model, safetensors, save_model
from dgemma.config import SamplerConfig
from dgemma.errors import CheckpointError, ConfigError, ModelNotFoundError, OutputError, UsageError
from dgemma.profile import CanvasRecord, DenoisingProfile
from tests.test_model import CONFIG, make_network

PROFILE = DenoisingProfile(
    canvases=(CanvasRecord(length=8, steps=2.0, equivalents=1.5, tokens=7.0, accuracy=1.0),), answer_tokens=7.0
)
MODEL = LoadedModel(config=CONFIG, network=make_network(), sampler=SamplerConfig(eos_token_ids=(1,)))


def test_settings_of_dgemma_alone_are_kept_in_config_json(tmp_path):
    sampler = SamplerConfig(causal_check=True, eos_token_ids=(1,))
    model = replace(MODEL, sampler=sampler, single_turn=True, text_request="Write a text.", profile=PROFILE)
    save_model(model, tmp_path)
    reopened = open_model(tmp_path)
    assert reopened.text_request == "Write a text."
    assert reopened.sampler == sampler and reopened.single_turn and reopened.profile == PROFILE
    assert "causal_check" not in json.loads((tmp_path / "generation_config.json").read_text())
    save_model(MODEL, tmp_path)
    plain = open_model(tmp_path)
    # Nothing of the earlier model is left in the folder.
    assert not plain.sampler.causal_check and not plain.single_turn and plain.profile is None
    assert plain.text_request is None
    document = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**document, "dgemma": {"text_request": 3}}))
    with pytest.raises(ConfigError, match="text_request"):
        open_model(tmp_path)


def test_saving_keeps_files_with_other_names(tmp_path):
    (tmp_path / "model-mine.safetensors").write_text("mine")
    (tmp_path / "model.safetensors.bak").write_text("mine")
    save_model(MODEL, tmp_path, max_shard_bytes=8_000)
    shards = len(list(tmp_path.glob("model-0*.safetensors")))
    assert shards > 2
    save_model(MODEL, tmp_path)
    assert {file.name for file in tmp_path.glob("model*")} == {
        "model-mine.safetensors", "model.safetensors.bak", "model.safetensors"
    }  # fmt: skip


def test_a_failed_save_of_shards_keeps_every_old_shard(tmp_path, monkeypatch):
    save_model(MODEL, tmp_path, max_shard_bytes=8_000)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    other = make_network()
    torch.nn.init.ones_(other.embed_tokens.weight)
    written = []

    def full_disk(tensors, path, metadata):
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        save_file(tensors, path, metadata=metadata)

    monkeypatch.setattr(safetensors, "save_file", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        save_model(replace(MODEL, network=other), tmp_path, max_shard_bytes=8_000)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_tensors_of_mixed_types_load_in_the_type_of_the_embeddings(tmp_path):
    save_model(MODEL, tmp_path, dtype="bfloat16")
    tensors = load_file(tmp_path / "model.safetensors")
    router = [name for name in tensors if "router" in name]
    tensors |= {name: tensors[name].float() for name in router}
    save_file(tensors, tmp_path / "model.safetensors")
    network = open_model(tmp_path).network
    assert router and {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("change", [
    {"rope_parameters": []}, {"rope_parameters": {"full_attention": 3}}, {"per_layer_config": []},
    {"per_layer_config": {"0": 5}}, {"layer_types": 5}, {"layer_types": [["a"]] * 4}, {"vocab_size": 1e999},
    {"per_layer_config": {"0": {"sliding_window": 2}}}, {"per_layer_config": {"4": {"head_dim": 8}}},
    {"per_layer_config": {"x": {}}}, {"per_layer_config": {"0": {"layer_type": "full_attention", "head_dim": 8}}},
    {"vocab_size": 10**30}, {"rms_norm_eps": float("nan")},
    {"rms_norm_eps": -1.0}, {"num_hidden_layers": 10**9},
])  # fmt: skip
def test_damaged_configurations_are_refused(tmp_path, change):
    save_model(MODEL, tmp_path)
    document = json.loads((tmp_path / "config.json").read_text())
    document["text_config"] |= change
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises((CheckpointError, ConfigError)):
        open_model(tmp_path)


@pytest.mark.parametrize(("name", "content"), [
    ("generation_config.json", b'{"t_max": ' + b"[" * 100_000), ("chat_template.jinja", b"\xff\xfe"),
    ("generation_config.json", b'{"sampler_config": []}'), ("denoising.json", b'{"canvases": [{"length": "x"}]}'),
    ("config.json", b"[]"),
])  # fmt: skip
def test_the_error_for_a_damaged_file_names_it(tmp_path, name, content):
    save_model(MODEL, tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        open_model(tmp_path)


RECORD = {"length": 8, "steps": 2, "equivalents": 1, "tokens": 7, "accuracy": 1}
CORRECT_IT = "Correct the file, or take another model."
MEASURE_AGAIN = "Remove the file, or measure it anew."


@pytest.mark.parametrize(("name", "change", "message"), [
    ("generation_config.json", {"max_new_tokens": 0}, f": max_new_tokens must be at least 1, not 0. {CORRECT_IT}"),
    ("generation_config.json", {"t_max": -1}, f"not 0.4 and -1.0. {CORRECT_IT}"),
    ("generation_config.json", {"t_max": "hot"}, f" has t_max = 'hot'; it must be a number. {CORRECT_IT}"),
    ("config.json", {"model_type": "gemma4"},
     f": This is a checkpoint of the architecture 'gemma4'; dgemma runs 'diffusion_gemma' models only. {CORRECT_IT}"),
    ("config.json", {"canvas_length": 0}, f": canvas_length must be at least 1, not 0. {CORRECT_IT}"),
    ("config.json", {"dgemma": {"single_turn": 3}}, f": single_turn must be true or false, not 3. {CORRECT_IT}"),
    ("config.json", {"dgemma": {"causal_check": 3}}, f": causal_check must be true or false, not 3. {CORRECT_IT}"),
    ("config.json", {"dgemma": []}, f" has dgemma = []; it must be an object. {CORRECT_IT}"),
    ("config.json", {"text_config": None}, f"not a complete DiffusionGemma config. {CORRECT_IT}"),
    ("denoising.json", {"canvases": [RECORD | {"length": 0}], "answer_tokens": 7},
     f": A canvas record needs a length and steps above 0. {MEASURE_AGAIN}"),
    ("denoising.json", {"canvases": 3}, f" has no list `canvases` of objects. {MEASURE_AGAIN}"),
])  # fmt: skip
def test_the_error_for_a_bad_value_names_the_file_and_the_remedy(tmp_path, name, change, message):
    save_model(MODEL, tmp_path)
    file = tmp_path / name
    document = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(document | change))
    with pytest.raises((CheckpointError, ConfigError)) as raised:
        open_model(tmp_path)
    assert str(raised.value).startswith(str(file)) and str(raised.value).endswith(message)
    assert str(raised.value).count(name) == 1


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "denoising.json", "chat_template.jinja"])
def test_oversized_files_are_not_read(tmp_path, name):
    save_model(MODEL, tmp_path)
    with (tmp_path / name).open("wb") as file:
        file.truncate(20 * 10**9)
    with pytest.raises(CheckpointError, match=rf"{name} has 20,000 MB, far too much for this file"):
        open_model(tmp_path)


def test_a_device_file_is_not_read_as_config_json(tmp_path):
    save_model(MODEL, tmp_path)
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        open_model(tmp_path)


def test_a_model_whose_last_layer_slides_is_not_saved(tmp_path):
    config = replace(CONFIG, layers=CONFIG.layers[:3])
    with pytest.raises(ConfigError, match="full attention"):
        save_model(replace(MODEL, config=config), tmp_path)


@pytest.mark.parametrize(
    ("copy", "original_name"),
    [
        ("lm_head.weight", "embed_tokens.weight"),
        ("model.encoder.language_model.embed_tokens.weight", "embed_tokens.weight"),
        ("model.encoder.language_model.norm.weight", "norm.weight"),
        ("model.encoder.language_model.layers.1.self_attn.q_proj.weight", "layers.1.self_attn.q_proj.weight"),
    ],
)
def test_a_stored_copy_of_a_tied_weight_must_equal_the_original(tmp_path, copy, original_name):
    save_model(MODEL, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    original = tensors[f"model.decoder.{original_name}"]
    save_file({**tensors, copy: original.clone()}, tmp_path / "model.safetensors")
    assert torch.equal(open_model(tmp_path).network.get_parameter(original_name), original)
    for different in (original.flip(0), original[:-1].clone()):
        different.view(-1)[0] += 1
        save_file({**tensors, copy: different.contiguous()}, tmp_path / "model.safetensors")
        with pytest.raises(
            CheckpointError, match=f"{copy} in .* is not the same as model.decoder.{original_name}; .* ties"
        ):
            open_model(tmp_path)


def test_a_tensor_in_two_shards_is_refused(tmp_path):
    save_model(MODEL, tmp_path, max_shard_bytes=8_000)
    first, second, *_ = sorted(tmp_path.glob("model-0*.safetensors"))
    name, tensor = next(iter(load_file(first).items()))
    save_file({**load_file(second), name: tensor * 2}, second)
    with pytest.raises(CheckpointError, match=f"{name} a second time"):
        open_model(tmp_path)


@pytest.mark.parametrize("value", ["x", 1, None])
def test_single_turn_must_be_a_boolean(tmp_path, value):
    save_model(MODEL, tmp_path)
    document = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**document, "dgemma": {"single_turn": value}}))
    with pytest.raises(ConfigError, match="single_turn"):
        open_model(tmp_path)


def test_invalid_paths_devices_and_shard_sizes_are_refused(tmp_path):
    for path in (None, 5):
        with pytest.raises(ModelNotFoundError, match="folder or its GGUF file"):
            open_model(path)
        with pytest.raises(OutputError, match="No folder"):
            save_model(MODEL, path)
    save_model(MODEL, tmp_path)
    with pytest.raises(UsageError, match="'x' does not exist"):
        open_model(tmp_path, device="x")
    with pytest.raises(UsageError, match="max_shard_bytes"):
        save_model(MODEL, tmp_path, max_shard_bytes="x")


def test_the_meta_device_needs_no_weights_file(tmp_path):
    save_model(MODEL, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    model = open_model(tmp_path, device="meta")
    assert model.config == CONFIG and model.network.device.type == "meta"


def test_transformers_loads_the_embedded_model():
    transformers = pytest.importorskip("transformers")
    theirs = transformers.DiffusionGemmaForBlockDiffusion.from_pretrained(EMBEDDED["tiny"])
    assert theirs.generation_config.confidence_threshold == open_model(EMBEDDED["tiny"]).sampler.confidence_threshold


def test_the_error_for_an_interrupted_download_offers_to_resume(monkeypatch):
    import huggingface_hub

    def broken(name, **options):
        raise RuntimeError("peer closed connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", broken)
    with pytest.raises(ModelNotFoundError, match=r"owner/name .*Fetch it again to resume"):
        find_model("owner/name")
    assert find_model("tiny") == Path(EMBEDDED["tiny"])


def test_a_failed_save_leaves_the_old_model(tmp_path, monkeypatch):
    save_model(MODEL, tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    other = make_network()
    other.norm.weight.data.fill_(0.5)

    def full(path, *_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="No space left"):
        save_model(replace(MODEL, network=other), tmp_path, max_shard_bytes=40_000)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_sharded_save_over_a_single_file_may_fail_at_any_step(tmp_path, monkeypatch):
    """The index is written last: until it exists, the old file is the model."""
    replaced = files.os.replace
    for allowed in range(1, 12):
        folder = tmp_path / str(allowed)
        save_model(MODEL, folder)
        count = 0

        def failing(source, target, allowed=allowed):
            nonlocal count
            count += 1
            if count > allowed:
                raise OSError(28, "No space left on device")
            replaced(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(files.os, "replace", failing)
            with pytest.raises(OutputError, match="No space left"):
                save_model(MODEL, folder, max_shard_bytes=20_000)
        reopened = open_model(folder)
        assert torch.equal(reopened.network.norm.weight, MODEL.network.norm.weight)
        assert not list(folder.glob(".*"))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "chat_template.jinja", "config.json"])
def test_an_unreadable_file_is_not_reported_as_damaged(tmp_path, monkeypatch, name):
    folder = tmp_path / "copy"
    shutil.copytree(EMBEDDED["tiny"], folder)
    opened = Path.open

    def refused(path, *given, **named):
        if path.name == name:
            raise PermissionError(13, "Permission denied")
        return opened(path, *given, **named)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(CheckpointError, match=rf"{name} cannot be read: Permission denied\.$"):
        open_model(folder)


def test_the_error_for_many_missing_shards_names_a_few(tmp_path):
    table = {f"t{number}": f"model-{number:05d}.safetensors" for number in range(1000)}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))
    with pytest.raises(CheckpointError, match="and 988 more; fetch the model again") as raised:
        safetensors.weight_files(tmp_path)
    assert len(str(raised.value)) < 500
