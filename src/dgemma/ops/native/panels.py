"""Weights packed into panels, the order in which tiles read them: `PANEL` outputs side by side, input after input.

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

# Entries that are compared with their bfloat16 value at once.
_COMPARED_AT_ONCE = 1 << 20
# Weights from this size on use large pages; the TLB covers little memory in small ones.
_LARGE_PAGES_FROM_BYTES = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Panels:
    """A float weight [O, I], or one for each expert, in panels: values_EnIP [.., panels, I, P]. bfloat16 if it holds
    the weight exactly, as it does for most files: products of few rows are bound by memory bandwidth."""

    values_EnIP: Tensor
    outputs: int

    @property
    def is_bfloat16(self) -> bool:
        """Whether the panels are bfloat16."""
        return self.values_EnIP.dtype == torch.bfloat16

    def of_expert(self, expert: int) -> "Panels":
        """The panels of one expert."""
        return Panels(values_EnIP=self.values_EnIP[expert], outputs=self.outputs)

    def multiply(self, hidden: Tensor) -> Tensor:
        """float32 rows [.., I] times the weight -> [.., O]; a row's result depends only on the row."""
        *leading, size = hidden.shape
        rows, width = hidden.numel() // size if size else 0, padded(self.outputs)
        hidden, out_NW = hidden.contiguous(), hidden.new_empty(rows, width)
        panel_buffer, panel_buffer_stride = _panel_buffers(size if self.is_bfloat16 and rows > 1 else 0)
        args = (hidden, 4 * size, rows, self.values_EnIP, int(self.is_bfloat16), size, self.outputs, out_NW, 4 * width)
        run("product_panels", *args, panel_buffer, panel_buffer_stride)
        return out_NW[:, : self.outputs].reshape(*leading, self.outputs)


def _panel_buffers(size: int) -> tuple[Tensor | int, int]:
    """A buffer for each thread to convert a panel of `size` inputs to float32 (0 for none), and the bytes of one."""
    stride = 4 * PANEL * size
    return (torch.empty(stride * torch.get_num_threads(), dtype=torch.uint8) if size else 0), stride


def fits_bfloat16(weight: Tensor) -> bool:
    """Whether bfloat16 holds a float weight exactly."""
    if weight.dtype == torch.bfloat16:
        return True
    # A part at a time: if it does not, the first part usually shows it.
    parts = weight.detach().flatten().split(_COMPARED_AT_ONCE)
    return all(torch.equal(part.bfloat16().float(), part) for part in parts)


def lay_out(*weights: Tensor) -> Panels:
    """Packs float32 or bfloat16 weights [O, I] with the same input, stacked along the outputs, or one weight [E, O, I]
    of all experts."""
    is_bfloat16 = all(map(fits_bfloat16, weights))
    joined = weights[0] if len(weights) == 1 else torch.cat(weights)
    joined = joined.detach()
    *experts, outputs, size = joined.shape
    if missing := padded(outputs) - outputs:
        joined = F.pad(joined, (0, 0, 0, missing))
    shape = (*experts, padded(outputs) // PANEL, size, PANEL)
    values_EnIP = _empty(shape, torch.bfloat16 if is_bfloat16 else torch.float32)
    values_EnIP.copy_(joined.unflatten(-2, (-1, PANEL)).transpose(-1, -2))
    return Panels(values_EnIP=values_EnIP, outputs=outputs)


def _empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    count = math.prod(shape)
    num_bytes = count * dtype.itemsize
    if num_bytes < _LARGE_PAGES_FROM_BYTES or (buffer := memory.in_large_pages(num_bytes)) is None:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(buffer, dtype=dtype, count=count).view(shape)


def panels(*weights_OI: Tensor, is_bfloat16: bool) -> Tensor:
    """Float weights [O, I] with the same input, stacked along the outputs -> [panels, I, P], float32 or bfloat16."""
    joined_OI = torch.cat(weights_OI).to(torch.bfloat16 if is_bfloat16 else torch.float32)
    padded_OI = F.pad(joined_OI, (0, 0, 0, padded(len(joined_OI)) - len(joined_OI)))
    return padded_OI.view(-1, PANEL, joined_OI.shape[1]).transpose(1, 2).contiguous()


def quantised_panels(weights: Sequence[Tensor], scales: Sequence[Tensor]) -> Tensor:
    """int8 [O, I] or int4 [O, I / 2] weights with the same input, stacked along the outputs, with scales [O] or
    [O, groups] -> bytes [panels, ..]: the quads of a panel's outputs side by side, then its float32 scales [groups, P].

    Bytes are unsigned: 128 (int8) or 8 (int4) is added to each weight. int4 inputs are in the order of
    `quantised_kernels.quantise_row`.
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


def concatenate_experts(down_EDM: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """The experts' down projections as one weight [D, E M] (int4: half as many bytes), and its scales [D, groups]."""
    if scale.ndim == 2:
        # int8 weights have one scale for each expert and output, which all groups of that expert's inputs share.
        scale = scale[..., None].expand(-1, -1, down_EDM.shape[2] // GROUP)
    return down_EDM.transpose(0, 1).flatten(1), scale.transpose(0, 1).flatten(1)


def padded(outputs: int) -> int:
    """`outputs` rounded up to whole panels."""
    return -(-outputs // PANEL) * PANEL


def gated(gate_up_N2M: Tensor) -> Tensor:
    """gelu(gate) * up of float32 rows with gate and up side by side -> [N, M]."""
    rows, width = len(gate_up_N2M), gate_up_N2M.shape[1] // 2
    out_NM = gate_up_N2M.new_empty(rows, width)
    run("gated", gate_up_N2M.contiguous(), out_NM, rows, width)
    return out_NM
