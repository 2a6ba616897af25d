"""Reading GGUF files: the header ours, the block formats those of the `gguf` package. Knows nothing of what they mean.

    "GGUF"  version u32  tensors u64  entries u64
    entry   key  type u32  value            a text is its length as u64 and UTF-8; an array type u32, count u64, items
    tensor  name  dimensions u32  sizes u64 each, the innermost first  type u32  offset u64
    data    from the next multiple of `general.alignment` on, offsets counted from there

The package's own reader makes an array of every text: 16 seconds for the 262,144 tokens and 515,000 merges of a
released vocabulary, each time a model is opened; this takes half a second.
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

from dgemma.checkpoint.parts import all_parts
from dgemma.errors import CheckpointError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_NUMBERS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_DEEPEST, _MOST_DIMENSIONS = 4, 8
_FLOATS = {0: torch.float32, 1: torch.float16, 30: torch.bfloat16}
# Numbers that are expanded at once by one thread: what is made on the way stays in the cache.
_AT_ONCE = 1 << 18
# More than any vocabulary has, and more names than any model.
_MOST_ITEMS, _MOST_NAMED = 1 << 24, 100_000


@dataclass(frozen=True, kw_only=True)
class GgufTensor:
    """A tensor in a file. shape: as torch has it, the innermost size last. kind: the number of its type."""

    name: str
    shape: tuple[int, ...]
    kind: int
    data: np.ndarray = field(repr=False)
    path: Path = field(repr=False)

    @property
    def num_bytes(self) -> int:
        """What it takes in the file."""
        return self.data.nbytes

    @property
    def dtype(self) -> torch.dtype | None:
        """The type of its numbers; None for one in blocks."""
        return _FLOATS.get(self.kind)

    def read(self) -> Tensor:
        """Its numbers: floats as they lie in the file, read when they are needed; blocks expanded to float32."""
        if self.dtype is not None:
            return torch.from_numpy(self.data).view(self.dtype).view(self.shape)
        numbers = torch.empty(self.shape)
        flat = numbers.view(-1, self.shape[-1])
        at_once = max(1, _AT_ONCE // self.shape[-1])

        def fill(start: int) -> None:
            slab = slice(start, start + at_once)
            flat[slab] = self.rows(slab)

        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            for _ in threads.map(fill, range(0, len(flat), at_once)):
                pass
        return numbers

    def rows(self, slab: slice) -> Tensor:
        """Some rows, the sizes before the last one taken together: float32 [N, I]."""
        if self.dtype is not None:
            return self.read().reshape(-1, self.shape[-1])[slab].float()
        from gguf.constants import GGMLQuantizationType
        from gguf.quants import dequantize

        kind = GGMLQuantizationType(self.kind)
        blocks = self.data.reshape(prod(self.shape[:-1]), -1)[slab]
        try:
            # One long row: the package takes sixteen rows at a time, however short they are.
            numbers = dequantize(blocks.reshape(1, -1), kind)
        except NotImplementedError as error:
            told = f"{self.name} in {self.path} is of the type {kind.name}, which is not read ({error})."
            raise CheckpointError(told) from error
        return torch.from_numpy(numbers).view(len(blocks), self.shape[-1])


@dataclass(frozen=True, kw_only=True)
class GgufFile:
    """The entries and tensors of a file, or of all parts of a model that is split over several; lists of numbers are
    arrays."""

    path: Path
    entries: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor]


def listed(value: Any) -> Any:
    """A list of numbers as such, anything else as it is."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def read_gguf(path: Path) -> GgufFile:
    """Opens a file, and where it is one part of several all of them. Raises CheckpointError for anything that is
    damaged, missing or unknown."""
    parts = [path.with_name(name) for name in all_parts(path.name)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing and path.is_file():
        raise CheckpointError(f"{path.parent} lacks the parts {', '.join(missing[:8])}; fetch the model again.")
    files = [_read_file(part) for part in parts]
    tensors: dict[str, GgufTensor] = {}
    for number, file in enumerate(files):
        # Tools that join parts leave a count of 0.
        count, place = file.entries.get("split.count", 1) or 1, file.entries.get("split.no", number)
        if count != 1 and len(parts) == 1:
            raise CheckpointError(f"{path} is one of {count} parts, whose names end as -00001-of-00003.gguf does.")
        if count != len(parts) or (place != number and len(parts) > 1):
            raise CheckpointError(f"{file.path} is no part of this model; fetch it again.")
        if twice := tensors.keys() & file.tensors.keys():
            raise CheckpointError(f"{file.path} holds {min(twice)} a second time; fetch the model again.")
        tensors |= file.tensors
    return GgufFile(path=parts[0], entries=files[0].entries, tensors=tensors)


def _read_file(path: Path) -> GgufFile:
    try:
        with path.open("rb") as file:
            data = _mapped(file.fileno()) if path.stat().st_size else b""
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # cut shorter beside us
        raise CheckpointError(f"{path} cannot be read ({error}).") from error
    if data[:4] != _MAGIC:
        raise CheckpointError(f"{path} is {'no GGUF file' if data else 'empty; fetch the model again'}.")
    try:
        return _Header(path, data).read()
    except (struct.error, UnicodeDecodeError, MemoryError, OverflowError, ValueError, _DamagedError) as error:
        raise CheckpointError(f"{path} is damaged or truncated ({error}); fetch it again.") from error


def _mapped(file: int) -> mmap.mmap:
    """A file in memory, its pages read when they are needed. Torch warns of memory that cannot be written to, so a page
    would be copied if it were; Linux is told to keep no room for that, as the file may be larger than memory."""
    if sys.platform != "linux":
        return mmap.mmap(file, 0, access=mmap.ACCESS_COPY)
    flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0x4000)
    return mmap.mmap(file, 0, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)


class _DamagedError(Exception):
    """A header that says what cannot be."""


class _Header:
    """Reads a header from its beginning to its end."""

    def __init__(self, path: Path, data: mmap.mmap | bytes) -> None:
        self.path, self.data, self.at = path, data, 4

    def read(self) -> GgufFile:
        version = self.number("I")
        if version not in _VERSIONS:
            told = "is of a big-endian machine" if version.to_bytes(4, "little")[:2] == b"\0\0" else "is not read"
            raise CheckpointError(f"{self.path} has the GGUF version {version}, which {told}; 2 and 3 are.")
        tensors, entries = self.number("Q"), self.number("Q")
        values: dict[str, Any] = {}
        if max(tensors, entries) > _MOST_NAMED:
            raise _DamagedError(f"{tensors} tensors and {entries} entries")
        for _ in range(self.counted(entries, 13)):
            name = self.text()
            values[name] = self.value(self.number("I"), 0)
        found = [self.tensor() for _ in range(self.counted(tensors, 32))]
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise _DamagedError(f"an alignment of {alignment!r}")
        start = -(-self.at // alignment) * alignment
        made = {tensor[0]: self.placed(start, *tensor) for tensor in found}
        if len(made) < len(found):
            raise _DamagedError("two tensors of one name")
        return GgufFile(path=self.path, entries=values, tensors=made)

    def number(self, kind: str) -> Any:
        (number,) = struct.unpack_from("<" + kind, self.data, self.at)
        self.at += struct.calcsize("<" + kind)
        return number

    def text(self) -> str:
        end = self.number("Q") + self.at
        if end > len(self.data):
            raise _DamagedError("a text beyond its end")
        text = self.data[self.at : end].decode("utf-8")
        self.at = end
        return text

    def counted(self, count: int, least: int) -> int:
        """`count`, which so many things of at least `least` bytes have room for."""
        if count * least > len(self.data) - self.at:
            raise _DamagedError("more entries than it has room for")
        return count

    def value(self, kind: int, depth: int) -> Any:
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _TEXT:
            return self.text()
        if kind != _ARRAY or depth == _DEEPEST:
            raise _DamagedError(f"an entry of the unknown type {kind}")
        kind, count = self.number("I"), self.number("Q")
        if kind in _NUMBERS:
            numbers = np.frombuffer(self.data, np.dtype("<" + _NUMBERS[kind]), count, self.at)
            self.at += numbers.nbytes
            return numbers
        if count > _MOST_ITEMS:
            raise _DamagedError(f"a list of {count} items")
        return [self.value(kind, depth + 1) for _ in range(self.counted(count, 8))]

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name, dimensions = self.text(), self.number("I")
        if dimensions > _MOST_DIMENSIONS:
            raise _DamagedError(f"{name} of {dimensions} dimensions")
        shape = tuple(self.number("Q") for _ in range(dimensions))[::-1]
        return name, shape, self.number("I"), self.number("Q")

    def placed(self, start: int, name: str, shape: tuple[int, ...], kind: int, offset: int) -> GgufTensor:
        _, size, num_bytes = _block(name, kind)
        count = prod(shape)
        if shape and shape[-1] % size:
            raise _DamagedError(f"{name} of rows of {shape[-1]} in blocks of {size}")
        begin, length = start + offset, count // size * num_bytes
        if begin + length > len(self.data):
            raise _DamagedError(f"{name} beyond its end")
        data = np.frombuffer(self.data, np.uint8, length, begin)
        return GgufTensor(name=name, shape=shape, kind=kind, data=data, path=self.path)


def _block(name: str, kind: int) -> tuple[str, int, int]:
    """A type's name, and the numbers and the bytes of one of its blocks."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        known = GGMLQuantizationType(kind)
    except ValueError:
        raise CheckpointError(f"The tensor {name} has the type {kind}, which the gguf package does not know.") from None
    return known.name, *GGML_QUANT_SIZES[known]
