"""Several requests at once: what they come to together, beside the same requests one after another.

The same engine runs both, with as many active requests as there are or with one. Knows nothing of text, and nothing of
how results are shown.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch

from dgemma.config import EngineConfig, SamplerConfig
from dgemma.engine.engine import Engine
from dgemma.engine.request import Commit, Mode, Request
from dgemma.model import DiffusionGemma

_PROMPT = 8
"""Tokens of a made-up prompt, few beside those of its answer."""
_SECONDS = 1.0
"""What one stream's tokens should take in all."""


@dataclass(frozen=True, kw_only=True)
class StreamSpeed:
    """Tokens a second of `streams` requests of one mode, all together: one after another, and at once."""

    mode: Mode
    streams: int
    one_by_one: float
    at_once: float

    @property
    def gain(self) -> float:
        """How many times as fast they are at once."""
        return self.at_once / self.one_by_one


def made_up_requests(network: DiffusionGemma, streams: int, token_ms: float) -> list[Request]:
    """Requests of random ids for as many tokens, up to 32, as take a second where each takes `token_ms`."""
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
    """Runs all requests, which have one mode, at once and one after another, in turns; medians of `runs` rounds."""
    usual = EngineConfig(max_waiting=len(requests), max_prefixes=0)
    single, several = (Engine(network, sampler, replace(usual, max_active=most)) for most in (1, len(requests)))
    # The first passes lay out weights.
    _tokens_a_second(several, requests)
    rounds = [(_tokens_a_second(single, requests), _tokens_a_second(several, requests)) for _ in range(runs)]
    for engine in (single, several):
        engine.close()
    one_by_one, at_once = (median(speeds) for speeds in zip(*rounds, strict=True))
    return StreamSpeed(mode=requests[0].mode, streams=len(requests), one_by_one=one_by_one, at_once=at_once)


def _tokens_a_second(engine: Engine, requests: Sequence[Request]) -> float:
    start, tokens = time.perf_counter(), 0
    going = [engine.submit(request) for request in requests]
    while going:
        for stream in tuple(going):
            event = next(stream, None)
            if event is None:
                going.remove(stream)
            elif isinstance(event, Commit):
                tokens += len(event.token_ids)
    return tokens / (time.perf_counter() - start)
