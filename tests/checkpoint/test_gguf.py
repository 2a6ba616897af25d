"""GGUF files written by the `gguf` package load as the network that they were made from."""

import dataclasses
import random
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFWriter
from hypothesis import given, settings
from hypothesis import strategies as st

import dgemma
from dgemma import memory
from dgemma.checkpoint import LoadedModel, open_model, quantise_model, save_model
from dgemma.checkpoint.gguf import read_gguf
from dgemma.checkpoint.gguf_model import from_gguf, to_gguf
from dgemma.checkpoint.quantised import is_weight
from dgemma.config import LayerConfig, ModelConfig, SamplerConfig
from dgemma.errors import CheckpointError, UsageError
from dgemma.model import DiffusionGemma
from dgemma.quant import dequantise
from tests.checkpoint.test_quantised import logits, wide_network

ARCHITECTURE = "diffusion-gemma"
SAMPLER = SamplerConfig(
    max_denoising_steps=12, entropy_bound=0.25, t_max=0.75, t_min=0.5, stability_threshold=2,
    confidence_threshold=0.0078125, eos_token_ids=(1,),
)  # fmt: skip


def metadata_of(config: ModelConfig, sampler: SamplerConfig = SAMPLER) -> dict[str, object]:
    """A model's metadata, under the keys that the published files use."""
    full = next(layer for layer in config.layers if layer.layer_type == "full_attention")
    sliding = next((layer for layer in config.layers if layer.layer_type == "sliding_attention"), full)
    model_keys = {
        "block_count": config.num_hidden_layers,
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": [layer.num_key_value_heads for layer in config.layers],
        "attention.key_length": full.head_dim,
        "attention.value_length": full.head_dim,
        "attention.key_length_swa": sliding.head_dim,
        "attention.value_length_swa": sliding.head_dim,
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "attention.sliding_window": config.sliding_window,
        "attention.sliding_window_pattern": [layer.layer_type == "sliding_attention" for layer in config.layers],
        "attention.shared_kv_layers": 0,
        "attention.causal": False,
        "embedding_length_per_layer_input": 0,
        "expert_count": config.num_experts,
        "expert_used_count": config.top_k_experts,
        "expert_feed_forward_length": config.moe_intermediate_size,
        "final_logit_softcapping": config.final_logit_softcapping,
        "rope.freq_base": config.full_rotary.rope_theta,
        "rope.freq_base_swa": config.sliding_rotary.rope_theta,
        "rope.dimension_count": full.head_dim,
        "rope.dimension_count_swa": sliding.head_dim,
    }
    return {f"{ARCHITECTURE}.{name}": value for name, value in model_keys.items()} | {
        "diffusion.canvas_length": config.canvas_length,
        "diffusion.eb_max_steps": sampler.max_denoising_steps,
        "diffusion.eb_t_min": sampler.t_min,
        "diffusion.eb_t_max": sampler.t_max,
        "diffusion.eb_entropy_bound": sampler.entropy_bound,
        "diffusion.eb_stability_threshold": sampler.stability_threshold,
        "diffusion.eb_confidence_threshold": sampler.confidence_threshold,
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.unknown_token_id": 3,
    }


def rope_freqs(config: ModelConfig) -> np.ndarray:
    full = next(layer for layer in config.layers if layer.layer_type == "full_attention")
    rotating = int(full.head_dim // 2 * config.full_rotary.partial_rotary_factor)
    fixed = full.head_dim // 2 - rotating
    return np.array([config.full_rotary.factor] * rotating + [1e30] * fixed, dtype=np.float32)


def tensors_of(network: DiffusionGemma) -> dict[str, np.ndarray]:
    return {to_gguf(name): value.float().numpy() for name, value in network.state_dict().items()} | {
        "rope_freqs.weight": rope_freqs(network.config)
    }


def write(
    path: Path,
    metadata: dict[str, object],
    tensors: dict[str, np.ndarray],
    kind: Kind = Kind.F32,
    arch: str = ARCHITECTURE,
) -> Path:
    """Writes a file whose matrices have type `kind` and everything else float32, as quantisers do."""
    writer = GGUFWriter(path, arch)
    for name, value in metadata.items():
        if isinstance(value, bool):
            writer.add_bool(name, value)
        elif isinstance(value, int):
            writer.add_uint32(name, value)
        elif isinstance(value, float):
            writer.add_float32(name, value)
        elif isinstance(value, str):
            writer.add_string(name, value)
        else:
            writer.add_array(name, value)
    for name, value in tensors.items():
        chosen = kind if value.ndim > 1 and "ffn_gate_inp" not in name else Kind.F32
        if chosen == Kind.F32:
            writer.add_tensor(name, value.astype(np.float32))
        else:
            writer.add_tensor(name, gguf.quants.quantize(value, chosen), raw_dtype=chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def same(a: DiffusionGemma, b: DiffusionGemma) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name].float(), theirs[name].float()) for name in ours)


def test_a_file_loads_as_the_network_it_was_made_from(tmp_path):
    network = wide_network()
    model = open_model(write(tmp_path / "m.gguf", metadata_of(network.config), tensors_of(network)))
    assert model.config == network.config and model.sampler == SAMPLER
    assert same(model.network, network) and model.network.dtype == torch.float32
    assert torch.equal(logits(model.network), logits(network))
    assert model.tokenizer is None and model.quant is None


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
def test_blocks_load_as_their_dequantised_values(tmp_path, kind):
    network = wide_network()
    path = write(tmp_path / "m.gguf", metadata_of(network.config), tensors_of(network), Kind[kind])
    reader = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    opened = open_model(path, dtype="float32").network
    for name, value in opened.state_dict().items():
        theirs = reader[to_gguf(name)]
        expected = gguf.quants.dequantize(theirs.data, theirs.tensor_type).reshape(value.shape)
        assert np.array_equal(value.numpy(), expected), name


@pytest.mark.parametrize("kind", ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ3_XXS", "MXFP4"])
def test_block_types_that_only_other_tools_write_are_read(tmp_path, kind):
    size, num_bytes = gguf.GGML_QUANT_SIZES[Kind[kind]]
    rows, columns = 70, 5  # in blocks; more rows than one thread reads at once
    rows *= (1 << 18) // size // columns // 16
    blocks = np.random.default_rng(0).integers(0, 56, (rows, columns * num_bytes), dtype=np.uint8)
    writer = GGUFWriter(tmp_path / "m.gguf", ARCHITECTURE)
    writer.add_tensor("x.weight", blocks, raw_dtype=Kind[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tensor = read_gguf(tmp_path / "m.gguf").tensors["x.weight"]
    assert tensor.shape == (rows, columns * size) and tensor.dtype is None
    assert np.array_equal(tensor.read().numpy(), gguf.quants.dequantize(blocks, Kind[kind]), equal_nan=True)


def test_int4_holds_q4_0_exactly(tmp_path):
    network = wide_network()
    path = write(tmp_path / "m.gguf", metadata_of(network.config), tensors_of(network), Kind.Q4_0)
    exact, quantised = open_model(path).network, open_model(path, quant="int4").network
    scales = dict(quantised.named_buffers())
    for name, parameter in exact.named_parameters():
        if is_weight(name):
            dequantised = dequantise(quantised.get_parameter(name), scales[f"{name}_scale"])
            assert torch.allclose(dequantised, parameter, rtol=1e-6, atol=0)


def test_files_with_separate_experts_and_other_names_are_read(tmp_path, caplog):
    network = wide_network()
    tensors = tensors_of(network)
    tensors["self_cond_norm.weight"] = tensors.pop("self_cond_pre_norm.weight")
    for index in range(network.config.num_hidden_layers):
        del tensors[f"blk.{index}.enc_layer_output_scale.weight"]
        gate_up = tensors.pop(f"blk.{index}.ffn_gate_up_exps.weight")
        half = gate_up.shape[1] // 2
        tensors |= {
            f"blk.{index}.ffn_gate_exps.weight": gate_up[:, :half],
            f"blk.{index}.ffn_up_exps.weight": gate_up[:, half:],
        }
    opened = open_model(write(tmp_path / "m.gguf", metadata_of(network.config), tensors)).network
    for layer in network.layers:
        layer.encoder_scalar = layer.decoder_scalar
    assert same(opened, network)
    assert "no scales for the encoder" in caplog.text


def test_every_parameter_has_a_gguf_name():
    for name, _ in wide_network().named_parameters():
        assert from_gguf(to_gguf(name)) == name
    assert from_gguf("blk.0.attn_rot_embd") == "unknown blk.0.attn_rot_embd"


def test_metadata_of_the_published_file_becomes_the_released_configuration(tmp_path):
    layers = tuple(
        LayerConfig(layer_type="full_attention", head_dim=64, num_key_value_heads=2)
        if index % 6 == 5
        else LayerConfig(layer_type="sliding_attention", head_dim=32, num_key_value_heads=4)
        for index in range(12)
    )
    config = ModelConfig(
        vocab_size=40, hidden_size=32, intermediate_size=33, num_attention_heads=4, num_experts=3, top_k_experts=2,
        moe_intermediate_size=5, sliding_window=1024, canvas_length=256, max_position_embeddings=262_144, layers=layers,
    )  # fmt: skip
    network = DiffusionGemma(config)
    metadata = metadata_of(config)
    path = write(tmp_path / "m.gguf", metadata, tensors_of(network))
    assert open_model(path, device="meta").config == config
    # The layer types as a period instead of a list.
    metadata[f"{ARCHITECTURE}.attention.sliding_window_pattern"] = 6
    assert open_model(write(tmp_path / "m.gguf", metadata, tensors_of(network)), device="meta").config == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({f"{ARCHITECTURE}.expert_count": None}, "lacks `diffusion-gemma.expert_count`"),
        ({"diffusion.canvas_length": None}, "lacks `diffusion.canvas_length`"),
        ({f"{ARCHITECTURE}.attention.shared_kv_layers": 3}, "shared_kv_layers"),
        ({f"{ARCHITECTURE}.attention.head_count_kv": [1, 2, 2]}, "3 numbers"),
        ({f"{ARCHITECTURE}.feed_forward_length": [64, 32]}, "different feed_forward_length"),
        ({f"{ARCHITECTURE}.block_count": 10**9}, "of 1000000000 layers"),
        ({f"{ARCHITECTURE}.embedding_length": "wide"}, "it must be a number"),
        ({f"{ARCHITECTURE}.embedding_length": 64}, r"has the shape .* but its header asks for"),
        ({f"{ARCHITECTURE}.attention.key_length": 32}, "rope_freqs.weight of 16 floats"),
        ({f"{ARCHITECTURE}.attention.sliding_window_pattern": ["x", "y"]}, "sliding_window_pattern"),
        ({f"{ARCHITECTURE}.embedding_length": [7] * 9999}, "embedding_length = .{1,60}; it must be a number"),
    ],
)  # fmt: skip
def test_the_error_for_bad_metadata_names_the_key(tmp_path, change, message):
    network = wide_network()
    metadata = {name: value for name, value in (metadata_of(network.config) | change).items() if value is not None}
    path = write(tmp_path / "m.gguf", metadata, tensors_of(network))
    with pytest.raises(CheckpointError, match=message):
        open_model(path)


def test_missing_and_unexpected_tensors_are_reported_by_their_names_in_the_file(tmp_path):
    network = wide_network()
    tensors = tensors_of(network)
    del tensors["blk.1.attn_k.weight"]
    tensors["output.weight"] = tensors["token_embd.weight"]
    with pytest.raises(CheckpointError, match=r"missing: blk\.1\.attn_k\.weight; unexpected: output\.weight"):
        open_model(write(tmp_path / "m.gguf", metadata_of(network.config), tensors))


def test_another_architecture_and_another_format_are_refused(tmp_path):
    network = wide_network()
    path = write(tmp_path / "m.gguf", {}, tensors_of(network), arch="gemma4")
    with pytest.raises(CheckpointError, match="architecture 'gemma4'"):
        open_model(path)
    path.write_bytes(b"PK" + path.read_bytes()[2:])
    with pytest.raises(CheckpointError, match="not a GGUF file"):
        open_model(path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="is empty; fetch the model again"):
        open_model(path)
    with pytest.raises(dgemma.errors.ModelNotFoundError, match=r"no file .*missing\.gguf"):
        dgemma.load(tmp_path / "missing.gguf")


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory) -> bytes:
    network = wide_network()
    path = tmp_path_factory.mktemp("whole") / "m.gguf"
    vocabulary = {"tokenizer.ggml.model": "gemma4", "tokenizer.ggml.tokens": ["a", "b", "ab"]}
    return write(path, metadata_of(network.config) | vocabulary, tensors_of(network), Kind.Q8_0).read_bytes()


@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_file_loads_or_is_refused_with_a_message(whole_file, tmp_path_factory, data):
    content = bytearray(whole_file)
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            position = data.draw(st.integers(4, 3000))
            content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        open_model(path, device="meta")
        open_model(path)
    except (CheckpointError, dgemma.errors.ConfigError) as error:
        assert str(error)


def test_impossible_counts_are_refused_without_allocating(tmp_path):
    for header in (
        struct.pack("<IQQ", 3, 0, 1 << 62),
        struct.pack("<IQQ", 3, 1 << 62, 0),
        struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"x", 9, 4, 1 << 60),
        struct.pack("<IQQQ", 3, 0, 1, 1 << 63),
    ):
        path = tmp_path / "m.gguf"
        path.write_bytes(b"GGUF" + header + b"\0" * 64)
        with pytest.raises(CheckpointError, match="damaged"):
            read_gguf(path)
    path.write_bytes(b"GGUF" + struct.pack(">IQQ", 3, 0, 0) + b"\0" * 64)
    with pytest.raises(CheckpointError, match="big-endian"):
        read_gguf(path)


def test_a_model_split_into_parts_loads_as_one(tmp_path):
    network = wide_network()
    tensors = list(tensors_of(network).items())
    metadata = metadata_of(network.config)
    parts = [dict(tensors[:20]), dict(tensors[20:30]), dict(tensors[30:])]
    for number, part in enumerate(parts, 1):
        header = {"split.no": number - 1, "split.count": 3} | (metadata if number == 1 else {})
        write(tmp_path / f"m-{number:05d}-of-00003.gguf", header, part)
    for number in (1, 3):
        assert same(open_model(tmp_path / f"m-{number:05d}-of-00003.gguf").network, network)
    # The folder may be given instead of a part.
    assert dgemma.load(tmp_path).config == network.config
    (tmp_path / "m-00002-of-00003.gguf").rename(tmp_path / "other.gguf")
    with pytest.raises(CheckpointError, match=r"lacks the parts m-00002-of-00003\.gguf"):
        open_model(tmp_path / "m-00001-of-00003.gguf")
    with pytest.raises(CheckpointError, match="one of 3 parts"):
        open_model((tmp_path / "m-00001-of-00003.gguf").rename(tmp_path / "m.gguf"))


def test_parts_that_do_not_belong_together_are_refused(tmp_path):
    network = wide_network()
    joined = {"split.no": 0, "split.count": 0} | metadata_of(network.config)
    assert same(open_model(write(tmp_path / "joined.gguf", joined, tensors_of(network))).network, network)
    tensors = list(tensors_of(network).items())
    for header, part, message in (
        ({"split.no": 1, "split.count": 2}, dict(tensors[19:]), "a second time"),
        ({"split.no": 1, "split.count": 3}, dict(tensors[20:]), "not a part of this model"),
        ({"split.no": 0, "split.count": 2}, dict(tensors[20:]), "not a part of this model"),
    ):
        write(tmp_path / "m-00001-of-00002.gguf", {"split.no": 0, "split.count": 2} | metadata_of(network.config),
              dict(tensors[:20]))  # fmt: skip
        write(tmp_path / "m-00002-of-00002.gguf", header, part)
        with pytest.raises(CheckpointError, match=message):
            open_model(tmp_path / "m-00001-of-00002.gguf")


def test_weights_too_large_for_memory_stay_quantised(tmp_path, monkeypatch, caplog):
    network = wide_network()
    path = write(tmp_path / "m.gguf", metadata_of(network.config), tensors_of(network), Kind.Q4_0)
    count = sum(parameter.numel() for parameter in network.parameters())
    matrices = sum(parameter.numel() for name, parameter in network.named_parameters() if is_weight(name))
    for total, expected in ((9 * count, None), (2 * count, "int8"), (matrices + 4 * (count - matrices), "int4")):
        monkeypatch.setattr(memory, "total_bytes", lambda total=total: total)
        caplog.clear()
        assert open_model(path, dtype="float32").quant == expected
        assert ("become" in caplog.text) == (expected is not None)
    monkeypatch.setattr(memory, "total_bytes", lambda: matrices // 2)
    with pytest.raises(CheckpointError, match="--quant int4` writes a copy that is read from the disk"):
        open_model(path, dtype="float32")


@pytest.mark.parametrize("kind", [Kind.F32, Kind.BF16, Kind.Q8_0])
def test_a_gguf_model_can_be_saved_as_a_folder_and_quantised(tmp_path, kind):
    network = wide_network()
    path = write(tmp_path / "m.gguf", metadata_of(network.config), tensors_of(network), kind)
    model = open_model(path)
    save_model(model, tmp_path / "folder")
    reopened = open_model(tmp_path / "folder")
    assert same(reopened.network, model.network) and reopened.config == model.config and reopened.sampler == SAMPLER
    quantise_model(path, tmp_path / "copy", "int8")
    quantised = open_model(tmp_path / "copy")
    assert quantised.quant == "int8" and quantised.network.dtype == (
        torch.float32 if kind == Kind.F32 else torch.bfloat16
    )
    with pytest.raises(UsageError):
        quantise_model(path, tmp_path / "copy", "int3")


def test_a_gguf_model_answers_as_its_saved_folder_does(tmp_path):
    network = wide_network()
    llm = dgemma.load(write(tmp_path / "m.gguf", metadata_of(network.config), tensors_of(network), Kind.Q8_0))
    reply = llm.generate(token_ids=[2, 5, 9], max_new_tokens=12, seed=3, reference=True)
    save_model(llm.model, tmp_path / "folder")
    assert reply.token_ids == dgemma.load(tmp_path / "folder").generate(
        token_ids=[2, 5, 9], max_new_tokens=12, seed=3, reference=True
    ).token_ids  # fmt: skip


WORDS = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<|turn>", "<turn|>", "<|tool_response>", '<|"|>']


def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A small vocabulary built like the released one: single bytes, characters, and merges of earlier tokens."""
    tokens = [*WORDS, "\n\n", "<b>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", "\n", *"abcdefgé"]
    pairs, draw = [], random.Random(0)
    while len(pairs) < 60:
        left, right = draw.choice(tokens[267:]), draw.choice(tokens[267:])
        if left + right not in tokens:
            tokens.append(left + right)
            pairs.append((left, right))
    return {token: index for index, token in enumerate(tokens)}, pairs


VOCABULARY, MERGES = vocabulary()


def vocabulary_metadata() -> dict[str, object]:
    kinds = [3 if token in WORDS else 4 if token in ("\n\n", "<b>") else 6 if token.startswith("<0x") else 1
             for token in VOCABULARY]  # fmt: skip
    return {
        "tokenizer.ggml.model": "gemma4",
        "tokenizer.ggml.tokens": list(VOCABULARY),
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": [" ".join(pair) for pair in MERGES],
        "tokenizer.chat_template": "{{ bos_token }}{{ messages }}",
    }


@pytest.fixture(scope="module")
def model_with_vocabulary(tmp_path_factory) -> LoadedModel:
    config = dataclasses.replace(wide_network().config, vocab_size=len(VOCABULARY))
    network = DiffusionGemma(config).requires_grad_(False)
    for parameter in network.parameters():
        parameter.fill_(0.5)
    path = tmp_path_factory.mktemp("vocabulary") / "m.gguf"
    return open_model(write(path, metadata_of(config) | vocabulary_metadata(), tensors_of(network)))


@settings(max_examples=60)
@given(text=st.text(alphabet="abcdefgé \n\u00e4<b>|turn日", max_size=40))
def test_the_tokenizer_agrees_with_transformers(model_with_vocabulary, text):
    from transformers import GemmaTokenizer

    theirs = GemmaTokenizer(vocab=VOCABULARY, merges=MERGES)
    theirs.add_tokens(["\n\n", "<b>"])
    tokenizer = model_with_vocabulary.tokenizer
    ids = tokenizer.encode(text)
    assert ids == theirs.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text == theirs.decode(ids)


def test_special_tokens_are_known_and_end_an_answer(model_with_vocabulary):
    tokenizer = model_with_vocabulary.tokenizer
    assert tokenizer.special_ids == {name: VOCABULARY[name] for name in WORDS}
    assert tokenizer.encode("<|turn>", allow_special=True) == [VOCABULARY["<|turn>"]]
    assert len(tokenizer.encode("<|turn>")) > 1
    assert model_with_vocabulary.sampler.eos_token_ids == (1, VOCABULARY["<turn|>"], VOCABULARY["<|tool_response>"])
    assert model_with_vocabulary.chat_template == "{{ bos_token }}{{ messages }}"


@pytest.fixture(scope="module")
def network_with_vocabulary() -> DiffusionGemma:
    config = dataclasses.replace(wide_network().config, vocab_size=len(VOCABULARY))
    return DiffusionGemma(config).requires_grad_(False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokenizer.ggml.merges": ["a q"]}, "not two tokens"),
        ({"tokenizer.ggml.tokens": [1, 2]}, "not a list of strings"),
        ({"tokenizer.ggml.unknown_token_id": 5000}, "no unknown token"),
        ({"tokenizer.ggml.tokens": ["a"] * len(VOCABULARY)}, "has a token twice"),
        ({"tokenizer.ggml.tokens": [*VOCABULARY, "more"]}, "tokens and embeddings of"),
        ({"tokenizer.ggml.token_type": 5}, "tokenizer.ggml.token_type that is not a list of"),
        ({"tokenizer.ggml.token_type": [1, 2]}, "tokenizer.ggml.token_type that is not a list of"),
    ],
)
def test_the_error_for_a_broken_vocabulary_names_the_file(tmp_path, network_with_vocabulary, change, message):
    metadata = metadata_of(network_with_vocabulary.config) | vocabulary_metadata() | change
    with pytest.raises(CheckpointError, match=message) as raised:
        open_model(write(tmp_path / "m.gguf", metadata, tensors_of(network_with_vocabulary)))
    assert "m.gguf" in str(raised.value)


def test_special_tokens_are_known_by_name_and_merges_may_contain_spaces(tmp_path, network_with_vocabulary):
    metadata = metadata_of(network_with_vocabulary.config) | vocabulary_metadata()
    tokens = [*list(VOCABULARY)[:-1], "a b"]
    metadata |= {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.merges": ["a \u0120b"],
        "tokenizer.ggml.eos_token_id": 6,
    }
    metadata["tokenizer.ggml.token_type"] = [1] * len(tokens)
    tokens[-2] = " b"
    model = open_model(write(tmp_path / "m.gguf", metadata, tensors_of(network_with_vocabulary)))
    assert model.tokenizer.special_ids.keys() == set(WORDS) - {"<mask>"}
    assert model.sampler.eos_token_ids == (6, 1, 7)


def test_an_unsupported_vocabulary_leaves_a_model_of_token_ids_only(tmp_path, network_with_vocabulary, caplog):
    metadata = metadata_of(network_with_vocabulary.config) | vocabulary_metadata() | {"tokenizer.ggml.model": "llama"}
    model = open_model(write(tmp_path / "m.gguf", metadata, tensors_of(network_with_vocabulary)))
    assert model.tokenizer is None and "token ids only" in caplog.text


def test_a_file_larger_than_memory_is_opened(tmp_path):
    network = wide_network()
    path = write(tmp_path / "m.gguf", metadata_of(network.config), tensors_of(network))
    with path.open("r+b") as file:
        file.truncate(4 * memory.total_bytes())
    assert open_model(path, device="meta").config == network.config
    assert same(open_model(path).network, network)


@pytest.mark.parametrize("kind", [Kind.F32, Kind.Q8_0])
@pytest.mark.parametrize("quant", [None, "int8", "int4"])
def test_separate_gate_and_up_tensors_are_joined(tmp_path, kind, quant):
    network = wide_network()
    joined, separate = tensors_of(network), tensors_of(network)
    for index in range(network.config.num_hidden_layers):
        gate_up = separate.pop(f"blk.{index}.ffn_gate_up_exps.weight")
        half = gate_up.shape[1] // 2
        separate |= {
            f"blk.{index}.ffn_gate_exps.weight": gate_up[:, :half],
            f"blk.{index}.ffn_up_exps.weight": gate_up[:, half:],
        }
    metadata = metadata_of(network.config)
    from_joined = open_model(write(tmp_path / "one.gguf", metadata, joined, kind), quant=quant).network
    from_separate = open_model(write(tmp_path / "two.gguf", metadata, separate, kind), quant=quant).network
    assert same(from_joined, from_separate)
    separate["blk.0.ffn_up_exps.weight"] = separate["blk.0.ffn_up_exps.weight"][:, :-1]
    with pytest.raises(CheckpointError, match="not gates and ups of the same experts"):
        open_model(write(tmp_path / "two.gguf", metadata, separate, kind))


def test_the_memory_check_counts_weights_at_their_widened_size(tmp_path, monkeypatch):
    """float16 matrices with a quantised embedding, as quantisers may write them."""
    network = wide_network()
    writer = GGUFWriter(tmp_path / "m.gguf", ARCHITECTURE)
    for name, value in metadata_of(network.config).items():
        add = writer.add_bool if isinstance(value, bool) else writer.add_uint32 if isinstance(value, int) else None
        (add or (writer.add_float32 if isinstance(value, float) else writer.add_array))(name, value)
    for name, value in tensors_of(network).items():
        kind = Kind.Q8_0 if name == "token_embd.weight" else Kind.F16 if value.ndim > 1 else Kind.F32
        writer.add_tensor(name, gguf.quants.quantize(value, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    count = sum(parameter.numel() for parameter in network.parameters())
    assert open_model(tmp_path / "m.gguf").network.dtype == torch.float32
    monkeypatch.setattr(memory, "total_bytes", lambda: 2 * count)
    assert open_model(tmp_path / "m.gguf").quant == "int8"
