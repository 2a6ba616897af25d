"""`dgemma train`: progress lines on stderr, the best checkpoint's folder on stdout."""

import math
import sys
from pathlib import Path
from typing import Any

from dgemma.checkpoint import find_model
from dgemma.errors import DataError
from dgemma.train.recipe import read_recipe
from dgemma.train.trainer import Progress, train


def train_and_print(recipe: Path, out: Path, data: Path | None, init: str | None, **run: Any) -> None:
    """Runs a recipe to its end; `run` replaces entries of its [run] table, where they are not None."""
    if data is not None and not data.is_dir():
        raise DataError(f"There is no data folder {data}; leave --data out to train on the generators alone.")
    start = None if init is None else find_model(init)
    if init is not None and (out / "last.pt").is_file():
        print(f"The run in {out} goes on from its own weights, not from {init}.", file=sys.stderr)
    best = train(read_recipe(recipe, **run), data, out, _print, start)
    print(best)


def _print(progress: Progress) -> None:
    minutes = progress.seconds_left / 60
    # Batches without canvases have no loss of a canvas.
    parts = {"clean": progress.clean, "corrupted": progress.corrupted, "encoder": progress.encoder}
    told = ", ".join(f"{name} {loss:.3f}" for name, loss in parts.items() if not math.isnan(loss))
    line = (
        f"step {progress.step}/{progress.steps}  loss: {told}  {progress.tokens_per_second:.0f} tokens/s  "
        f"{minutes:.0f} min left"
    )
    if progress.held_out is not None:
        line += f"  held-out {progress.held_out:.4f}"
    print(line, file=sys.stderr, flush=True)
