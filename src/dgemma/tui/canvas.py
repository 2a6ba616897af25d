"""Draws the canvas on a terminal: committed text plain, draft tokens coloured by entropy.

Only draws the engine's events; decides nothing about decoding.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from dgemma.engine.request import Commit, Draft, Event, Finish

Decode = Callable[[Sequence[int]], str]

CERTAIN, LIKELY, DOUBTFUL = "bold green", "yellow", "dim red"


def style_of(entropy: float) -> str:
    """The style of a draft token whose distribution has `entropy` nats: certain below 0.05, doubtful above 1 or nan."""
    if math.isnan(entropy) or entropy > 1.0:
        return DOUBTFUL
    return CERTAIN if entropy < 0.05 else LIKELY


class CanvasView:
    """Turns events into one coloured text: the committed tokens, then the current draft."""

    def __init__(self, decode: Decode, end_ids: frozenset[int]) -> None:
        self.decode, self.end_ids = decode, end_ids
        self.committed: list[int] = []
        self.draft: Draft | None = None

    def take(self, event: Event) -> None:
        """Updates the view with one event."""
        if isinstance(event, Draft):
            self.draft = event
        elif isinstance(event, Commit):
            self.committed += event.token_ids
            self.draft = None

    def tail(self, width: int, height: int) -> Text:
        """The last `height` lines of the view, wrapped to `width` columns."""
        lines = self.text().wrap(Console(width=width), width)
        return Text("\n").join(lines[-max(1, height) :])

    def text(self) -> Text:
        """The whole view."""
        view = Text(self.decode(self.committed))
        if self.draft is None:
            return view
        # Decode runs of one style together, since a character may span several tokens.
        run: list[int] = []
        style = ""
        for token, entropy in zip(self.draft.token_ids, self.draft.entropies, strict=True):
            if token in self.end_ids:
                break
            if style_of(entropy) != style and run:
                view.append(self.decode(run), style)
                run = []
            style = style_of(entropy)
            run.append(token)
        if run:
            view.append(self.decode(run), style)
        view.append(f"\n  canvas {self.draft.canvas + 1}, step {self.draft.step}", "dim")
        return view


def show(
    events: Iterator[Event], console: Console, decode: Decode, end_ids: frozenset[int], frame_seconds: float = 0.0
) -> tuple[list[int], Finish | None]:
    """Draws events until the end -> (committed ids, Finish).

    With `frame_seconds` the answer is generated first and then replayed at that pace, so that the slow motion does not
    enter its statistics. Ctrl-C ends the answer early and returns the ids committed so far, with Finish None.
    """
    view = CanvasView(decode, end_ids)
    recorded: list[Event] = []
    finish: Finish | None = None
    with Live(console=console, refresh_per_second=30, transient=True) as live:
        try:
            if frame_seconds:
                recorded.extend(events)
            for event in recorded if frame_seconds else events:
                view.take(event)
                finish = event if isinstance(event, Finish) else finish
                # Live cannot erase more lines than the terminal has, and would cut off the newest ones.
                live.update(view.tail(console.width, console.height - 1))
                if frame_seconds and isinstance(event, Draft):
                    live.refresh()
                    time.sleep(frame_seconds)
        except KeyboardInterrupt:
            finish = None
            if not view.committed and view.draft is None:
                for event in recorded:
                    view.take(event)
    return view.committed, finish
