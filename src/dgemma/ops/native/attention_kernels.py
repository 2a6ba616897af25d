"""What is the same in all networks that are run in one call: norms, attention, and a clock.

Shapes: N rows, H query heads, K key heads, d head dim.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import array_at, called, cycles, inlined, largest_at, thread_number, turn_floats
from dgemma.ops.native.kernels import IMPOSSIBLE, exp, floats, integers, share
from dgemma.ops.native.machine import LANES, PANEL, TILE_ROWS
from dgemma.ops.native.panel_kernels import product
from dgemma.ops.native.sizes import CLOCK, LAYER, PASS

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
LAYER_LENGTH, PASS_LENGTH, _CLOCK_LENGTH = len(LAYER), len(PASS), len(CLOCK)


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


@called
def rotate_heads(arguments: Any, place: Any) -> None:
    """Norms and turns what was projected: queries into their room, keys and values into the cache."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    heads, key_heads, size = own[LAYER.heads], own[LAYER.key_heads], own[LAYER.head_dim]
    rotated = heads + key_heads
    positions = integers(given[PASS.positions], given[PASS.rows])
    eps = floats(given[PASS.eps], 1)[0]
    first, last = share(given[PASS.rows] * (rotated + key_heads))
    for item in range(first, last):
        row, head = item // (rotated + key_heads), item % (rotated + key_heads)
        slot = positions[row]
        # A layer without values of its own takes the keys' before their norm has a weight.
        source = head if head < rotated or own[LAYER.has_values] else head - key_heads
        unit = floats(given[PASS.joined] + row * given[PASS.joined_step] + 4 * source * size, size)
        scale = inverse_length(unit, size, eps)
        cos, sin = floats(own[LAYER.cos] + 4 * slot * size, size), floats(own[LAYER.sin] + 4 * slot * size, size)
        if head < heads:
            query = floats(given[PASS.attended] + row * given[PASS.attended_step] + 4 * head * size, size)
            _rotate_into(query, unit, floats(own[LAYER.query_norm], size), cos, sin, scale, size)
        elif head < rotated:
            key = floats(own[LAYER.keys] + 4 * ((head - heads) * own[LAYER.head_step] + slot * size), size)
            _rotate_into(key, unit, floats(own[LAYER.key_norm], size), cos, sin, scale, size)
        else:
            value = floats(own[LAYER.values] + 4 * ((head - rotated) * own[LAYER.head_step] + slot * size), size)
            for at in range(size):
                value[at] = unit[at] * scale


@inlined
def _first_seen(given: Any, own: Any, row: Any) -> Any:
    """The first key that a row sees; the one behind the last is `_behind_seen`."""
    begin = integers(given[PASS.positions], given[PASS.rows])[row] if row < given[PASS.clean] else given[PASS.start]
    return max(0, begin + 1 - own[LAYER.window]) if own[LAYER.window] else 0


@inlined
def _behind_seen(given: Any, row: Any) -> Any:
    return integers(given[PASS.positions], given[PASS.rows])[row] + 1 if row < given[PASS.clean] else given[PASS.end]


@called
def turn_keys(arguments: Any, place: Any) -> None:
    """The keys that any row sees, in panels: as many of them as a tile has outputs side by side, input by input."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    size, begin, stop = own[LAYER.head_dim], _first_seen(given, own, 0), _behind_seen(given, given[PASS.rows] - 1)
    panels = (stop - begin + PANEL - 1) // PANEL
    first, last = share(own[LAYER.key_heads] * panels)
    for item in range(first, last):
        head, number = item // panels, item % panels
        key, count = begin + number * PANEL, min(PANEL, stop - begin - number * PANEL)
        source = own[LAYER.keys] + 4 * (head * own[LAYER.head_step] + key * size)
        target = given[PASS.turned] + 4 * item * PANEL * size
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
def look_by_tiles(arguments: Any, place: Any) -> None:
    """Attention of each head, a tile of rows at a time, over keys that `turn_keys` has turned."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    heads, size, rows = own[LAYER.heads], own[LAYER.head_dim], given[PASS.rows]
    step, scores = given[PASS.score_step], given[PASS.scores] + given[PASS.score_step] * TILE_ROWS * thread_number()
    origin = _first_seen(given, own, 0)
    panels = (_behind_seen(given, rows - 1) - origin + PANEL - 1) // PANEL
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    first, last = share(heads * tiles)
    for item in range(first, last):
        head, tile = item // tiles, item % tiles
        row, behind = rows * tile // tiles, rows * (tile + 1) // tiles
        count = behind - row
        key_head = head // (heads // own[LAYER.key_heads])
        query = given[PASS.attended] + row * given[PASS.attended_step] + 4 * head * size
        # Of clean rows the last sees farthest; all of a canvas see the same.
        begin, stop = _first_seen(given, own, row) - origin, _behind_seen(given, behind - 1) - origin
        begin = begin // PANEL * PANEL
        for number in range(begin // PANEL, (stop + PANEL - 1) // PANEL):
            panel = given[PASS.turned] + 4 * (key_head * panels + number) * PANEL * size
            target = scores + 4 * (number * PANEL - begin)
            product(count, query, given[PASS.attended_step], panel, 4 * PANEL, size, target, step)
        seen = stop - begin
        shares = floats(scores + step * TILE_ROWS - 4 * TILE_ROWS, TILE_ROWS)
        for at in range(count):
            own_begin = _first_seen(given, own, row + at) - origin - begin
            own_stop = _behind_seen(given, row + at) - origin - begin
            shares[at] = _weigh_keys(scores + step * at, own_begin, own_stop, seen)
        values = own[LAYER.values] + 4 * (key_head * own[LAYER.head_step] + (origin + begin) * size)
        out = given[PASS.joined] + row * given[PASS.joined_step] + 4 * head * size
        for at in range(0, size, PANEL):
            product(count, scores, step, values + 4 * at, 4 * size, seen, out + 4 * at, given[PASS.joined_step])
        for at in range(count):
            found, scale = floats(out + at * given[PASS.joined_step], size), shares[at]
            for j in range(size):
                found[j] *= scale


@called
def look(arguments: Any, place: Any) -> None:
    """Attention of each head of each row, over keys where they lie: for heads whose size is no multiple of a panel, and
    where rows are too few for turning the keys."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    heads, size = own[LAYER.heads], own[LAYER.head_dim]
    scores = given[PASS.scores] + given[PASS.score_step] * TILE_ROWS * thread_number()
    first, last = share(given[PASS.rows] * heads)
    for item in range(first, last):
        row, head = item // heads, item % heads
        begin, stop = _first_seen(given, own, row), _behind_seen(given, row)
        place = 4 * (head // (heads // own[LAYER.key_heads]) * own[LAYER.head_step] + begin * size)
        query = given[PASS.attended] + row * given[PASS.attended_step] + 4 * head * size
        out = given[PASS.joined] + row * given[PASS.joined_step] + 4 * head * size
        _attend(query, own[LAYER.keys] + place, own[LAYER.values] + place, stop - begin, size, scores, out)
