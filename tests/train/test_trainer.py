"""A toy run: deterministic by seed, resumable to the same weights, keeping a checkpoint that loads."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dgemma.checkpoint import open_model
from dgemma.errors import ConfigError, DataError
from dgemma.evals.example import NO_TEXTS
from dgemma.tokenizer import Tokenizer
from dgemma.train.data import BatchStream
from dgemma.train.optimizer import Muon, learning_rate_factor, orthogonalise
from dgemma.train.prefetch import DrawnBatches, prefetch
from dgemma.train.recipe import (
    LARGEST_SEED,
    DataRecipe,
    ModelRecipe,
    ObjectiveRecipe,
    OptimizerRecipe,
    Recipe,
    RunRecipe,
    read_recipe,
)
from dgemma.train.tokenizer import train_tokenizer
from dgemma.train.trainer import Stopped, train


def toy_recipe(steps: int) -> Recipe:
    return Recipe(
        model=ModelRecipe(
            vocab_size=300, hidden_size=16, intermediate_size=16, pattern="sf", num_attention_heads=2, head_dim=8,
            num_key_value_heads=1, global_head_dim=8, num_global_key_value_heads=1, num_experts=2, top_k_experts=1,
            moe_intermediate_size=8, canvas_length=16,
        ),
        data=DataRecipe(
            tasks={"sudoku4": 1.0}, batch_rows=2, clean_length=160, canvas_slots=96, canvas_lengths=(8, 32)
        ),
        optimizer=OptimizerRecipe(warmup_steps=2, decay_steps=2),
        run=RunRecipe(steps=steps, precision="float32", log_every=2, evaluate_every=3, held_out_rows=2),
    )  # fmt: skip


def test_a_resumed_run_ends_with_the_same_weights(tmp_path, monkeypatch):
    import dgemma.train.trainer as trainer_module

    seen = []
    train(toy_recipe(6), None, tmp_path / "whole", seen.append)
    assert seen[-1].step == 6 and seen[-1].held_out is not None
    with pytest.raises(DataError, match="seed"):
        train(replace(toy_recipe(8), run=replace(toy_recipe(8).run, seed=9)), None, tmp_path / "whole", seen.append)
    whole = torch.load(tmp_path / "whole" / "last.pt", weights_only=True)
    # Warm-up and decay depend on the last step, so the first part is cut short by hand.
    trainer = None
    original = trainer_module.Trainer.run

    def stop_after_three(self, report):
        nonlocal trainer
        trainer = self
        while self.step < 3:
            self._one_step(self._batches(self.step))
        self._save([])
        return self.folder

    monkeypatch.setattr(trainer_module.Trainer, "run", stop_after_three)
    train(toy_recipe(6), None, tmp_path / "parts", lambda progress: None)
    monkeypatch.setattr(trainer_module.Trainer, "run", original)
    best = train(toy_recipe(6), None, tmp_path / "parts", lambda progress: None)
    parts = torch.load(tmp_path / "parts" / "last.pt", weights_only=True)
    assert trainer is not None and parts["step"] == 6
    for name, value in whole["network"].items():
        assert torch.equal(value, parts["network"][name]), name
    model = open_model(best)
    assert model.tokenizer is not None and model.network.dtype == torch.bfloat16


def test_a_stopped_run_resumes_to_the_same_weights(tmp_path, monkeypatch):

    train(toy_recipe(6), None, tmp_path / "whole", lambda progress: None)
    answers = iter([False, False, False, True])
    with pytest.raises(Stopped) as stopped:
        train(toy_recipe(6), None, tmp_path / "parts", lambda progress: None, stop=lambda: next(answers))
    assert stopped.value.step == 3
    train(toy_recipe(6), None, tmp_path / "parts", lambda progress: None)
    whole, parts = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "parts"))
    assert parts["step"] == 6 and parts["best"] == whole["best"]
    assert all(torch.equal(value, parts["network"][name]) for name, value in whole["network"].items())


def test_causal_share_leaves_canvases_out_of_some_batches(tmp_path, monkeypatch):

    seen = []
    recipe = replace(toy_recipe(8), objective=ObjectiveRecipe(causal_share=0.5))
    train(replace(recipe, run=replace(recipe.run, log_every=1)), None, tmp_path, seen.append)
    without = [math.isnan(progress.corrupted) for progress in seen]
    assert any(without) and not all(without)
    assert all(math.isfinite(progress.encoder) for progress in seen)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert ["corrupted" not in line for line in lines] == without


def test_a_run_starts_from_a_model_of_the_same_sizes(tmp_path, monkeypatch):
    import dgemma.train.trainer as trainer_module

    best = train(toy_recipe(2), None, tmp_path / "first", lambda progress: None)
    seen = []
    monkeypatch.setattr(
        trainer_module.Trainer, "run", lambda self, report: seen.append(self.network.state_dict()) or self.folder
    )
    train(toy_recipe(2), None, tmp_path / "second", lambda progress: None, init=best)
    for name, value in open_model(best, dtype="float32").network.state_dict().items():
        assert torch.equal(seen[0][name], value), name
    vocabularies = [(tmp_path / part / "tokenizer.json").read_text() for part in ("first", "second")]
    assert vocabularies[0] == vocabularies[1]
    with pytest.raises(DataError, match="has 1536 entries and the recipe's vocab_size is 300; set vocab_size = 1536"):
        train(
            toy_recipe(2),
            None,
            tmp_path / "third",
            lambda progress: None,
            init=Path(trainer_module.__file__).parents[1] / "tiny",
        )


def test_an_unreadable_state_is_refused(tmp_path, monkeypatch):
    (tmp_path / "last.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match="does not belong"):
        train(toy_recipe(1), None, tmp_path, lambda progress: None)


def test_orthogonalise_brings_singular_values_near_one():
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 16, 16), (2, 24, 8), (1, 8, 24)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape, generator=generator)))
        assert values.min() > 0.3 and values.max() < 1.3


def test_muon_equals_torchs_on_one_matrix():
    start, gradient = torch.randn(12, 20), torch.randn(12, 20)
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    mine = Muon([ours], lr=0.02, momentum=0.95, decay=0.3, dtype=torch.bfloat16)
    library = torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.3)
    for _ in range(3):
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        library.step()
    assert (ours - theirs).norm() < 0.05 * (theirs - start).norm()


def test_the_schedule_warms_up_stays_and_cools_down():
    recipe = OptimizerRecipe(warmup_steps=10, decay_steps=20)
    factors = [learning_rate_factor(step, step, 100, recipe) for step in range(100)]
    assert factors[0] == 0.1 and factors[9:81] == [1.0] * 72 and 0 < factors[-1] <= 0.05
    assert factors[80:] == sorted(factors[80:], reverse=True)


def test_a_run_with_a_time_limit_ends_with_it_and_its_rates_fall_by_the_clock(tmp_path, monkeypatch):
    """Each step advances the clock by a minute: of 100 planned steps, five are taken in five minutes."""
    import dgemma.train.trainer as trainer_module

    recipe = replace(toy_recipe(steps=100), optimizer=OptimizerRecipe(warmup_steps=1, decay_steps=40))
    recipe = replace(recipe, run=replace(recipe.run, minutes=5))
    clock, rates = [0.0], []
    monkeypatch.setattr(trainer_module.time, "monotonic", lambda: clock[0])
    original = trainer_module.Trainer._one_step

    def one_step(self, drawn):
        taken = original(self, drawn)
        rates.append(self.optimizers[0].param_groups[0]["lr"] / recipe.optimizer.matrix_lr)
        clock[0] += 60
        return taken

    monkeypatch.setattr(trainer_module.Trainer, "_one_step", one_step)
    reports = []
    assert train(recipe, None, tmp_path, reports.append) == tmp_path / "best"
    assert rates == pytest.approx([1, 1, 1, 1, 0.5])
    assert (reports[-1].step, reports[-1].seconds_left) == (5, 0)
    assert reports[-1].held_out is not None
    assert torch.load(tmp_path / "last.pt", weights_only=True)["seconds"] == 300
    # Started again, the run has no time left; with more minutes it goes on.
    train(recipe, None, tmp_path, reports.append)
    assert len(rates) == 5
    train(replace(recipe, run=replace(recipe.run, minutes=7)), None, tmp_path, reports.append)
    assert len(rates) == 7 and reports[-1].step == 7


def test_batches_drawn_in_another_process_are_the_same():
    def drawn(workers: int) -> list[torch.Tensor]:
        tokenizer = Tokenizer(train_tokenizer(["1 2 3 4"], 300))
        recipe = toy_recipe(3)
        batches = DrawnBatches(
            BatchStream(recipe.data, tokenizer, NO_TEXTS, 1), recipe.model.config(), recipe.objective, 1, fixed=True
        )
        return [tensor for batch in prefetch(batches, 1, 3, workers) for tensor in batch.tensors()]

    alone, elsewhere = drawn(0), drawn(1)
    assert len(alone) == len(elsewhere)
    assert all(torch.equal(one, other) for one, other in zip(alone, elsewhere, strict=True))


def test_unknown_keys_and_tables_in_a_recipe_are_refused(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("[run]\nsteps = 3\nstep = 4\n")
    with pytest.raises(DataError, match="unknown key step"):
        read_recipe(path)
    path.write_text("[runs]\n")
    with pytest.raises(DataError, match=r"unknown table \[runs\]"):
        read_recipe(path)
    path.write_text("[run]\nsteps = 3\n", encoding="utf-8-sig")
    assert read_recipe(path).run.steps == 3 and read_recipe(path, steps=9).run.steps == 9
    with pytest.raises(DataError, match=r"seed must be between .*, not 99999999999999999999"):
        read_recipe(path, seed=99999999999999999999)
    with pytest.raises(DataError, match="steps must be between 1 and 9007199254740992"):
        read_recipe(path, steps=99999999999999999999)


def test_a_missing_compiler_is_reported(tmp_path, monkeypatch):
    import torch._inductor.cpp_builder as builder

    def raise_no_compiler() -> str:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(builder, "get_cpp_compiler", raise_no_compiler)
    recipe = toy_recipe(1)
    with pytest.raises(DataError, match="no C\\+\\+ compiler"):
        train(replace(recipe, run=replace(recipe.run, compile=True)), None, tmp_path, print)


@pytest.mark.parametrize(("line", "problem"), [
    ('[model]\npattern = "ssxsf"', "end in f"), ('[model]\npattern = "fs"', "end in f"), ("run = 3", "table .run."),
    ('[run]\ndevice = "gpu"', "device = 'gpu'"), ('[data]\nbatch_rows = "8"', "batch_rows = '8'"),
    ('[model]\nnum_experts = "x"', "num_experts = 'x'"), ("[run]\nsteps = 0", "steps must be at least 1"),
    ("[optimizer]\nbetas = []", "betas"), ("[data]\ncanvas_lengths = [8, 2.5]", "canvas_lengths"),
])  # fmt: skip
def test_invalid_values_in_a_recipe_are_refused(tmp_path, line, problem):
    file = tmp_path / "recipe.toml"
    file.write_text(line)
    with pytest.raises(DataError, match=problem):
        read_recipe(file).model.config()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[run]\nseed = 99999999999999999999", "seed = 99999999999999999999"),
        ("[run]\nseed = 9000000000000", "seed must be between -8796093022208 and 8796093022208, not 9000000000000"),
        ("[run]\ndata_workers = -1", "data_workers must be between 0 and 1024, not -1"),
        ("[run]\nsave_every_minutes = -1", "save_every_minutes must be at least 0, not -1"),
        ("[run]\nsteps = 100000000000000000000", "steps = 100000000000000000000"),
        ("[optimizer]\nlr = -1", "lr must be at least 0, not -1"),
        ("[optimizer]\nmatrix_lr = -0.1", "matrix_lr must be at least 0"),
        (f"[optimizer]\nlr = 1{400 * '0'}", "lr = 1000"),
        ("[optimizer]\nwarmup_steps = -10", "warmup_steps must be at least 0, not -10"),
        ("[optimizer]\nmomentum = 1.5", "momentum must be between 0 and 1, not 1.5"),
        ("[optimizer]\nbetas = [0.9]", "betas = .0.9."),
        ("[optimizer]\nbetas = [0.9, 1.0]", "betas must be two numbers"),
        ("[optimizer]\nclip = 0", "clip must be a number above 0, not 0"),
        ("[objective]\nself_conditioning = -1", "self_conditioning must be between 0 and 1, not -1"),
        ("[objective]\nrollout = 5", "rollout must be between 0 and 1, not 5"),
        ("[objective]\nfull_noise = 2.0", "full_noise must be between 0 and 1, not 2.0"),
        ("[objective]\ntemperature = [0.4, 0.2]", "temperature must be a range"),
        ("[objective]\ntemperature = [0.4, 0.5, 0.6]", "temperature = "),
        ("[objective]\nprompt_weight = -0.5", "prompt_weight must be at least 0"),
        ("[model]\nmax_position_embeddings = 0", "max_position_embeddings must be at least 1"),
        ("[data]\ncanvas_lengths = [8, 64]\ncanvas_slots = 48", "canvas of 64 tokens fits no row of canvas_slots = 48"),
    ],
)
def test_numbers_out_of_range_in_a_recipe_are_refused(tmp_path, line, problem):
    file = tmp_path / "recipe.toml"
    file.write_text(line)
    with pytest.raises(DataError, match=problem):
        read_recipe(file)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[model]\nvocab_size = 9007199254740992", "vocab_size = 9007199254740992 is more than any model has"),
        ("[model]\nhidden_size = 100000000", "hidden_size = 100000000 is more than any model has"),
        ("[model]\nhidden_size = 1000000\nvocab_size = 1000000", "weights would take about .* GB of memory"),
        ("[model]\nnum_experts = 60000\nmoe_intermediate_size = 90000", "weights would take about .* GB of memory"),
        ("[model]\nglobal_head_dim = 60000\nnum_attention_heads = 60000", "weights would take about .* GB"),
        ('[model]\npattern = "' + "s" * 200_000 + 'f"', "num_hidden_layers = 200001 is more than any model has"),
        ('[model]\npattern = "' + "x" * 200_000 + '"', "end in f; it is 'xxx"),
        ("[data]\nbatch_rows = 9007199254740992", "batch_rows must be between 1 and 65536"),
        ("[data]\nbatch_rows = 65536\nclean_length = 1000000", "A batch of batch_rows = 65536 would have"),
        (
            "[data]\ncanvas_lengths = [9007199254740000]\ncanvas_slots = 9007199254740000",
            "canvas_slots must be between",
        ),
        ("[data]\ncanvas_lengths = [9007199254740000]", "canvas of 9007199254740000 tokens fits no row"),
        ("[data]\nnoise_draws = 9007199254740992", "noise_draws must be between 1 and 65536"),
        ("[run]\nheld_out_rows = 9007199254740992", "held_out_rows must be between 1 and 65536"),
        ("[run]\ndata_workers = 9007199254740992", "data_workers must be between 0 and 1024"),
        ("[objective]\nrollout_steps = 9007199254740992", "rollout_steps must be between 1 and 1000000"),
        ("[sampler]\nmax_denoising_steps = 9007199254740992", "max_denoising_steps must be between 1 and 1000000"),
        ("[model]\nvocab_size = " + "9" * 5000, "is not valid TOML: .*digits"),
        ("a" + ".a" * 50_000 + " = 1", "a key of more than 32 parts"),
        ("[" + "'a' . " * 50_000 + "a]", "a key of more than 32 parts"),
        ("a = " + "[" * 50_000, "is not valid TOML"),
        ("#" * 2_000_000, "more than 1 MB"),
    ],
)
def test_absurd_recipes_are_refused_in_one_sentence(tmp_path, text, problem):
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    with pytest.raises((DataError, ConfigError), match=problem) as raised:
        read_recipe(file)
    assert len(str(raised.value)) < 400


def test_the_largest_seed_is_one_that_torch_takes():
    batches = toy_recipe(1)
    recipe = replace(batches, run=replace(batches.run, seed=LARGEST_SEED))
    torch.Generator().manual_seed(recipe.run.seed * 1_000_003 + 10**9)


@pytest.mark.parametrize("state", [{"network": {}}, [1], torch.zeros(2), {"step": "x"}])
def test_a_damaged_state_is_refused(tmp_path, monkeypatch, state):

    torch.save(state, tmp_path / "last.pt")
    with pytest.raises(DataError, match="choose another folder"):
        train(toy_recipe(3), None, tmp_path, lambda progress: None)
