"""The denoise pass as CUDA graphs: recorded once for each bucket of rows and context, then replayed without Python.

A recorded pass has fixed shapes and addresses. It therefore computes a bucket's worth of canvas rows, the last one
repeated, and reads a bucket's worth of cached slots, those behind the true end masked. What differs between two replays
(ids, signal, rows, how much each row of the cache holds) lies in tensors that are filled before each.

    slots of a row    [ cached 0 .. held )[ canvas held .. held + L )[ masked .. bucket + L )

The canvas lies where `DiffusionGemma.denoise` has it, so recorded and plain passes may alternate. Knows nothing of
sampling.

Shapes: B rows of the cache, L canvas positions, R positions that are computed, S keys that are read, W slots of a
sliding window and a canvas, D hidden, H query heads, K key heads, d head dim.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.config import LayerType
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma, Experts, masked_pass
from dgemma.ops import cuda, reference
from dgemma.quant import is_quantised

CanvasPass = Callable[[Tensor, KVCache, Tensor | None, Tensor | None], Tensor]
"""(canvas [B, L], cache, soft [B, L, D] or None, rows [R] or None) -> hidden [B, R, D], as `DiffusionGemma.denoise`."""

SMALLEST_CONTEXT = 256
SMALLEST_ROWS = 8


def context_bucket(held: int, max_length: int) -> int:
    """The number of cached slots that a pass behind `held` tokens reads: a power of two, or all that the cache has."""
    return min(_power_of_two(held, SMALLEST_CONTEXT), max_length)


def row_bucket(rows: int, length: int) -> int:
    """The number of canvas positions that a pass over `rows` of them computes: a power of two, or all of them."""
    return min(_power_of_two(rows, SMALLEST_ROWS), length)


def _power_of_two(count: int, smallest: int) -> int:
    return max(smallest, 1 << max(0, count - 1).bit_length())


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that differs between two passes of one bucket: `canvas_BR` ids at the canvas positions `rows_R`, their
    self-conditioning signal (zeros at a first step), and how many tokens each row of the cache holds."""

    canvas_BR: Tensor
    soft_BRD: Tensor
    rows_R: Tensor
    held_B: Tensor

    def fill(self, other: "Inputs") -> None:
        """Takes over the values of inputs of the same shapes."""
        for name, value in vars(self).items():
            value.copy_(getattr(other, name))


def bucketed_pass(network: DiffusionGemma, cache: KVCache, inputs: Inputs, length: int, bucket: int) -> Tensor:
    """`DiffusionGemma.denoise` on the rows of `inputs` out of a canvas of `length` -> hidden [B, R, D].

    Nothing in it depends on the values of `inputs` but values on the device, as long as no row of the cache holds more
    than `bucket` tokens; the cache's own lengths are not looked at.
    """
    slots_BR = inputs.held_B[:, None] + inputs.rows_R
    window = network.config.sliding_window - 1
    # A window that holds the whole bucket shuts nothing out.
    slots_BW = None if bucket <= window else _window(inputs.held_B, window, length)
    layers = iter(range(len(network.config.layers)))

    def attention(query_BHTd: Tensor, key_BKTd: Tensor, value_BKTd: Tensor, mask: Tensor) -> Tensor:
        # Called once for each layer, in their order.
        index = next(layers)
        cache.write_slots(index, key_BKTd, value_BKTd, slots_BR)
        if slots_BW is not None and network.config.layers[index].layer_type == "sliding_attention":
            keys, values = cache.read_slots(index, slots_BW.clamp(min=0))
        else:
            keys, values = cache.read(index, 0, bucket + length)
        return reference.attention(query_BHTd, keys, values, mask)

    keys_S = torch.arange(bucket + length, device=network.device)
    before_end_BS = keys_S < inputs.held_B[:, None] + length
    in_window = before_end_BS if slots_BW is None else slots_BW >= 0
    masks: dict[LayerType, Tensor] = {
        "full_attention": before_end_BS[:, None, None],
        "sliding_attention": in_window[:, None, None],
    }
    # No clean tokens: they are in the cache.
    none_BT = inputs.canvas_BR[:, :0]
    layer_pass = partial(masked_pass, attention=attention)
    return network(none_BT, inputs.canvas_BR, inputs.soft_BRD, slots_BR, masks, layer_pass)[1]


def _window(held_B: Tensor, window: int, length: int) -> Tensor:
    """The slots of the last `window` cached tokens and of the canvas -> [B, W]; below zero where there are fewer."""
    return held_B[:, None] - window + torch.arange(window + length, device=held_B.device)


def recordable(network: DiffusionGemma) -> bool:
    """Whether a pass never waits for the device: on CUDA, with experts that `ops.cuda` can run so."""
    if network.device.type != "cuda":
        return False
    experts = [module for module in network.modules() if isinstance(module, Experts)]
    many = [one for one in experts if len(one.gate_up_proj) > one.dense_up_to or is_quantised(one.gate_up_proj)]
    return all(cuda.never_waits(weight) for one in many for weight in one.parameters())


class RecordedPasses:
    """`DiffusionGemma.denoise` by recorded passes, for one cache at a time: another one, or a resized one, starts anew.

    A bucket's first pass costs about three plain ones. Raises UsageError for a network that is not `recordable`.
    """

    def __init__(self, network: DiffusionGemma) -> None:
        if not recordable(network):
            raise UsageError(
                "Passes are recorded on a CUDA device of compute capability 9 with bfloat16 or fp8 weights, of 10 with "
                "bfloat16 weights, or with few float experts; leave the plain ones."
            )
        self.network = network
        self._keys: Tensor | None = None
        self._recordings: dict[tuple[int, int, int], tuple[torch.cuda.CUDAGraph, Inputs, Tensor]] = {}
        # One memory for all graphs: they run one after another, and what one returns is copied at once.
        self._pool = torch.cuda.graph_pool_handle()

    @torch.inference_mode()
    def __call__(
        self, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None = None, rows: Tensor | None = None
    ) -> Tensor:
        """A `CanvasPass`; what it returns is not overwritten by a later one."""
        batch, length = canvas_BL.shape
        if batch != cache.batch_size:
            raise UsageError(f"A cache of {cache.batch_size} rows cannot take {batch} canvases.")
        cache.require_room(length, scratch=True)
        if cache.keys[0] is not self._keys:
            self._keys, self._recordings = cache.keys[0], {}
            self._pool = torch.cuda.graph_pool_handle()
        count = length if rows is None else len(rows)
        bucket = context_bucket(cache.length, cache.max_length)
        inputs = gather_inputs(self.network, canvas_BL, cache, soft_BLD, rows)
        key = (length, len(inputs.rows_R), bucket)
        if key not in self._recordings:
            self._recordings[key] = self._record(cache, inputs, length, bucket)
        graph, fixed, hidden_BRD = self._recordings[key]
        fixed.fill(inputs)
        graph.replay()
        return hidden_BRD[:, :count].clone()

    def _record(
        self, cache: KVCache, inputs: Inputs, length: int, bucket: int
    ) -> tuple[torch.cuda.CUDAGraph, Inputs, Tensor]:
        """A graph, the inputs that it reads and the output that it writes.

        The passes made here write to the cache what the replay will write again.
        """
        with torch.cuda.device(self.network.device):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            # Twice, so that libraries have chosen their kernels and taken their memory.
            with torch.cuda.stream(stream):
                for _ in range(2):
                    bucketed_pass(self.network, cache, inputs, length, bucket)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                hidden_BRD = bucketed_pass(self.network, cache, inputs, length, bucket)
        return graph, inputs, hidden_BRD


def gather_inputs(
    network: DiffusionGemma, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None, rows: Tensor | None
) -> Inputs:
    """What a bucketed pass over these rows of a canvas reads, in tensors of its own.

    The last row is repeated up to the bucket's size: it is computed, and written to its slot, several times over.
    """
    batch, length = canvas_BL.shape
    if rows is None:
        rows = torch.arange(length, device=canvas_BL.device)
    missing = row_bucket(len(rows), length) - len(rows)
    rows_R = torch.cat((rows, rows[-1:].expand(missing)))
    if soft_BLD is None:
        soft_BRD = torch.zeros(batch, len(rows_R), network.config.hidden_size, dtype=network.dtype, device=rows.device)
    else:
        soft_BRD = soft_BLD[:, rows_R]
    held_B = torch.tensor(cache.lengths, device=rows.device)
    return Inputs(canvas_BR=canvas_BL[:, rows_R], soft_BRD=soft_BRD, rows_R=rows_R, held_B=held_B)
