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
    """Runs a recipe to its end. Values in `run` that are not None override the recipe's [run] table.

    Without `out` the run's folder is named after the recipe, so that another recipe does not resume it.
    """
    if data is not None and not data.is_dir():
        raise DataError(f"There is no folder {data}; leave out --data to train on generated tasks only.")
    chosen = _read(recipe, run)
    out = Path("runs") / recipe.stem if out is None else out
    start = None if init is None else find_model(init)
    if init is not None and (out / "last.pt").is_file():
        print(f"Resuming the run in {out} from its own weights; --init {init} is ignored.", file=sys.stderr)
    with _Stop() as stop:
        try:
            best = train(chosen, data, out, _print_progress, start, stop, _print_line)
        except Stopped as stopped:
            print(f"Stopped at step {stopped.step} and saved; run the same command to resume.", file=sys.stderr)
            raise typer.Exit(128 + (stop.signal or 0)) from None
    print(best)


def _read(recipe: Path, run: dict[str, Any]) -> Recipe:
    """The recipe with `run` applied. Raises DataError if the recipe is at fault, UsageError if the options are."""
    try:
        return read_recipe(recipe, **run)
    except DataError as error:
        read_recipe(recipe)  # raises DataError if the recipe is wrong without the options, too
        raise UsageError(str(error)) from error


class _Stop:
    """Catches Ctrl-C and SIGTERM, so that a run stops after a whole step. Calling it tells whether to stop.

    Before the first call, and for a second signal, the previous handler runs instead.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._asked = False
        # The processes that make batches get the signal as well; only this one prints.
        self._process = os.getpid()
        # Signals that are ignored, as in a shell's background jobs, stay ignored.
        self._handlers: dict[int, Any] = {
            number: handler
            for number in (signal.SIGINT, signal.SIGTERM)
            if (handler := signal.getsignal(number)) is not signal.SIG_IGN
        }

    def __enter__(self) -> "_Stop":
        for number in self._handlers:
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        self._asked = True
        return self.signal is not None

    def _handle(self, number: int, frame: Any) -> None:
        if self._asked and self.signal is None:
            self.signal = number
            if os.getpid() == self._process:
                # `print` is not reentrant: the signal may have interrupted one.
                with suppress(OSError):
                    os.write(2, b"Stopping after this step; a second signal stops at once.\n")
        else:
            signal.signal(number, self._handlers[number])
            signal.raise_signal(number)


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print_progress(progress: Progress) -> None:
    minutes = progress.seconds_left / 60
    losses = {"clean": progress.clean, "corrupted": progress.corrupted, "encoder": progress.encoder}
    # A loss is nan if no token of these steps has it, as in batches without canvases.
    shown = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items() if not math.isnan(loss))
    line = (
        f"step {progress.step}/{progress.steps}  loss: {shown}  {progress.tokens_per_second:.0f} tokens/s  "
        f"{minutes:.0f} min left"
    )
    if progress.held_out is not None:
        line += f"  held-out {progress.held_out:.4f}"
    print(line, file=sys.stderr, flush=True)
