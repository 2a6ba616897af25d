"""Weights packed into panels, the order in which tiles read them: `PANEL` outputs side by side, input after input.

Shapes: I inputs, O outputs, n panels of P outputs, B bytes of a panel, E experts, M expert width, D hidden.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma import memory
from dgemma.ops.native.machine import BFLOAT16_DOTS, PANEL, UNPACK_FROM_ROWS, run
from dgemma.ops.native.sizes import BFLOAT16, BFLOAT16_PAIRS, FIXED24, FLOAT32, QUAD
from dgemma.quant import GROUP

# Entries that are compared with their bfloat16 value at once.
_COMPARED_AT_ONCE = 1 << 20
# Weights from this size on use large pages; the TLB covers little memory in small ones.
_LARGE_PAGES_FROM_BYTES = 1 << 22
# Weights of fewer inputs are not reduced to 24 bits: float32 sums of few products are more exact than that.
_FEWEST_INPUTS = 256
# The most that an output's largest weight may be of their root mean square. The unit of 24 bits is then at most 2^-20
# of it, and errors 2^-21.8 on the mean: about that of a float32 sum of 500 products (docs/numerics.md).
_LARGEST_OF_MEAN = 8.0
_MAX_STEPS = (1 << 23) - 1
# Panels that are converted to 24 bits at once. The copies that exist meanwhile then stay in the processor's cache: with
# 2,816 inputs 2.6 times as fast as 64 at once.
_CONVERTED_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Panels:
    """A float weight [O, I], or one for each expert, in panels: values [.., panels, I, P]. Products of few rows are
    bound by memory bandwidth, so the values are bfloat16 where this holds the weight exactly, as it does for most
    files. Other weights are in 24 bits (`sizes.FIXED24`, bytes [.., panels, B]) if these lose no more than float32 sums
    do, else float32. BFLOAT16_PAIRS [.., panels, pairs, P, 2] are for rows in bfloat16."""

    values: Tensor
    outputs: int
    panel_format: int

    @property
    def is_exact(self) -> bool:
        """Whether the panels hold every bit of the weights."""
        return self.panel_format != FIXED24

    def of_expert(self, expert: int) -> "Panels":
        """The panels of one expert."""
        return replace(self, values=self.values[expert])

    def multiply(self, hidden: Tensor) -> Tensor:
        """Rows [.., I] times the weight -> float32 [.., O]; a row's result depends only on the row. BFLOAT16_PAIRS
        round the rows to bfloat16."""
        *leading, size = hidden.shape
        rows, width = hidden.numel() // size if size else 0, padded(self.outputs)
        if self.panel_format == BFLOAT16_PAIRS:
            hidden = (F.pad(hidden, (0, 1)) if size % 2 else hidden).bfloat16().contiguous()
        else:
            hidden = hidden.float().contiguous()
        out_NW = torch.empty(rows, width)
        unpacks = 0 < UNPACK_FROM_ROWS <= rows and self.panel_format == BFLOAT16
        panel_buffer, panel_buffer_stride = _panel_buffers(size if unpacks else 0)
        stride = hidden.itemsize * hidden.shape[-1]
        args = (hidden, stride, rows, self.values, self.panel_format, size, self.outputs, out_NW, 4 * width)
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


def fits_24_bits(weight: Tensor) -> bool:
    """Whether integers of 24 bits, in a unit for each output, lose no more of a float32 weight [.., O, I] than float32
    sums do: it has many inputs, and no output has a weight far beyond its others."""
    if weight.dtype != torch.float32 or weight.shape[-1] < _FEWEST_INPUTS:
        return False
    parts = weight.detach().flatten(0, -2).split(PANEL * _CONVERTED_AT_ONCE)
    return all(map(_have_fine_units, parts))


def _have_fine_units(weight_OI: Tensor) -> bool:
    largest_O = weight_OI.abs().amax(-1)
    mean_O = (weight_OI / largest_O[:, None]).square_().mean(-1).sqrt_()  # nan for weights that are not finite
    is_fine_O = (_LARGEST_OF_MEAN * mean_O >= 1) & (largest_O >= _MAX_STEPS * torch.finfo(torch.float32).tiny)
    return bool((is_fine_O | (largest_O == 0)).all())


def _in_24_bits(weight_nPI: Tensor) -> Tensor:
    """Panels as `sizes.FIXED24` -> bytes [n, B]."""
    unit_nP = weight_nPI.abs().amax(-1) / _MAX_STEPS
    # The bound makes zeros, not nan, of outputs that are zero.
    steps_nPI = (weight_nPI.double() / unit_nP.double().clamp(min=1e-300)[..., None]).round_()
    steps_nIP = steps_nPI.clamp_(-_MAX_STEPS, _MAX_STEPS).int().transpose(1, 2)
    upper_nIP, lower_nIP = (steps_nIP >> 8).short().contiguous(), (steps_nIP & 0xFF).byte()
    inputs_nB = torch.cat((upper_nIP.view(torch.uint8), lower_nIP), dim=-1).flatten(1)
    return torch.cat((inputs_nB, unit_nP.view(torch.uint8)), dim=1)


def _in_pairs(weight_nPI: Tensor) -> Tensor:
    """Panels as `sizes.BFLOAT16_PAIRS` -> [.., n, pairs, P, 2]."""
    return F.pad(weight_nPI, (0, weight_nPI.shape[-1] % 2)).unflatten(-1, (-1, 2)).transpose(-3, -2)


def format_for(*weights: Tensor, exact: bool = False, rows: torch.dtype = torch.float32) -> int:
    """The format in which `lay_out` packs float32 or bfloat16 weights."""
    if BFLOAT16_DOTS and rows == torch.bfloat16 and all(weight.dtype == torch.bfloat16 for weight in weights):
        return BFLOAT16_PAIRS
    if all(map(fits_bfloat16, weights)):
        return BFLOAT16
    return FIXED24 if not exact and all(map(fits_24_bits, weights)) else FLOAT32


def lay_out(*weights: Tensor, exact: bool = False, rows: torch.dtype = torch.float32) -> Panels:
    """Packs float32 or bfloat16 weights [O, I] with the same input, stacked along the outputs, or one weight [E, O, I]
    of all experts. With `exact` the panels hold every bit of them. `rows` is the type of the rows that are multiplied
    with them: float32 or bfloat16."""
    panel_format = format_for(*weights, exact=exact, rows=rows)
    joined = weights[0] if len(weights) == 1 else torch.cat(weights)
    joined = joined.detach()
    outputs, size = joined.shape[-2:]
    if missing := padded(outputs) - outputs:
        joined = F.pad(joined, (0, 0, 0, missing))
    values_EnPI = joined.unflatten(-2, (-1, PANEL))
    if panel_format == FIXED24:
        values = _empty((*values_EnPI.shape[:-2], (3 * size + 4) * PANEL), torch.uint8)
        parts = values_EnPI.flatten(0, -3).split(_CONVERTED_AT_ONCE)
        for part_nPI, place_nB in zip(parts, values.flatten(0, -2).split(_CONVERTED_AT_ONCE), strict=True):
            place_nB.copy_(_in_24_bits(part_nPI))
    else:
        in_order = _in_pairs(values_EnPI) if panel_format == BFLOAT16_PAIRS else values_EnPI.transpose(-1, -2)
        values = _empty(in_order.shape, torch.float32 if panel_format == FLOAT32 else torch.bfloat16)
        values.copy_(in_order)
    return Panels(values=values, outputs=outputs, panel_format=panel_format)


def _empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    count = math.prod(shape)
    num_bytes = count * dtype.itemsize
    if num_bytes < _LARGE_PAGES_FROM_BYTES or (buffer := memory.in_large_pages(num_bytes)) is None:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(buffer, dtype=dtype, count=count).view(shape)


def panels(*weights_OI: Tensor, panel_format: int) -> Tensor:
    """Float weights [O, I] with the same input, stacked along the outputs -> [panels, I, P], float32 or bfloat16, or
    BFLOAT16_PAIRS [panels, pairs, P, 2]."""
    joined_OI = torch.cat(weights_OI).to(torch.float32 if panel_format == FLOAT32 else torch.bfloat16)
    padded_OI = F.pad(joined_OI, (0, 0, 0, padded(len(joined_OI)) - len(joined_OI)))
    values_nPI = padded_OI.view(-1, PANEL, joined_OI.shape[1])
    in_order = _in_pairs(values_nPI) if panel_format == BFLOAT16_PAIRS else values_nPI.transpose(1, 2)
    return in_order.contiguous()


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
