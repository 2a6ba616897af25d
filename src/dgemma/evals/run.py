"""Scores a model on the tasks, diffusion beside autoregressive decoding of the same weights.

Every example is drawn from the held-out split, so its phrasing, names and templates were not trained on. The same
examples go to every mode. Knows nothing of how results are shown.
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
from dgemma.options import needed_tokenizer

MODES: dict[str, dict[str, Any]] = {
    "diffusion": {"mode": "diffusion"},
    "autoregressive": {"mode": "autoregressive"},
    "auto": {"mode": "auto"},
    "unchecked": {"mode": "diffusion", "causal_check": False},
    "plain": {"mode": "diffusion", "causal_check": False, "skip_settled": False},
}
"""The ways of answering that are scored, and what each asks of `LLM.chat`: `unchecked` leaves every canvas to
diffusion, `plain` computes every position in every step as well."""
_SLACK = 16
"""Tokens beyond a quarter that an answer to a file's example may be longer than the longest right one."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One task in one mode: n examples, the share answered right, and what answering took.

    held                    whether the answers were held to the form that the requests ask for
    tokens, passes          new tokens and forward passes of an answer, means
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
    passes: float
    canvases: int
    held: bool = False


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One answered example; `cut` says that the answer reached the limit of its tokens and not its end."""

    example: Example
    mode: str
    reply: str
    correct: bool
    held: bool = False
    cut: bool = False


def examples(task: str, n: int, seed: int) -> list[Example]:
    """The first `n` held-out examples of a task for `seed`. Raises UsageError for an unknown task."""
    return _draw(_found([task])[task], n, seed)


def _found(tasks: Sequence[str]) -> dict[str, Task]:
    try:
        find_tasks(task for task in tasks if not task.endswith(PAIRS_SUFFIX))
    except DataError as error:
        # Nothing is wrong with data where a task is misspelt.
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
    held: bool = False,
) -> Iterator[Score]:
    """Yields one Score per task and mode; `watch` sees every attempt, the modes in turns. A name that ends in `.jsonl`
    is a file of examples (`evals.pairs`), of which fewer than `n` may be held out; its answers may be somewhat longer
    than the longest that is held out.

    With `held`, tasks that ask for a form (`Task.form`) are also answered held to it, a second Score for each mode. Two
    modes are diffusion alone, whatever the model's settings: `unchecked`, and `plain`, which skips no settled
    position either. Raises UsageError at once for what cannot be scored.
    """
    if n < 1:
        raise UsageError(f"n must be at least 1, not {n}.")
    drawn = {task: _draw(task, n, seed) for task in _found(tasks).values()}
    return _scores(llm, drawn, modes, canvas_length, watch, held)


def _scores(
    llm: LLM,
    drawn: Mapping[Task, Sequence[Example]],
    modes: Sequence[str],
    canvas_length: int | None,
    watch: Callable[[Attempt], None],
    held: bool,
) -> Iterator[Score]:
    for task, items in drawn.items():
        limit = _limit(llm, task)
        ways = [(mode, form) for mode in modes for form in ((False, True) if held and task.form else (False,))]
        replies: dict[tuple[str, bool], list[tuple[bool, Stats]]] = {way: [] for way in ways}
        # The ways take turns, so that all have the same minutes of the machine, each at another example, and none finds
        # a part of its prompt encoded by one before.
        for turn in range(len(items)):
            for place, (mode, to_form) in enumerate(ways):
                number = (turn + place * len(items) // len(ways)) % len(items)
                llm.engine.forget_prefixes()
                example = items[number]
                reply = _answer(llm, task, example, limit, number, mode, canvas_length, to_form)
                correct = task.is_correct(example, reply.text)
                cut = reply.finish_reason == "length"
                watch(Attempt(example=example, mode=mode, reply=reply.text, correct=correct, held=to_form, cut=cut))
                replies[mode, to_form].append((correct, reply.stats))
        for mode, to_form in ways:
            yield _score(task.name, mode, to_form, *zip(*replies[mode, to_form], strict=True))


def _limit(llm: LLM, task: Task) -> int:
    """How many tokens an answer may have: a file's examples tell it by the longest right answer, its end included."""
    if not task.held_out:
        return task.max_new_tokens
    tokenizer = needed_tokenizer(llm.model)
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
    to_form: bool,
) -> Reply:
    form = task.form
    messages = [{"role": "user", "content": example.prompt}]
    held: dict[str, Any] = form(example) if to_form and form is not None else {}
    if task.held_out:
        # The slack may be more than the context has room for; a prompt that leaves none is told by the engine.
        limit = max(1, min(limit, llm.engine.max_context - len(llm.chat_ids(messages))))
    return llm.chat(
        messages,
        max_new_tokens=limit,
        seed=seed,
        canvas_length=canvas_length,
        **MODES[mode],
        **held,
    )


def _score(task: str, mode: str, held: bool, correct: Sequence[bool], stats: Sequence[Stats]) -> Score:
    tokens, canvases = sum(one.new_tokens for one in stats), max(1, sum(one.canvases for one in stats))
    return Score(
        task=task,
        mode=mode,
        held=held,
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
