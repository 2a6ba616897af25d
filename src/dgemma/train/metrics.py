"""The log of a run: a JSON line for each log and each evaluation, each step at most once.

Knows nothing of networks.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from dgemma.errors import OutputError
from dgemma.files import replacing


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is; losses in nats per token, `held_out` only after an evaluation.

    A loss that no token of these steps has is nan. lr, matrix_lr: the learning rates of the last step
    """

    step: int
    steps: int
    clean: float
    corrupted: float
    encoder: float
    lr: float
    matrix_lr: float
    tokens_per_second: float
    seconds_left: float
    held_out: float | None = None


def add_line(progress: Progress, path: Path) -> None:
    """Adds a line. Raises OutputError where that cannot be."""
    # JSON knows no nan.
    known = {name: value for name, value in vars(progress).items() if value is not None and math.isfinite(value)}
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known) + "\n")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error


def forget_later(path: Path, step: int) -> None:
    """Takes out the lines of later steps, which will be taken again since they came after the last save."""
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    kept = [line for line in lines if _step_of(line) <= step]
    if len(kept) < len(lines):
        with replacing(path) as temporary:
            temporary.write_bytes(b"".join(kept))


def _step_of(line: bytes) -> float:
    """The step that a line is of; infinity for one that was cut off."""
    try:
        return json.loads(line)["step"]
    except (ValueError, LookupError, TypeError):
        return math.inf
