"""Reading the image tower of a model folder.

Strict as `checkpoint.load` is: every missing and every unexpected tensor of the tower is told by name. The tensors of
the text network are not looked at.
"""

from pathlib import Path

import torch

from dgemma.checkpoint import names
from dgemma.checkpoint.matching import Expected, Told, matched
from dgemma.checkpoint.safetensors import FLOATS, read_tensors, stored_types, weight_files
from dgemma.checkpoint.source import Stored
from dgemma.config import ModelConfig
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
    state = tower.state_dict()
    ours = {names.to_image_file(name): name for name in state}
    tensors = (
        Stored(name, ours.get(name, f"unknown {name}"), tensor, tensor.nbytes)
        for name, tensor in read_tensors(files, names.is_image)
    )
    expected: Expected = {name: (tuple(value.shape), FLOATS) for name, value in state.items()}
    told = Told(Path(folder), "image tower's weights", "config.json", names.to_image_file)
    found = {
        name: tensor.to(device, dtype)
        for name, tensor in matched(tensors, expected, told)
        if isinstance(tensor, torch.Tensor)
    }
    tower.load_state_dict(found, assign=True)
    return tower.eval().requires_grad_(False)
