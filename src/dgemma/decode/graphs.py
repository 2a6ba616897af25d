"""Passes as CUDA graphs: recorded once for each bucket of rows and context (`decode.buckets`), then replayed without
Python.

A recorded pass runs on a cache of its own, the stage: a request's keys and values are copied there when its turn comes,
and what a pass wrote is copied back. So any number of requests share the graphs, and recorded and plain passes may
alternate. Knows nothing of sampling.

Shapes: B rows of the cache, L canvas positions, T clean tokens, R positions that are computed, D hidden.
"""

import logging
import threading
import weakref
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.decode.buckets import Bucket, Inputs, bucketed_pass, gather
from dgemma.decode.passes import Passes
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma, Experts
from dgemma.ops import cuda
from dgemma.ops.experts import runs_all

LARGEST_CONTEXT = 8192
"""Behind more tokens passes run as they are: they last longer than Python does, and stages would be large."""

MOST_TOKENS = 64
"""More clean tokens than these at once are encoded by a plain pass: prompts come in as many sizes as there are."""

MOST_RECORDINGS = 256
"""Beyond them the one that was used the longest ago is given up: clients may choose any length of canvas."""

RESERVE_BYTES = 1 << 30
"""Left to plain passes and to what graphs hold: a stage is made where as much stays free."""


def passes_of(network: DiffusionGemma) -> Passes:
    """Recorded passes where the network can have them, else its own."""
    return RecordedPasses(network) if recordable(network) else network


def recordable(network: DiffusionGemma) -> bool:
    """Whether a pass never waits for the device: on CUDA, with experts that `ops.cuda` can run so."""
    if network.device.type != "cuda":
        return False
    experts = [module for module in network.modules() if isinstance(module, Experts)]
    many = [one for one in experts if not runs_all(one.gate_up_proj)]
    return all(cuda.never_waits(weight) for one in many for weight in one.parameters())


Capture = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""Takes a pass and returns what repeats it."""


class RecordedPasses:
    """The passes of `DiffusionGemma`, recorded; what they return is not overwritten by later ones.

    A bucket's first pass costs about three plain ones. Memory: a stage for each size of the context that was met, in
    all at most twice the keys and values of 8,192 tokens, and the graphs' buffers; what there is no room for runs as it
    is. Threads may share it; one pass runs at a time. Raises UsageError for a network that is not `recordable`;
    `capture`, for tests, takes any.
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
        self._lock = threading.Lock()
        self._without_room: set[Bucket] = set()
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
        with self._lock:
            try:
                stage, fixed, replay = self._recorded(bucket, inputs)
            except torch.OutOfMemoryError:
                self._without_room.add(bucket)
                return None
            except RuntimeError as error:
                logging.getLogger(__name__).warning("Passes are no longer recorded, so they take longer: %s.", error)
                self._gave_up, self._recordings, self._stages = True, {}, {}
                return None
            stage.take_from(cache, cache.length + known)
            fixed.fill(inputs)
            hidden_BRD = replay().clone()
            stage.give_back(cache, min(cache.lengths), cache.length + written)
            return hidden_BRD

    def _recorded(self, bucket: Bucket, inputs: Inputs) -> tuple["_Stage", Inputs, Callable[[], Tensor]]:
        """The stage that a bucket's pass runs on, the inputs that it reads, and its replay. May run out of memory."""
        if bucket in self._without_room:
            raise torch.OutOfMemoryError
        stage = self._stages.get((bucket.batch, bucket.cached))
        if stage is None:
            stage = self._stages[bucket.batch, bucket.cached] = self._make_stage(bucket)
        recording = self._recordings.pop(bucket, None)
        if recording is None:
            fixed = inputs.clone()
            # What is recorded runs as well, on whatever the stage holds.
            stage.owner = None
            recording = fixed, self._capture(partial(bucketed_pass, self.network, stage.cache, bucket, fixed))
            if len(self._recordings) == MOST_RECORDINGS:
                del self._recordings[next(iter(self._recordings))]
        # The last used stands last.
        self._recordings[bucket] = recording
        return stage, *recording

    def _make_stage(self, bucket: Bucket) -> "_Stage":
        network, behind = self.network, MOST_TOKENS + self._longest
        num_bytes = bucket.batch * KVCache.size_of(network.config, bucket.cached, behind, network.dtype)
        if network.device.type == "cuda" and num_bytes + RESERVE_BYTES > _free_bytes(network.device):
            raise torch.OutOfMemoryError(f"{num_bytes / 1e6:.0f} MB more are not free")
        return _Stage(
            KVCache(network.config, bucket.batch, bucket.cached, network.dtype, network.device, scratch_length=behind)
        )

    def _commit(self, cache: KVCache, count: int) -> None:
        with self._lock:
            before = cache.version
            cache.commit([count] * cache.batch_size)
            for stage in self._stages.values():
                stage.follow(cache, before)


def _free_bytes(device: torch.device) -> int:
    """What tensors can still take: what is free, and what torch keeps and does not use."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


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
