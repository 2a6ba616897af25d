"""`dgemma train`: progress lines on stderr, the best checkpoint's folder on stdout."""

import math
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from dgemma.checkpoint import find_model
from dgemma.errors import DataError, UsageError
from dgemma.train.metrics import Progress
from dgemma.train.recipe import Recipe, read_recipe
from dgemma.train.trainer import Stopped, train


def train_and_print(recipe: Path, out: Path | None, data: Path | None, init: str | None, **run: Any) -> None:
    """Runs a recipe to its end; `run` replaces entries of its [run] table, where they are not None. Without `out` the
    run's folder goes by the recipe's name, so that another recipe does not go on with it."""
    if data is not None and not data.is_dir():
        raise DataError(f"There is no data folder {data}; leave --data out to train on the generators alone.")
    chosen = _read(recipe, run)
    out = Path("runs") / recipe.stem if out is None else out
    start = None if init is None else find_model(init)
    if init is not None and (out / "last.pt").is_file():
        print(f"The run in {out} goes on from its own weights, not from {init}.", file=sys.stderr)
    with _Stop() as stop:
        try:
            best = train(chosen, data, out, _print, start, stop, _tell)
        except Stopped as stopped:
            print(f"Stopped at step {stopped.step} and saved; the same command goes on.", file=sys.stderr)
            raise typer.Exit(128 + (stop.signal or 0)) from None
    print(best)


def _read(recipe: Path, run: dict[str, Any]) -> Recipe:
    """The recipe with what the options say instead of it. Raises UsageError where that is what cannot be."""
    try:
        return read_recipe(recipe, **run)
    except DataError as error:
        read_recipe(recipe)
        raise UsageError(str(error)) from error


class _Stop:
    """Ctrl-C or SIGTERM as the answer to whether a run shall stop, so that no step is left half done.

    Before the first question, and when it comes again, a signal does what it always does.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._asked = False
        # The processes that make batches take the signal as well, and need say nothing.
        self._process = os.getpid()
        # What a background process ignores stays ignored.
        self._before: dict[int, Any] = {
            number: handler
            for number in (signal.SIGINT, signal.SIGTERM)
            if (handler := signal.getsignal(number)) is not signal.SIG_IGN
        }

    def __enter__(self) -> "_Stop":
        for number in self._before:
            signal.signal(number, self._take)
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        self._asked = True
        return self.signal is not None

    def _take(self, number: int, frame: Any) -> None:
        if self._asked and self.signal is None:
            self.signal = number
            if os.getpid() == self._process:
                # A print might interrupt another one.
                with suppress(OSError):
                    os.write(2, b"Stopping after this step; a second time stops at once.\n")
        else:
            signal.signal(number, self._before[number])
            signal.raise_signal(number)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


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
