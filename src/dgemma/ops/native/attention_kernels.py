"""What is the same in all networks that are run in one call: norms, attention, and a clock.

Rows of several texts may be in one pass. Each row sees its own text, and attention computes a text at a time, as if it
were alone.

Shapes: N rows, H query heads, K key heads, d head dim.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import array_at, called, cycles, inlined, largest_at, thread_number, turn_floats
from dgemma.ops.native.kernels import IMPOSSIBLE, exp, floats, integers, share
from dgemma.ops.native.machine import LANES, PANEL, TILE_ROWS
from dgemma.ops.native.panel_kernels import meet, product
from dgemma.ops.native.sizes import CLOCK, LAYER, PASS, ROW, TEXT

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
LAYER_LENGTH, PASS_LENGTH, _CLOCK_LENGTH = len(LAYER), len(PASS), len(CLOCK)
_ROW_LENGTH, _TEXT_LENGTH = len(ROW), len(TEXT)


@called
def mark(arguments: Any, part: Any) -> None:
    """Counts the cycles since the last mark as this part's, for who wants to know."""
    given = array_at(arguments, PASS_LENGTH)
    if given[PASS.clock] and thread_number() == 0:
        clock, now = integers(given[PASS.clock], _CLOCK_LENGTH), cycles()
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
    scale = inverse_length(hidden, size, eps)
    for at in range(size):
        out[at] = hidden[at] * scale * weight[at]


@inlined
def _rotate_into(out: Any, unit: Any, weight: Any, cos: Any, sin: Any, scale: Any, size: Any) -> None:
    """The head's norm with its weight, rotated: dimension j turns with j + d/2."""
    half = size // 2
    for at in range(half):
        low, high = unit[at] * scale * weight[at], unit[half + at] * scale * weight[half + at]
        out[at] = low * cos[at] + high * sin[at]
        out[half + at] = high * cos[half + at] + low * sin[half + at]


@called
def _attend(query: Any, keys: Any, values: Any, count: Any, size: Any, scores: Any, out: Any) -> None:
    """softmax(keys @ query) @ values over `count` keys; all addresses."""
    own, score, total_d = floats(query, size), floats(scores, count), floats(out, size)
    best = IMPOSSIBLE
    at = 0
    while at + 4 <= count:
        key = floats(keys + 4 * at * size, 4 * size)
        a, b, c, d = _ZERO, _ZERO, _ZERO, _ZERO
        for j in range(size):
            a += own[j] * key[j]
            b += own[j] * key[size + j]
            c += own[j] * key[2 * size + j]
            d += own[j] * key[3 * size + j]
        score[at], score[at + 1], score[at + 2], score[at + 3] = a, b, c, d
        best = max(best, max(max(a, b), max(c, d)))
        at += 4
    while at < count:
        key = floats(keys + 4 * at * size, size)
        a = _ZERO
        for j in range(size):
            a += own[j] * key[j]
        score[at] = a
        best = max(best, a)
        at += 1
    total = _ZERO
    for at in range(count):
        weight = exp(score[at] - best)
        score[at] = weight
        total += weight
    for j in range(size):
        total_d[j] = _ZERO
    at = 0
    while at + 4 <= count:
        value = floats(values + 4 * at * size, 4 * size)
        a, b, c, d = score[at], score[at + 1], score[at + 2], score[at + 3]
        for j in range(size):
            total_d[j] += a * value[j] + b * value[size + j] + c * value[2 * size + j] + d * value[3 * size + j]
        at += 4
    while at < count:
        value = floats(values + 4 * at * size, size)
        for j in range(size):
            total_d[j] += score[at] * value[j]
        at += 1
    share_of_one = _ONE / total
    for j in range(size):
        total_d[j] *= share_of_one


@inlined
def told_of(given: Any, row: Any) -> Any:
    """What `sizes.ROW` names of a row."""
    return integers(given[PASS.told] + 8 * _ROW_LENGTH * row, _ROW_LENGTH)


@inlined
def _text(given: Any, number: Any) -> Any:
    """What `sizes.TEXT` names of a text."""
    return integers(given[PASS.texts] + 8 * _TEXT_LENGTH * number, _TEXT_LENGTH)


@inlined
def _cache(text: Any, layer: Any) -> Any:
    """Where a layer's keys and values of a text lie, and the numbers from one key head to the next."""
    return integers(text[TEXT.cache] + 8 * 3 * layer, 3)


@called
def rotate_heads(arguments: Any, place: Any, layer: Any) -> None:
    """Norms and turns what was projected: queries into their room, keys and values into the cache."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    heads, key_heads, size = own[LAYER.heads], own[LAYER.key_heads], own[LAYER.head_dim]
    rotated = heads + key_heads
    eps = floats(given[PASS.eps], 1)[0]
    first, last = share(given[PASS.rows] * (rotated + key_heads))
    for item in range(first, last):
        row, head = item // (rotated + key_heads), item % (rotated + key_heads)
        told = told_of(given, row)
        slot, cache = told[ROW.position], _cache(_text(given, told[ROW.text]), layer)
        # A layer without values of its own takes the keys' before their norm has a weight.
        source = head if head < rotated or own[LAYER.has_values] else head - key_heads
        unit = floats(given[PASS.joined] + row * given[PASS.joined_step] + 4 * source * size, size)
        scale = inverse_length(unit, size, eps)
        cos, sin = floats(own[LAYER.cos] + 4 * slot * size, size), floats(own[LAYER.sin] + 4 * slot * size, size)
        if head < heads:
            query = floats(given[PASS.attended] + row * given[PASS.attended_step] + 4 * head * size, size)
            _rotate_into(query, unit, floats(own[LAYER.query_norm], size), cos, sin, scale, size)
        elif head < rotated:
            key = floats(cache[0] + 4 * ((head - heads) * cache[2] + slot * size), size)
            _rotate_into(key, unit, floats(own[LAYER.key_norm], size), cos, sin, scale, size)
        else:
            value = floats(cache[1] + 4 * ((head - rotated) * cache[2] + slot * size), size)
            for at in range(size):
                value[at] = unit[at] * scale


@inlined
def _first_seen(given: Any, own: Any, row: Any) -> Any:
    """The first key that a row sees; the one behind the last is `_behind_seen`."""
    return max(0, told_of(given, row)[ROW.begin] + 1 - own[LAYER.window]) if own[LAYER.window] else 0


@inlined
def _behind_seen(given: Any, row: Any) -> Any:
    return told_of(given, row)[ROW.behind]


@called
def _turn_keys(arguments: Any, place: Any, layer: Any, number_of_text: Any) -> None:
    """The keys that any row of a text sees, in panels: as many of them as a tile has outputs side by side, input by
    input."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    text = _text(given, number_of_text)
    cache = _cache(text, layer)
    size, begin = own[LAYER.head_dim], _first_seen(given, own, text[TEXT.first])
    stop = _behind_seen(given, text[TEXT.behind] - 1)
    panels = (stop - begin + PANEL - 1) // PANEL
    first, last = share(own[LAYER.key_heads] * panels)
    for item in range(first, last):
        head, number = item // panels, item % panels
        key, count = begin + number * PANEL, min(PANEL, stop - begin - number * PANEL)
        source = cache[0] + 4 * (head * cache[2] + key * size)
        target = text[TEXT.turned] + 4 * item * PANEL * size
        if count == PANEL:
            for half in range(2):
                for at in range(0, size, LANES):
                    turn_floats(
                        source + 4 * (half * LANES * size + at),
                        4 * size,
                        target + 4 * (at * PANEL + half * LANES),
                        4 * PANEL,
                    )
        else:
            panel = floats(target, PANEL * size)
            for at in range(PANEL * size):
                panel[at] = _ZERO
            for at in range(count):
                keys = floats(source + 4 * at * size, size)
                for j in range(size):
                    panel[j * PANEL + at] = keys[j]


@called
def _weigh_keys(scores: Any, begin: Any, stop: Any, count: Any) -> Any:
    """Makes weights exp(score - best) of the scores from begin to stop, zeros of the others -> 1 / their sum."""
    seen, total = stop - begin, _ZERO
    score, best = floats(scores + 4 * begin, seen), largest_at(scores + 4 * begin, seen)
    for at in range(seen):
        weight = exp(score[at] - best)
        score[at] = weight
        total += weight
    before, behind = floats(scores, begin), floats(scores + 4 * stop, count - stop)
    for at in range(begin):
        before[at] = _ZERO
    for at in range(count - stop):
        behind[at] = _ZERO
    return _ONE / total


@called
def _look_by_tiles(arguments: Any, place: Any, layer: Any, number_of_text: Any) -> None:
    """Attention of each head of a text, a tile of rows at a time, over keys that `_turn_keys` has turned."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    text = _text(given, number_of_text)
    cache, above = _cache(text, layer), text[TEXT.first]
    heads, size, rows = own[LAYER.heads], own[LAYER.head_dim], text[TEXT.behind] - above
    step, scores = given[PASS.score_step], given[PASS.scores] + given[PASS.score_step] * TILE_ROWS * thread_number()
    origin = _first_seen(given, own, above)
    panels = (_behind_seen(given, above + rows - 1) - origin + PANEL - 1) // PANEL
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    first, last = share(heads * tiles)
    for item in range(first, last):
        head, tile = item // tiles, item % tiles
        row, behind = above + rows * tile // tiles, above + rows * (tile + 1) // tiles
        count = behind - row
        key_head = head // (heads // own[LAYER.key_heads])
        query = given[PASS.attended] + row * given[PASS.attended_step] + 4 * head * size
        # Of clean rows the last sees farthest; all of a canvas see the same.
        begin, stop = _first_seen(given, own, row) - origin, _behind_seen(given, behind - 1) - origin
        begin = begin // PANEL * PANEL
        for number in range(begin // PANEL, (stop + PANEL - 1) // PANEL):
            panel = text[TEXT.turned] + 4 * (key_head * panels + number) * PANEL * size
            target = scores + 4 * (number * PANEL - begin)
            product(count, query, given[PASS.attended_step], panel, 4 * PANEL, size, target, step)
        seen = stop - begin
        shares = floats(scores + step * TILE_ROWS - 4 * TILE_ROWS, TILE_ROWS)
        for at in range(count):
            own_begin = _first_seen(given, own, row + at) - origin - begin
            own_stop = _behind_seen(given, row + at) - origin - begin
            shares[at] = _weigh_keys(scores + step * at, own_begin, own_stop, seen)
        values = cache[1] + 4 * (key_head * cache[2] + (origin + begin) * size)
        out = given[PASS.joined] + row * given[PASS.joined_step] + 4 * head * size
        for at in range(0, size, PANEL):
            product(count, scores, step, values + 4 * at, 4 * size, seen, out + 4 * at, given[PASS.joined_step])
        for at in range(count):
            found, scale = floats(out + at * given[PASS.joined_step], size), shares[at]
            for j in range(size):
                found[j] *= scale


@called
def _look(arguments: Any, place: Any, layer: Any, number_of_text: Any) -> None:
    """Attention of each head of each row of a text, over keys where they lie: for heads whose size is no multiple of a
    panel, and where rows are too few for turning the keys."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    text = _text(given, number_of_text)
    cache, heads, size = _cache(text, layer), own[LAYER.heads], own[LAYER.head_dim]
    scores = given[PASS.scores] + given[PASS.score_step] * TILE_ROWS * thread_number()
    first, last = share((text[TEXT.behind] - text[TEXT.first]) * heads)
    for item in range(first, last):
        row, head = text[TEXT.first] + item // heads, item % heads
        begin, stop = _first_seen(given, own, row), _behind_seen(given, row)
        place = 4 * (head // (heads // own[LAYER.key_heads]) * cache[2] + begin * size)
        query = given[PASS.attended] + row * given[PASS.attended_step] + 4 * head * size
        out = given[PASS.joined] + row * given[PASS.joined_step] + 4 * head * size
        _attend(query, cache[0] + place, cache[1] + place, stop - begin, size, scores, out)


@inlined
def _turns(given: Any, own: Any, number_of_text: Any) -> Any:
    """Whether the keys of a text are turned."""
    text = _text(given, number_of_text)
    enough = given[PASS.turns_single_rows] or text[TEXT.behind] - text[TEXT.first] > 1
    return enough and own[LAYER.head_dim] % PANEL == 0


@called
def look_around(arguments: Any, place: Any, layer: Any) -> None:
    """What each row's heads find."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    any_turns = False
    for number in range(given[PASS.num_texts]):
        if _turns(given, own, number):
            any_turns = True
            _turn_keys(arguments, place, layer, number)
    if any_turns:
        meet(given[PASS.meeting])
    for number in range(given[PASS.num_texts]):
        if _turns(given, own, number):
            _look_by_tiles(arguments, place, layer, number)
        else:
            _look(arguments, place, layer, number)
