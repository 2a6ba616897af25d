"""A DiffusionGemma in a GGUF file: metadata entries -> config, sampler and tokenizer; tensor names -> network names.

The architecture is `diffusion-gemma`, in both existing dialects: llama.cpp's pull requests 24423, which the published
files follow, and 24427. The norm before self-conditioning is `self_cond_pre_norm` in the first, `self_cond_norm` in
the second. The second may also lack the encoder's layer scales; the denoiser's are used for them.
"""

import logging
import re
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dgemma.checkpoint.gguf import GgufFile, GgufTensor, as_list, read_gguf
from dgemma.checkpoint.gguf_vocabulary import read_strings, read_tokenizer
from dgemma.checkpoint.json_files import read_profile
from dgemma.checkpoint.source import Description, StoredTensor, profile_path
from dgemma.config import LayerConfig, LayerType, ModelConfig, RotaryConfig, SamplerConfig
from dgemma.errors import CheckpointError, ConfigError
from dgemma.quant import Kind
from dgemma.tokenizer import EOS, TOOL_RESPONSE_BEGIN, TURN_END
from dgemma.values import read_number

ARCHITECTURE = "diffusion-gemma"

# Network name -> GGUF name: outside of the layers, and below `layers.N.` / `blk.N.`
_TO_GGUF = {
    "embed_tokens.weight": "token_embd.weight",
    "norm.weight": "output_norm.weight",
    "self_conditioning.pre_norm.weight": "self_cond_pre_norm.weight",
    "self_conditioning.mlp.gate_proj.weight": "self_cond_gate.weight",
    "self_conditioning.mlp.up_proj.weight": "self_cond_up.weight",
    "self_conditioning.mlp.down_proj.weight": "self_cond_down.weight",
}
_TO_GGUF_LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "pre_feedforward_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "post_feedforward_layernorm_1.weight": "post_ffw_norm_1.weight",
    "router.proj.weight": "ffn_gate_inp.weight",
    "router.scale": "ffn_gate_inp.scale",
    "router.per_expert_scale": "ffn_down_exps.scale",
    "pre_feedforward_layernorm_2.weight": "pre_ffw_norm_2.weight",
    "experts.gate_up_proj": "ffn_gate_up_exps.weight",
    "experts.down_proj": "ffn_down_exps.weight",
    "post_feedforward_layernorm_2.weight": "post_ffw_norm_2.weight",
    "post_feedforward_layernorm.weight": "post_ffw_norm.weight",
    "decoder_scalar": "layer_output_scale.weight",
    "encoder_scalar": "enc_layer_output_scale.weight",
}
_FROM_GGUF = {gguf: network for network, gguf in _TO_GGUF.items()} | {
    "self_cond_norm.weight": "self_conditioning.pre_norm.weight"
}
_FROM_GGUF_LAYER = {gguf: network for network, gguf in _TO_GGUF_LAYER.items()}
# The experts' gate and up projections, in files that store them separately.
_GATE, _UP = "ffn_gate_exps.weight", "ffn_up_exps.weight"
_LAYER = re.compile(r"layers\.(\d+)\.(.+)")
_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
# Divisors of the rotary frequencies: at least _NOT_ROTATED for dimensions that do not rotate, 1 or one common factor
# for the others.
_ROPE_FREQS, _NOT_ROTATED = "rope_freqs.weight", 1e20

_SAMPLER = {
    "max_denoising_steps": ("diffusion.eb_max_steps", int),
    "t_min": ("diffusion.eb_t_min", float),
    "t_max": ("diffusion.eb_t_max", float),
    "entropy_bound": ("diffusion.eb_entropy_bound", float),
    "stability_threshold": ("diffusion.eb_stability_threshold", int),
    "confidence_threshold": ("diffusion.eb_confidence_threshold", float),
}


def to_gguf(name: str) -> str:
    """Network name -> GGUF name."""
    if match := _LAYER.fullmatch(name):
        return f"blk.{match[1]}.{_TO_GGUF_LAYER.get(match[2], match[2])}"
    return _TO_GGUF.get(name, name)


def from_gguf(name: str) -> str | None:
    """GGUF name -> network name; None for the rotary frequencies, which become part of the configuration.

    An unknown name comes back as `unknown NAME`, which no parameter has, so the loader lists it as unexpected.
    """
    if match := _BLOCK.fullmatch(name):
        parameter = _FROM_GGUF_LAYER.get(match[2])
        return f"unknown {name}" if parameter is None else f"layers.{match[1]}.{parameter}"
    return None if name == _ROPE_FREQS else _FROM_GGUF.get(name, f"unknown {name}")


class GgufModel:
    """The `Source` of a GGUF file. Raises CheckpointError for a damaged file or another architecture."""

    shapes_from = "its header"
    quant: Kind | None = None

    def __init__(self, path: Path) -> None:
        self._file = read_gguf(path)
        self.path = self._file.path
        architecture = self._file.entries.get("general.architecture")
        if architecture != ARCHITECTURE:
            raise CheckpointError(
                f"{path} holds a model of the architecture {reprlib.repr(architecture)}; dgemma runs {ARCHITECTURE!r} "
                "models only."
            )
        self._tensors = _network_tensors(self._file)
        self.has_gguf_blocks = any(tensor.dtype is None for tensor in self._file.tensors.values())

    def describe(self) -> Description:
        """Everything but the weights."""
        entries, file = self._file.entries, str(self.path)
        tokens = read_strings(entries, "tokenizer.ggml.tokens", file)
        template = entries.get("tokenizer.chat_template")
        try:
            config, sampler = _config(self._file), _sampler(entries, tokens, file)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error} Take another file of the model.") from error
        if tokens is not None and len(tokens) > config.vocab_size:
            raise CheckpointError(f"{file} has {len(tokens)} tokens and embeddings of {config.vocab_size} only.")
        return Description(
            config=config,
            sampler=sampler,
            tokenizer=read_tokenizer(entries, tokens, file),
            chat_template=template if isinstance(template, str) else None,
            profile=read_profile(profile_path(self.path)),
        )

    def tower(self, config: ModelConfig, device: torch.device) -> None:
        """Always None: GGUF files hold only the text network."""
        return

    def to_file(self, name: str) -> str:
        """The GGUF name of a network parameter."""
        return to_gguf(name)

    def types(self) -> Mapping[str, torch.dtype | None]:
        """The dtype of each tensor, by network name; None for GGUF blocks and joined tensors."""
        return {name: tensor.dtype for name, tensor in self._tensors.items()}

    def num_bytes(self) -> int:
        """Size of the weights on disk."""
        return sum(tensor.data.nbytes for tensor in self._file.tensors.values())

    def tensors(self) -> Iterator[StoredTensor]:
        """Yields the tensors; those in blocks are not dequantised."""
        for name, tensor in self._tensors.items():
            yield StoredTensor(tensor.name, name, tensor if tensor.dtype is None else tensor.read(), tensor.num_bytes)


class _JoinedExperts:
    """The experts' gates and ups [E, F, D], stored separately, as one `BlockTensor` [E, 2 F, D]: each expert's gates,
    then its ups."""

    dtype = None

    def __init__(self, gates: GgufTensor, ups: GgufTensor) -> None:
        if len(gates.shape) != 3 or gates.shape != ups.shape:
            raise CheckpointError(
                f"{gates.path} holds {gates.name} {gates.shape} and {ups.name} {ups.shape}, which are not gates and "
                "ups of the same experts."
            )
        experts, self._half, size = gates.shape
        self._parts, self.name, self.shape = (gates, ups), gates.name, (experts, 2 * self._half, size)
        self.num_bytes = gates.num_bytes + ups.num_bytes

    def rows(self, slab: slice) -> Tensor:
        """The rows in `slab` as float32 [N, D], experts flattened into the rows."""
        start, stop, _ = slab.indices(self.shape[0] * self.shape[1])
        pieces: list[Tensor] = []
        while start < stop:
            half, offset = divmod(start, self._half)
            end = min(stop, start + self._half - offset)
            first = half // 2 * self._half + offset
            pieces.append(self._parts[half % 2].rows(slice(first, first + end - start)))
            start = end
        return torch.cat(pieces) if pieces else torch.empty(0, self.shape[-1])

    def read(self) -> Tensor:
        """The whole tensor as float32."""
        return torch.cat([part.read().float() for part in self._parts], dim=1)


def _network_tensors(file: GgufFile) -> dict[str, GgufTensor | _JoinedExperts]:
    """The tensors by network name, in the file's order. Separate gates and ups are joined; if the file has no encoder
    scales, the denoiser's are used for them."""
    found: dict[str, GgufTensor | _JoinedExperts] = {}
    for name, tensor in file.tensors.items():
        match = _BLOCK.fullmatch(name)
        ups = None if match is None else file.tensors.get(f"blk.{match[1]}.{_UP}")
        gates = None if match is None else file.tensors.get(f"blk.{match[1]}.{_GATE}")
        if match is not None and match[2] in (_GATE, _UP) and gates is not None and ups is not None:
            found[f"layers.{match[1]}.experts.gate_up_proj"] = _JoinedExperts(gates, ups)
        elif (parameter := from_gguf(name)) is not None:
            found[parameter] = tensor
    encoder_scales = {
        name.replace("decoder_scalar", "encoder_scalar"): tensor
        for name, tensor in found.items()
        if name.endswith(".decoder_scalar")
    }
    if encoder_scales and not found.keys() & encoder_scales.keys():
        logging.getLogger(__name__).warning(
            "%s has no scales for the encoder's layers; the denoiser's are used for them.", file.path
        )
        found |= encoder_scales
    return found


def _config(file: GgufFile) -> ModelConfig:
    values = _Entries(file)
    embedding = file.tensors.get(_TO_GGUF["embed_tokens.weight"])
    if embedding is None or len(embedding.shape) != 2:
        raise CheckpointError(f"{file.path} holds no token embedding (token_embd.weight); fetch it again.")
    for name in ("attention.shared_kv_layers", "embedding_length_per_layer_input"):
        if values.get(name, int, 0):
            raise CheckpointError(f"{file.path} has {name}, which no released DiffusionGemma has; not supported.")
    layers = values.layers()
    bos, eos, pad = (values.get_key(f"tokenizer.ggml.{name}_token_id", int, default) for name, default in _IDS)
    return ModelConfig(
        vocab_size=embedding.shape[0],
        hidden_size=values.get("embedding_length", int),
        intermediate_size=values.same_in_all_layers("feed_forward_length"),
        num_attention_heads=values.same_in_all_layers("attention.head_count"),
        layers=layers,
        num_experts=values.get("expert_count", int),
        top_k_experts=values.get("expert_used_count", int),
        moe_intermediate_size=values.get("expert_feed_forward_length", int),
        sliding_window=values.get("attention.sliding_window", int),
        canvas_length=values.get_key("diffusion.canvas_length", int),
        max_position_embeddings=values.get("context_length", int),
        rms_norm_eps=values.get("attention.layer_norm_rms_epsilon", float),
        final_logit_softcapping=values.get("final_logit_softcapping", float, 30.0),
        sliding_rotary=RotaryConfig(rope_type="default", rope_theta=values.get("rope.freq_base_swa", float, 10_000.0)),
        full_rotary=_full_rotary(file, values.get("rope.freq_base", float, 1_000_000.0), layers),
        pad_token_id=pad,
        bos_token_id=bos,
        eos_token_ids=(eos,),
    )


# Name in the `tokenizer.ggml.NAME_token_id` entries, default id
_IDS = (("bos", 2), ("eos", 1), ("padding", 0))


class _Entries:
    """Checked access to a file's numeric metadata entries."""

    def __init__(self, file: GgufFile) -> None:
        self.file, self.path = file, str(file.path)

    def get_key(self, key: str, kind: type, default: Any = None) -> Any:
        """An entry by its whole key; one without a default is required."""
        return read_number(self.file.entries, key, kind, default, self.path)

    def get(self, name: str, kind: type, default: Any = None) -> Any:
        """An entry of the architecture, `diffusion-gemma.NAME`; one without a default is required."""
        return _round_float32(self.get_key(f"{ARCHITECTURE}.{name}", kind, default))

    def per_layer(self, name: str, num_layers: int) -> list[int]:
        """A number for each layer; the file may hold one for all layers."""
        key = f"{ARCHITECTURE}.{name}"
        value = as_list(self.file.entries.get(key))
        values = value if isinstance(value, list) else [value] * num_layers
        if len(values) != num_layers:
            raise CheckpointError(f"{self.path} has {len(values)} numbers as {key} for {num_layers} layers.")
        return [read_number({key: one}, key, int, file=self.path) for one in values]

    def same_in_all_layers(self, name: str) -> int:
        """A number that must be the same for all layers."""
        first, *others = self.per_layer(name, self.get("block_count", int))
        if any(other != first for other in others):
            raise CheckpointError(f"{self.path} has layers of different {name}, which no released DiffusionGemma has.")
        return first

    def layers(self) -> tuple[LayerConfig, ...]:
        count = self.get("block_count", int)
        if not 1 <= count <= len(self.file.tensors):
            raise CheckpointError(f"{self.path} has tensors that cannot be of {count} layers; fetch it again.")
        pattern = self.file.entries.get(f"{ARCHITECTURE}.attention.sliding_window_pattern", 6)
        if isinstance(pattern, int) and not isinstance(pattern, bool):
            # A period: the last layer of each has full attention. 0: all slide.
            pattern = [pattern == 0 or i % pattern != pattern - 1 for i in range(count)]
        pattern = as_list(pattern)
        if not isinstance(pattern, list) or len(pattern) != count or not all(isinstance(one, int) for one in pattern):
            raise CheckpointError(f"{self.path} has a sliding_window_pattern that does not fit its {count} layers.")
        key_value_heads = self.per_layer("attention.head_count_kv", count)
        full = self.get("attention.key_length", int)
        sliding = self.get("attention.key_length_swa", int, full)
        layer_types: list[LayerType] = ["sliding_attention" if slides else "full_attention" for slides in pattern]
        head_dims = {"sliding_attention": sliding, "full_attention": full}
        return tuple(
            LayerConfig(layer_type=layer_type, head_dim=head_dims[layer_type], num_key_value_heads=heads)
            for layer_type, heads in zip(layer_types, key_value_heads, strict=True)
        )


def _round_float32(value: Any) -> Any:
    """A float rounded to the seven digits of float32, in which files store it: 9.99999997e-7 becomes 1e-6."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _full_rotary(file: GgufFile, theta: float, layers: tuple[LayerConfig, ...]) -> RotaryConfig:
    """The rotary embedding of full layers; the file gives the share of rotated dimensions as a tensor of divisors."""
    full = next((layer for layer in layers if layer.layer_type == "full_attention"), None)
    if full is None:
        return RotaryConfig(rope_type="proportional", rope_theta=theta, partial_rotary_factor=0.25)
    tensor, count = file.tensors.get(_ROPE_FREQS), full.head_dim // 2
    if tensor is None or tensor.dtype is None or tensor.shape != (count,):
        raise CheckpointError(f"{file.path} has no {_ROPE_FREQS} of {count} floats, which its full layers need.")
    divisors: Tensor = tensor.read().float()
    rotated = int((divisors < _NOT_ROTATED).sum())
    factor = float(divisors[0])
    if not rotated or not bool((divisors[:rotated] == factor).all()):
        raise CheckpointError(f"{file.path} has frequencies in {_ROPE_FREQS} that no released DiffusionGemma has.")
    share = rotated / count
    # The network, like transformers, rounds down; make sure that the share gives the same count.
    if int(share * full.head_dim // 2) != rotated:
        share = (rotated + 0.5) / count
    return RotaryConfig(
        rope_type="proportional", rope_theta=theta, partial_rotary_factor=share, factor=_round_float32(factor)
    )


def _sampler(entries: Mapping[str, Any], tokens: list[str] | None, file: str) -> SamplerConfig:
    """The sampler's settings. A file names one end token; the released model's others are found in the vocabulary."""
    values: dict[str, Any] = {
        name: _round_float32(read_number(entries, key, kind, file=file))
        for name, (key, kind) in _SAMPLER.items()
        if entries.get(key) is not None
    }
    end_ids = [read_number(entries, "tokenizer.ggml.eos_token_id", int, 1, file)]
    known = (EOS, TURN_END, TOOL_RESPONSE_BEGIN)
    end_ids += [tokens.index(name) for name in known if tokens is not None and name in tokens]
    return SamplerConfig(**values, eos_token_ids=tuple(dict.fromkeys(end_ids)))
