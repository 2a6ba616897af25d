"""What a model's files give, wherever they lie: the interface that a folder and a GGUF file share.

`load` and `save` know this alone; `folder` and `gguf_model` are the two that have it.
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
    """Where the measured profile of a model lies: in its folder, or beside its GGUF file, under that one's name."""
    return model / PROFILE if model.is_dir() else model.with_suffix(f".{PROFILE}")


@dataclass(frozen=True, kw_only=True)
class Description:
    """All of a model but its weights. One without a vocabulary has `tokenizer` None and works on ids only; `profile` is
    what canvases of each length took, where that was measured. A `single_turn` model has learned to answer one request,
    not to go on with a conversation; one with a `text_request` knows no text outside of one, so what has a gap to fill
    or is gone over is shown to it as the answer to that request."""

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


class Blocks(Rows, Protocol):
    """A tensor in the files' own format, which becomes floats row by row or whole."""

    def read(self) -> Tensor:
        """All of it, float32."""
        ...


class Stored(NamedTuple):
    """A tensor of the files: its name there, the network's for it (None for what it does not need), the numbers, and
    the bytes that they take on the disk."""

    file_name: str
    name: str | None
    tensor: Tensor | Blocks
    num_bytes: int


class Source(Protocol):
    """A model's files.

    path       what an error calls them
    sizes      what an error calls that which tells the sizes of its tensors
    stored     the kind of quantised weights in our own format; None for others
    in_blocks  whether some are in the block formats of GGUF
    """

    path: Path
    sizes: str
    stored: Kind | None
    in_blocks: bool

    def describe(self) -> Description:
        """All but the weights. Raises CheckpointError and ConfigError for what cannot be read or cannot work."""
        ...

    def tower(self, config: ModelConfig, device: torch.device) -> VisionTower | None:
        """The image tower, where the files hold one; its weights keep their type and are read when they are needed.
        Raises CheckpointError for one that is not as `config` says."""
        ...

    def spelled(self, name: str) -> str:
        """What the files call one of the network's parameters."""
        ...

    def types(self) -> Mapping[str, torch.dtype | None]:
        """The type of each tensor by the network's name for it, None for one in blocks or of a type that is not known;
        no numbers are read."""
        ...

    def num_bytes(self) -> int:
        """What the weights take on the disk."""
        ...

    def tensors(self) -> Iterator[Stored]:
        """The tensors, one after another; the peak of memory is the largest of them."""
        ...
