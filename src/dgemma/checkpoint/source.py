"""The interface that a model folder and a GGUF file share.

`load` and `save` use only this; `folder.Folder` and `gguf_model.GgufModel` implement it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from dgemma.config import ModelConfig, SamplerConfig
from dgemma.profile import DenoisingProfile
from dgemma.quant import Kind, Rows
from dgemma.tokenizer import Tokenizer
from dgemma.vision import VisionTower

PROFILE = "denoising.json"


def profile_path(model: Path) -> Path:
    """The file with a model's measured profile: in its folder, or next to its GGUF file with that file's stem."""
    return model / PROFILE if model.is_dir() else model.with_suffix(f".{PROFILE}")


@dataclass(frozen=True, kw_only=True)
class Description:
    """Everything about a model but its weights.

    tokenizer     None for a model without a vocabulary, which works on token ids only
    profile       denoise steps measured for each canvas length; None if not measured
    single_turn   the model learned to answer one request, not to continue a conversation
    text_request  for a model that knows text only as an answer: the request to show before text that has a gap to
                  fill or is rewritten; None for other models
    """

    config: ModelConfig
    sampler: SamplerConfig
    tokenizer: Tokenizer | None = None
    chat_template: str | None = None
    profile: DenoisingProfile | None = None
    single_turn: bool = False
    text_request: str | None = None

    @property
    def end_ids(self) -> tuple[int, ...]:
        """The ids that end an answer: those of generation_config.json, else those of config.json."""
        return self.sampler.eos_token_ids or self.config.eos_token_ids


class BlockTensor(Rows, Protocol):
    """A tensor in GGUF blocks, dequantised row by row or whole."""

    def read(self) -> Tensor:
        """The whole tensor as float32."""
        ...


class StoredTensor(NamedTuple):
    """A tensor in a file. name: the network's name for it, None if the network does not need it. num_bytes: its size on
    disk."""

    file_name: str
    name: str | None
    tensor: Tensor | BlockTensor
    num_bytes: int


class Source(Protocol):
    """A model's files.

    path             the path shown in error messages
    shapes_from      where the expected shapes come from, as error messages name it
    quant            the kind of weights quantised in this package's own format; None for all others
    has_gguf_blocks  whether some tensors are in GGUF block formats
    """

    path: Path
    shapes_from: str
    quant: Kind | None
    has_gguf_blocks: bool

    def describe(self) -> Description:
        """Everything but the weights. Raises CheckpointError for unreadable files, ConfigError for invalid values."""
        ...

    def tower(self, config: ModelConfig, device: torch.device) -> VisionTower | None:
        """The image tower, None if the files have none; its weights keep their dtype and are memory-mapped. Raises
        CheckpointError for a tower that does not match `config`."""
        ...

    def to_file(self, name: str) -> str:
        """The name in the files of a network parameter."""
        ...

    def types(self) -> Mapping[str, torch.dtype | None]:
        """The dtype of each tensor, by network name; None for GGUF blocks and unknown types. Reads headers only."""
        ...

    def num_bytes(self) -> int:
        """Size of the weights on disk."""
        ...

    def tensors(self) -> Iterator[StoredTensor]:
        """Yields the tensors one at a time; peak memory is the largest of them."""
        ...
