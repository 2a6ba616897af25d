"""The kernels of small networks: all layers over some rows in one call, and the whole vocabulary: what runs in C.

All threads run the same phases and wait for each other between two of them. A row's result depends on nothing but the
row and what it sees: neither on the number of threads nor on the rows beside it.

Shapes: N rows, D hidden, H query heads, K key heads, d head dim, I width of the dense MLP, E experts, M their width,
k experts of a row.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import TILES, array_at, called, inlined, thread_number, wait_for_all
from dgemma.ops.native.kernels import (
    IMPOSSIBLE,
    NO_WEIGHT,
    draw,
    exp,
    floats,
    gated_by,
    integers,
    largest,
    share,
    soft_cap,
    weigh,
)
from dgemma.ops.native.machine import PANEL
from dgemma.ops.native.sizes import FIELDS

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)

# The places of FIELDS.
_NUM_FIELDS = len(FIELDS)
_QKV, _O, _INWARD, _DENSE_DOWN, _ROUTED_DOWN = range(0, 5)
_INPUT_NORM, _QUERY_NORM, _KEY_NORM, _ATTENTION_NORM, _DENSE_NORM, _ROUTED_NORM, _FEEDFORWARD_NORM = range(5, 12)
_PER_EXPERT_SCALE, _ENCODER_SCALAR, _DECODER_SCALAR = range(12, 15)
_COS, _SIN, _KEYS, _VALUES, _HEAD_STEP = range(15, 20)
_HEADS, _KEY_HEADS, _HEAD_DIM, _HAS_VALUES, _WINDOW = range(20, 25)

_MOST = len(TILES)
_1, _2, _3 = TILES[:3]
_4, _5, _6, _7, _8 = (TILES[min(rows, _MOST) - 1] for rows in (4, 5, 6, 7, 8))


@called
def _multiply(hidden: Any, step: Any, rows: Any, panels: Any, size: Any, outputs: Any, out: Any, out_step: Any) -> None:
    """out = hidden @ weight for this thread's panels; steps are bytes from one row to the next."""
    first, last = share((outputs + PANEL - 1) // PANEL)
    # Tiles of nearly the same size: one of a single row would wait for its sums.
    tiles = (rows + _MOST - 1) // _MOST
    for number in range(first, last):
        panel, target, source = panels + 4 * PANEL * size * number, out + 4 * PANEL * number, hidden
        for tile in range(tiles):
            count = (rows - tile + tiles - 1) // tiles
            if count == 1:
                _1(source, step, panel, size, target, out_step)
            elif count == 2:
                _2(source, step, panel, size, target, out_step)
            elif count == 3:
                _3(source, step, panel, size, target, out_step)
            elif count == 4:
                _4(source, step, panel, size, target, out_step)
            elif count == 5:
                _5(source, step, panel, size, target, out_step)
            elif count == 6:
                _6(source, step, panel, size, target, out_step)
            elif count == 7:
                _7(source, step, panel, size, target, out_step)
            else:
                _8(source, step, panel, size, target, out_step)
            source, target = source + count * step, target + count * out_step


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
def _route(logits: Any, scale: Any, experts: Any, top_k: Any, weights: Any) -> None:
    """The weight of each expert: the softmax over the k best logits, times the expert's scale; zero for others."""
    for expert in range(experts):
        weights[expert] = _ZERO
    best = IMPOSSIBLE
    for expert in range(experts):
        best = max(best, logits[expert])
    total = _ZERO
    for _ in range(top_k):
        chosen, most = 0, -np.float32(np.inf)
        for expert in range(experts):
            if weights[expert] == _ZERO and logits[expert] > most:
                chosen, most = expert, logits[expert]
        weights[chosen] = exp(most - best)
        total += weights[chosen]
    for expert in range(experts):
        weights[expert] = weights[expert] / total * scale[expert]


def layers(arguments: Any) -> None:
    """All layers over the rows of `hidden`, which is used up; what is left in `normed` is the next norm of it.

    The first C rows are clean tokens and see what stands before them and themselves; the others are a canvas from
    `start` to `end` and see all before its end, on layers with a window what a token at its start would see.
    Addresses, then sizes, in this order:
    hidden_ND, normed_ND, final_norm_D, positions_N (int64: a row's place in the text and its slot in the cache),
    table (int64 [layers, FIELDS]), eps_1, joined, attended, added, inner, routed (room for N rows each), scores (room
    for each thread)
    N, D, C, start, end, layers, keys_only, joined's, attended's, inner's, added's width, the scores' room, I, E, M, k
    """
    given = array_at(arguments, 28)
    hidden, normed, final_norm, table, eps = given[0], given[1], given[2], given[4], floats(given[5], 1)[0]
    joined, attended, added, inner, routed = given[6], given[7], given[8], given[9], given[10]
    rows, size, clean, start, end, depth, keys_only = (
        given[12],
        given[13],
        given[14],
        given[15],
        given[16],
        given[17],
        given[18],
    )
    joined_step, attended_step, inner_step, added_step = 4 * given[19], 4 * given[20], 4 * given[21], 4 * given[22]
    width, experts, expert_width, top_k = given[24], given[25], given[26], given[27]
    scores = given[11] + 4 * given[23] * np.int64(thread_number())
    positions = integers(given[3], rows)
    row_step = 4 * size
    gated_width = width + experts * expert_width
    first_row, last_row = share(rows)

    own = integers(table, _NUM_FIELDS)
    for row in range(first_row, last_row):
        _norm_into(
            floats(normed + row * row_step, size),
            floats(hidden + row * row_step, size),
            floats(own[_INPUT_NORM], size),
            size,
            eps,
        )
    wait_for_all()
    for layer in range(depth):
        own = integers(table + 8 * _NUM_FIELDS * layer, 2 * _NUM_FIELDS)
        heads, key_heads, head_dim, has_values = own[_HEADS], own[_KEY_HEADS], own[_HEAD_DIM], own[_HAS_VALUES]
        turned = heads + key_heads
        _multiply(
            normed, row_step, rows, own[_QKV], size, (turned + has_values * key_heads) * head_dim, joined, joined_step
        )
        wait_for_all()
        first, last = share(rows * (turned + key_heads))
        for item in range(first, last):
            row, head = item // (turned + key_heads), item % (turned + key_heads)
            slot = positions[row]
            # A layer without values of its own takes the keys' before their norm has a weight.
            source = head if head < turned or has_values else head - key_heads
            unit = floats(joined + row * joined_step + 4 * source * head_dim, head_dim)
            scale = _inverse_length(unit, head_dim, eps)
            cos = floats(own[_COS] + 4 * slot * head_dim, head_dim)
            sin = floats(own[_SIN] + 4 * slot * head_dim, head_dim)
            if head < heads:
                target = floats(attended + row * attended_step + 4 * head * head_dim, head_dim)
                _rotate_into(target, unit, floats(own[_QUERY_NORM], head_dim), cos, sin, scale, head_dim)
            elif head < turned:
                place = (head - heads) * own[_HEAD_STEP] + slot * head_dim
                target = floats(own[_KEYS] + 4 * place, head_dim)
                _rotate_into(target, unit, floats(own[_KEY_NORM], head_dim), cos, sin, scale, head_dim)
            else:
                place = (head - turned) * own[_HEAD_STEP] + slot * head_dim
                target = floats(own[_VALUES] + 4 * place, head_dim)
                for at in range(head_dim):
                    target[at] = unit[at] * scale
        wait_for_all()
        if keys_only and layer == depth - 1:
            return
        first, last = share(rows * heads)
        for item in range(first, last):
            row, head = item // heads, item % heads
            begin, stop = (positions[row], positions[row] + 1) if row < clean else (start, end)
            begin = max(0, begin + 1 - own[_WINDOW]) if own[_WINDOW] else 0
            place = 4 * (head // (heads // key_heads) * own[_HEAD_STEP] + begin * head_dim)
            query = attended + row * attended_step + 4 * head * head_dim
            out = joined + row * joined_step + 4 * head * head_dim
            _attend(query, own[_KEYS] + place, own[_VALUES] + place, stop - begin, head_dim, scores, out)
        wait_for_all()
        _multiply(joined, joined_step, rows, own[_O], heads * head_dim, size, added, added_step)
        wait_for_all()
        for row in range(first_row, last_row):
            residual, new = floats(hidden + row * row_step, size), floats(added + row * added_step, size)
            weight, unit = floats(own[_ATTENTION_NORM], size), floats(normed + row * row_step, size)
            scale = _inverse_length(new, size, eps)
            for at in range(size):
                residual[at] += new[at] * scale * weight[at]
            scale = _inverse_length(residual, size, eps)
            for at in range(size):
                unit[at] = residual[at] * scale
        wait_for_all()
        _multiply(normed, row_step, rows, own[_INWARD], size, 2 * gated_width + experts, inner, inner_step)
        wait_for_all()
        for row in range(first_row, last_row):
            gate = floats(inner + row * inner_step, gated_width)
            up = floats(inner + row * inner_step + 4 * gated_width, gated_width)
            logits = floats(inner + row * inner_step + 8 * gated_width, experts)
            weights = floats(scores, experts)
            _route(logits, floats(own[_PER_EXPERT_SCALE], experts), experts, top_k, weights)
            for at in range(gated_width):
                gate[at] = gated_by(gate[at], up[at])
            for expert in range(experts):
                part = floats(inner + row * inner_step + 4 * (width + expert * expert_width), expert_width)
                for at in range(expert_width):
                    part[at] *= weights[expert]
        wait_for_all()
        _multiply(inner, inner_step, rows, own[_DENSE_DOWN], width, size, added, added_step)
        _multiply(
            inner + 4 * width, inner_step, rows, own[_ROUTED_DOWN], experts * expert_width, size, routed, added_step
        )
        wait_for_all()
        following = own[_NUM_FIELDS + _INPUT_NORM] if layer + 1 < depth else final_norm
        for row in range(first_row, last_row):
            residual, unit = floats(hidden + row * row_step, size), floats(normed + row * row_step, size)
            dense, other = floats(added + row * added_step, size), floats(routed + row * added_step, size)
            dense_norm, routed_norm = floats(own[_DENSE_NORM], size), floats(own[_ROUTED_NORM], size)
            weight = floats(own[_FEEDFORWARD_NORM], size)
            scalar = floats(own[_ENCODER_SCALAR] if row < clean else own[_DECODER_SCALAR], 1)[0]
            dense_scale, routed_scale = _inverse_length(dense, size, eps), _inverse_length(other, size, eps)
            for at in range(size):
                dense[at] = dense[at] * dense_scale * dense_norm[at] + other[at] * routed_scale * routed_norm[at]
            scale = _inverse_length(dense, size, eps)
            for at in range(size):
                residual[at] = (residual[at] + dense[at] * scale * weight[at]) * scalar
            _norm_into(unit, residual, floats(following, size), size, eps)
        wait_for_all()


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
    N, D, V, F, W, X, whether `soft` is wanted
    """
    given = array_at(arguments, 17)
    rows, size, vocabulary, barred, width, padded = given[10], given[11], given[12], given[13], given[14], given[15]
    settings, forbidden = floats(given[4], 3), integers(given[3], 2 * barred)
    uniforms, soft = floats(given[5], rows), given[16]
    _multiply(given[0], 4 * size, rows, given[1], size, vocabulary, given[6], 4 * width)
    wait_for_all()
    first, last = share(rows)
    for row in range(first, last):
        logits, summary = floats(given[6] + 4 * row * width, vocabulary), floats(given[7] + 16 * row, 4)
        ids = integers(given[8] + 16 * row, 2)
        soft_cap(logits, vocabulary, settings[0], settings[1])
        for number in range(barred):
            if forbidden[2 * number] == row or forbidden[2 * number] < 0:
                logits[forbidden[2 * number + 1]] = IMPOSSIBLE
        maximum = largest(logits, vocabulary)
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
                shifted = logits[at] - maximum
                logits[at] = exp(shifted) * scale if shifted > NO_WEIGHT else _ZERO
    if soft:
        wait_for_all()
        _multiply(given[6], 4 * width, rows, given[2], vocabulary, size, given[9], 4 * padded)


KERNELS = (layers, head)
