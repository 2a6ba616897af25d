"""Reads and writes the JSON files beside a model's weights, and reads its chat template.

Sizes are checked before a file is read; every error names the file.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dgemma.errors import CheckpointError, ConfigError
from dgemma.files import replacing
from dgemma.profile import DenoisingProfile

_MAX_BYTES = 1 << 26
"""Larger than any of these files gets; checked before a file is read."""


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object. Raises CheckpointError if the file is unreadable, too large, invalid or not an object."""
    text = read_text(path)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); fetch the model again.") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{path} does not hold a JSON object; fetch the model again.")
    return document


def read_text(path: Path) -> str:
    """Reads a text file. Raises CheckpointError if it is unreadable, too large or not UTF-8."""
    _check_size(path)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} is not UTF-8 text ({error}); fetch the model again.") from error


def read_profile(path: Path) -> DenoisingProfile | None:
    """Reads a denoising.json, None if there is none. Raises CheckpointError or ConfigError for invalid content."""
    if not path.is_file():
        return None
    document = read_json(path)
    with naming_file(path, "Remove the file, or measure it anew."):
        return DenoisingProfile.from_document(document)


@contextmanager
def naming_file(path: Path, advice: str = "Correct the file, or take another model.") -> Iterator[None]:
    """Rewrites errors raised inside it: the file's path in front, `advice` at the end."""
    try:
        yield
    except (CheckpointError, ConfigError) as error:
        message = str(error)
        # Some messages already begin with the bare file name.
        if message.startswith(f"{path.name} "):
            message = f"{path}{message.removeprefix(path.name)}"
        else:
            message = f"{path}: {message}"
        raise type(error)(f"{message} {advice}") from error


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    if size > _MAX_BYTES:
        raise CheckpointError(f"{path} has {size / 1e6:,.0f} MB, far too much for this file; fetch the model again.")


def write_json(document: Mapping, path: Path) -> None:
    """Writes a JSON file; the old one is replaced only once the new one is complete."""
    with replacing(path) as temporary:
        temporary.write_text(to_json(document), encoding="utf-8")


def to_json(document: Mapping) -> str:
    """Serialises `document` with sorted keys, a list of numbers on one line; equal documents give equal text."""
    text = json.dumps(document, indent=2, sort_keys=True)
    return _NUMBER_LIST.sub(lambda found: f"[{', '.join(found[1].split())}]".replace(",,", ","), text) + "\n"


# Cannot match inside a string: JSON escapes line breaks there.
_NUMBER_LIST = re.compile(r"\[\n\s+(-?\d[\d.eE+-]*(?:,\n\s+-?\d[\d.eE+-]*)*)\n\s+\]")
