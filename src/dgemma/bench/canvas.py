"""Steps per canvas S(L) on held-out tasks for each canvas length, and the speed-up over one token at a time.

S(L) is a property of the model, t(rows) of the machine. The speed-up is predicted from both and measured on whole
answers. Knows nothing of how results are shown.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dgemma import chat
from dgemma.api import LLM
from dgemma.decode.lookup import count_copies
from dgemma.engine.pace import Pace, choose, mean_embedding
from dgemma.evals.run import Score, evaluate, examples
from dgemma.profile import CanvasRecord, DenoisingProfile, RequestKind

TASKS = ("extract", "fix", "edit", "sudoku4", "sudoku9", "math")
LENGTHS = (8, 16, 32, 64, 128)
_BEYOND = 1.25
"""The reach of a kind of requests, relative to the distance of its farthest measured prompt from the centre."""


@dataclass(frozen=True, kw_only=True)
class CanvasPoint:
    """One canvas length: its record, and the speed-up over one token at a time, predicted and measured on whole answers
    in the same run."""

    record: CanvasRecord
    step_ms: float
    predicted_speed_up: float
    measured_speed_up: float


@dataclass(frozen=True, kw_only=True)
class CanvasBench:
    """All canvas lengths on the same requests. `profile` is what `--save` writes to the model's folder."""

    profile: DenoisingProfile
    pace: Pace
    points: tuple[CanvasPoint, ...]
    requests: int


def measure_canvases(
    llm: LLM,
    pace: Pace,
    n: int,
    lengths: Sequence[int] = LENGTHS,
    tasks: Sequence[str] = TASKS,
    watch: Callable[[str], None] = lambda stage: None,
) -> CanvasBench:
    """Answers `n` held-out requests of each task at each canvas length and one token at a time.

    `watch` is called with a description of each stage before it starts.
    """
    watch("one token at a time")
    single = list(evaluate(llm, tasks, n, modes=("autoregressive",)))
    answers: dict[int, list[Score]] = {}
    for length in lengths:
        watch(f"canvases of {length}")
        answers[length] = list(evaluate(llm, tasks, n, modes=("diffusion",), canvas_length=length))
    records = {length: _record(length, scores) for length, scores in answers.items()}
    speeds = [_seconds(single) / _seconds(scores) * _tokens(scores) / _tokens(single) for scores in answers.values()]
    if llm.model.sampler.causal_check:
        # This model may shorten a canvas after its first check. The engine chooses by what that takes, so measure it.
        watch("canvases of the model's own length")
        answers[llm.network.config.canvas_length] = list(evaluate(llm, tasks, n, modes=("diffusion",)))
    kept = tuple(_record(length, scores) for length, scores in sorted(answers.items()))
    by_task = [
        [_record(length, [scores[number]]) for length, scores in sorted(answers.items())]
        for number in range(len(tasks))
    ]
    kinds = tuple(_kind(llm, *pair) for pair in zip(single, by_task, strict=True))
    answer_tokens = _mean(score.tokens for score in single)
    profile = DenoisingProfile(canvases=kept, answer_tokens=answer_tokens, kinds=kinds)
    measured = DenoisingProfile(canvases=tuple(records.values()), answer_tokens=answer_tokens)
    points = []
    for record, speed in zip(records.values(), speeds, strict=True):
        choice = choose(measured, pace, max_new_tokens=1 << 20, canvas_length=record.length)
        points.append(
            CanvasPoint(
                record=record,
                step_ms=pace.step(record.length),
                predicted_speed_up=choice.autoregressive_ms / choice.diffusion_ms,
                measured_speed_up=speed,
            )
        )
    return CanvasBench(profile=profile, pace=pace, points=tuple(points), requests=n * len(tasks))


def _kind(llm: LLM, score: Score, records: Sequence[CanvasRecord]) -> RequestKind:
    """The records of one task, with the centre and reach of its prompts' mean embeddings, and what its correct answers
    copy from their prompts."""
    tokenizer = llm.tokenizer
    assert tokenizer is not None, "the model has just answered in text"
    chosen = examples(score.task, score.n, seed=0)
    requests = [[{"role": "user", "content": one.prompt}] for one in chosen]
    prompts = [chat.render(messages, tokenizer, template=llm.model.chat_template) for messages in requests]
    answers = [tokenizer.encode(one.answer) for one in chosen]
    copies, copied = zip(*map(count_copies, prompts, answers), strict=True)
    means = [mean_embedding(llm.network, prompt) for prompt in prompts]
    centre = [round(_mean(iter(column)), 5) for column in zip(*means, strict=True)]
    reach = _BEYOND * max(math.dist(centre, mean) for mean in means)
    return RequestKind(
        name=score.task,
        centre=tuple(centre),
        reach=round(reach, 5),
        canvases=tuple(records),
        answer_tokens=score.tokens,
        copies=_mean(iter(copies)),
        copied=min(score.tokens, _mean(iter(copied))),
    )


def _record(length: int, scores: Sequence[Score]) -> CanvasRecord:
    canvases = sum(score.canvases for score in scores)
    steps = sum(score.steps_per_canvas * score.canvases for score in scores)
    passes = sum(score.tokens * score.n / score.tokens_per_forward for score in scores)
    return CanvasRecord(
        length=length,
        steps=steps / canvases,
        checks=max(0.0, round((passes - steps) / canvases, 6)),
        equivalents=sum(score.equivalents_per_canvas * score.canvases for score in scores) / canvases,
        tokens=_tokens(scores) / canvases,
        accuracy=_mean(score.accuracy for score in scores),
    )


def _tokens(scores: Sequence[Score]) -> float:
    return sum(score.tokens * score.n for score in scores)


def _seconds(scores: Sequence[Score]) -> float:
    return sum(score.tokens * score.n / score.tokens_per_second for score in scores)


def _mean(values: Iterator[float]) -> float:
    items = list(values)
    return sum(items) / len(items)
