"""`dgemma eval`: one table of scores per task, or one JSON document."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dgemma.api import load
from dgemma.errors import UsageError
from dgemma.evals.copied import longest_copied_span
from dgemma.evals.run import MODES, Attempt, Score, evaluate
from dgemma.ops import native
from dgemma.train.texts import load_texts

SCORED = ("extract", "extract_plain", "fix", "edit", "sudoku4", "sudoku9", "math")
COLUMNS = (
    "accuracy",
    "steps per canvas",
    "canvas equivalents",
    "passes per answer",
    "tokens per pass",
    "tokens per second",
)
TABLE_WIDTH = 79
"""Terminal width needed by the table; narrower terminals get lines instead."""


def evaluate_and_print(
    tasks: Sequence[str],
    *,
    model: str,
    quant: str | None,
    device: str,
    dtype: str,
    n: int,
    mode: str,
    canvas: int | None,
    seed: int,
    failures: int,
    as_json: bool,
    data: Path | None,
    constrained: bool,
) -> None:
    """Prints one table per task, with a row per mode, as soon as the task is done.

    constrained: adds a row with constrained answers after each mode, for tasks that define a constraint.
    data: folder of training text; adds the longest run of words that an answer shares with it.
    """
    corpus = None if data is None else load_texts(data)[0]
    replies: list[str] = []
    if mode not in ("both", *MODES):
        raise UsageError(f"mode {mode!r} is not one of both, {', '.join(MODES)}.")
    modes = ("diffusion", "autoregressive") if mode == "both" else (mode,)
    shown: dict[tuple[str, str, bool], int] = {}

    def watch(attempt: Attempt) -> None:
        replies.append(attempt.reply)
        key = (attempt.example.task, attempt.mode, attempt.constrained)
        if not attempt.correct and shown.get(key, 0) < failures:
            shown[key] = shown.get(key, 0) + 1
            example, way = attempt.example, f"{attempt.mode}, constrained" if attempt.constrained else attempt.mode
            print(
                f"[{way}] {example.prompt}\n  wanted: {example.answer!r}\n  got:    {attempt.reply!r}"
                + (" (cut off)" if attempt.cut else ""),
                file=sys.stderr,
            )

    chosen = tuple(tasks) or SCORED
    scores: list[Score] = []
    llm = load(model, device=device, dtype=dtype, quant=quant)
    pending = evaluate(llm, chosen, n, seed, modes, canvas, watch, constrained)
    # Bad arguments have raised by now; compiling the kernels may take minutes.
    native.prepare()
    for _, task_scores in groupby(pending, key=lambda score: score.task):
        rows = list(task_scores)
        scores += rows
        if not as_json:
            _print_scores(rows)
    document: dict[str, object] = {
        "model": model,
        "quant": quant,
        "seed": seed,
        "scores": [asdict(score) for score in scores],
    }
    if corpus is not None:
        words, span = longest_copied_span(replies, [*corpus.stories, *corpus.sentences])
        document["longest_copied_span"] = {"words": words, "text": span}
        if not as_json:
            print(f"Longest run of words copied from the training text: {words} ({span!r})")
    if as_json:
        print(json.dumps(document))


def _print_scores(scores: Sequence[Score]) -> None:
    console = Console()
    if console.width < TABLE_WIDTH:
        _print_lines(scores)
        return
    table = Table(title=f"{scores[0].task} (n = {scores[0].n})", title_justify="left")
    table.add_column("mode", no_wrap=True)
    for name in COLUMNS:
        # As wide as the longest word of its title, so that the table fits into 80 columns.
        table.add_column(name, justify="right", width=max(map(len, name.split())))
    for score in scores:
        table.add_row("  constrained" if score.constrained else score.mode, *_row(score))
    console.print(table)


def _print_lines(scores: Sequence[Score]) -> None:
    """Prints the scores one number per line, for narrow terminals."""
    for score in scores:
        print(f"{score.task} (n = {score.n}), {score.mode}{', constrained' if score.constrained else ''}")
        for name, value in zip(COLUMNS, _row(score), strict=True):
            print(f"  {name} {value}")


def _row(score: Score) -> tuple[str, ...]:
    """The score's values for `COLUMNS`, formatted."""
    diffuses = score.mode != "autoregressive"
    return (
        f"{score.accuracy:.1%}",
        f"{score.steps_per_canvas:.1f}" if diffuses else "-",
        f"{score.equivalents_per_canvas:.1f}" if diffuses else "-",
        f"{score.passes:.1f}",
        f"{score.tokens_per_forward:.1f}",
        f"{score.tokens_per_second:.0f}",
    )
