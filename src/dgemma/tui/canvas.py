"""The canvas as a terminal shows it: settled text plain, tokens in doubt shaded, noise dimmed.

Draws what the engine's events say; decides nothing about decoding.
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
    """The style of a token whose distribution has `entropy` nats: certain below 0.05, doubtful above 1."""
    if math.isnan(entropy) or entropy > 1.0:
        return DOUBTFUL
    return CERTAIN if entropy < 0.05 else LIKELY


class CanvasView:
    """Collects events into one coloured text: what is committed, then the canvas in flight."""

    def __init__(self, decode: Decode, end_ids: frozenset[int]) -> None:
        self.decode, self.end_ids = decode, end_ids
        self.committed: list[int] = []
        self.draft: Draft | None = None

    def take(self, event: Event) -> None:
        """Takes one event in."""
        if isinstance(event, Draft):
            self.draft = event
        elif isinstance(event, Commit):
            self.committed += event.token_ids
            self.draft = None

    def tail(self, width: int, height: int) -> Text:
        """The last `height` lines of the view as a terminal `width` wide breaks them: the newest text is seen."""
        lines = self.text().wrap(Console(width=width), width)
        return Text("\n").join(lines[-max(1, height) :])

    def text(self) -> Text:
        """The whole view."""
        view = Text(self.decode(self.committed))
        if self.draft is None:
            return view
        # Runs of one style are decoded together, so that characters of several tokens come out whole.
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

    With `frame_seconds` the answer is made first and then shown step by step at that pace, so that the slow motion does
    not enter its statistics.
    Ctrl-C ends the answer early; what is committed by then is returned with Finish None.
    """
    view = CanvasView(decode, end_ids)
    made: list[Event] = []
    finish: Finish | None = None
    with Live(console=console, refresh_per_second=30, transient=True) as live:
        try:
            if frame_seconds:
                made.extend(events)
            for event in made if frame_seconds else events:
                view.take(event)
                finish = event if isinstance(event, Finish) else finish
                # What is taller than the terminal could not be taken back, and would hide the end.
                live.update(view.tail(console.width, console.height - 1))
                if frame_seconds and isinstance(event, Draft):
                    live.refresh()
                    time.sleep(frame_seconds)
        except KeyboardInterrupt:
            finish = None
            if not view.committed and view.draft is None:
                for event in made:
                    view.take(event)
    return view.committed, finish
