"""What the engine's tests share: engines on a small random network, and requests for them."""

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
"""Where all engines of a test run find the same pace: measured anew, "auto" could choose another mode each time."""
atexit.register(PACES.cleanup)


def make_engine(network: DiffusionGemma = NETWORK, **limits: Any) -> Engine:
    usual = {"device": "cpu", "prefill_chunk": 16, "kv_budget_mb": 64, "pace_file": f"{PACES.name}/pace.json"}
    return Engine(network, SAMPLER, EngineConfig(**{**usual, **limits}))


def make_request(prompt: Iterable[int] = (2, 17, 5), max_new_tokens: int = 20, seed: int = 0, **values: Any) -> Request:
    return Request(prompt=tuple(prompt), max_new_tokens=max_new_tokens, seed=seed, **values)


def made_up_ids(count: int, seed: int = 0) -> tuple[int, ...]:
    """Ids that are neither end tokens nor turn ends."""
    draw = random.Random(seed)
    return tuple(draw.randrange(10, 64) for _ in range(count))


def content(events: Iterable[Event]) -> list[Event | str]:
    """All that a request's events say but its statistics; floats and all, so that equal means equal to the last bit."""
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
    """The ids that are settled."""
    return [token for event in events if isinstance(event, Commit) for token in event.token_ids]
