"""Weights laid out once in the order in which tiles read them: `PANEL` outputs side by side, panel after panel.

Shapes: I inputs, O outputs, n panels of P outputs, E experts, M expert width, D hidden.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma import memory
from dgemma.ops.native.machine import PANEL, run
from dgemma.ops.native.sizes import QUAD
from dgemma.quant import GROUP

# Entries that are compared with their bfloat16 at once.
_PART = 1 << 20
# Bytes of a weight that lies in large pages; the processor keeps the addresses of few small ones.
_IN_LARGE_PAGES_FROM = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Panels:
    """A float weight [O, I], or one for each expert, as tiles read it: values_EnIP [.., panels, I, P], bfloat16 where
    that holds it exactly, as it does the weights of most files: few rows wait for memory."""

    values_EnIP: Tensor
    outputs: int

    @property
    def halves(self) -> bool:
        """Whether they are bfloat16."""
        return self.values_EnIP.dtype == torch.bfloat16

    def of_expert(self, expert: int) -> "Panels":
        """Those of one expert."""
        return Panels(values_EnIP=self.values_EnIP[expert], outputs=self.outputs)

    def multiply(self, hidden: Tensor) -> Tensor:
        """float32 rows [.., I] times the weight -> [.., O]; what a row gives depends on nothing but the row."""
        *leading, size = hidden.shape
        rows, width = hidden.numel() // size if size else 0, padded(self.outputs)
        hidden, out_NW = hidden.contiguous(), hidden.new_empty(rows, width)
        room, room_step = _unpacking_room(size if self.halves and rows > 1 else 0)
        given = (hidden, 4 * size, rows, self.values_EnIP, int(self.halves), size, self.outputs, out_NW, 4 * width)
        run("product_panels", *given, room, room_step)
        return out_NW[:, : self.outputs].reshape(*leading, self.outputs)


def _unpacking_room(size: int) -> tuple[Tensor | int, int]:
    """Where each thread makes a panel of `size` inputs float32 (0 for none), and the bytes of one thread's."""
    step = 4 * PANEL * size
    return (torch.empty(step * torch.get_num_threads(), dtype=torch.uint8) if size else 0), step


def are_halves(weight: Tensor) -> bool:
    """Whether bfloat16 holds a float weight exactly."""
    if weight.dtype == torch.bfloat16:
        return True
    # A part at a time, of which the first mostly tells that it does not.
    return all(torch.equal(part.bfloat16().float(), part) for part in weight.detach().flatten().split(_PART))


def lay_out(*weights: Tensor) -> Panels:
    """float32 or bfloat16 weights [O, I] of one input, one below the other, or one weight [E, O, I] for each expert."""
    halves = all(map(are_halves, weights))
    joined = weights[0] if len(weights) == 1 else torch.cat(weights)
    joined = joined.detach()
    *experts, outputs, size = joined.shape
    if missing := padded(outputs) - outputs:
        joined = F.pad(joined, (0, 0, 0, missing))
    shape = (*experts, padded(outputs) // PANEL, size, PANEL)
    values_EnIP = _empty(shape, torch.bfloat16 if halves else torch.float32)
    values_EnIP.copy_(joined.unflatten(-2, (-1, PANEL)).transpose(-1, -2))
    return Panels(values_EnIP=values_EnIP, outputs=outputs)


def _empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    count = math.prod(shape)
    if count * dtype.itemsize < _IN_LARGE_PAGES_FROM or (room := memory.in_large_pages(count * dtype.itemsize)) is None:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(room, dtype=dtype, count=count).view(shape)


def panels(*weights_OI: Tensor, halves: bool) -> Tensor:
    """Float weights of one input, one below the other -> [panels, I, P], bfloat16 if they are `halves`."""
    joined_OI = torch.cat(weights_OI).to(torch.bfloat16 if halves else torch.float32)
    padded_OI = F.pad(joined_OI, (0, 0, 0, padded(len(joined_OI)) - len(joined_OI)))
    return padded_OI.view(-1, PANEL, joined_OI.shape[1]).transpose(1, 2).contiguous()


def quantised_panels(weights: Sequence[Tensor], scales: Sequence[Tensor]) -> Tensor:
    """int8 [O, I] or int4 [O, I / 2] weights of one input, one below the other, with scales [O] or [O, groups] -> bytes
    [panels, ..], a panel's four inputs of each output side by side and behind them its float32 scales [groups, P].

    Bytes are what a weight is above the least of its kind; int4 inputs stand in the order that
    `quantised_kernels.quantise_row` gives rows.
    """
    joined = torch.cat(list(weights))
    scale_OG = torch.cat([scale.view(len(scale), -1) for scale in scales])
    if joined.dtype == torch.int8:
        quads_OQ4 = joined.view(torch.uint8).bitwise_xor(0x80).unflatten(1, (-1, QUAD))
    else:
        words = joined.unflatten(1, (-1, QUAD))
        quads_OQ4 = torch.stack((words & 15, words >> 4), dim=2).flatten(1, 2)
    missing = padded(len(joined)) - len(joined)
    quads_OQ4, scale_OG = F.pad(quads_OQ4, (0, 0, 0, 0, 0, missing)), F.pad(scale_OG, (0, 0, 0, missing))
    bytes_NB = quads_OQ4.view(-1, PANEL, *quads_OQ4.shape[1:]).transpose(1, 2).flatten(1)
    scales_NB = scale_OG.view(-1, PANEL, scale_OG.shape[1]).transpose(1, 2).flatten(1).contiguous().view(torch.uint8)
    return torch.cat((bytes_NB, scales_NB), dim=1).contiguous()


def side_by_side(down_EDM: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """The experts' down projections as one weight [D, E M] (of int4 half as many bytes), its scales [D, groups]."""
    if scale.ndim == 2:
        # An int8 scale is an expert's own: each group of its inputs has it.
        scale = scale[..., None].expand(-1, -1, down_EDM.shape[2] // GROUP)
    return down_EDM.transpose(0, 1).flatten(1), scale.transpose(0, 1).flatten(1)


def padded(outputs: int) -> int:
    """So many outputs in whole panels."""
    return -(-outputs // PANEL) * PANEL


def gated(gate_up_N2M: Tensor) -> Tensor:
    """gelu(gate) * up of float32 rows that hold both side by side -> [N, M]."""
    rows, width = len(gate_up_N2M), gate_up_N2M.shape[1] // 2
    out_NM = gate_up_N2M.new_empty(rows, width)
    run("gated", gate_up_N2M.contiguous(), out_NM, rows, width)
    return out_NM
