"""The default token limit of a request that sets none.

Promises that the default never causes a refusal: it fits into what the prompt leaves of the context and of the KV cache
budget.
"""

from bisect import bisect_right
from collections.abc import Sequence

from dgemma.cache import KVCache
from dgemma.config import Mode
from dgemma.engine.engine import Engine
from dgemma.images import PreparedImage


def default_tokens(
    engine: Engine,
    usual: int,
    num_prompt: int,
    images: Sequence[PreparedImage] = (),
    canvas_length: int | None = None,
    mode: Mode = "diffusion",
) -> int:
    """`usual`, or less if the context or the cache budget is too small for a prompt of `num_prompt` tokens; at least 1,
    which the engine may refuse."""
    canvas = canvas_length if isinstance(canvas_length, int) else _longest_canvas(engine, mode)
    chunk = engine.config.prefill_chunk + max((image.num_soft_tokens for image in images), default=0)

    def exceeds_budget(new: int) -> bool:
        return _cache_bytes(engine, num_prompt, new, canvas, chunk) > engine.budget_bytes

    most = max(1, min(usual, engine.max_context - num_prompt))
    if not exceeds_budget(most):
        return most
    # The cache grows with the number of tokens, so a binary search finds the largest that fits.
    return max(1, bisect_right(range(1, most + 1), False, key=exceeds_budget))


def _longest_canvas(engine: Engine, mode: Mode) -> int:
    # Which canvas length "auto" picks is not known yet.
    lengths = [record.length for record in engine.profile.canvases] if mode == "auto" else []
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
