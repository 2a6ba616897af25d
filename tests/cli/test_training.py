"""`dgemma train` as a process: a stopped run is saved, and the same command resumes it."""

import json
import signal
import subprocess
import sys

import pytest

RECIPE = """
[model]
vocab_size = 300
hidden_size = 16
intermediate_size = 16
pattern = "sf"
num_attention_heads = 2
head_dim = 8
num_key_value_heads = 1
global_head_dim = 8
num_global_key_value_heads = 1
num_experts = 2
top_k_experts = 1
moe_intermediate_size = 8
canvas_length = 16

[data]
batch_rows = 2
clean_length = 160
canvas_slots = 96
canvas_lengths = [8, 16, 32]

[data.tasks]
"pairs.jsonl" = 1.0

[run]
steps = 100000
precision = "float32"
log_every = 1
evaluate_every = 1000000
held_out_rows = 2
"""


def command(folder, *more: str) -> list[str]:
    (folder / "recipe.toml").write_text(RECIPE)
    pairs = [json.dumps({"prompt": f"Say {number}", "answer": str(number)}) for number in range(50)]
    (folder / "pairs.jsonl").write_text("\n".join(pairs))
    return [sys.executable, "-m", "dgemma", "train", "recipe.toml", "--out", "run", *more]


@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_is_saved_and_resumed(tmp_path, signal_number, code):
    arguments = command(tmp_path)
    # A child process inherits ignored signals, as from a background job of a shell, so install a handler first.
    previous_handler = signal.signal(signal_number, lambda *_: None)
    try:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    finally:
        signal.signal(signal_number, previous_handler)
    try:
        assert process.stderr is not None and process.stderr.readline().startswith("step 1/")
        process.send_signal(signal_number)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    words = stderr.splitlines()[-1].split()
    step = int(words[3])
    assert (process.returncode, stdout) == (code, "")
    assert stderr.endswith(f"Stopped at step {step} and saved; run the same command to resume.\n")
    assert "Traceback" not in stderr
    # As after a kill: the log has steps after the saved one, the last of them incomplete.
    metrics = tmp_path / "run" / "metrics.jsonl"
    with metrics.open("a") as file:
        file.write(json.dumps({"step": step + 1}) + '\n{"step": ')
    result = subprocess.run(
        command(tmp_path, "--steps", str(step + 3)), capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (result.returncode, result.stdout) == (0, "run/best\n"), result.stderr
    assert [json.loads(line)["step"] for line in metrics.read_text().splitlines()] == list(range(1, step + 4))


def test_a_run_is_named_after_its_recipe_and_prints_warnings(tmp_path):
    arguments = [word for word in command(tmp_path, "--steps", "3") if word not in ("--out", "run")]
    for message in ("3 steps are fewer than warmup_steps = 100 and decay_steps = 1000", "nothing left to do"):
        result = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert (result.returncode, result.stdout) == (0, "runs/recipe/best\n") and message in result.stderr
