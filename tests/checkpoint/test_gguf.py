"""GGUF files: written by the `gguf` package, read as the network that they were made of."""

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


def entries(config: ModelConfig, sampler: SamplerConfig = SAMPLER) -> dict[str, object]:
    """What the published files say of a model, under the names that they say it by."""
    full = next(layer for layer in config.layers if layer.layer_type == "full_attention")
    sliding = next((layer for layer in config.layers if layer.layer_type == "sliding_attention"), full)
    own = {
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
    return {f"{ARCHITECTURE}.{name}": value for name, value in own.items()} | {
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
    turning = int(full.head_dim // 2 * config.full_rotary.partial_rotary_factor)
    still = full.head_dim // 2 - turning
    return np.array([config.full_rotary.factor] * turning + [1e30] * still, dtype=np.float32)


def tensors(network: DiffusionGemma) -> dict[str, np.ndarray]:
    return {to_gguf(name): value.float().numpy() for name, value in network.state_dict().items()} | {
        "rope_freqs.weight": rope_freqs(network.config)
    }


def write(
    path: Path, said: dict[str, object], found: dict[str, np.ndarray], kind: Kind = Kind.F32, arch: str = ARCHITECTURE
) -> Path:
    """Writes a file whose matrices have that type, and the rest float32, as quantisers leave it."""
    writer = GGUFWriter(path, arch)
    for name, value in said.items():
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
    for name, value in found.items():
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


def test_a_file_is_the_network_that_it_was_made_of(tmp_path):
    network = wide_network()
    model = open_model(write(tmp_path / "m.gguf", entries(network.config), tensors(network)))
    assert model.config == network.config and model.sampler == SAMPLER
    assert same(model.network, network) and model.network.dtype == torch.float32
    assert torch.equal(logits(model.network), logits(network))
    assert model.tokenizer is None and model.quant is None


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
def test_blocks_become_the_numbers_that_they_stand_for(tmp_path, kind):
    network = wide_network()
    path = write(tmp_path / "m.gguf", entries(network.config), tensors(network), Kind[kind])
    reader = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    opened = open_model(path, dtype="float32").network
    for name, value in opened.state_dict().items():
        theirs = reader[to_gguf(name)]
        expected = gguf.quants.dequantize(theirs.data, theirs.tensor_type).reshape(value.shape)
        assert np.array_equal(value.numpy(), expected), name


@pytest.mark.parametrize("kind", ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ3_XXS", "MXFP4"])
def test_blocks_that_only_other_tools_write_are_read(tmp_path, kind):
    size, num_bytes = gguf.GGML_QUANT_SIZES[Kind[kind]]
    rows, columns = 70, 5  # of blocks; more rows than one thread takes at once
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
    path = write(tmp_path / "m.gguf", entries(network.config), tensors(network), Kind.Q4_0)
    exact, made = open_model(path).network, open_model(path, quant="int4").network
    scales = dict(made.named_buffers())
    for name, parameter in exact.named_parameters():
        if is_weight(name):
            numbers = dequantise(made.get_parameter(name), scales[f"{name}_scale"])
            assert torch.allclose(numbers, parameter, rtol=1e-6, atol=0)


def test_the_other_dialect_is_read_too(tmp_path, caplog):
    network = wide_network()
    found = tensors(network)
    found["self_cond_norm.weight"] = found.pop("self_cond_pre_norm.weight")
    for index in range(network.config.num_hidden_layers):
        del found[f"blk.{index}.enc_layer_output_scale.weight"]
        both = found.pop(f"blk.{index}.ffn_gate_up_exps.weight")
        half = both.shape[1] // 2
        found |= {
            f"blk.{index}.ffn_gate_exps.weight": both[:, :half],
            f"blk.{index}.ffn_up_exps.weight": both[:, half:],
        }
    opened = open_model(write(tmp_path / "m.gguf", entries(network.config), found)).network
    for layer in network.layers:
        layer.encoder_scalar = layer.decoder_scalar
    assert same(opened, network)
    assert "no scales for the encoder" in caplog.text


def test_every_parameter_has_a_name_there():
    for name, _ in wide_network().named_parameters():
        assert from_gguf(to_gguf(name)) == name
    assert from_gguf("blk.0.attn_rot_embd") == "unknown blk.0.attn_rot_embd"


def test_sizes_that_the_published_file_has_become_the_released_configuration(tmp_path):
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
    said = entries(config)
    path = write(tmp_path / "m.gguf", said, tensors(network))
    assert open_model(path, device="meta").config == config
    # The kinds of layers as a period, the heads once for all.
    said[f"{ARCHITECTURE}.attention.sliding_window_pattern"] = 6
    assert open_model(write(tmp_path / "m.gguf", said, tensors(network)), device="meta").config == config


@pytest.mark.parametrize(
    ("change", "told"),
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
def test_what_cannot_be_is_told_by_its_name(tmp_path, change, told):
    network = wide_network()
    said = {name: value for name, value in (entries(network.config) | change).items() if value is not None}
    path = write(tmp_path / "m.gguf", said, tensors(network))
    with pytest.raises(CheckpointError, match=told):
        open_model(path)


def test_tensors_that_are_missing_or_unexpected_are_told_by_their_names_there(tmp_path):
    network = wide_network()
    found = tensors(network)
    del found["blk.1.attn_k.weight"]
    found["output.weight"] = found["token_embd.weight"]
    with pytest.raises(CheckpointError, match=r"missing: blk\.1\.attn_k\.weight; unexpected: output\.weight"):
        open_model(write(tmp_path / "m.gguf", entries(network.config), found))


def test_another_architecture_and_another_format_are_refused(tmp_path):
    network = wide_network()
    path = write(tmp_path / "m.gguf", {}, tensors(network), arch="gemma4")
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
    return write(path, entries(network.config) | vocabulary, tensors(network), Kind.Q8_0).read_bytes()


@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_a_sentence(whole_file, tmp_path_factory, data):
    content = bytearray(whole_file)
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(4, 3000))
            content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        open_model(path, device="meta")
        open_model(path)
    except (CheckpointError, dgemma.errors.ConfigError) as error:
        assert str(error)


def test_counts_that_no_file_holds_take_no_memory(tmp_path):
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


def test_a_model_in_parts_is_one(tmp_path):
    network = wide_network()
    found = list(tensors(network).items())
    said = entries(network.config)
    parts = [dict(found[:20]), dict(found[20:30]), dict(found[30:])]
    for number, part in enumerate(parts, 1):
        own = {"split.no": number - 1, "split.count": 3} | (said if number == 1 else {})
        write(tmp_path / f"m-{number:05d}-of-00003.gguf", own, part)
    for number in (1, 3):
        assert same(open_model(tmp_path / f"m-{number:05d}-of-00003.gguf").network, network)
    # The folder stands for what lies in it.
    assert dgemma.load(tmp_path).config == network.config
    (tmp_path / "m-00002-of-00003.gguf").rename(tmp_path / "other.gguf")
    with pytest.raises(CheckpointError, match=r"lacks the parts m-00002-of-00003\.gguf"):
        open_model(tmp_path / "m-00001-of-00003.gguf")
    with pytest.raises(CheckpointError, match="one of 3 parts"):
        open_model((tmp_path / "m-00001-of-00003.gguf").rename(tmp_path / "m.gguf"))


def test_parts_of_other_models_are_told(tmp_path):
    network = wide_network()
    joined = {"split.no": 0, "split.count": 0} | entries(network.config)
    assert same(open_model(write(tmp_path / "joined.gguf", joined, tensors(network))).network, network)
    found = list(tensors(network).items())
    for own, part, told in (
        ({"split.no": 1, "split.count": 2}, dict(found[19:]), "a second time"),
        ({"split.no": 1, "split.count": 3}, dict(found[20:]), "not a part of this model"),
        ({"split.no": 0, "split.count": 2}, dict(found[20:]), "not a part of this model"),
    ):
        write(tmp_path / "m-00001-of-00002.gguf", {"split.no": 0, "split.count": 2} | entries(network.config),
              dict(found[:20]))  # fmt: skip
        write(tmp_path / "m-00002-of-00002.gguf", own, part)
        with pytest.raises(CheckpointError, match=told):
            open_model(tmp_path / "m-00001-of-00002.gguf")


def test_blocks_larger_than_half_of_the_memory_stay_small(tmp_path, monkeypatch, caplog):
    network = wide_network()
    path = write(tmp_path / "m.gguf", entries(network.config), tensors(network), Kind.Q4_0)
    count = sum(parameter.numel() for parameter in network.parameters())
    matrices = sum(parameter.numel() for name, parameter in network.named_parameters() if is_weight(name))
    for room, expected in ((9 * count, None), (2 * count, "int8"), (matrices + 4 * (count - matrices), "int4")):
        monkeypatch.setattr(memory, "total_bytes", lambda room=room: room)
        caplog.clear()
        assert open_model(path, dtype="float32").quant == expected
        assert ("become" in caplog.text) == (expected is not None)
    monkeypatch.setattr(memory, "total_bytes", lambda: matrices // 2)
    with pytest.raises(CheckpointError, match="--quant int4` writes a copy that is read from the disk"):
        open_model(path, dtype="float32")


@pytest.mark.parametrize("kind", [Kind.F32, Kind.BF16, Kind.Q8_0])
def test_a_file_becomes_a_folder(tmp_path, kind):
    network = wide_network()
    path = write(tmp_path / "m.gguf", entries(network.config), tensors(network), kind)
    model = open_model(path)
    save_model(model, tmp_path / "folder")
    again = open_model(tmp_path / "folder")
    assert same(again.network, model.network) and again.config == model.config and again.sampler == SAMPLER
    quantise_model(path, tmp_path / "copy", "int8")
    made = open_model(tmp_path / "copy")
    assert made.quant == "int8" and made.network.dtype == (torch.float32 if kind == Kind.F32 else torch.bfloat16)
    with pytest.raises(UsageError):
        quantise_model(path, tmp_path / "copy", "int3")


def test_an_open_file_answers(tmp_path):
    network = wide_network()
    llm = dgemma.load(write(tmp_path / "m.gguf", entries(network.config), tensors(network), Kind.Q8_0))
    reply = llm.generate(token_ids=[2, 5, 9], max_new_tokens=12, seed=3, reference=True)
    save_model(llm.model, tmp_path / "folder")
    assert reply.token_ids == dgemma.load(tmp_path / "folder").generate(
        token_ids=[2, 5, 9], max_new_tokens=12, seed=3, reference=True
    ).token_ids  # fmt: skip


WORDS = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<|turn>", "<turn|>", "<|tool_response>", '<|"|>']


def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A small one as the released is built: single bytes, characters, and pairs of what is there before."""
    tokens = [*WORDS, "\n\n", "<b>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", "\n", *"abcdefgé"]
    pairs, draw = [], random.Random(0)
    while len(pairs) < 60:
        left, right = draw.choice(tokens[267:]), draw.choice(tokens[267:])
        if left + right not in tokens:
            tokens.append(left + right)
            pairs.append((left, right))
    return {token: index for index, token in enumerate(tokens)}, pairs


VOCABULARY, MERGES = vocabulary()


def vocabulary_entries() -> dict[str, object]:
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
def with_vocabulary(tmp_path_factory) -> LoadedModel:
    config = dataclasses.replace(wide_network().config, vocab_size=len(VOCABULARY))
    network = DiffusionGemma(config).requires_grad_(False)
    for parameter in network.parameters():
        parameter.fill_(0.5)
    path = tmp_path_factory.mktemp("vocabulary") / "m.gguf"
    return open_model(write(path, entries(config) | vocabulary_entries(), tensors(network)))


@settings(max_examples=60)
@given(text=st.text(alphabet="abcdefgé \n\u00e4<b>|turn日", max_size=40))
def test_the_vocabulary_reads_texts_as_transformers_does(with_vocabulary, text):
    from transformers import GemmaTokenizer

    theirs = GemmaTokenizer(vocab=VOCABULARY, merges=MERGES)
    theirs.add_tokens(["\n\n", "<b>"])
    tokenizer = with_vocabulary.tokenizer
    ids = tokenizer.encode(text)
    assert ids == theirs.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text == theirs.decode(ids)


def test_names_of_special_tokens_are_known_and_end_an_answer(with_vocabulary):
    tokenizer = with_vocabulary.tokenizer
    assert tokenizer.special_ids == {name: VOCABULARY[name] for name in WORDS}
    assert tokenizer.encode("<|turn>", allow_special=True) == [VOCABULARY["<|turn>"]]
    assert len(tokenizer.encode("<|turn>")) > 1
    assert with_vocabulary.sampler.eos_token_ids == (1, VOCABULARY["<turn|>"], VOCABULARY["<|tool_response>"])
    assert with_vocabulary.chat_template == "{{ bos_token }}{{ messages }}"


@pytest.fixture(scope="module")
def speaking() -> DiffusionGemma:
    config = dataclasses.replace(wide_network().config, vocab_size=len(VOCABULARY))
    return DiffusionGemma(config).requires_grad_(False)


@pytest.mark.parametrize(
    ("change", "told"),
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
def test_a_broken_vocabulary_is_a_sentence(tmp_path, speaking, change, told):
    said = entries(speaking.config) | vocabulary_entries() | change
    with pytest.raises(CheckpointError, match=told) as caught:
        open_model(write(tmp_path / "m.gguf", said, tensors(speaking)))
    assert "m.gguf" in str(caught.value)


def test_special_tokens_are_known_by_their_names_and_spaces_within_merges_are_read(tmp_path, speaking):
    said = entries(speaking.config) | vocabulary_entries()
    tokens = [*list(VOCABULARY)[:-1], "a b"]
    said |= {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": ["a \u0120b"], "tokenizer.ggml.eos_token_id": 6}
    said["tokenizer.ggml.token_type"] = [1] * len(tokens)
    tokens[-2] = " b"
    model = open_model(write(tmp_path / "m.gguf", said, tensors(speaking)))
    assert model.tokenizer.special_ids.keys() == set(WORDS) - {"<mask>"}
    assert model.sampler.eos_token_ids == (6, 1, 7)


def test_a_vocabulary_of_another_kind_leaves_ids(tmp_path, speaking, caplog):
    said = entries(speaking.config) | vocabulary_entries() | {"tokenizer.ggml.model": "llama"}
    model = open_model(write(tmp_path / "m.gguf", said, tensors(speaking)))
    assert model.tokenizer is None and "token ids only" in caplog.text


def test_a_file_larger_than_memory_is_opened(tmp_path):
    network = wide_network()
    path = write(tmp_path / "m.gguf", entries(network.config), tensors(network))
    with path.open("r+b") as file:
        file.truncate(4 * memory.total_bytes())
    assert open_model(path, device="meta").config == network.config
    assert same(open_model(path).network, network)


@pytest.mark.parametrize("kind", [Kind.F32, Kind.Q8_0])
@pytest.mark.parametrize("quant", [None, "int8", "int4"])
def test_gates_and_ups_that_lie_apart_are_one_matrix(tmp_path, kind, quant):
    network = wide_network()
    together, apart = tensors(network), tensors(network)
    for index in range(network.config.num_hidden_layers):
        both = apart.pop(f"blk.{index}.ffn_gate_up_exps.weight")
        half = both.shape[1] // 2
        apart |= {
            f"blk.{index}.ffn_gate_exps.weight": both[:, :half],
            f"blk.{index}.ffn_up_exps.weight": both[:, half:],
        }
    said = entries(network.config)
    one = open_model(write(tmp_path / "one.gguf", said, together, kind), quant=quant).network
    two = open_model(write(tmp_path / "two.gguf", said, apart, kind), quant=quant).network
    assert same(one, two)
    apart["blk.0.ffn_up_exps.weight"] = apart["blk.0.ffn_up_exps.weight"][:, :-1]
    with pytest.raises(CheckpointError, match="not gates and ups of the same experts"):
        open_model(write(tmp_path / "two.gguf", said, apart, kind))


def test_what_is_widened_is_counted(tmp_path, monkeypatch):
    """Matrices in halves beside an embedding in blocks, as quantisers may leave them."""
    network = wide_network()
    writer = GGUFWriter(tmp_path / "m.gguf", ARCHITECTURE)
    for name, value in entries(network.config).items():
        add = writer.add_bool if isinstance(value, bool) else writer.add_uint32 if isinstance(value, int) else None
        (add or (writer.add_float32 if isinstance(value, float) else writer.add_array))(name, value)
    for name, value in tensors(network).items():
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
