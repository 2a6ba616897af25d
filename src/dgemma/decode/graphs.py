"""Passes as CUDA graphs: recorded once for each bucket of rows and context, then replayed without Python.

A recorded pass has fixed shapes and addresses. It therefore computes a bucket's worth of rows, the last one repeated,
and reads a bucket's worth of cached slots, those behind the true end masked. It runs on a cache of its own, the stage:
before each pass the request's keys and values are copied there, behind it what the pass wrote is copied back. That is
a hundredth of the bytes that a pass reads, and any number of requests share the graphs. What differs between two
replays (ids, signal, rows, how much is held) lies in tensors that are filled before each.

    slots of the stage   [ cached 0 .. held )[ canvas held .. held + L )[ masked .. bucket + L )

Slots are those of the request's cache, so recorded and plain passes may alternate. Knows nothing of sampling.

Shapes: B rows of the cache, L canvas positions, T clean tokens, R positions that are computed, S keys that are read, W
slots of a sliding window and what is computed, D hidden, H query heads, K key heads, d head dim.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
    """The number of clean tokens that a pass over `count` of them computes: one, or a power of two."""
    return 1 if count == 1 else _power_of_two(count, SMALLEST_ROWS)


def _power_of_two(count: int, smallest: int) -> int:
    return max(smallest, 1 << max(0, count - 1).bit_length())


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that differs between two passes of one bucket: the `ids_BR` at the places `rows_R` behind the cache's tokens,
    a canvas' self-conditioning signal (zeros at a first step; None for clean tokens), and how many tokens each row of
    the cache holds."""

    ids_BR: Tensor
    soft_BRD: Tensor | None
    rows_R: Tensor
    held_B: Tensor

    def fill(self, other: "Inputs") -> None:
        """Takes over the values of inputs of the same shapes."""
        for name, value in vars(self).items():
            if value is not None:
                value.copy_(getattr(other, name))


def bucketed_denoise(network: DiffusionGemma, cache: KVCache, inputs: Inputs, length: int, bucket: int) -> Tensor:
    """`DiffusionGemma.denoise` on the rows of `inputs` out of a canvas of `length` -> hidden [B, R, D].

    Nothing in it depends on the values of `inputs` but values on the device, as long as no row of the cache holds more
    than `bucket` tokens; the cache's own lengths are not looked at.
    """
    window = network.config.sliding_window - 1
    # A window that holds the whole bucket shuts nothing out.
    slots_BW = None if bucket <= window else _window(inputs.held_B, window, length)
    keys_S = torch.arange(bucket + length, device=network.device)
    before_end_BS = keys_S < inputs.held_B[:, None] + length
    in_window = before_end_BS if slots_BW is None else slots_BW >= 0
    masks: dict[LayerType, Tensor] = {
        "full_attention": before_end_BS[:, None, None],
        "sliding_attention": in_window[:, None, None],
    }
    return _bucketed(network, cache, inputs, bucket + length, masks, slots_BW)


def bucketed_encode(network: DiffusionGemma, cache: KVCache, inputs: Inputs, bucket: int) -> Tensor:
    """`DiffusionGemma.encode` of the clean tokens of `inputs` -> hidden [B, T, D]; commits nothing.

    Otherwise as `bucketed_denoise`. Rows at one place write one slot, so the last token may stand there several times.
    """
    window, count = network.config.sliding_window - 1, len(inputs.rows_R)
    slots_BW = None if bucket + count <= window else _window(inputs.held_B, window, count)
    keys_S = torch.arange(bucket + count, device=network.device)
    at_BR = inputs.held_B[:, None] + inputs.rows_R
    seen_BRS = keys_S <= at_BR[..., None]
    in_window = seen_BRS
    if slots_BW is not None:
        near_BRW = (slots_BW[:, None] <= at_BR[..., None]) & (slots_BW[:, None] >= at_BR[..., None] - window)
        in_window = near_BRW & (slots_BW[:, None] >= 0)
    masks: dict[LayerType, Tensor] = {"full_attention": seen_BRS[:, None], "sliding_attention": in_window[:, None]}
    return _bucketed(network, cache, inputs, bucket + count, masks, slots_BW)


def _bucketed(
    network: DiffusionGemma,
    cache: KVCache,
    inputs: Inputs,
    num_keys: int,
    masks: dict[LayerType, Tensor],
    slots_BW: Tensor | None,
) -> Tensor:
    """Writes the slots of its rows and reads the first `num_keys`, on sliding layers `slots_BW` if given."""
    slots_BR = inputs.held_B[:, None] + inputs.rows_R
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
    # A pass is over a canvas alone, whose clean tokens are in the cache, or over clean tokens alone.
    none_BT = inputs.ids_BR[:, :0]
    if inputs.soft_BRD is None:
        return network(inputs.ids_BR, none_BT, None, slots_BR, masks, layer_pass)[0]
    return network(none_BT, inputs.ids_BR, inputs.soft_BRD, slots_BR, masks, layer_pass)[1]


def _window(held_B: Tensor, window: int, count: int) -> Tensor:
    """The slots of the last `window` cached tokens and of what is computed -> [B, W]; below zero where fewer are."""
    return held_B[:, None] - window + torch.arange(window + count, device=held_B.device)


def recordable(network: DiffusionGemma) -> bool:
    """Whether a pass never waits for the device: on CUDA, with experts that `ops.cuda` can run so."""
    if network.device.type != "cuda":
        return False
    experts = [module for module in network.modules() if isinstance(module, Experts)]
    many = [one for one in experts if len(one.gate_up_proj) > one.dense_up_to or is_quantised(one.gate_up_proj)]
    return all(cuda.never_waits(weight) for one in many for weight in one.parameters())


Pass = Callable[[KVCache], Tensor]
"""A pass of one bucket on the cache given."""

Capture = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""Takes a pass and returns what repeats it."""


class RecordedPasses:
    """The passes of `DiffusionGemma`, recorded; what they return is not overwritten by later ones.

    A bucket's first pass costs about three plain ones. Memory: a stage for each bucket of the context that was met, in
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
        self._stages: dict[tuple[int, ...], KVCache] = {}
        self._recordings: dict[tuple[int, ...], tuple[Inputs, Callable[[], Tensor]]] = {}
        self._scratch = max(256, network.config.canvas_length)
        self._gave_up = False

    @torch.inference_mode()
    def encode(self, tokens_BT: Tensor, cache: KVCache) -> Tensor:
        """As `DiffusionGemma.encode`."""
        batch, count = tokens_BT.shape
        hidden_BTD = None
        if 0 < count <= MOST_TOKENS and self._takes(cache, batch):
            cache.require_room(count, scratch=False)
            bucket, inputs = context_bucket(cache.length), gather_tokens(tokens_BT, cache)
            run = partial(bucketed_encode, self.network, inputs=inputs, bucket=bucket)
            hidden_BTD = self._replay((batch, bucket, len(inputs.rows_R)), inputs, run, cache, count, known=0)
        if hidden_BTD is None:
            return self.network.encode(tokens_BT, cache)
        cache.commit([count] * batch)
        return hidden_BTD[:, :count]

    @torch.inference_mode()
    def denoise(
        self, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None = None, rows: Tensor | None = None
    ) -> Tensor:
        """As `DiffusionGemma.denoise`."""
        batch, length = canvas_BL.shape
        hidden_BRD = None
        if 0 < length <= self._scratch and self._takes(cache, batch) and (rows is None or len(rows)):
            cache.require_room(length, scratch=True)
            bucket, inputs = context_bucket(cache.length), gather_canvas(self.network, canvas_BL, cache, soft_BLD, rows)
            run = partial(bucketed_denoise, self.network, inputs=inputs, length=length, bucket=bucket)
            # Positions that are not computed keep the keys and values that the request's cache has for them.
            known = 0 if rows is None else length
            key = (batch, bucket, len(inputs.rows_R), length)
            hidden_BRD = self._replay(key, inputs, run, cache, length, known)
        if hidden_BRD is None:
            return self.network.denoise(canvas_BL, cache, soft_BLD, rows)
        return hidden_BRD if rows is None else hidden_BRD[:, : len(rows)]

    @torch.inference_mode()
    def encode_and_denoise(self, tokens_BT: Tensor, canvas_BL: Tensor, cache: KVCache) -> tuple[Tensor, Tensor]:
        """As `DiffusionGemma.encode_and_denoise`; few tokens in a pass of their own, as both are replayed."""
        if tokens_BT.shape[1] > MOST_TOKENS or not self._takes(cache, len(tokens_BT)):
            return self.network.encode_and_denoise(tokens_BT, canvas_BL, cache)
        return self.encode(tokens_BT, cache), self.denoise(canvas_BL, cache)

    def _takes(self, cache: KVCache, batch: int) -> bool:
        """Whether a pass behind what `cache` holds is recorded. Other faults are for the plain pass to tell."""
        return not self._gave_up and batch == cache.batch_size and cache.length <= LARGEST_CONTEXT

    def _replay(
        self, key: tuple[int, ...], inputs: Inputs, run: Pass, cache: KVCache, written: int, known: int
    ) -> Tensor | None:
        """The pass `run` of the bucket `key` with these inputs -> hidden [B, R, D], or None where it cannot be had.

        It reads what `cache` holds and the `known` slots behind that, and writes the `written` ones.
        """
        batch, bucket, *_ = key
        stage = self._stages.get((batch, bucket))
        try:
            if stage is None:
                stage = self._stages[batch, bucket] = self._make_stage(batch, bucket)
            if key not in self._recordings:
                self._recordings[key] = inputs, self._capture(partial(run, stage))
        except RuntimeError as error:
            logging.getLogger(__name__).warning("Passes are no longer recorded, so they take longer: %s.", error)
            self._gave_up, self._recordings, self._stages = True, {}, {}
            return None
        fixed, replay = self._recordings[key]
        self._copy_in(cache, stage, known)
        fixed.fill(inputs)
        hidden_BRD = replay().clone()
        for row, held in enumerate(cache.lengths):
            _copy(stage, cache, row, [held] * len(cache.keys), held + written)
        return hidden_BRD

    def _make_stage(self, batch: int, bucket: int) -> KVCache:
        network = self.network
        return KVCache(network.config, batch, bucket, network.dtype, network.device, scratch_length=self._scratch)

    def _copy_in(self, cache: KVCache, stage: KVCache, known: int) -> None:
        """Of sliding layers no more than their window."""
        window = self.network.config.sliding_window - 1
        kinds = [layer.layer_type for layer in self.network.config.layers]
        for row, held in enumerate(cache.lengths):
            starts = [0 if kind == "full_attention" else max(0, held - window) for kind in kinds]
            _copy(cache, stage, row, starts, held + known)


def _copy(source: KVCache, target: KVCache, row: int, starts: Sequence[int], stop: int) -> None:
    """The slots of a row from each layer's start on."""
    for mine, theirs in ((target.keys, source.keys), (target.values, source.values)):
        for layer, start in enumerate(starts):
            mine[layer][row, :, start:stop] = theirs[layer][row, :, start:stop]


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


def gather_canvas(
    network: DiffusionGemma, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None, rows: Tensor | None
) -> Inputs:
    """What a bucketed pass over these rows of a canvas reads, in tensors of its own.

    The last row is repeated up to the bucket's size: it is computed, and written to its slot, several times over.
    """
    batch, length = canvas_BL.shape
    if rows is None:
        rows = torch.arange(length, device=canvas_BL.device)
    rows_R = _repeating_the_last(rows, row_bucket(len(rows), length))
    if soft_BLD is None:
        soft_BRD = torch.zeros(batch, len(rows_R), network.config.hidden_size, dtype=network.dtype, device=rows.device)
    else:
        soft_BRD = soft_BLD[:, rows_R].to(network.dtype)
    return Inputs(ids_BR=canvas_BL[:, rows_R], soft_BRD=soft_BRD, rows_R=rows_R, held_B=_held(cache, rows.device))


def gather_tokens(tokens_BT: Tensor, cache: KVCache) -> Inputs:
    """What a bucketed pass over these clean tokens reads; the last is repeated as a canvas' last row is."""
    count, device = tokens_BT.shape[1], tokens_BT.device
    rows_R = _repeating_the_last(torch.arange(count, device=device), token_bucket(count))
    return Inputs(ids_BR=tokens_BT[:, rows_R], soft_BRD=None, rows_R=rows_R, held_B=_held(cache, device))


def _repeating_the_last(rows: Tensor, count: int) -> Tensor:
    return torch.cat((rows, rows[-1:].expand(count - len(rows))))


def _held(cache: KVCache, device: torch.device) -> Tensor:
    return torch.tensor(cache.lengths, device=device)
