"""Measures how the time of a denoise step grows with canvas and context, and memory with the number of steps.

    python recipes/measure_growth.py [--config scaled-32k] [--runs 5]

Prints the tables of docs/performance.md. Random weights of a named shape; medians of alternating runs.
"""

import argparse
import resource

import torch

from dgemma.bench.shapes import SHAPES, random_network, shape
from dgemma.bench.steps import measure
from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode.denoise import denoise
from dgemma.model import DiffusionGemma

CANVASES = (32, 64, 128, 256)
CONTEXTS = (64, 1024, 2048, 4096, 8192)
STEPS = (2, 8, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", default="scaled-32k", choices=SHAPES)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    network = random_network(shape(arguments.config), torch.float32, torch.device("cpu"))
    print(f"{arguments.config}, float32, {torch.get_num_threads()} threads, medians of {arguments.runs}\n")
    # Memory comes first: a long context would raise the peak.
    print_memory(network)
    print_canvases(network, arguments.runs)
    print_contexts(network, arguments.runs)


def print_canvases(network: DiffusionGemma, runs: int) -> None:
    times = measure(network, CANVASES, context=64, runs=runs).denoise_ms
    slope = (times[CANVASES[-1]] - times[CANVASES[0]]) / (CANVASES[-1] - CANVASES[0])
    print("| canvas | ms a step | on the line through the first and the last |\n|---|---|---|")
    for length, ms in times.items():
        print(f"| {length} | {ms:.0f} | {times[CANVASES[0]] + slope * (length - CANVASES[0]):.0f} |")
    print()


def print_contexts(network: DiffusionGemma, runs: int) -> None:
    times = {context: measure(network, (256,), context, runs) for context in CONTEXTS}
    first, last = times[CONTEXTS[0]].denoise_ms[256], times[CONTEXTS[-1]].denoise_ms[256]
    slope = (last - first) / (CONTEXTS[-1] - CONTEXTS[0])
    print("| context | ms a step, canvas 256 | on the line | ms a token |\n|---|---|---|---|")
    for context, timing in times.items():
        line = first + slope * (context - CONTEXTS[0])
        print(f"| {context} | {timing.denoise_ms[256]:.0f} | {line:.0f} | {timing.token_ms:.0f} |")
    print()


def print_memory(network: DiffusionGemma) -> None:
    cache = KVCache(network.config, max_length=65, scratch_length=256)
    network.encode(torch.zeros(1, 64, dtype=torch.long), cache, keys_only=True)
    print("| steps of one canvas | peak memory of the process, MB |\n|---|---|")
    for count in STEPS:
        generator = torch.Generator().manual_seed(0)
        for _ in denoise(network, cache, SamplerConfig(max_denoising_steps=count), generator, 256, skip_settled=False):
            pass
        print(f"| {count} | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} |")
    print()


if __name__ == "__main__":
    main()
