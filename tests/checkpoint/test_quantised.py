"""Quantised models: made while loading or in place, and saved and reopened unchanged."""

import json
import sys
import weakref

import pytest
import torch
from safetensors.torch import load_file, save_file

import dgemma
from dgemma import memory
from dgemma.cache import KVCache
from dgemma.checkpoint import LoadedModel, open_model, quantise_model, save_model
from dgemma.checkpoint.names import from_file, to_file
from dgemma.checkpoint.quantised import is_scale, is_weight, quantise_network
from dgemma.checkpoint.safetensors import write_folder
from dgemma.config import LayerConfig, ModelConfig, SamplerConfig
from dgemma.errors import CheckpointError, UsageError
from dgemma.model import DiffusionGemma
from dgemma.ops import linear, native
from dgemma.quant import dequantise, quantise
from tests.test_model import make_network


def wide_network() -> DiffusionGemma:
    """A small network whose input widths are multiples of 32, as int4 requires."""
    layers = tuple(
        LayerConfig(layer_type=kind, head_dim=16, num_key_value_heads=2)
        for kind in ("sliding_attention", "full_attention")
    )
    config = ModelConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_attention_heads=4, num_experts=10, top_k_experts=2,
        moe_intermediate_size=32, sliding_window=8, canvas_length=8, layers=layers,
    )  # fmt: skip
    torch.manual_seed(1)
    network = DiffusionGemma(config)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.2)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ["int8", "int4", "fp8"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, kind, value):
    network = wide_network()
    network.get_parameter("layers.1.mlp.gate_proj.weight")[3, 5] = value
    save(network, tmp_path / "float")
    with pytest.raises(CheckpointError, match=r"^model.decoder.layers.1.mlp.gate_proj.weight has numbers"):
        quantise_model(tmp_path / "float", tmp_path / "out", kind)
    assert not (tmp_path / "out").exists()
    with pytest.raises(CheckpointError, match=r"^layers.1.mlp.gate_proj.weight has numbers"):
        open_model(tmp_path / "float", quant=kind)


def test_a_width_without_whole_groups_is_refused_and_leaves_no_folder(tmp_path):
    save(make_network(), tmp_path / "float")
    with pytest.raises(UsageError, match="groups of 32"):
        quantise_model(tmp_path / "float", tmp_path / "out", "int4")
    assert not (tmp_path / "out").exists()


def logits(network: DiffusionGemma) -> torch.Tensor:
    cache, ids = KVCache(network.config, max_length=32), torch.arange(20)[None]
    clean = network.logits(network.encode(ids, cache))
    return torch.cat((clean, network.logits(network.denoise(ids[:, :8], cache))), dim=1)


def save(network: DiffusionGemma, folder) -> None:
    save_model(LoadedModel(config=network.config, network=network, sampler=SamplerConfig()), folder)


@pytest.mark.parametrize("kind", ["int8", "int4", "fp8"])
def test_a_quantised_folder_loads_as_it_was_saved(tmp_path, kind):
    network = wide_network()
    save(network, tmp_path / "float")
    quantised = open_model(tmp_path / "float", quant=kind)
    save_model(quantised, tmp_path / "quantised")
    reopened = open_model(tmp_path / "quantised")
    assert reopened.quant == quantised.quant == kind
    state, expected = reopened.network.state_dict(), quantised.network.state_dict()
    assert state.keys() == expected.keys() and all(torch.equal(state[name], expected[name]) for name in state)
    assert torch.equal(logits(reopened.network), logits(quantised.network))
    quantise_network(network, kind)
    assert torch.equal(logits(network), logits(quantised.network))


@pytest.mark.parametrize("kind", ["int4", "fp8"])
def test_a_quantised_network_equals_that_of_the_dequantised_weights(kind):
    network, expected = wide_network(), wide_network()
    quantise_network(network, kind)
    with torch.no_grad():
        for name, parameter in expected.named_parameters():
            if is_weight(name):
                parameter.copy_(dequantise(*quantise(parameter, kind)))
    assert torch.allclose(logits(network), logits(expected), atol=1e-4)


def test_int8_logits_point_in_the_direction_of_the_float_ones():
    network = wide_network()
    before = logits(network)
    quantise_network(network, "int8")
    after = logits(network)
    # The hidden states are quantised too, with one scale for all rows, which sometimes changes the chosen expert.
    assert 0.97 < torch.nn.functional.cosine_similarity(before.flatten(), after.flatten(), dim=0) < 1


@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 2048), (100, 2048), (2000, 5000), (4096, 5000)])
def test_a_laid_out_head_gives_the_plain_products_for_any_range(start, stop):
    network = wide_network()
    network.embed_tokens.weight = torch.nn.Parameter(torch.randn(5000, 32), requires_grad=False)
    hidden = torch.randn(3, 32)
    expected = torch.nn.functional.linear(hidden, network.embed_tokens.weight[start:stop])
    # A float head that is laid out in blocks gives the same products.
    assert torch.allclose(network.products(hidden, start, stop), expected, atol=1e-5)
    quantise_network(network, "int8")
    actual = network.products(hidden, start, stop)
    assert actual.shape == expected.shape
    assert float((actual - expected).abs().max()) < 0.02 * float(expected.abs().max())


def test_names_of_scales_survive_the_round_trip():
    names = [name for name, _ in make_network().named_parameters()]
    assert any(map(is_weight, names)) and not any(map(is_scale, names))
    for name in names:
        if is_weight(name):
            assert is_scale(f"{name}_scale") and from_file(to_file(f"{name}_scale")) == f"{name}_scale"
        assert from_file(to_file(name)) == name


def test_unusable_kinds_and_folders_are_refused(tmp_path):
    network = wide_network()
    save(network, tmp_path / "float")
    with pytest.raises(UsageError, match="int3"):
        open_model(tmp_path / "float", quant="int3")
    save_model(open_model(tmp_path / "float", quant="int8"), tmp_path / "int8")
    with pytest.raises(CheckpointError, match="holds int8 weights"):
        open_model(tmp_path / "int8", quant="int4")
    save(make_network(), tmp_path / "narrow")
    with pytest.raises(UsageError, match="not a multiple"):
        open_model(tmp_path / "narrow", quant="int4")
    document = json.loads((tmp_path / "int8" / "config.json").read_text())
    del document["quantization_config"]
    (tmp_path / "int8" / "config.json").write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match="int8, which is not supported"):
        open_model(tmp_path / "int8")


def test_the_embedded_model_answers_from_int8():
    llm = dgemma.load("tiny", quant="int8")
    reply = llm.chat([{"role": "user", "content": "Solve this Sudoku:\n1030\n0402\n2043\n0320"}], max_new_tokens=64)
    assert reply.text == "1234\n3412\n2143\n4321"


@pytest.mark.parametrize("kind", ["int8", "int4", "fp8"])
@pytest.mark.parametrize("max_shard_bytes", [10**9, 5000])
def test_quantise_model_writes_what_quantising_on_load_gives(tmp_path, kind, max_shard_bytes):
    save(wide_network().bfloat16(), tmp_path / "float")
    reports: list[tuple[int, int]] = []
    quantise_model(
        tmp_path / "float",
        tmp_path / "copy",
        kind,
        max_shard_bytes=max_shard_bytes,
        progress=lambda done, total: reports.append((done, total)),
    )
    copy, loaded = open_model(tmp_path / "copy"), open_model(tmp_path / "float", quant=kind)
    assert copy.quant == kind and copy.network.dtype == torch.bfloat16
    state, expected = copy.network.state_dict(), loaded.network.state_dict()
    assert state.keys() == expected.keys() and all(torch.equal(state[name], expected[name]) for name in state)
    assert (len(list((tmp_path / "copy").glob("*.safetensors"))) > 1) == (max_shard_bytes == 5000)
    done, total = zip(*reports, strict=True)
    assert list(done) == sorted(done) and done[-1] == total[0] and len(set(total)) == 1


def test_quantising_a_copy_again_changes_nothing_and_another_kind_is_refused(tmp_path):
    save(wide_network(), tmp_path / "float")
    quantise_model(tmp_path / "float", tmp_path / "copy", "int4")
    quantise_model(tmp_path / "copy", tmp_path / "again", "int4")
    names = {file.name for file in (tmp_path / "copy").iterdir()}
    assert names == {file.name for file in (tmp_path / "again").iterdir()}
    assert all((tmp_path / "copy" / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)
    with pytest.raises(CheckpointError, match="cannot be made int8"):
        quantise_model(tmp_path / "copy", tmp_path / "other", "int8")
    with pytest.raises(UsageError, match="int3"):
        quantise_model(tmp_path / "float", tmp_path / "other", "int3")
    assert not (tmp_path / "other").exists()


def test_quantising_an_incomplete_folder_leaves_no_output(tmp_path):
    save(wide_network(), tmp_path / "float")
    weights = load_file(tmp_path / "float" / "model.safetensors")
    weights.pop("model.decoder.norm.weight")
    save_file(weights, tmp_path / "float" / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"missing: model\.decoder\.norm\.weight"):
        quantise_model(tmp_path / "float", tmp_path / "copy", "int8", max_shard_bytes=5000)
    assert not (tmp_path / "copy").exists()
    # A folder that existed before is kept.
    (tmp_path / "copy").mkdir()
    with pytest.raises(CheckpointError, match=r"missing: model\.decoder\.norm\.weight"):
        quantise_model(tmp_path / "float", tmp_path / "copy", "int8", max_shard_bytes=5000)
    assert list((tmp_path / "copy").iterdir()) == []


def test_weights_too_large_for_memory_are_refused_with_the_kinds_that_fit(tmp_path, monkeypatch):
    save(wide_network().bfloat16(), tmp_path / "float")
    size = sum(parameter.numel() for parameter in wide_network().parameters())
    monkeypatch.setattr(memory, "total_bytes", lambda: 3 * size)
    message = r"GB of memory, and the machine has .*; quant int8 takes .*, quant int4 takes"
    with pytest.raises(CheckpointError, match=message):
        open_model(tmp_path / "float", dtype="float32")
    # In the type of the files, weights are read from the disk page by page.
    assert open_model(tmp_path / "float").network.dtype == torch.bfloat16
    assert open_model(tmp_path / "float", dtype="float32", quant="int4").quant == "int4"
    monkeypatch.setattr(memory, "total_bytes", lambda: size // 4)
    with pytest.raises(CheckpointError, match="`dgemma quantize IN OUT --quant int4` writes a copy"):
        open_model(tmp_path / "float", dtype="float32")
    with pytest.raises(CheckpointError, match="`dgemma quantize"):
        open_model(tmp_path / "float", quant="int8")
    quantise_model(tmp_path / "float", tmp_path / "copy", "int8")
    assert open_model(tmp_path / "copy").quant == "int8"
    monkeypatch.setattr(memory, "total_bytes", lambda: 1000)
    with pytest.raises(CheckpointError, match="in the files' own type"):
        open_model(tmp_path / "copy", dtype="float32")


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are for Linux")
def test_matrices_stay_in_bfloat16_if_kernels_can_read_them(tmp_path, monkeypatch):
    save(wide_network().bfloat16(), tmp_path)
    plain = open_model(tmp_path, dtype="float32").network
    kept = open_model(tmp_path, dtype="float32", keep_bfloat16=True).network
    assert kept.dtype == torch.float32
    for name, parameter in kept.named_parameters():
        assert parameter.dtype == (torch.bfloat16 if is_weight(name) else torch.float32), name
    assert torch.equal(logits(kept), logits(plain))
    ids = torch.arange(12).view(2, 6)
    for case in ("a batch", "an operation at a time", "short of memory"):
        if case == "short of memory":
            monkeypatch.setattr(linear, "_has_room", lambda num_bytes: False)
            kept = open_model(tmp_path, dtype="float32", keep_bfloat16=True).network
        with kept.unfused(), plain.unfused():
            rows = 2 if case == "a batch" else 1
            actual, expected = (
                network.encode(ids[:rows], KVCache(network.config, batch_size=rows, max_length=9))
                for network in (kept, plain)
            )
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    size = sum(parameter.numel() for parameter in plain.parameters())
    with monkeypatch.context() as little_memory:
        little_memory.setattr(memory, "total_bytes", lambda: 3 * size)
        assert open_model(tmp_path, dtype="float32", keep_bfloat16=True).network.dtype == torch.float32
    matrix = dgemma.load(tmp_path).network.get_parameter("layers.0.mlp.up_proj.weight")
    assert matrix.dtype == torch.bfloat16
    # Not in small networks, whose layers are laid out differently, and not without kernels.
    assert {parameter.dtype for parameter in dgemma.load("tiny").network.parameters()} == {torch.float32}
    monkeypatch.setattr(native, "load_for", lambda name, entries: None)
    without_kernels = open_model(tmp_path, dtype="float32", keep_bfloat16=True).network
    assert {parameter.dtype for parameter in without_kernels.parameters()} == {torch.float32}


def test_int8_is_offered_where_int4_is_impossible(tmp_path, monkeypatch):
    network = make_network()
    assert network.config.moe_intermediate_size % 32
    save(network.bfloat16(), tmp_path / "float")
    size = sum(parameter.numel() for parameter in network.parameters())
    monkeypatch.setattr(memory, "total_bytes", lambda: 3.9 * size)
    with pytest.raises(CheckpointError, match=r"; quant int8 takes [\d.]+\.$"):
        open_model(tmp_path / "float", dtype="float32")
    monkeypatch.setattr(memory, "total_bytes", lambda: size // 4)
    with pytest.raises(CheckpointError, match="--quant int8` writes a copy"):
        open_model(tmp_path / "float", dtype="float32")


def test_write_folder_holds_only_the_tensors_of_one_file(tmp_path):
    alive: weakref.WeakSet = weakref.WeakSet()
    most = 0

    def tensors():
        nonlocal most
        for number in range(12):
            tensor = torch.full((25,), float(number))
            alive.add(tensor)
            yield f"t{number}", tensor
            del tensor
            most = max(most, len(alive))

    write_folder(tensors(), {}, tmp_path, max_shard_bytes=400)
    assert most <= 5 and len(list(tmp_path.glob("*.safetensors"))) == 3
