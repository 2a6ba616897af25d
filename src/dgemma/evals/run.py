"""Scores a model on the tasks, diffusion beside autoregressive decoding of the same weights.

Every example is drawn from the held-out split, so its phrasing, names and templates were not trained on. The same
examples go to every mode. Knows nothing of how results are shown.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import cast

from dgemma.api import LLM
from dgemma.engine.request import Mode
from dgemma.errors import UsageError
from dgemma.evals.example import Example
from dgemma.evals.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class Score:
    """One task in one mode: n examples, the share answered right, and what answering took.

    tokens                  new tokens of an answer, the mean
    equivalents_per_canvas  the steps a canvas took, each counted by the share of positions it computed
    """

    task: str
    mode: str
    n: int
    accuracy: float
    steps_per_canvas: float
    equivalents_per_canvas: float
    tokens_per_forward: float
    tokens_per_second: float
    tokens: float
    canvases: int


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One answered example."""

    example: Example
    mode: str
    reply: str
    correct: bool


def examples(task: str, n: int, seed: int) -> list[Example]:
    """The first `n` held-out examples of a task for `seed`. Raises UsageError for an unknown task."""
    if task not in TASKS:
        raise UsageError(f"There is no task {task!r}. The tasks are {', '.join(TASKS)}.")
    random = Random(f"{seed}/{task}")
    return [TASKS[task].generate(random, "eval") for _ in range(n)]


def evaluate(
    llm: LLM,
    tasks: Sequence[str],
    n: int,
    seed: int = 0,
    modes: Sequence[str] = ("diffusion", "autoregressive"),
    canvas_length: int | None = None,
    watch: Callable[[Attempt], None] = lambda attempt: None,
) -> Iterator[Score]:
    """Yields one Score per task and mode; `watch` sees every attempt.

    Two modes are diffusion alone, whatever the model's settings: `unchecked`, and `plain`, which skips no settled
    position either.
    """
    if n < 1:
        raise UsageError(f"n must be at least 1, not {n}.")
    drawn = {task: examples(task, n, seed) for task in tasks}
    for task, items in drawn.items():
        for mode in modes:
            yield _score(llm, task, items, mode, canvas_length, watch)


def _score(
    llm: LLM, task: str, items: list[Example], mode: str, canvas: int | None, watch: Callable[[Attempt], None]
) -> Score:
    right = tokens = canvases = steps = passes = 0
    seconds = equivalents = 0.0
    for number, example in enumerate(items):
        reply = llm.chat(
            [{"role": "user", "content": example.prompt}],
            max_new_tokens=TASKS[task].max_new_tokens,
            seed=number,
            mode=cast(Mode, "diffusion" if mode in ("plain", "unchecked") else mode),
            skip_settled=mode != "plain",
            causal_check=mode not in ("plain", "unchecked"),
            canvas_length=canvas,
        )
        correct = TASKS[task].is_correct(example, reply.text)
        watch(Attempt(example=example, mode=mode, reply=reply.text, correct=correct))
        stats = reply.stats
        right, tokens, seconds = right + correct, tokens + stats.new_tokens, seconds + stats.wall_seconds
        canvases, steps = canvases + stats.canvases, steps + stats.denoise_steps
        passes += stats.forward_passes
        equivalents += stats.canvas_equivalents
    return Score(
        task=task,
        mode=mode,
        n=len(items),
        accuracy=right / len(items),
        steps_per_canvas=steps / max(1, canvases),
        equivalents_per_canvas=equivalents / max(1, canvases),
        tokens_per_forward=tokens / max(1, passes),
        tokens_per_second=tokens / max(1e-9, seconds),
        tokens=tokens / len(items),
        canvases=canvases,
    )
