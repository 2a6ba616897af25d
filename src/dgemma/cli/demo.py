"""`dgemma demo`, also run by `make run`: the embedded model does three jobs while its canvas is drawn."""

from dgemma.api import load
from dgemma.cli.run import respond, statistics_line
from dgemma.tui.terminal import can_draw

JOBS = (
    (
        "A paragraph into JSON",
        "Extract name, date and amount as JSON: On 3 May 2024 Anna Lee paid $250 for a new bicycle.",
    ),
    ("A sentence repaired", "Fix the mistakes: They was late for the the train yestreday."),
    ("A Sudoku solved", "Solve this Sudoku:\n1030\n0402\n2043\n0320"),
)


def show_demo() -> None:
    """Runs the three jobs. In a terminal each answer is replayed step by step, slowly enough to follow."""
    llm = load("tiny")
    draw = can_draw()
    for title, prompt in JOBS:
        print(f"\n{title}\n> {prompt}\n", flush=True)
        _, stats = respond(
            llm, [{"role": "user", "content": prompt}], draw=draw, options={"seed": 0}, pace=0.12 if draw else 0.0
        )
        if stats is None:
            raise KeyboardInterrupt
        print(f"  {statistics_line(stats)}", flush=True)
