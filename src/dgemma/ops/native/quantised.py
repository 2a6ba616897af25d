"""Products of many rows with int8 and int4 weights in integer arithmetic, and the routed experts of many rows.

Each row is quantised to int8 with its own scale, so a row's result depends only on the row. Sums are exact; the only
loss is the rounding of the rows to 255 values (129 for int8 weights on processors without VNNI). Weights are read in
place, without a packed copy. Tests compare with products in float of the dequantised weights.

Shapes: N rows, I inputs, O outputs, G groups of inputs; D hidden, E experts, M expert width, k experts of a row,
P = N * k pairs of a row and one of its experts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgemma.ops.native.machine import DOTS, PANEL, run
from dgemma.ops.native.sizes import EDGE_ROWS, INT4, INT8, QUAD, ROUTED_ARGUMENTS
from dgemma.quant import GROUP


@dataclass(frozen=True, kw_only=True)
class _QuantisedRows:
    """values_NI int8, scale_N float32, sums_NG int32: the sum of each group times -8 (int4), or of each row times -128
    (int8)."""

    values_NI: Tensor
    scale_N: Tensor
    sums_NG: Tensor


def multiplies(weight: Tensor) -> bool:
    """Whether integer products with this weight, int8 [.., O, I] or int4 [.., O, I / 2], are supported here."""
    is_int8 = weight.dtype == torch.int8 and weight.shape[-1] % QUAD == 0
    return bool(DOTS) and (is_int8 or weight.dtype == torch.uint8)


def multiply(hidden: Tensor, weights: Sequence[Tensor], scales: Sequence[Tensor]) -> Tensor:
    """float32 rows [.., I] times several weights of one format -> [.., sum of O], their outputs side by side.

    Weights are contiguous, int8 [O, I] or int4 [O, I / 2], with their scales (`dgemma.quant`).
    """
    size, outputs = hidden.shape[-1], [len(weight) for weight in weights]
    rows = _quantise(hidden.reshape(-1, size), weights[0])
    out = hidden.new_empty(*hidden.shape[:-1], sum(outputs))
    panel_buffer, panel_buffer_stride = _panel_buffers(size)
    address, stride = out.data_ptr(), 4 * sum(outputs)
    for weight, scale, count in zip(weights, scales, outputs, strict=True):
        run(
            "product_rows",
            *(rows.values_NI, rows.sums_NG, rows.scale_N, weight, scale, address, stride),
            *(panel_buffer, panel_buffer_stride, len(rows.scale_N), count, size, _weight_format(weight)),
        )
        address += 4 * count
    return out


def experts(
    hidden_ND: Tensor,
    weights_Nk: Tensor,
    ids_Nk: Tensor,
    gate_up_E2MD: Tensor,
    down_EDM: Tensor,
    scales: Sequence[Tensor],
) -> Tensor:
    """`reference.experts` of float32 rows -> [N, D], for int8 or int4 weights with the `scales` of both."""
    (rows, top_k), size = ids_Nk.shape, hidden_ND.shape[1]
    num_experts, pairs = len(gate_up_E2MD), ids_Nk.numel()
    width, weight_format = gate_up_E2MD.shape[1] // 2, _weight_format(gate_up_E2MD)
    slots_P = ids_Nk.flatten().argsort(stable=True)
    expert_counts_E = ids_Nk.flatten().bincount(minlength=num_experts)
    pair_of_slot_P = torch.empty_like(slots_P).scatter_(0, slots_P, torch.arange(pairs))
    quantised = _quantise(hidden_ND, gate_up_E2MD)
    out_ND, weights_Nk = hidden_ND.new_empty(rows, size), weights_Nk.float().contiguous()
    (panel_buffer, panel_buffer_stride), barrier = _panel_buffers(max(size, width)), torch.zeros(1, dtype=torch.long)
    addresses = {
        **{"values": quantised.values_NI, "sums": quantised.sums_NG, "scale": quantised.scale_N},
        **{"row_of_pair": slots_P // top_k, "expert_counts": expert_counts_E, "pair_of_slot": pair_of_slot_P},
        **{"weights": weights_Nk},
        **{"gate_up": gate_up_E2MD, "gate_up_scale": scales[0], "down": down_EDM, "down_scale": scales[1]},
        "pair_values": quantised.values_NI.new_empty(pairs, size),
        "pair_sums": quantised.sums_NG.new_empty(pairs, quantised.sums_NG.shape[1]),
        "pair_scale": quantised.scale_N.new_empty(pairs),
        "inner": hidden_ND.new_empty(pairs, 2 * width),
        "inner_values": quantised.values_NI.new_empty(pairs, width),
        "inner_sums": quantised.sums_NG.new_empty(pairs, width // GROUP if weight_format == INT4 else 1),
        "expert_out": hidden_ND.new_empty(pairs, size),
        **{"out": out_ND, "panel_buffer": panel_buffer, "barrier": barrier},
    }
    sizes = {"panel_buffer_stride": panel_buffer_stride, "num_rows": rows, "top_k": top_k, "hidden_size": size}
    sizes |= {"expert_width": width, "num_experts": num_experts, "weight_format": weight_format}
    arguments = {**addresses, **sizes}
    run("experts_rows", *(arguments[name] for name in ROUTED_ARGUMENTS))
    return out_ND


def _weight_format(weight: Tensor) -> int:
    return INT4 if weight.dtype == torch.uint8 else INT8


def _quantise(hidden_NI: Tensor, weight: Tensor) -> _QuantisedRows:
    """Rows quantised for a weight of this format."""
    rows, size = hidden_NI.shape
    weight_format = _weight_format(weight)
    hidden_NI = hidden_NI.contiguous()
    quantised = _QuantisedRows(
        values_NI=torch.empty(rows, size, dtype=torch.int8),
        scale_N=torch.empty(rows),
        sums_NG=torch.empty(rows, size // GROUP if weight_format == INT4 else 1, dtype=torch.int32),
    )
    run(
        "quantise_rows", hidden_NI, quantised.values_NI, quantised.scale_N, quantised.sums_NG, rows, size, weight_format
    )
    return quantised


def panel_buffer_size(size: int) -> int:
    """Bytes of a thread's buffer for an unpacked panel of `size` inputs, its scales and EDGE_ROWS rows of outputs."""
    stride = PANEL * size + 4 * PANEL * (-(-size // GROUP) + EDGE_ROWS)
    return -(-stride // 64) * 64


def _panel_buffers(size: int) -> tuple[Tensor, int]:
    """The panel buffers of all threads, and the bytes of one."""
    stride = panel_buffer_size(size)
    return torch.empty(stride * torch.get_num_threads() + 64, dtype=torch.uint8), stride
