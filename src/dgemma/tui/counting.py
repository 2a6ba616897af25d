"""How many pieces of a long job are done, told on a terminal's stderr and gone when the job is."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TextColumn

from dgemma.tui.reading import PATIENCE_S


@contextmanager
def counting(title: str, whole: int, pieces: str) -> Iterator[Callable[[], None]]:
    """What is called for each piece that is done; it draws nothing where stderr is no terminal."""
    told = TextColumn("{task.description}: {task.completed:,} of {task.total:,} " + pieces, markup=False)
    line = Progress(told, console=Console(stderr=True), transient=True)
    task = line.add_task(title, total=whole)

    def done() -> None:
        line.advance(task)
        if sys.stderr.isatty() and not line.live.is_started and (line.tasks[0].elapsed or 0) > PATIENCE_S:
            line.start()

    try:
        yield done
    finally:
        # It would end a line that it never began.
        if line.live.is_started:
            line.stop()
