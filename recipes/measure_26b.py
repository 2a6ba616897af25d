"""Measures the released model's shape, with random weights, on one GPU: python recipes/measure_26b.py --out FILE

Writes one JSON document. It has, in milliseconds unless a name says otherwise: the denoise step by canvas and context,
in plain and in recorded passes (CUDA graphs); the step by part; one autoregressive token; the head in blocks and by its
kernel; peak memory. All 30 layers in bfloat16 take 52 GB; on a smaller GPU only the first layers that fit are built, as
the document says. A measurement that fails is recorded as its error. The file is rewritten after each part, so an
interrupted run keeps its results.

To try it without a GPU: python recipes/measure_26b.py --device cpu --config toy --runs 1 --out /tmp/toy.json
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dgemma.bench.machine import synchronise
from dgemma.bench.shapes import SHAPES, random_network
from dgemma.bench.step_parts import time_parts
from dgemma.cache import KVCache
from dgemma.checkpoint.quantised import quantise_network
from dgemma.config import ModelConfig, SamplerConfig
from dgemma.decode import head
from dgemma.decode.denoise import denoise
from dgemma.decode.graphs import Passes, RecordedPasses, recordable
from dgemma.decode.vocabulary import summarise, summarise_in_blocks, uniforms_per_row
from dgemma.model import DiffusionGemma
from dgemma.ops import cuda
from dgemma.quant import KINDS

TOY = replace(
    SHAPES["scaled-32k"],
    vocab_size=8192,
    hidden_size=128,
    intermediate_size=128,
    moe_intermediate_size=64,
    layers=SHAPES["scaled-32k"].layers[4:6],
)
CONFIGS = {**SHAPES, "toy": TOY}
TEMPERATURE, CHUNK = 0.6, 1024
# Memory left free beside weights and cache, for activations, the head's buffers, recorded passes and libraries.
RESERVE_BYTES = 6 << 30


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse(arguments)
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    whole = CONFIGS[options.config]
    config = _largest_that_fits(whole, max(options.contexts) + max(options.canvas), dtype, device)
    started = time.perf_counter()
    network = random_network(config, dtype, device)
    if options.quant is not None:
        quantise_network(network, options.quant)
    synchronise(device)
    document: dict[str, Any] = {
        "config": options.config,
        "layers": config.num_hidden_layers,
        "of_layers": whole.num_hidden_layers,
        "dtype": options.dtype,
        "quant": options.quant,
        "weights_gb": sum(tensor.nbytes for tensor in network.state_dict().values()) / 1e9,
        "building_seconds": time.perf_counter() - started,
        "runs": options.runs,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "kernel": device.type == "cuda" and cuda.has_kernels(),
        "recordable": recordable(network),
        "ceilings": _attempt(lambda: _ceilings(dtype, device, options.runs)),
    }
    lengths, contexts, runs = options.canvas, options.contexts, options.runs
    parts = {
        "heads": _heads(network, lengths, runs),
        "steps": _steps(network, lengths, contexts, runs),
        "anatomy": (_attempt(lambda n=n: asdict(time_parts(network, n, min(contexts), runs))) for n in lengths),
    }
    for part, rows in parts.items():
        document[part] = list(_printed(part, rows))
        if device.type == "cuda":
            document["peak_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


Rows = Iterator[dict[str, Any]]


def _printed(part: str, rows: Rows) -> Rows:
    for row in rows:
        print(part, json.dumps(row), flush=True)
        yield row


@torch.inference_mode()
def _steps(network: DiffusionGemma, lengths: Sequence[int], contexts: Sequence[int], runs: int) -> Rows:
    """Yields for each context the prefill and one token, then for each canvas a pass and a step, plain and recorded."""
    generator = torch.Generator(device=network.device).manual_seed(0)
    for context in contexts:
        cache = KVCache(network.config, 1, context + 8, network.dtype, network.device, scratch_length=max(lengths))
        variants: dict[str, Passes] = {"plain": network}
        if recordable(network):
            variants["recorded"] = RecordedPasses(network)
        ids = head.random_ids(network.config.vocab_size, (1, context), generator, network.device)
        yield {"context": context, **_attempt(partial(_prefill, network, cache, ids))}
        for name, passes in variants.items():
            yield {"context": context, "way": name, **_attempt(partial(_tokens, network, passes, cache, ids, runs))}
        for length in lengths:
            row: dict[str, Any] = {"context": context, "canvas": length}
            for name, passes in variants.items():
                row[name] = _attempt(partial(_passes, network, passes, cache, length, generator, runs))
            yield row


def _prefill(network: DiffusionGemma, cache: KVCache, ids_BT: torch.Tensor) -> dict[str, float]:
    """Times filling the cache with a prompt."""

    def prefill() -> None:
        cache.truncate(0)
        for chunk in ids_BT.split(CHUNK, dim=1):
            network.encode(chunk, cache, keys_only=True)

    return {"prefill_ms": _milliseconds(prefill, 1, network.device)}


def _tokens(
    network: DiffusionGemma, passes: Passes, cache: KVCache, ids_BT: torch.Tensor, runs: int
) -> dict[str, float]:
    """Times one token (encode and predict) after a filled cache, and encoding eight, as in verifying a draft."""
    before = cache.snapshot()

    def token() -> None:
        int(network.logits(passes.encode(ids_BT[:, :1], cache)[:, -1]).argmax())
        cache.truncate(before)

    def eight() -> None:
        passes.encode(ids_BT[:, :8], cache)
        cache.truncate(before)

    return {
        "token_ms": _milliseconds(token, runs, network.device),
        "eight_tokens_ms": _milliseconds(eight, runs, network.device),
    }


def _passes(
    network: DiffusionGemma, passes: Passes, cache: KVCache, length: int, generator: torch.Generator, runs: int
) -> dict[str, float]:
    canvas_BL = head.random_ids(network.config.vocab_size, (1, length), generator, network.device)
    soft_BLD = network.embed(canvas_BL)
    few = torch.arange(0, length, 8, device=network.device)

    def step() -> float:
        # Of three steps the second is timed: the first has no self-conditioning, and the last has no next step.
        sampler = SamplerConfig(max_denoising_steps=3)
        steps = denoise(network, cache, sampler, [generator], length, skip_settled=False, passes=passes)
        next(steps)
        return _timed(lambda: next(steps), network.device)

    step()
    return {
        "first_pass_ms": _timed(lambda: passes.denoise(canvas_BL, cache, soft_BLD, None), network.device),
        "pass_ms": _milliseconds(lambda: passes.denoise(canvas_BL, cache, soft_BLD, None), runs, network.device),
        "pass_over_an_eighth_ms": _milliseconds(
            lambda: passes.denoise(canvas_BL, cache, soft_BLD, few), runs, network.device
        ),
        "step_ms": statistics.median(step() for _ in range(runs)),
    }


@torch.inference_mode()
def _heads(network: DiffusionGemma, lengths: Sequence[int], runs: int) -> Rows:
    """Times reading the vocabulary in blocks and by its kernel, and both ways to compute the expected embedding."""
    size, vocab_size = network.config.hidden_size, network.config.vocab_size
    generator = torch.Generator(device=network.device).manual_seed(0)
    for rows in lengths:
        hidden_ND = torch.randn(rows, size, generator=generator, device=network.device).to(network.dtype)
        drawn_NU = torch.rand(rows, uniforms_per_row(vocab_size), generator=generator, device=network.device)
        arguments = (network, hidden_ND, TEMPERATURE, drawn_NU, min(head.SOFT_TOP_K, vocab_size))
        summary = summarise_in_blocks(*arguments)
        actions: dict[str, Callable[[], object]] = {
            "product_ms": lambda hidden=hidden_ND: hidden @ network.embed_tokens.weight.T,
            "blocks_ms": lambda arguments=arguments: summarise_in_blocks(*arguments),
            "chosen_ms": lambda arguments=arguments: summarise(*arguments),
            "soft_top_ms": lambda s=summary: network.expect_top(s.top_logprobs_NK.exp(), s.top_ids_NK),
            "soft_exact_ms": lambda rows=rows: network.expect(
                torch.full((rows, vocab_size), 1 / vocab_size, dtype=network.dtype, device=network.device)
            ),
        }
        row: dict[str, Any] = {"rows": rows}
        for name, action in actions.items():
            row |= _attempt(lambda n=name, a=action: {n: _milliseconds(a, runs, network.device)})
        yield {**row, **_attempt(lambda a=arguments, s=summary: _agreement(s, summarise(*a)))}


def _agreement(plain: Any, chosen: Any) -> dict[str, float]:
    """Differences between the implementation chosen for this device and the plain one."""
    return {
        "same_argmax": float((plain.top_ids_NK[:, 0] == chosen.top_ids_NK[:, 0]).float().mean()),
        "same_sample": float((plain.sample_N == chosen.sample_N).float().mean()),
        "entropy_difference": float((plain.entropy_N - chosen.entropy_N).abs().max()),
        "logprob_difference": float((plain.top_logprobs_NK - chosen.top_logprobs_NK).abs().max()),
    }


def _ceilings(dtype: torch.dtype, device: torch.device, runs: int) -> dict[str, float]:
    """What torch reaches on this device in one large product, and in copying (bytes read plus bytes written)."""
    size = 8192 if device.type == "cuda" else 256
    square = torch.randn(size, size, device=device).to(dtype)
    return {
        "tflops": 2 * size**3 / 1e9 / _milliseconds(lambda: square @ square, runs, device),
        "gigabytes_per_second": 2 * square.nbytes / 1e6 / _milliseconds(square.clone, runs, device),
    }


def _largest_that_fits(config: ModelConfig, slots: int, dtype: torch.dtype, device: torch.device) -> ModelConfig:
    """The configuration with as many of its first layers as fit into the GPU's free memory; on a CPU with all."""
    if device.type != "cuda":
        return config
    free_bytes = torch.cuda.mem_get_info(device)[0] - RESERVE_BYTES
    for count in range(config.num_hidden_layers, 0, -1):
        fewer = replace(config, layers=config.layers[:count])
        with torch.device("meta"):
            values = sum(parameter.numel() for parameter in DiffusionGemma(fewer).parameters())
        if values * dtype.itemsize + KVCache.size_of(fewer, slots, 0, dtype) <= free_bytes:
            return fewer
    raise SystemExit(f"Not even one layer of this shape fits into {free_bytes / 1e9:.1f} GB; give a smaller --config.")


def _attempt(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The measurement, or any error as its entry, so that the other parts still run."""
    try:
        return measure()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error)[:300]}"}


def _milliseconds(action: Callable[[], object], runs: int, device: torch.device) -> float:
    """The median of `runs` timings, after one untimed run."""
    _timed(action, device)
    return statistics.median(_timed(action, device) for _ in range(runs))


def _timed(action: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    start = time.perf_counter()
    action()
    synchronise(device)
    return 1000 * (time.perf_counter() - start)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the JSON document")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--config", default="26b", choices=sorted(CONFIGS))
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float32"))
    parser.add_argument("--quant", choices=KINDS, help="quantise the matrices of the layers after drawing them")
    parser.add_argument("--canvas", type=int, nargs="+", default=[256, 128, 64])
    parser.add_argument("--contexts", type=int, nargs="+", default=[256, 2048, 8192])
    parser.add_argument("--runs", type=int, default=9)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
