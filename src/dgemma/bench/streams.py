"""Throughput of several concurrent requests, compared with the same requests one after another.

Both run on the same kind of engine, once with all requests active and once with one. Knows nothing of text or of how
results are shown.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch

from dgemma.config import EngineConfig, Mode, SamplerConfig
from dgemma.engine.engine import Engine
from dgemma.engine.request import Commit, Request
from dgemma.model import DiffusionGemma

_PROMPT = 8
"""Tokens of a random prompt; few compared with its answer's."""
_SECONDS = 1.0
"""Target duration of all requests, one token at a time."""


@dataclass(frozen=True, kw_only=True)
class StreamSpeed:
    """Total tokens per second of `streams` requests of one mode: one after another, and at once."""

    mode: Mode
    streams: int
    one_by_one: float
    at_once: float

    @property
    def gain(self) -> float:
        """The speed at once over the speed one by one."""
        return self.at_once / self.one_by_one


def random_requests(network: DiffusionGemma, streams: int, token_ms: float) -> list[Request]:
    """Autoregressive requests with random prompts. Each asks for 4 to 32 tokens, so that all take about `_SECONDS` one
    after another at `token_ms` per token."""
    generator = torch.Generator().manual_seed(0)
    tokens = max(4, min(32, int(1000 * _SECONDS / (streams * token_ms))))
    prompts = torch.randint(network.config.vocab_size, (streams, _PROMPT), generator=generator).tolist()
    return [
        Request(prompt=tuple(prompt), max_new_tokens=tokens, seed=seed, mode="autoregressive")
        for seed, prompt in enumerate(prompts)
    ]


def measure_streams(
    network: DiffusionGemma, sampler: SamplerConfig, requests: Sequence[Request], runs: int
) -> StreamSpeed:
    """Runs all requests, which must share one mode, one after another and at once: medians of `runs` rounds."""
    base = EngineConfig(max_waiting=len(requests), max_prefixes=0)
    single, concurrent = (Engine(network, sampler, replace(base, max_active=most)) for most in (1, len(requests)))
    # Warm-up: the first passes rearrange the weights in memory.
    _tokens_per_second(concurrent, requests)
    rounds = [(_tokens_per_second(single, requests), _tokens_per_second(concurrent, requests)) for _ in range(runs)]
    for engine in (single, concurrent):
        engine.close()
    one_by_one, at_once = (median(speeds) for speeds in zip(*rounds, strict=True))
    return StreamSpeed(mode=requests[0].mode, streams=len(requests), one_by_one=one_by_one, at_once=at_once)


def _tokens_per_second(engine: Engine, requests: Sequence[Request]) -> float:
    start, tokens = time.perf_counter(), 0
    streams = [engine.submit(request) for request in requests]
    while streams:
        for stream in tuple(streams):
            event = next(stream, None)
            if event is None:
                streams.remove(stream)
            elif isinstance(event, Commit):
                tokens += len(event.token_ids)
    return tokens / (time.perf_counter() - start)
