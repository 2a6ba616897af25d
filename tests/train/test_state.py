"""The state in a run's folder: written whole or not at all, used by one run at a time, compared with the recipe."""

import json
import math
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dgemma.errors import DataError, OutputError
from dgemma.evals.example import Texts
from dgemma.evals.pairs import read_pairs, split_pairs
from dgemma.train import trainer as trainer_module
from dgemma.train.recipe import ObjectiveRecipe, OptimizerRecipe, Recipe
from dgemma.train.state import differences, locked, settings, write_state
from dgemma.train.trainer import Stopped, train
from tests.train.test_trainer import toy_recipe


def state_of(folder: Path) -> dict:
    return torch.load(folder / "last.pt", weights_only=True)


def messages_of(recipe: Recipe, folder: Path, **options) -> list[str]:
    messages: list[str] = []
    train(recipe, None, folder, lambda progress: None, tell=messages.append, **options)
    return messages


def make_loss_nan(monkeypatch, step: int) -> None:
    """Makes the loss and the weights NaN from that step on."""
    original = trainer_module.Trainer._one_step

    def one_step(self, drawn):
        if self.step + 1 == step:
            with torch.no_grad():
                next(self.network.parameters()).fill_(math.nan)
        return original(self, drawn)

    monkeypatch.setattr(trainer_module.Trainer, "_one_step", one_step)


@pytest.mark.parametrize(("minutes", "kept"), [(0, "last good state, of step 4"), (5, "nothing was saved before")])
def test_a_run_with_a_nan_loss_ends_at_the_next_log_or_save(tmp_path, monkeypatch, minutes, kept):
    recipe = toy_recipe(12)
    recipe = replace(recipe, run=replace(recipe.run, save_every_minutes=minutes))
    make_loss_nan(monkeypatch, 5)
    with pytest.raises(DataError, match=rf"since step 5\. Lower the learning rates, .*{kept}"):
        messages_of(recipe, tmp_path)
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [2, 3, 4]
    if not minutes:
        state = state_of(tmp_path)
        assert state["step"] == 4 and all(value.isfinite().all() for value in state["network"].values())


def test_a_stopped_run_reports_since_which_step_its_loss_is_nan(tmp_path, monkeypatch):
    recipe = replace(toy_recipe(12), run=replace(toy_recipe(12).run, log_every=99, evaluate_every=99))
    make_loss_nan(monkeypatch, 5)
    answers = iter([False] * 7 + [True])
    with pytest.raises(DataError, match=r"since step 5\."):
        messages_of(recipe, tmp_path, stop=lambda: next(answers))


def test_non_finite_weights_are_never_saved(tmp_path, monkeypatch):
    """Even if the loss of the step that broke them was finite."""
    original = trainer_module.Trainer._one_step

    def one_step(self, drawn):
        taken = original(self, drawn)
        with torch.no_grad():
            next(self.network.parameters()).fill_(math.inf)
        return taken

    monkeypatch.setattr(trainer_module.Trainer, "_one_step", one_step)
    answers = iter([False, True])
    with pytest.raises(DataError, match=r"since step 1\..*nothing was saved before"):
        messages_of(toy_recipe(9), tmp_path, stop=lambda: next(answers))
    assert not (tmp_path / "last.pt").is_file()


def test_a_non_finite_held_out_loss_ends_the_run(tmp_path, monkeypatch):
    losses = trainer_module.losses

    def broken(*arguments):
        parts = losses(*arguments)
        return replace(parts, total=parts.total * math.nan)

    monkeypatch.setattr(trainer_module, "losses", broken)
    with pytest.raises(DataError, match="The loss is not finite since step 3"):
        messages_of(toy_recipe(6), tmp_path)


def test_a_changed_recipe_is_reported_and_the_best_model_is_chosen_again(tmp_path):
    messages_of(toy_recipe(6), tmp_path)
    assert not any("other settings" in line for line in messages_of(toy_recipe(7), tmp_path))
    best = (tmp_path / "best" / "model.safetensors").read_bytes()
    state = state_of(tmp_path)
    torch.save({**state, "best": 0.001}, tmp_path / "last.pt")
    other = replace(toy_recipe(9), objective=ObjectiveRecipe(encoder_weight=3.0))
    *_, message, held_out_message = messages_of(other, tmp_path)
    assert "held-out loss of the weights of step 7 is" in held_out_message and "other settings" in message
    assert "[objective] encoder_weight was 1.0 and is 3.0" in message and "data" not in message
    assert 0.001 < state_of(tmp_path)["best"] < math.inf
    assert (tmp_path / "best" / "model.safetensors").read_bytes() != best
    assert not any("other settings" in line for line in messages_of(other, tmp_path))
    mixed = replace(other, data=replace(other.data, tasks={"sudoku4": 0.5, "extract": 0.5}, clean_length=320))
    message = "; ".join(messages_of(mixed, tmp_path))
    assert "[data] tasks was sudoku4 = 1.0 and is sudoku4 = 0.5, extract = 0.5" in message
    assert "[data] clean_length was 160 and is 320" in message
    wider = replace(other, model=replace(other.model, hidden_size=32))
    with pytest.raises(DataError, match=r"does not belong to this recipe \(.*\[model\] hidden_size was 16 and is 32"):
        messages_of(wider, tmp_path)


def test_changed_examples_in_a_file_are_reported(tmp_path):
    file = tmp_path / "say.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"say {n}", "answer": str(n)}) + "\n" for n in range(30)))
    recipe = replace(toy_recipe(3), data=replace(toy_recipe(3).data, tasks={str(file): 1.0}))
    messages_of(recipe, tmp_path / "run")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(file, elsewhere)
    moved = replace(recipe, data=replace(recipe.data, tasks={str(elsewhere / "say.jsonl"): 1.0}))
    assert not any("other settings" in line for line in messages_of(moved, tmp_path / "run"))
    file.write_text(file.read_text() + json.dumps({"prompt": "say no", "answer": "no"}))
    assert any("the content of say.jsonl has changed" in line for line in messages_of(recipe, tmp_path / "run"))
    assert len(split_pairs(read_pairs(file))[0]) == 30


def test_changed_held_out_text_is_reported():
    before, now = (settings(toy_recipe(1), {}, Texts(stories=stories)) for stories in (("One.",), ("One.", "Two.")))
    assert differences(before, now) == ["the held-out text of --data has changed"]
    assert differences(before, before) == [] and differences({}, now) == []


def test_a_finished_run_says_so_and_restores_a_missing_best_model(tmp_path):
    messages_of(toy_recipe(4), tmp_path)
    before = state_of(tmp_path)
    assert "nothing left to do: the run is at step 4 of 4" in messages_of(toy_recipe(4), tmp_path)[-1]
    shutil.rmtree(tmp_path / "best")
    messages = messages_of(toy_recipe(4), tmp_path)
    assert any("is gone" in line and "chosen anew" in line for line in messages)
    assert (tmp_path / "best").is_dir() and math.isfinite(state_of(tmp_path)["best"])
    assert all(torch.equal(value, before["network"][name]) for name, value in state_of(tmp_path)["network"].items())


def test_the_precision_is_measured_once_and_reported(tmp_path, monkeypatch):
    recipe = replace(toy_recipe(4), run=replace(toy_recipe(4).run, precision="auto"))
    measured = []
    monkeypatch.setattr(trainer_module, "use_bfloat16", lambda *_: not measured.append(1))
    answers = iter([False, False, True])
    with pytest.raises(Stopped):
        messages_of(recipe, tmp_path, stop=lambda: next(answers))
    monkeypatch.setattr(trainer_module, "use_bfloat16", lambda *_: bool(measured.append(2)))
    assert any("Matrix products run in bfloat16" in line for line in messages_of(recipe, tmp_path))
    assert measured == [1] and state_of(tmp_path)["precision"] == "bfloat16"


def test_a_run_too_short_for_its_schedule_warns_and_logs_its_learning_rates(tmp_path):
    recipe = replace(toy_recipe(6), optimizer=OptimizerRecipe(warmup_steps=8, decay_steps=6, lr=0.01, matrix_lr=0.02))
    (message,) = (line for line in messages_of(recipe, tmp_path) if "fewer than" in line)
    assert "6 steps are fewer than warmup_steps = 8 and decay_steps = 6 together" in message and "50% of" in message
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 3, 4, 6]
    assert [line["lr"] for line in lines] == pytest.approx([0.0025, 0.00375, 0.005, 0.01 / 6])
    assert [line["matrix_lr"] for line in lines] == pytest.approx([0.005, 0.0075, 0.01, 0.02 / 6])
    usual = replace(recipe, optimizer=OptimizerRecipe(warmup_steps=3, decay_steps=4))
    assert not any("fewer than" in line for line in usual.warnings())


def test_a_canvas_length_that_is_used_but_not_trained_is_warned_about():
    assert any("canvases of 16 tokens" in line and "8, 32" in line for line in toy_recipe(9).warnings())
    data = replace(toy_recipe(9).data, canvas_lengths=(8, 16))
    assert replace(toy_recipe(9), data=data).warnings() == []


def test_held_out_examples_are_drawn_before_the_first_step(tmp_path, monkeypatch):
    original = trainer_module.BatchStream.batch

    def batch(self, number, rows=None):
        if self.split == "eval":
            raise DataError("held out")
        return original(self, number, rows)

    monkeypatch.setattr(trainer_module.BatchStream, "batch", batch)
    seen = []
    with pytest.raises(DataError, match="held out"):
        train(toy_recipe(6), None, tmp_path, seen.append)
    assert not seen


@pytest.mark.parametrize(("rows", "batches"), [(1, [1]), (2, [2]), (5, [2, 2, 1])])
def test_held_out_rows_are_as_many_as_the_recipe_says_and_the_same_for_every_seed(tmp_path, monkeypatch, rows, batches):
    drawn = []
    monkeypatch.setattr(trainer_module.Trainer, "run", lambda self, report: drawn.append(self._held_out) or self.folder)
    for seed in (1, 9):
        recipe = replace(toy_recipe(6), run=replace(toy_recipe(6).run, held_out_rows=rows, seed=seed))
        # One vocabulary for both runs, because ids are compared.
        monkeypatch.setattr(trainer_module, "make_vocabulary", lambda *_: vocabulary_of(tmp_path))
        messages_of(recipe, tmp_path / str(seed))
    assert [len(batch.tokens_BT) for batch in drawn[0]] == batches
    assert all(torch.equal(first.tokens_BT, second.tokens_BT) for first, second in zip(*drawn, strict=True))


def vocabulary_of(folder: Path):
    from dgemma.train.vocabulary import make_vocabulary

    return make_vocabulary(folder / "tokenizer.json", toy_recipe(1), trainer_module.NO_TEXTS)


def test_two_processes_do_not_train_into_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    program = "import sys; from pathlib import Path; from dgemma.train.state import locked\n"
    program += "with locked(Path(sys.argv[1])): pass"
    with locked(tmp_path):
        other = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert "Another run is training into" in other.stderr and other.returncode
        with pytest.raises(DataError, match="Another run is training"):
            train(toy_recipe(2), None, tmp_path, lambda progress: None)
    train(toy_recipe(2), None, tmp_path, lambda progress: None)


def test_a_state_that_cannot_be_written_says_why_and_leaves_the_old_one(tmp_path):
    path = tmp_path / "last.pt"
    write_state({"step": 1}, path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"last\.pt cannot be written: File too large"):
            write_state({"step": 2, "weights": torch.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"] and state_of(tmp_path) == {"step": 1}
