"""VisionConfig: the sizes of the image tower, as `vision_config` in a released `config.json` holds them.

`from_hf` reads what transformers' `Gemma4VisionConfig` writes; `to_hf` writes what that class reads. Validates every
value. Knows nothing of files, tensors or images.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from dgemma.errors import CheckpointError
from dgemma.values import read_nested, read_number, require


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """The image tower's sizes, under transformers' own names and with its defaults.

    patch_size               pixels along a side of a patch
    pooling_kernel_size      patches along a side of the square that becomes one soft token
    position_embedding_size  learned positions along each axis
    rope_theta               base of the axial rotary embedding, from `rope_parameters`
    use_clipped_linears      whether linear layers clamp their inputs and outputs to bounds stored in the files
    standardize              whether soft tokens are shifted and scaled by vectors stored in the files
    """

    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 16
    num_attention_heads: int = 12
    num_key_value_heads: int = 12
    head_dim: int = 64
    patch_size: int = 16
    pooling_kernel_size: int = 3
    position_embedding_size: int = 10_240
    rms_norm_eps: float = 1e-6
    rope_theta: float = 100.0
    use_clipped_linears: bool = False
    standardize: bool = False

    def __post_init__(self) -> None:
        for name in _SIZES:
            require(getattr(self, name) >= 1, f"vision_config: {name} must be at least 1, not {getattr(self, name)}.")
        for name, most in _MOST.items():
            value = getattr(self, name)
            require(value <= most, f"vision_config: {name} = {value} is more than any image tower has.")
        require(
            self.num_attention_heads % self.num_key_value_heads == 0,
            f"vision_config: {self.num_attention_heads} heads cannot share {self.num_key_value_heads} key heads.",
        )
        require(
            self.head_dim % 4 == 0,
            f"vision_config: head_dim must be a multiple of 4 (two halves for each axis), not {self.head_dim}.",
        )
        require(self.rms_norm_eps >= 0, f"vision_config: rms_norm_eps must be at least 0, not {self.rms_norm_eps}.")
        require(
            1e-30 <= self.rope_theta < float("inf"),
            f"vision_config: rope_theta {self.rope_theta:g} is outside the range of float32.",
        )

    @classmethod
    def from_hf(cls, document: Mapping[str, Any]) -> "VisionConfig":
        """Reads the object `vision_config` of a `config.json`; an absent or null value takes transformers' default.

        Raises CheckpointError for an unsupported tower or a malformed value, ConfigError for invalid sizes.
        """
        rope = read_nested(document, "rope_parameters")
        _refuse_unsupported(document, rope)
        defaults = {entry.name: entry.default for entry in fields(cls)}
        values: dict[str, Any] = {name: read_number(document, name, int, defaults[name]) for name in _SIZES}
        values["rms_norm_eps"] = read_number(document, "rms_norm_eps", float, defaults["rms_norm_eps"])
        values["rope_theta"] = read_number(rope, "rope_theta", float, defaults["rope_theta"])
        return cls(**values, **{name: _flag(document, name) for name in _FLAGS})

    def to_hf(self) -> dict[str, Any]:
        """The object `vision_config`, as transformers 5.23 reads it."""
        document: dict[str, Any] = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        theta = document.pop("rope_theta")
        return {
            "model_type": "gemma4_vision",
            **document,
            "hidden_activation": "gelu_pytorch_tanh",
            "attention_bias": False,
            "rope_parameters": {"rope_type": "axial", "rope_theta": theta},
        }


IMAGE_TOKENS = {"boi_token_id": 255_999, "eoi_token_id": 258_882, "image_token_id": 258_880}
"""The tokens that begin, end and hold an image, by their names in `config.json`, with transformers' defaults."""


def vision_from_hf(document: Mapping[str, Any]) -> VisionConfig | None:
    """The image tower that a `config.json` describes; None if it has none or the smallest one, which means none.

    Raises the same errors as `VisionConfig.from_hf`.
    """
    if document.get("vision_config") is None:
        return None
    found = VisionConfig.from_hf(read_nested(document, "vision_config"))
    return None if found == VisionConfig.from_hf(_SMALLEST) else found


def vision_to_hf(vision: VisionConfig | None, read: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object `vision_config` for a tower, or for none.

    Returned unchanged from `read`, the `config.json` that was loaded, if that describes the same tower.
    """
    if read.get("vision_config") is not None and vision_from_hf(read) == vision:
        return read["vision_config"]
    return _SMALLEST if vision is None else vision.to_hf()


# transformers' class always builds a tower, so a model without one is saved with the smallest that it can build.
_SMALLEST = {
    "model_type": "gemma4_vision",
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "global_head_dim": 16,
    "position_embedding_size": 16,
}
_SIZES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "patch_size",
    "pooling_kernel_size",
    "position_embedding_size",
)
_FLAGS = ("use_clipped_linears", "standardize")
_MOST = {
    "hidden_size": 1 << 16,
    "intermediate_size": 1 << 20,
    "num_hidden_layers": 1000,
    "num_attention_heads": 1 << 12,
    "head_dim": 1 << 12,
    "patch_size": 1024,
    "pooling_kernel_size": 64,
    "position_embedding_size": 1 << 20,
}


def _flag(document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise CheckpointError(f"config.json has {name} = {value!r}; it must be true or false.")
    return bool(value)


def _refuse_unsupported(document: Mapping[str, Any], rope: Mapping[str, Any]) -> None:
    model_type = document.get("model_type") or "gemma4_vision"
    activation = document.get("hidden_activation") or "gelu_pytorch_tanh"
    # Files written before the name "axial" existed say "default".
    rope_type = rope.get("rope_type") or "axial"
    refusals = {
        f"of the type {model_type!r}": model_type != "gemma4_vision",
        f"with hidden_activation {activation!r}": activation != "gelu_pytorch_tanh",
        "with attention_bias": bool(document.get("attention_bias")),
        f"with rope_type {rope_type!r}": rope_type not in ("axial", "default"),
    }
    for what, unsupported in refusals.items():
        if unsupported:
            raise CheckpointError(
                f"This checkpoint has an image tower {what}, which is not supported; no released one has that."
            )
