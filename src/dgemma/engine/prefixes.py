"""Encoded prompts kept for later requests that begin alike: conversations that go on, documents asked about again.

A prompt is encoded in chunks, and chunks alone are shared: where they end depends on nothing but the tokens before, so
a request computes the same numbers from a kept prefix as it would have without one, to the last bit. What the model
wrote itself is not kept: it was encoded canvas by canvas, and a later prompt would chunk it otherwise.

Knows no requests and no threads. Whoever calls it must hold the engine's lock.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dgemma.cache import KVCache

SHORTEST_TURN_CHUNK = 64
"""Below this many tokens a turn's end starts no new chunk: a pass of its own would cost more than it can save."""

Chunks = tuple[tuple[int, ...], ...]


def split_prompt(
    prompt: Sequence[int], longest: int, turn_ends: Collection[int] = (), shortest: int = SHORTEST_TURN_CHUNK
) -> Chunks:
    """Cuts a prompt into the chunks in which it is encoded.

    A chunk ends after `longest` tokens, or after the first id of `turn_ends` that makes it `shortest` or longer, and
    behind every image, whose tokens are numbers below zero (`pictures`), but never within one. Prompts that begin alike
    are cut alike as far as that goes.
    """
    chunks, start = [], 0
    for place, token in enumerate(prompt, 1):
        length = place - start
        if token < 0 and place < len(prompt) and prompt[place] < 0:
            continue
        if length >= longest or token < 0 or place == len(prompt) or (length >= shortest and token in turn_ends):
            chunks.append(tuple(prompt[start:place]))
            start = place
    return tuple(chunks)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prefix:
    """Chunks of a prompt and the cache that holds exactly their tokens."""

    chunks: Chunks
    cache: KVCache

    def shared(self, chunks: Chunks) -> int:
        """How many leading chunks are those of `chunks`; none where the cache has forgotten what follows them sees."""
        pairs = enumerate(zip(self.chunks, chunks, strict=False))
        count = next((count for count, (own, other) in pairs if own != other), min(len(self.chunks), len(chunks)))
        return count if sum(map(len, chunks[:count])) >= self.cache.shortest else 0


@dataclass(frozen=True, kw_only=True)
class Reuse:
    """The first `num_chunks` chunks of a kept prefix, whose cache is given away (`taken`) or is to be copied from."""

    cache: KVCache
    num_chunks: int
    taken: bool


class PrefixStore:
    """At most `max_prefixes` prefixes; the one unused for longest goes first."""

    def __init__(self, max_prefixes: int) -> None:
        self.max_prefixes = max_prefixes
        self._prefixes: list[Prefix] = []

    def __len__(self) -> int:
        return len(self._prefixes)

    @property
    def num_bytes(self) -> int:
        """Bytes of all caches kept."""
        return sum(prefix.cache.num_bytes for prefix in self._prefixes)

    def add(self, prefix: Prefix) -> None:
        """Keeps a prefix, in place of those that it begins with; one that begins another is not kept twice."""
        longer = [kept for kept in self._prefixes if kept.shared(prefix.chunks) == len(prefix.chunks)]
        if longer:
            self._touch(longer[0])
            return
        kept = [kept for kept in self._prefixes if prefix.shared(kept.chunks) < len(kept.chunks)]
        self._prefixes = [*kept, prefix][max(0, len(kept) + 1 - self.max_prefixes) :]

    def claim(self, chunks: Chunks, room: int) -> Reuse | None:
        """Evicts until at most `room` bytes are kept, and finds the longest prefix that can be reused for `chunks`.

        A prefix that is used but for its last chunk at most (the generation prompt, or what follows a shared document),
        or whose bytes are needed, is taken; any other stays to be copied from.
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

    def loose(self) -> Prefix | None:
        """One whose cache has room that it does not use: what its answer would have taken."""
        return next((kept for kept in self._prefixes if kept.cache.num_slots > kept.cache.length), None)

    def drop(self, prefix: Prefix) -> None:
        """Forgets one, if it is kept."""
        self._prefixes = [kept for kept in self._prefixes if kept is not prefix]

    def evict(self, room: int) -> None:
        """Forgets the prefixes unused for longest until the others take at most `room` bytes."""
        while self._prefixes and self.num_bytes > room:
            self._prefixes.pop(0)

    def _touch(self, prefix: Prefix) -> None:
        self._prefixes.remove(prefix)
        self._prefixes.append(prefix)
