"""Reading GGUF files: parses the header, dequantises blocks with the `gguf` package. Knows nothing of models.

    "GGUF"  version u32  tensors u64  entries u64
    entry   key  type u32  value            a string is its length as u64 and UTF-8; an array type u32, count u64, items
    tensor  name  dimensions u32  sizes u64 each, the innermost first  type u32  offset u64
    data    from the next multiple of `general.alignment` on, offsets counted from there

The package's own reader makes an array of every string, which takes 16 seconds for the 262,144 tokens and 515,000
merges of a released vocabulary, each time a model is opened. This parser takes half a second.
"""

import mmap
import struct
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgemma.checkpoint.gguf_names import all_parts
from dgemma.checkpoint.listing import shortened
from dgemma.errors import CheckpointError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
# GGUF value type -> struct format
_SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MAX_DEPTH, _MAX_DIMENSIONS = 4, 8
# ggml type -> dtype, of the types without blocks
_FLOATS = {0: torch.float32, 1: torch.float16, 30: torch.bfloat16}
# Weights that one thread dequantises at once: few enough for the intermediate results to stay in the cache.
_CHUNK = 1 << 18
# More items than any vocabulary has, and more tensors or entries than any model.
_MAX_ITEMS, _MAX_NAMES = 1 << 24, 100_000


@dataclass(frozen=True, kw_only=True)
class GgufTensor:
    """A tensor in a file, memory-mapped. shape: in torch's order, innermost size last."""

    name: str
    shape: tuple[int, ...]
    ggml_type: int
    data: np.ndarray = field(repr=False)
    path: Path = field(repr=False)

    @property
    def num_bytes(self) -> int:
        """Size in the file."""
        return self.data.nbytes

    @property
    def dtype(self) -> torch.dtype | None:
        """The dtype of a tensor of floats; None for one in blocks."""
        return _FLOATS.get(self.ggml_type)

    def read(self) -> Tensor:
        """The whole tensor: floats as a memory-mapped view, blocks dequantised to float32."""
        if self.dtype is not None:
            return torch.from_numpy(self.data).view(self.dtype).view(self.shape)
        values = torch.empty(self.shape)
        flat = values.view(-1, self.shape[-1])
        num_rows = max(1, _CHUNK // self.shape[-1])

        def fill(start: int) -> None:
            slab = slice(start, start + num_rows)
            flat[slab] = self.rows(slab)

        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            for _ in threads.map(fill, range(0, len(flat), num_rows)):
                pass
        return values

    def rows(self, slab: slice) -> Tensor:
        """The rows in `slab` as float32 [N, I], all dimensions but the last flattened into one."""
        if self.dtype is not None:
            return self.read().reshape(-1, self.shape[-1])[slab].float()
        from gguf.constants import GGMLQuantizationType
        from gguf.quants import dequantize

        ggml_type = GGMLQuantizationType(self.ggml_type)
        blocks = self.data.reshape(prod(self.shape[:-1]), -1)[slab]
        try:
            # As one long row: the package works on sixteen rows at a time, however short they are.
            values = dequantize(blocks.reshape(1, -1), ggml_type)
        except NotImplementedError as error:
            raise CheckpointError(
                f"{self.name} in {self.path} has the type {ggml_type.name}, which is not supported ({error})."
            ) from error
        return torch.from_numpy(values).view(len(blocks), self.shape[-1])


@dataclass(frozen=True, kw_only=True)
class GgufFile:
    """The metadata entries and tensors of a GGUF file, or of all parts of a split one. Arrays of numbers are numpy
    arrays, other arrays lists."""

    path: Path
    entries: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor]


def as_list(value: Any) -> Any:
    """A numpy array as a list, any other value unchanged."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def read_gguf(path: Path) -> GgufFile:
    """Opens a file and, if it is part of a split model, all other parts. Raises CheckpointError for a file that is
    damaged, missing or of an unknown format."""
    parts = [path.with_name(name) for name in all_parts(path.name)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing and path.is_file():
        raise CheckpointError(f"{path.parent} lacks the parts {shortened(missing)}; fetch the model again.")
    files = [_read_file(part) for part in parts]
    tensors: dict[str, GgufTensor] = {}
    for number, file in enumerate(files):
        # Tools that join the parts write a count of 0.
        count, index = file.entries.get("split.count", 1) or 1, file.entries.get("split.no", number)
        if count != 1 and len(parts) == 1:
            raise CheckpointError(
                f"{path} is one of {count} parts; their names must end like -00001-of-00003.gguf to be found."
            )
        if count != len(parts) or (index != number and len(parts) > 1):
            raise CheckpointError(f"{file.path} is not a part of this model; fetch it again.")
        if duplicates := tensors.keys() & file.tensors.keys():
            raise CheckpointError(f"{file.path} holds {min(duplicates)} a second time; fetch the model again.")
        tensors |= file.tensors
    return GgufFile(path=parts[0], entries=files[0].entries, tensors=tensors)


def _read_file(path: Path) -> GgufFile:
    try:
        with path.open("rb") as file:
            data = _mapped(file.fileno()) if path.stat().st_size else b""
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # mmap: the file shrank after its size was read
        raise CheckpointError(f"{path} cannot be read ({error}).") from error
    if data[:4] != _MAGIC:
        raise CheckpointError(f"{path} is {'not a GGUF file' if data else 'empty; fetch the model again'}.")
    try:
        return _Header(path, data).read()
    except (struct.error, UnicodeDecodeError, MemoryError, OverflowError, ValueError, _DamagedError) as error:
        raise CheckpointError(f"{path} is damaged or truncated ({error}); fetch it again.") from error


def _mapped(file: int) -> mmap.mmap:
    """Maps a file copy-on-write, because torch warns about memory that is not writable. On Linux without reserving
    memory for the copies, since the file may be larger than memory."""
    if sys.platform != "linux":
        return mmap.mmap(file, 0, access=mmap.ACCESS_COPY)
    flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0x4000)
    return mmap.mmap(file, 0, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)


class _DamagedError(Exception):
    """The header contradicts itself or the file's size; the message says how."""


class _Header:
    """Parses the header; `offset` is the position of the next byte to read."""

    def __init__(self, path: Path, data: mmap.mmap | bytes) -> None:
        self.path, self.data, self.offset = path, data, 4

    def read(self) -> GgufFile:
        version = self.scalar("I")
        if version not in _VERSIONS:
            big_endian = version.to_bytes(4, "little")[:2] == b"\0\0"
            problem = "is a big-endian GGUF file" if big_endian else f"has the GGUF version {version}"
            raise CheckpointError(
                f"{self.path} {problem}, which is not supported; take a little-endian file of version 2 or 3."
            )
        num_tensors, num_entries = self.scalar("Q"), self.scalar("Q")
        entries: dict[str, Any] = {}
        if max(num_tensors, num_entries) > _MAX_NAMES:
            raise _DamagedError(f"{num_tensors} tensors and {num_entries} entries")
        for _ in range(self.checked_count(num_entries, 13)):
            name = self.string()
            entries[name] = self.value(self.scalar("I"), 0)
        infos = [self.tensor_info() for _ in range(self.checked_count(num_tensors, 32))]
        alignment = entries.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise _DamagedError(f"an alignment of {alignment!r}")
        data_start = -(-self.offset // alignment) * alignment
        tensors = {info[0]: self.mapped_tensor(data_start, *info) for info in infos}
        if len(tensors) < len(infos):
            raise _DamagedError("two tensors of one name")
        return GgufFile(path=self.path, entries=entries, tensors=tensors)

    def scalar(self, struct_format: str) -> Any:
        (value,) = struct.unpack_from("<" + struct_format, self.data, self.offset)
        self.offset += struct.calcsize("<" + struct_format)
        return value

    def string(self) -> str:
        end = self.scalar("Q") + self.offset
        if end > len(self.data):
            raise _DamagedError("a string beyond its end")
        text = self.data[self.offset : end].decode("utf-8")
        self.offset = end
        return text

    def checked_count(self, count: int, min_bytes: int) -> int:
        """`count`, if the rest of the file has room for that many items of at least `min_bytes` each."""
        if count * min_bytes > len(self.data) - self.offset:
            raise _DamagedError("more entries than it has room for")
        return count

    def value(self, value_type: int, depth: int) -> Any:
        if value_type in _SCALARS:
            return self.scalar(_SCALARS[value_type])
        if value_type == _STRING:
            return self.string()
        if value_type != _ARRAY or depth == _MAX_DEPTH:
            raise _DamagedError(f"an entry of the unknown type {value_type}")
        item_type, count = self.scalar("I"), self.scalar("Q")
        if item_type in _SCALARS:
            numbers = np.frombuffer(self.data, np.dtype("<" + _SCALARS[item_type]), count, self.offset)
            self.offset += numbers.nbytes
            return numbers
        if count > _MAX_ITEMS:
            raise _DamagedError(f"a list of {count} items")
        return [self.value(item_type, depth + 1) for _ in range(self.checked_count(count, 8))]

    def tensor_info(self) -> tuple[str, tuple[int, ...], int, int]:
        """(name, shape, ggml type, offset in the data)"""
        name, dimensions = self.string(), self.scalar("I")
        if dimensions > _MAX_DIMENSIONS:
            raise _DamagedError(f"{name} of {dimensions} dimensions")
        shape = tuple(self.scalar("Q") for _ in range(dimensions))[::-1]
        return name, shape, self.scalar("I"), self.scalar("Q")

    def mapped_tensor(
        self, data_start: int, name: str, shape: tuple[int, ...], ggml_type: int, offset: int
    ) -> GgufTensor:
        block_size, block_bytes = _block_sizes(name, ggml_type)
        if shape and shape[-1] % block_size:
            raise _DamagedError(f"{name} of rows of {shape[-1]} in blocks of {block_size}")
        start, length = data_start + offset, prod(shape) // block_size * block_bytes
        if start + length > len(self.data):
            raise _DamagedError(f"{name} beyond its end")
        data = np.frombuffer(self.data, np.uint8, length, start)
        return GgufTensor(name=name, shape=shape, ggml_type=ggml_type, data=data, path=self.path)


def _block_sizes(name: str, ggml_type: int) -> tuple[int, int]:
    """(weights per block, bytes per block) of a type; `name` is the tensor, for the error."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        return GGML_QUANT_SIZES[GGMLQuantizationType(ggml_type)]
    except ValueError:
        raise CheckpointError(
            f"The tensor {name} has the type {ggml_type}, which the gguf package does not know."
        ) from None
