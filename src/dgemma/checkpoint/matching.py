"""Strict matching of a file's tensors against the expected ones: errors name every missing or unexpected tensor."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dgemma.checkpoint.listing import shortened
from dgemma.checkpoint.source import BlockTensor, StoredTensor
from dgemma.errors import CheckpointError

Expected = dict[str, tuple[tuple[int, ...], tuple[torch.dtype, ...]]]
"""Shape and allowed dtypes of every tensor that the files must hold, by network name."""


class Labels(NamedTuple):
    """How error messages name things: the files, what the tensors are, where the shapes come from, and a function
    from network name to file name."""

    path: Path
    what: str
    shapes_from: str
    to_file: Callable[[str], str]


def match_tensors(
    tensors: Iterable[StoredTensor], expected: Expected, labels: Labels
) -> Iterator[tuple[str, Tensor | BlockTensor]]:
    """Yields (name, tensor) of the expected tensors. Raises CheckpointError for a wrong shape, dtype or duplicate at
    that tensor, for missing and unexpected ones after the last."""
    missing, unexpected = set(expected), []
    for file_name, name, tensor, _ in tensors:
        if name is None:
            continue
        if name not in expected:
            unexpected.append(file_name)
            continue
        if name not in missing:
            raise CheckpointError(f"{labels.path} holds {file_name} a second time; fetch the model again.")
        shape, dtypes = expected[name]
        if isinstance(tensor, Tensor) and tensor.dtype not in dtypes:
            raise CheckpointError(f"{file_name} in {labels.path} has the type {tensor.dtype}, which is not supported.")
        if (found := tuple(tensor.shape)) != shape:
            raise CheckpointError(
                f"{file_name} in {labels.path} has the shape {found}, but {labels.shapes_from} asks for {shape}."
            )
        missing.discard(name)
        yield name, tensor
    if missing or unexpected:
        problems = [f"missing: {shortened(sorted(map(labels.to_file, missing)))}"] if missing else []
        problems += [f"unexpected: {shortened(sorted(unexpected))}"] if unexpected else []
        raise CheckpointError(
            f"The {labels.what} in {labels.path} do not fit {labels.shapes_from}; {'; '.join(problems)}."
        )
