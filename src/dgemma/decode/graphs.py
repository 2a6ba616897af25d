"""Passes as CUDA graphs: recorded once for each bucket of rows and context, then replayed without Python.

A recorded pass has fixed shapes and addresses. It therefore computes a bucket's worth of rows, the last one repeated,
and reads a bucket's worth of cached slots, those behind the true end masked. It runs on a cache of its own, the stage:
a request's keys and values are copied there when its turn comes, and what a pass wrote is copied back. So any number of
requests share the graphs. What differs between two replays (ids, signal, rows, how much is held) lies in tensors that
are filled before each.

    slots of the stage   [ cached 0 .. held )[ canvas held .. held + L )[ masked .. bucket + L )

Slots are those of the request's cache, so recorded and plain passes may alternate. Knows nothing of sampling.

Shapes: B rows of the cache, L canvas positions, T clean tokens, R positions that are computed, S keys that are read, W
slots of a sliding window and what is computed, D hidden, H query heads, K key heads, d head dim.
"""

import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Protocol

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.config import LayerType
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma, Experts, masked_pass
from dgemma.ops import cuda, reference
from dgemma.quant import is_quantised

SMALLEST_CONTEXT = 256
LARGEST_CONTEXT = 8192
"""Behind more tokens passes run as they are: they last longer than Python does, and stages would be large."""

SMALLEST_ROWS = 8
MOST_TOKENS = 64
"""More clean tokens than these at once are encoded by a plain pass: prompts come in as many sizes as there are."""


class Passes(Protocol):
    """What decoding asks of a network: `DiffusionGemma`'s own methods, or their recorded twins."""

    def encode(self, tokens_BT: Tensor, cache: KVCache) -> Tensor: ...

    def denoise(
        self, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None = None, rows: Tensor | None = None
    ) -> Tensor: ...

    def encode_and_denoise(self, tokens_BT: Tensor, canvas_BL: Tensor, cache: KVCache) -> tuple[Tensor, Tensor]: ...


def passes_of(network: DiffusionGemma) -> Passes:
    """Recorded passes where the network can have them, else its own."""
    return RecordedPasses(network) if recordable(network) else network


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


def recordable(network: DiffusionGemma) -> bool:
    """Whether a pass never waits for the device: on CUDA, with experts that `ops.cuda` can run so."""
    if network.device.type != "cuda":
        return False
    experts = [module for module in network.modules() if isinstance(module, Experts)]
    many = [one for one in experts if len(one.gate_up_proj) > one.dense_up_to or is_quantised(one.gate_up_proj)]
    return all(cuda.never_waits(weight) for one in many for weight in one.parameters())


Capture = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""Takes a pass and returns what repeats it."""


class RecordedPasses:
    """The passes of `DiffusionGemma`, recorded; what they return is not overwritten by later ones.

    A bucket's first pass costs about three plain ones. Memory: a stage for each size of the context that was met, in
    all at most twice the keys and values of 8,192 tokens, and the graphs' buffers; where there is no room for more,
    passes run as they are. Raises UsageError for a network that is not `recordable`; `capture`, for tests, takes any.
    """

    def __init__(self, network: DiffusionGemma, capture: Capture | None = None) -> None:
        if capture is None and not recordable(network):
            raise UsageError(
                "Passes are recorded on a CUDA device of compute capability 9 with bfloat16 or fp8 weights, of 10 with "
                "bfloat16 weights, or with few float experts; leave the plain ones."
            )
        self.network = network
        self._capture = CudaCapture(network.device) if capture is None else capture
        self._stages: dict[tuple[int, int], _Stage] = {}
        self._recordings: dict[Bucket, tuple[Inputs, Callable[[], Tensor]]] = {}
        self._longest = max(256, network.config.canvas_length)
        self._gave_up = False

    @torch.inference_mode()
    def encode(self, tokens_BT: Tensor, cache: KVCache) -> Tensor:
        """As `DiffusionGemma.encode`."""
        batch, count = tokens_BT.shape
        hidden_BRD = None
        if 0 < count <= MOST_TOKENS and self._takes(cache, batch):
            cache.require_room(count, scratch=False)
            hidden_BRD = self._replay(cache, *gather(self.network, cache, tokens_BT), written=count)
        if hidden_BRD is None:
            return self.network.encode(tokens_BT, cache)
        self._commit(cache, count)
        return hidden_BRD[:, :count]

    @torch.inference_mode()
    def denoise(
        self, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None = None, rows: Tensor | None = None
    ) -> Tensor:
        """As `DiffusionGemma.denoise`."""
        batch, length = canvas_BL.shape
        hidden_BRD = None
        if 0 < length <= self._longest and self._takes(cache, batch) and (rows is None or len(rows)):
            cache.require_room(length, scratch=True)
            bucket, inputs = gather(self.network, cache, None, canvas_BL, soft_BLD, rows)
            # Positions that are not computed keep the keys and values that the request's cache has for them.
            known = 0 if rows is None else length
            hidden_BRD = self._replay(cache, bucket, inputs, written=length, known=known)
        if hidden_BRD is None:
            return self.network.denoise(canvas_BL, cache, soft_BLD, rows)
        return hidden_BRD if rows is None else hidden_BRD[:, : len(rows)]

    @torch.inference_mode()
    def encode_and_denoise(self, tokens_BT: Tensor, canvas_BL: Tensor, cache: KVCache) -> tuple[Tensor, Tensor]:
        """As `DiffusionGemma.encode_and_denoise`."""
        (batch, count), length = tokens_BT.shape, canvas_BL.shape[1]
        hidden_BRD = None
        fits = 0 < count <= MOST_TOKENS and 0 < length <= self._longest
        if fits and cache.uniform and batch == len(canvas_BL) and self._takes(cache, batch):
            cache.require_room(count, scratch=False)
            cache.require_room(length, scratch=True)
            bucket, inputs = gather(self.network, cache, tokens_BT, canvas_BL)
            hidden_BRD = self._replay(cache, bucket, inputs, written=count + length)
        if hidden_BRD is None:
            return self.network.encode_and_denoise(tokens_BT, canvas_BL, cache)
        self._commit(cache, count)
        return hidden_BRD[:, :count], hidden_BRD[:, -length:]

    def _takes(self, cache: KVCache, batch: int) -> bool:
        """Whether a pass behind what `cache` holds is recorded. Other faults are for the plain pass to tell."""
        return not self._gave_up and batch == cache.batch_size and cache.length <= LARGEST_CONTEXT

    def _replay(self, cache: KVCache, bucket: Bucket, inputs: Inputs, written: int, known: int = 0) -> Tensor | None:
        """The pass of `bucket` with these inputs -> hidden [B, R, D], or None where it cannot be had.

        It reads what `cache` holds and the `known` slots behind that, and writes the `written` ones.
        """
        try:
            stage = self._stages.get((bucket.batch, bucket.cached))
            if stage is None:
                stage = self._stages[bucket.batch, bucket.cached] = self._make_stage(bucket)
            if bucket not in self._recordings:
                fixed = inputs.clone()
                # What is recorded runs as well, on whatever the stage holds.
                stage.owner = None
                run = partial(bucketed_pass, self.network, stage.cache, bucket, fixed)
                self._recordings[bucket] = fixed, self._capture(run)
        except RuntimeError as error:
            logging.getLogger(__name__).warning("Passes are no longer recorded, so they take longer: %s.", error)
            self._gave_up, self._recordings, self._stages = True, {}, {}
            return None
        fixed, replay = self._recordings[bucket]
        stage.take_from(cache, cache.length + known)
        fixed.fill(inputs)
        hidden_BRD = replay().clone()
        stage.give_back(cache, min(cache.lengths), cache.length + written)
        return hidden_BRD

    def _make_stage(self, bucket: Bucket) -> "_Stage":
        network, behind = self.network, MOST_TOKENS + self._longest
        return _Stage(
            KVCache(network.config, bucket.batch, bucket.cached, network.dtype, network.device, scratch_length=behind)
        )

    def _commit(self, cache: KVCache, count: int) -> None:
        before = cache.version
        cache.commit([count] * cache.batch_size)
        for stage in self._stages.values():
            stage.follow(cache, before)


class _Stage:
    """The cache that recorded passes run on, and whose slots it is a copy of: the first `filled` of `owner`'s, as they
    were at its `version`."""

    def __init__(self, cache: KVCache) -> None:
        self.cache = cache
        self.owner: weakref.ref[KVCache] | None = None
        self.version = self.filled = 0

    def take_from(self, cache: KVCache, stop: int) -> None:
        """Becomes a copy of the first `stop` slots, as far as it is none already."""
        if self.owner is None or self.owner() is not cache or self.version != cache.version:
            self.owner, self.version, self.filled = weakref.ref(cache), cache.version, 0
        if stop > self.filled:
            self.cache.copy_slots(cache, self.filled, stop)
            self.filled = stop

    def give_back(self, cache: KVCache, start: int, stop: int) -> None:
        """Copies what a pass wrote; between what it wrote in one row and in another both are alike."""
        cache.copy_slots(self.cache, start, stop)
        self.version, self.filled = cache.version, max(self.filled, stop)

    def follow(self, cache: KVCache, version: int) -> None:
        """Knows that the slots are still those of `version`."""
        if self.owner is not None and self.owner() is cache and self.version == version:
            self.version = cache.version


class CudaCapture:
    """A pass as a CUDA graph. What it reads and writes keeps its place; what it returns is written anew each time."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        # One memory for all graphs: they run one after another, and what one returns is copied at once.
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Runs it twice, records it, and returns its replay."""
        with torch.cuda.device(self.device):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            # Twice, so that libraries have chosen their kernels and taken their memory.
            with torch.cuda.stream(stream):
                for _ in range(2):
                    run()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads may use the device meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                hidden_BRD = run()

        def replay() -> Tensor:
            graph.replay()
            return hidden_BRD

        return replay
