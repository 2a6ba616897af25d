"""GGUF file names: telling models from other files, and the parts of a split model.

model.gguf    model-Q4_K_M.gguf    model-Q8_0-00001-of-00002.gguf
"""

import re
from collections.abc import Iterable
from pathlib import Path, PurePath

_PART = re.compile(r"(.+)-(\d{5})(-of-(\d{5})\.gguf)", re.IGNORECASE)
# Image towers, and the importance matrices of quantisers.
_NOT_MODELS = ("mmproj", "imatrix")


def is_gguf(path: PurePath) -> bool:
    """Whether the path ends in .gguf, in any case."""
    return path.suffix.lower() == ".gguf"


def all_parts(name: str) -> list[str]:
    """The names of all parts of a split model, given any one of them; a file that is not split gives its own name."""
    match = _PART.fullmatch(name)
    if match is None or int(match[4]) == 0:
        return [name]
    return [f"{match[1]}-{number:05d}{match[3]}" for number in range(1, int(match[4]) + 1)]


def first_part(path: Path) -> Path:
    """The first part of the split model that `path` belongs to, if it exists; else `path`."""
    first = path.with_name(all_parts(path.name)[0])
    return first if first.is_file() else path


def stem(name: str) -> str:
    """A file's name without folder, part number and suffix."""
    name = PurePath(name).name
    match = _PART.fullmatch(name)
    return match[1] if match else name[: -len(".gguf")]


def first_parts(names: Iterable[str]) -> list[str]:
    """The GGUF models among `names`, sorted; a split model is listed once, by its first part present."""
    found: dict[str, str] = {}
    for name in sorted(names):
        path = PurePath(name)
        if is_gguf(path) and not any(word in path.name.lower() for word in _NOT_MODELS):
            found.setdefault(str(path.with_name(all_parts(path.name)[0])), name)
    return list(found.values())
