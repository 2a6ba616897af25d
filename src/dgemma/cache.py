"""KVCache: the keys and values of clean tokens, preallocated, with a scratch tail for the canvas in flight.

    row b:  [ committed tokens 0 .. lengths[b] )[ scratch: the canvas, rewritten by every denoise pass )

`commit` (which the network calls for clean tokens), `truncate` and `copy_prefix` move `lengths`; `denoise` writes the
scratch right behind them and commits nothing. Sliding layers keep their whole history, so `truncate` to any earlier
length is exact, and the window is cut when it is read. Rows of a batch may have different lengths. Knows nothing of the
network that fills it.

Shapes: B batch, K key heads, S slots, T new tokens, d head dim.
"""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor

from dgemma.config import ModelConfig
from dgemma.errors import PromptError, UsageError


class KVCache:
    """Keys and values of `batch_size` rows for every layer of one model.

    max_length is the number of committed tokens a row may hold; `scratch_length` slots (by default the longer of 256
    and the model's canvas) come on top of it. Memory is taken at once:
    `2 * B * (max_length + scratch_length) * sum over layers of key heads * head_dim` values.
    """

    def __init__(
        self,
        config: ModelConfig,
        batch_size: int = 1,
        max_length: int = 1024,
        dtype: torch.dtype | str = torch.float32,
        device: torch.device | str = "cpu",
        scratch_length: int | None = None,
    ) -> None:
        """Raises UsageError for sizes, a type or a device that cannot be."""
        scratch_length = max(256, config.canvas_length) if scratch_length is None else scratch_length
        wanted = {"batch_size": batch_size, "max_length": max_length, "scratch_length": scratch_length}
        for name, value in wanted.items():
            least = 0 if name == "scratch_length" else 1
            if not isinstance(value, Integral) or value < least:
                raise UsageError(f"{name} must be a whole number of at least {least}, not {value!r}.")
        kind = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
        if not (isinstance(kind, torch.dtype) and kind.is_floating_point and kind.itemsize > 1):
            raise UsageError(f"A cache holds numbers such as float32, bfloat16 and float16, not {dtype!r}.")
        try:
            torch.empty(1, device=device)
        except (RuntimeError, TypeError, AssertionError) as error:
            raise UsageError(f"The device {str(device)!r} of a cache is not there; use 'cpu'.") from error
        self.max_length, self.scratch_length = max_length, scratch_length
        slots = max_length + self.scratch_length
        self.keys = [
            torch.zeros(batch_size, layer.num_key_value_heads, slots, layer.head_dim, dtype=kind, device=device)
            for layer in config.layers
        ]
        self.values = [torch.zeros_like(keys) for keys in self.keys]
        self.lengths: list[int] = [0] * batch_size
        self.version = 0
        """Grows with whatever may have changed a slot, so that who keeps a copy knows whether it still is one."""

    @staticmethod
    def size_of(config: ModelConfig, max_length: int, scratch_length: int, dtype: torch.dtype) -> int:
        """The bytes that a cache of one row takes."""
        values = sum(layer.num_key_value_heads * layer.head_dim for layer in config.layers)
        return 2 * (max_length + scratch_length) * values * dtype.itemsize

    @property
    def num_bytes(self) -> int:
        """The bytes taken, whether or not they hold tokens."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))

    @property
    def num_slots(self) -> int:
        """The places of a row, those of the scratch included."""
        return self.max_length + self.scratch_length

    @property
    def batch_size(self) -> int:
        """The number of rows."""
        return len(self.lengths)

    @property
    def uniform(self) -> bool:
        """Whether all rows hold the same number of tokens."""
        return min(self.lengths) == max(self.lengths)

    @property
    def length(self) -> int:
        """The number of committed tokens of the longest row."""
        return max(self.lengths)

    def require_room(self, new_tokens: int, scratch: bool, counts: Sequence[int] | None = None) -> None:
        """Raises PromptError when `new_tokens` more do not fit (behind the committed tokens, or into the scratch).

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
        padded = self.length + new_tokens - self.scratch_length
        if max(longest, padded) > self.max_length:
            raise PromptError(
                f"{max(longest, padded)} tokens exceed the context of {self.max_length}; "
                "shorten the prompt or load the model with a larger max_context."
            )

    def write(self, layer: int, key_BKTd: Tensor, value_BKTd: Tensor, offsets: Tensor | None = None) -> None:
        """Places new keys and values behind each row's committed tokens without committing them.

        `offsets` ([T], int64) places token i at offset `offsets[i]` of the tail instead of at i.
        """
        self.version += 1
        keys, values = self.keys[layer], self.values[layer]
        count = key_BKTd.shape[2]
        if self.uniform and offsets is None:
            start = self.lengths[0]
            keys[:, :, start : start + count] = key_BKTd
            values[:, :, start : start + count] = value_BKTd
            return
        offsets = torch.arange(count, device=keys.device) if offsets is None else offsets
        for row, start in enumerate(self.lengths):
            keys[row].index_copy_(1, start + offsets, key_BKTd[row].to(keys.dtype))
            values[row].index_copy_(1, start + offsets, value_BKTd[row].to(values.dtype))

    def write_slots(self, layer: int, key_BKTd: Tensor, value_BKTd: Tensor, slots_BT: Tensor) -> None:
        """Places new keys and values in the slots given, without committing them; the lengths are not looked at."""
        self.version += 1
        for row, slots_T in enumerate(slots_BT):
            self.keys[layer][row].index_copy_(1, slots_T, key_BKTd[row].to(self.keys[layer].dtype))
            self.values[layer][row].index_copy_(1, slots_T, value_BKTd[row].to(self.values[layer].dtype))

    def read_slots(self, layer: int, slots_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Copies of the keys and values in the slots given -> two tensors [B, K, S, d]."""
        at = slots_BS[:, None, :, None]
        return self.keys[layer].take_along_dim(at, dim=2), self.values[layer].take_along_dim(at, dim=2)

    def read(self, layer: int, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Views of the keys and values in slots start .. stop of every row -> two tensors [B, K, stop - start, d]."""
        return self.keys[layer][:, :, start:stop], self.values[layer][:, :, start:stop]

    def commit(self, counts: Sequence[int]) -> None:
        """Declares the first `counts[b]` tokens behind row b committed."""
        self.version += 1
        self.lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]

    def truncate(self, length: int | Sequence[int]) -> None:
        """Forgets every token from `length` on (one number for all rows, or one per row).

        Raises UsageError for a length that is negative or longer than what is held.
        """
        wanted = [length] * self.batch_size if isinstance(length, int) else list(length)
        if len(wanted) != self.batch_size:
            raise UsageError(f"A cache of {self.batch_size} rows cannot be truncated to {len(wanted)} lengths.")
        for row, (new, held) in enumerate(zip(wanted, self.lengths, strict=True)):
            if not 0 <= new <= held:
                raise UsageError(f"Row {row} of the cache holds {held} tokens and cannot be truncated to {new}.")
        self.lengths = wanted

    def snapshot(self) -> tuple[int, ...]:
        """The rows' lengths, to be given back to `truncate`: what is committed later never overwrites what is held."""
        return tuple(self.lengths)

    def resize(self, max_length: int, scratch_length: int) -> None:
        """Moves the committed tokens into more or fewer slots.

        One layer's keys or values at a time, so that no more than that exists twice. Raises UsageError when the
        committed tokens would not fit.
        """
        if max_length < max(1, self.length):
            raise UsageError(f"The cache holds {self.length} tokens and cannot be resized to {max_length}.")
        for tensors in (self.keys, self.values):
            for layer, old in enumerate(tensors):
                batch, heads, _, head_dim = old.shape
                new = old.new_zeros(batch, heads, max_length + scratch_length, head_dim)
                new[:, :, : self.length] = old[:, :, : self.length]
                tensors[layer] = new
        self.max_length, self.scratch_length = max_length, scratch_length
        self.version += 1

    def copy_prefix(self, other: "KVCache", length: int) -> None:
        """Becomes a copy of the first `length` tokens of every row of `other`, a cache of the same model.

        Raises UsageError when a row of `other` holds fewer, or this cache has not the room.
        """
        if length > min(other.lengths) or length > self.max_length or other.batch_size != self.batch_size:
            raise UsageError(f"{length} tokens of a cache cannot be copied from {other.lengths} to {self.max_length}.")
        self.copy_slots(other, 0, length)
        self.lengths = [length] * self.batch_size

    def copy_slots(self, other: "KVCache", start: int, stop: int) -> None:
        """Makes slots start .. stop of every row those of `other`, a cache of the same model and as many rows; commits
        nothing. Both must have the slots."""
        self.version += 1
        mine, theirs = (
            [tensor[:, :, start:stop] for tensor in (*cache.keys, *cache.values)] for cache in (self, other)
        )
        torch._foreach_copy_(mine, theirs)  # pyright: ignore[reportPrivateImportUsage]
