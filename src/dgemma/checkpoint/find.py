"""A model's name -> the folder or the GGUF file that holds it: embedded, local, or fetched from the hub."""

import os
import re
from pathlib import Path

from dgemma.checkpoint.hub import fetch_file, fetch_folder
from dgemma.checkpoint.parts import first_part, first_parts, is_gguf
from dgemma.errors import ModelNotFoundError, UsageError

EMBEDDED = {"tiny": Path(__file__).parents[1] / "tiny"}
"""Models that the package carries, by name."""

_HUB_ID = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?::([\w.-]+))?")


def find_model(name: str | Path, weights: bool = True) -> Path:
    """Where an embedded model, a local one, or one of the hub lies, which is fetched when it is not here yet; without
    `weights` all but these.

    A folder without safetensors weights stands for the GGUF file in it. On the hub `owner/name` is a model folder, and
    `owner/name:TAG` the GGUF file whose name ends with TAG, such as Q4_K_M. Of a model that is split its first part
    stands for all. Raises ModelNotFoundError for a name that is none of these, and for one that could be several.
    """
    if isinstance(name, str) and name in EMBEDDED:
        return EMBEDDED[name]
    if not isinstance(name, str | os.PathLike):
        raise UsageError(f"A model goes by a name, a folder or a file, not by {name!r}.")
    if isinstance(name, str) and not name.strip():
        raise UsageError("The model's name is empty; give a name, a folder ('.' for this one), or a hub id owner/name.")
    path = Path(os.path.expanduser(name))
    try:
        is_file = path.is_file()
        if path.is_dir() or (is_gguf(path) and is_file):
            return find_local(path)
    except PermissionError as error:
        raise ModelNotFoundError(f"{name} cannot be read: {error.strerror}.") from error
    except (OSError, ValueError):
        is_file = False  # What is no possible path may still be a hub id, or is told below.
    if is_file and path.suffix in (".safetensors", ".json"):
        raise ModelNotFoundError(f"{name} is one file of a model; give the folder, {path.parent}.")
    if is_file:
        raise ModelNotFoundError(f"{name} is neither a model folder nor a GGUF file.")
    if is_gguf(path) and ":" not in path.name:
        raise ModelNotFoundError(f"There is no file {name}.")
    if isinstance(name, str) and (found := is_hub_id(name)):
        return fetch_folder(found[0], weights) if found[1] is None else fetch_file(found[0], found[1], weights)
    known = ", ".join(EMBEDDED)
    raise ModelNotFoundError(
        f"There is no model {str(name)!r}. Give {known}, a model folder, a GGUF file, or a hub id owner/name."
    )


def is_hub_id(name: str) -> tuple[str, str | None] | None:
    """(owner/name, tag or None) of what has the form of a hub id, else None."""
    match = _HUB_ID.fullmatch(name)
    return (match[1], match[2]) if match else None


def find_local(path: Path) -> Path:
    """The model that a path stands for: a folder without safetensors weights for the GGUF file in it, a part of one for
    the first. Raises ModelNotFoundError for a folder of several, and for one that cannot be looked into."""
    try:
        if not path.is_dir():
            return first_part(path)
        files = [file.name for file in path.iterdir() if file.is_file()]
    except OSError as error:
        raise ModelNotFoundError(f"{path} cannot be read: {error.strerror}.") from error
    if any(file.endswith(".safetensors") for file in files):
        return path
    names = first_parts(files)
    if len(names) > 1:
        raise ModelNotFoundError(f"{path} holds several GGUF files ({', '.join(names)}); give one of them.")
    return path / names[0] if names else path
