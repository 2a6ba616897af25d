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
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task, began = bar.add_task(title), time.monotonic()

    def progress(done: int, whole: int) -> None:
        bar.update(task, completed=done, total=whole)
        if time.monotonic() - began > PATIENCE_S:
            bar.start()

    try:
        yield progress
    finally:
        bar.stop()
