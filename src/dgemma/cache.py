"""KVCache: the preallocated keys and values of clean tokens, with a scratch tail for the canvas in flight.

    row b:  [ committed tokens 0 .. lengths[b] )[ scratch: the canvas, rewritten by every denoise pass )

`commit` (which the network calls for clean tokens), `truncate` and `copy_prefix` change `lengths`; `denoise` writes to
the scratch, directly after the committed tokens, and commits nothing. By default sliding layers keep all tokens too and
the window is applied on reading, so that `truncate` to any earlier length is exact. With `sliding_history` they evict
older tokens:

    sliding layer:  ( evicted .. first_held )[ held: at least window - 1 + sliding_history tokens )[ scratch )

A slot is addressed by its token's position in the row, whether or not earlier tokens were evicted. Rows of a batch may
have different lengths. Knows nothing of the network that fills it.

Shapes: B batch, K key heads, S slots, T new tokens, d head dim.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from dgemma.config import LayerConfig, ModelConfig
from dgemma.devices import usable_device
from dgemma.errors import PromptError, UsageError

EVICTION_SLACK = 512
"""Tokens that sliding layers have room for between two evictions: each eviction moves all that they hold."""


class KVCache:
    """Keys and values of `batch_size` rows for every layer of one model.

    `max_length` is the number of committed tokens that a row can hold; `scratch_length` slots (by default the larger of
    256 and the model's canvas length) are added to it. `sliding_history`, for caches of one row, guarantees that
    `truncate` can go back that many tokens; sliding layers then have slots for `window - 1 + sliding_history +
    EVICTION_SLACK` tokens only, or for what the longest pass needs. All memory is allocated by the constructor:
    `2 * B * sum over layers of key heads * head_dim * slots` values (`size_of`).
    """

    def __init__(
        self,
        config: ModelConfig,
        batch_size: int = 1,
        max_length: int = 1024,
        dtype: torch.dtype | str = torch.float32,
        device: torch.device | str = "cpu",
        scratch_length: int | None = None,
        sliding_history: int | None = None,
    ) -> None:
        """Raises UsageError for an invalid size, dtype or device."""
        scratch_length = max(256, config.canvas_length) if scratch_length is None else scratch_length
        _check_sizes(batch_size, max_length, scratch_length, sliding_history)
        kind = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
        if not (isinstance(kind, torch.dtype) and kind.is_floating_point and kind.itemsize > 1):
            raise UsageError(f"A cache needs a dtype such as float32, bfloat16 or float16, not {dtype!r}.")
        device = usable_device(device, of="a cache")
        self.max_length, self.scratch_length, self.sliding_history = max_length, scratch_length, sliding_history
        self.first_held = 0
        """The first position that sliding layers hold."""
        self._window = config.sliding_window
        self._is_sliding = [_is_sliding(layer) for layer in config.layers]
        self._sliding_capacity = _sliding_capacity(config.sliding_window, max_length, sliding_history)

        def zeros(layer: LayerConfig) -> Tensor:
            slots = (self._sliding_capacity if _is_sliding(layer) else max_length) + scratch_length
            return torch.zeros(batch_size, layer.num_key_value_heads, slots, layer.head_dim, dtype=kind, device=device)

        self.keys, self.values = ([zeros(layer) for layer in config.layers] for _ in range(2))
        self.lengths: list[int] = [0] * batch_size
        self.version = 0
        """Increases whenever a slot may have changed: the owner of a copy can check whether the copy is current."""

    @staticmethod
    def size_of(
        config: ModelConfig,
        max_length: int,
        scratch_length: int,
        dtype: torch.dtype,
        sliding_history: int | None = None,
    ) -> int:
        """The size in bytes of a cache of one row."""
        sliding = _sliding_capacity(config.sliding_window, max_length, sliding_history)
        values = 0
        for layer in config.layers:
            slots = (sliding if _is_sliding(layer) else max_length) + scratch_length
            values += layer.num_key_value_heads * layer.head_dim * slots
        return 2 * values * dtype.itemsize

    @property
    def num_bytes(self) -> int:
        """The bytes allocated, used or not."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))

    @property
    def num_slots(self) -> int:
        """The slots of a row, including the scratch; sliding layers may have fewer."""
        return self.max_length + self.scratch_length

    @property
    def batch_size(self) -> int:
        """The number of rows."""
        return len(self.lengths)

    @property
    def device(self) -> torch.device:
        """The device of the keys and values."""
        return self.keys[0].device

    @property
    def uniform(self) -> bool:
        """Whether all rows hold the same number of tokens."""
        return min(self.lengths) == max(self.lengths)

    @property
    def length(self) -> int:
        """The number of committed tokens of the longest row."""
        return max(self.lengths)

    @property
    def shortest(self) -> int:
        """The smallest length that `truncate` accepts besides 0 (which is always allowed)."""
        return self.first_held + self._window - 1 if self.first_held else 0

    def require_room(self, new_tokens: int, scratch: bool, counts: Sequence[int] | None = None) -> None:
        """Makes room for `new_tokens` more tokens, after the committed ones or in the scratch.

        Sliding layers may evict tokens for it. With `counts`, row b commits only `counts[b]` of the tokens; the others
        are padding, which needs a slot but does not count towards `max_length`. Raises PromptError if the tokens do not
        fit.
        """
        if scratch and new_tokens > self.scratch_length:
            raise PromptError(
                f"A canvas of {new_tokens} tokens exceeds the cache's scratch of {self.scratch_length}; "
                "make the cache with a larger scratch_length."
            )
        if scratch:
            return
        counts = [new_tokens] * self.batch_size if counts is None else counts
        longest = max(length + count for length, count in zip(self.lengths, counts, strict=True))
        # Padding may extend into the scratch, which every denoise pass rewrites.
        needed = max(longest, self.length + new_tokens - self.scratch_length)
        if needed > self.max_length:
            raise PromptError(
                f"{needed} tokens exceed the context of {self.max_length}; "
                "shorten the prompt or load the model with a larger max_context."
            )
        if needed - self.first_held > self._sliding_capacity:
            self._evict_for(needed)

    def write(self, layer: int, key_BKTd: Tensor, value_BKTd: Tensor, offsets: Tensor | None = None) -> None:
        """Writes new keys and values after each row's committed tokens without committing them.

        With `offsets` ([T], int64) token i goes to offset `offsets[i]` of the tail instead of i.
        """
        self.version += 1
        keys, values, first = self.keys[layer], self.values[layer], self._first(layer)
        count = key_BKTd.shape[2]
        if self.uniform and offsets is None:
            start = self.lengths[0] - first
            keys[:, :, start : start + count] = key_BKTd
            values[:, :, start : start + count] = value_BKTd
            return
        offsets = torch.arange(count, device=keys.device) if offsets is None else offsets
        starts_B1 = torch.tensor(self.lengths, device=keys.device)[:, None]
        self.write_slots(layer, key_BKTd, value_BKTd, starts_B1 + offsets)

    def write_slots(self, layer: int, key_BKTd: Tensor, value_BKTd: Tensor, slots_BT: Tensor) -> None:
        """Writes new keys and values to the given slots without committing them. Does not use `lengths`."""
        self.version += 1
        for row, slots_T in enumerate(slots_BT - self._first(layer)):
            self.keys[layer][row].index_copy_(1, slots_T, key_BKTd[row].to(self.keys[layer].dtype))
            self.values[layer][row].index_copy_(1, slots_T, value_BKTd[row].to(self.values[layer].dtype))

    def read_slots(self, layer: int, slots_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Copies of the keys and values in the given slots -> two tensors [B, K, S, d]."""
        at = (slots_BS - self._first(layer))[:, None, :, None]
        return self.keys[layer].take_along_dim(at, dim=2), self.values[layer].take_along_dim(at, dim=2)

    def read(self, layer: int, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Views of the keys and values in slots start .. stop of every row -> two tensors [B, K, stop - start, d]."""
        first = self._first(layer)
        held = slice(start - first, stop - first)
        return self.keys[layer][:, :, held], self.values[layer][:, :, held]

    def commit(self, counts: Sequence[int]) -> None:
        """Marks the first `counts[b]` tokens after row b's committed ones as committed too."""
        self.version += 1
        self.lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]

    def truncate(self, length: int | Sequence[int]) -> None:
        """Drops every token from position `length` on (one number for all rows, or one per row).

        Raises UsageError if a length is negative or exceeds the number of committed tokens, and if sliding layers have
        evicted tokens that the next token would see.
        """
        given: Any = length
        try:
            wanted: list[int] = list(given)
        except TypeError:
            wanted = [given] * self.batch_size
        if not all(isinstance(one, Integral) for one in wanted):
            raise UsageError(f"A cache is truncated to whole numbers of tokens, not to {length!r}.")
        if len(wanted) != self.batch_size:
            raise UsageError(f"A cache of {self.batch_size} rows cannot be truncated to {len(wanted)} lengths.")
        for row, (new, held) in enumerate(zip(wanted, self.lengths, strict=True)):
            if not 0 <= new <= held:
                raise UsageError(f"Row {row} of the cache holds {held} tokens and cannot be truncated to {new}.")
            if 0 < new < self.shortest:
                raise UsageError(
                    f"The cache keeps {self.sliding_history} tokens before the window of its sliding layers: it can be "
                    f"truncated to at least {self.shortest} of its {held} tokens, or to 0, not to {new}."
                )
        self.lengths = wanted
        if not any(wanted):
            self.first_held = 0

    def snapshot(self) -> tuple[int, ...]:
        """The rows' lengths, to be passed to `truncate` later: commits never overwrite committed tokens."""
        return tuple(self.lengths)

    def resize(self, max_length: int, scratch_length: int, sliding_history: int | None = None) -> None:
        """Moves the committed tokens into more or fewer slots.

        Copies one layer's keys or values at a time, so that only one such tensor exists twice. Sliding layers keep as
        many of their tokens as fit. Raises UsageError for invalid sizes and if the committed tokens would not fit.
        """
        _check_sizes(self.batch_size, max_length, scratch_length, sliding_history)
        if max_length < max(1, self.length):
            raise UsageError(f"The cache holds {self.length} tokens and cannot be resized to {max_length}.")
        capacity = _sliding_capacity(self._window, max_length - self.first_held, sliding_history)
        self._reallocate(max_length, scratch_length, max(self.first_held, self.length - capacity), capacity)
        self.sliding_history = sliding_history

    def copy_prefix(self, other: "KVCache", length: int) -> None:
        """Replaces the contents by the first `length` tokens of every row of `other`, a cache of the same model.

        Raises UsageError if a row of `other` holds fewer tokens or has evicted some that are needed, if this cache is
        too small, or if the numbers of rows differ.
        """
        if (
            length > min(other.lengths)
            or 0 < length < other.shortest
            or length > self.max_length
            or other.batch_size != self.batch_size
        ):
            raise UsageError(f"{length} tokens of a cache cannot be copied from {other.lengths} to {self.max_length}.")
        self.first_held = max(other.first_held, length - self._sliding_capacity)
        self.copy_slots(other, 0, length)
        self.lengths = [length] * self.batch_size

    def copy_slots(self, other: "KVCache", start: int, stop: int) -> None:
        """Copies slots start .. stop of every row from `other`, a cache of the same model and number of rows; commits
        nothing. Sliding layers skip the slots that either cache has evicted."""
        self.version += 1
        targets: list[Tensor] = []
        sources: list[Tensor] = []
        for layer in range(len(self.keys)):
            begin = max(start, self._first(layer), other._first(layer))
            if begin < stop:
                targets += self.read(layer, begin, stop)
                sources += other.read(layer, begin, stop)
        if targets:
            torch._foreach_copy_(targets, sources)  # pyright: ignore[reportPrivateImportUsage]

    def _first(self, layer: int) -> int:
        """The position of the token in a layer's first slot."""
        return self.first_held if self._is_sliding[layer] else 0

    def _evict_for(self, needed: int) -> None:
        """Evicts so many tokens from sliding layers that the tokens before position `needed` fit."""
        first = self.first_held
        if (history := self.sliding_history) is not None:
            # A pass longer than EVICTION_SLACK uses the slots of the history first.
            kept = self._window - 1 + max(0, min(history, history + EVICTION_SLACK - (needed - self.length)))
            first = max(first, self.length - kept)
        if needed - first > self._sliding_capacity:
            self._reallocate(self.max_length, self.scratch_length, first, needed - first)
            return
        with self._empty_while_moving() as (length, first_held):
            for tensors in (self.keys, self.values):
                for tensor, is_sliding in zip(tensors, self._is_sliding, strict=True):
                    if is_sliding:
                        # Source and target may overlap.
                        held = tensor[:, :, first - first_held : length - first_held].clone()
                        tensor[:, :, : held.shape[2]] = held
            self.first_held = first

    def _reallocate(self, max_length: int, scratch_length: int, first: int, sliding_capacity: int) -> None:
        """Moves the tokens into new tensors; sliding layers keep those from `first` on, in `sliding_capacity` slots."""
        with self._empty_while_moving() as (length, first_held):
            for tensors in (self.keys, self.values):
                for layer, old in enumerate(tensors):
                    is_sliding = self._is_sliding[layer]
                    old_first, new_first, slots = (
                        (first_held, first, sliding_capacity) if is_sliding else (0, 0, max_length)
                    )
                    batch, heads, _, head_dim = old.shape
                    new = old.new_zeros(batch, heads, slots + scratch_length, head_dim)
                    new[:, :, : length - new_first] = old[:, :, new_first - old_first : length - old_first]
                    tensors[layer] = new
            self.max_length, self.scratch_length = max_length, scratch_length
            self.first_held, self._sliding_capacity = first, sliding_capacity
            self.version += 1

    @contextmanager
    def _empty_while_moving(self) -> Iterator[tuple[int, int]]:
        """Yields the longest row's length and `first_held`, with the cache empty until the block ends.

        An interruption while slots move (Ctrl-C, out of memory) then leaves an empty cache, not a corrupt one.
        """
        lengths, before = self.lengths, (self.length, self.first_held)
        self.lengths, self.first_held = [0] * self.batch_size, 0
        yield before
        self.lengths = lengths


def _check_sizes(batch_size: Any, max_length: Any, scratch_length: Any, sliding_history: Any) -> None:
    """Raises UsageError for invalid cache sizes."""
    wanted = {"batch_size": batch_size, "max_length": max_length, "scratch_length": scratch_length}
    if sliding_history is not None:
        wanted["sliding_history"] = sliding_history
    for name, value in wanted.items():
        least = 1 if name in ("batch_size", "max_length") else 0
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise UsageError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    if sliding_history is not None and batch_size > 1:
        raise UsageError("sliding_history needs a cache of one row: the rows of a batch may have different lengths.")


def _is_sliding(layer: LayerConfig) -> bool:
    return layer.layer_type == "sliding_attention"


def _sliding_capacity(window: int, max_length: int, sliding_history: int | None) -> int:
    """The number of committed tokens that sliding layers have slots for."""
    return max_length if sliding_history is None else min(max_length, window - 1 + sliding_history + EVICTION_SLACK)
