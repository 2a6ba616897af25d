"""A progress line on stderr for a job of many pieces. It disappears when the job is done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TextColumn

from dgemma.tui.reading import PATIENCE_S


@contextmanager
def counting(title: str, total: int, noun: str) -> Iterator[Callable[[], None]]:
    """Yields a function to call for each finished piece. Draws only on a terminal, and after `PATIENCE_S`."""
    column = TextColumn("{task.description}: {task.completed:,} of {task.total:,} " + noun, markup=False)
    line = Progress(column, console=Console(stderr=True), transient=True)
    task = line.add_task(title, total=total)

    def done() -> None:
        line.advance(task)
        if sys.stderr.isatty() and not line.live.is_started and (line.tasks[0].elapsed or 0) > PATIENCE_S:
            line.start()

    try:
        yield done
    finally:
        # Stopping a line that was never started would print an empty one.
        if line.live.is_started:
            line.stop()
