"""The kernels of small networks: all layers over some rows in one call, and the whole vocabulary: what runs in C.

All threads run the same phases and wait for each other between two of them. A row's result depends on nothing but the
row and what it sees: neither on the number of threads nor on the rows beside it.

Shapes: N rows, D hidden, H query heads, K key heads, d head dim, I width of the dense MLP, E experts, M their width,
k experts of a row.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import array_at, called, inlined, largest_at, thread_number, turn_floats
from dgemma.ops.native.kernels import (
    IMPOSSIBLE,
    draw,
    exp,
    floats,
    gated_by,
    integers,
    share,
    soft_cap,
    weigh,
    weight_of,
)
from dgemma.ops.native.machine import LANES, PANEL, TILE_ROWS
from dgemma.ops.native.panel_kernels import meet, multiply, product
from dgemma.ops.native.quantised_kernels import multiply_panels, quantise_row
from dgemma.ops.native.sizes import LAYER, PASS
from dgemma.quant import GROUP

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)

# The places of `sizes.LAYER` in a layer's entries, and of `sizes.PASS` in what a pass is given.
_QKV, _O, _DENSE_INWARD, _DENSE_DOWN, _ROUTED_INWARD, _ROUTED_DOWN, _ROUTER = range(0, 7)
_INPUT_NORM, _QUERY_NORM, _KEY_NORM, _ATTENTION_NORM, _BEFORE_DENSE_NORM, _BEFORE_ROUTED_NORM = range(7, 13)
_DENSE_NORM, _ROUTED_NORM, _FEEDFORWARD_NORM, _PER_EXPERT_SCALE, _ENCODER_SCALAR, _DECODER_SCALAR = range(13, 19)
_COS, _SIN, _KEYS, _VALUES, _HEAD_STEP = range(19, 24)
_HEADS, _KEY_HEADS, _HEAD_DIM, _HAS_VALUES, _WINDOW = range(24, 29)
HIDDEN, NORMED, FINAL_NORM, POSITIONS, TABLE, EPS = range(0, 6)
JOINED, ATTENDED, ADDED, INNER, ROUTED, SCORES, MEETING = range(6, 13)
JOINED_STEP, ATTENDED_STEP, ADDED_STEP, INNER_STEP, SCORE_STEP = range(13, 18)
ROWS, SIZE, CLEAN, START, END, DEPTH, KEYS_ONLY, HALVES = range(18, 26)
WIDTH, EXPERTS, EXPERT_WIDTH, TOP_K, ROUTED_AT = range(26, 31)
KEPT, SUMS, SCALES, ROUTED_KEPT, ROUTED_SUMS, ROUTED_SCALES, NIBBLES, QUANTISED, TURNED = range(31, 40)
_LAYER_LENGTH, _PASS_LENGTH = len(LAYER), len(PASS)


@inlined
def _inverse_length(hidden: Any, size: Any, eps: Any) -> Any:
    """1 / sqrt(mean(x^2) + eps)."""
    total = _ZERO
    for at in range(size):
        total += hidden[at] * hidden[at]
    return _ONE / np.sqrt(total / np.float32(size) + eps)


@inlined
def _norm_into(out: Any, hidden: Any, weight: Any, size: Any, eps: Any) -> None:
    scale = _inverse_length(hidden, size, eps)
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
def _route(weights: Any, scale: Any, experts: Any, top_k: Any) -> None:
    """Makes weights of the experts' logits: the softmax over the k best, times the expert's scale; zero for others."""
    best = IMPOSSIBLE
    for expert in range(experts):
        best = max(best, weights[expert])
    total = _ZERO
    # Logits come to be at most zero, so that what is above is the weight of one that was chosen.
    for expert in range(experts):
        weights[expert] = min(_ZERO, weights[expert] - best)
    for _ in range(top_k):
        chosen, most = 0, -np.float32(np.inf)
        for expert in range(experts):
            if weights[expert] <= _ZERO and weights[expert] > most:
                chosen, most = expert, weights[expert]
        weights[chosen] = exp(most)
        total += weights[chosen]
    for expert in range(experts):
        weights[expert] = weights[expert] / total * scale[expert] if weights[expert] > _ZERO else _ZERO


@inlined
def _quantise(given: Any, row: Any, source: Any, size: Any) -> None:
    """A row that attention or the dense MLP reads."""
    group = GROUP if given[NIBBLES] else size
    values, sums = given[KEPT] + row * size, given[SUMS] + 4 * row * (size // group)
    quantise_row(source, values, given[SCALES] + 4 * row, sums, size, group, given[NIBBLES])


@inlined
def _quantise_for_experts(given: Any, row: Any, source: Any, size: Any, group: Any) -> None:
    """A row that the experts read, beside the one for the dense MLP."""
    values, sums = given[ROUTED_KEPT] + row * size, given[ROUTED_SUMS] + 4 * row * (size // group)
    quantise_row(source, values, given[ROUTED_SCALES] + 4 * row, sums, size, group, given[NIBBLES])


@called
def _quantise_attended(arguments: Any, place: Any) -> None:
    """What the heads found, once all of a row have."""
    given, own = array_at(arguments, _PASS_LENGTH), integers(place, _LAYER_LENGTH)
    size = own[_HEADS] * own[_HEAD_DIM]
    first, last = share(given[ROWS])
    for row in range(first, last):
        _quantise(given, row, given[JOINED] + row * given[JOINED_STEP], size)


@called
def _norm_first(arguments: Any, place: Any) -> None:
    given, own = array_at(arguments, _PASS_LENGTH), integers(place, _LAYER_LENGTH)
    size = given[SIZE]
    first, last = share(given[ROWS])
    for row in range(first, last):
        hidden, normed = floats(given[HIDDEN] + 4 * row * size, size), floats(given[NORMED] + 4 * row * size, size)
        _norm_into(normed, hidden, floats(own[_INPUT_NORM], size), size, floats(given[EPS], 1)[0])
        if given[QUANTISED]:
            _quantise(given, row, given[NORMED] + 4 * row * size, size)


@called
def _rotate_heads(arguments: Any, place: Any) -> None:
    """Norms and turns what was projected: queries into their room, keys and values into the cache."""
    given, own = array_at(arguments, _PASS_LENGTH), integers(place, _LAYER_LENGTH)
    heads, key_heads, size = own[_HEADS], own[_KEY_HEADS], own[_HEAD_DIM]
    rotated, positions, eps = heads + key_heads, integers(given[POSITIONS], given[ROWS]), floats(given[EPS], 1)[0]
    first, last = share(given[ROWS] * (rotated + key_heads))
    for item in range(first, last):
        row, head = item // (rotated + key_heads), item % (rotated + key_heads)
        slot = positions[row]
        # A layer without values of its own takes the keys' before their norm has a weight.
        source = head if head < rotated or own[_HAS_VALUES] else head - key_heads
        unit = floats(given[JOINED] + row * given[JOINED_STEP] + 4 * source * size, size)
        scale = _inverse_length(unit, size, eps)
        cos, sin = floats(own[_COS] + 4 * slot * size, size), floats(own[_SIN] + 4 * slot * size, size)
        if head < heads:
            query = floats(given[ATTENDED] + row * given[ATTENDED_STEP] + 4 * head * size, size)
            _rotate_into(query, unit, floats(own[_QUERY_NORM], size), cos, sin, scale, size)
        elif head < rotated:
            key = floats(own[_KEYS] + 4 * ((head - heads) * own[_HEAD_STEP] + slot * size), size)
            _rotate_into(key, unit, floats(own[_KEY_NORM], size), cos, sin, scale, size)
        else:
            value = floats(own[_VALUES] + 4 * ((head - rotated) * own[_HEAD_STEP] + slot * size), size)
            for at in range(size):
                value[at] = unit[at] * scale


@inlined
def _first_seen(given: Any, own: Any, row: Any) -> Any:
    """The first key that a row sees; the one behind the last is `_behind_seen`."""
    begin = integers(given[POSITIONS], given[ROWS])[row] if row < given[CLEAN] else given[START]
    return max(0, begin + 1 - own[_WINDOW]) if own[_WINDOW] else 0


@inlined
def _behind_seen(given: Any, row: Any) -> Any:
    return integers(given[POSITIONS], given[ROWS])[row] + 1 if row < given[CLEAN] else given[END]


@called
def _turn_keys(arguments: Any, place: Any) -> None:
    """The keys that any row sees, in panels: as many of them as a tile has outputs side by side, input by input."""
    given, own = array_at(arguments, _PASS_LENGTH), integers(place, _LAYER_LENGTH)
    size, begin, stop = own[_HEAD_DIM], _first_seen(given, own, 0), _behind_seen(given, given[ROWS] - 1)
    panels = (stop - begin + PANEL - 1) // PANEL
    first, last = share(own[_KEY_HEADS] * panels)
    for item in range(first, last):
        head, number = item // panels, item % panels
        key, count = begin + number * PANEL, min(PANEL, stop - begin - number * PANEL)
        source = own[_KEYS] + 4 * (head * own[_HEAD_STEP] + key * size)
        target = given[TURNED] + 4 * item * PANEL * size
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
def _look_by_tiles(arguments: Any, place: Any) -> None:
    """Attention of each head, a tile of rows at a time, over keys that `_turn_keys` has turned."""
    given, own = array_at(arguments, _PASS_LENGTH), integers(place, _LAYER_LENGTH)
    heads, size, rows = own[_HEADS], own[_HEAD_DIM], given[ROWS]
    step, scores = given[SCORE_STEP], given[SCORES] + given[SCORE_STEP] * TILE_ROWS * thread_number()
    origin = _first_seen(given, own, 0)
    panels = (_behind_seen(given, rows - 1) - origin + PANEL - 1) // PANEL
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    first, last = share(heads * tiles)
    for item in range(first, last):
        head, tile = item // tiles, item % tiles
        row, behind = rows * tile // tiles, rows * (tile + 1) // tiles
        count = behind - row
        key_head = head // (heads // own[_KEY_HEADS])
        query = given[ATTENDED] + row * given[ATTENDED_STEP] + 4 * head * size
        # Of clean rows the last sees farthest; all of a canvas see the same.
        begin, stop = _first_seen(given, own, row) - origin, _behind_seen(given, behind - 1) - origin
        begin = begin // PANEL * PANEL
        for number in range(begin // PANEL, (stop + PANEL - 1) // PANEL):
            panel = given[TURNED] + 4 * (key_head * panels + number) * PANEL * size
            product(
                count, query, given[ATTENDED_STEP], panel, 4 * PANEL, size, scores + 4 * (number * PANEL - begin), step
            )
        seen = stop - begin
        shares = floats(scores + step * TILE_ROWS - 4 * TILE_ROWS, TILE_ROWS)
        for at in range(count):
            own_begin = _first_seen(given, own, row + at) - origin - begin
            own_stop = _behind_seen(given, row + at) - origin - begin
            shares[at] = _weigh_keys(scores + step * at, own_begin, own_stop, seen)
        values = own[_VALUES] + 4 * (key_head * own[_HEAD_STEP] + (origin + begin) * size)
        out = given[JOINED] + row * given[JOINED_STEP] + 4 * head * size
        for at in range(0, size, PANEL):
            product(count, scores, step, values + 4 * at, 4 * size, seen, out + 4 * at, given[JOINED_STEP])
        for at in range(count):
            found, scale = floats(out + at * given[JOINED_STEP], size), shares[at]
            for j in range(size):
                found[j] *= scale


@called
def _look(arguments: Any, place: Any) -> None:
    """Attention of each head of each row, over what was projected, for heads whose size is no multiple of a panel."""
    given, own = array_at(arguments, _PASS_LENGTH), integers(place, _LAYER_LENGTH)
    heads, size = own[_HEADS], own[_HEAD_DIM]
    scores = given[SCORES] + given[SCORE_STEP] * TILE_ROWS * thread_number()
    first, last = share(given[ROWS] * heads)
    for item in range(first, last):
        row, head = item // heads, item % heads
        begin, stop = _first_seen(given, own, row), _behind_seen(given, row)
        place = 4 * (head // (heads // own[_KEY_HEADS]) * own[_HEAD_STEP] + begin * size)
        query = given[ATTENDED] + row * given[ATTENDED_STEP] + 4 * head * size
        out = given[JOINED] + row * given[JOINED_STEP] + 4 * head * size
        _attend(query, own[_KEYS] + place, own[_VALUES] + place, stop - begin, size, scores, out)


@called
def _add_attended(arguments: Any, place: Any) -> None:
    """Adds what attention found, and makes of the sum what the dense MLP, the experts and their router read."""
    given, own = array_at(arguments, _PASS_LENGTH), integers(place, _LAYER_LENGTH)
    size, experts, eps = given[SIZE], given[EXPERTS], floats(given[EPS], 1)[0]
    weight, router = floats(own[_ATTENTION_NORM], size), own[_ROUTER]
    for_dense, for_routed = floats(own[_BEFORE_DENSE_NORM], size), floats(own[_BEFORE_ROUTED_NORM], size)
    first, last = share(given[ROWS])
    for row in range(first, last):
        hidden, new = floats(given[HIDDEN] + 4 * row * size, size), floats(given[ADDED] + row * given[ADDED_STEP], size)
        dense = floats(given[NORMED] + 4 * row * size, size)
        routed = floats(given[ROUTED] + row * given[ADDED_STEP], size)
        weights = floats(given[INNER] + (row + 1) * given[INNER_STEP] - 4 * experts, experts)
        scale = _inverse_length(new, size, eps)
        for at in range(size):
            hidden[at] += new[at] * scale * weight[at]
        scale = _inverse_length(hidden, size, eps)
        for at in range(size):
            routed[at] = hidden[at] * scale
        for expert in range(experts):
            own_row, total = floats(router + 4 * expert * size, size), _ZERO
            for at in range(size):
                total += routed[at] * own_row[at]
            weights[expert] = total
        _route(weights, floats(own[_PER_EXPERT_SCALE], experts), experts, given[TOP_K])
        for at in range(size):
            unit = routed[at]
            dense[at], routed[at] = unit * for_dense[at], unit * for_routed[at]
        if given[QUANTISED]:
            _quantise(given, row, given[NORMED] + 4 * row * size, size)
            group = GROUP if given[NIBBLES] else size
            _quantise_for_experts(given, row, given[ROUTED] + row * given[ADDED_STEP], size, group)


@called
def _gate(arguments: Any) -> None:
    """gelu(gate) * up of the dense MLP and of the experts, these times their weights."""
    given = array_at(arguments, _PASS_LENGTH)
    width, experts, expert_width = given[WIDTH], given[EXPERTS], given[EXPERT_WIDTH]
    first, last = share(given[ROWS])
    for row in range(first, last):
        inner = given[INNER] + row * given[INNER_STEP]
        gate, up = floats(inner, width), floats(inner + 4 * width, width)
        for at in range(width):
            gate[at] = gated_by(gate[at], up[at])
        weights = floats(inner + given[INNER_STEP] - 4 * experts, experts)
        for expert in range(experts):
            place = inner + 4 * (given[ROUTED_AT] + expert * expert_width)
            gate, up = floats(place, expert_width), floats(place + 4 * experts * expert_width, expert_width)
            for at in range(expert_width):
                gate[at] = gated_by(gate[at], up[at]) * weights[expert]
        if given[QUANTISED]:
            _quantise(given, row, inner, width)
            # An int8 scale is an expert's own, so that the row of all has scales by group.
            _quantise_for_experts(given, row, inner + 4 * given[ROUTED_AT], experts * expert_width, GROUP)


@called
def _add_fed_forward(arguments: Any, place: Any, following: Any) -> None:
    """Adds what both found, and norms the sum for what follows."""
    given, own = array_at(arguments, _PASS_LENGTH), integers(place, _LAYER_LENGTH)
    size, eps = given[SIZE], floats(given[EPS], 1)[0]
    dense_norm, routed_norm = floats(own[_DENSE_NORM], size), floats(own[_ROUTED_NORM], size)
    weight = floats(own[_FEEDFORWARD_NORM], size)
    first, last = share(given[ROWS])
    for row in range(first, last):
        hidden, normed = floats(given[HIDDEN] + 4 * row * size, size), floats(given[NORMED] + 4 * row * size, size)
        dense = floats(given[ADDED] + row * given[ADDED_STEP], size)
        routed = floats(given[ROUTED] + row * given[ADDED_STEP], size)
        scalar = floats(own[_ENCODER_SCALAR] if row < given[CLEAN] else own[_DECODER_SCALAR], 1)[0]
        dense_scale, routed_scale = _inverse_length(dense, size, eps), _inverse_length(routed, size, eps)
        for at in range(size):
            dense[at] = dense[at] * dense_scale * dense_norm[at] + routed[at] * routed_scale * routed_norm[at]
        scale = _inverse_length(dense, size, eps)
        for at in range(size):
            hidden[at] = (hidden[at] + dense[at] * scale * weight[at]) * scalar
        _norm_into(normed, hidden, floats(following, size), size, eps)
        if given[QUANTISED]:
            _quantise(given, row, given[NORMED] + 4 * row * size, size)


@called
def _multiply_floats(
    arguments: Any,
    _routed: Any,
    source: Any,
    step: Any,
    panels: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_step: Any,
    _grouped: Any,
) -> None:
    """Rows times a weight."""
    given = array_at(arguments, _PASS_LENGTH)
    multiply(source, step, given[ROWS], panels, given[HALVES], size, outputs, out, out_step)


@called
def _multiply_quantised(
    arguments: Any,
    routed: Any,
    _source: Any,
    _step: Any,
    panels: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_step: Any,
    grouped: Any,
) -> None:
    """The same with rows that were put by as int8, for the experts if it is `routed`."""
    given = array_at(arguments, _PASS_LENGTH)
    values, sums, scales = given[KEPT], given[SUMS], given[SCALES]
    if routed:
        values, sums, scales = given[ROUTED_KEPT], given[ROUTED_SUMS], given[ROUTED_SCALES]
    multiply_panels(values, sums, scales, given[ROWS], panels, size, outputs, grouped, out, out_step)


def _pass_with(multiply_rows: Any) -> Any:
    """All layers. Of either kind of products one kernel alone is made: each takes some ten seconds to compile."""

    @called
    def run(arguments: Any) -> None:
        given = array_at(arguments, _PASS_LENGTH)
        size, depth, width, meeting = given[SIZE], given[DEPTH], given[WIDTH], given[MEETING]
        nibbles = given[NIBBLES]
        normed, joined, added = given[NORMED], given[JOINED], given[ADDED]
        inner, routed = given[INNER], given[ROUTED]
        joined_step, added_step, inner_step = given[JOINED_STEP], given[ADDED_STEP], given[INNER_STEP]
        routed_inner, routed_width = inner + 4 * given[ROUTED_AT], given[EXPERTS] * given[EXPERT_WIDTH]
        _norm_first(arguments, given[TABLE])
        meet(meeting)
        for layer in range(depth):
            place = given[TABLE] + 8 * _LAYER_LENGTH * layer
            own = integers(place, 2 * _LAYER_LENGTH)
            projected = (own[_HEADS] + (1 + own[_HAS_VALUES]) * own[_KEY_HEADS]) * own[_HEAD_DIM]
            multiply_rows(arguments, 0, normed, 4 * size, own[_QKV], size, projected, joined, joined_step, nibbles)
            meet(meeting)
            _rotate_heads(arguments, place)
            meet(meeting)
            if given[KEYS_ONLY] and layer == depth - 1:
                return
            if own[_HEAD_DIM] % PANEL == 0:
                _turn_keys(arguments, place)
                meet(meeting)
                _look_by_tiles(arguments, place)
            else:
                _look(arguments, place)
            meet(meeting)
            if given[QUANTISED]:
                _quantise_attended(arguments, place)
                meet(meeting)
            looked = own[_HEADS] * own[_HEAD_DIM]
            multiply_rows(arguments, 0, joined, joined_step, own[_O], looked, size, added, added_step, nibbles)
            meet(meeting)
            _add_attended(arguments, place)
            meet(meeting)
            inward = own[_DENSE_INWARD]
            multiply_rows(arguments, 0, normed, 4 * size, inward, size, 2 * width, inner, inner_step, nibbles)
            inward, outputs = own[_ROUTED_INWARD], 2 * routed_width
            multiply_rows(arguments, 1, routed, added_step, inward, size, outputs, routed_inner, inner_step, nibbles)
            meet(meeting)
            _gate(arguments)
            meet(meeting)
            multiply_rows(arguments, 0, inner, inner_step, own[_DENSE_DOWN], width, size, added, added_step, nibbles)
            # The experts' scales go by group, whatever the weights are.
            down = own[_ROUTED_DOWN]
            multiply_rows(arguments, 1, routed_inner, inner_step, down, routed_width, size, routed, added_step, 1)
            meet(meeting)
            following = own[_LAYER_LENGTH + _INPUT_NORM] if layer + 1 < depth else given[FINAL_NORM]
            _add_fed_forward(arguments, place, following)
            meet(meeting)

    return run


_run_floats, _run_quantised = _pass_with(_multiply_floats), _pass_with(_multiply_quantised)


def layers(arguments: Any) -> None:
    """All layers over the rows of `hidden`, which is used up; what is left in `normed` is the next norm of it.

    Given what `sizes.PASS` names: hidden_ND, normed_ND, the final norm's weight, positions_N (int64: a row's place in
    the text and its slot in the cache), table (int64: `sizes.LAYER` of each layer), eps (float32), then room for N rows
    of joined, attended, added, inner and routed and for each thread's scores (a row's for each of a tile, and TILE_ROWS
    numbers more), a zero (int64) to meet at, and the bytes from one row to the next; `turned`, room for a layer's keys.

    The first `clean` rows are clean tokens and see what stands before them and themselves; the others are a canvas from
    `start` to `end` and see all before its end, on layers with a window what a token at its start would see. With
    `keys_only` the last layer ends with its keys and values. A row of inner is the dense MLP's gate and up, from
    `routed_at` on the experts', and at its end their weights. `halves`: panels are bfloat16.
    """
    _run_floats(arguments)


def layers_quantised(arguments: Any) -> None:
    """`layers` with `quantised` panels, int8 or int4 of `nibbles`: rows become int8 before each product."""
    _run_quantised(arguments)


def head(arguments: Any) -> None:
    """The whole vocabulary of each row: what a step needs of the logits limit * tanh(product / cap).

    Addresses, then sizes, in this order:
    hidden_ND      float32                         embedding, back   panels: entries of D inputs, D outputs of V inputs
    forbidden_F2   int64 (row or -1 for all, id), whose probability is zero
    settings_3     float32: 2 / cap, limit, what the expected embedding is multiplied by
    uniforms_N     float32: where in the distribution a sample is drawn
    logits_NW      float32, W the padded vocabulary; with `soft` they become weights exp(logit - maximum)
    summary_N4     float32: maximum of the logits, log of the sum of weights, entropy, and one more
    ids_N2         int64: the likeliest id, the sample
    soft_NX        float32: the expected embedding, X the padded hidden size
    N, D, V, F, W, X, whether `soft` is wanted, whether panels are bfloat16, and the address of a zero to meet at;
    whether they are int8 and rows become so, and room for these: values_ND, sums_N and scales_N
    """
    given = array_at(arguments, 23)
    rows, size, vocabulary, barred, width, padded = given[10], given[11], given[12], given[13], given[14], given[15]
    settings, forbidden = floats(given[4], 3), integers(given[3], 2 * barred)
    uniforms, soft = floats(given[5], rows), given[16]
    if given[19]:
        first, last = share(rows)
        for row in range(first, last):
            source, values = given[0] + 4 * row * size, given[20] + row * size
            quantise_row(source, values, given[22] + 4 * row, given[21] + 4 * row, size, size, 0)
        meet(given[18])
        multiply_panels(given[20], given[21], given[22], rows, given[1], size, vocabulary, 0, given[6], 4 * width)
    else:
        multiply(given[0], 4 * size, rows, given[1], given[17], size, vocabulary, given[6], 4 * width)
    meet(given[18])
    first, last = share(rows)
    for row in range(first, last):
        logits, summary = floats(given[6] + 4 * row * width, vocabulary), floats(given[7] + 16 * row, 4)
        ids = integers(given[8] + 16 * row, 2)
        soft_cap(logits, vocabulary, settings[0], settings[1])
        for number in range(barred):
            if forbidden[2 * number] == row or forbidden[2 * number] < 0:
                logits[forbidden[2 * number + 1]] = IMPOSSIBLE
        maximum = largest_at(given[6] + 4 * row * width, vocabulary)
        likeliest = 0
        while logits[likeliest] < maximum:
            likeliest += 1
        total, moment = weigh(logits, vocabulary, maximum)
        ids[0] = likeliest
        ids[1] = draw(logits, 0, vocabulary, maximum, np.float64(uniforms[row]) * np.float64(total))
        summary[0], summary[1] = maximum, np.log(total)
        summary[2] = max(_ZERO, np.log(total) - moment / total)
        if soft:
            scale = settings[2] / total
            for at in range(vocabulary):
                logits[at] = weight_of(logits[at], maximum) * scale
    if soft:
        meet(given[18])
        multiply(given[6], 4 * width, rows, given[2], given[17], vocabulary, size, given[9], 4 * padded)


KERNELS = (layers, head, layers_quantised)
