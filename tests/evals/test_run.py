"""Scoring: every mode answers every example once, in turns, and a score is what the replies add up to."""

import itertools
import json
import re
from types import SimpleNamespace

import jsonschema
import pytest

import dgemma
from dgemma.engine.request import Stats
from dgemma.errors import DataError, UsageError
from dgemma.evals.pairs import read_pairs, split_pairs
from dgemma.evals.run import evaluate, examples
from dgemma.evals.tasks import TASKS
from dgemma.options import require_tokenizer


class Oracle:
    """A model that answers correctly, except in autoregressive mode, where its text is empty.

    Each reply reports one canvas, three steps and four passes.
    """

    def __init__(self, task: str, n: int) -> None:
        self.answers = {example.prompt: example.answer for example in examples(task, n, seed=4)}
        self.asked: list[tuple[str, str]] = []
        self.forms: list[dict] = []
        self.limits: set[int] = set()
        self.engine = SimpleNamespace(forget_prefixes=lambda: None, max_context=4096)
        self.model = dgemma.load("tiny").model
        self.tokenizer = require_tokenizer(self.model)

    def chat_ids(self, messages):
        return self.tokenizer.encode(messages[0]["content"])

    def chat(self, messages, *, mode, max_new_tokens, **options):
        self.limits.add(max_new_tokens)
        prompt = messages[0]["content"]
        self.asked.append((mode, prompt))
        self.forms.append({name: options[name] for name in ("schema", "regex") if name in options})
        stats = Stats(
            mode=mode, prompt_tokens=9, new_tokens=8, canvases=1, denoise_steps=3, forward_passes=4, first_text_ms=1.0,
            wall_seconds=0.5, peak_memory_mb=1.0, queued_ms=0.0, reused_tokens=0, canvas_equivalents=2.0,
        )  # fmt: skip
        text = "" if mode == "autoregressive" else self.answers[prompt]
        return SimpleNamespace(text=text, stats=stats, finish_reason="stop" if text else "length")


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_modes_take_turns_on_different_examples(n):
    modes = ("diffusion", "autoregressive", "auto")
    oracle, seen = Oracle("sudoku4", n), []
    scores = list(evaluate(oracle, ["sudoku4"], n, 4, modes, watch=seen.append))  # pyright: ignore[reportArgumentType]
    turns = [modes if turn % 2 == 0 else modes[::-1] for turn in range(n)]
    assert [mode for mode, _ in oracle.asked] == list(itertools.chain(*turns))
    for mode in modes:
        assert sorted(prompt for used_mode, prompt in oracle.asked if used_mode == mode) == sorted(oracle.answers)
    if n >= len(modes):
        assert all(before[1] != after[1] for before, after in zip(oracle.asked, oracle.asked[1:], strict=False))
    assert [score.accuracy for score in scores] == [1.0, 0.0, 1.0]
    assert {score.tokens_per_second for score in scores} == {16.0} and {score.tokens for score in scores} == {8.0}
    assert {(score.steps_per_canvas, score.equivalents_per_canvas, score.tokens_per_forward) for score in scores} == {
        (3.0, 2.0, 2.0)
    }
    assert len(seen) == 3 * n and [attempt.cut for attempt in seen] == [not attempt.correct for attempt in seen]
    assert oracle.limits == {TASKS["sudoku4"].max_new_tokens}


def test_no_answer_reuses_a_kept_prefix():
    llm = dgemma.load("tiny")
    list(evaluate(llm, ["extract"], 2, modes=("diffusion", "autoregressive")))
    seen = llm.engine.snapshot()
    assert seen.finished == 4 and seen.prompt_tokens > 0 and seen.reused_tokens == 0


@pytest.mark.parametrize("task", ["extract", "extract_plain", "sudoku4", "sudoku9", "math"])
def test_every_second_answer_is_constrained_and_the_right_answer_satisfies_the_constraint(task):
    oracle, seen = Oracle(task, 4), []
    scores = list(evaluate(oracle, [task], 4, 4, ("diffusion",), None, seen.append, constrained=True))  # pyright: ignore[reportArgumentType]
    if TASKS[task].constraint is None:
        assert task == "math" and oracle.forms == [{}] * 4 and [score.constrained for score in scores] == [False]
        return
    assert [score.constrained for score in scores] == [False, True]
    assert (
        [bool(form) for form in oracle.forms]
        == [False, True, True, False] * 2
        == [attempt.constrained for attempt in seen]
    )
    assert {score.passes for score in scores} == {4.0} and {score.accuracy for score in scores} == {1.0}
    for (_, prompt), form in zip(oracle.asked, oracle.forms, strict=True):
        answer = oracle.answers[prompt]
        assert "regex" not in form or re.fullmatch(form["regex"], answer)
        assert "schema" not in form or jsonschema.validate(json.loads(answer), form["schema"]) is None


def test_a_file_of_examples_is_scored_on_its_held_out_part(tmp_path):
    """Each held-out example once, and none that training sees."""
    file = tmp_path / "tickets.jsonl"
    lines = [{"prompt": f"Sort ticket {number}", "answer": f"kind {number % 3}"} for number in range(300)]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    _, held_out = split_pairs(read_pairs(file))
    assert 1 < len(held_out) < 30
    for n in (1, 300):
        oracle, seen = Oracle(str(file), n), []
        scores = list(evaluate(oracle, [str(file)], n, 4, watch=seen.append))  # pyright: ignore[reportArgumentType]
        assert {score.n for score in scores} == {min(n, len(held_out))}
        assert [score.accuracy for score in scores] == [1.0, 0.0]
        asked = [attempt.example.prompt for attempt in seen if attempt.mode == "diffusion"]
        assert len(set(asked)) == len(asked) and set(asked) <= {prompt for prompt, _ in held_out}
    with pytest.raises(DataError, match=r"nosuch\.jsonl cannot be read"):
        examples("nosuch.jsonl", 1, 0)
    with pytest.raises(UsageError, match="no task 'nosuch'"):
        examples("nosuch", 1, 0)


def test_the_token_limit_for_a_file_follows_the_length_of_its_answers(tmp_path):
    """Longer than any built-in task's, and no longer than the context has room for."""
    file = tmp_path / "long.jsonl"
    lines = [{"prompt": f"Write out {number}", "answer": "some words " * 150} for number in range(60)]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    oracle = Oracle(str(file), 5)
    list(evaluate(oracle, [str(file)], 1, 4, ("diffusion",)))  # pyright: ignore[reportArgumentType]
    (limit,) = oracle.limits
    answer_tokens = len(oracle.tokenizer.encode(lines[0]["answer"]))
    assert answer_tokens > 128 and answer_tokens < limit < 2 * answer_tokens
    oracle.engine.max_context = answer_tokens
    list(evaluate(oracle, [str(file)], 1, 4, ("diffusion",)))  # pyright: ignore[reportArgumentType]
    assert min(oracle.limits) < answer_tokens
