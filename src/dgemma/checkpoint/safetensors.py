"""Reading and writing safetensors weights, single or sharded with an index, one tensor at a time.

Promises that a damaged, truncated or incomplete file is a CheckpointError that names it, and that a write that fails
leaves nothing half-done. Knows nothing of what the tensors mean.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dgemma.errors import CheckpointError
from dgemma.files import replacing
from dgemma.interrupts import deferred

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json")
_SHOWN = 8
"""Names in one message at most."""
T = TypeVar("T")
FLOATS = (torch.float32, torch.bfloat16, torch.float16)


def weight_files(folder: Path) -> list[Path]:
    """The folder's weight files; raises CheckpointError when there are none or a shard of the index is missing."""
    if (folder / INDEX).is_file():
        index = read_json(folder / INDEX)
        table = index.get("weight_map")
        if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
            raise CheckpointError(f"{folder / INDEX} has no weight_map; fetch the model again.")
        files = [folder / Path(name).name for name in sorted(set(table.values()))]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if missing[_SHOWN:] else "")
            raise CheckpointError(f"{folder} lacks the shards {shown}; fetch the model again.")
        return files
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    raise CheckpointError(f"{folder} holds no {SINGLE} and no {INDEX}; it is not a complete model folder.")


def read_tensors(
    files: Iterable[Path], wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of every weight of a wanted name, read one after another; peak extra memory is the largest."""
    for _, name, tensor in _each(files, lambda reader, name: reader.get_tensor(name), wanted):
        yield name, tensor


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        file.open("rb").close()  # The library calls a file that it may not open a missing one.
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}.") from error
    try:
        yield
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{file} is damaged or truncated ({error}); fetch the model again.") from error


def places_of(files: Iterable[Path]) -> dict[str, Path]:
    """The file of every tensor; nothing but headers is read."""
    return {name: file for file, name, _ in _each(files, lambda *_: None)}


def stored_types(files: Iterable[Path]) -> dict[str, torch.dtype | None]:
    """The type of every tensor, None for one of a kind that is not known; nothing but headers is read."""
    types = _each(files, lambda reader, name: _TYPES.get(reader.get_slice(name).get_dtype()))
    return {name: kind for _, name, kind in types}


def _each(
    files: Iterable[Path], read: Callable[[Any, str], T], wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[Path, str, T]]:
    """(file, name, what is read) of every tensor of a wanted name."""
    for file in files:
        with _reading(file), safe_open(file, framework="pt") as reader:
            for name in filter(wanted, reader.keys()):
                # The library makes an error of its own of a Ctrl-C that comes meanwhile.
                with deferred():
                    found = read(reader, name)
                yield file, name, found


def _save(shard: Mapping[str, Tensor], path: Path) -> None:
    try:
        with deferred():
            save_file(dict(shard), path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from error


_TYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def write_folder(
    tensors: Iterable[tuple[str, Tensor]], texts: Mapping[str, str | None], folder: Path, max_shard_bytes: int
) -> None:
    """Writes one file, or shards and an index when the weights exceed `max_shard_bytes`, and beside them `texts` by the
    names of their files; a file without a text goes, as weights of another model do.

    Tensors are asked for one after another, and no more than one shard of them is held at a time.
    """
    # No old file goes before every new one is whole: what is left of two models would load as one, or as none. Shards
    # have their names before the index tells of them.
    written: list[tuple[replacing, list[str]]] = []
    total = 0
    with ExitStack() as beside, ExitStack() as shards:
        for number, shard in enumerate(_shards(tensors, max_shard_bytes), 1):
            file = replacing(folder / f"model-{number:05d}.safetensors")
            _save(shard, shards.enter_context(file))
            written.append((file, list(shard)))
            total += sum(tensor.nbytes for tensor in shard.values())
            # `enumerate` still holds it while the next one is filled.
            shard.clear()
        # How many there are is known only now.
        count = len(written)
        for number, (file, _) in enumerate(written, 1):
            file.path = folder / (SINGLE if count == 1 else f"model-{number:05d}-of-{count:05d}.safetensors")
        known = {name: text for name, text in texts.items() if text is not None}
        if count > 1:
            table = {name: file.path.name for file, names in written for name in names}
            known = {INDEX: to_json({"metadata": {"total_size": total}, "weight_map": table}), **known}
        for name, text in known.items():
            beside.enter_context(replacing(folder / name)).write_text(text, encoding="utf-8")
    known |= {file.path.name: "" for file, _ in written}
    for stale in folder.iterdir():
        if (_WEIGHTS.fullmatch(stale.name) or stale.name in texts) and stale.name not in known:
            stale.unlink()


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


def read_json(path: Path) -> dict:
    """The parsed object of a JSON file; raises CheckpointError when it cannot be read or is no object."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); fetch the model again.") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{path} does not hold a JSON object; fetch the model again.")
    return document


def write_json(document: Mapping, path: Path) -> None:
    """Writes a JSON file, replacing the old one only when complete."""
    with replacing(path) as temporary:
        temporary.write_text(to_json(document), encoding="utf-8")


def to_json(document: Mapping) -> str:
    """The text of a JSON file, the same for the same document; a list of numbers stands in one line."""
    text = json.dumps(document, indent=2, sort_keys=True)
    return _NUMBERS.sub(lambda found: f"[{', '.join(found[1].split())}]".replace(",,", ","), text) + "\n"


# No text has such a line break in it: JSON writes those as two characters.
_NUMBERS = re.compile(r"\[\n\s+(-?\d[\d.eE+-]*(?:,\n\s+-?\d[\d.eE+-]*)*)\n\s+\]")
