"""Passes of fixed shape: the numbers of computed positions and of cached slots are rounded up to buckets.

Positions are padded to the bucket by repeating the last one; slots after the true end are masked. Everything that
differs between two passes of one bucket (ids, self-conditioning, positions, cache lengths) is in tensors, so that a
pass can be recorded as a CUDA graph (`decode.graphs`). The slots are those of a plain pass:

    [ cached 0 .. length )[ clean tokens, canvas: length .. )[ masked .. end of the bucket )

Shapes: B rows of the cache, L canvas positions, T clean tokens, R positions that are computed, S keys that are read, W
slots of a sliding window and of the positions after it, D hidden, H query heads, K key heads, d head dim.
"""

from dataclasses import dataclass, replace
from functools import lru_cache, partial

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.config import LayerType
from dgemma.model import DiffusionGemma, masked_pass
from dgemma.ops import reference

SMALLEST_CONTEXT = 256
SMALLEST_ROWS = 8


def context_bucket(length: int) -> int:
    """The number of cached slots that a pass reads when the cache holds `length` tokens: a power of two."""
    return _power_of_two(length, SMALLEST_CONTEXT)


def row_bucket(rows: int, length: int) -> int:
    """The number of positions computed for `rows` of a canvas of `length`: a power of two, or the whole canvas."""
    return min(_power_of_two(rows, SMALLEST_ROWS), length)


def token_bucket(count: int) -> int:
    """The number of positions computed for `count` clean tokens: 0, 1 or a power of two."""
    return count if count <= 1 else _power_of_two(count, SMALLEST_ROWS)


def _power_of_two(count: int, smallest: int) -> int:
    """The least power of two that is at least `count` and `smallest` (itself a power of two)."""
    return max(smallest, 1 << max(0, count - 1).bit_length())


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The shape of a pass; passes of the same bucket share one recording.

    batch   rows of the cache
    cached  cached slots that are read
    clean   clean tokens that are encoded
    length  positions of the canvas that follows them, 0 for none
    rows    canvas positions that are computed
    """

    batch: int
    cached: int
    clean: int
    length: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that differs between two passes of one bucket. R runs over the clean tokens, then the canvas positions.

    Offsets count from the end of the cache's tokens:

    ids_BR    the ids
    offset_R  the offset of each position
    last_R    the last offset that the position sees
    anchor_R  the offset from which the position's sliding window is counted back
    soft_BRD  the self-conditioning of the canvas, zeros at the first step; None if clean tokens come first
    length_B  the number of tokens that each row of the cache holds
    """

    ids_BR: Tensor
    offset_R: Tensor
    last_R: Tensor
    anchor_R: Tensor
    soft_BRD: Tensor | None
    length_B: Tensor

    def clone(self) -> "Inputs":
        """A copy in new tensors."""
        return replace(self, **{name: value.clone() for name, value in vars(self).items() if value is not None})

    def fill(self, other: "Inputs") -> None:
        """Copies the values of `other`, of the same shapes, into these tensors."""
        for name, value in vars(self).items():
            if value is not None:
                value.copy_(getattr(other, name))


def gather_inputs(
    network: DiffusionGemma,
    cache: KVCache,
    tokens_BT: Tensor | None = None,
    canvas_BL: Tensor | None = None,
    soft_BLD: Tensor | None = None,
    rows: Tensor | None = None,
) -> tuple[Bucket, Inputs]:
    """The bucket and the inputs of a pass over clean tokens, over a canvas, or over both at a canvas' first step.

    The last token and the last canvas position are repeated up to the bucket's size: they are computed, and written to
    their slots, more than once.
    """
    device = network.device
    none_B0 = torch.empty(cache.batch_size, 0, dtype=torch.long, device=device)
    tokens_BT, canvas_BL = (none_B0 if ids is None else ids for ids in (tokens_BT, canvas_BL))
    count, length = tokens_BT.shape[1], canvas_BL.shape[1]
    num_rows = length if rows is None else len(rows)
    bucket = Bucket(
        batch=cache.batch_size,
        cached=context_bucket(cache.length),
        clean=token_bucket(count),
        length=length,
        rows=row_bucket(num_rows, length),
    )
    tokens_T, canvas_R, (offset_R, last_R, anchor_R) = _offsets(bucket, count, device)
    if rows is not None:
        canvas_R = _pad_to(bucket.rows, rows)
        offset_R = torch.cat((tokens_T, count + canvas_R))
    soft_BRD = None
    if soft_BLD is not None:
        soft_BRD = soft_BLD[:, canvas_R].to(network.dtype)
    elif not count:
        soft_BRD = torch.zeros(
            cache.batch_size, bucket.rows, network.config.hidden_size, dtype=network.dtype, device=device
        )
    return bucket, Inputs(
        ids_BR=torch.cat((tokens_BT[:, tokens_T], canvas_BL[:, canvas_R]), dim=1),
        offset_R=offset_R,
        last_R=last_R,
        anchor_R=anchor_R,
        soft_BRD=soft_BRD,
        length_B=torch.tensor(cache.lengths, device=device),
    )


@lru_cache(maxsize=256)
def _offsets(bucket: Bucket, count: int, device: torch.device) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """For `count` clean tokens followed by the first `bucket.rows` positions of a canvas: the indices of the tokens and
    of the positions, and `offset_R`, `last_R` and `anchor_R` of `Inputs`."""
    tokens_T = _pad_to(bucket.clean, torch.arange(count, device=device))
    rows_R = torch.arange(bucket.rows, device=device)
    ends_R, starts_R = torch.full_like(rows_R, count + bucket.length - 1), torch.full_like(rows_R, count)
    # A clean token sees up to itself; a canvas position sees the whole canvas, and its window ends before the canvas.
    offset_R, last_R, anchor_R = (torch.cat((tokens_T, canvas_R)) for canvas_R in (count + rows_R, ends_R, starts_R))
    return tokens_T, rows_R, (offset_R, last_R, anchor_R)


def _pad_to(count: int, numbers: Tensor) -> Tensor:
    """`numbers`, with the last one repeated until there are `count`."""
    return torch.cat((numbers, numbers[-1:].expand(count - len(numbers))))


def bucketed_pass(network: DiffusionGemma, cache: KVCache, bucket: Bucket, inputs: Inputs) -> Tensor:
    """The pass over the positions of `inputs` -> hidden [B, R, D]; writes their slots and commits nothing.

    Never reads a value back from the device and does not use the cache's own `lengths`, so it can be recorded. No row
    of the cache may hold more than `bucket.cached` tokens.
    """
    # `tail` counts the slots after the cache's tokens.
    window, tail = network.config.sliding_window - 1, bucket.clean + bucket.length
    num_keys, length_B1 = bucket.cached + tail, inputs.length_B[:, None]
    slots_BR, last_BR1 = length_B1 + inputs.offset_R, (length_B1 + inputs.last_R)[..., None]
    masks: dict[LayerType, Tensor] = {}
    masks["full_attention"] = (torch.arange(num_keys, device=network.device) <= last_BR1)[:, None]
    masks["sliding_attention"], slots_BW = masks["full_attention"], None
    # If the window covers all keys, it excludes none.
    if num_keys > window:
        slots_BW = length_B1 - window + torch.arange(window + tail, device=network.device)
        seen_BRW = slots_BW[:, None] <= last_BR1
        seen_BRW &= slots_BW[:, None] >= (length_B1 + inputs.anchor_R - window).clamp(min=0)[..., None]
        masks["sliding_attention"] = seen_BRW[:, None]
    layers = iter(range(len(network.config.layers)))

    def attention(query_BHTd: Tensor, key_BKTd: Tensor, value_BKTd: Tensor, mask: Tensor) -> Tensor:
        # Called once per layer, in the order of the layers.
        index = next(layers)
        cache.write_slots(index, key_BKTd, value_BKTd, slots_BR)
        if slots_BW is not None and network.config.layers[index].layer_type == "sliding_attention":
            keys, values = cache.read_slots(index, slots_BW.clamp(min=0))
        else:
            keys, values = cache.read(index, 0, num_keys)
        return reference.attention(query_BHTd, keys, values, mask)

    layer_pass = partial(masked_pass, attention=attention)
    tokens_BT, canvas_BR = inputs.ids_BR[:, : bucket.clean], inputs.ids_BR[:, bucket.clean :]
    return torch.cat(network(tokens_BT, canvas_BR, inputs.soft_BRD, slots_BR, masks, layer_pass), dim=1)
