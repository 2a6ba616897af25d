"""Products of many rows with int8 and int4 weights: what runs in C.

Rows become int8 themselves, each with a scale of its own, and bytes are multiplied with bytes. A row's result depends
on nothing but the row.

Large weights are read where they lie, a panel of outputs at a time: its bytes are put in the order in which tiles read
them into a room that stays in cache, and meet all rows there. Those of small networks are laid out so once
(`panels.py`). `nibbles` tells of int4 weights, `grouped` of scales for each group of inputs, as int4 weights have them
and (`BYTES_BY_GROUP`) the experts of a small int8 network. A byte of a panel is what the weight is above the least of
its kind, -8 or -128; what that adds to a product is taken off by the sum of the row's numbers.

Shapes: N rows, O outputs, I inputs, G groups of them, P outputs of a panel.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import (
    array_at,
    called,
    inlined,
    largest_magnitude_at,
    thread_number,
    word_pointer,
)
from dgemma.ops.native.kernels import bytes_at, floats, integers, share
from dgemma.ops.native.machine import LANES, LARGEST_FOR_INT8, PANEL
from dgemma.ops.native.pair_kernels import gate_pairs, sum_answers
from dgemma.ops.native.panel_kernels import by_rows, meet
from dgemma.ops.native.quantised_tiles import TILES, TILES_OF_BYTES, TILES_OF_GROUPS, turn_int4, turn_int8
from dgemma.ops.native.sizes import BYTES_BY_GROUP, PART_ROWS, QUAD, ROUTED_ROWS
from dgemma.quant import GROUP

_LARGEST = 127
_ZERO = np.float32(0.0)
_LOW, _SIGNS = np.int32(0x0F0F0F0F), np.int32(-0x7F7F7F80)
_PACKED = 8  # int4 inputs of a word

# The places of `sizes.ROUTED_ROWS`.
_VALUES, _SUMS, _SCALE, _ROWS_OF_PAIRS, _COUNTS, _BACK, _WEIGHTS = range(0, 7)
_GATE_UP, _GATE_UP_SCALE, _DOWN, _DOWN_SCALE = range(7, 11)
_PAIR_VALUES, _PAIR_SUMS, _PAIR_SCALE, _INNER, _INNER_VALUES, _INNER_SUMS, _ANSWERS, _OUT = range(11, 19)
_ROOM, _ROOM_STEP, _MEETING, _ROWS, _TOP_K, _SIZE, _WIDTH, _EXPERTS, _GROUPED = range(19, 28)
_ROUTED_LENGTH = len(ROUTED_ROWS)


@inlined
def words(address: Any, size: Any) -> Any:
    """The int32 numbers at an address, as an array."""
    return array_at(word_pointer(address), size)


@called
def quantise_row(source: Any, target: Any, scale: Any, sums: Any, size: Any, group: Any, nibbles: Any) -> None:
    """A float32 row -> int8 and its scale, and the sums of its groups times -128; for weights of `nibbles` times -8,
    and the even inputs of eight before the odd ones, as these have them. All addresses."""
    own, out, found = floats(source, size), bytes_at(target, size), words(sums, size // group)
    step = largest_magnitude_at(source, size) / np.float32(_LARGEST if nibbles else LARGEST_FOR_INT8)
    floats(scale, 1)[0] = step
    back = np.float32(1.0) / step if step > _ZERO else _ZERO
    for number in range(size // group):
        total = np.int32(0)
        if nibbles:
            for eight in range(group // _PACKED):
                first = number * group + eight * _PACKED
                for at in range(_PACKED):
                    value = np.int32(np.rint(own[first + at] * back))
                    total += value
                    out[first + (at % 2) * QUAD + at // 2] = np.int8(value)
        else:
            first = number * group
            for at in range(group):
                value = np.int32(np.rint(own[first + at] * back))
                total += value
                out[first + at] = np.int8(value)
        found[number] = total * (np.int32(-8) if nibbles else np.int32(-128))


def quantise_rows(arguments: Any) -> None:
    """`quantise_row` of all rows: hidden_NI, values_NI, scale_N, sums_NG, then N, I, whether weights are int4."""
    given = array_at(arguments, 7)
    size, grouped = given[5], given[6]
    group = GROUP if grouped else size
    first, last = share(given[4])
    for row in range(first, last):
        source, target, sums = given[0] + 4 * row * size, given[1] + row * size, given[3] + 4 * row * (size // group)
        quantise_row(source, target, given[2] + 4 * row, sums, size, group, grouped)


@called
def _unpack_int8(weight: Any, first: Any, outputs: Any, size: Any, room: Any) -> None:
    """The panel's bytes, in the order in which tiles read them."""
    quads, turned = size // QUAD, 0
    if first + PANEL <= outputs:
        turned = quads // LANES * LANES
        for half in range(2):
            for quad in range(0, turned, LANES):
                source = weight + (first + half * LANES) * size + QUAD * quad
                turn_int8(source, size, room + 4 * (quad * PANEL + half * LANES))
    panel = words(room, quads * PANEL)
    for at in range(PANEL):
        own = words(weight + min(first + at, outputs - 1) * size, quads)
        for quad in range(turned, quads):
            panel[quad * PANEL + at] = own[quad] ^ _SIGNS


@called
def _unpack_int4(weight: Any, first: Any, outputs: Any, size: Any, room: Any) -> None:
    """The panel's bytes, in the order in which tiles read them."""
    count, turned = size // _PACKED, 0
    if first + PANEL <= outputs:
        turned = count // LANES * LANES
        for half in range(2):
            for word in range(0, turned, LANES):
                source = weight + (first + half * LANES) * (size // 2) + 4 * word
                turn_int4(source, size // 2, room + 4 * (2 * word * PANEL + half * LANES))
    panel = words(room, 2 * count * PANEL)
    for at in range(PANEL):
        own = words(weight + min(first + at, outputs - 1) * (size // 2), count)
        for word in range(turned, count):
            both = own[word]
            panel[2 * word * PANEL + at] = both & _LOW
            panel[(2 * word + 1) * PANEL + at] = (both >> np.int32(4)) & _LOW


@called
def _unpack_scales(scale: Any, first: Any, outputs: Any, groups: Any, room: Any) -> None:
    panel = floats(room, groups * PANEL)
    for at in range(PANEL):
        own = floats(scale + 4 * min(first + at, outputs - 1) * groups, groups)
        for group in range(groups):
            panel[group * PANEL + at] = own[group]


_tile, _tile_of_groups = by_rows(TILES), by_rows(TILES_OF_GROUPS)
_tile_of_bytes = _tile_of_groups if TILES_OF_BYTES is TILES_OF_GROUPS else by_rows(TILES_OF_BYTES)
_MOST_ROWS, _MOST_OF_GROUPS = len(TILES), len(TILES_OF_GROUPS)


@inlined
def _copy_part(source: Any, target: Any, step: Any, rows: Any, count: Any) -> None:
    for row in range(rows):
        own, out = floats(source + 4 * PANEL * row, count), floats(target + step * row, count)
        for at in range(count):
            out[at] = own[at]


@called
def _multiply_panel(
    hidden: Any,
    sums: Any,
    row_scales: Any,
    rows: Any,
    panel: Any,
    scales: Any,
    size: Any,
    grouped: Any,
    out: Any,
    out_step: Any,
) -> None:
    """All rows times one panel."""
    groups, most = (size // GROUP, _MOST_OF_GROUPS) if grouped else (1, _MOST_ROWS)
    tiles, row = (rows + most - 1) // most, 0
    for tile in range(tiles):
        # Tiles of nearly the same size: one of a single row would wait for its sums.
        count = (rows - tile + tiles - 1) // tiles
        source, own_sums, row_scale = hidden + row * size, sums + 4 * row * groups, row_scales + 4 * row
        target = out + row * out_step
        if grouped == BYTES_BY_GROUP:
            _tile_of_bytes(
                count, source, size, own_sums, 4 * groups, row_scale, panel, scales, groups, target, out_step
            )
        elif grouped:
            _tile_of_groups(
                count, source, size, own_sums, 4 * groups, row_scale, panel, scales, groups, target, out_step
            )
        else:
            _tile(count, source, size, own_sums, 4, row_scale, panel, scales, size // QUAD, target, out_step)
        row += count


@called
def multiply_panels(
    hidden: Any,
    sums: Any,
    row_scales: Any,
    rows: Any,
    panels: Any,
    size: Any,
    outputs: Any,
    grouped: Any,
    out: Any,
    out_step: Any,
) -> None:
    """out_NO = rows times weight for this thread's panels, which are laid out, each with its scales behind it; out has
    room for whole panels."""
    first, last = share((outputs + PANEL - 1) // PANEL)
    step = PANEL * size + 4 * PANEL * (size // GROUP if grouped else 1)
    for number in range(first, last):
        panel, target = panels + number * step, out + 4 * PANEL * number
        _multiply_panel(hidden, sums, row_scales, rows, panel, panel + PANEL * size, size, grouped, target, out_step)


@called
def multiply_quantised(
    hidden: Any,
    sums: Any,
    row_scales: Any,
    rows: Any,
    weight: Any,
    scale: Any,
    outputs: Any,
    size: Any,
    grouped: Any,
    out: Any,
    out_step: Any,
    room: Any,
) -> None:
    """out_NO = rows times weight for this thread's panels; `room` is its own, `out_step` bytes from row to row."""
    # What no row meets is not read: of 128 experts, 8 rows meet 51.
    first, last = share((outputs + PANEL - 1) // PANEL if rows else 0)
    groups = size // GROUP if grouped else 1
    scales = room + PANEL * size
    for number in range(first, last):
        begin = number * PANEL
        if grouped:
            _unpack_int4(weight, begin, outputs, size, room)
        else:
            _unpack_int8(weight, begin, outputs, size, room)
        _unpack_scales(scale, begin, outputs, groups, scales)
        if begin + PANEL <= outputs:
            _multiply_panel(hidden, sums, row_scales, rows, room, scales, size, grouped, out + 4 * begin, out_step)
        else:
            # What is beyond the last output must not be written over what follows it, a few rows at a time.
            part = scales + 4 * PANEL * groups
            for row in range(0, rows, PART_ROWS):
                count, source, own_sums = min(PART_ROWS, rows - row), hidden + row * size, sums + 4 * row * groups
                _multiply_panel(
                    source, own_sums, row_scales + 4 * row, count, room, scales, size, grouped, part, 4 * PANEL
                )
                _copy_part(part, out + row * out_step + 4 * begin, out_step, count, outputs - begin)


def product_rows(arguments: Any) -> None:
    """out_NO = rows times weight: values_NI (int8), sums_NG, scale_N, the weight and its scale, out and its bytes from
    row to row, room for each thread and the bytes of one, then N, O, I, whether the weight is int4."""
    given = array_at(arguments, 13)
    rows, outputs, size, grouped = given[9], given[10], given[11], given[12]
    room = given[7] + given[8] * thread_number()
    multiply_quantised(
        given[0], given[1], given[2], rows, given[3], given[4], outputs, size, grouped, given[5], given[6], room
    )


@called
def gather_quantised(
    pairs: Any,
    rows_of_pairs: Any,
    values: Any,
    sums: Any,
    scales: Any,
    pair_values: Any,
    pair_sums: Any,
    pair_scales: Any,
    size: Any,
    groups: Any,
) -> None:
    """Each pair's row, its sums and its scale."""
    rows = integers(rows_of_pairs, pairs)
    first, last = share(pairs)
    for pair in range(first, last):
        row = rows[pair]
        source, target = bytes_at(values + row * size, size), bytes_at(pair_values + pair * size, size)
        for at in range(size):
            target[at] = source[at]
        own, out = words(sums + 4 * row * groups, groups), words(pair_sums + 4 * pair * groups, groups)
        for at in range(groups):
            out[at] = own[at]
        floats(pair_scales + 4 * pair, 1)[0] = floats(scales + 4 * row, 1)[0]


@called
def quantise_pairs(
    pairs: Any, source: Any, step: Any, values: Any, sums: Any, scales: Any, size: Any, group: Any, nibbles: Any
) -> None:
    """`quantise_row` of what each pair has come to."""
    first, last = share(pairs)
    for pair in range(first, last):
        own_values, own_sums = values + pair * size, sums + 4 * pair * (size // group)
        quantise_row(source + pair * step, own_values, scales + 4 * pair, own_sums, size, group, nibbles)


@called
def multiply_by_expert(
    counts: Any,
    experts: Any,
    values: Any,
    sums: Any,
    scales: Any,
    one_row: Any,
    weight: Any,
    weight_scale: Any,
    outputs: Any,
    size: Any,
    grouped: Any,
    out: Any,
    out_step: Any,
    room: Any,
) -> None:
    """Each expert's pairs times its weight, addresses of the first pair's row and of the first expert's weight; with
    `one_row` all pairs are of that row."""
    found, groups = integers(counts, experts), size // GROUP if grouped else 1
    weight_step, scale_step = outputs * size // (1 + grouped), 4 * outputs * groups
    for expert in range(experts):
        count = found[expert]
        own_weight, own_scale = weight + expert * weight_step, weight_scale + expert * scale_step
        multiply_quantised(
            values, sums, scales, count, own_weight, own_scale, outputs, size, grouped, out, out_step, room
        )
        if not one_row:
            values, sums, scales = values + count * size, sums + 4 * count * groups, scales + 4 * count
        out += count * out_step


def experts_rows(arguments: Any) -> None:
    """The routed experts of N rows; given what `sizes.ROUTED_ROWS` names:

    values_ND, sums_NG, scale_N         the rows, quantised
    rows_of_pairs_P, counts_E, back_Nk  int64: the row of each pair, the pairs in order of their experts; how many an
                                        expert has; where a row's pairs are
    weights_Nk, gate_up_E2MD, down_EDM and their scales
    pair_values_PD, pair_sums_PG, pair_scale_P, inner_P2M, inner_values_PM, inner_sums_PG, answers_PD   room
    out_ND
    room for each thread, the bytes of one, a zero (int64) to meet at; N, k, D, M, E, whether weights are int4
    """
    given = array_at(arguments, _ROUTED_LENGTH)
    size, width, top_k, meeting = given[_SIZE], given[_WIDTH], given[_TOP_K], given[_MEETING]
    grouped, experts, pairs, counts = given[_GROUPED], given[_EXPERTS], given[_ROWS] * top_k, given[_COUNTS]
    group = GROUP if grouped else size
    rows, room = given[_ROWS_OF_PAIRS], given[_ROOM] + given[_ROOM_STEP] * thread_number()
    values, sums, scale = given[_PAIR_VALUES], given[_PAIR_SUMS], given[_PAIR_SCALE]
    gather_quantised(pairs, rows, given[_VALUES], given[_SUMS], given[_SCALE], values, sums, scale, size, size // group)
    meet(meeting)
    weight, own_scale, inner = given[_GATE_UP], given[_GATE_UP_SCALE], given[_INNER]
    multiply_by_expert(
        counts, experts, values, sums, scale, 0, weight, own_scale, 2 * width, size, grouped, inner, 8 * width, room
    )
    meet(meeting)
    values, sums = given[_INNER_VALUES], given[_INNER_SUMS]
    gate_pairs(pairs, inner, 8 * width, width)
    quantise_pairs(pairs, inner, 8 * width, values, sums, scale, width, GROUP if grouped else width, grouped)
    meet(meeting)
    weight, own_scale, answers = given[_DOWN], given[_DOWN_SCALE], given[_ANSWERS]
    multiply_by_expert(
        counts, experts, values, sums, scale, 0, weight, own_scale, size, width, grouped, answers, 4 * size, room
    )
    meet(meeting)
    sum_answers(given[_ROWS], top_k, given[_BACK], given[_WEIGHTS], answers, 4 * size, given[_OUT], 4 * size, size)


KERNELS = (quantise_rows, product_rows, experts_rows)
