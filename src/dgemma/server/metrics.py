"""Prometheus metrics, in a registry per app, so that several apps in one process do not collide.

Knows nothing of requests beyond their numbers.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from dgemma.engine.engine import Engine
from dgemma.server.usage import Usage

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

GAUGES = {
    "active": "Requests that are running.",
    "waiting": "Requests that are queued.",
    "kv_bytes": "Bytes of all KV caches, kept prefixes included.",
    "kv_budget_bytes": "Limit on the bytes of all KV caches.",
}
COUNTERS = {
    "refused": "Requests refused because the queue was full.",
    "cancelled": "Requests cancelled before their end.",
    "failed": "Requests that failed.",
    "reused_tokens": "Prompt tokens reused from an earlier request.",
}
"""Fields of `EngineSnapshot` -> help texts: current values, and counts since the start."""


class _EngineCollector(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        snapshot = self._engine.snapshot()
        for kind, fields in ((GaugeMetricFamily, GAUGES), (CounterMetricFamily, COUNTERS)):
            for name, help_text in fields.items():
                yield kind(f"dgemma_engine_{name}", help_text, value=getattr(snapshot, name))


class Metrics:
    """Counts of what the server has done since its start. Thread-safe."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "dgemma_requests", "HTTP requests by endpoint and status.", ["endpoint", "status"], registry=registry
        )
        self._abandoned = Counter("dgemma_replies_left", "Replies stopped before their end.", registry=registry)
        self._replies = Counter("dgemma_replies", "Completed replies.", ["mode"], registry=registry)
        self._prompt = Counter("dgemma_prompt_tokens", "Prompt tokens of completed replies.", registry=registry)
        self._tokens = Counter("dgemma_completion_tokens", "New tokens of completed replies.", registry=registry)
        self._canvases = Counter("dgemma_canvases", "Canvases committed.", registry=registry)
        self._steps = Counter("dgemma_denoise_steps", "Denoise steps.", registry=registry)
        self._passes = Counter("dgemma_forward_passes", "Forward passes.", registry=registry)
        self._first = Histogram(
            "dgemma_first_text_seconds", "From a reply's start to its first text.", buckets=SECONDS, registry=registry
        )
        self._seconds = Histogram(
            "dgemma_reply_seconds", "From a reply's start to its end.", buckets=SECONDS, registry=registry
        )

    def watch(self, engine: Engine) -> None:
        """Adds the engine's own state, read at every scrape."""
        self._registry.register(_EngineCollector(engine))

    def answered(self, endpoint: str, status: int) -> None:
        """Counts an HTTP request."""
        self._requests.labels(endpoint=endpoint, status=str(status)).inc()

    def abandoned(self) -> None:
        """Counts a reply that was abandoned or failed."""
        self._abandoned.inc()

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
        """All metrics in Prometheus' exposition format."""
        return generate_latest(self._registry)
