"""The default token limit of a request that sets none.

Promises that the default never causes a refusal: it fits into what the prompt leaves of the context and of the KV cache
budget. Reads the engine's sizes; knows nothing of HTTP.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from dgemma.cache import KVCache
from dgemma.engine.engine import Engine
from dgemma.server.jobs import Prompt


def default_tokens(engine: Engine, usual: int, prompt: Prompt, options: Mapping[str, Any]) -> int:
    """`usual`, or less if the context or the cache budget is too small; at least 1, which the engine may refuse."""
    canvas = _longest_canvas(engine, options)
    chunk = engine.config.prefill_chunk + max((image.num_soft_tokens for image in prompt.images), default=0)
    room = engine.max_context - len(prompt.ids)

    def exceeds_budget(new: int) -> bool:
        return _cache_bytes(engine, len(prompt.ids), new, canvas, chunk) > engine.budget_bytes

    # The cache grows with the number of tokens, so a binary search finds the largest that fits.
    most = max(1, min(usual, room))
    return max(1, bisect_right(range(1, most + 1), False, key=exceeds_budget))


def _longest_canvas(engine: Engine, options: Mapping[str, Any]) -> int:
    if options.get("canvas_length") is not None:
        return options["canvas_length"]
    # Which canvas length "auto" picks is not known yet.
    lengths = [record.length for record in engine.profile.canvases] if options.get("mode") == "auto" else []
    return max([engine.network.config.canvas_length, *lengths])


def _cache_bytes(engine: Engine, prompt: int, new: int, canvas: int, chunk: int) -> int:
    """Upper bound on the cache bytes of a request, by the engine's own rule (`engine.runner`): every layer holds all
    tokens if that fits into one request's share of the budget; otherwise sliding-window layers hold only the reply and
    a chunk before it."""
    config, dtype, length = engine.network.config, engine.network.dtype, prompt + new + canvas
    whole = KVCache.size_of(config, length, canvas, dtype)
    if whole <= engine.budget_bytes // engine.config.max_active:
        return whole
    return KVCache.size_of(config, length, canvas, dtype, new + canvas + chunk)
