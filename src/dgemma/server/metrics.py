"""Counters for Prometheus, in a registry of the app's own.

Two apps in one process do not share or fight over them. Knows nothing of requests beyond their numbers.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from dgemma.engine.engine import Engine
from dgemma.server.usage import Usage

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


STATE = {
    "active": "Requests that take turns.",
    "waiting": "Requests that wait for a place.",
    "kv_bytes": "Bytes of all caches.",
    "kv_budget_bytes": "Bytes that all caches may have.",
}
COUNTS = {
    "refused": "Requests that found no place.",
    "cancelled": "Requests that were ended from elsewhere.",
    "failed": "Requests that failed.",
    "reused_tokens": "Prompt tokens that an earlier request had encoded.",
}
"""What an engine's snapshot is shown as: of this moment, and since the start."""


class _EngineCollector(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        snapshot = self._engine.snapshot()
        for kind, shown in ((GaugeMetricFamily, STATE), (CounterMetricFamily, COUNTS)):
            for name, told in shown.items():
                yield kind(f"dgemma_engine_{name}", told, value=getattr(snapshot, name))


class Metrics:
    """What the service did since it was started. May be used from several threads."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "dgemma_requests", "HTTP requests by endpoint and status.", ["endpoint", "status"], registry=registry
        )
        self._left = Counter("dgemma_replies_left", "Replies that were stopped before their end.", registry=registry)
        self._replies = Counter("dgemma_replies", "Replies generated to their end.", ["mode"], registry=registry)
        self._prompt = Counter("dgemma_prompt_tokens", "Prompt tokens of these replies.", registry=registry)
        self._tokens = Counter("dgemma_completion_tokens", "New tokens of these replies.", registry=registry)
        self._canvases = Counter("dgemma_canvases", "Canvases settled.", registry=registry)
        self._steps = Counter("dgemma_denoise_steps", "Denoise steps.", registry=registry)
        self._passes = Counter("dgemma_forward_passes", "Denoise passes, or tokens.", registry=registry)
        self._first = Histogram(
            "dgemma_first_text_seconds", "From a reply's start to its first text.", buckets=SECONDS, registry=registry
        )
        self._seconds = Histogram(
            "dgemma_reply_seconds", "From a reply's start to its end.", buckets=SECONDS, registry=registry
        )

    def watch(self, engine: Engine) -> None:
        """Shows the engine's own state at the moment of each reading."""
        self._registry.register(_EngineCollector(engine))

    def answered(self, endpoint: str, status: int) -> None:
        """Counts an HTTP request."""
        self._requests.labels(endpoint=endpoint, status=str(status)).inc()

    def left(self) -> None:
        """Counts a reply that nobody waited for, or that failed."""
        self._left.inc()

    def replied(self, usage: Usage) -> None:
        """Counts a finished reply."""
        self._replies.labels(mode=usage.mode).inc()
        self._prompt.inc(usage.prompt_tokens)
        self._tokens.inc(usage.completion_tokens)
        self._canvases.inc(usage.canvases)
        self._steps.inc(usage.denoise_steps)
        self._passes.inc(usage.forward_passes)
        self._first.observe(usage.first_text_ms / 1000)
        self._seconds.observe(usage.wall_seconds)

    def text(self) -> bytes:
        """The exposition that Prometheus reads."""
        return generate_latest(self._registry)
