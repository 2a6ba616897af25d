"""The prefix cache: KV caches of encoded prompts, reused by later requests that begin with the same tokens.

A prompt is encoded in chunks, and only whole chunks are reused. Where a chunk ends depends only on the tokens before
that place, so a request computes the same numbers with a reused prefix as without one, to the last bit. Tokens that the
model wrote are not kept: they were encoded canvas by canvas, and a later prompt would split them otherwise.

Knows no requests and no threads. The caller must hold the engine's lock.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dgemma.cache import KVCache

SHORTEST_TURN_CHUNK = 64
"""The end of a conversation turn ends a chunk only if the chunk has at least this many tokens: a pass over fewer would
cost more than its reuse can save."""

Chunks = tuple[tuple[int, ...], ...]


def split_prompt(
    prompt: Sequence[int], longest: int, turn_ends: Collection[int] = (), shortest: int = SHORTEST_TURN_CHUNK
) -> Chunks:
    """Splits a prompt into the chunks in which it is encoded.

    A chunk ends after `longest` tokens, after an id of `turn_ends` if the chunk is then at least `shortest`, and after
    every image, whose tokens are negative here (`request_images.RequestImages.keys`), but never inside one. Prompts
    with the same beginning are split alike as far as it goes.
    """
    chunks, start = [], 0
    for stop, token in enumerate(prompt, 1):
        length = stop - start
        if token < 0 and stop < len(prompt) and prompt[stop] < 0:
            continue
        if length >= longest or token < 0 or stop == len(prompt) or (length >= shortest and token in turn_ends):
            chunks.append(tuple(prompt[start:stop]))
            start = stop
    return tuple(chunks)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prefix:
    """The leading chunks of a prompt, and a KV cache that holds exactly their tokens."""

    chunks: Chunks
    cache: KVCache

    @property
    def is_oversized(self) -> bool:
        """Whether the cache has unused slots, which were reserved for an answer."""
        return self.cache.num_slots > self.cache.length

    def shrink(self) -> None:
        """Frees the unused slots, which copies the rest of the cache."""
        self.cache.resize(self.cache.length, 0, self.cache.sliding_history)

    def shared(self, chunks: Chunks) -> int:
        """Number of leading chunks in common with `chunks`; 0 if the sliding layers have dropped tokens that the next
        one would see."""
        count = 0
        for own, other in zip(self.chunks, chunks, strict=False):
            if own != other:
                break
            count += 1
        return count if sum(map(len, chunks[:count])) >= self.cache.shortest else 0


@dataclass(frozen=True, kw_only=True)
class Reuse:
    """The first `num_chunks` chunks of a kept prefix. Its cache is the caller's (`taken`), or is to be copied from."""

    cache: KVCache
    num_chunks: int
    taken: bool


class PrefixStore:
    """Holds at most `max_prefixes` prefixes, in order of last use; the least recently used is evicted first."""

    def __init__(self, max_prefixes: int) -> None:
        self.max_prefixes = max_prefixes
        self._prefixes: list[Prefix] = []

    def __len__(self) -> int:
        return len(self._prefixes)

    @property
    def num_bytes(self) -> int:
        """Bytes of all kept caches."""
        return sum(prefix.cache.num_bytes for prefix in self._prefixes)

    def add(self, prefix: Prefix) -> None:
        """Keeps a prefix. It replaces shorter ones that it begins with, and is dropped if a kept one begins with it."""
        longer = [kept for kept in self._prefixes if kept.shared(prefix.chunks) == len(prefix.chunks)]
        if longer:
            self._touch(longer[0])
            return
        kept = [kept for kept in self._prefixes if prefix.shared(kept.chunks) < len(kept.chunks)]
        self._prefixes = [*kept, prefix][max(0, len(kept) + 1 - self.max_prefixes) :]

    def claim(self, chunks: Chunks, room: int) -> Reuse | None:
        """Finds the prefix that shares most chunks with `chunks`, and evicts until at most `room` bytes are kept.

        The prefix is taken out of the store if all its chunks, or all but the last, are reused (the last holds the
        generation prompt, or what follows a shared document), or if its bytes are needed. Otherwise it stays, to be
        copied from.
        """
        best = max(reversed(self._prefixes), key=lambda prefix: prefix.shared(chunks), default=None)
        num_chunks = 0 if best is None else best.shared(chunks)
        if best is None or num_chunks == 0:
            self.evict(room)
            return None
        taken = num_chunks >= len(best.chunks) - 1
        self._touch(best)
        if taken:
            self._prefixes.remove(best)
        self.evict(room)
        return Reuse(cache=best.cache, num_chunks=num_chunks, taken=taken or best not in self._prefixes)

    def oversized(self) -> Prefix | None:
        """A prefix that is oversized; None if there is none."""
        return next((kept for kept in self._prefixes if kept.is_oversized), None)

    def drop(self, prefix: Prefix) -> None:
        """Drops a prefix if it is kept."""
        self._prefixes = [kept for kept in self._prefixes if kept is not prefix]

    def evict(self, room: int) -> None:
        """Evicts the least recently used prefixes until the others take at most `room` bytes."""
        while self._prefixes and self.num_bytes > room:
            self._prefixes.pop(0)

    def _touch(self, prefix: Prefix) -> None:
        self._prefixes.remove(prefix)
        self._prefixes.append(prefix)
