"""Own examples from a file: what is read, what is held out, what is refused, and that a recipe trains on them."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dgemma
from dgemma.errors import DataError
from dgemma.evals.example import NO_TEXTS
from dgemma.evals.pairs import find_tasks, pairs_task, read_pairs, split_pairs
from dgemma.train.data import BatchStream
from dgemma.train.recipe import DataRecipe, read_recipe
from dgemma.train.trainer import train
from tests.train.test_trainer import toy


def written(path: Path, *records: object) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records) + "\n\n", encoding="utf-8")
    return path


def test_both_forms_of_a_line_are_read_each_pair_once(tmp_path):
    messages = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
    first, again = {"prompt": "1 + 1?", "answer": "2"}, {"prompt": "1 + 1?", "answer": "2", "source": "mine"}
    path = written(tmp_path / "sums.jsonl", first, {"messages": messages}, again)
    assert read_pairs(path) == [("1 + 1?", "2"), ("2 + 2?", "4")]


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[1]",
        '{"prompt": "a"}',
        '{"prompt": "a", "answer": " "}',
        '{"prompt": 1, "answer": "b"}',
        '{"messages": [{"role": "user", "content": "a"}]}',
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": null}]}',
        '{"messages": 3}',
    ],
)
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"prompt": "a", "answer": "b"}\n' + line, encoding="utf-8")
    with pytest.raises(DataError, match=r"Line 2 of .*bad\.jsonl is no example"):
        read_pairs(path)


def test_files_that_hold_nothing_are_errors(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="holds no examples"):
        read_pairs(written(tmp_path / "empty.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        read_pairs(tmp_path / "latin.jsonl")


@given(st.sets(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=40), st.integers(0, 40))
def test_a_longer_file_moves_nothing_that_was_held_out_by_its_checksum(pairs, count):
    ordered = sorted(pairs)
    training, held_out = split_pairs(ordered)
    assert held_out and training
    assert len(ordered) == 1 or not set(training) & set(held_out)
    assert set(training) | set(held_out) == pairs
    _, fewer_held_out = split_pairs(ordered[: max(1, count)])
    if len(fewer_held_out) > 1:
        assert set(fewer_held_out) <= set(held_out)


def test_a_task_of_pairs_draws_and_scores_them(tmp_path):
    path = written(tmp_path / "sums.jsonl", *({"prompt": f"{n} + 1?", "answer": str(n + 1)} for n in range(40)))
    task = pairs_task(path)
    drawn = {split: {task.generate(Random(seed), split).prompt for seed in range(300)} for split in ("train", "eval")}
    assert drawn["train"] and drawn["eval"] and not drawn["train"] & drawn["eval"]
    example = task.generate(Random(1), "train")
    assert task.is_correct(example, f" {example.answer}\n") and not task.is_correct(example, "no")
    with pytest.raises(DataError, match=r"no task 'cook'\. The tasks are .*\.jsonl"):
        find_tasks(["fix", "cook"])


def test_a_recipe_names_its_file_from_its_own_folder_and_trains_on_it(tmp_path):
    written(tmp_path / "sums.jsonl", *({"prompt": f"{n} + 1?", "answer": str(n + 1)} for n in range(9)))
    recipe_path = tmp_path / "own.toml"
    recipe_path.write_text('[data.tasks]\n"sums.jsonl" = 1.0\nfix = 0.0\n', encoding="utf-8")
    tasks = read_recipe(recipe_path).data.tasks
    assert tasks == {str(tmp_path / "sums.jsonl"): 1.0, "fix": 0.0}
    small = toy(3)
    recipe = replace(small, data=replace(small.data, tasks=tasks))
    best = train(recipe, None, tmp_path / "run", lambda progress: None)
    assert best.is_dir()


@pytest.mark.parametrize("tasks", [{}, {"fix": 0.0}, {"fix": -1.0}, {"fix": "much"}, {"fix": True}])
def test_weights_that_choose_nothing_are_errors(tasks):
    with pytest.raises(DataError, match="weight"):
        DataRecipe(tasks=tasks)


def test_pairs_too_long_for_a_row_are_an_error(tmp_path):
    tokenizer = dgemma.load("tiny").tokenizer
    assert tokenizer is not None
    path = written(tmp_path / "long.jsonl", {"prompt": "word " * 400, "answer": "x"})
    recipe = DataRecipe(tasks={str(path): 1.0}, clean_length=64, canvas_slots=64)
    with pytest.raises(DataError, match="do not fit 64 clean tokens"):
        BatchStream(recipe, tokenizer, NO_TEXTS, seed=1).batch(0)
