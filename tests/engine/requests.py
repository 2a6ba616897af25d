"""Shared by the tests of the engine: engines on a small random network, and requests for them."""

import atexit
import random
import tempfile
from collections.abc import Iterable
from typing import Any

from dgemma.config import EngineConfig, SamplerConfig
from dgemma.engine.engine import Engine
from dgemma.engine.request import Commit, Event, Finish, Request
from dgemma.model import DiffusionGemma
from tests.test_model import NETWORK

SAMPLER = SamplerConfig(max_denoising_steps=4, eos_token_ids=(1,))
TURN_END = 9
PACES = tempfile.TemporaryDirectory(prefix="dgemma-pace-")
"""All engines of a test run share one pace file: with a new measurement each, "auto" could choose different modes."""
atexit.register(PACES.cleanup)


def make_engine(network: DiffusionGemma = NETWORK, **limits: Any) -> Engine:
    defaults = {"device": "cpu", "prefill_chunk": 16, "kv_budget_mb": 64, "pace_file": f"{PACES.name}/pace.json"}
    return Engine(network, SAMPLER, EngineConfig(**{**defaults, **limits}))


def make_request(prompt: Iterable[int] = (2, 17, 5), max_new_tokens: int = 20, seed: int = 0, **values: Any) -> Request:
    return Request(prompt=tuple(prompt), max_new_tokens=max_new_tokens, seed=seed, **values)


def made_up_ids(count: int, seed: int = 0) -> tuple[int, ...]:
    """Ids that are neither end tokens nor turn ends."""
    draw = random.Random(seed)
    return tuple(draw.randrange(10, 64) for _ in range(count))


def content(events: Iterable[Event]) -> list[Event | str]:
    """A request's events without its statistics. Floats are included, so equal means bit-identical."""
    return [event.reason if isinstance(event, Finish) else event for event in events]


def alone(request: Request) -> list[Event | str]:
    """The content of a request on an engine of its own."""
    return content(make_engine().submit(request))


def finish(events: Iterable[Event]) -> Finish:
    """The last event, which must be a Finish."""
    *_, last = events
    assert isinstance(last, Finish)
    return last


def tokens(events: Iterable[Event]) -> list[int]:
    """All committed ids."""
    return [token for event in events if isinstance(event, Commit) for token in event.token_ids]
