"""Names of GGUF files: which of them are models, and which are parts of one.

model.gguf    model-Q4_K_M.gguf    model-Q8_0-00001-of-00002.gguf
"""

import re
from collections.abc import Iterable
from pathlib import Path, PurePath

_PART = re.compile(r"(.+)-(\d{5})(-of-(\d{5})\.gguf)", re.IGNORECASE)
# Towers of images, and what tools that quantise have measured.
_NO_MODELS = ("mmproj", "imatrix")


def is_gguf(path: PurePath) -> bool:
    """Whether a name is that of a GGUF file."""
    return path.suffix.lower() == ".gguf"


def all_parts(name: str) -> list[str]:
    """The names of all parts of the model that one of them belongs to; of a whole file its own."""
    match = _PART.fullmatch(name)
    if match is None or int(match[4]) == 0:
        return [name]
    return [f"{match[1]}-{number:05d}{match[3]}" for number in range(1, int(match[4]) + 1)]


def first_part(path: Path) -> Path:
    """The first part of the model that a file is a part of, if it is there; else the file."""
    first = path.with_name(all_parts(path.name)[0])
    return first if first.is_file() else path


def stem(name: str) -> str:
    """A file's name without folder, part and ending."""
    name = PurePath(name).name
    match = _PART.fullmatch(name)
    return match[1] if match else name[: -len(".gguf")]


def first_parts(names: Iterable[str]) -> list[str]:
    """Those that are models, in order: of the parts of one the first that is there."""
    found: dict[str, str] = {}
    for name in sorted(names):
        path = PurePath(name)
        if is_gguf(path) and not any(word in path.name.lower() for word in _NO_MODELS):
            found.setdefault(str(path.with_name(all_parts(path.name)[0])), name)
    return list(found.values())
