"""Weights laid out once in the order in which tiles read them: `PANEL` outputs side by side, panel after panel.

Shapes: I inputs, O outputs, P outputs of a panel, E experts, M expert width, D hidden.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma.ops.native.machine import PANEL
from dgemma.ops.native.sizes import QUAD
from dgemma.quant import GROUP


def are_halves(weight: Tensor) -> bool:
    """Whether bfloat16 holds a float32 weight exactly."""
    return torch.equal(weight.bfloat16().float(), weight)


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
