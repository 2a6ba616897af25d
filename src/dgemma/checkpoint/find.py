"""A model's name -> the folder or the GGUF file that holds it: embedded, local, or fetched from the hub."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from dgemma.errors import ModelNotFoundError, UsageError

EMBEDDED = {"tiny": Path(__file__).parents[1] / "tiny"}
"""Models that the package carries, by name."""

GGUF = ".gguf"
# Of a model that is split the first part stands for all; projectors of images are no models.
_LATER_PART = re.compile(r".*-(?!00001)\d{5}-of-\d{5}\.gguf")
_PART = re.compile(r"-\d{5}-of-\d{5}$")
_PROJECTOR = "mmproj"
_HUB_ID = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?::([\w.-]+))?")


def find_model(name: str | Path, weights: bool = True) -> Path:
    """Where an embedded model, a local one, or one of the hub lies, which is fetched when it is not here yet; without
    `weights` all but these.

    A folder without config.json stands for the GGUF file in it. On the hub `owner/name` is a model folder, and
    `owner/name:TAG` the GGUF file whose name ends with TAG, such as Q4_K_M. Raises ModelNotFoundError for a name that
    is none of these, and for one that could be several.
    """
    if isinstance(name, str) and name in EMBEDDED:
        return EMBEDDED[name]
    if not isinstance(name, str | os.PathLike):
        raise UsageError(f"A model goes by a name, a folder or a file, not by {name!r}.")
    if isinstance(name, str) and not name.strip():
        raise UsageError("The model's name is empty; give a name, a folder ('.' for this one), or a hub id owner/name.")
    path = Path(os.path.expanduser(name))
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.suffix == GGUF and path.is_file():
            return path
    except (OSError, ValueError):
        pass  # What is no possible path may still be a hub id, or is told below.
    if path.suffix == GGUF and ":" not in path.name:
        raise ModelNotFoundError(f"There is no file {name}.")
    if isinstance(name, str) and (found := is_hub_id(name)):
        return _from_hub(*found, weights)
    known = ", ".join(EMBEDDED)
    raise ModelNotFoundError(
        f"There is no model {str(name)!r}. Give {known}, a model folder, a GGUF file, or a hub id owner/name."
    )


def is_hub_id(name: str) -> tuple[str, str | None] | None:
    """(owner/name, tag or None) of what has the form of a hub id, else None."""
    match = _HUB_ID.fullmatch(name)
    return (match[1], match[2]) if match else None


def _in_folder(folder: Path) -> Path:
    found = [] if (folder / "config.json").is_file() else _models(folder.glob(f"*{GGUF}"))
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise ModelNotFoundError(f"{folder} holds several GGUF files ({names}); give one of them.")
    return found[0] if found else folder


def _models(files: Iterable[str | Path]) -> list[Path]:
    paths = sorted(map(Path, files))
    return [path for path in paths if not _LATER_PART.fullmatch(path.name) and _PROJECTOR not in path.name.lower()]


def _from_hub(name: str, tag: str | None, weights: bool) -> Path:
    if tag is None:
        folder = _fetched(name, ["*.json", "*.jinja", *(["*.safetensors"] if weights else [])], here=False)
        if not (folder / "config.json").is_file() and (tags := _tags(name)):
            raise ModelNotFoundError(f"{name} holds GGUF files; name one of them: {tags}.")
        return folder
    ends = {tag, tag.upper(), tag.lower()}
    patterns = [pattern for end in sorted(ends) for pattern in (f"*{end}{GGUF}", f"*{end}-*-of-*{GGUF}")]
    # The header of such a file cannot be fetched alone.
    found = [path for path in _models(_fetched(name, patterns, here=not weights).rglob(f"*{GGUF}")) if _tag(path, tag)]
    if not found and not weights:
        raise ModelNotFoundError(f"{name}:{tag} is not here yet; `dgemma pull {name}:{tag}` fetches it.")
    if len(found) != 1:
        told = "no GGUF file" if not found else "several GGUF files"
        raise ModelNotFoundError(f"{name} has {told} whose name ends with {tag}. There are: {_tags(name) or 'none'}.")
    return found[0]


def _tag(path: Path, tag: str) -> bool:
    return _PART.sub("", path.stem).lower().endswith(tag.lower())


def _tags(name: str) -> str:
    """The GGUF files of a hub model as this module would have them named; empty where it has none or is not reached."""
    from huggingface_hub import list_repo_files

    try:
        files = _models(file for file in list_repo_files(name) if file.endswith(GGUF))
    except Exception:  # Whatever the HTTP library raises: this only completes a message.
        return ""
    return ", ".join(sorted({f"{name}:{_PART.sub('', file.stem).rpartition('-')[2]}" for file in files}))


def _fetched(name: str, wanted: list[str], here: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=wanted, local_files_only=here))
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"The hub has no public model {name}. Check the name or log in with hf.") from error
    except LocalEntryNotFoundError as error:
        told = "has not been fetched yet" if here else "is no local folder and the hub cannot be reached to fetch it"
        raise ModelNotFoundError(f"{name} {told}.") from error
    # What a lost connection raises is the HTTP library's affair, and that has changed before.
    except Exception as error:
        raise ModelNotFoundError(
            f"{name} is no local folder and could not be fetched ({type(error).__name__}: {error}). "
            "Fetching again goes on where this stopped."
        ) from error
