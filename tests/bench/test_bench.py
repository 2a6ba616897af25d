"""Benchmarks: every part is measured, the counted work is right, and no hooks stay registered."""

from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from dgemma import chat
from dgemma.api import load
from dgemma.bench import answers, plot, streams
from dgemma.bench.canvas import measure_canvases
from dgemma.bench.compare import compare
from dgemma.bench.constraints import CONSTRAINTS, measure_constraints
from dgemma.bench.machine import measure_ceilings
from dgemma.bench.shapes import SHAPES, quantised_copy, random_network, shape
from dgemma.bench.step_parts import time_parts
from dgemma.bench.steps import measure
from dgemma.bench.streams import measure_streams, random_requests
from dgemma.checkpoint import LoadedModel, save_model
from dgemma.cli.app import app
from dgemma.config import SamplerConfig
from dgemma.engine.engine import Engine
from dgemma.engine.pace import Pace, mean_embedding
from dgemma.errors import OutputError, UsageError
from dgemma.evals.run import examples
from tests.test_model import CONFIG, NETWORK, make_network

CPU = torch.device("cpu")


def test_an_anatomy_holds_every_part_once_and_removes_its_hooks():
    anatomy = time_parts(NETWORK, canvas_length=8, context=8, runs=1)
    names = [part.name for part in anatomy.parts]
    assert sorted(names) == sorted({*names}) and {"attention", "experts", "head", "sampler"} <= {*names}
    assert anatomy.step_ms == pytest.approx(sum(part.ms for part in anatomy.parts))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in NETWORK.modules())


def test_the_work_of_a_part_matches_torchs_count():
    """torch counts the products of a pass; the formulas leave out norms, rotations and the router."""
    from torch.utils.flop_counter import FlopCounterMode

    from dgemma.cache import KVCache

    # Weights that require gradients are not laid out for kernels.
    network = random_network(CONFIG, torch.float32, CPU).requires_grad_(True)
    cache = KVCache(CONFIG, max_length=8, scratch_length=8)
    ids = torch.arange(8)[None]
    with torch.no_grad():
        network.encode(ids, cache)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        hidden = network.denoise(ids, cache, network.embed(ids))
        network.logits(hidden)
    counted = counter.get_total_flops() / 1e9
    parts = {part.name: part for part in time_parts(NETWORK, 8, 8, 1).parts}
    formulas = sum(parts[name].gigaoperations for name in ("attention", "dense MLP", "head"))
    # There are so few experts that all of them run here. The router is one more small product.
    experts = 6 * 8 * CONFIG.num_experts * CONFIG.hidden_size * CONFIG.moe_intermediate_size * 4 / 1e9
    router = 2 * 8 * CONFIG.hidden_size * CONFIG.num_experts * 4 / 1e9
    # The counter leaves out the attention kernel: scores and sums over 16 keys for the heads of each layer.
    attended = sum(4 * 8 * 16 * CONFIG.num_attention_heads * layer.head_dim for layer in CONFIG.layers) / 1e9
    assert formulas + experts + router == pytest.approx(counted + attended, rel=1e-6)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_valid_configurations(name):
    config = shape(name)
    assert config.layers[-1].layer_type == "full_attention"
    with torch.device("meta"):
        from dgemma.model import DiffusionGemma

        count = sum(parameter.numel() for parameter in DiffusionGemma(config).parameters())
    assert name != "26b" or 24e9 < count < 27e9


def test_a_model_with_too_short_a_context_is_refused(tmp_path):
    config = replace(CONFIG, max_position_embeddings=128)
    save_model(LoadedModel(config=config, network=make_network(), sampler=SamplerConfig()), tmp_path)
    result = CliRunner().invoke(app, ["bench", "--model", str(tmp_path)])
    message = str(result.exception) + result.output
    assert result.exit_code and "128 tokens is too short to be measured" in " ".join(message.split())


def test_an_unknown_shape_raises_an_error_that_lists_the_known_ones():
    with pytest.raises(UsageError, match="scaled-32k"):
        shape("nosuch")


def test_a_quantised_copy_leaves_the_float_network_unchanged():
    plain = random_network(CONFIG, torch.float32, CPU)
    quantised = quantised_copy(plain, "int8")
    assert quantised.layers[0].self_attn.q_proj.weight.dtype == torch.int8
    assert plain.layers[0].self_attn.q_proj.weight.dtype == torch.float32
    with pytest.raises(UsageError, match="int3"):
        quantised_copy(plain, "int3")


def test_both_sides_of_the_comparison_are_timed():
    comparison = compare(NETWORK, canvas_length=8, context=8, runs=1)
    assert min(comparison.our_step_ms, comparison.their_step_ms, comparison.our_token_ms, comparison.their_token_ms) > 0
    assert comparison.step_ratio == comparison.their_step_ms / comparison.our_step_ms


def test_measured_ceilings_are_above_zero():
    ceilings = measure_ceilings(CPU)
    assert min(*ceilings.gflops.values(), ceilings.gigabytes_per_second) > 0
    assert ceilings.arithmetic("no such type") == ceilings.gflops["float32"]


def test_a_step_is_timed_with_and_without_every_constraint():
    llm = load("tiny")
    ends = llm.model.sampler.eos_token_ids
    costs = measure_constraints(llm.network, llm.tokenizer, ends, canvas_length=16, runs=1)
    assert [cost.name for cost in costs] == list(CONSTRAINTS)
    assert all(
        cost.states > 1 and cost.free_ms > 0 and cost.constrained_ms > 0 and 0 <= cost.share < 1 for cost in costs
    )
    assert measure_constraints(llm.network, llm.tokenizer, (), canvas_length=16, runs=1) == ()


def test_answers_in_every_mode_are_compared_with_a_single_pass(monkeypatch):
    llm, passes, original = load("tiny"), [], answers.denoise

    def recording(network, cache, sampler, draws, length, **options):
        passes.append((cache.length, options["commit_BT"].shape[1], length))
        return original(network, cache, sampler, draws, length, **options)

    monkeypatch.setattr(answers, "denoise", recording)
    scores, speeds = answers.measure_answers(llm, 2)
    assert [(score.task, score.mode) for score in scores] == [
        (task, mode) for task in answers.TASKS for mode in answers.MODES
    ]
    for index, speed in enumerate(speeds):
        scores_by_mode = {score.mode: score for score in scores if score.task == speed.task}
        assert speed.by_mode == {mode: score.tokens_per_second for mode, score in scores_by_mode.items()}
        assert speed.max_ratio * speed.by_mode["autoregressive"] == pytest.approx(speed.in_one_pass)
        prompts = [[{"role": "user", "content": example.prompt}] for example in examples(speed.task, 2, seed=0)]
        encoded = [len(chat.render(messages, llm.tokenizer, template=llm.model.chat_template)) for messages in prompts]
        tokens = round(scores_by_mode["autoregressive"].tokens)
        assert passes[6 * index : 6 * index + 6] == [(0, count, tokens) for count in encoded for _ in range(3)]


def test_canvases_are_measured_and_plotted(tmp_path):
    llm = load("tiny")
    pace = Pace(step_ms={1: 1.0, 64: 3.0}, token_ms=1.0)
    stages: list[str] = []
    measurement = measure_canvases(llm, pace, 2, lengths=(16, 32), tasks=("sudoku4",), watch=stages.append)
    # The model's own canvas length is measured in addition to the given ones.
    assert [record.length for record in measurement.profile.canvases] == [16, 32, 64] and len(stages) == 4
    assert [point.record.length for point in measurement.points] == [16, 32]
    (kind,) = measurement.profile.kinds
    assert kind.name == "sudoku4" and [record.length for record in kind.canvases] == [16, 32, 64]
    prompt = [{"role": "user", "content": examples("sudoku4", 2, seed=0)[0].prompt}]
    assert (
        measurement.profile.find_kind(
            mean_embedding(llm.network, chat.render(prompt, llm.tokenizer, template=llm.model.chat_template))
        )
        == kind
    )
    assert all(point.predicted_speed_up > 0 and point.measured_speed_up > 0 for point in measurement.points)
    times, anatomy = measure(NETWORK, (8, 16), 8, 1), time_parts(NETWORK, 8, 8, 1)
    plot.draw(tmp_path / "plot.png", "tiny", times, anatomy, measurement)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="cannot be written"):
        plot.draw(tmp_path / "no" / "plot.png", "tiny", times, anatomy, None)


def test_streams_are_run_one_after_another_and_at_once(monkeypatch):
    """The requests take about a second in all, and both engines answer all of them."""
    assert [request.max_new_tokens for request in random_requests(NETWORK, 5, 0.1)] == [32] * 5
    assert [request.max_new_tokens for request in random_requests(NETWORK, 5, 1000.0)] == [4] * 5
    requests = random_requests(NETWORK, 3, 60.0)
    assert [request.max_new_tokens for request in requests] == [5] * 3 and len(
        {request.prompt for request in requests}
    ) == 3
    engines = []
    monkeypatch.setattr(streams, "Engine", lambda *given: engines.append(Engine(*given)) or engines[-1])
    speed = measure_streams(NETWORK, SamplerConfig(), requests, runs=2)
    assert (speed.mode, speed.streams, speed.gain) == ("autoregressive", 3, speed.at_once / speed.one_by_one)
    assert [engine.config.max_active for engine in engines] == [1, 3]
    assert [engine.snapshot().new_tokens for engine in engines] == [2 * 15, 3 * 15]
    assert speed.at_once > 0 < speed.one_by_one


@pytest.mark.parametrize(("arguments", "message"), [(["--streams", "-1"], "--streams must be at least 0")])
def test_impossible_options_of_bench_are_refused(arguments, message):
    result = CliRunner().invoke(app, ["bench", *arguments])
    assert isinstance(result.exception, UsageError) and message in str(result.exception)
