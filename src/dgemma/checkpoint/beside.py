"""The small files of a model, beside its weights: read whole, and named by every error about what they hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dgemma.checkpoint.safetensors import read_json
from dgemma.errors import CheckpointError, ConfigError
from dgemma.profile import DenoisingProfile

_MOST_BYTES = 1 << 26
"""More than any of them has, which is read before it is looked at."""


def read_object(path: Path) -> dict[str, Any]:
    """The object of a JSON file. Raises CheckpointError for one that cannot be read, is too large or holds none."""
    _check_size(path)
    return read_json(path)


def read_text(path: Path) -> str:
    """The text of a file. Raises CheckpointError for one that cannot be read, is too large or is no UTF-8."""
    _check_size(path)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} is no UTF-8 text ({error}); fetch the model again.") from error


def read_profile(path: Path) -> DenoisingProfile | None:
    """What a denoising.json holds, None where there is none. Raises CheckpointError and ConfigError, as its numbers."""
    if not path.is_file():
        return None
    document = read_object(path)
    with naming(path, "Remove the file, or measure it anew."):
        return DenoisingProfile.from_document(document)


@contextmanager
def naming(path: Path, advice: str = "Correct the file, or take another model.") -> Iterator[None]:
    """Puts a file before what is wrong with its content, and behind it what to do."""
    try:
        yield
    except (CheckpointError, ConfigError) as error:
        told = str(error)
        # Some begin with the file's bare name.
        about = f"{path}{told.removeprefix(path.name)}" if told.startswith(f"{path.name} ") else f"{path}: {told}"
        raise type(error)(f"{about} {advice}") from error


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    if size > _MOST_BYTES:
        raise CheckpointError(f"{path} has {size / 1e6:,.0f} MB, as no such file has; fetch the model again.")
