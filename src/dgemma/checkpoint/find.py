"""A model's name -> the folder that holds it: embedded, local, or fetched from the hub."""

import os
from pathlib import Path

from dgemma.errors import ModelNotFoundError, UsageError

EMBEDDED = {"tiny": Path(__file__).parents[1] / "tiny"}
"""Models that the package carries, by name."""


def find_model(name: str | Path, weights: bool = True) -> Path:
    """The folder of an embedded model, of a local path, or of a hub id, which is fetched when it is not here yet;
    without `weights` all but these.

    Raises ModelNotFoundError for a name that is none of these.
    """
    if isinstance(name, str) and name in EMBEDDED:
        return EMBEDDED[name]
    if not isinstance(name, str | os.PathLike):
        raise UsageError(f"A model goes by a name or a folder, not by {name!r}.")
    if isinstance(name, str) and not name.strip():
        raise UsageError("The model's name is empty; give a name, a folder ('.' for this one), or a hub id owner/name.")
    path = Path(os.path.expanduser(name))
    try:
        if path.is_dir():
            return path
    except (OSError, ValueError):
        pass  # What is no possible path may still be a hub id, or is told below.
    if path.suffix == ".gguf":
        raise ModelNotFoundError(f"{name}: GGUF files are not read in this version; give a safetensors folder.")
    if isinstance(name, str) and name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return _from_hub(name, ["*.json", "*.jinja", *(["*.safetensors"] if weights else [])])
    known = ", ".join(EMBEDDED)
    raise ModelNotFoundError(f"There is no model {str(name)!r}. Give {known}, a model folder, or a hub id owner/name.")


def _from_hub(name: str, wanted: list[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"The hub has no public model {name}. Check the name or log in with hf.") from error
    except LocalEntryNotFoundError as error:
        raise ModelNotFoundError(f"{name} is no local folder and the hub cannot be reached to fetch it.") from error
    # What a lost connection raises is the HTTP library's affair, and that has changed before.
    except Exception as error:
        raise ModelNotFoundError(
            f"{name} is no local folder and could not be fetched ({type(error).__name__}: {error}). "
            "Fetching again goes on where this stopped."
        ) from error
