"""Fetching from the hub: a model folder by `owner/name`, one GGUF file by `owner/name:TAG`. What is here is not fetched
again, and what was begun goes on."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from dgemma.checkpoint.parts import all_parts, first_parts, stem
from dgemma.errors import ModelNotFoundError


def fetch_folder(name: str, weights: bool = True) -> Path:
    """A model folder, without `weights` all but these. Raises ModelNotFoundError for a model that has none, is not
    there, or cannot be reached."""
    folder = _fetched(name, ["*.json", "*.jinja", *(["*.safetensors"] if weights else [])])
    # Others put the configuration beside GGUF files as well.
    whole = any(folder.glob("*.safetensors")) if weights else (folder / "config.json").is_file()
    if not whole:
        with suppress(_UnreachedError):
            if models := first_parts(_listed(name)):
                raise ModelNotFoundError(f"{name} holds GGUF files; name one of them: {_suggested(name, models)}.")
    return folder


def fetch_file(name: str, tag: str, weights: bool = True) -> Path:
    """The GGUF file of a hub model whose name ends with `tag`, or the first of its parts; without `weights` only where
    it is here. Raises ModelNotFoundError for a tag that chooses none, and as `fetch_folder` does."""
    try:
        files = _listed(name) if weights else _here(name)
        offline = None if weights else f"is not here yet; `dgemma pull {name}:{tag}` fetches it."
    except _UnreachedError as error:
        files = _here(name)
        offline = f"is not here, and the hub cannot be reached ({error}). Check the connection and try again."
    chosen = _chosen(first_parts(files), tag)
    if chosen is None and offline is not None:
        raise ModelNotFoundError(f"{name}:{tag} {offline}")
    if chosen is None:
        told = _suggested(name, first_parts(files)) or "none"
        raise ModelNotFoundError(f"{name} has no GGUF file whose name ends with {tag}. There are: {told}.")
    parts = [str(PurePath(chosen).with_name(part)) for part in all_parts(PurePath(chosen).name)]
    return _fetched(name, parts, here=offline is not None) / chosen


def _chosen(models: Sequence[str], tag: str) -> str | None:
    """The model whose name ends with a tag; of several the one with the least before it."""
    ends = re.compile(rf"(?:.*[-.])?{re.escape(tag)}", re.IGNORECASE)
    found = [model for model in models if ends.fullmatch(stem(model))]
    return min(found, key=lambda model: (len(stem(model)), model), default=None)


def _suggested(name: str, models: Sequence[str]) -> str:
    """What to ask for to get each of these."""
    told: list[str] = []
    for model in models:
        words = stem(model).split("-")
        tags = ("-".join(words[at:]) for at in reversed(range(len(words))))
        tag = next((tag for tag in tags if _chosen(models, tag) == model), None)
        told += [] if tag is None else [f"{name}:{tag}"]
    return ", ".join(told)


class _UnreachedError(Exception):
    """The hub is not reached, and why."""


def _listed(name: str) -> list[str]:
    """The files that a hub model has."""
    from huggingface_hub import model_info
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        # Asked once: `list_repo_files` tries for half a minute, with a line for each time.
        return [file.rfilename for file in model_info(name).siblings or []]
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"The hub has no public model {name}. Check the name or log in with hf.") from error
    except Exception as error:  # Whatever the HTTP library raises; the files may be here all the same.
        raise _UnreachedError(f"{type(error).__name__}: {error}") from error


def _here(name: str) -> list[str]:
    try:
        folder = _fetched(name, ["*"], here=True)
    except ModelNotFoundError:
        return []
    return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]


def _fetched(name: str, wanted: list[str], here: bool = False) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=wanted, local_files_only=here))
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"The hub has no public model {name}. Check the name or log in with hf.") from error
    except LocalEntryNotFoundError as error:
        told = f"{name} is no local folder, and the hub cannot be reached"
        raise ModelNotFoundError(f"{told}. Check the connection and try again.") from error
    # What a lost connection raises is the HTTP library's affair, and that has changed before.
    except Exception as error:
        raise ModelNotFoundError(
            f"{name} is no local folder and could not be fetched ({type(error).__name__}: {error}). "
            "Fetching again goes on where this stopped."
        ) from error
