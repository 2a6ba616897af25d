"""Attention masks of a pass whose tokens follow those in the cache.

On full layers a clean token sees itself and all tokens before it; on sliding layers the last `window` of these. Every
canvas position sees the whole canvas and, before it, all tokens (full) or the last `window - 1` (sliding). `window` is
None for full layers. A mask covers the keys from `first_key` to the end of the pass; it is True where a query may
attend, and None if every query may attend to every key.

Shapes: B rows of the cache, T clean tokens, L canvas tokens, S keys that are read.
"""

import torch
from torch import Tensor

from dgemma.cache import KVCache


def first_key(cache: KVCache, window: int | None) -> int:
    """The position of the first key that the next token of any row sees."""
    return 0 if window is None else max(0, min(cache.lengths) - (window - 1))


def attention_mask(cache: KVCache, clean: int, length: int, window: int | None) -> Tensor | None:
    """The mask of a pass over `clean` tokens, over a canvas of `length`, or over tokens followed by a canvas."""
    if not length:
        return _causal(cache, clean, window)
    return _joint(cache, clean, length, window) if clean else _canvas(cache, length, window)


def _causal(cache: KVCache, count: int, window: int | None) -> Tensor | None:
    """Query at position p sees keys p - window < k <= p (sliding) or k <= p (full) -> [B or 1, 1, T, S] or None."""
    if count == 1 and cache.uniform:
        return None
    device = cache.device
    keys = torch.arange(first_key(cache, window), cache.length + count, device=device)
    lengths = cache.lengths[:1] if cache.uniform else cache.lengths
    queries = torch.tensor(lengths, device=device)[:, None] + torch.arange(count, device=device)
    distance = queries[:, :, None] - keys
    allowed = distance >= 0
    if window is not None:
        allowed &= distance < window
    return allowed[:, None]


def _joint(cache: KVCache, count: int, length: int, window: int | None) -> Tensor:
    """Clean tokens masked as by `_causal`, then a canvas masked as by `_canvas` -> [1, 1, T + L, S].

    The rows of the cache must have the same length.
    """
    held, device = cache.length, cache.device
    keys = torch.arange(first_key(cache, window), held + count + length, device=device)
    queries = torch.arange(held, held + count + length, device=device)[:, None]
    in_canvas = queries >= held + count
    allowed = in_canvas | (keys <= queries)
    if window is not None:
        allowed &= keys > torch.where(in_canvas, held + count, queries) - window
    return allowed[None, None]


def _canvas(cache: KVCache, length: int, window: int | None) -> Tensor | None:
    """A canvas sees its row's cached tokens (sliding: the last window - 1) and itself -> [B, 1, 1, S] or None.

    Rows of equal length need no mask: the keys that are read are exactly the visible ones.
    """
    if cache.uniform:
        return None
    keys = torch.arange(first_key(cache, window), cache.length + length, device=cache.device)
    held = torch.tensor(cache.lengths, device=cache.device)[:, None]
    allowed = keys < held + length
    if window is not None:
        allowed &= keys > held - window
    return allowed[:, None, None]
