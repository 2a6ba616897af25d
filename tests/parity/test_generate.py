"""One whole `generate` equals transformers', token for token, under the same generator state; files go both ways."""

import json

import pytest
import torch

import dgemma
from dgemma.checkpoint import open_model, save_model
from dgemma.errors import CheckpointError
from tests.parity.reference import SHAPES, build_reference

transformers = pytest.importorskip("transformers")

NAMES = ("2 layers", "5 layers", "7 layers")


def build(name: str, folder, generation: dict):
    """A random model of transformers', saved into `folder`.

    Embeddings are smaller than elsewhere: rounding grows from step to step through self-conditioning, the faster the
    larger they are, and a whole generation must compare semantics, not rounding.
    """
    model = build_reference(SHAPES[name], embedding_std=0.12)
    for key, value in generation.items():
        setattr(model.generation_config, key, value)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_generate_equals_transformers_token_for_token(name, tmp_path):
    shape = SHAPES[name]
    model = build(name, tmp_path, {"max_denoising_steps": 6})
    prompt = torch.randint(shape.vocab, (1, 45), generator=torch.Generator().manual_seed(3))
    llm = dgemma.load(tmp_path, dtype="float32")
    new_tokens = 3 * shape.canvas
    torch.manual_seed(7)
    expected = model.generate(prompt, max_new_tokens=new_tokens).sequences[0, 45:].tolist()
    reply = llm.generate(token_ids=prompt[0].tolist(), max_new_tokens=new_tokens, seed=7, reference=True)
    assert reply.token_ids == expected
    assert reply.finish_reason == "length"
    assert reply.stats.canvases == 3
    shorter = llm.generate(token_ids=prompt[0].tolist(), max_new_tokens=new_tokens - 3, seed=7, reference=True)
    assert shorter.token_ids == expected[:-3]


def test_generate_stops_where_transformers_stops(tmp_path):
    model = build("2 layers", tmp_path, {"max_denoising_steps": 4, "eos_token_id": list(range(1, 12))})
    prompt = torch.arange(20, 40)[None]
    torch.manual_seed(5)
    expected = model.generate(prompt, max_new_tokens=64, pad_token_id=0).sequences[0, 20:].tolist()
    llm = dgemma.load(tmp_path, dtype="float32")
    reply = llm.generate(token_ids=prompt[0].tolist(), max_new_tokens=64, seed=5, reference=True)
    assert reply.finish_reason == "stop"
    assert reply.token_ids[-1] in range(1, 12)
    assert reply.token_ids == expected[: len(reply.token_ids)]
    assert set(expected[len(reply.token_ids) :]) <= {0}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("sharded", [False, True])
def test_transformers_loads_what_we_save(dtype, sharded, tmp_path):
    build("5 layers", tmp_path / "theirs", {})
    model = open_model(tmp_path / "theirs", dtype=dtype)
    save_model(model, tmp_path / "ours", max_shard_bytes=40_000 if sharded else 10**9)
    assert (tmp_path / "ours" / "model.safetensors.index.json").exists() == sharded
    loaded, report = transformers.DiffusionGemmaForBlockDiffusion.from_pretrained(
        tmp_path / "ours", output_loading_info=True, dtype=getattr(torch, dtype)
    )
    assert all("vision" in name for name in report["missing_keys"])
    assert not report["unexpected_keys"]
    reopened = open_model(tmp_path / "ours")
    assert reopened.config == model.config and reopened.network.dtype == getattr(torch, dtype)
    theirs = loaded.state_dict()
    assert torch.equal(theirs["model.decoder.layers.2.experts.down_proj"], reopened.network.layers[2].experts.down_proj)
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, reopened.network.state_dict()[name]), name


def test_damaged_and_incomplete_folders_are_refused(tmp_path):
    build("2 layers", tmp_path, {})
    weights = tmp_path / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="damaged or truncated"):
        open_model(tmp_path)
    weights.write_bytes(content)
    config = json.loads((tmp_path / "config.json").read_text())
    config["text_config"]["num_hidden_layers"] = 3
    config["text_config"]["layer_types"] = ["sliding_attention", "full_attention", "full_attention"]
    config["text_config"].pop("per_layer_config")
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"shape|missing: model\.decoder\.layers\.2"):
        open_model(tmp_path)
    config["model_type"] = "llama"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="'llama'"):
        open_model(tmp_path)
