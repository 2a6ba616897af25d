"""Reading the image tower of a model folder.

Strict as `checkpoint.load` is: every missing and every unexpected tensor of the tower is told by name. The tensors of
the text network are not looked at.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from dgemma.checkpoint import names
from dgemma.checkpoint.safetensors import FLOATS, read_tensors, stored_types, weight_files
from dgemma.config import ModelConfig
from dgemma.errors import CheckpointError
from dgemma.vision import VisionTower


def open_vision(
    folder: str | Path,
    config: ModelConfig,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> VisionTower | None:
    """The image tower in a model folder; None where `config`, which is the folder's, describes none or the files hold
    no tensor of one.

    dtype: the weights' type in memory; None keeps the files'. Such weights are read from the disk page by page, when
    they are needed, and a CPU widens them one at a time for its products.
    Raises CheckpointError for files that are damaged or hold other tensors than the tower that `config` describes.
    """
    files = weight_files(Path(folder))
    if config.vision is None or not any(names.is_image(name) for name in stored_types(files)):
        return None
    with torch.device("meta"):
        tower = VisionTower(config.vision, config.hidden_size)
    tensors = {name: tensor.to(device, dtype) for name, tensor in _read(Path(folder), files, tower)}
    tower.load_state_dict(tensors, assign=True)
    return tower.eval().requires_grad_(False)


def _read(folder: Path, files: list[Path], tower: VisionTower) -> Iterator[tuple[str, Tensor]]:
    expected = {names.to_image_file(name): name for name in tower.state_dict()}
    missing, unexpected, shapes = set(expected), [], {name: value.shape for name, value in tower.state_dict().items()}
    for file_name, tensor in read_tensors(files, names.is_image):
        if file_name not in expected:
            unexpected.append(file_name)
            continue
        name = expected[file_name]
        if tensor.dtype not in FLOATS:
            raise CheckpointError(f"{file_name} in {folder} has the type {tensor.dtype}, which is not supported.")
        if tensor.shape != shapes[name]:
            wanted, found = tuple(shapes[name]), tuple(tensor.shape)
            raise CheckpointError(f"{file_name} in {folder} has the shape {found}, but config.json asks for {wanted}.")
        missing.discard(file_name)
        yield name, tensor
    if missing or unexpected:
        told = [f"{what}: {_some(sorted(of))}" for what, of in (("missing", missing), ("unexpected", unexpected)) if of]
        raise CheckpointError(f"The image tower in {folder} does not fit its config.json; {'; '.join(told)}.")


def _some(items: list[str], most: int = 12) -> str:
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
