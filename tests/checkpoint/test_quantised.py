"""Quantised models: made while loading or in place, saved and opened again without a change."""

import json

import pytest
import torch

import dgemma
from dgemma.cache import KVCache
from dgemma.checkpoint import LoadedModel, open_model, save_model
from dgemma.checkpoint.names import from_file, to_file
from dgemma.checkpoint.quantised import is_scale, is_weight, quantise_network
from dgemma.config import LayerConfig, ModelConfig, SamplerConfig
from dgemma.errors import CheckpointError, UsageError
from dgemma.model import DiffusionGemma
from dgemma.quant import dequantise, quantise
from tests.test_model import make_network


def wide_network() -> DiffusionGemma:
    """Every input is a multiple of 32, as int4 wants."""
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
    made = open_model(tmp_path / "float", quant=kind)
    save_model(made, tmp_path / "quantised")
    again = open_model(tmp_path / "quantised")
    assert again.quant == made.quant == kind
    state, expected = again.network.state_dict(), made.network.state_dict()
    assert state.keys() == expected.keys() and all(torch.equal(state[name], expected[name]) for name in state)
    assert torch.equal(logits(again.network), logits(made.network))
    quantise_network(network, kind)
    assert torch.equal(logits(network), logits(made.network))


@pytest.mark.parametrize("kind", ["int4", "fp8"])
def test_it_is_the_network_of_the_dequantised_weights(kind):
    network, expected = wide_network(), wide_network()
    quantise_network(network, kind)
    with torch.no_grad():
        for name, parameter in expected.named_parameters():
            if is_weight(name):
                parameter.copy_(dequantise(*quantise(parameter, kind)))
    assert torch.allclose(logits(network), logits(expected), atol=1e-4)


def test_int8_points_where_the_float_network_does():
    network = wide_network()
    before = logits(network)
    quantise_network(network, "int8")
    after = logits(network)
    # The hidden states are quantised too, with one scale for all rows, which now and then moves an expert's choice.
    assert 0.97 < torch.nn.functional.cosine_similarity(before.flatten(), after.flatten(), dim=0) < 1


@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 2048), (100, 2048), (2000, 5000), (4096, 5000)])
def test_heads_laid_out_give_the_plain_products_for_any_range(start, stop):
    network = wide_network()
    network.embed_tokens.weight = torch.nn.Parameter(torch.randn(5000, 32), requires_grad=False)
    hidden = torch.randn(3, 32)
    expected = torch.nn.functional.linear(hidden, network.embed_tokens.weight[start:stop])
    # A float head that is laid out for products gives the same, block by block.
    assert torch.allclose(network.products(hidden, start, stop), expected, atol=1e-5)
    quantise_network(network, "int8")
    found = network.products(hidden, start, stop)
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) < 0.02 * float(expected.abs().max())


def test_names_of_scales_go_both_ways():
    names = [name for name, _ in make_network().named_parameters()]
    assert any(map(is_weight, names)) and not any(map(is_scale, names))
    for name in names:
        if is_weight(name):
            assert is_scale(f"{name}_scale") and from_file(to_file(f"{name}_scale")) == f"{name}_scale"
        assert from_file(to_file(name)) == name


def test_unusable_kinds_and_folders_are_told(tmp_path):
    network = wide_network()
    save(network, tmp_path / "float")
    with pytest.raises(UsageError, match="int3"):
        open_model(tmp_path / "float", quant="int3")
    save_model(open_model(tmp_path / "float", quant="int8"), tmp_path / "int8")
    with pytest.raises(CheckpointError, match="holds int8 weights"):
        open_model(tmp_path / "int8", quant="int4")
    save(make_network(), tmp_path / "narrow")
    with pytest.raises(UsageError, match="no multiple"):
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
