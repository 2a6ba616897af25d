"""The kernel of networks with many experts: all layers over some rows in one call, each expert on its rows.

As in `layer_kernels` all threads run the same phases, and a row's result depends on nothing but the row and what it
sees; a single row looks at keys where they lie, several at keys that are turned for all of them.

Shapes: N rows, D hidden, I width of the dense MLP, E experts, M their width, k experts of a row, P = N k pairs of a row
and one of its experts, in the order of the experts.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.attention_kernels import (
    LAYER_LENGTH,
    PASS_LENGTH,
    inverse_length,
    look,
    look_by_tiles,
    rotate_heads,
    turn_keys,
)
from dgemma.ops.native.compiler import array_at, called, inlined, thread_number
from dgemma.ops.native.kernels import exp, floats, gated_by, integers, share
from dgemma.ops.native.layer_kernels import add_fed_forward, norm_first
from dgemma.ops.native.machine import PANEL
from dgemma.ops.native.panel_kernels import meet, multiply
from dgemma.ops.native.sizes import LAYER, PASS

_ZERO = np.float32(0.0)


@inlined
def _room(given: Any) -> Any:
    """This thread's, for a panel."""
    return given[PASS.unpacked] + given[PASS.unpacked_step] * thread_number()


@inlined
def _panels_bytes(outputs: Any, size: Any, halves: Any) -> Any:
    return (outputs + PANEL - 1) // PANEL * PANEL * size * (2 if halves else 4)


@called
def _add_attended(arguments: Any, place: Any) -> None:
    """Adds what attention found, and makes of the sum what the router, the dense MLP and the experts read."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    size, eps = given[PASS.size], floats(given[PASS.eps], 1)[0]
    weight = floats(own[LAYER.attention_norm], size)
    for_dense, for_routed = floats(own[LAYER.before_dense_norm], size), floats(own[LAYER.before_routed_norm], size)
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        hidden = floats(given[PASS.hidden] + 4 * row * size, size)
        new = floats(given[PASS.added] + row * given[PASS.added_step], size)
        dense = floats(given[PASS.normed] + 4 * row * size, size)
        unit = floats(given[PASS.units] + 4 * row * size, size)
        routed = floats(given[PASS.routed] + row * given[PASS.added_step], size)
        scale = inverse_length(new, size, eps)
        for at in range(size):
            hidden[at] += new[at] * scale * weight[at]
        scale = inverse_length(hidden, size, eps)
        for at in range(size):
            one = hidden[at] * scale
            unit[at], dense[at], routed[at] = one, one * for_dense[at], one * for_routed[at]


@called
def _choose(arguments: Any, place: Any) -> None:
    """The k best experts of each row, and their weights: the softmax over them, times the expert's scale."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    experts, top_k = given[PASS.experts], given[PASS.top_k]
    scale = floats(own[LAYER.per_expert_scale], experts)
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        logits = floats(given[PASS.logits] + row * given[PASS.logits_step], experts)
        ids = integers(given[PASS.chosen] + 8 * row * top_k, top_k)
        weights = floats(given[PASS.shares] + 4 * row * top_k, top_k)
        best, total = _ZERO, _ZERO
        for slot in range(top_k):
            chosen, most = 0, -np.float32(np.inf)
            for expert in range(experts):
                if logits[expert] > most:
                    chosen, most = expert, logits[expert]
            if slot == 0:
                best = most
            ids[slot], weights[slot] = chosen, exp(most - best)
            total += weights[slot]
            logits[chosen] = -np.float32(np.inf)
        for slot in range(top_k):
            weights[slot] = weights[slot] / total * scale[ids[slot]]


@called
def _gate_dense(arguments: Any) -> None:
    """gelu(gate) * up of the dense MLP."""
    given = array_at(arguments, PASS_LENGTH)
    width = given[PASS.width]
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        inner = given[PASS.inner] + row * given[PASS.inner_step]
        gate, up = floats(inner, width), floats(inner + 4 * width, width)
        for at in range(width):
            gate[at] = gated_by(gate[at], up[at])


@called
def _arrange(arguments: Any) -> None:
    """Puts pairs in the order of their experts; a thing for one thread."""
    given = array_at(arguments, PASS_LENGTH)
    if thread_number() == 0:
        pairs, experts, top_k = given[PASS.rows] * given[PASS.top_k], given[PASS.experts], given[PASS.top_k]
        chosen, back = integers(given[PASS.chosen], pairs), integers(given[PASS.back], pairs)
        rows = integers(given[PASS.pair_rows], pairs)
        counts, following = integers(given[PASS.counts], experts), integers(given[PASS.following], experts)
        for expert in range(experts):
            counts[expert] = 0
        for at in range(pairs):
            counts[chosen[at]] += 1
        total = 0
        for expert in range(experts):
            following[expert] = total
            total += counts[expert]
        for at in range(pairs):
            pair = following[chosen[at]]
            following[chosen[at]] = pair + 1
            back[at], rows[pair] = pair, at // top_k


@called
def _gather(arguments: Any) -> None:
    """Each pair's row."""
    given = array_at(arguments, PASS_LENGTH)
    size, pairs = given[PASS.size], given[PASS.rows] * given[PASS.top_k]
    rows = integers(given[PASS.pair_rows], pairs)
    first, last = share(pairs)
    for pair in range(first, last):
        source = floats(given[PASS.routed] + rows[pair] * given[PASS.added_step], size)
        target = floats(given[PASS.gathered] + 4 * pair * size, size)
        for at in range(size):
            target[at] = source[at]


@called
def _multiply_by_expert(
    arguments: Any, source: Any, step: Any, panels: Any, halves: Any, size: Any, outputs: Any, out: Any, out_step: Any
) -> None:
    """Each expert's pairs times its weight; addresses of the first pair's row and of the first expert's panels."""
    given = array_at(arguments, PASS_LENGTH)
    counts = integers(given[PASS.counts], given[PASS.experts])
    panels_step = _panels_bytes(outputs, size, halves)
    room = _room(given)
    for expert in range(given[PASS.experts]):
        count = counts[expert]
        multiply(source, step, count, panels + expert * panels_step, halves, size, outputs, out, out_step, room)
        source, out = source + count * step, out + count * out_step


@called
def _gate_pairs(arguments: Any) -> None:
    """gelu(gate) * up of each pair."""
    given = array_at(arguments, PASS_LENGTH)
    width = given[PASS.expert_width]
    first, last = share(given[PASS.rows] * given[PASS.top_k])
    for pair in range(first, last):
        inner = given[PASS.pair_inner] + pair * given[PASS.pair_inner_step]
        gate, up = floats(inner, width), floats(inner + 4 * width, width)
        for at in range(width):
            gate[at] = gated_by(gate[at], up[at])


@called
def _sum_answers(arguments: Any) -> None:
    """Each row's answers by its experts, times their weights."""
    given = array_at(arguments, PASS_LENGTH)
    size, top_k = given[PASS.size], given[PASS.top_k]
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        out = floats(given[PASS.routed] + row * given[PASS.added_step], size)
        weights = floats(given[PASS.shares] + 4 * row * top_k, top_k)
        places = integers(given[PASS.back] + 8 * row * top_k, top_k)
        for at in range(size):
            out[at] = _ZERO
        for slot in range(top_k):
            weight, answer = weights[slot], floats(given[PASS.answers] + places[slot] * given[PASS.added_step], size)
            for at in range(size):
                out[at] += weight * answer[at]


@called
def _look_around(arguments: Any, place: Any) -> None:
    """What each row's heads find."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    if given[PASS.rows] > 1 and own[LAYER.head_dim] % PANEL == 0:
        turn_keys(arguments, place)
        meet(given[PASS.meeting])
        look_by_tiles(arguments, place)
    else:
        look(arguments, place)


@called
def _feed_forward(arguments: Any, place: Any) -> None:
    """The dense MLP beside the routed experts, from the rows as both read them to their answers."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    size = given[PASS.size]
    width = given[PASS.width]
    rows = given[PASS.rows]
    meeting = given[PASS.meeting]
    room = _room(given)
    expert_width, added_step, inner_step = given[PASS.expert_width], given[PASS.added_step], given[PASS.inner_step]
    pair_inner, pair_step = given[PASS.pair_inner], given[PASS.pair_inner_step]
    inward, halves = own[LAYER.dense_inward], own[LAYER.dense_inward_halves]
    multiply(given[PASS.normed], 4 * size, rows, inward, halves, size, 2 * width, given[PASS.inner], inner_step, room)
    experts, logits_step = given[PASS.experts], given[PASS.logits_step]
    multiply(given[PASS.units], 4 * size, rows, own[LAYER.router], 0, size, experts, given[PASS.logits], logits_step, 0)
    meet(meeting)
    _choose(arguments, place)
    _gate_dense(arguments)
    meet(meeting)
    _arrange(arguments)
    down, halves = own[LAYER.dense_down], own[LAYER.dense_down_halves]
    multiply(given[PASS.inner], inner_step, rows, down, halves, width, size, given[PASS.added], added_step, room)
    meet(meeting)
    # All pairs of a single row read that row.
    source, step = given[PASS.routed], 0
    if rows > 1:
        _gather(arguments)
        source, step = given[PASS.gathered], 4 * size
        meet(meeting)
    inward, halves = own[LAYER.routed_inward], own[LAYER.routed_inward_halves]
    _multiply_by_expert(arguments, source, step, inward, halves, size, 2 * expert_width, pair_inner, pair_step)
    meet(meeting)
    _gate_pairs(arguments)
    meet(meeting)
    down, halves, answers = own[LAYER.routed_down], own[LAYER.routed_down_halves], given[PASS.answers]
    _multiply_by_expert(arguments, pair_inner, pair_step, down, halves, expert_width, size, answers, added_step)
    meet(meeting)


def layers_routed(arguments: Any) -> None:
    """`layer_kernels.layers` of a network with many experts: given what `sizes.PASS` names, of which a pass over few
    experts has no need as well. The router's weight is panels too, each layer says for itself which of its panels are
    bfloat16, and an expert's panels follow those of the one before."""
    given = array_at(arguments, PASS_LENGTH)
    size, depth, rows, meeting = given[PASS.size], given[PASS.depth], given[PASS.rows], given[PASS.meeting]
    joined, joined_step, added_step = given[PASS.joined], given[PASS.joined_step], given[PASS.added_step]
    room = _room(given)
    norm_first(arguments, given[PASS.table])
    meet(meeting)
    for layer in range(depth):
        place = given[PASS.table] + 8 * LAYER_LENGTH * layer
        own = integers(place, 2 * LAYER_LENGTH)
        looked = own[LAYER.heads] * own[LAYER.head_dim]
        projected = looked + (1 + own[LAYER.has_values]) * own[LAYER.key_heads] * own[LAYER.head_dim]
        qkv, halves = own[LAYER.qkv], own[LAYER.qkv_halves]
        multiply(given[PASS.normed], 4 * size, rows, qkv, halves, size, projected, joined, joined_step, room)
        meet(meeting)
        rotate_heads(arguments, place)
        meet(meeting)
        if given[PASS.keys_only] and layer == depth - 1:
            return
        _look_around(arguments, place)
        meet(meeting)
        outward, halves = own[LAYER.o], own[LAYER.o_halves]
        multiply(joined, joined_step, rows, outward, halves, looked, size, given[PASS.added], added_step, room)
        meet(meeting)
        _add_attended(arguments, place)
        meet(meeting)
        _feed_forward(arguments, place)
        _sum_answers(arguments)
        following = own[LAYER_LENGTH + LAYER.input_norm] if layer + 1 < depth else given[PASS.final_norm]
        add_fed_forward(arguments, place, following)
        meet(meeting)


KERNELS = (layers_routed,)
