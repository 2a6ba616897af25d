"""Network parameter names <-> released safetensors names: one table, used in both directions.

The text network is under `model.decoder.`. The encoder shares its weights; only its `layer_scalar`s are stored
separately. transformers may also write the tied copies (`lm_head.weight`, `model.encoder.language_model.*`). It does
not tie weights that differ, so the loader checks that a copy equals its original.
"""

import re

_LAYER = r"layers\.(\d+)\."

_ENCODER = r"model\.encoder\.language_model\."

_SPECIAL = (
    # (pattern of our name, our template, pattern of the file's name, the file's template)
    (_LAYER + "encoder_scalar", "layers.{}.encoder_scalar", _ENCODER + _LAYER + "layer_scalar",
     "model.encoder.language_model.layers.{}.layer_scalar"),
    (_LAYER + "decoder_scalar", "layers.{}.decoder_scalar", r"model\.decoder\." + _LAYER + "layer_scalar",
     "model.decoder.layers.{}.layer_scalar"),
    (r"self_conditioning\.mlp\.(\w+)\.weight", "self_conditioning.mlp.{}.weight",
     r"model\.decoder\.self_conditioning\.(\w+_proj)\.weight", "model.decoder.self_conditioning.{}.weight"),
)  # fmt: skip

_TIED = re.compile(
    r"lm_head\.weight|model\.encoder\.language_model\.(embed_tokens|norm|layers\.\d+\.(?!layer_scalar)).*"
)
# The scale of a quantised weight; not the router's `per_expert_scale`, which is a parameter.
_SCALE = re.compile(r".*(_proj|\.weight)_scale")
_IMAGE = re.compile(r"model\.encoder\.(vision_tower|embed_vision)\..*")


def to_file(name: str) -> str:
    """Network name of a parameter, or of a quantised weight's scale -> released name."""
    if _SCALE.fullmatch(name):
        return to_file(name.removesuffix("_scale")) + "_scale"
    for ours, _, _, template in _SPECIAL:
        if match := re.fullmatch(ours, name):
            return template.format(match[1])
    return f"model.decoder.{name}"


def from_file(name: str) -> str | None:
    """Released name -> network name; None for a tied copy or a tensor of the image tower.

    An unknown name comes back as `unknown NAME`, which no parameter has, so the loader lists it as unexpected.
    """
    if _SCALE.fullmatch(name):
        weight = from_file(name.removesuffix("_scale"))
        return None if weight is None else f"{weight}_scale"
    if _TIED.fullmatch(name) or _IMAGE.fullmatch(name):
        return None
    for _, template, theirs, _ in _SPECIAL:
        if match := re.fullmatch(theirs, name):
            return template.format(match[1])
    ours = name.removeprefix("model.decoder.")
    # Reject network names without the prefix, and names that the table spells differently.
    return ours if to_file(ours) == name else f"unknown {name}"


def original(name: str) -> str | None:
    """The released name of the tensor that a tied copy repeats; None if `name` is not a tied copy."""
    if not _TIED.fullmatch(name.removesuffix("_scale") if _SCALE.fullmatch(name) else name):
        return None
    if name.startswith("lm_head."):
        return f"model.decoder.embed_tokens.{name.removeprefix('lm_head.')}"
    return f"model.decoder.{name.removeprefix('model.encoder.language_model.')}"


def is_image(name: str) -> bool:
    """Whether a released name belongs to the image tower or its projection."""
    return _IMAGE.fullmatch(name) is not None


def to_image_file(name: str) -> str:
    """Image tower parameter -> released name; the tower's modules are named as in the release."""
    return f"model.encoder.{name}" if name.startswith("embed_vision.") else f"model.encoder.vision_tower.{name}"
