"""KVCache: the keys and values of clean tokens, preallocated, with a scratch tail for the canvas in flight.

    row b:  [ committed tokens 0 .. lengths[b] )[ scratch: the canvas, rewritten by every denoise pass )

`commit` (which the network calls for clean tokens), `truncate` and `copy_prefix` move `lengths`; `denoise` writes the
scratch right behind them and commits nothing. Sliding layers keep all tokens too, so that `truncate` to any earlier
length is exact, and the window is cut when it is read. With `sliding_history` they forget what lies farther behind:

    sliding layer:  ( forgotten .. first_held )[ held: window - 1 and sliding_history tokens at least )[ scratch )

Slots are told by the position that a token has in its row, whatever is forgotten before it. Rows of a batch may have
different lengths. Knows nothing of the network that fills it.

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

SPARE = 512
"""Tokens that sliding layers can take between two times of forgetting, each of which moves what they hold."""


class KVCache:
    """Keys and values of `batch_size` rows for every layer of one model.

    max_length is the number of committed tokens a row may hold; `scratch_length` slots (by default the longer of 256
    and the model's canvas) come on top of it. With `sliding_history`, which takes a cache of one row, `truncate` is
    sure to reach that many tokens back and no farther, and sliding layers have slots for no more than
    `window - 1 + sliding_history + SPARE` tokens, or for what the longest pass needs. Memory is taken at once:
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
        """Raises UsageError for sizes, a type or a device that cannot be."""
        scratch_length = max(256, config.canvas_length) if scratch_length is None else scratch_length
        _check_sizes(batch_size, max_length, scratch_length, sliding_history)
        kind = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
        if not (isinstance(kind, torch.dtype) and kind.is_floating_point and kind.itemsize > 1):
            raise UsageError(f"A cache holds numbers such as float32, bfloat16 and float16, not {dtype!r}.")
        device = usable_device(device, of="a cache")
        self.max_length, self.scratch_length, self.sliding_history = max_length, scratch_length, sliding_history
        self.first_held = 0
        """The first position that sliding layers hold."""
        self._window = config.sliding_window
        self._is_sliding = [_is_sliding(layer) for layer in config.layers]
        self._room = _sliding_room(config.sliding_window, max_length, sliding_history)

        def zeros(layer: LayerConfig) -> Tensor:
            slots = (self._room if _is_sliding(layer) else max_length) + scratch_length
            return torch.zeros(batch_size, layer.num_key_value_heads, slots, layer.head_dim, dtype=kind, device=device)

        self.keys, self.values = ([zeros(layer) for layer in config.layers] for _ in range(2))
        self.lengths: list[int] = [0] * batch_size
        self.version = 0
        """Grows with whatever may have changed a slot, so that who keeps a copy knows whether it still is one."""

    @staticmethod
    def size_of(
        config: ModelConfig,
        max_length: int,
        scratch_length: int,
        dtype: torch.dtype,
        sliding_history: int | None = None,
    ) -> int:
        """The bytes that a cache of one row takes."""
        room = _sliding_room(config.sliding_window, max_length, sliding_history)
        values = sum(
            layer.num_key_value_heads * layer.head_dim * ((room if _is_sliding(layer) else max_length) + scratch_length)
            for layer in config.layers
        )
        return 2 * values * dtype.itemsize

    @property
    def num_bytes(self) -> int:
        """The bytes taken, whether or not they hold tokens."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))

    @property
    def num_slots(self) -> int:
        """The places of a row, those of the scratch included; sliding layers may have fewer."""
        return self.max_length + self.scratch_length

    @property
    def batch_size(self) -> int:
        """The number of rows."""
        return len(self.lengths)

    @property
    def device(self) -> torch.device:
        """Where the keys and values lie."""
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
        """The least length but zero that `truncate` can go back to."""
        return self.first_held + self._window - 1 if self.first_held else 0

    def require_room(self, new_tokens: int, scratch: bool, counts: Sequence[int] | None = None) -> None:
        """Makes sure that `new_tokens` more fit (behind the committed tokens, or into the scratch), for which sliding
        layers may forget some. Raises PromptError where they do not.

        With `counts` row b commits only that many of them; the rest is padding, which needs a slot and no context.
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
        # Padding may lie in the scratch, which is written anew by every denoise pass.
        needed = max(longest, self.length + new_tokens - self.scratch_length)
        if needed > self.max_length:
            raise PromptError(
                f"{needed} tokens exceed the context of {self.max_length}; "
                "shorten the prompt or load the model with a larger max_context."
            )
        if needed - self.first_held > self._room:
            self._forget_for(needed)

    def write(self, layer: int, key_BKTd: Tensor, value_BKTd: Tensor, offsets: Tensor | None = None) -> None:
        """Places new keys and values behind each row's committed tokens without committing them.

        `offsets` ([T], int64) places token i at offset `offsets[i]` of the tail instead of at i.
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
        """Places new keys and values in the slots given, without committing them; the lengths are not looked at."""
        self.version += 1
        for row, slots_T in enumerate(slots_BT - self._first(layer)):
            self.keys[layer][row].index_copy_(1, slots_T, key_BKTd[row].to(self.keys[layer].dtype))
            self.values[layer][row].index_copy_(1, slots_T, value_BKTd[row].to(self.values[layer].dtype))

    def read_slots(self, layer: int, slots_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Copies of the keys and values in the slots given -> two tensors [B, K, S, d]."""
        at = (slots_BS - self._first(layer))[:, None, :, None]
        return self.keys[layer].take_along_dim(at, dim=2), self.values[layer].take_along_dim(at, dim=2)

    def read(self, layer: int, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Views of the keys and values in slots start .. stop of every row -> two tensors [B, K, stop - start, d]."""
        first = self._first(layer)
        held = slice(start - first, stop - first)
        return self.keys[layer][:, :, held], self.values[layer][:, :, held]

    def commit(self, counts: Sequence[int]) -> None:
        """Declares the first `counts[b]` tokens behind row b committed."""
        self.version += 1
        self.lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]

    def truncate(self, length: int | Sequence[int]) -> None:
        """Forgets every token from `length` on (one number for all rows, or one per row).

        Raises UsageError for a length that is negative or longer than what is held, and for one before which sliding
        layers have forgotten what the next token would see.
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
                    f"The cache keeps {self.sliding_history} tokens behind the window of its sliding layers; it can be "
                    f"truncated to {self.shortest} of its {held} tokens or to none, not to {new}."
                )
        self.lengths = wanted
        if not any(wanted):
            self.first_held = 0

    def snapshot(self) -> tuple[int, ...]:
        """The rows' lengths, to be given back to `truncate`: what is committed later never overwrites what is held."""
        return tuple(self.lengths)

    def resize(self, max_length: int, scratch_length: int, sliding_history: int | None = None) -> None:
        """Moves the committed tokens into more or fewer slots.

        One layer's keys or values at a time, so that no more than that exists twice. Sliding layers keep what they
        hold, as much of it as there is room for. Raises UsageError for sizes that cannot be and where the committed
        tokens would not fit.
        """
        _check_sizes(self.batch_size, max_length, scratch_length, sliding_history)
        if max_length < max(1, self.length):
            raise UsageError(f"The cache holds {self.length} tokens and cannot be resized to {max_length}.")
        room = _sliding_room(self._window, max_length - self.first_held, sliding_history)
        self._move(max_length, scratch_length, max(self.first_held, self.length - room), room)
        self.sliding_history = sliding_history

    def copy_prefix(self, other: "KVCache", length: int) -> None:
        """Becomes a copy of the first `length` tokens of every row of `other`, a cache of the same model.

        Raises UsageError when a row of `other` holds fewer, or has forgotten what is needed of them, or this cache has
        not the room.
        """
        if (
            length > min(other.lengths)
            or 0 < length < other.shortest
            or length > self.max_length
            or other.batch_size != self.batch_size
        ):
            raise UsageError(f"{length} tokens of a cache cannot be copied from {other.lengths} to {self.max_length}.")
        self.first_held = max(other.first_held, length - self._room)
        self.copy_slots(other, 0, length)
        self.lengths = [length] * self.batch_size

    def copy_slots(self, other: "KVCache", start: int, stop: int) -> None:
        """Makes slots start .. stop of every row those of `other`, a cache of the same model and as many rows, as far
        as both hold them; commits nothing."""
        self.version += 1
        pairs: tuple[list[Tensor], list[Tensor]] = ([], [])
        for layer in range(len(self.keys)):
            begin = max(start, self._first(layer), other._first(layer))
            for cache, found in zip((self, other), pairs, strict=True):
                if begin < stop:
                    found += cache.read(layer, begin, stop)
        if pairs[0]:
            torch._foreach_copy_(*pairs)  # pyright: ignore[reportPrivateImportUsage]

    def _first(self, layer: int) -> int:
        """The position of the token in a layer's first slot."""
        return self.first_held if self._is_sliding[layer] else 0

    def _forget_for(self, needed: int) -> None:
        """Has sliding layers forget so much that the tokens before position `needed` fit."""
        first = self.first_held
        if (history := self.sliding_history) is not None:
            # A pass that is longer than what is spare takes it from the history first.
            kept = self._window - 1 + max(0, min(history, history + SPARE - (needed - self.length)))
            first = max(first, self.length - kept)
        room = max(self._room, needed - first)
        if room > self._room:
            self._move(self.max_length, self.scratch_length, first, room)
            return
        with self._in_pieces() as (length, first_held):
            for tensors in (self.keys, self.values):
                for tensor, is_sliding in zip(tensors, self._is_sliding, strict=True):
                    if is_sliding:
                        # What moves and where it goes may overlap.
                        held = tensor[:, :, first - first_held : length - first_held].clone()
                        tensor[:, :, : held.shape[2]] = held
            self.first_held = first

    def _move(self, max_length: int, scratch_length: int, first: int, room: int) -> None:
        """Into new tensors, where sliding layers hold tokens from `first` on and have slots for `room` of them."""
        with self._in_pieces() as (length, first_held):
            for tensors in (self.keys, self.values):
                for layer, old in enumerate(tensors):
                    is_sliding = self._is_sliding[layer]
                    before, begin, slots = (first_held, first, room) if is_sliding else (0, 0, max_length)
                    batch, heads, _, head_dim = old.shape
                    new = old.new_zeros(batch, heads, slots + scratch_length, head_dim)
                    new[:, :, : length - begin] = old[:, :, begin - before : length - before]
                    tensors[layer] = new
            self.max_length, self.scratch_length = max_length, scratch_length
            self.first_held, self._room = first, room
            self.version += 1

    @contextmanager
    def _in_pieces(self) -> Iterator[tuple[int, int]]:
        """While slots move, to be whole again at the end -> the tokens of the longest row, and the first that sliding
        layers hold. What breaks off in between (Ctrl-C, no memory) leaves a cache of no tokens."""
        lengths, before = self.lengths, (self.length, self.first_held)
        self.lengths, self.first_held = [0] * self.batch_size, 0
        yield before
        self.lengths = lengths


def _check_sizes(batch_size: Any, max_length: Any, scratch_length: Any, sliding_history: Any) -> None:
    """Raises UsageError for sizes of a cache that cannot be."""
    wanted = {"batch_size": batch_size, "max_length": max_length, "scratch_length": scratch_length}
    if sliding_history is not None:
        wanted["sliding_history"] = sliding_history
    for name, value in wanted.items():
        least = 1 if name in ("batch_size", "max_length") else 0
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise UsageError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    if sliding_history is not None and batch_size > 1:
        raise UsageError("sliding_history is for a cache of one row: rows of a batch have lengths of their own.")


def _is_sliding(layer: LayerConfig) -> bool:
    return layer.layer_type == "sliding_attention"


def _sliding_room(window: int, max_length: int, sliding_history: int | None) -> int:
    """The committed tokens of which sliding layers have slots."""
    return max_length if sliding_history is None else min(max_length, window - 1 + sliding_history + SPARE)
