"""A model folder in the released layout: config.json, safetensors weights, and the optional files beside them."""

import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dgemma.checkpoint import names
from dgemma.checkpoint.json_files import naming_file, read_json, read_profile, read_text
from dgemma.checkpoint.safetensors import files_by_tensor, read_tensors, stored_types, weight_files
from dgemma.checkpoint.source import Description, StoredTensor, profile_path
from dgemma.checkpoint.vision import open_vision
from dgemma.config import ModelConfig, SamplerConfig
from dgemma.errors import CheckpointError, ConfigError
from dgemma.quant import Kind, kind_from_hf
from dgemma.tokenizer import Tokenizer
from dgemma.values import read_nested
from dgemma.vision import VisionTower

OWN = "dgemma"
"""The object in config.json that holds settings of this package only: `causal_check` and `single_turn` (true) and
`text_request` (a string)."""


class Folder:
    """The `Source` of a model folder. Raises CheckpointError for a folder without a readable config.json."""

    shapes_from = "config.json"
    has_gguf_blocks = False

    def __init__(self, path: Path) -> None:
        self.path = path
        config_file = path / "config.json"
        if not config_file.is_file():
            raise CheckpointError(f"{path} has no config.json; it is not a model folder.")
        self._document = read_json(config_file)
        with naming_file(config_file):
            self._config = ModelConfig.from_hf(self._document)
            self.quant: Kind | None = kind_from_hf(self._document)

    def describe(self) -> Description:
        """Everything but the weights."""
        generation = self.path / "generation_config.json"
        tokenizer, template = self.path / "tokenizer.json", self.path / "chat_template.jinja"
        # Without a generation_config.json the sampler has no end tokens of its own: transformers' loop then stops at
        # none, other callers use those of config.json.
        sampler = SamplerConfig()
        if generation.is_file():
            document = read_json(generation)
            with naming_file(generation):
                sampler = SamplerConfig.from_hf(document)
        with naming_file(self.path / "config.json"):
            own = read_nested(self._document, OWN)
            sampler = replace(sampler, causal_check=own.get("causal_check", False))
            single_turn, text_request = _single_turn(own), _text_request(own)
        return Description(
            config=self._config,
            sampler=sampler,
            tokenizer=Tokenizer.from_file(tokenizer) if tokenizer.is_file() else None,
            chat_template=read_text(template) if template.is_file() else None,
            profile=read_profile(profile_path(self.path)),
            single_turn=single_turn,
            text_request=text_request,
        )

    def tower(self, config: ModelConfig, device: torch.device) -> VisionTower | None:
        """The image tower, or None if the folder has none."""
        return open_vision(self.path, config, device=device)

    def to_file(self, name: str) -> str:
        """The released name of a network parameter."""
        return names.to_file(name)

    def types(self) -> Mapping[str, torch.dtype | None]:
        """The dtype of each tensor, by network name; reads headers only."""
        found = {names.from_file(name): dtype for name, dtype in stored_types(weight_files(self.path)).items()}
        return {name: dtype for name, dtype in found.items() if name is not None}

    def num_bytes(self) -> int:
        """Total size of the weight files."""
        return sum(file.stat().st_size for file in weight_files(self.path))

    def tensors(self) -> Iterator[StoredTensor]:
        """Yields the tensors, memory-mapped. Raises CheckpointError for a tied copy that differs from its original."""
        files = weight_files(self.path)
        places: dict[str, Path] = {}
        for file_name, tensor in read_tensors(files):
            if (original := names.original(file_name)) is not None:
                places = places or files_by_tensor(files)
                for _, other in read_tensors([places[original]] if original in places else (), original.__eq__):
                    if tensor.shape != other.shape or not torch.equal(tensor, other.to(tensor.dtype)):
                        raise CheckpointError(
                            f"{file_name} in {self.path} is not the same as {original}; DiffusionGemma ties the two, "
                            "and untied weights are not supported."
                        )
            yield StoredTensor(file_name, names.from_file(file_name), tensor, tensor.nbytes)


def _single_turn(own: Mapping[str, Any]) -> bool:
    value = own.get("single_turn", False)
    if not isinstance(value, bool):
        raise ConfigError(f"single_turn must be true or false, not {reprlib.repr(value)}.")
    return value


def _text_request(own: Mapping[str, Any]) -> str | None:
    request = own.get("text_request")
    if request is not None and not isinstance(request, str):
        raise ConfigError(f"text_request must be a string, not {reprlib.repr(request)}.")
    return request
