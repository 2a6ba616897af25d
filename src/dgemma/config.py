"""Frozen configurations of the network, the sampler and the engine.

`ModelConfig.from_hf` reads a released `config.json` (both forms of the per-layer overrides); `to_hf` writes what
transformers 5.23 reads. `SamplerConfig` does the same for `generation_config.json`. Validates every value. Knows
nothing of files or tensors.
"""

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from dgemma.errors import CheckpointError
from dgemma.values import read_nested, read_number, require
from dgemma.vision_config import IMAGE_TOKENS, VisionConfig, vision_from_hf, vision_to_hf

LayerType = Literal["sliding_attention", "full_attention"]
Mode = Literal["diffusion", "autoregressive", "auto"]

_DEFAULT_ROPE: dict[str, dict[str, Any]] = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
    "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1_000_000.0},
}


@dataclass(frozen=True, kw_only=True)
class RotaryConfig:
    """Rotary position embedding of one layer type.

    `default` rotates every dimension. `proportional` computes the frequencies of the whole head, divides them by
    `factor`, and keeps the first `partial_rotary_factor` of them; the other dimensions are not rotated.
    """

    rope_type: Literal["default", "proportional"]
    rope_theta: float
    partial_rotary_factor: float = 1.0
    factor: float = 1.0

    def __post_init__(self) -> None:
        require(self.rope_type in ("default", "proportional"), f"rope_type {self.rope_type!r} is not supported.")
        require(self.rope_theta > 0 and self.factor > 0, "rope_theta and its factor must be positive.")
        # Beyond this range frequencies or angles would not be finite.
        in_range = all(1e-30 <= number < float("inf") for number in (self.rope_theta, self.factor))
        require(
            in_range,
            f"rope_theta {self.rope_theta:g} or its factor {self.factor:g} is outside the range of float32.",
        )
        require(
            0 < self.partial_rotary_factor <= 1,
            f"partial_rotary_factor must be above 0 and at most 1, not {self.partial_rotary_factor}.",
        )
        require(
            self.rope_type == "proportional" or (self.partial_rotary_factor == 1.0 and self.factor == 1.0),
            "rope_type 'default' supports no partial_rotary_factor and no factor other than 1.",
        )


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """The sizes that may differ between layers.

    A `full_attention` layer has no value projection: its values come from the output of the key projection.
    """

    layer_type: LayerType
    head_dim: int
    num_key_value_heads: int


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network's sizes, under transformers' own names.

    `vision` describes the image tower; without one it is None, and so are `boi_token_id`, `eoi_token_id` and
    `image_token_id`. With `use_bidirectional_attention` "vision" all tokens of an image see each other in `encode`.
    `extra` keeps parts of the loaded `config.json`, which `to_hf` writes unchanged.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    layers: tuple[LayerConfig, ...]
    num_experts: int
    top_k_experts: int
    moe_intermediate_size: int
    sliding_window: int
    canvas_length: int = 256
    max_position_embeddings: int = 131_072
    rms_norm_eps: float = 1e-6
    final_logit_softcapping: float = 30.0
    initializer_range: float = 0.02
    sliding_rotary: RotaryConfig = RotaryConfig(rope_type="default", rope_theta=10_000.0)
    full_rotary: RotaryConfig = RotaryConfig(
        rope_type="proportional", rope_theta=1_000_000.0, partial_rotary_factor=0.25
    )
    pad_token_id: int = 0
    bos_token_id: int = 2
    eos_token_ids: tuple[int, ...] = (1,)
    vision: VisionConfig | None = None
    boi_token_id: int | None = None
    eoi_token_id: int | None = None
    image_token_id: int | None = None
    use_bidirectional_attention: Literal["vision"] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        names = "vocab_size hidden_size intermediate_size num_attention_heads num_experts top_k_experts"
        for name in (*names.split(), "moe_intermediate_size", "sliding_window", "canvas_length"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}.")
        for name, most in _MOST.items():
            require(getattr(self, name) <= most, f"{name} = {getattr(self, name)} is more than any model has.")
        require(len(self.layers) >= 1, "A model needs at least one layer.")
        require(self.top_k_experts <= self.num_experts, "top_k_experts cannot exceed num_experts.")
        require(self.final_logit_softcapping > 0, "final_logit_softcapping must be positive.")
        require(self.rms_norm_eps >= 0, f"rms_norm_eps must be at least 0, not {self.rms_norm_eps}.")
        images = self.use_bidirectional_attention
        require(images in ("vision", None), f"use_bidirectional_attention {images!r} is not supported.")
        for name in IMAGE_TOKENS:
            require((getattr(self, name) is None) == (self.vision is None), f"{name} and an image tower go together.")
            require((getattr(self, name) or 0) >= 0, f"{name} must be at least 0, not {getattr(self, name)}.")
        for index, layer in enumerate(self.layers):
            require(layer.layer_type in _DEFAULT_ROPE, f"Layer {index} has the unknown type {layer.layer_type!r}.")
            require(layer.head_dim >= 2 and layer.head_dim % 2 == 0, f"Layer {index}: head_dim must be even.")
            most = f"Layer {index}: head_dim = {layer.head_dim} is more than any model has."
            require(layer.head_dim <= _MAX_HEAD_DIM, most)
            require(
                layer.num_key_value_heads >= 1 and self.num_attention_heads % layer.num_key_value_heads == 0,
                f"Layer {index}: {self.num_attention_heads} heads cannot share {layer.num_key_value_heads} key heads.",
            )

    @property
    def num_hidden_layers(self) -> int:
        """The number of layers."""
        return len(self.layers)

    @property
    def windows(self) -> dict[LayerType, int | None]:
        """The sliding window of each layer type; None for full attention."""
        return {"full_attention": None, "sliding_attention": self.sliding_window}

    def rotary(self, layer_type: LayerType) -> RotaryConfig:
        """The rotary embedding of a layer type."""
        return self.sliding_rotary if layer_type == "sliding_attention" else self.full_rotary

    @classmethod
    def from_hf(cls, document: Mapping[str, Any]) -> "ModelConfig":
        """Reads the parsed `config.json` of a DiffusionGemma checkpoint.

        Raises CheckpointError for another architecture or a missing size, ConfigError for invalid sizes.
        """
        model_type = document.get("model_type")
        if model_type != "diffusion_gemma":
            raise CheckpointError(
                f"This is a checkpoint of the architecture {reprlib.repr(model_type)}; dgemma runs 'diffusion_gemma' "
                "models only."
            )
        text = document.get("text_config")
        if not isinstance(text, Mapping):
            raise CheckpointError("config.json has no `text_config`; it is not a complete DiffusionGemma config.")
        _refuse_unsupported(document, text)
        vision = vision_from_hf(document)
        rope = {
            kind: read_nested(text, "rope_parameters").get(kind, default) for kind, default in _DEFAULT_ROPE.items()
        }
        return cls(
            **{name: read_number(text, name, int) for name in SIZES},
            layers=_layers_from_hf(text),
            canvas_length=read_number(document, "canvas_length", int, 256),
            max_position_embeddings=read_number(text, "max_position_embeddings", int, 131_072),
            rms_norm_eps=read_number(text, "rms_norm_eps", float, 1e-6),
            final_logit_softcapping=read_number(text, "final_logit_softcapping", float, 30.0),
            initializer_range=read_number(text, "initializer_range", float, 0.02),
            sliding_rotary=_rotary_from_hf(read_nested(rope, "sliding_attention")),
            full_rotary=_rotary_from_hf(read_nested(rope, "full_attention")),
            pad_token_id=read_number(text, "pad_token_id", int, 0),
            bos_token_id=read_number(text, "bos_token_id", int, 2),
            eos_token_ids=_token_ids(text.get("eos_token_id", 1)),
            vision=vision,
            **{name: read_number(document, name, int, default) for name, default in IMAGE_TOKENS.items() if vision},
            use_bidirectional_attention=text.get("use_bidirectional_attention"),
            extra={name: document[name] for name in _EXTRA_KEYS if document.get(name) is not None},
        )

    def to_hf(self) -> dict[str, Any]:
        """The `config.json` document of this model, as transformers 5.23 reads it.

        A model without an image tower gets the smallest `vision_config` that transformers can build, since its class
        always builds one. Raises ConfigError if the last layer is a sliding one: readers would make it a full one.
        """
        require(self.layers[-1].layer_type == "full_attention", "A model's last layer must be full attention.")
        images = {name: getattr(self, name) for name in IMAGE_TOKENS if getattr(self, name) is not None}
        first = next((layer for layer in self.layers if layer.layer_type == "sliding_attention"), self.layers[0])
        text = {name: getattr(self, name) for name in SIZES}
        text |= {
            "model_type": "diffusion_gemma_text",
            "num_hidden_layers": self.num_hidden_layers,
            "layer_types": [layer.layer_type for layer in self.layers],
            "head_dim": first.head_dim,
            "num_key_value_heads": first.num_key_value_heads,
            "per_layer_config": {
                str(index): {"head_dim": layer.head_dim, "num_key_value_heads": layer.num_key_value_heads}
                for index, layer in enumerate(self.layers)
                if replace(layer, layer_type=first.layer_type) != first
            },
            "max_position_embeddings": self.max_position_embeddings,
            "rms_norm_eps": self.rms_norm_eps,
            "final_logit_softcapping": self.final_logit_softcapping,
            "initializer_range": self.initializer_range,
            "hidden_activation": "gelu_pytorch_tanh",
            "attention_bias": False,
            "tie_word_embeddings": True,
            "use_bidirectional_attention": self.use_bidirectional_attention,
            "rope_parameters": {
                "sliding_attention": _rotary_to_hf(self.sliding_rotary),
                "full_attention": _rotary_to_hf(self.full_rotary),
            },
            "pad_token_id": self.pad_token_id,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": self.eos_token_ids[0] if len(self.eos_token_ids) == 1 else list(self.eos_token_ids) or None,
        }
        return {
            "architectures": ["DiffusionGemmaForBlockDiffusion"],
            "model_type": "diffusion_gemma",
            "canvas_length": self.canvas_length,
            "tie_word_embeddings": True,
            **self.extra,
            **images,
            "vision_config": vision_to_hf(self.vision, self.extra),
            "text_config": text,
        }


SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_experts",
    "top_k_experts",
    "moe_intermediate_size",
    "sliding_window",
)
"""The sizes that a config.json must have, besides those of single layers; the shapes of weights depend on them."""
_EXTRA_KEYS = ("vision_config", *IMAGE_TOKENS, "initializer_range")


def _refuse_unsupported(document: Mapping[str, Any], text: Mapping[str, Any]) -> None:
    activation = text.get("hidden_activation", "gelu_pytorch_tanh")
    refusals = {
        f"hidden_activation {activation!r}": activation != "gelu_pytorch_tanh",
        "attention_bias": bool(text.get("attention_bias")),
        "untied embeddings": document.get("tie_word_embeddings") is False or text.get("tie_word_embeddings") is False,
        "use_bidirectional_attention 'all'": text.get("use_bidirectional_attention") == "all",
        # transformers cannot run such a model either: it divides by the cap.
        "no soft cap": "final_logit_softcapping" in text and text["final_logit_softcapping"] is None,
    }
    for what, unsupported in refusals.items():
        if unsupported:
            raise CheckpointError(
                f"This checkpoint uses {what}, which is not supported: no released DiffusionGemma has it."
            )


# Far above any model, but low enough that the bytes of all tensors fit 64 bits and that layers are built quickly.
_MOST = {
    "vocab_size": 1 << 24,
    "hidden_size": 1 << 20,
    "intermediate_size": 1 << 24,
    "num_attention_heads": 1 << 16,
    "num_experts": 1 << 16,
    "moe_intermediate_size": 1 << 20,
    "canvas_length": 1 << 24,
    "num_hidden_layers": 1000,
}
_MAX_HEAD_DIM = 1 << 16


def _layers_from_hf(text: Mapping[str, Any]) -> tuple[LayerConfig, ...]:
    count = read_number(text, "num_hidden_layers", int)
    require(count >= 1, f"num_hidden_layers must be at least 1, not {count}.")
    pattern: Any = text.get("layer_types")
    is_list = isinstance(pattern, list | tuple) and all(isinstance(kind, str) for kind in pattern)
    if pattern is not None and not is_list:
        raise CheckpointError(f"config.json has layer_types = {reprlib.repr(pattern)}; it must be a list of names.")
    require(count <= _MOST["num_hidden_layers"], f"num_hidden_layers = {count} is more than any model has.")
    pattern = (
        list(pattern) if pattern else ["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(count)]
    )
    if len(pattern) != count:
        raise CheckpointError(f"config.json has {len(pattern)} layer_types for {count} layers.")
    pattern[-1] = "full_attention"
    per_layer = read_nested(text, "per_layer_config")
    overrides = {str(index): read_nested(per_layer, index) for index in per_layer}
    for index, sizes in overrides.items():
        _check_override(index, sizes, text, count)
    if "per_layer_config" not in text:
        # Files written before `per_layer_config` existed have the full layers' sizes at the top level.
        full_sizes: dict[str, Any] = {"head_dim": text.get("global_head_dim") or 512}
        if text.get("num_global_key_value_heads") is not None:
            full_sizes["num_key_value_heads"] = text["num_global_key_value_heads"]
        overrides = {str(i): full_sizes for i, kind in enumerate(pattern) if kind == "full_attention"}
    layers = []
    for index, kind in enumerate(pattern):
        sizes = {**text, **overrides.get(str(index), {})}
        layers.append(
            LayerConfig(
                layer_type=kind,
                head_dim=read_number(sizes, "head_dim", int),
                num_key_value_heads=read_number(sizes, "num_key_value_heads", int),
            )
        )
    return tuple(layers)


def _check_override(index: str, sizes: Mapping[str, Any], text: Mapping[str, Any], count: int) -> None:
    """Raises CheckpointError for an entry of `per_layer_config` that would otherwise be ignored."""
    if index not in map(str, range(count)):
        raise CheckpointError(
            f"config.json has a per_layer_config for layer {index!r}, but the model has {count} layers."
        )
    for name, value in sizes.items():
        if name not in ("head_dim", "num_key_value_heads") and value != text.get(name):
            raise CheckpointError(
                f"config.json sets {name} = {reprlib.repr(value)} for layer {index} alone; only head_dim and "
                "num_key_value_heads may differ from layer to layer."
            )


def _rotary_from_hf(values: Mapping[str, Any]) -> RotaryConfig:
    return RotaryConfig(
        rope_type=values.get("rope_type", "default"),
        rope_theta=read_number(values, "rope_theta", float),
        partial_rotary_factor=read_number(values, "partial_rotary_factor", float, 1.0),
        factor=read_number(values, "factor", float, 1.0),
    )


def _rotary_to_hf(rotary: RotaryConfig) -> dict[str, Any]:
    document: dict[str, Any] = {"rope_type": rotary.rope_type, "rope_theta": rotary.rope_theta}
    if rotary.rope_type == "proportional":
        document["partial_rotary_factor"] = rotary.partial_rotary_factor
    if rotary.factor != 1.0:
        document["factor"] = rotary.factor
    return document


MAX_STEPS = 1_000_000
"""The limit of `max_denoising_steps`: far above any use, and low enough for the schedule's float32 arithmetic."""


@dataclass(frozen=True, kw_only=True)
class SamplerConfig:
    """The parameters of the entropy-bound sampler and of generation, as in `generation_config.json`.

    max_denoising_steps  N, the most denoise passes a canvas may take
    entropy_bound        nats: how much joint uncertainty is accepted in one step (arXiv 2505.24857)
    t_max, t_min         temperature of the first and (in the limit) last step
    stability_threshold  how many earlier steps must agree with the argmax before a canvas may stop
    confidence_threshold nats: the mean entropy below which a canvas may stop
    causal_check         dgemma's own: canvases whose first step is unsure are verified by the causal pass
                         (`decode.verify`); saved in config.json's object `dgemma`, as transformers would reject it in
                         generation_config.json
    """

    max_denoising_steps: int = 48
    entropy_bound: float = 0.1
    t_max: float = 0.8
    t_min: float = 0.4
    stability_threshold: int = 1
    confidence_threshold: float = 0.005
    causal_check: bool = False
    max_new_tokens: int = 256
    eos_token_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        steps = self.max_denoising_steps
        require(1 <= steps <= MAX_STEPS, f"max_denoising_steps must be between 1 and {MAX_STEPS}, not {steps}.")
        require(self.entropy_bound > 0, f"entropy_bound must be above 0, not {self.entropy_bound}.")
        # The schedule reaches t_min in the limit only, so it may be zero.
        require(
            0 <= self.t_min <= self.t_max and self.t_max > 0,
            f"t_min and t_max must satisfy 0 <= t_min <= t_max and t_max > 0, not {self.t_min} and {self.t_max}.",
        )
        require(
            self.stability_threshold >= 0, f"stability_threshold must be at least 0, not {self.stability_threshold}."
        )
        require(
            self.confidence_threshold > 0, f"confidence_threshold must be above 0, not {self.confidence_threshold}."
        )
        require(self.max_new_tokens >= 1, f"max_new_tokens must be at least 1, not {self.max_new_tokens}.")
        require(isinstance(self.causal_check, bool), f"causal_check must be true or false, not {self.causal_check!r}.")

    @classmethod
    def from_hf(cls, document: Mapping[str, Any]) -> "SamplerConfig":
        """Reads the parsed `generation_config.json`; an absent or null number takes the published default."""
        file = "generation_config.json"
        values: dict[str, Any] = {
            name: read_number(document, name, kind, file=file)
            for name, kind in _SAMPLER_KEYS.items()
            if document.get(name) is not None
        }
        nested = read_nested(document, "sampler_config", file)
        if nested.get("_cls_name", "EntropyBoundSamplerConfig") != "EntropyBoundSamplerConfig":
            raise CheckpointError(f"generation_config.json names the unknown sampler {nested['_cls_name']!r}.")
        if nested.get("entropy_bound") is not None:
            values["entropy_bound"] = read_number(nested, "entropy_bound", float, file=file)
        values["eos_token_ids"] = _token_ids(document.get("eos_token_id"))
        read = cls(**values)
        # `to_hf` writes equal temperatures this way.
        return replace(read, t_max=read.t_min) if read.t_max == math.nextafter(read.t_min, math.inf) else read

    def to_hf(self) -> dict[str, Any]:
        """The `generation_config.json` document, as transformers 5.23 reads it."""
        document: dict[str, Any] = {name: kind(getattr(self, name)) for name, kind in _SAMPLER_KEYS.items()}
        # transformers needs t_max > t_min; in float32, in which temperatures are computed, these two are equal.
        document["t_max"] = max(document["t_max"], math.nextafter(document["t_min"], math.inf))
        document["sampler_config"] = {
            "_cls_name": "EntropyBoundSamplerConfig",
            "entropy_bound": float(self.entropy_bound),
        }
        document["eos_token_id"] = list(self.eos_token_ids) or None
        return document


_SAMPLER_KEYS: dict[str, type] = {
    "max_denoising_steps": int,
    "t_max": float,
    "t_min": float,
    "stability_threshold": int,
    "confidence_threshold": float,
    "max_new_tokens": int,
}


def _token_ids(value: Any) -> tuple[int, ...]:
    """End token ids from their forms in files: null, one id, or a list."""
    items = list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
    if not all(isinstance(item, int) and not isinstance(item, bool) for item in items):
        raise CheckpointError(f"eos_token_id = {reprlib.repr(value)} is neither a token id nor a list of token ids.")
    return tuple(items)


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Where and how the engine runs.

    max_context   the most tokens of one request, prompt and answer; None: the model's own limit
    prefill_chunk the most prompt tokens encoded in one pass
    max_active    the most requests that run at a time, in turns
    max_waiting   the most requests that wait; further ones are refused
    kv_budget_mb  the size of all KV caches together; None: a quarter of the device's memory, less beside large weights
    max_prefixes  the most encoded prompts kept for prefix reuse, within kv_budget_mb; 0: none
    pace_file     keeps the speeds measured for mode "auto" between runs; None: each process measures them

    `dgemma.engine.placement` resolves device, dtype and kv_budget_mb: "auto" is float32 on CPU and bfloat16 on CUDA.
    """

    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_context: int | None = None
    prefill_chunk: int = 512
    max_active: int = 8
    max_waiting: int = 64
    kv_budget_mb: float | None = None
    max_prefixes: int = 16
    pace_file: str | None = None

    def __post_init__(self) -> None:
        require(
            self.dtype in ("auto", "float32", "bfloat16", "float16"),
            f"dtype {self.dtype!r} is not one of auto, float32, bfloat16, float16.",
        )
        least = {"max_context": 1, "prefill_chunk": 1, "max_active": 1, "max_waiting": 0, "max_prefixes": 0}
        for name, smallest in least.items():
            value = getattr(self, name)
            optional = value is None and name == "max_context"
            whole = isinstance(value, int) and value >= smallest
            require(optional or whole, f"{name} must be a whole number of at least {smallest}, not {value!r}.")
        budget = self.kv_budget_mb
        require(budget is None or (isinstance(budget, int | float) and budget > 0), "kv_budget_mb must be positive.")
