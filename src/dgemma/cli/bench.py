"""`dgemma bench`: prints one table per measurement, and one JSON document as the last line."""

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from dgemma.api import LLM, load
from dgemma.bench import compare, plot
from dgemma.bench.answers import MODES, measure_answers
from dgemma.bench.canvas import CanvasBench, measure_canvases
from dgemma.bench.constraints import ConstraintCost, measure_constraints
from dgemma.bench.machine import Ceilings, measure_ceilings
from dgemma.bench.shapes import quantised_copy, random_network, shape
from dgemma.bench.step_parts import StepParts, time_parts
from dgemma.bench.steps import StepTimes, measure
from dgemma.bench.streams import measure_streams, random_requests
from dgemma.checkpoint import find_model
from dgemma.checkpoint.json_files import write_json
from dgemma.checkpoint.source import profile_path
from dgemma.config import EngineConfig, SamplerConfig
from dgemma.engine.pace import Pace
from dgemma.engine.placement import resolve
from dgemma.engine.request import Request
from dgemma.errors import UsageError
from dgemma.evals.run import examples
from dgemma.model import DiffusionGemma
from dgemma.ops import native
from dgemma.tui.progress import loading_progress

_QUICK_MS = 20.0
"""Time of a token below which whole diffusion answers take only seconds."""


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """The options of `dgemma bench`. `config` names a shape with random weights, which replaces the model."""

    model: str
    config: str | None
    quant: str | None
    canvas_length: int
    context: int
    runs: int
    streams: int
    answers: int
    canvases: bool
    save: bool
    plot: Path | None
    transformers: bool
    device: str
    dtype: str

    def __post_init__(self) -> None:
        for name in ("canvas_length", "context", "runs"):
            if getattr(self, name) < 1:
                raise UsageError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}.")
        for name in ("answers", "streams"):
            if getattr(self, name) < 0:
                raise UsageError(f"--{name} must be at least 0, not {getattr(self, name)}.")
        if self.config is not None and (self.canvases or self.save):
            raise UsageError("--canvas and --save need a trained model; random weights never settle.")
        if self.save and not self.canvases:
            raise UsageError("--save stores what --canvas measures; add --canvas.")


@dataclass(frozen=True, kw_only=True)
class _Networks:
    """The network to measure.

    floats  the same network with float weights, to compare with transformers; None: no comparison
    llm     the model that the network belongs to; None for random weights
    """

    measured: DiffusionGemma
    floats: DiffusionGemma | None
    llm: LLM | None


@dataclass(frozen=True, kw_only=True)
class _Results:
    """All results as a JSON document, and those that can be plotted."""

    document: dict[str, object]
    times: StepTimes
    step: StepParts
    canvases: CanvasBench | None


def bench_and_print(options: BenchOptions) -> None:
    """Takes the measurements that `options` select and prints their tables, then one JSON document."""
    if options.plot is not None:
        plot.require(options.plot)
    networks = _load_networks(options)
    _check_context(networks.measured, options.context)
    native.prepare()
    results = _measure(Console(), networks, options)
    try:
        if options.plot is not None:
            model = str(results.document["model"])
            plot.draw(options.plot, model, results.times, results.step, results.canvases)
            print(f"The plot was written to {options.plot}.", file=sys.stderr)
    finally:
        # Print the results of minutes of measuring even if plotting fails.
        print(json.dumps(results.document))


def _load_networks(options: BenchOptions) -> _Networks:
    """Loads the model, or builds a network with random weights."""
    if options.config is not None:
        plain, network = _random_networks(options)
        return _Networks(measured=network, floats=plain if options.transformers else None, llm=None)
    with loading_progress(options.model) as progress:
        llm = load(options.model, device=options.device, dtype=options.dtype, quant=options.quant, progress=progress)
    floats = _float_weights(llm, options) if options.transformers else None
    return _Networks(measured=llm.network, floats=floats, llm=llm)


def _float_weights(llm: LLM, options: BenchOptions) -> DiffusionGemma | None:
    """The network with the float weights that transformers needs; None, with a message, if the files have none."""
    if llm.model.quant is not None and options.quant is not None:
        # Load the model again: with `quant` its floats were not kept, to save memory.
        llm = load(options.model, device=options.device, dtype=options.dtype)
    if llm.model.quant is not None:
        print("transformers cannot read quantised weights; the comparison is skipped.", file=sys.stderr)
        return None
    return llm.network


def _check_context(network: DiffusionGemma, context: int) -> None:
    # t(rows) is measured for up to 256 rows.
    longest = network.config.max_position_embeddings - 256
    if longest < 1:
        raise UsageError(
            f"This model's context of {network.config.max_position_embeddings} tokens is too short to be measured: "
            "it must hold a canvas of 256 positions after at least one token."
        )
    if context > longest:
        raise UsageError(f"--context must be at most {longest} for this model, not {context}.")


def _measure(console: Console, networks: _Networks, options: BenchOptions) -> _Results:
    """Takes the measurements and prints their tables."""
    network, llm = networks.measured, networks.llm
    ceilings = measure_ceilings(network.device)
    console.print(_ceilings_line(ceilings))
    times = measure(network, context=options.context, runs=options.runs)
    console.print(_steps_table(times))
    length = min(options.canvas_length, network.config.max_position_embeddings - options.context)
    step = time_parts(network, length, options.context, options.runs)
    console.print(_parts_table(step, ceilings, _weight_kind(network), "int8" if network.has_int8_head() else "float32"))
    document: dict[str, object] = {
        "model": options.model if options.config is None else options.config,
        "quant": options.quant if llm is None else llm.model.quant,
        "device": str(network.device),
        "dtype": str(network.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "ceilings": asdict(ceilings),
        **asdict(times),
        "anatomy": asdict(step),
    }
    if networks.floats is not None:
        document["comparison"] = _compare(console, network, networks.floats, length, options)
    if options.streams > 1:
        document["streams"] = _streams(console, network, llm, times, options)
    canvases = None
    if llm is not None and llm.tokenizer is not None:
        usual_length = network.config.canvas_length
        costs = measure_constraints(network, llm.tokenizer, llm.model.end_ids, usual_length, options.runs)
        console.print(_constraints_table(usual_length, costs))
        document["constraints"] = [{**asdict(cost), "share": cost.share} for cost in costs]
        if options.answers:
            document |= _answers(console, llm, options.answers)
        if options.canvases:
            canvases = _canvases(console, llm, times, options)
            document["canvases"] = asdict(canvases)
    return _Results(document=document, times=times, step=step, canvases=canvases)


def _random_networks(options: BenchOptions) -> tuple[DiffusionGemma, DiffusionGemma]:
    """(network with float weights, network to measure); without `quant` they are the same."""
    engine = resolve(EngineConfig(device=options.device, dtype=options.dtype))  # pyright: ignore[reportArgumentType]
    kind = getattr(torch, engine.dtype)
    plain = random_network(shape(options.config or ""), kind, torch.device(engine.device))
    return plain, plain if options.quant is None else quantised_copy(plain, options.quant)


def _weight_kind(network: DiffusionGemma) -> str:
    """The type of the layers' weights: int8, int4, or the dtype's name."""
    weight = network.layers[0].get_submodule("self_attn.q_proj").get_parameter("weight")
    kinds = {torch.int8: "int8", torch.uint8: "int4"}
    return kinds.get(weight.dtype, str(network.dtype).removeprefix("torch."))


def _ceilings_line(ceilings: Ceilings) -> str:
    products = ", ".join(f"{kind} {gflops:.0f}" for kind, gflops in ceilings.gflops.items())
    threads = torch.get_num_threads()
    return (
        f"Peak with {threads} thread{'' if threads == 1 else 's'}: {products} GFLOP/s in matrix products, "
        f"{ceilings.gigabytes_per_second:.1f} GB/s from memory"
    )


def _table(title: str, first: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for name in columns:
        table.add_column(name, justify="right")
    return table


def _steps_table(times: StepTimes) -> Table:
    table = _table(
        f"One pass after {times.context} tokens", "pass", ("ms", "ms per position", "x one token", "breaks even at")
    )
    table.add_row("one token", f"{times.token_ms:.2f}", f"{times.token_ms:.3f}", "1.0", "-")
    for length, ms in times.denoise_ms.items():
        # A canvas of L tokens takes its steps and a pass to encode it; L autoregressive tokens take L passes.
        even = length * times.token_ms / ms - 1
        table.add_row(
            f"canvas of {length}",
            f"{ms:.2f}",
            f"{ms / length:.3f}",
            f"{ms / times.token_ms:.1f}",
            f"{even:.1f} steps" if even > 0 else "never",
        )
    return table


def _parts_table(step: StepParts, ceilings: Ceilings, kind: str, head_kind: str) -> Table:
    title = f"Parts of a denoise step over {step.canvas_length} positions: {step.step_ms:.1f} ms"
    table = _table(title, "part", ("ms", "share", "GFLOP/s", "of peak", "GB/s", "of peak"))
    for part in sorted(step.parts, key=lambda part: -part.ms):
        arithmetic = part.gflops / ceilings.arithmetic(head_kind if part.name == "head" else kind)
        memory = part.gigabytes_per_second / ceilings.gigabytes_per_second
        counted = (f"{part.gflops:.0f}", f"{arithmetic:.0%}") if part.gigaoperations else ("-", "-")
        read = (f"{part.gigabytes_per_second:.1f}", f"{memory:.0%}") if part.megabytes else ("-", "-")
        table.add_row(part.name, f"{part.ms:.2f}", f"{part.ms / step.step_ms:.0%}", *counted, *read)
    return table


def _compare(
    console: Console, network: DiffusionGemma, floats: DiffusionGemma, length: int, options: BenchOptions
) -> dict[str, object] | None:
    if not compare.available():
        console.print("transformers is not installed; the comparison is skipped.")
        return None
    found = compare.compare(network, length, options.context, max(3, options.runs // 2), weights=floats)
    dtype = str(network.dtype).removeprefix("torch.")
    title = f"Compared with transformers {found.transformers}, same weights in {dtype}"
    table = _table(title, "pass", ("dgemma ms", "transformers ms", "ratio"))
    step, token = f"step, canvas of {length}", "one token"
    table.add_row(step, f"{found.our_step_ms:.1f}", f"{found.their_step_ms:.1f}", f"{found.step_ratio:.2f}")
    table.add_row(token, f"{found.our_token_ms:.2f}", f"{found.their_token_ms:.2f}", f"{found.token_ratio:.2f}")
    console.print(table)
    return {**asdict(found), "step_ratio": found.step_ratio, "token_ratio": found.token_ratio}


def _streams(
    console: Console, network: DiffusionGemma, llm: LLM | None, times: StepTimes, options: BenchOptions
) -> list[dict[str, object]]:
    """Measures concurrent requests: random prompts in autoregressive mode, and for a fast model with a tokenizer also
    sentences in diffusion mode."""
    count = options.streams
    requests = [random_requests(network, count, times.token_ms)]
    if llm is not None and llm.tokenizer is not None and times.token_ms < _QUICK_MS:
        asked = [example.prompt for example in examples("fix", count, seed=0)]
        ids = [llm.chat_ids([{"role": "user", "content": prompt}]) for prompt in asked]
        requests.append([Request(prompt=one, max_new_tokens=64, seed=seed) for seed, one in enumerate(ids)])
    sampler = SamplerConfig() if llm is None else llm.model.sampler
    rounds = options.runs if times.token_ms < _QUICK_MS else min(3, options.runs)
    found = [measure_streams(network, sampler, one, rounds) for one in requests]
    table = _table(f"{count} requests, total tokens/s", "mode", ("one after another", "at once", "ratio"))
    for speed in found:
        table.add_row(speed.mode, f"{speed.one_by_one:.1f}", f"{speed.at_once:.1f}", f"{speed.gain:.2f}")
    console.print(table)
    return [{**asdict(speed), "gain": speed.gain} for speed in found]


def _constraints_table(length: int, costs: Sequence[ConstraintCost]) -> Table:
    columns = ("states", "build ms", "free ms", "constrained ms", "share")
    table = _table(f"A step over a canvas of {length} without and with a constraint", "constraint", columns)
    for cost in costs:
        times = (f"{1000 * cost.build_seconds:.0f}", f"{cost.free_ms:.1f}", f"{cost.constrained_ms:.1f}")
        table.add_row(cost.name, str(cost.states), *times, f"{cost.share:.0%}")
    return table


def _answers(console: Console, llm: LLM, n: int) -> dict[str, object]:
    """Measures whole answers in each mode, `n` per task, with the time for the prompt."""
    scores, speeds = measure_answers(llm, n)
    columns = (*MODES, "ratio", "max ratio", "auto ratio")
    table = _table(f"Whole answers, {n} per task, tokens/s", "task", columns)
    for one in speeds:
        ratios = (one.ratio, one.max_ratio, one.auto_ratio)
        table.add_row(one.task, *(f"{one.by_mode[mode]:.0f}" for mode in MODES), *(f"{ratio:.2f}" for ratio in ratios))
    console.print(table)
    console.print(
        "ratio: diffusion / autoregressive\n"
        "max ratio: the same, if the pass over the prompt got every token right\n"
        "auto ratio: auto / the faster of the other two\n",
        style="dim",
    )
    ceilings = {one.task: one.in_one_pass for one in speeds}
    return {"answers": [asdict(score) for score in scores], "answers_in_one_pass": ceilings}


def _canvases(console: Console, llm: LLM, times: StepTimes, options: BenchOptions) -> CanvasBench:
    def watch(stage: str) -> None:
        print(f"measuring {stage} ...", file=sys.stderr, flush=True)

    pace = Pace(step_ms={1: times.token_ms, **times.denoise_ms}, token_ms=times.token_ms)
    found = measure_canvases(llm, pace, max(1, options.answers), watch=watch)
    columns = ("t(L) ms", "S(L)", "E(L)", "tokens", "accuracy", "predicted speed-up", "measured speed-up")
    table = _table(f"Canvas lengths L, {found.requests} requests each, speed-up over one token at a time", "L", columns)
    for point in found.points:
        record = point.record
        table.add_row(
            str(record.length),
            f"{point.step_ms:.2f}",
            f"{record.steps:.1f}",
            f"{record.equivalents:.1f}",
            f"{record.tokens:.1f}",
            f"{record.accuracy:.0%}",
            f"{point.predicted_speed_up:.2f}",
            f"{point.measured_speed_up:.2f}",
        )
    console.print(table)
    if options.save:
        write_json(found.profile.to_document(), profile_path(find_model(options.model)))
    return found
