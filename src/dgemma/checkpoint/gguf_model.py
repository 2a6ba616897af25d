"""A DiffusionGemma in a GGUF file: its entries -> configuration, sampler and vocabulary; its tensors by our names.

The architecture is `diffusion-gemma`, in both dialects that exist (llama.cpp's pull requests 24423, whose files are the
published ones, and 24427): one calls the norm before self-conditioning `self_cond_pre_norm`, the other
`self_cond_norm`, and the second may lack the scales of the encoder, for which it takes those of the denoiser.
"""

import logging
import re
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dgemma.checkpoint.beside import read_profile
from dgemma.checkpoint.gguf import GgufFile, GgufTensor, listed, read_gguf
from dgemma.checkpoint.gguf_vocabulary import read_tokenizer, texts
from dgemma.checkpoint.source import Description, Stored, profile_path
from dgemma.config import LayerConfig, LayerType, ModelConfig, RotaryConfig, SamplerConfig
from dgemma.errors import CheckpointError, ConfigError
from dgemma.quant import Kind
from dgemma.tokenizer import EOS, TOOL_RESPONSE_BEGIN, TURN_END
from dgemma.values import number

ARCHITECTURE = "diffusion-gemma"

_OUTSIDE = {
    "embed_tokens.weight": "token_embd.weight",
    "norm.weight": "output_norm.weight",
    "self_conditioning.pre_norm.weight": "self_cond_pre_norm.weight",
    "self_conditioning.mlp.gate_proj.weight": "self_cond_gate.weight",
    "self_conditioning.mlp.up_proj.weight": "self_cond_up.weight",
    "self_conditioning.mlp.down_proj.weight": "self_cond_down.weight",
}
_IN_A_LAYER = {
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
_OURS_OUTSIDE = {theirs: ours for ours, theirs in _OUTSIDE.items()} | {
    "self_cond_norm.weight": "self_conditioning.pre_norm.weight"
}
_OURS_IN_A_LAYER = {theirs: ours for ours, theirs in _IN_A_LAYER.items()}
# Gates and ups of the experts, where they lie apart.
_GATES, _UPS = "ffn_gate_exps.weight", "ffn_up_exps.weight"
_LAYER = re.compile(r"layers\.(\d+)\.(.+)")
_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
# What the frequencies of dimensions that do not turn are divided by; the others by 1, or by their common factor.
_ROTARY, _STILL = "rope_freqs.weight", 1e20

_SAMPLER = {
    "max_denoising_steps": ("diffusion.eb_max_steps", int),
    "t_min": ("diffusion.eb_t_min", float),
    "t_max": ("diffusion.eb_t_max", float),
    "entropy_bound": ("diffusion.eb_entropy_bound", float),
    "stability_threshold": ("diffusion.eb_stability_threshold", int),
    "confidence_threshold": ("diffusion.eb_confidence_threshold", float),
}


def to_gguf(name: str) -> str:
    """What a GGUF file calls one of the network's parameters."""
    if match := _LAYER.fullmatch(name):
        return f"blk.{match[1]}.{_IN_A_LAYER.get(match[2], match[2])}"
    return _OUTSIDE.get(name, name)


def from_gguf(name: str) -> str | None:
    """The network's parameter for a tensor's name; None for the frequencies, which are part of the configuration.

    A name that belongs to nothing comes back in a form that no parameter has, to be listed as unexpected.
    """
    if match := _BLOCK.fullmatch(name):
        ours = _OURS_IN_A_LAYER.get(match[2])
        return f"unknown {name}" if ours is None else f"layers.{match[1]}.{ours}"
    return None if name == _ROTARY else _OURS_OUTSIDE.get(name, f"unknown {name}")


class GgufModel:
    """A `Source`. Raises CheckpointError for a file of another architecture or one that is damaged."""

    sizes = "its header"
    stored: Kind | None = None

    def __init__(self, path: Path) -> None:
        self._file = read_gguf(path)
        self.path = self._file.path
        architecture = self._file.entries.get("general.architecture")
        if architecture != ARCHITECTURE:
            held = f"{path} holds a model of the architecture {reprlib.repr(architecture)}"
            raise CheckpointError(f"{held}; dgemma runs {ARCHITECTURE!r} models only.")
        self._tensors = _by_name(self._file)
        self.in_blocks = any(tensor.dtype is None for tensor in self._file.tensors.values())

    def describe(self) -> Description:
        """All but the weights."""
        entries, told = self._file.entries, str(self.path)
        tokens = texts(entries, "tokenizer.ggml.tokens", told)
        template = entries.get("tokenizer.chat_template")
        try:
            config, sampler = _config(self._file), _sampler(entries, tokens, told)
        except ConfigError as error:
            raise ConfigError(f"{told}: {error} Take another file of the model.") from error
        if tokens is not None and len(tokens) > config.vocab_size:
            raise CheckpointError(f"{told} has {len(tokens)} tokens and embeddings of {config.vocab_size}.")
        return Description(
            config=config,
            sampler=sampler,
            tokenizer=read_tokenizer(entries, tokens, told),
            chat_template=template if isinstance(template, str) else None,
            profile=read_profile(profile_path(self.path)),
        )

    def tower(self, config: ModelConfig, device: torch.device) -> None:
        """None: such files hold text networks."""
        return

    def spelled(self, name: str) -> str:
        """What the file calls a parameter."""
        return to_gguf(name)

    def types(self) -> Mapping[str, torch.dtype | None]:
        """The type of each tensor by the network's name, None for blocks and for what is joined."""
        return {name: tensor.dtype for name, tensor in self._tensors.items()}

    def num_bytes(self) -> int:
        """What the weights take on the disk."""
        return sum(tensor.data.nbytes for tensor in self._file.tensors.values())

    def tensors(self) -> Iterator[Stored]:
        """The tensors, blocks as such."""
        for name, tensor in self._tensors.items():
            yield Stored(tensor.name, name, tensor if tensor.dtype is None else tensor.read(), tensor.num_bytes)


class _Joined:
    """Experts' gates and ups [E, F, D] that lie apart, as `Blocks` [E, 2 F, D], each expert's gates first."""

    dtype = None

    def __init__(self, gates: GgufTensor, ups: GgufTensor) -> None:
        if len(gates.shape) != 3 or gates.shape != ups.shape:
            told = f"{gates.name} {gates.shape} and {ups.name} {ups.shape}"
            raise CheckpointError(f"{gates.path} holds {told}, which are no gates and ups of the same experts.")
        experts, self._half, size = gates.shape
        self._parts, self.name, self.shape = (gates, ups), gates.name, (experts, 2 * self._half, size)
        self.num_bytes = gates.num_bytes + ups.num_bytes

    def rows(self, slab: slice) -> Tensor:
        """Some rows, the experts' one after another: float32 [N, D]."""
        start, stop, _ = slab.indices(self.shape[0] * self.shape[1])
        pieces: list[Tensor] = []
        while start < stop:
            which, place = divmod(start, self._half)
            end = min(stop, start + self._half - place)
            begin = which // 2 * self._half + place
            pieces.append(self._parts[which % 2].rows(slice(begin, begin + end - start)))
            start = end
        return torch.cat(pieces) if pieces else torch.empty(0, self.shape[-1])

    def read(self) -> Tensor:
        """All of it, float32."""
        return torch.cat([part.read().float() for part in self._parts], dim=1)


def _by_name(file: GgufFile) -> dict[str, GgufTensor | _Joined]:
    """The tensors by the network's names, in the file's order: those that lie apart together, and for encoder scales
    that are not there the denoiser's."""
    found: dict[str, GgufTensor | _Joined] = {}
    for name, tensor in file.tensors.items():
        match = _BLOCK.fullmatch(name)
        ups = None if match is None else file.tensors.get(f"blk.{match[1]}.{_UPS}")
        gates = None if match is None else file.tensors.get(f"blk.{match[1]}.{_GATES}")
        if match is not None and match[2] in (_GATES, _UPS) and gates is not None and ups is not None:
            found[f"layers.{match[1]}.experts.gate_up_proj"] = _Joined(gates, ups)
        elif (ours := from_gguf(name)) is not None:
            found[ours] = tensor
    scales = {name: tensor for name, tensor in found.items() if name.endswith(".decoder_scalar")}
    without = {name.replace("decoder_scalar", "encoder_scalar"): tensor for name, tensor in scales.items()}
    if without and not found.keys() & without.keys():
        logging.getLogger(__name__).warning(
            "%s holds no scales of the encoder's layers; the denoiser's stand in for them.", file.path
        )
        found |= without
    return found


def _config(file: GgufFile) -> ModelConfig:
    values = _Entries(file)
    embedding = file.tensors.get(_OUTSIDE["embed_tokens.weight"])
    if embedding is None or len(embedding.shape) != 2:
        raise CheckpointError(f"{file.path} holds no token embedding (token_embd.weight); fetch it again.")
    for name in ("attention.shared_kv_layers", "embedding_length_per_layer_input"):
        if values.optional(name, int, 0):
            raise CheckpointError(f"{file.path} has {name}, which no released DiffusionGemma has; not supported.")
    layers = values.layers()
    bos, eos, pad = (values.whole(f"tokenizer.ggml.{name}_token_id", int, default) for name, default in _IDS)
    return ModelConfig(
        vocab_size=embedding.shape[0],
        hidden_size=values.optional("embedding_length", int),
        intermediate_size=values.same("feed_forward_length"),
        num_attention_heads=values.same("attention.head_count"),
        layers=layers,
        num_experts=values.optional("expert_count", int),
        top_k_experts=values.optional("expert_used_count", int),
        moe_intermediate_size=values.optional("expert_feed_forward_length", int),
        sliding_window=values.optional("attention.sliding_window", int),
        canvas_length=values.whole("diffusion.canvas_length", int),
        max_position_embeddings=values.optional("context_length", int),
        rms_norm_eps=values.optional("attention.layer_norm_rms_epsilon", float),
        final_logit_softcapping=values.optional("final_logit_softcapping", float, 30.0),
        sliding_rotary=RotaryConfig(
            rope_type="default", rope_theta=values.optional("rope.freq_base_swa", float, 10_000.0)
        ),
        full_rotary=_full_rotary(file, values.optional("rope.freq_base", float, 1_000_000.0), layers),
        pad_token_id=pad,
        bos_token_id=bos,
        eos_token_ids=(eos,),
    )


_IDS = (("bos", 2), ("eos", 1), ("padding", 0))


class _Entries:
    """A file's numbers, checked as they are read."""

    def __init__(self, file: GgufFile) -> None:
        self.file, self.path = file, str(file.path)

    def whole(self, name: str, kind: type, default: Any = None) -> Any:
        return number(self.file.entries, name, kind, default, self.path)

    def optional(self, name: str, kind: type, default: Any = None) -> Any:
        """An entry of this architecture; one without a default must be there."""
        return _shortest(self.whole(f"{ARCHITECTURE}.{name}", kind, default))

    def each(self, name: str, count: int, default: Any = None) -> list[int]:
        """A number for every layer, which the file may hold once for all."""
        name = f"{ARCHITECTURE}.{name}"
        value = listed(self.file.entries.get(name, default))
        values = value if isinstance(value, list) else [value] * count
        if len(values) != count:
            raise CheckpointError(f"{self.path} has {len(values)} numbers as {name} for {count} layers.")
        return [number({name: one}, name, int, file=self.path) for one in values]

    def same(self, name: str) -> int:
        """A number that is the same for every layer."""
        first, *others = self.each(name, self.optional("block_count", int))
        if any(other != first for other in others):
            raise CheckpointError(f"{self.path} has layers of different {name}, which no released DiffusionGemma has.")
        return first

    def layers(self) -> tuple[LayerConfig, ...]:
        count = self.optional("block_count", int)
        if not 1 <= count <= len(self.file.tensors):
            raise CheckpointError(f"{self.path} says that it has {count} layers.")
        pattern = self.file.entries.get(f"{ARCHITECTURE}.attention.sliding_window_pattern", 6)
        if isinstance(pattern, int) and not isinstance(pattern, bool):
            pattern = [pattern == 0 or i % pattern != pattern - 1 for i in range(count)]  # the last of each so many
        pattern = listed(pattern)
        if not isinstance(pattern, list) or len(pattern) != count or not all(isinstance(one, int) for one in pattern):
            raise CheckpointError(f"{self.path} has a sliding_window_pattern that is not of {count} layers.")
        heads = self.each("attention.head_count_kv", count)
        full = self.optional("attention.key_length", int)
        sliding = self.optional("attention.key_length_swa", int, full)
        kinds: list[LayerType] = ["sliding_attention" if slides else "full_attention" for slides in pattern]
        sizes = {"sliding_attention": sliding, "full_attention": full}
        return tuple(
            LayerConfig(layer_type=kind, head_dim=sizes[kind], num_key_value_heads=keys)
            for kind, keys in zip(kinds, heads, strict=True)
        )


def _shortest(value: Any) -> Any:
    """A float as it was meant: files hold float32, whose 1e-6 is 9.99999997e-7."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _full_rotary(file: GgufFile, theta: float, layers: tuple[LayerConfig, ...]) -> RotaryConfig:
    """The rotary embedding of full layers, whose share of turning dimensions lies in the file as a tensor."""
    full = next((layer for layer in layers if layer.layer_type == "full_attention"), None)
    if full is None:
        return RotaryConfig(rope_type="proportional", rope_theta=theta, partial_rotary_factor=0.25)
    tensor, count = file.tensors.get(_ROTARY), full.head_dim // 2
    if tensor is None or tensor.dtype is None or tensor.shape != (count,):
        raise CheckpointError(f"{file.path} has no {_ROTARY} of {count} floats, which its full layers turn by.")
    divisors: Tensor = tensor.read().float()
    turning = int((divisors < _STILL).sum())
    factor = float(divisors[0])
    if not turning or not bool((divisors[:turning] == factor).all()):
        raise CheckpointError(f"{file.path} has frequencies in {_ROTARY} that no released DiffusionGemma has.")
    share = turning / count
    if int(share * full.head_dim // 2) != turning:  # as the network, like transformers', counts them
        share = (turning + 0.5) / count
    return RotaryConfig(
        rope_type="proportional", rope_theta=theta, partial_rotary_factor=share, factor=_shortest(factor)
    )


def _sampler(entries: Mapping[str, Any], tokens: list[str] | None, told: str) -> SamplerConfig:
    """The sampler's numbers; a file names one end token, and the vocabulary the others of the released model."""
    values: dict[str, Any] = {
        name: _shortest(number(entries, key, kind, file=told))
        for name, (key, kind) in _SAMPLER.items()
        if entries.get(key) is not None
    }
    ends = [number(entries, "tokenizer.ggml.eos_token_id", int, 1, told)]
    known = (EOS, TURN_END, TOOL_RESPONSE_BEGIN)
    ends += [tokens.index(name) for name in known if tokens is not None and name in tokens]
    return SamplerConfig(**values, eos_token_ids=tuple(dict.fromkeys(ends)))
