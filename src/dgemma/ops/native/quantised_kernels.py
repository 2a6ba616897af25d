"""Kernels for products of many rows with int8 and int4 weights.

Rows are quantised to int8, each with its own scale, and bytes are multiplied by bytes. A row's result depends only on
the row.

Large weights are read in place, one panel of outputs at a time: the panel is unpacked, in the order in which tiles read
it, into a buffer that stays in cache, and multiplied by all rows from there. The weights of small networks are packed
once (`panels.py`). `weight_format` is one of INT8, INT4 and GROUPED_INT8 of `sizes`. The bytes of a panel are unsigned:
8 (int4) or 128 (int8) is added to each weight, and the row's sum times -8 or -128 compensates for it.

Shapes: N rows, O outputs, I inputs, G groups of them, P outputs of a panel.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.arithmetic import bytes_at, floats, integers, thread_range
from dgemma.ops.native.compiler import array_at, inlined, int32_pointer, jitted, largest_magnitude_at, thread_number
from dgemma.ops.native.machine import LANES, LARGEST_FOR_INT8, PANEL
from dgemma.ops.native.pair_kernels import combine_experts, gate_pairs
from dgemma.ops.native.panel_kernels import spin_barrier, tile_by_rows
from dgemma.ops.native.quantised_tiles import GROUPED_INT8_TILES, INT4_TILES, INT8_TILES, transpose_int4, transpose_int8
from dgemma.ops.native.sizes import EDGE_ROWS, GROUPED_INT8, INT8, QUAD, ROUTED_ARGUMENTS
from dgemma.quant import GROUP

_INT8_MAX = 127
_ZERO = np.float32(0.0)
_LOW_NIBBLES, _SIGN_BITS = np.int32(0x0F0F0F0F), np.int32(-0x7F7F7F80)
_INPUTS_PER_WORD = 8  # int4 inputs of a word

# Indices into `sizes.ROUTED_ARGUMENTS`.
_VALUES, _SUMS, _SCALE, _ROW_OF_PAIR, _EXPERT_COUNTS, _PAIR_OF_SLOT, _WEIGHTS = range(0, 7)
_GATE_UP, _GATE_UP_SCALE, _DOWN, _DOWN_SCALE = range(7, 11)
_PAIR_VALUES, _PAIR_SUMS, _PAIR_SCALE, _INNER, _INNER_VALUES, _INNER_SUMS, _EXPERT_OUT, _OUT = range(11, 19)
_PANEL_BUFFER, _BUFFER_STRIDE, _BARRIER = range(19, 22)
_NUM_ROWS, _TOP_K, _HIDDEN_SIZE, _EXPERT_WIDTH, _NUM_EXPERTS, _WEIGHT_FORMAT = range(22, 28)
_ROUTED_LENGTH = len(ROUTED_ARGUMENTS)


@inlined
def words(address: Any, size: Any) -> Any:
    """The int32 numbers at an address, as an array."""
    return array_at(int32_pointer(address), size)


@jitted
def quantise_row(source: Any, target: Any, scale: Any, sums: Any, size: Any, group: Any, is_int4: Any) -> None:
    """Quantises a float32 row -> int8 values, its scale, and for each group of inputs the sum of its values times -128.

    For int4 weights the factor is -8, and of every eight inputs the even ones come before the odd ones, as they do in
    an unpacked panel. source, target, scale and sums are addresses.
    """
    row, out, group_sums = floats(source, size), bytes_at(target, size), words(sums, size // group)
    row_scale = largest_magnitude_at(source, size) / np.float32(_INT8_MAX if is_int4 else LARGEST_FOR_INT8)
    floats(scale, 1)[0] = row_scale
    inverse = np.float32(1.0) / row_scale if row_scale > _ZERO else _ZERO
    for group_number in range(size // group):
        total = np.int32(0)
        if is_int4:
            for word in range(group // _INPUTS_PER_WORD):
                first = group_number * group + word * _INPUTS_PER_WORD
                for at in range(_INPUTS_PER_WORD):
                    value = np.int32(np.rint(row[first + at] * inverse))
                    total += value
                    out[first + (at % 2) * QUAD + at // 2] = np.int8(value)
        else:
            first = group_number * group
            for at in range(group):
                value = np.int32(np.rint(row[first + at] * inverse))
                total += value
                out[first + at] = np.int8(value)
        group_sums[group_number] = total * (np.int32(-8) if is_int4 else np.int32(-128))


def quantise_rows(arguments: Any) -> None:
    """`quantise_row` of N rows: hidden_NI, values_NI, scale_N, sums_NG, then N, I, whether the weights are int4."""
    args = array_at(arguments, 7)
    size, is_int4 = args[5], args[6]
    group = GROUP if is_int4 else size
    first, last = thread_range(args[4])
    for row in range(first, last):
        source, target, sums = args[0] + 4 * row * size, args[1] + row * size, args[3] + 4 * row * (size // group)
        quantise_row(source, target, args[2] + 4 * row, sums, size, group, is_int4)


@jitted
def _unpack_int8(weight: Any, first: Any, outputs: Any, size: Any, panel_buffer: Any) -> None:
    """Unpacks the panel of outputs that begins at `first`; past the last output, that output is repeated."""
    quads, done = size // QUAD, 0
    if first + PANEL <= outputs:
        done = quads // LANES * LANES
        for half in range(2):
            for quad in range(0, done, LANES):
                source = weight + (first + half * LANES) * size + QUAD * quad
                transpose_int8(source, size, panel_buffer + 4 * (quad * PANEL + half * LANES))
    panel = words(panel_buffer, quads * PANEL)
    for at in range(PANEL):
        row = words(weight + min(first + at, outputs - 1) * size, quads)
        for quad in range(done, quads):
            panel[quad * PANEL + at] = row[quad] ^ _SIGN_BITS


@jitted
def _unpack_int4(weight: Any, first: Any, outputs: Any, size: Any, panel_buffer: Any) -> None:
    """Unpacks the panel of outputs that begins at `first`; past the last output, that output is repeated."""
    count, done = size // _INPUTS_PER_WORD, 0
    if first + PANEL <= outputs:
        done = count // LANES * LANES
        for half in range(2):
            for word in range(0, done, LANES):
                source = weight + (first + half * LANES) * (size // 2) + 4 * word
                transpose_int4(source, size // 2, panel_buffer + 4 * (2 * word * PANEL + half * LANES))
    panel = words(panel_buffer, 2 * count * PANEL)
    for at in range(PANEL):
        row = words(weight + min(first + at, outputs - 1) * (size // 2), count)
        for word in range(done, count):
            nibbles = row[word]
            panel[2 * word * PANEL + at] = nibbles & _LOW_NIBBLES
            panel[(2 * word + 1) * PANEL + at] = (nibbles >> np.int32(4)) & _LOW_NIBBLES


@jitted
def _unpack_scales(scale: Any, first: Any, outputs: Any, groups: Any, panel_buffer: Any) -> None:
    """The panel's scales [groups, PANEL]."""
    panel = floats(panel_buffer, groups * PANEL)
    for at in range(PANEL):
        output_scales = floats(scale + 4 * min(first + at, outputs - 1) * groups, groups)
        for group in range(groups):
            panel[group * PANEL + at] = output_scales[group]


_int8_tile, _int4_tile = tile_by_rows(INT8_TILES), tile_by_rows(INT4_TILES)
_grouped_int8_tile = _int4_tile if GROUPED_INT8_TILES is INT4_TILES else tile_by_rows(GROUPED_INT8_TILES)
_INT8_TILE_ROWS, _GROUPED_TILE_ROWS = len(INT8_TILES), len(INT4_TILES)


@inlined
def _copy_outputs(source: Any, target: Any, target_stride: Any, rows: Any, count: Any) -> None:
    """Copies `count` outputs of each row from a panel-wide buffer."""
    for row in range(rows):
        source_row, target_row = floats(source + 4 * PANEL * row, count), floats(target + target_stride * row, count)
        for at in range(count):
            target_row[at] = source_row[at]


@jitted
def _multiply_panel(
    hidden: Any,
    sums: Any,
    row_scales: Any,
    rows: Any,
    panel: Any,
    scales: Any,
    size: Any,
    weight_format: Any,
    out: Any,
    out_stride: Any,
) -> None:
    """All rows times one unpacked panel."""
    groups, most_rows = (size // GROUP, _GROUPED_TILE_ROWS) if weight_format != INT8 else (1, _INT8_TILE_ROWS)
    tiles, row = (rows + most_rows - 1) // most_rows, 0
    for tile in range(tiles):
        # Tiles of nearly equal size: a tile of a single row would be bound by the latency of its sums.
        count = (rows - tile + tiles - 1) // tiles
        source, tile_sums, tile_scales = hidden + row * size, sums + 4 * row * groups, row_scales + 4 * row
        target = out + row * out_stride
        if weight_format == GROUPED_INT8:
            _grouped_int8_tile(
                count, source, size, tile_sums, 4 * groups, tile_scales, panel, scales, groups, target, out_stride
            )
        elif weight_format != INT8:
            _int4_tile(
                count, source, size, tile_sums, 4 * groups, tile_scales, panel, scales, groups, target, out_stride
            )
        else:
            _int8_tile(count, source, size, tile_sums, 4, tile_scales, panel, scales, size // QUAD, target, out_stride)
        row += count


@jitted
def multiply_panels(
    hidden: Any,
    sums: Any,
    row_scales: Any,
    rows: Any,
    panels: Any,
    size: Any,
    outputs: Any,
    weight_format: Any,
    out: Any,
    out_stride: Any,
) -> None:
    """out_NO = rows times weight for this thread's panels. The weight is packed, each panel followed by its scales;
    rows of `out` hold whole panels."""
    first, last = thread_range((outputs + PANEL - 1) // PANEL)
    stride = PANEL * size + 4 * PANEL * (size // GROUP if weight_format != INT8 else 1)
    for number in range(first, last):
        panel, target = panels + number * stride, out + 4 * PANEL * number
        _multiply_panel(
            hidden, sums, row_scales, rows, panel, panel + PANEL * size, size, weight_format, target, out_stride
        )


@jitted
def multiply_quantised(
    hidden: Any,
    sums: Any,
    row_scales: Any,
    rows: Any,
    weight: Any,
    scale: Any,
    outputs: Any,
    size: Any,
    weight_format: Any,
    out: Any,
    out_stride: Any,
    panel_buffer: Any,
) -> None:
    """out_NO = rows times weight for this thread's panels; the weight is read in place, through `panel_buffer`."""
    # An expert without rows is not read: 8 rows use 51 of 128 experts.
    first, last = thread_range((outputs + PANEL - 1) // PANEL if rows else 0)
    groups = size // GROUP if weight_format != INT8 else 1
    scales = panel_buffer + PANEL * size
    for number in range(first, last):
        begin = number * PANEL
        if weight_format != INT8:
            _unpack_int4(weight, begin, outputs, size, panel_buffer)
        else:
            _unpack_int8(weight, begin, outputs, size, panel_buffer)
        _unpack_scales(scale, begin, outputs, groups, scales)
        if begin + PANEL <= outputs:
            _multiply_panel(
                hidden, sums, row_scales, rows, panel_buffer, scales, size, weight_format, out + 4 * begin, out_stride
            )
        else:
            # Outputs past the last one must not overwrite the memory after it, so a few rows at a time are buffered.
            edge = scales + 4 * PANEL * groups
            for row in range(0, rows, EDGE_ROWS):
                count, source, chunk_sums = min(EDGE_ROWS, rows - row), hidden + row * size, sums + 4 * row * groups
                _multiply_panel(
                    *(source, chunk_sums, row_scales + 4 * row, count),
                    *(panel_buffer, scales, size, weight_format, edge, 4 * PANEL),
                )
                _copy_outputs(edge, out + row * out_stride + 4 * begin, out_stride, count, outputs - begin)


def product_rows(arguments: Any) -> None:
    """out_NO = rows times weight: values_NI (int8), sums_NG, scale_N, the weight and its scale, out and its stride, the
    panel buffers of all threads and their stride, then N, O, I and the weight format (INT8 or INT4)."""
    args = array_at(arguments, 13)
    rows, outputs, size, weight_format = args[9], args[10], args[11], args[12]
    panel_buffer = args[7] + args[8] * thread_number()
    multiply_quantised(
        args[0], args[1], args[2], rows, args[3], args[4], outputs, size, weight_format, args[5], args[6], panel_buffer
    )


@jitted
def gather_quantised(
    pairs: Any,
    row_of_pair: Any,
    values: Any,
    sums: Any,
    scales: Any,
    pair_values: Any,
    pair_sums: Any,
    pair_scales: Any,
    size: Any,
    groups: Any,
) -> None:
    """Copies each pair's quantised row: values, sums and scale."""
    rows = integers(row_of_pair, pairs)
    first, last = thread_range(pairs)
    for pair in range(first, last):
        row = rows[pair]
        source, target = bytes_at(values + row * size, size), bytes_at(pair_values + pair * size, size)
        for at in range(size):
            target[at] = source[at]
        row_sums, target_sums = words(sums + 4 * row * groups, groups), words(pair_sums + 4 * pair * groups, groups)
        for at in range(groups):
            target_sums[at] = row_sums[at]
        floats(pair_scales + 4 * pair, 1)[0] = floats(scales + 4 * row, 1)[0]


@jitted
def quantise_pairs(
    pairs: Any, source: Any, stride: Any, values: Any, sums: Any, scales: Any, size: Any, group: Any, is_int4: Any
) -> None:
    """`quantise_row` of each pair's row at `source`."""
    first, last = thread_range(pairs)
    for pair in range(first, last):
        pair_values, pair_sums = values + pair * size, sums + 4 * pair * (size // group)
        quantise_row(source + pair * stride, pair_values, scales + 4 * pair, pair_sums, size, group, is_int4)


@jitted
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
    weight_format: Any,
    out: Any,
    out_stride: Any,
    panel_buffer: Any,
) -> None:
    """Each expert's pairs times its weight. values, sums and scales are those of the first pair, weight and
    weight_scale those of the first expert; with `one_row` all pairs have the same row."""
    pair_counts, groups = integers(counts, experts), size // GROUP if weight_format != INT8 else 1
    weight_stride, scale_stride = outputs * size // (1 + weight_format), 4 * outputs * groups  # INT8 is 0, INT4 is 1
    for expert in range(experts):
        count = pair_counts[expert]
        expert_weight, expert_scale = weight + expert * weight_stride, weight_scale + expert * scale_stride
        multiply_quantised(
            *(values, sums, scales, count, expert_weight, expert_scale),
            *(outputs, size, weight_format, out, out_stride, panel_buffer),
        )
        if not one_row:
            values, sums, scales = values + count * size, sums + 4 * count * groups, scales + 4 * count
        out += count * out_stride


def experts_rows(arguments: Any) -> None:
    """The routed experts of N rows. Arguments (`sizes.ROUTED_ARGUMENTS`):

    values_ND, sums_NG, scale_N   the quantised rows
    row_of_pair_P                 int64: the row of each pair; pairs are sorted by expert
    expert_counts_E               int64: the number of pairs of each expert
    pair_of_slot_Nk               int64: the pair of each row's k experts
    weights_Nk, gate_up_E2MD, down_EDM and their scales
    pair_values_PD, pair_sums_PG, pair_scale_P, inner_P2M, inner_values_PM, inner_sums_PG, expert_out_PD   workspace
    out_ND
    panel_buffer of each thread, its stride, the barrier's counter (int64, zero); N, k, D, M, E, INT8 or INT4
    """
    args = array_at(arguments, _ROUTED_LENGTH)
    size, width, top_k, counter = args[_HIDDEN_SIZE], args[_EXPERT_WIDTH], args[_TOP_K], args[_BARRIER]
    weight_format, experts, pairs = args[_WEIGHT_FORMAT], args[_NUM_EXPERTS], args[_NUM_ROWS] * top_k
    counts = args[_EXPERT_COUNTS]
    group = GROUP if weight_format != INT8 else size
    row_of_pair, panel = args[_ROW_OF_PAIR], args[_PANEL_BUFFER] + args[_BUFFER_STRIDE] * thread_number()
    values, sums, scale = args[_PAIR_VALUES], args[_PAIR_SUMS], args[_PAIR_SCALE]
    gather_quantised(
        pairs, row_of_pair, args[_VALUES], args[_SUMS], args[_SCALE], values, sums, scale, size, size // group
    )
    spin_barrier(counter)
    weight, scales, inner = args[_GATE_UP], args[_GATE_UP_SCALE], args[_INNER]
    multiply_by_expert(
        counts, experts, values, sums, scale, 0, weight, scales, 2 * width, size, weight_format, inner, 8 * width, panel
    )
    spin_barrier(counter)
    values, sums = args[_INNER_VALUES], args[_INNER_SUMS]
    gate_pairs(pairs, inner, 8 * width, width)
    quantise_pairs(
        pairs, inner, 8 * width, values, sums, scale, width, GROUP if weight_format != INT8 else width, weight_format
    )
    spin_barrier(counter)
    weight, scales, out = args[_DOWN], args[_DOWN_SCALE], args[_EXPERT_OUT]
    multiply_by_expert(
        counts, experts, values, sums, scale, 0, weight, scales, size, width, weight_format, out, 4 * size, panel
    )
    spin_barrier(counter)
    combine_experts(
        args[_NUM_ROWS], top_k, args[_PAIR_OF_SLOT], args[_WEIGHTS], out, 4 * size, args[_OUT], 4 * size, size
    )


KERNELS = (quantise_rows, product_rows, experts_rows)
