"""Scoring a model on the tasks, with diffusion and autoregressive decoding of the same weights.

Every example is from the held-out split, so its phrasing, names and templates were not trained on. All modes answer the
same examples. Knows nothing of how results are shown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from dgemma.api import LLM, Reply
from dgemma.engine.request import Stats
from dgemma.errors import DataError, UsageError
from dgemma.evals.example import PAIRS_SUFFIX, Example
from dgemma.evals.pairs import find_tasks
from dgemma.evals.tasks import Task
from dgemma.options import require_tokenizer

MODES: dict[str, dict[str, Any]] = {
    "diffusion": {"mode": "diffusion"},
    "autoregressive": {"mode": "autoregressive"},
    "auto": {"mode": "auto"},
    "unchecked": {"mode": "diffusion", "causal_check": False},
    "plain": {"mode": "diffusion", "causal_check": False, "skip_settled": False},
}
"""The modes that can be scored, as options of `LLM.chat`. `unchecked` is diffusion without the causal check; `plain`
also computes every position in every step."""
_SLACK = 16
"""For examples from a file: tokens allowed beyond 1.25 times the longest correct answer."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """The result of one task in one mode: accuracy (share of correct answers) over n examples, and cost.

    constrained             whether decoding was constrained (`Task.constraint`)
    tokens, passes          new tokens and forward passes per answer, means
    equivalents_per_canvas  steps per canvas, each weighted by the share of positions it computed
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
    passes: float
    canvases: int
    constrained: bool = False


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One answered example. cut: the answer reached its token limit. constrained: as in `Score`."""

    example: Example
    mode: str
    reply: str
    correct: bool
    constrained: bool = False
    cut: bool = False


def examples(task: str, n: int, seed: int) -> list[Example]:
    """The first `n` held-out examples of a task for `seed`. Raises UsageError for an unknown task."""
    return _draw(_find_tasks([task])[task], n, seed)


def _find_tasks(tasks: Sequence[str]) -> dict[str, Task]:
    """`find_tasks`, but a misspelt task name is a UsageError; a DataError is left for bad files."""
    try:
        find_tasks(task for task in tasks if not task.endswith(PAIRS_SUFFIX))
    except DataError as error:
        raise UsageError(str(error)) from error
    return find_tasks(tasks)


def _draw(task: Task, n: int, seed: int) -> list[Example]:
    random = Random(f"{seed}/{task.name}")
    if task.held_out:
        return random.sample(task.held_out, min(n, len(task.held_out)))
    return [task.generate(random, "eval") for _ in range(n)]


def evaluate(
    llm: LLM,
    tasks: Sequence[str],
    n: int,
    seed: int = 0,
    modes: Sequence[str] = ("diffusion", "autoregressive"),
    canvas_length: int | None = None,
    watch: Callable[[Attempt], None] = lambda attempt: None,
    constrained: bool = False,
) -> Iterator[Score]:
    """Yields one Score per task and mode.

    tasks: names; one that ends in `.jsonl` is a file of examples (`evals.pairs`). It may have fewer than `n` held-out
    examples, and its answers may be somewhat longer than the longest correct one.
    modes: keys of `MODES`.
    watch: called with every attempt; the modes take turns.
    constrained: tasks with a constraint (`Task.constraint`) get a second Score per mode, with constrained decoding.
    Raises UsageError at once for an unknown task or a bad `n`.
    """
    if n < 1:
        raise UsageError(f"n must be at least 1, not {n}.")
    drawn = {task: _draw(task, n, seed) for task in _find_tasks(tasks).values()}
    return _scores(llm, drawn, modes, canvas_length, watch, constrained)


def _scores(
    llm: LLM,
    drawn: Mapping[Task, Sequence[Example]],
    modes: Sequence[str],
    canvas_length: int | None,
    watch: Callable[[Attempt], None],
    also_constrained: bool,
) -> Iterator[Score]:
    for task, items in drawn.items():
        limit = _token_limit(llm, task)
        choices = (False, True) if also_constrained and task.constraint else (False,)
        variants = [(mode, constrained) for mode in modes for constrained in choices]
        results: dict[tuple[str, bool], list[tuple[bool, Stats]]] = {variant: [] for variant in variants}
        # The variants take turns, so that a slow phase of the machine affects all alike, and in every other turn in
        # reverse, so that none always finds the processor's cache as the same other one leaves it. In each turn they
        # answer different examples, and prefixes are dropped, so that none reuses a prompt encoded for another.
        for turn in range(len(items)):
            for index, (mode, constrained) in list(enumerate(variants))[:: 1 if turn % 2 == 0 else -1]:
                number = (turn + index * len(items) // len(variants)) % len(items)
                llm.engine.forget_prefixes()
                example = items[number]
                reply = _answer(llm, task, example, limit, number, mode, canvas_length, constrained)
                correct = task.is_correct(example, reply.text)
                cut = reply.finish_reason == "length"
                watch(
                    Attempt(
                        example=example, mode=mode, reply=reply.text, correct=correct, constrained=constrained, cut=cut
                    )
                )
                results[mode, constrained].append((correct, reply.stats))
        for mode, constrained in variants:
            yield _score(task.name, mode, constrained, *zip(*results[mode, constrained], strict=True))


def _token_limit(llm: LLM, task: Task) -> int:
    """The most tokens that an answer may have; for a file of examples from its longest correct answer, end token
    included."""
    if not task.held_out:
        return task.max_new_tokens
    tokenizer = require_tokenizer(llm.model)
    longest = 1 + max(len(tokenizer.encode(example.answer)) for example in task.held_out)
    return longest + longest // 4 + _SLACK


def _answer(
    llm: LLM,
    task: Task,
    example: Example,
    limit: int,
    seed: int,
    mode: str,
    canvas_length: int | None,
    constrained: bool,
) -> Reply:
    messages = [{"role": "user", "content": example.prompt}]
    constraint = task.constraint(example) if constrained and task.constraint is not None else {}
    if task.held_out:
        # The limit may exceed the room left in the context; for a prompt that leaves none the engine raises.
        limit = max(1, min(limit, llm.engine.max_context - len(llm.chat_ids(messages))))
    return llm.chat(
        messages,
        max_new_tokens=limit,
        seed=seed,
        canvas_length=canvas_length,
        **MODES[mode],
        **constraint,
    )


def _score(task: str, mode: str, constrained: bool, correct: Sequence[bool], stats: Sequence[Stats]) -> Score:
    tokens, canvases = sum(one.new_tokens for one in stats), max(1, sum(one.canvases for one in stats))
    return Score(
        task=task,
        mode=mode,
        constrained=constrained,
        n=len(stats),
        accuracy=sum(correct) / len(stats),
        steps_per_canvas=sum(one.denoise_steps for one in stats) / canvases,
        equivalents_per_canvas=sum(one.canvas_equivalents for one in stats) / canvases,
        tokens_per_forward=tokens / max(1, sum(one.forward_passes for one in stats)),
        tokens_per_second=tokens / max(1e-9, sum(one.wall_seconds for one in stats)),
        tokens=tokens / len(stats),
        passes=sum(one.forward_passes for one in stats) / len(stats),
        canvases=sum(one.canvases for one in stats),
    )
