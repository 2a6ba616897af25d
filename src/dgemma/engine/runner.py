"""One request while it runs: its KV cache, its prompt, and the next piece of work.

Encodes the prompt chunk by chunk (prefill), then writes the answer (`writing`). `advance` does one piece: one pass over
a chunk or a canvas, or a few tokens. A Runner shares no state with other requests, so what runs between two pieces
changes no token. Knows nothing of threads, queues or text.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode.passes import Passes
from dgemma.engine.prefixes import Chunks, Prefix, Reuse, split_prompt
from dgemma.engine.request import Event, Finish, Request
from dgemma.engine.request_images import RequestImages, SoftTokens
from dgemma.engine.writing import Pieces, Writer
from dgemma.fused_calls import dispatcher
from dgemma.model import DiffusionGemma


class Runner:
    """The state of one request, from its submission on.

    `open` allocates the cache; call `advance` until an event is a Finish; `close` before that ends the request early.
    In a cache of more than `ample_bytes`, sliding layers keep only the tokens that the request can need. The
    constructor raises what `Writer` and `RequestImages` raise.
    """

    def __init__(
        self,
        network: DiffusionGemma,
        passes: Passes,
        sampler: SamplerConfig,
        request: Request,
        prefill_chunk: int,
        soft_tokens: SoftTokens | None = None,
        ample_bytes: int | None = None,
    ) -> None:
        self.network, self.request = network, request
        self.images = RequestImages(request.prompt, request.images, soft_tokens, network.config.image_token_id)
        self.writer = Writer(network, passes, sampler, request)
        turn_ends = () if request.reference else frozenset(request.turn_boundary_ids)
        self.chunks = split_prompt(self.images.keys(), prefill_chunk, turn_ends)
        self.sliding_history = self._sliding_history(ample_bytes)
        self.cache: KVCache | None = None
        self._pieces: Pieces = iter(())
        self._problem: Exception | None = None

    @property
    def max_length(self) -> int:
        """Tokens that the cache must be able to hold: the last canvas may extend beyond max_new_tokens."""
        return len(self.request.prompt) + self.request.max_new_tokens + self.writer.length

    @property
    def num_bytes(self) -> int:
        """Bytes that `open` allocates."""
        return self._num_bytes(self.sliding_history)

    @property
    def seconds(self) -> float:
        """Seconds since `open`."""
        return time.perf_counter() - self.writer.tally.opened

    @property
    def shareable_chunks(self) -> Chunks:
        """The chunks that a kept prefix may provide: none for the reference path; all but the last for requests that
        need its hidden state or encode it together with a canvas; else all."""
        if self.request.reference:
            return ()
        return self.chunks[:-1] if self.writer.needs_last_hidden or self.writer.encodes_last_chunk else self.chunks

    @torch.inference_mode()
    def open(self, reuse: Reuse | None = None) -> None:
        """Allocates the cache, and starts from a kept prefix if one is given."""
        self.writer.tally.opened = time.perf_counter()
        count = 0 if reuse is None else reuse.num_chunks
        self.writer.tally.reused_tokens = sum(map(len, self.chunks[:count]))
        if reuse is not None and reuse.taken:
            cache = reuse.cache
            cache.truncate(self.writer.tally.reused_tokens)
            cache.resize(self.max_length, self.writer.length, self.sliding_history)
        else:
            cache = KVCache(
                self.network.config,
                max_length=self.max_length,
                dtype=self.network.dtype,
                device=self.network.device,
                scratch_length=self.writer.length,
                sliding_history=self.sliding_history,
            )
            if reuse is not None:
                cache.copy_prefix(reuse.cache, self.writer.tally.reused_tokens)
        # Assigned last, so that a cache is never kept if its construction was interrupted.
        self.cache, self._pieces = cache, self._run(cache, count)

    @torch.inference_mode()
    def advance(self, num_pieces: int = 1) -> tuple[Event, ...]:
        """Does the next piece of work, or `num_pieces` pieces in autoregressive mode -> its events.

        Raises the errors of that work; if events precede the error, returns them and raises it at the next call.
        """
        events: list[Event] = []
        if self._problem is not None:
            raise self._problem
        # The reference path must differ from transformers by as little rounding as possible.
        with _module_by_module(self.network) if self.request.reference else nullcontext():
            for _ in range(num_pieces if self.request.mode == "autoregressive" else 1):
                try:
                    events += next(self._pieces)
                except Exception as problem:
                    if not events:
                        raise
                    # The events before the error are returned first.
                    self._problem = problem
                if self._problem is not None or (events and isinstance(events[-1], Finish)):
                    break
        return tuple(events)

    @torch.inference_mode()
    def close(self, *, shrink: bool) -> Prefix | None:
        """Ends the run -> the encoded part of the prompt, for reuse by later requests; None if there is none.

        With `shrink`, the slots reserved for the answer are freed, which copies the rest of the cache.
        """
        cache, self.cache, self._pieces = self.cache, None, iter(())
        if cache is None or self.request.reference:
            return None
        # A chunk encoded together with a canvas is correct, but not bit-identical to one encoded alone.
        chunks = self.chunks[:-1] if self.writer.encodes_last_chunk else self.chunks
        num_chunks = num_tokens = 0
        while num_chunks < len(chunks) and num_tokens + len(chunks[num_chunks]) <= cache.length:
            num_tokens += len(chunks[num_chunks])
            num_chunks += 1
        if num_chunks == 0:
            return None
        cache.truncate(num_tokens)
        if shrink:
            cache.resize(num_tokens, 0, self.sliding_history)
        return Prefix(chunks=chunks[:num_chunks], cache=cache)

    def _sliding_history(self, ample_bytes: int | None) -> int | None:
        """How many tokens before their window sliding layers keep: all (None) if the cache then takes at most
        `ample_bytes`; else as many as the answer and the longest chunk have, so that the prompt is complete again when
        both are truncated."""
        if ample_bytes is None or self._num_bytes(None) <= ample_bytes:
            return None
        answer = self.max_length - len(self.request.prompt)
        return answer + max(map(len, self.chunks), default=0)

    def _num_bytes(self, sliding_history: int | None) -> int:
        config, dtype = self.network.config, self.network.dtype
        return KVCache.size_of(config, self.max_length, self.writer.length, dtype, sliding_history)

    def _run(self, cache: KVCache, num_reused: int) -> Iterator[tuple[Event, ...]]:
        last_hidden_D: torch.Tensor | None = None
        last_chunk_BT: torch.Tensor | None = None
        start = sum(map(len, self.chunks[:num_reused]))
        for number, chunk in enumerate(self.chunks[num_reused:], num_reused + 1):
            stop = start + len(chunk)
            ids_BT = self.images.ids(start, stop, self.network.device)
            if self.writer.encodes_last_chunk and number == len(self.chunks):
                last_chunk_BT = ids_BT
                break
            spans = []
            for span in self.images.spans(start, stop):
                if span is None:
                    yield ()
                else:
                    spans.append(span)
            keys_only = not self.writer.needs_last_hidden
            last_hidden_D = self.network.encode(ids_BT, cache, keys_only=keys_only, images=spans)[0, -1]
            start = stop
            yield ()
        yield from self.writer.write(cache, last_hidden_D, last_chunk_BT)


@contextmanager
def _module_by_module(network: DiffusionGemma) -> Iterator[None]:
    """Runs passes unfused. That is a state of the network, so no other request may run before the context ends: nothing
    is joined with their calls."""
    joining = dispatcher.set(None)
    try:
        with network.unfused():
            yield
    finally:
        dispatcher.reset(joining)
