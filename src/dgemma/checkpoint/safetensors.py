"""Reading and writing safetensors weights, single or sharded with an index, one tensor at a time.

A damaged, truncated or incomplete file raises a CheckpointError that names it; a failed write leaves the old files in
place. Knows nothing of what the tensors mean.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dgemma.checkpoint.json_files import read_json, to_json
from dgemma.checkpoint.listing import shortened
from dgemma.errors import CheckpointError
from dgemma.files import replacing
from dgemma.interrupts import deferred

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json")
T = TypeVar("T")
FLOATS = (torch.float32, torch.bfloat16, torch.float16)


def weight_files(folder: Path) -> list[Path]:
    """The folder's weight files. Raises CheckpointError if there are none or a shard in the index is missing."""
    if (folder / INDEX).is_file():
        index = read_json(folder / INDEX)
        table = index.get("weight_map")
        if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
            raise CheckpointError(f"{folder / INDEX} has no weight_map; fetch the model again.")
        files = [folder / Path(name).name for name in sorted(set(table.values()))]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise CheckpointError(f"{folder} lacks the shards {shortened(missing)}; fetch the model again.")
        return files
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    raise CheckpointError(f"{folder} holds no {SINGLE} and no {INDEX}; it is not a complete model folder.")


def read_tensors(
    files: Iterable[Path], wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[str, Tensor]]:
    """Yields (name, tensor) for every name that `wanted` accepts; peak extra memory is the largest tensor."""
    for _, name, tensor in _read_each(files, lambda reader, name: reader.get_tensor(name), wanted):
        yield name, tensor


@contextmanager
def _checkpoint_errors(file: Path) -> Iterator[None]:
    """Turns the errors of reading `file` into CheckpointError."""
    try:
        file.open("rb").close()  # The library reports a file without read permission as missing.
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}.") from error
    try:
        yield
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{file} is damaged or truncated ({error}); fetch the model again.") from error


def files_by_tensor(files: Iterable[Path]) -> dict[str, Path]:
    """The file of each tensor, by the tensor's name; reads headers only."""
    return {name: file for file, name, _ in _read_each(files, lambda *_: None)}


def stored_types(files: Iterable[Path]) -> dict[str, torch.dtype | None]:
    """The dtype of each tensor, None for an unknown type; reads headers only."""
    dtypes = _read_each(files, lambda reader, name: _DTYPES.get(reader.get_slice(name).get_dtype()))
    return {name: dtype for _, name, dtype in dtypes}


def _read_each(
    files: Iterable[Path], read: Callable[[Any, str], T], wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[Path, str, T]]:
    """Yields (file, name, result of `read`) for every tensor that `wanted` accepts."""
    for file in files:
        with _checkpoint_errors(file), safe_open(file, framework="pt") as reader:
            for name in filter(wanted, reader.keys()):
                # The library would turn a Ctrl-C during the call into an error of its own.
                with deferred():
                    found = read(reader, name)
                yield file, name, found


def _save(shard: Mapping[str, Tensor], path: Path) -> None:
    try:
        with deferred():
            save_file(dict(shard), path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from error


_DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def write_folder(
    tensors: Iterable[tuple[str, Tensor]], texts: Mapping[str, str | None], folder: Path, max_shard_bytes: int
) -> None:
    """Writes one weight file, or shards and an index if the weights exceed `max_shard_bytes`, and the files of `texts`
    (name -> content) beside them. Weight files of an earlier model, and the files whose content is None, are deleted.

    Takes the tensors one at a time and holds at most one shard of them in memory.
    """
    # Old files are replaced only after all new ones are complete: a mix of two models might load as one, or not load
    # at all. The shards get their final names before the index and the other files do.
    written: list[tuple[replacing, list[str]]] = []
    total = 0
    with ExitStack() as text_files, ExitStack() as shards:
        for number, shard in enumerate(_shards(tensors, max_shard_bytes), 1):
            file = replacing(folder / f"model-{number:05d}.safetensors")
            _save(shard, shards.enter_context(file))
            written.append((file, list(shard)))
            total += sum(tensor.nbytes for tensor in shard.values())
            # `enumerate` keeps a reference to this shard while the next one is filled.
            shard.clear()
        # The file names contain the number of shards, known only now.
        count = len(written)
        for number, (file, _) in enumerate(written, 1):
            file.path = folder / (SINGLE if count == 1 else f"model-{number:05d}-of-{count:05d}.safetensors")
        contents = {name: text for name, text in texts.items() if text is not None}
        if count > 1:
            table = {name: file.path.name for file, names in written for name in names}
            contents = {INDEX: to_json({"metadata": {"total_size": total}, "weight_map": table}), **contents}
        for name, text in contents.items():
            text_files.enter_context(replacing(folder / name)).write_text(text, encoding="utf-8")
    current = {*contents, *(file.path.name for file, _ in written)}
    for file in folder.iterdir():
        if (_WEIGHTS.fullmatch(file.name) or file.name in texts) and file.name not in current:
            file.unlink()


def _shards(tensors: Iterable[tuple[str, Tensor]], max_shard_bytes: int) -> Iterator[dict[str, Tensor]]:
    shard: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors:
        if shard and size + tensor.nbytes > max_shard_bytes:
            yield shard
            shard, size = {}, 0
        shard[name] = tensor.contiguous()
        size += tensor.nbytes
    yield shard
