"""The one table between this network's parameter names and the released safetensors names, used in both directions.

Everything textual lies under `model.decoder.`; of the encoder only its `layer_scalar`s are stored, its other weights
are the decoder's. transformers may also write the tied copies out (`lm_head.weight`, `model.encoder.language_model.*`);
it does not tie what differs, so a copy must be one.
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
# A quantised weight's scale lies beside it; the router's `per_expert_scale` is a parameter of its own.
_SCALE = re.compile(r".*(_proj|\.weight)_scale")
_IMAGE = re.compile(r"model\.encoder\.(vision_tower|embed_vision)\..*")


def to_file(name: str) -> str:
    """The released name of one of this network's parameters, or of the scale of a quantised one."""
    if _SCALE.fullmatch(name):
        return to_file(name.removesuffix("_scale")) + "_scale"
    for ours, _, _, template in _SPECIAL:
        if match := re.fullmatch(ours, name):
            return template.format(match[1])
    return f"model.decoder.{name}"


def from_file(name: str) -> str | None:
    """This network's parameter for a released name; None for a tied copy or a part of the image tower.

    A name that belongs to nothing comes back in a form that no parameter has, to be listed as unexpected.
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
    # Only the released name is a parameter's: neither a bare name of ours nor one that the table spells otherwise.
    return ours if to_file(ours) == name else f"unknown {name}"


def original(name: str) -> str | None:
    """The released name of what a tied copy is a copy of; None for a tensor that is none."""
    if not _TIED.fullmatch(name.removesuffix("_scale") if _SCALE.fullmatch(name) else name):
        return None
    if name.startswith("lm_head."):
        return f"model.decoder.embed_tokens.{name.removeprefix('lm_head.')}"
    return f"model.decoder.{name.removeprefix('model.encoder.language_model.')}"


def is_image(name: str) -> bool:
    """Whether that is the released name of a tensor of the image tower or of its projection."""
    return _IMAGE.fullmatch(name) is not None


def to_image_file(name: str) -> str:
    """The released name of one of the image tower's parameters, whose modules are named as there."""
    return f"model.encoder.{name}" if name.startswith("embed_vision.") else f"model.encoder.vision_tower.{name}"
