"""A user's own examples from a file: what is read, held out and refused, and that a recipe trains on them."""

import json
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dgemma
from dgemma.errors import DataError
from dgemma.evals.example import NO_TEXTS, Split
from dgemma.evals.pairs import find_tasks, pairs_task, read_pairs, split_pairs
from dgemma.options import require_tokenizer
from dgemma.train.data import BatchStream
from dgemma.train.recipe import DataRecipe, read_recipe
from dgemma.train.trainer import train
from tests.train.test_trainer import toy_recipe


def write_lines(path: Path, *records: object) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records) + "\n\n", encoding="utf-8")
    return path


def test_both_line_formats_are_read_and_duplicates_dropped(tmp_path):
    messages = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
    first, again = {"prompt": "1 + 1?", "answer": "2"}, {"prompt": "1 + 1?", "answer": "2", "source": "mine"}
    path = write_lines(tmp_path / "sums.jsonl", first, {"messages": messages}, again)
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
        "[" * 100_000,
    ],
)
def test_the_error_for_a_bad_line_gives_its_number(tmp_path, line):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"prompt": "a", "answer": "b"}\n' + line, encoding="utf-8")
    with pytest.raises(DataError, match=r"Line 2 of .*bad\.jsonl is not an example"):
        read_pairs(path)


def test_missing_empty_and_undecodable_files_are_errors(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="holds no examples"):
        read_pairs(write_lines(tmp_path / "empty.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b'\xef\xbb\xbf{"prompt": "a", "answer": "b"}\r\n\n\xff\xfe')
    with pytest.raises(DataError, match=r"Line 3 of .*latin\.jsonl is not UTF-8"):
        read_pairs(tmp_path / "latin.jsonl")


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path):
    (tmp_path / "marked.jsonl").write_text('{"prompt": "a", "answer": "b"}\r\n', encoding="utf-8-sig")
    assert read_pairs(tmp_path / "marked.jsonl") == [("a", "b")]


def test_surrounding_white_space_is_stripped_as_in_a_chat(tmp_path):
    path = write_lines(tmp_path / "loose.jsonl", {"prompt": " a\n", "answer": "\n  b "}, {"prompt": "a", "answer": "b"})
    assert read_pairs(path) == [("a", "b")]
    llm = dgemma.load("tiny")
    stream = BatchStream(DataRecipe(tasks={str(path): 1.0}), require_tokenizer(llm.model), NO_TEXTS, seed=1)
    asked = llm.chat_ids([{"role": "user", "content": " a\n"}])
    assert tuple(stream.document(pairs_task(path).held_out[0], Random(1)).prompt) == asked


@given(st.sets(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=40), st.integers(0, 40))
def test_held_out_examples_stay_held_out_when_the_file_grows(pairs, count):
    ordered = sorted(pairs)
    training, held_out = split_pairs(ordered)
    assert held_out and training
    prompts = [{prompt for prompt, _ in part} for part in (training, held_out)]
    assert len(prompts[0] | prompts[1]) == 1 or not prompts[0] & prompts[1]
    assert set(training) | set(held_out) == pairs
    _, fewer_held_out = split_pairs(ordered[: max(1, count)])
    if len({prompt for prompt, _ in fewer_held_out}) > 1:
        assert set(fewer_held_out) <= set(held_out)


def test_a_held_out_prompt_is_in_training_with_none_of_its_answers():
    pairs = [(f"Name a word with {number % 100}", str(number)) for number in range(3000)]
    training, held_out = split_pairs(pairs)
    assert len(held_out) == 30 * len({prompt for prompt, _ in held_out}) < 300
    assert not {prompt for prompt, _ in held_out} & {prompt for prompt, _ in training}


def test_a_task_of_pairs_draws_and_scores_them(tmp_path):
    path = write_lines(tmp_path / "sums.jsonl", *({"prompt": f"{n} + 1?", "answer": str(n + 1)} for n in range(40)))
    task = pairs_task(path)
    drawn = {split: {task.generate(Random(seed), split).prompt for seed in range(300)} for split in ("train", "eval")}
    assert drawn["train"] and drawn["eval"] and not drawn["train"] & drawn["eval"]
    example = task.generate(Random(1), "train")
    assert task.is_correct(example, f" {example.answer}\n") and not task.is_correct(example, "no")
    with pytest.raises(DataError, match=r"no task 'cook'\. The tasks are .*\.jsonl"):
        find_tasks(["fix", "cook"])


def test_a_recipe_finds_a_file_in_its_own_folder_and_trains_on_it(tmp_path):
    write_lines(tmp_path / "sums.jsonl", *({"prompt": f"{n} + 1?", "answer": str(n + 1)} for n in range(9)))
    recipe_path = tmp_path / "own.toml"
    recipe_path.write_text('[data.tasks]\n"sums.jsonl" = 1.0\nfix = 0.0\n', encoding="utf-8")
    tasks = read_recipe(recipe_path).data.tasks
    assert tasks == {str(tmp_path / "sums.jsonl"): 1.0, "fix": 0.0}
    small = toy_recipe(3)
    recipe = replace(small, data=replace(small.data, tasks=tasks))
    best = train(recipe, None, tmp_path / "run", lambda progress: None)
    assert best.is_dir()


@pytest.mark.parametrize("tasks", [{}, {"fix": 0.0}, {"fix": -1.0}, {"fix": "much"}, {"fix": True}])
def test_invalid_task_weights_are_errors(tasks):
    with pytest.raises(DataError, match="weight"):
        DataRecipe(tasks=tasks)


def stream_of(path: Path, texts: list[str], split: Split = "train", share: float = 1.0) -> tuple[BatchStream, list]:
    """Batches of a file with these prompts, mixed with another task if `share` is below 1; and the warnings."""
    write_lines(path, *({"prompt": text, "answer": "x"} for text in texts))
    tasks = {str(path): share, "sudoku4": 1 - share}
    recipe = DataRecipe(tasks=tasks, canvas_lengths=(8, 16), clean_length=160, canvas_slots=64)
    warnings: list[str] = []
    return BatchStream(
        recipe, require_tokenizer(dgemma.load("tiny").model), NO_TEXTS, 1, split, warnings.append
    ), warnings


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_file_without_an_example_that_fits_is_an_error(tmp_path, share):
    """Even if another task fits."""
    with pytest.raises(DataError, match=r"None of 29 examples of .*long\.jsonl fits 160 clean tokens and 64 canvas"):
        stream_of(tmp_path / "long.jsonl", [f"{n} " * 400 for n in range(30)], "train", share)


def test_the_error_for_held_out_examples_that_do_not_fit_says_held_out(tmp_path):
    texts = [text for text in map(str, range(40)) if crc32(text.encode()) > 2**30]
    texts.append(next(text for text in (f"{n}{' now' * 400}" for n in range(9000)) if crc32(text.encode()) < 2**26))
    assert stream_of(tmp_path / "mixed.jsonl", texts, "train")[1] == []
    with pytest.raises(DataError, match=r"None of 1 held-out examples of .*mixed\.jsonl fits"):
        stream_of(tmp_path / "mixed.jsonl", texts, "eval")


def test_examples_that_do_not_fit_are_counted_once_and_never_drawn(tmp_path):
    texts = [f"say {n}" for n in range(40)] + [f"{n} " * 400 for n in range(5)] + ["a" * 20_000_000]
    started = time.perf_counter()
    batches, warnings = stream_of(tmp_path / "mixed.jsonl", texts)
    assert time.perf_counter() - started < 10
    row = "160 clean tokens and 64 canvas slots"
    assert warnings == [f"6 of 45 examples of {tmp_path}/mixed.jsonl do not fit {row} and are left out."]
    (task,) = batches.tasks.values()
    assert len(task.trained) == 39 and {len(task.generate(Random(seed), "train").prompt) for seed in range(50)} == {
        5,
        6,
    }
