"""Passes as CUDA graphs: recorded once for each bucket (`decode.buckets`), then replayed without Python overhead.

A recorded pass runs on a staging cache of its own, the stage: the keys and values of a request are copied to the stage
before the pass, and those that the pass wrote are copied back. So all requests share the graphs, and recorded and plain
passes may alternate. Knows nothing of sampling.

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
from dgemma.decode.buckets import Bucket, Inputs, bucketed_pass, gather_inputs
from dgemma.decode.passes import Passes
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma, Experts
from dgemma.ops import cuda
from dgemma.ops.experts import runs_all

LARGEST_CONTEXT = 8192
"""The most cached tokens of a recorded pass: with more, the device takes longer than Python, and stages are large."""

MAX_TOKENS = 64
"""The most clean tokens of a recorded pass: more come from prompts, which have all lengths and run as plain passes."""

MAX_RECORDINGS = 256
"""The most recordings; then the least recently used is dropped. Clients may ask for any canvas length."""

RESERVE_BYTES = 1 << 30
"""Bytes kept free for plain passes and the graphs' buffers: a stage is allocated only if this much remains."""


def passes_of(network: DiffusionGemma) -> Passes:
    """Recorded passes if the network supports them, else the network itself."""
    return RecordedPasses(network) if recordable(network) else network


def recordable(network: DiffusionGemma) -> bool:
    """Whether a pass never waits for the device: it runs on CUDA, and `ops.cuda` can run its experts without a wait."""
    if network.device.type != "cuda":
        return False
    experts = [module for module in network.modules() if isinstance(module, Experts)]
    routed = [one for one in experts if not runs_all(one.gate_up_proj)]
    return all(cuda.never_synchronises(weight) for one in routed for weight in one.parameters())


Capture = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""Takes a pass and returns a function that replays it."""


class RecordedPasses:
    """The passes of `DiffusionGemma`, recorded and replayed. Results are copies: later passes do not overwrite them.

    The first pass of a bucket costs about three plain ones. Memory: the graphs' buffers, and one stage for each context
    bucket met, together at most twice the keys and values of 8,192 tokens. Passes for which memory is lacking run
    unrecorded. Threads may share the object; one pass runs at a time. Raises UsageError for a network that is not
    `recordable`, unless `capture` is given (for tests).
    """

    def __init__(self, network: DiffusionGemma, capture: Capture | None = None) -> None:
        if capture is None and not recordable(network):
            raise UsageError(
                "Passes of this network cannot be recorded: that needs CUDA, and either few float experts, compute "
                "capability 9 with bfloat16 or fp8 weights, or compute capability 10 with bfloat16 weights. Use the "
                "network's own passes, as `passes_of` does."
            )
        self.network = network
        self._capture = CudaCapture(network.device) if capture is None else capture
        self._stages: dict[tuple[int, int], _Stage] = {}
        self._recordings: dict[Bucket, tuple[Inputs, Callable[[], Tensor]]] = {}
        self._longest_canvas = max(256, network.config.canvas_length)
        self._lock = threading.Lock()
        self._too_large: set[Bucket] = set()
        self._is_disabled = False

    @torch.inference_mode()
    def encode(self, tokens_BT: Tensor, cache: KVCache) -> Tensor:
        """Like `DiffusionGemma.encode`."""
        batch, count = tokens_BT.shape
        hidden_BRD = None
        if 0 < count <= MAX_TOKENS and self._can_record(cache, batch):
            cache.require_room(count, scratch=False)
            hidden_BRD = self._replay(cache, *gather_inputs(self.network, cache, tokens_BT), written=count)
        if hidden_BRD is None:
            return self.network.encode(tokens_BT, cache)
        self._commit(cache, count)
        return hidden_BRD[:, :count]

    @torch.inference_mode()
    def denoise(
        self, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None = None, rows: Tensor | None = None
    ) -> Tensor:
        """Like `DiffusionGemma.denoise`."""
        batch, length = canvas_BL.shape
        hidden_BRD = None
        if 0 < length <= self._longest_canvas and self._can_record(cache, batch) and (rows is None or len(rows)):
            cache.require_room(length, scratch=True)
            bucket, inputs = gather_inputs(self.network, cache, None, canvas_BL, soft_BLD, rows)
            # Positions that are not computed keep their keys and values from the scratch of the request's cache.
            scratch_read = 0 if rows is None else length
            hidden_BRD = self._replay(cache, bucket, inputs, written=length, scratch_read=scratch_read)
        if hidden_BRD is None:
            return self.network.denoise(canvas_BL, cache, soft_BLD, rows)
        return hidden_BRD if rows is None else hidden_BRD[:, : len(rows)]

    @torch.inference_mode()
    def encode_and_denoise(self, tokens_BT: Tensor, canvas_BL: Tensor, cache: KVCache) -> tuple[Tensor, Tensor]:
        """Like `DiffusionGemma.encode_and_denoise`."""
        (batch, count), length = tokens_BT.shape, canvas_BL.shape[1]
        hidden_BRD = None
        fits = 0 < count <= MAX_TOKENS and 0 < length <= self._longest_canvas
        if fits and cache.uniform and batch == len(canvas_BL) and self._can_record(cache, batch):
            cache.require_room(count, scratch=False)
            cache.require_room(length, scratch=True)
            bucket, inputs = gather_inputs(self.network, cache, tokens_BT, canvas_BL)
            hidden_BRD = self._replay(cache, bucket, inputs, written=count + length)
        if hidden_BRD is None:
            return self.network.encode_and_denoise(tokens_BT, canvas_BL, cache)
        self._commit(cache, count)
        return hidden_BRD[:, :count], hidden_BRD[:, -length:]

    def _can_record(self, cache: KVCache, batch: int) -> bool:
        """Whether a pass on `cache` may be recorded. Leaves a wrong batch to the plain pass, which raises for it."""
        return not self._is_disabled and batch == cache.batch_size and cache.length <= LARGEST_CONTEXT

    def _replay(
        self, cache: KVCache, bucket: Bucket, inputs: Inputs, written: int, scratch_read: int = 0
    ) -> Tensor | None:
        """Runs the recorded pass of `bucket` -> hidden [B, R, D]; None if it cannot be recorded.

        The pass reads the tokens of `cache` and the first `scratch_read` slots after them, and writes the first
        `written` slots after them.
        """
        with self._lock:
            try:
                stage, fixed, replay = self._get_recording(bucket, inputs)
            except torch.OutOfMemoryError:
                self._too_large.add(bucket)
                return None
            except RuntimeError as error:
                logging.getLogger(__name__).warning(
                    "Recording passes as CUDA graphs failed; passes now run unrecorded, which is slower: %s.", error
                )
                self._is_disabled, self._recordings, self._stages = True, {}, {}
                return None
            stage.copy_in(cache, cache.length + scratch_read)
            fixed.fill(inputs)
            hidden_BRD = replay().clone()
            stage.copy_out(cache, min(cache.lengths), cache.length + written)
            return hidden_BRD

    def _get_recording(self, bucket: Bucket, inputs: Inputs) -> tuple["_Stage", Inputs, Callable[[], Tensor]]:
        """The stage of a bucket's pass, the input tensors that it reads, and its replay function; recorded if needed.

        Raises torch.OutOfMemoryError, and RuntimeError if the recording fails.
        """
        if bucket in self._too_large:
            raise torch.OutOfMemoryError
        stage = self._stages.get((bucket.batch, bucket.cached))
        if stage is None:
            stage = self._stages[bucket.batch, bucket.cached] = self._make_stage(bucket)
        recording = self._recordings.pop(bucket, None)
        if recording is None:
            fixed = inputs.clone()
            # Capturing also runs the pass, which overwrites slots of the stage.
            stage.owner = None
            recording = fixed, self._capture(partial(bucketed_pass, self.network, stage.cache, bucket, fixed))
            if len(self._recordings) == MAX_RECORDINGS:
                del self._recordings[next(iter(self._recordings))]
        # In order of use: the most recently used is the last.
        self._recordings[bucket] = recording
        return stage, *recording

    def _make_stage(self, bucket: Bucket) -> "_Stage":
        network, scratch = self.network, MAX_TOKENS + self._longest_canvas
        num_bytes = bucket.batch * KVCache.size_of(network.config, bucket.cached, scratch, network.dtype)
        if network.device.type == "cuda" and num_bytes + RESERVE_BYTES > _free_bytes(network.device):
            raise torch.OutOfMemoryError(f"{num_bytes / 1e6:.0f} MB more are not free")
        return _Stage(
            KVCache(network.config, bucket.batch, bucket.cached, network.dtype, network.device, scratch_length=scratch)
        )

    def _commit(self, cache: KVCache, count: int) -> None:
        with self._lock:
            before = cache.version
            cache.commit([count] * cache.batch_size)
            for stage in self._stages.values():
                stage.note_commit(cache, before)


def _free_bytes(device: torch.device) -> int:
    """The bytes available to new tensors: free device memory, and what torch has reserved but not allocated."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


class _Stage:
    """A staging cache for recorded passes.

    Its first `filled` slots are a copy of those of `owner`, a request's cache, valid while the owner's version is
    `version`.
    """

    def __init__(self, cache: KVCache) -> None:
        self.cache = cache
        self.owner: weakref.ref[KVCache] | None = None
        self.version = self.filled = 0

    def copy_in(self, cache: KVCache, stop: int) -> None:
        """Copies the first `stop` slots of `cache`, except those already copied and still valid."""
        if self.owner is None or self.owner() is not cache or self.version != cache.version:
            self.owner, self.version, self.filled = weakref.ref(cache), cache.version, 0
        if stop > self.filled:
            self.cache.copy_slots(cache, self.filled, stop)
            self.filled = stop

    def copy_out(self, cache: KVCache, start: int, stop: int) -> None:
        """Copies slots start .. stop, which include all that the pass wrote, back to `cache`, the owner.

        Rows of different lengths were written in different slots; the other slots of the range are equal in both
        caches, or come after all that is read.
        """
        cache.copy_slots(self.cache, start, stop)
        self.version, self.filled = cache.version, max(self.filled, stop)

    def note_commit(self, cache: KVCache, version: int) -> None:
        """Stays valid after a commit of the owner, which changes its version but no slot."""
        if self.owner is not None and self.owner() is cache and self.version == version:
            self.version = cache.version


class CudaCapture:
    """Records a pass as a CUDA graph, whose inputs and outputs stay at the same addresses."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        # All graphs share one memory pool: they run one after another, and each result is copied at once.
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Runs the pass twice, records it, and returns its replay function."""
        with torch.cuda.device(self.device):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            # Twice, so that libraries have chosen their kernels and allocated their workspaces.
            with torch.cuda.stream(stream):
                for _ in range(2):
                    run()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Only this thread is restricted while recording: others may use the device.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                hidden_BRD = run()

        def replay() -> Tensor:
            graph.replay()
            return hidden_BRD

        return replay
