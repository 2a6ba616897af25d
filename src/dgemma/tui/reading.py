"""A progress bar on stderr while a large model is loaded. It disappears when the model is loaded."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

PATIENCE_S = 0.5
"""Seconds before anything is drawn."""


@contextmanager
def reading(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yields the `progress` function for `load`; None if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task, start, drawn = bar.add_task(title), time.monotonic(), False

    def progress(done: int, total: int) -> None:
        nonlocal drawn
        bar.update(task, completed=done, total=total)
        if not drawn and time.monotonic() - start > PATIENCE_S:
            bar.start()
            drawn = True

    try:
        yield progress
    finally:
        if drawn:
            bar.stop()
