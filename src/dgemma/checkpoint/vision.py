"""Reading the image tower of a model folder.

Strict like `checkpoint.load`: errors name every missing and unexpected tensor of the tower. The tensors of the text
network are ignored.
"""

from pathlib import Path

import torch

from dgemma.checkpoint import names
from dgemma.checkpoint.matching import Expected, Labels, match_tensors
from dgemma.checkpoint.safetensors import FLOATS, read_tensors, stored_types, weight_files
from dgemma.checkpoint.source import StoredTensor
from dgemma.config import ModelConfig
from dgemma.vision import VisionTower


def open_vision(
    folder: str | Path,
    config: ModelConfig,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> VisionTower | None:
    """The image tower in a model folder; None if `config`, the folder's, describes none or the files hold no tensor of
    one.

    dtype: dtype of the weights in memory; None keeps that of the files. Weights in the files' dtype stay memory-mapped,
    and a CPU widens them one at a time for its products.
    Raises CheckpointError for damaged files and for tensors that do not match `config`.
    """
    files = weight_files(Path(folder))
    if config.vision is None or not any(names.is_image(name) for name in stored_types(files)):
        return None
    with torch.device("meta"):
        tower = VisionTower(config.vision, config.hidden_size)
    state = tower.state_dict()
    from_file = {names.to_image_file(name): name for name in state}
    tensors = (
        StoredTensor(name, from_file.get(name, f"unknown {name}"), tensor, tensor.nbytes)
        for name, tensor in read_tensors(files, names.is_image)
    )
    expected: Expected = {name: (tuple(value.shape), FLOATS) for name, value in state.items()}
    labels = Labels(Path(folder), "image tower's weights", "config.json", names.to_image_file)
    found = {
        name: tensor.to(device, dtype)
        for name, tensor in match_tensors(tensors, expected, labels)
        if isinstance(tensor, torch.Tensor)
    }
    tower.load_state_dict(found, assign=True)
    return tower.eval().requires_grad_(False)
