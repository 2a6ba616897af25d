"""Fetching from the hub: a model folder by `owner/name`, one GGUF file by `owner/name:TAG`. Cached files are not
fetched again, and an interrupted download is resumed."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from dgemma.checkpoint.gguf_names import all_parts, first_parts, stem
from dgemma.errors import ModelNotFoundError


def fetch_folder(name: str, weights: bool = True) -> Path:
    """Fetches a model folder, without its weights if `weights` is False. Raises ModelNotFoundError for a model that
    does not exist, cannot be reached, or has only GGUF files."""
    folder = _snapshot(name, ["*.json", "*.jinja", *(["*.safetensors"] if weights else [])])
    # Some repositories keep a config.json beside GGUF files, so with `weights` it is not enough.
    is_complete = any(folder.glob("*.safetensors")) if weights else (folder / "config.json").is_file()
    if not is_complete:
        with suppress(_HubUnreachableError):
            if models := first_parts(_remote_files(name)):
                raise ModelNotFoundError(f"{name} holds GGUF files; name one of them: {_suggestions(name, models)}.")
    return folder


def fetch_file(name: str, tag: str, weights: bool = True) -> Path:
    """Fetches the GGUF file whose name ends with `tag` and returns its path, that of the first part if it is split.
    With `weights` False nothing is fetched, and the file must be cached. Raises ModelNotFoundError for a tag that
    matches no file, and as `fetch_folder` does."""
    try:
        files = _remote_files(name) if weights else _cached_files(name)
        cache_only = None if weights else f"is not here yet; `dgemma pull {name}:{tag}` fetches it."
    except _HubUnreachableError as error:
        files = _cached_files(name)
        cache_only = f"is not here, and {error}"
    model = _find_tag(first_parts(files), tag)
    if model is None and cache_only is not None:
        raise ModelNotFoundError(f"{name}:{tag} {cache_only}")
    if model is None:
        known = _suggestions(name, first_parts(files)) or "none"
        raise ModelNotFoundError(f"{name} has no GGUF file whose name ends with {tag}. There are: {known}.")
    parts = [str(PurePath(model).with_name(part)) for part in all_parts(PurePath(model).name)]
    return _snapshot(name, parts, cached_only=cache_only is not None) / model


def _find_tag(models: Sequence[str], tag: str) -> str | None:
    """The model whose name ends with `tag`; the shortest name if several do."""
    ends = re.compile(rf"(?:.*[-.])?{re.escape(tag)}", re.IGNORECASE)
    found = [model for model in models if ends.fullmatch(stem(model))]
    return min(found, key=lambda model: (len(stem(model)), model), default=None)


def _suggestions(name: str, models: Sequence[str]) -> str:
    """A comma-separated `owner/name:TAG` for each model, with the shortest tag that selects it."""
    found: list[str] = []
    for model in models:
        words = stem(model).split("-")
        tags = ("-".join(words[start:]) for start in reversed(range(len(words))))
        tag = next((tag for tag in tags if _find_tag(models, tag) == model), None)
        if tag is not None:
            found.append(f"{name}:{tag}")
    return ", ".join(found)


_OFFLINE = "HF_HUB_OFFLINE is set; unset it to fetch the model."


class _HubUnreachableError(Exception):
    """The hub cannot be reached; the message says why, and what to do."""


def _remote_files(name: str) -> list[str]:
    """The files of a hub model."""
    from huggingface_hub import constants, model_info
    from huggingface_hub.errors import RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE:
        raise _HubUnreachableError(_OFFLINE)
    try:
        # Not `list_repo_files`: it retries for half a minute and prints a line for each attempt.
        return [file.rfilename for file in model_info(name).siblings or []]
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"The hub has no public model {name}. Check the name or log in with hf.") from error
    except Exception as error:  # Any error of the HTTP library; the files may be cached.
        raise _HubUnreachableError(
            f"the hub cannot be reached ({type(error).__name__}: {error}). Check the connection and try again."
        ) from error


def _cached_files(name: str) -> list[str]:
    try:
        folder = _snapshot(name, ["*"], cached_only=True)
    except ModelNotFoundError:
        return []
    return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]


def _snapshot(name: str, patterns: list[str], cached_only: bool = False) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    if constants.HF_HUB_CACHE.startswith("~"):
        raise ModelNotFoundError(
            f"{name} is not a local folder, and there is no home folder for a download; set HF_HOME to a folder for it."
        )
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, local_files_only=cached_only))
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"The hub has no public model {name}. Check the name or log in with hf.") from error
    except LocalEntryNotFoundError as error:
        unreachable = "the hub cannot be reached. Check the connection and try again."
        raise ModelNotFoundError(
            f"{name} is not a local folder, and {_OFFLINE if constants.HF_HUB_OFFLINE else unreachable}"
        ) from error
    # A lost connection raises whatever the HTTP library raises, and that has changed between its versions.
    except Exception as error:
        raise ModelNotFoundError(
            f"{name} is not a local folder and could not be fetched ({type(error).__name__}: {error}). "
            "Fetch it again to resume."
        ) from error
