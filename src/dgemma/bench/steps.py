"""The time of one pass: t(rows), a denoise step by canvas length, and one autoregressive token.

Medians of alternating runs in one process, since the machine's speed drifts. Knows nothing of how results are shown.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dgemma.bench.machine import synchronise
from dgemma.cache import KVCache
from dgemma.decode import head
from dgemma.decode.graphs import passes_of
from dgemma.model import DiffusionGemma


@dataclass(frozen=True, kw_only=True)
class StepTimes:
    """Milliseconds of a denoise step (network with self-conditioning, head, sample) by canvas length, and of one
    autoregressive token."""

    context: int
    denoise_ms: dict[int, float]
    token_ms: float


@torch.inference_mode()
def measure(
    network: DiffusionGemma, lengths: Sequence[int] = (8, 16, 32, 64, 128, 256), context: int = 64, runs: int = 9
) -> StepTimes:
    """Times a step of each canvas length, and a token, after `context` cached tokens: medians of `runs` rounds."""
    generator = torch.Generator(device=network.device).manual_seed(0)
    vocab_size = network.config.vocab_size
    cache = KVCache(
        network.config, max_length=context + 1, dtype=network.dtype, device=network.device, scratch_length=max(lengths)
    )
    network.encode(head.random_ids(vocab_size, (1, context), generator, network.device), cache)
    canvases = {length: head.random_ids(vocab_size, (1, length), generator, network.device) for length in lengths}
    # All steps of a canvas but the first are self-conditioned.
    conditioned = {length: network.embed(canvas) for length, canvas in canvases.items()}

    passes = passes_of(network)

    def step(length: int) -> None:
        head.read(network, passes.denoise(canvases[length], cache, conditioned[length]), 0.8, [generator])

    def token() -> None:
        network.logits(passes.encode(canvases[lengths[0]][:, :1], cache)).argmax(-1)
        cache.truncate(context)

    seconds: dict[int, list[float]] = {length: [] for length in (0, *lengths)}
    for run in range(runs + 1):
        for length in (0, *lengths):
            synchronise(network.device)
            start = time.perf_counter()
            token() if length == 0 else step(length)
            synchronise(network.device)
            elapsed = time.perf_counter() - start
            if run:  # the first round is not measured
                seconds[length].append(elapsed)
    medians = {length: 1000 * statistics.median(values) for length, values in seconds.items()}
    return StepTimes(context=context, denoise_ms={k: v for k, v in medians.items() if k}, token_ms=medians[0])
