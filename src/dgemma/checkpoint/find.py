"""Model name -> path of the model folder or GGUF file: embedded, local, or fetched from the hub."""

import os
import re
from pathlib import Path

from dgemma.checkpoint.gguf_names import first_part, first_parts, is_gguf
from dgemma.checkpoint.hub import fetch_file, fetch_folder
from dgemma.errors import ModelNotFoundError, UsageError

EMBEDDED = {"tiny": Path(__file__).parents[1] / "tiny"}
"""Models shipped with the package, by name."""

_HUB_ID = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?::([\w.-]+))?")


def find_model(name: str | Path, weights: bool = True) -> Path:
    """The path of an embedded, local or hub model; a hub model that is not cached is fetched, without its weights if
    `weights` is False.

    A folder without safetensors weights resolves to the GGUF file in it, a split GGUF model to its first part. On the
    hub, `owner/name` is a model folder and `owner/name:TAG` the GGUF file whose name ends with TAG, such as Q4_K_M.
    Raises ModelNotFoundError for a name that matches nothing or is ambiguous, UsageError for one that is empty or not a
    string or path.
    """
    if isinstance(name, str) and name in EMBEDDED:
        return EMBEDDED[name]
    if not isinstance(name, str | os.PathLike):
        raise UsageError(f"A model is given by a name, a folder or a file, not by {name!r}.")
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
        is_file = False  # Not a valid path: it may still be a hub id, else the last error below reports it.
    if is_file and path.suffix in (".safetensors", ".json"):
        raise ModelNotFoundError(f"{name} is one file of a model; give the folder, {path.parent}.")
    if is_file:
        raise ModelNotFoundError(f"{name} is neither a model folder nor a GGUF file.")
    if is_gguf(path) and ":" not in path.name:
        raise ModelNotFoundError(f"There is no file {name}.")
    if isinstance(name, str) and (hub_id := parse_hub_id(name)):
        repository, tag = hub_id
        return fetch_folder(repository, weights) if tag is None else fetch_file(repository, tag, weights)
    known = ", ".join(EMBEDDED)
    raise ModelNotFoundError(
        f"There is no model {str(name)!r}. Give {known}, a model folder, a GGUF file, or a hub id owner/name."
    )


def parse_hub_id(name: str) -> tuple[str, str | None] | None:
    """(owner/name, tag or None) if `name` has the form of a hub id, else None."""
    match = _HUB_ID.fullmatch(name)
    return (match[1], match[2]) if match else None


def find_local(path: Path) -> Path:
    """Resolves a folder without safetensors weights to the GGUF file in it, and a part of a split GGUF to the first
    part. Raises ModelNotFoundError for a folder with several GGUF models or one that cannot be listed."""
    try:
        if not path.is_dir():
            return first_part(path)
        files = [file.name for file in path.iterdir() if file.is_file()]
    except OSError as error:
        raise ModelNotFoundError(f"{path} cannot be read: {error.strerror}.") from error
    if any(file.endswith(".safetensors") for file in files):
        return path
    models = first_parts(files)
    if len(models) > 1:
        raise ModelNotFoundError(f"{path} holds several GGUF files ({', '.join(models)}); give one of them.")
    return path / models[0] if models else path
