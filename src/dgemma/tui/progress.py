"""Progress on stderr: a bar while a large model is loaded, and a line for a job of many pieces.

Both disappear when the work is done.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from dgemma.tui.terminal import can_draw

PATIENCE_S = 0.5
"""Seconds before anything is drawn."""


@contextmanager
def loading_progress(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """Draws a bar. Yields the `progress` function for `load`; None if stderr cannot be drawn on."""
    if not can_draw():
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


@contextmanager
def counting_progress(title: str, total: int, noun: str) -> Iterator[Callable[[], None]]:
    """Draws a line. Yields a function to call for each finished piece. Draws only where it can, after `PATIENCE_S`."""
    column = TextColumn("{task.description}: {task.completed:,} of {task.total:,} " + noun, markup=False)
    line = Progress(column, console=Console(stderr=True), transient=True)
    task = line.add_task(title, total=total)

    def done() -> None:
        line.advance(task)
        if can_draw() and not line.live.is_started and (line.tasks[0].elapsed or 0) > PATIENCE_S:
            line.start()

    try:
        yield done
    finally:
        # Stopping a line that was never started would print an empty one.
        if line.live.is_started:
            line.stop()
