"""metrics.jsonl: a JSON line for each log and each evaluation of a run, each step at most once.

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
    """Progress of a run. Losses are in nats per token, nan if no token of these steps has that loss.

    held_out: None except after an evaluation. lr, matrix_lr: the learning rates of the last step.
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


def append_line(progress: Progress, path: Path) -> None:
    """Appends a line. Raises OutputError if the file cannot be written."""
    # JSON has no nan.
    finite = {name: value for name, value in vars(progress).items() if value is not None and math.isfinite(value)}
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(finite) + "\n")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error


def drop_lines_after(path: Path, step: int) -> None:
    """Removes the lines of steps after `step`: they came after the last save, and the run takes them again."""
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    kept = [line for line in lines if _step_of(line) <= step]
    if len(kept) < len(lines):
        with replacing(path) as temporary:
            temporary.write_bytes(b"".join(kept))


def _step_of(line: bytes) -> float:
    """The step of a line; infinity for a truncated line."""
    try:
        return json.loads(line)["step"]
    except (ValueError, LookupError, TypeError):
        return math.inf
