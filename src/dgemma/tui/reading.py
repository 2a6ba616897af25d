"""How far a large model has been read, drawn on a terminal's stderr and gone when it is there."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

PATIENCE_S = 0.5
"""What is read sooner draws nothing."""


@contextmanager
def reading(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """What `load` takes as `progress`; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task, began, drawn = bar.add_task(title), time.monotonic(), False

    def progress(done: int, whole: int) -> None:
        nonlocal drawn
        bar.update(task, completed=done, total=whole)
        if not drawn and time.monotonic() - began > PATIENCE_S:
            bar.start()
            drawn = True

    try:
        yield progress
    finally:
        if drawn:
            bar.stop()
