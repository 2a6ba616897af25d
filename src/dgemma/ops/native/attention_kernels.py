"""The parts that both fused layer kernels share: RMS norms, rotary embedding, attention, and cycle counters.

A pass may hold rows of several texts. A row attends to its own text only, and attention runs one text at a time, as if
that text were alone.

Shapes: N rows, H query heads, K key heads, d head dim.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.arithmetic import IMPOSSIBLE, exp, floats, integers, thread_range
from dgemma.ops.native.compiler import (
    array_at,
    cycles,
    from_bfloat16,
    inlined,
    jitted,
    largest_at,
    thread_number,
    transpose_bfloat16,
    transpose_floats,
)
from dgemma.ops.native.machine import LANES, PANEL, TILE_ROWS
from dgemma.ops.native.panel_kernels import bfloat16_product, halves, product, round_numbers, spin_barrier
from dgemma.ops.native.sizes import CLOCK, LAYER, PASS, ROW, TEXT

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
LAYER_LENGTH, PASS_LENGTH, _CLOCK_LENGTH = len(LAYER), len(PASS), len(CLOCK)
_ROW_LENGTH, _TEXT_LENGTH = len(ROW), len(TEXT)


@jitted
def mark(arguments: Any, part: Any) -> None:
    """Adds the cycles since the previous mark to a part's counter, if cycles are counted at all."""
    args = array_at(arguments, PASS_LENGTH)
    if args[PASS.clock] and thread_number() == 0:
        clock, now = integers(args[PASS.clock], _CLOCK_LENGTH), cycles()
        clock[part] += now - clock[CLOCK.last]
        clock[CLOCK.last] = now


@inlined
def inverse_length(hidden: Any, size: Any, eps: Any) -> Any:
    """1 / sqrt(mean(x^2) + eps)."""
    total = _ZERO
    for at in range(size):
        total += hidden[at] * hidden[at]
    return _ONE / np.sqrt(total / np.float32(size) + eps)


@inlined
def norm_into(out: Any, hidden: Any, weight: Any, size: Any, eps: Any) -> None:
    """RMS norm."""
    scale = inverse_length(hidden, size, eps)
    for at in range(size):
        out[at] = hidden[at] * scale * weight[at]


@inlined
def _rotate_into(out: Any, source: Any, weight: Any, cos: Any, sin: Any, scale: Any, size: Any) -> None:
    """Applies a head's norm (`scale` and `weight`) and its rotary embedding: dimension j is paired with j + d/2."""
    half = size // 2
    for at in range(half):
        low, high = source[at] * scale * weight[at], source[half + at] * scale * weight[half + at]
        out[at] = low * cos[at] + high * sin[at]
        out[half + at] = high * cos[half + at] + low * sin[half + at]


@inlined
def _as_float(number: Any) -> Any:
    return number


def _attention_of_row(numbers: Any, number_bytes: int, widened: Any) -> Any:
    """One head of one row: softmax(keys @ query) @ values over `count` keys. query, keys, values, scores (workspace)
    and out are addresses. Keys and values are read by `numbers`, an array at an address, and `widened`."""

    @jitted
    def attend_row(query: Any, keys: Any, values: Any, count: Any, size: Any, scores: Any, out: Any) -> None:
        q, score, result = floats(query, size), floats(scores, count), floats(out, size)
        best, row_bytes = IMPOSSIBLE, number_bytes * size
        at = 0
        while at + 4 <= count:
            key = numbers(keys + at * row_bytes, 4 * size)
            a, b, c, d = _ZERO, _ZERO, _ZERO, _ZERO
            for j in range(size):
                a += q[j] * widened(key[j])
                b += q[j] * widened(key[size + j])
                c += q[j] * widened(key[2 * size + j])
                d += q[j] * widened(key[3 * size + j])
            score[at], score[at + 1], score[at + 2], score[at + 3] = a, b, c, d
            best = max(best, max(max(a, b), max(c, d)))
            at += 4
        while at < count:
            key = numbers(keys + at * row_bytes, size)
            a = _ZERO
            for j in range(size):
                a += q[j] * widened(key[j])
            score[at] = a
            best = max(best, a)
            at += 1
        total = _ZERO
        for at in range(count):
            weight = exp(score[at] - best)
            score[at] = weight
            total += weight
        for j in range(size):
            result[j] = _ZERO
        at = 0
        while at + 4 <= count:
            value = numbers(values + at * row_bytes, 4 * size)
            a, b, c, d = score[at], score[at + 1], score[at + 2], score[at + 3]
            for j in range(size):
                left = a * widened(value[j]) + b * widened(value[size + j])
                result[j] += left + c * widened(value[2 * size + j]) + d * widened(value[3 * size + j])
            at += 4
        while at < count:
            value = numbers(values + at * row_bytes, size)
            for j in range(size):
                result[j] += score[at] * widened(value[j])
            at += 1
        inverse_total = _ONE / total
        for j in range(size):
            result[j] *= inverse_total

    return attend_row


_attend_row, _attend_row_bfloat16 = _attention_of_row(floats, 4, _as_float), _attention_of_row(halves, 2, from_bfloat16)


@inlined
def row_entry(args: Any, row: Any) -> Any:
    """A row's entries in the row table (`sizes.ROW`)."""
    return integers(args[PASS.row_table] + 8 * _ROW_LENGTH * row, _ROW_LENGTH)


@inlined
def _text_entry(args: Any, number: Any) -> Any:
    """A text's entries in the text table (`sizes.TEXT`)."""
    return integers(args[PASS.text_table] + 8 * _TEXT_LENGTH * number, _TEXT_LENGTH)


@inlined
def _layer_cache(text: Any, layer_index: Any) -> Any:
    """The addresses of a text's keys and values in a layer, and the number of floats from one key head to the next."""
    return integers(text[TEXT.cache] + 8 * 3 * layer_index, 3)


@inlined
def _cache_bytes(args: Any) -> Any:
    """The bytes of a number in the KV cache."""
    return 2 if args[PASS.cache_is_bfloat16] else 4


@jitted
def rotate_heads(arguments: Any, layer_address: Any, layer_index: Any) -> None:
    """Norms and rotates the projected heads: queries go to the `queries` workspace, keys and values to the KV cache."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    heads, key_heads, size = layer[LAYER.num_heads], layer[LAYER.num_key_heads], layer[LAYER.head_dim]
    rotated_heads = heads + key_heads
    eps = floats(args[PASS.eps], 1)[0]
    first, last = thread_range(args[PASS.num_rows] * (rotated_heads + key_heads))
    for item in range(first, last):
        row, head = item // (rotated_heads + key_heads), item % (rotated_heads + key_heads)
        row_info = row_entry(args, row)
        slot, cache = row_info[ROW.position], _layer_cache(_text_entry(args, row_info[ROW.text]), layer_index)
        # In a layer without a value projection, values are the projected keys, normed without a weight.
        source_head = head if head < rotated_heads or layer[LAYER.has_values] else head - key_heads
        values = floats(args[PASS.projected] + row * args[PASS.projected_stride] + 4 * source_head * size, size)
        scale = inverse_length(values, size, eps)
        cos, sin = floats(layer[LAYER.cos] + 4 * slot * size, size), floats(layer[LAYER.sin] + 4 * slot * size, size)
        query = args[PASS.queries] + row * args[PASS.query_stride] + 4 * head * size
        if head < heads:
            _rotate_into(floats(query, size), values, floats(layer[LAYER.query_norm], size), cos, sin, scale, size)
            continue
        is_key = head < rotated_heads
        entry = (head - heads) * cache[2] + slot * size if is_key else (head - rotated_heads) * cache[2] + slot * size
        place = (cache[0] if is_key else cache[1]) + _cache_bytes(args) * entry
        # On the way to a bfloat16 cache a head rests behind the row's queries.
        target = floats(query if args[PASS.cache_is_bfloat16] else place, size)
        if is_key:
            _rotate_into(target, values, floats(layer[LAYER.key_norm], size), cos, sin, scale, size)
        else:
            for at in range(size):
                target[at] = values[at] * scale
        if args[PASS.cache_is_bfloat16]:
            round_numbers(query, place, size)


@inlined
def _key_begin(args: Any, layer: Any, row: Any) -> Any:
    """The first key that a row attends to."""
    return max(0, row_entry(args, row)[ROW.window_origin] + 1 - layer[LAYER.window]) if layer[LAYER.window] else 0


@inlined
def _key_end(args: Any, row: Any) -> Any:
    """The end of the keys that a row attends to."""
    return row_entry(args, row)[ROW.key_end]


@jitted
def _transpose_keys(arguments: Any, layer_address: Any, layer_index: Any, text_number: Any) -> None:
    """Copies the keys that the rows of a text attend to into panels: [head dim, PANEL keys], so that a tile computes
    the scores of PANEL keys side by side."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    text = _text_entry(args, text_number)
    cache = _layer_cache(text, layer_index)
    size, begin = layer[LAYER.head_dim], _key_begin(args, layer, text[TEXT.row_begin])
    stop = _key_end(args, text[TEXT.row_end] - 1)
    panels = (stop - begin + PANEL - 1) // PANEL
    first, last = thread_range(layer[LAYER.num_key_heads] * panels)
    for item in range(first, last):
        head, panel_number = item // panels, item % panels
        key, count = begin + panel_number * PANEL, min(PANEL, stop - begin - panel_number * PANEL)
        source = cache[0] + _cache_bytes(args) * (head * cache[2] + key * size)
        target = text[TEXT.transposed_keys] + 4 * item * PANEL * size
        if count == PANEL:
            for half in range(2):
                for at in range(0, size, LANES):
                    first_key, place = half * LANES * size + at, target + 4 * (at * PANEL + half * LANES)
                    if args[PASS.cache_is_bfloat16]:
                        transpose_bfloat16(source + 2 * first_key, 2 * size, place, 4 * PANEL)
                    else:
                        transpose_floats(source + 4 * first_key, 4 * size, place, 4 * PANEL)
        else:
            panel = floats(target, PANEL * size)
            for at in range(PANEL * size):
                panel[at] = _ZERO
            for at in range(count):
                if args[PASS.cache_is_bfloat16]:
                    rounded_key = halves(source + 2 * at * size, size)
                    for j in range(size):
                        panel[j * PANEL + at] = from_bfloat16(rounded_key[j])
                else:
                    float_key = floats(source + 4 * at * size, size)
                    for j in range(size):
                        panel[j * PANEL + at] = float_key[j]


@jitted
def _softmax_scores(scores: Any, begin: Any, stop: Any, count: Any) -> Any:
    """Replaces the scores from `begin` to `stop` by exp(score - max), and the rest of the `count` by zeros -> 1 / the
    sum of the weights."""
    width, total = stop - begin, _ZERO
    score, best = floats(scores + 4 * begin, width), largest_at(scores + 4 * begin, width)
    for at in range(width):
        weight = exp(score[at] - best)
        score[at] = weight
        total += weight
    masked_before, masked_after = floats(scores, begin), floats(scores + 4 * stop, count - stop)
    for at in range(begin):
        masked_before[at] = _ZERO
    for at in range(count - stop):
        masked_after[at] = _ZERO
    return _ONE / total


@jitted
def _attend_tiled(arguments: Any, layer_address: Any, layer_index: Any, text_number: Any) -> None:
    """Attention of one text over its transposed keys, TILE_ROWS rows of a head at a time."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    text = _text_entry(args, text_number)
    cache, first_row = _layer_cache(text, layer_index), text[TEXT.row_begin]
    heads, size, rows = layer[LAYER.num_heads], layer[LAYER.head_dim], text[TEXT.row_end] - first_row
    stride, scores = args[PASS.score_stride], args[PASS.scores] + args[PASS.score_stride] * TILE_ROWS * thread_number()
    key_origin = _key_begin(args, layer, first_row)
    panels = (_key_end(args, first_row + rows - 1) - key_origin + PANEL - 1) // PANEL
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    first, last = thread_range(heads * tiles)
    for item in range(first, last):
        head, tile = item // tiles, item % tiles
        row, row_end = first_row + rows * tile // tiles, first_row + rows * (tile + 1) // tiles
        count = row_end - row
        key_head = head // (heads // layer[LAYER.num_key_heads])
        query = args[PASS.queries] + row * args[PASS.query_stride] + 4 * head * size
        # The last row of a tile attends farthest; within a canvas all rows attend to the same keys.
        begin, stop = _key_begin(args, layer, row) - key_origin, _key_end(args, row_end - 1) - key_origin
        begin = begin // PANEL * PANEL
        for panel_number in range(begin // PANEL, (stop + PANEL - 1) // PANEL):
            panel = text[TEXT.transposed_keys] + 4 * (key_head * panels + panel_number) * PANEL * size
            target = scores + 4 * (panel_number * PANEL - begin)
            product(count, query, args[PASS.query_stride], panel, 4 * PANEL, size, target, stride)
        num_keys = stop - begin
        inverse_totals = floats(scores + stride * TILE_ROWS - 4 * TILE_ROWS, TILE_ROWS)
        for at in range(count):
            row_begin = _key_begin(args, layer, row + at) - key_origin - begin
            row_stop = _key_end(args, row + at) - key_origin - begin
            inverse_totals[at] = _softmax_scores(scores + stride * at, row_begin, row_stop, num_keys)
        first_value = key_head * cache[2] + (key_origin + begin) * size
        out_stride = args[PASS.projected_stride]
        out = args[PASS.projected] + row * out_stride + 4 * head * size
        for at in range(0, size, PANEL):
            if args[PASS.cache_is_bfloat16]:
                values = cache[1] + 2 * (first_value + at)
                bfloat16_product(count, scores, stride, values, 2 * size, num_keys, out + 4 * at, out_stride)
            else:
                values = cache[1] + 4 * (first_value + at)
                product(count, scores, stride, values, 4 * size, num_keys, out + 4 * at, out_stride)
        for at in range(count):
            head_out, scale = floats(out + at * out_stride, size), inverse_totals[at]
            for j in range(size):
                head_out[j] *= scale


@jitted
def _attend_in_place(arguments: Any, layer_address: Any, layer_index: Any, text_number: Any) -> None:
    """Attention of one text, one head of a row at a time, over the keys in the cache: for head sizes that are no
    multiple of PANEL, and for texts with too few rows to be worth a transpose."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    text = _text_entry(args, text_number)
    cache, heads, size = _layer_cache(text, layer_index), layer[LAYER.num_heads], layer[LAYER.head_dim]
    scores = args[PASS.scores] + args[PASS.score_stride] * TILE_ROWS * thread_number()
    first, last = thread_range((text[TEXT.row_end] - text[TEXT.row_begin]) * heads)
    for item in range(first, last):
        row, head = text[TEXT.row_begin] + item // heads, item % heads
        begin, stop = _key_begin(args, layer, row), _key_end(args, row)
        kv_offset = _cache_bytes(args) * (head // (heads // layer[LAYER.num_key_heads]) * cache[2] + begin * size)
        query = args[PASS.queries] + row * args[PASS.query_stride] + 4 * head * size
        out = args[PASS.projected] + row * args[PASS.projected_stride] + 4 * head * size
        keys, values, count = cache[0] + kv_offset, cache[1] + kv_offset, stop - begin
        if args[PASS.cache_is_bfloat16]:
            _attend_row_bfloat16(query, keys, values, count, size, scores, out)
        else:
            _attend_row(query, keys, values, count, size, scores, out)


@inlined
def _transposes_keys(args: Any, layer: Any, text_number: Any) -> Any:
    """Whether a text's keys are transposed."""
    text = _text_entry(args, text_number)
    enough = args[PASS.transposes_single_rows] or text[TEXT.row_end] - text[TEXT.row_begin] > 1
    return enough and layer[LAYER.head_dim] % PANEL == 0


@jitted
def attend(arguments: Any, layer_address: Any, layer_index: Any) -> None:
    """Attention of all rows: rotated queries and the KV cache -> `projected`."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    any_transposed = False
    for text_number in range(args[PASS.num_texts]):
        if _transposes_keys(args, layer, text_number):
            any_transposed = True
            _transpose_keys(arguments, layer_address, layer_index, text_number)
    if any_transposed:
        spin_barrier(args[PASS.barrier])
    for text_number in range(args[PASS.num_texts]):
        if _transposes_keys(args, layer, text_number):
            _attend_tiled(arguments, layer_address, layer_index, text_number)
        else:
            _attend_in_place(arguments, layer_address, layer_index, text_number)
