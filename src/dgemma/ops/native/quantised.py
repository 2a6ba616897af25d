"""Products of rows with int8 and int4 weights in integer arithmetic, and all routed experts of many rows.

Rows become int8 with a scale each, so that a row's result depends on nothing but the row; sums are exact, and what is
lost is the rounding of the rows to 255 values (to 129 before int8 weights where the processor has no VNNI). Weights are
read where they lie: there is no copy of them in another order. `quant.quantise` and a product in float are the oracle.

Shapes: N rows, I inputs, O outputs, G groups of inputs; D hidden, E experts, M expert width, k experts of a row,
P = N * k pairs of a row and one of its experts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgemma.ops.native.machine import DOTS, PANEL, run
from dgemma.ops.native.sizes import PART_ROWS, QUAD, ROUTED_ROWS
from dgemma.quant import GROUP


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """values_NI int8, scale_N float32, sums_NG int32: each group's sum times -8, or each row's times -128."""

    values_NI: Tensor
    scale_N: Tensor
    sums_NG: Tensor


def multiplies(weight: Tensor) -> bool:
    """Whether this machine multiplies rows with such a weight [.., O, I] (of int4 [.., O, I / 2]) faster so."""
    whole = weight.dtype == torch.int8 and weight.shape[-1] % QUAD == 0
    return bool(DOTS) and (whole or weight.dtype == torch.uint8)


def multiply(hidden: Tensor, weights: Sequence[Tensor], scales: Sequence[Tensor]) -> Tensor:
    """Rows [.., I], float32, times several weights of one kind -> [.., sum of O], their outputs side by side.

    Weights are contiguous, [O, I] int8 or [O, I / 2] int4, with their scales (`dgemma.quant`).
    """
    size, outputs = hidden.shape[-1], [len(weight) for weight in weights]
    rows = _quantised(hidden.reshape(-1, size), weights[0])
    out = hidden.new_empty(*hidden.shape[:-1], sum(outputs))
    room, room_step = _room(size)
    address, step = out.data_ptr(), 4 * sum(outputs)
    for weight, scale, count in zip(weights, scales, outputs, strict=True):
        run(
            "product_rows",
            *(rows.values_NI, rows.sums_NG, rows.scale_N, weight, scale, address, step, room, room_step),
            *(len(rows.scale_N), count, size, _is_grouped(weight)),
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
    """`reference.experts` of float32 rows -> [N, D], the weights int8 or int4 with `scales` of both."""
    (rows, top_k), size = ids_Nk.shape, hidden_ND.shape[1]
    num_experts, pairs = len(gate_up_E2MD), ids_Nk.numel()
    width, grouped = gate_up_E2MD.shape[1] // 2, _is_grouped(gate_up_E2MD)
    order_P = ids_Nk.flatten().argsort(stable=True)
    counts_E = ids_Nk.flatten().bincount(minlength=num_experts)
    back_P = torch.empty_like(order_P).scatter_(0, order_P, torch.arange(pairs))
    given = _quantised(hidden_ND, gate_up_E2MD)
    out_ND, weights_Nk = hidden_ND.new_empty(rows, size), weights_Nk.float().contiguous()
    (room, room_step), meeting = _room(max(size, width)), torch.zeros(1, dtype=torch.long)
    addresses = {
        **{"values": given.values_NI, "sums": given.sums_NG, "scale": given.scale_N},
        **{"rows_of_pairs": order_P // top_k, "counts": counts_E, "back": back_P, "weights": weights_Nk},
        **{"gate_up": gate_up_E2MD, "gate_up_scale": scales[0], "down": down_EDM, "down_scale": scales[1]},
        "pair_values": given.values_NI.new_empty(pairs, size),
        "pair_sums": given.sums_NG.new_empty(pairs, given.sums_NG.shape[1]),
        "pair_scale": given.scale_N.new_empty(pairs),
        "inner": hidden_ND.new_empty(pairs, 2 * width),
        "inner_values": given.values_NI.new_empty(pairs, width),
        "inner_sums": given.sums_NG.new_empty(pairs, width // GROUP if grouped else 1),
        "answers": hidden_ND.new_empty(pairs, size),
        **{"out": out_ND, "room": room, "meeting": meeting},
    }
    sizes = {"room_step": room_step, "rows": rows, "top_k": top_k, "size": size, "width": width}
    known = {**addresses, **sizes, "experts": num_experts, "grouped": grouped}
    run("experts_rows", *(known[name] for name in ROUTED_ROWS))
    return out_ND


def _is_grouped(weight: Tensor) -> int:
    return int(weight.dtype == torch.uint8)


def _quantised(hidden_NI: Tensor, weight: Tensor) -> _Rows:
    """Rows as a weight of this kind meets them."""
    rows, size = hidden_NI.shape
    grouped = _is_grouped(weight)
    hidden_NI = hidden_NI.contiguous()
    found = _Rows(
        values_NI=torch.empty(rows, size, dtype=torch.int8),
        scale_N=torch.empty(rows),
        sums_NG=torch.empty(rows, size // GROUP if grouped else 1, dtype=torch.int32),
    )
    run("quantise_rows", hidden_NI, found.values_NI, found.scale_N, found.sums_NG, rows, size, grouped)
    return found


def row_room(size: int) -> int:
    """Bytes of the room in which a thread puts a panel of so many inputs, its scales and a part of what comes out."""
    step = PANEL * size + 4 * PANEL * (-(-size // GROUP) + PART_ROWS)
    return -(-step // 64) * 64


def _room(size: int) -> tuple[Tensor, int]:
    """Room for each thread, and the bytes of one's."""
    step = row_room(size)
    return torch.empty(step * torch.get_num_threads() + 64, dtype=torch.uint8), step
