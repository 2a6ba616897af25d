"""Tensors held against those that a model needs: each that is missing, unexpected or misshapen is told by its name."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dgemma.checkpoint.source import Blocks, Stored
from dgemma.errors import CheckpointError

Expected = dict[str, tuple[tuple[int, ...], tuple[torch.dtype, ...]]]
"""The shape and the possible types of every tensor that files must hold, by our name for it."""


class Told(NamedTuple):
    """The words of an error: where the tensors lie, what they are, what says their sizes, and what each is called."""

    path: Path
    what: str
    sizes: str
    spelled: Callable[[str], str]


def matched(tensors: Iterable[Stored], expected: Expected, told: Told) -> Iterator[tuple[str, Tensor | Blocks]]:
    """(name, tensor) of those that are expected. Raises CheckpointError, at the latest behind the last one, for others
    and for those that are not there."""
    missing, unexpected = set(expected), []
    for file_name, name, tensor, _ in tensors:
        if name is None:
            continue
        if name not in expected:
            unexpected.append(file_name)
            continue
        if name not in missing:
            raise CheckpointError(f"{told.path} holds {file_name} a second time; fetch the model again.")
        shape, types = expected[name]
        if isinstance(tensor, Tensor) and tensor.dtype not in types:
            raise CheckpointError(f"{file_name} in {told.path} has the type {tensor.dtype}, which is not supported.")
        if (found := tuple(tensor.shape)) != shape:
            raise CheckpointError(
                f"{file_name} in {told.path} has the shape {found}, but {told.sizes} asks for {shape}."
            )
        missing.discard(name)
        yield name, tensor
    if missing or unexpected:
        lines = [f"missing: {_some(sorted(map(told.spelled, missing)))}"] if missing else []
        lines += [f"unexpected: {_some(sorted(unexpected))}"] if unexpected else []
        raise CheckpointError(f"The {told.what} in {told.path} do not fit {told.sizes}; {'; '.join(lines)}.")


def _some(items: list[str], most: int = 12) -> str:
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
