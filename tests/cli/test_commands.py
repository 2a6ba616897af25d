"""Whole runs of the command: what goes to stdout, what to stderr, and the exit code."""

import json
import os
import re
import subprocess
import sys

import pytest

from dgemma.cli.evaluate import _print_scores
from dgemma.cli.in_place import _split_at_mark
from dgemma.cli.models import show
from dgemma.engine.request import Commit
from dgemma.evals.run import Score
from dgemma.tui import progress
from dgemma.tui.canvas import CanvasView
from tests.cli.terminal import on_terminal


def dgemma(*arguments: str, stdin: str = "", folder=None) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "dgemma", *arguments]
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, cwd=folder, env=environment, check=False
    )


def test_piped_output_is_the_answer_alone_from_any_folder(tmp_path):
    result = dgemma("run", "-n", "24", "Solve this Sudoku:\n1030\n0402\n2043\n0320", folder=tmp_path)
    assert result.returncode == 0
    assert result.stdout.strip() and "tokens/s" not in result.stdout
    assert "tokens/s" in result.stderr and "steps" in result.stderr
    piped = dgemma("run", "-n", "24", stdin="Solve this Sudoku:\n1030\n0402\n2043\n0320")
    assert piped.stdout == result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run"], 2, "Give a request"),
        (["run", "-m", "nosuch", "hi"], 1, "no model 'nosuch'"),
        (["run", "--mode", "guess", "hi"], 2, "mode 'guess'"),
        (["run", "-n", "0", "hi"], 2, "--max-new-tokens must be"),
        (["run", "--steps", "0", "hi"], 2, "--steps must be between 1 and"),
        (["run", "--temperature", "-1", "hi"], 2, "temperature"),
        (["run", "--dtype", "foo", "hi"], 2, "dtype 'foo'"),
        (["infill", "--dtype", "foo", "a ___ b"], 2, "dtype 'foo'"),
        (["run", "-m", "nosuch", "--mode", "guess", "hi"], 2, "mode 'guess'"),
        (["run", "-m", "nosuch", "--quant", "int3", "hi"], 2, "quant 'int3'"),
        (["serve", "nosuch", "--quant", "int3"], 2, "quant 'int3'"),
        (["quantize", "nosuch", "out", "--quant", "int3"], 2, "quant 'int3'"),
        (["eval", "nosuch"], 2, "no task 'nosuch'"),
        (["eval", "-n", "0"], 2, "at least 1"),
        (["train", "nosuch.toml"], 1, "nosuch.toml"),
        (["nosuch"], 2, "nosuch"),
        (["show", "nosuch"], 1, "no model 'nosuch'"),
        (["pull", "tiny"], 2, "part of the package"),
        (["run", "--schema", "nosuch.json", "hi"], 2, "nosuch.json"),
        (["run", "--regex", "(", "hi"], 2, "("),
        (["infill", "no gap here"], 2, "exactly once"),
        (["edit", "nosuch.txt"], 1, "nosuch.txt"),
        (["edit", "-", "--write"], 2, "Standard input"),
        (["bench", "--config", "nosuch"], 2, "no shape 'nosuch'"),
        (["bench", "--config", "26b-layer", "-m", "foo"], 2, "--config 26b-layer takes the place of --model foo"),
        (["bench", "--runs", "0"], 2, "--runs must be at least 1"),
        (["bench", "--config", "scaled-32k", "--canvas"], 2, "random weights never settle"),
        (["bench", "--save"], 2, "add --canvas"),
        (["bench", "--quant", "int3"], 2, "quant 'int3'"),
        (["bench", "--plot", "nosuch/x.png"], 2, "no folder nosuch"),
        (["bench", "--plot", "x.xyz"], 2, ".png"),
        (["bench", "--context", "5000"], 2, "--context must be at most"),
        (["chat", "--mode", "guess"], 2, "mode 'guess'"),
        (["run", "--canvas", "100000", "hi"], 2, "--canvas must be at most"),
        (["serve", "--max-context", "0"], 2, "--max-context must be"),
        (["serve", "--kv-budget-mb", "-1"], 2, "--kv-budget-mb must be"),
        (["serve", "--port", "0", "--max-context", "5000"], 2, "--max-context 5000 is more than this model's context"),
        (
            ["serve", "--port", "0", "--kv-budget-mb", "0.001"],
            2,
            "--kv-budget-mb 0.001 is too small for any request: one canvas takes",
        ),
        (["serve", "--name", ""], 2, "name"),
        (["serve", "--dtype", "foo"], 2, "dtype 'foo'"),
        (["train", "recipe.toml", "--steps", "0"], 2, "steps must be at least 1"),
        (["train", "recipe.toml", "--minutes", "-1"], 2, "minutes must be at least 0"),
        (["train", "broken.toml", "--steps", "1"], 1, "log_every must be at least 1"),
        (["quantize", "tiny", "."], 2, "holds other files"),
        (["run", "-m", "", "hi"], 2, "name is empty"),
        (["run", "--steps", "3000000000", "hi"], 2, "at most 1000000"),
        (["run", "--mode", "autoregressive", "--temperature", "1e39", "hi"], 2, "from 0 to 1e+06"),
        (["run", "--schema", "deep.json", "hi"], 2, "nested too deeply"),
        (["infill", "two ___ gaps ____ here"], 2, "exactly once"),
        (["infill", "--mark", "##", "three ### here"], 2, "exactly once"),
        (["pull", "."], 2, "not a hub id"),
        (["pull", "nosuch"], 2, "'nosuch' is not a hub id; give owner/name"),
    ],
)
def test_errors_are_one_sentence_and_an_exit_code(arguments, code, message, tmp_path):
    (tmp_path / "other.txt").touch()
    (tmp_path / "recipe.toml").touch()
    (tmp_path / "broken.toml").write_text("[run]\nlog_every = 0")
    (tmp_path / "deep.json").write_text("[" * 200_000)
    result = dgemma(*arguments, folder=tmp_path, stdin="hi" if arguments[0] == "chat" else "")
    assert result.returncode == code
    assert message in result.stderr and "Traceback" not in result.stderr and not result.stdout


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--mode", "foo"], "mode 'foo'"),
        (["-n", "0"], "--max-new-tokens must be at least 1"),
        (["--seed", "99999999999999999999999"], "seed must be between"),
    ],
)
def test_chat_checks_its_options_before_a_model_is_loaded(option, message):
    """The model does not exist and is not looked up."""
    result = dgemma("chat", "-m", "nosuch", *option)
    assert result.returncode == 2 and message in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        (["run", b"caf\xe9"], b"The prompt"),
        (["run", "--choice", b"caf\xe9", "hi"], b"A choice"),
        (["run", "--regex", b"caf\xe9", "hi"], b"The regular expression"),
        (["infill", b"caf\xe9 ___ b"], b"The text"),
        (["infill", "-i", b"caf\xe9", "a ___ b"], b"The instruction"),
        (["edit", "-i", b"caf\xe9", "-"], b"The instruction"),
    ],
)
def test_an_argument_that_is_not_utf8_is_refused(arguments, subject):
    command = [sys.executable, "-m", "dgemma", *arguments]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == b"dgemma: " + subject + b" is not UTF-8 text (byte 3); convert it first.\n"


def test_debug_shows_the_traceback():
    assert "Traceback" in dgemma("run", "--debug", "-m", "nosuch", "hi").stderr


def test_show_prints_the_sizes():
    document = json.loads(dgemma("show", "--json").stdout)
    assert document["parameters"] > document["parameters_per_token"] > 0
    assert document["config"]["num_experts"] > 1 and document["sampler"]["entropy_bound"] > 0
    table = dgemma("show").stdout
    assert f"{document['parameters']:,}" in table
    # A key and a value of 4 bytes for each entry of a layer's cache.
    config, layers = document["config"], document["config"]["layers"]
    sizes = [(layer["layer_type"], layer["num_key_value_heads"] * layer["head_dim"]) for layer in layers]
    assert document["kv_bytes_per_token_float32"] == 8 * sum(size for _, size in sizes)
    # A sliding layer keeps its window, an answer, a canvas, a chunk of the prompt (512) and spare slots (512).
    sliding_slots = (
        config["sliding_window"] - 1 + document["sampler"]["max_new_tokens"] + config["canvas_length"] + 1024
    )
    slots = {"full_attention": config["max_position_embeddings"], "sliding_attention": sliding_slots}
    cache_bytes = sum(8 * size * (slots[kind] + config["canvas_length"]) for kind, size in sizes)
    assert f"{cache_bytes / 1e6:.1f} MB for the whole context" in table


def test_show_says_whether_weights_are_quantised(tmp_path):
    assert json.loads(dgemma("show", "--json").stdout)["quant"] is None
    assert "floating point" in dgemma("show").stdout
    assert dgemma("quantize", "tiny", str(tmp_path / "copy"), "--quant", "int4").returncode == 0
    assert json.loads(dgemma("show", "--json", str(tmp_path / "copy")).stdout)["quant"] == "int4"
    assert re.search(r"weights +│ int4", dgemma("show", str(tmp_path / "copy")).stdout)


def test_an_answer_satisfies_its_constraint(tmp_path):
    (tmp_path / "form.json").write_text('{"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}')
    result = dgemma("run", "--schema", "form.json", "--seed", "5", "anything", folder=tmp_path)
    assert json.loads(result.stdout)["n"] in (1, 2)
    assert dgemma("run", "--choice", "yes", "--choice", "no", "Is it?").stdout in ("yes\n", "no\n")


def test_the_space_before_a_gap_is_written_once():
    result = dgemma("infill", "The cat sat ___ the mat.")
    assert result.stdout == "The cat sat on the mat.\n"


def test_infill_keeps_both_sides():
    result = dgemma("infill", "The cat ___ on the mat.", "--length", "2")
    assert result.stdout.startswith("The cat ") and result.stdout.endswith(" on the mat.\n")


def test_a_longer_run_of_underscores_is_one_gap():
    assert [_split_at_mark(text, "___") for text in ("a ___ b", "a _____ b")] == [("a ", " b")] * 2
    assert _split_at_mark("a ## b", "##") == ("a ", " b")


@pytest.mark.parametrize(("columns", "expected"), [(80, "canvas ┃"), (40, "canvas equivalents ")])
def test_scores_are_not_truncated_on_a_narrow_terminal(capsys, monkeypatch, columns, expected):
    monkeypatch.setenv("COLUMNS", str(columns))
    numbers = dict(steps_per_canvas=5, equivalents_per_canvas=1, tokens_per_forward=3.9, tokens_per_second=12345)
    score = Score(task="fix", mode="diffusion", n=2, accuracy=1.0, tokens=1, passes=17, canvases=1, **numbers)
    _print_scores([score])
    out = capsys.readouterr().out
    assert expected in out and "…" not in out and max(map(len, out.splitlines())) <= columns
    assert all(number in out for number in ("100.0%", "5.0", "1.0", "17.0", "3.9", "12345"))


def test_a_narrow_terminal_cuts_off_nothing_of_a_model(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    show("tiny", as_json=False)
    out = capsys.readouterr().out
    assert "…" not in out and max(map(len, out.splitlines())) <= 30


def test_a_terminal_of_unknown_size_is_drawn_on(monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    monkeypatch.setenv("LINES", "0")
    assert b"Traceback" not in on_terminal(["run", "-n", "8", "Fix the mistakes: She go home."], term="xterm")
    monkeypatch.undo()
    environment = {**os.environ, "COLUMNS": "0"}
    command = [sys.executable, "-m", "dgemma", "show"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "vocabulary" in done.stdout


@pytest.mark.parametrize(("term", "draws"), [("dumb", False), ("unknown", False), ("xterm", True)])
def test_progress_writes_nothing_to_a_terminal_that_cannot_erase(capsys, monkeypatch, term, draws):
    monkeypatch.setattr(progress, "PATIENCE_S", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", term)
    with progress.loading_progress("a model") as advance:
        if advance is not None:
            advance(1, 2)
    loading = capsys.readouterr().err
    with progress.counting_progress("edit", 2, "pieces") as count_one:
        count_one()
    assert bool(loading) == bool(capsys.readouterr().err) == draws


def test_eval_prints_one_json_document():
    result = dgemma("eval", "sudoku4", "-n", "2", "--constrained", "--json")
    scores = json.loads(result.stdout)["scores"]
    runs = [(score["mode"], score["constrained"]) for score in scores]
    assert runs == [(mode, constrained) for mode in ("diffusion", "autoregressive") for constrained in (False, True)]
    assert all(0 <= score["accuracy"] <= 1 and score["n"] == 2 for score in scores)


def test_eval_accepts_held_as_the_old_name_of_constrained():
    result = dgemma("eval", "sudoku4", "-n", "1", "--mode", "diffusion", "--held")
    rows = [line.split("│")[1].strip() for line in result.stdout.splitlines() if line.startswith("│")]
    assert rows == ["diffusion", "constrained"], result.stderr


def test_bench_prints_a_json_document_last():
    result = dgemma("bench", "--runs", "1", "--context", "8", "--canvas-length", "32", "--answers", "1")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout.strip().splitlines()[-1])
    assert document["token_ms"] > 0 and set(document["denoise_ms"]) >= {"8", "256"}
    assert {part["name"] for part in document["anatomy"]["parts"]} >= {"attention", "head", "sampler"}
    assert document["comparison"]["their_step_ms"] > 0
    assert document["answers_in_one_pass"].keys() == {score["task"] for score in document["answers"]}


def test_chat_answers_each_line_and_exits_at_the_end_of_input():
    result = dgemma("chat", "-n", "8", stdin="/mode autoregressive\nhello\n/nosuch\n/bye\n")
    assert result.returncode == 0 and "autoregressive" in result.stderr
    assert "Unknown command '/nosuch'; /? lists the commands." in result.stderr


def test_chat_confirms_its_commands():
    result = dgemma("chat", stdin="/mode auto\n/stats\n/stats\n/new\n")
    assert result.stderr.splitlines() == ["mode: auto", "statistics off", "statistics on", "conversation cleared"]
    assert (result.returncode, result.stdout) == (0, "")


def test_ctrl_d_ends_the_line_of_the_prompt():
    assert on_terminal(["chat"], b"\x04").endswith(b"\r\n")


@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape"])
def test_input_that_is_not_utf8_is_refused(encoding):
    command = [sys.executable, "-m", "dgemma", "run", "x"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    result = subprocess.run(command, input=b"caf\xe9", capture_output=True, env=environment, check=False)
    assert result.returncode == 1 and b"not UTF-8 text (byte 3)" in result.stderr and b"Traceback" not in result.stderr


def test_an_error_about_piped_input_names_standard_input():
    command = [sys.executable, "-m", "dgemma", "edit", "-"]
    result = subprocess.run(command, input=b"caf\xe9", capture_output=True, check=False)
    assert result.stderr == b"dgemma: Standard input is not UTF-8 text (byte 3); convert it first.\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_reported_in_one_sentence(unbuffered):
    """Output that is still buffered at the end is flushed while an error can still be reported."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "dgemma", "show", "--json"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert result.returncode == 1 and result.stderr == "dgemma: No space left on device.\n"


def test_a_reader_that_closes_the_pipe_early_causes_no_error():
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    command = f"{sys.executable} -m dgemma show --json | true"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert result.stderr == "" and result.returncode == 0


@pytest.mark.parametrize(
    ("command", "code", "expected"),
    [
        ("show --json >&-", 0, ""),
        ("run -n 1 hi >&-", 0, "tokens/s"),
        ("run <&-", 2, "Give a request"),
        ("edit - <&-", 0, "0 of 0 words changed"),
        ("chat <&-", 0, ""),
        ("<&-", 0, ""),
        ("run nothing -m nosuch 2>&-", 1, ""),
    ],
)
def test_a_closed_standard_stream_counts_as_empty(command, code, expected):
    shell_command = f"{sys.executable} -m dgemma {command}"
    result = subprocess.run(
        ["bash", "-c", shell_command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (
        (result.returncode, result.stdout) == (code, "")
        and expected in result.stderr
        and "Traceback" not in result.stderr
    )
    assert bool(result.stderr) == bool(expected)


def test_an_output_encoding_that_cannot_hold_the_answer_is_reported():
    command = [sys.executable, "-m", "dgemma", "edit", "-", "--strength", "0"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, input="é".encode(), capture_output=True, env=environment, check=False)
    assert result.returncode == 1 and b"ascii" in result.stderr and b"Traceback" not in result.stderr


def test_the_newest_lines_of_a_tall_answer_are_shown():
    view = CanvasView(lambda ids: "".join(f"line {token}\n" for token in ids), frozenset())
    view.take(Commit(token_ids=tuple(range(50)), entropies=(0.0,) * 50))
    lines = view.tail(20, 5).plain.splitlines()
    assert len(lines) <= 5 and "line 49" in lines and "line 1" not in lines
