"""Passes whose shapes are fixed: over a bucket's worth of rows, behind a bucket's worth of cached tokens.

Rows are filled up to the bucket by repeating the last one; of the cached slots those behind the true end are masked.
What differs between two passes of one bucket (ids, signal, rows, how much is held) lies in tensors, so that a pass can
be recorded (`decode.graphs`). Slots are those of a plain pass:

    [ cached 0 .. held )[ clean tokens, canvas: held .. )[ masked .. bucket )

Shapes: B rows of the cache, L canvas positions, T clean tokens, R positions that are computed, S keys that are read, W
slots of a sliding window and what is computed, D hidden, H query heads, K key heads, d head dim.
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


def context_bucket(held: int) -> int:
    """The number of cached slots that a pass behind `held` tokens reads: a power of two."""
    return _power_of_two(held, SMALLEST_CONTEXT)


def row_bucket(rows: int, length: int) -> int:
    """The number of canvas positions that a pass over `rows` of them computes: a power of two, or all of them."""
    return min(_power_of_two(rows, SMALLEST_ROWS), length)


def token_bucket(count: int) -> int:
    """The number of clean tokens that a pass over `count` of them computes: none, one, or a power of two."""
    return count if count <= 1 else _power_of_two(count, SMALLEST_ROWS)


def _power_of_two(count: int, smallest: int) -> int:
    return max(smallest, 1 << max(0, count - 1).bit_length())


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """What passes share whose recording is one: `cached` slots are read, then those of `clean` tokens and of a canvas
    of `length`, of whose positions `rows` are computed."""

    batch: int
    cached: int
    clean: int
    length: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that differs between two passes of one bucket, R being its clean tokens and then its canvas rows.

    ids_BR     the ids                          at_R     their places behind the cache's tokens
    until_R    the last place that each sees    near_R   the place that its sliding window is counted back from
    soft_BRD   the canvas rows' self-conditioning signal, zeros at a first step; None where tokens come before them
    held_B     how many tokens each row of the cache holds
    """

    ids_BR: Tensor
    at_R: Tensor
    until_R: Tensor
    near_R: Tensor
    soft_BRD: Tensor | None
    held_B: Tensor

    def clone(self) -> "Inputs":
        """The same in tensors that nothing else holds."""
        return replace(self, **{name: value.clone() for name, value in vars(self).items() if value is not None})

    def fill(self, other: "Inputs") -> None:
        """Takes over the values of inputs of the same shapes."""
        for name, value in vars(self).items():
            if value is not None:
                value.copy_(getattr(other, name))


def gather(
    network: DiffusionGemma,
    cache: KVCache,
    tokens_BT: Tensor | None = None,
    canvas_BL: Tensor | None = None,
    soft_BLD: Tensor | None = None,
    rows: Tensor | None = None,
) -> tuple[Bucket, Inputs]:
    """The bucket of a pass over clean tokens, over a canvas, or over both at a canvas' first step, and what it reads.

    The last token and the last canvas row are repeated up to the bucket's size: they are computed, and written to their
    slots, several times over.
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
    tokens_T, canvas_R, places = _places(bucket, count, device)
    if rows is not None:
        canvas_R = _up_to(bucket.rows, rows)
        places = (torch.cat((tokens_T, count + canvas_R)), *places[1:])
    soft_BRD = None
    if soft_BLD is not None:
        soft_BRD = soft_BLD[:, canvas_R].to(network.dtype)
    elif not count:
        soft_BRD = torch.zeros(
            cache.batch_size, bucket.rows, network.config.hidden_size, dtype=network.dtype, device=device
        )
    return bucket, Inputs(
        ids_BR=torch.cat((tokens_BT[:, tokens_T], canvas_BL[:, canvas_R]), dim=1),
        at_R=places[0],
        until_R=places[1],
        near_R=places[2],
        soft_BRD=soft_BRD,
        held_B=torch.tensor(cache.lengths, device=device),
    )


@lru_cache(maxsize=256)
def _places(bucket: Bucket, count: int, device: torch.device) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """For `count` clean tokens and the first rows of a canvas: which tokens, which rows, and the places of `Inputs`."""
    tokens_T = _up_to(bucket.clean, torch.arange(count, device=device))
    rows_R = torch.arange(bucket.rows, device=device)
    ends_R, starts_R = torch.full_like(rows_R, count + bucket.length - 1), torch.full_like(rows_R, count)
    places = (torch.cat((tokens_T, other)) for other in (count + rows_R, ends_R, starts_R))
    return tokens_T, rows_R, tuple(places)  # pyright: ignore[reportReturnType]


def _up_to(count: int, numbers: Tensor) -> Tensor:
    """`numbers`, the last of them repeated until there are `count`."""
    return torch.cat((numbers, numbers[-1:].expand(count - len(numbers))))


def bucketed_pass(network: DiffusionGemma, cache: KVCache, bucket: Bucket, inputs: Inputs) -> Tensor:
    """The pass over the rows of `inputs` -> hidden [B, R, D]; writes their slots and commits nothing.

    Nothing in it depends on the values of `inputs` but values on the device, as long as no row of the cache holds more
    than `bucket.cached` tokens; the cache's own lengths are not looked at.
    """
    window, behind = network.config.sliding_window - 1, bucket.clean + bucket.length
    num_keys, held_B1 = bucket.cached + behind, inputs.held_B[:, None]
    slots_BR, until_BR1 = held_B1 + inputs.at_R, (held_B1 + inputs.until_R)[..., None]
    masks: dict[LayerType, Tensor] = {}
    masks["full_attention"] = (torch.arange(num_keys, device=network.device) <= until_BR1)[:, None]
    masks["sliding_attention"], slots_BW = masks["full_attention"], None
    # A window that holds all keys shuts nothing out.
    if num_keys > window:
        slots_BW = held_B1 - window + torch.arange(window + behind, device=network.device)
        seen_BRW = slots_BW[:, None] <= until_BR1
        seen_BRW &= slots_BW[:, None] >= (held_B1 + inputs.near_R - window).clamp(min=0)[..., None]
        masks["sliding_attention"] = seen_BRW[:, None]
    layers = iter(range(len(network.config.layers)))

    def attention(query_BHTd: Tensor, key_BKTd: Tensor, value_BKTd: Tensor, mask: Tensor) -> Tensor:
        # Called once for each layer, in their order.
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
