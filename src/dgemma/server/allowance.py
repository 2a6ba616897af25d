"""How many new tokens a request gets that names no limit of its own.

Promises that what is given by default is no reason for a refusal: it is never more than the context and the memory for
caches leave beside the prompt. Reads the engine's sizes; knows nothing of requests over HTTP.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from dgemma.cache import KVCache
from dgemma.engine.engine import Engine
from dgemma.server.jobs import Prompt


def default_tokens(engine: Engine, usual: int, prompt: Prompt, options: Mapping[str, Any]) -> int:
    """`usual`, or what is left for it: at least 1, which the engine refuses where not even that is."""
    canvas = _longest_canvas(engine, options)
    chunk = engine.config.prefill_chunk + max((image.num_soft_tokens for image in prompt.images), default=0)
    room = engine.max_context - len(prompt.ids)

    def exceeds(new: int) -> bool:
        return _cache_bytes(engine, len(prompt.ids), new, canvas, chunk) > engine.budget_bytes

    # What is true of one number of tokens is true of all greater ones.
    most = max(1, min(usual, room))
    return max(1, bisect_right(range(1, most + 1), False, key=exceeds))


def _longest_canvas(engine: Engine, options: Mapping[str, Any]) -> int:
    if options.get("canvas_length") is not None:
        return options["canvas_length"]
    # Which of its lengths "auto" will take is not known yet.
    lengths = [record.length for record in engine.profile.canvases] if options.get("mode") == "auto" else []
    return max([engine.network.config.canvas_length, *lengths])


def _cache_bytes(engine: Engine, prompt: int, new: int, canvas: int, chunk: int) -> int:
    """What a request takes at most: all of its tokens where that is little, else in sliding layers those that the
    answer and a chunk before it need (`engine.runner`)."""
    config, dtype, length = engine.network.config, engine.network.dtype, prompt + new + canvas
    whole = KVCache.size_of(config, length, canvas, dtype)
    if whole <= engine.budget_bytes // engine.config.max_active:
        return whole
    return KVCache.size_of(config, length, canvas, dtype, new + canvas + chunk)
