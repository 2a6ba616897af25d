"""The kernel of networks with many experts: all layers over some rows in one call, each expert on its rows.

As in `layer_kernels` all threads run the same phases. A row's result depends on nothing but the row, what it sees and
whether it is alone in its text: a single row looks at keys where they lie, several at keys that are turned for all of
them.

Shapes: N rows, D hidden, I width of the dense MLP, E experts, M their width, k experts of a row, P = N k pairs of a row
and one of its experts, in the order of the experts.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.attention_kernels import (
    LAYER_LENGTH,
    PASS_LENGTH,
    inverse_length,
    look_around,
    mark,
    rotate_heads,
)
from dgemma.ops.native.compiler import array_at, called, inlined, thread_number
from dgemma.ops.native.kernels import exp, floats, integers, share
from dgemma.ops.native.layer_kernels import (
    add_fed_forward,
    gate_dense,
    norm_first,
    norm_soft,
    quantise,
    quantise_attended,
    quantise_for_experts,
)
from dgemma.ops.native.machine import PANEL
from dgemma.ops.native.pair_kernels import gate_pairs, gather_floats, sum_answers
from dgemma.ops.native.panel_kernels import meet, multiply
from dgemma.ops.native.quantised_kernels import (
    gather_quantised,
    multiply_by_expert,
    multiply_quantised,
    quantise_pairs,
)
from dgemma.ops.native.sizes import CLOCK, LAYER, PASS
from dgemma.quant import GROUP

_ZERO = np.float32(0.0)


@inlined
def _room(given: Any) -> Any:
    """This thread's, for a panel."""
    return given[PASS.unpacked] + given[PASS.unpacked_step] * thread_number()


@inlined
def _group(given: Any, size: Any) -> Any:
    """Inputs that have a sum, and of int4 weights a scale, of their own."""
    return GROUP if given[PASS.nibbles] else size


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
        if given[PASS.quantised]:
            quantise(given, row, given[PASS.normed] + 4 * row * size, size)
            quantise_for_experts(
                given, row, given[PASS.routed] + row * given[PASS.added_step], size, _group(given, size)
            )


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
        for expert in range(experts):
            # What is no number is never the largest, and must not be lost for that.
            if not logits[expert] < np.float32(np.inf):
                total = np.float32(np.nan)
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


# Products of rows with a weight, and of each expert's pairs with its weight: where rows begin and the bytes from one to
# the next (0 where all pairs are of one row), the weight, its scale (or whether its panels are bfloat16), I, O, where
# outputs begin and their bytes from row to row.
@called
def _multiply_floats(
    arguments: Any, source: Any, step: Any, panels: Any, halves: Any, size: Any, outputs: Any, out: Any, out_step: Any
) -> None:
    given = array_at(arguments, PASS_LENGTH)
    multiply(source, step, given[PASS.rows], panels, halves, size, outputs, out, out_step, _room(given))


@called
def _multiply_floats_by_expert(
    arguments: Any, source: Any, step: Any, panels: Any, halves: Any, size: Any, outputs: Any, out: Any, out_step: Any
) -> None:
    given = array_at(arguments, PASS_LENGTH)
    counts, room = integers(given[PASS.counts], given[PASS.experts]), _room(given)
    panels_step = (outputs + PANEL - 1) // PANEL * PANEL * size * (2 if halves else 4)
    for expert in range(given[PASS.experts]):
        count = counts[expert]
        multiply(source, step, count, panels + expert * panels_step, halves, size, outputs, out, out_step, room)
        source, out = source + count * step, out + count * out_step


@called
def _multiply_quantised(
    arguments: Any, _source: Any, _step: Any, weight: Any, scale: Any, size: Any, outputs: Any, out: Any, out_step: Any
) -> None:
    given = array_at(arguments, PASS_LENGTH)
    values, sums, scales = given[PASS.kept], given[PASS.sums], given[PASS.scales]
    nibbles, room = given[PASS.nibbles], _room(given)
    multiply_quantised(
        values, sums, scales, given[PASS.rows], weight, scale, outputs, size, nibbles, out, out_step, room
    )


@called
def _multiply_quantised_by_expert(
    arguments: Any, _source: Any, step: Any, weight: Any, scale: Any, size: Any, outputs: Any, out: Any, out_step: Any
) -> None:
    given = array_at(arguments, PASS_LENGTH)
    values, sums, scales = given[PASS.pair_kept], given[PASS.pair_sums], given[PASS.pair_scales]
    if step == 0:
        values, sums, scales = given[PASS.routed_kept], given[PASS.routed_sums], given[PASS.routed_scales]
    counts, experts, nibbles, room = given[PASS.counts], given[PASS.experts], given[PASS.nibbles], _room(given)
    multiply_by_expert(
        *(counts, experts, values, sums, scales, step == 0, weight, scale),
        *(outputs, size, nibbles, out, out_step, room),
    )


def _pass_with(multiply_rows: Any, multiply_by_expert: Any) -> Any:
    """All layers. Of either kind of products one kernel alone is made: each takes some ten seconds to compile."""

    @called
    def project(arguments: Any, place: Any) -> None:
        given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
        size, step, out = given[PASS.size], given[PASS.joined_step], given[PASS.joined]
        queries, keys = own[LAYER.heads] * own[LAYER.head_dim], own[LAYER.key_heads] * own[LAYER.head_dim]
        values = own[LAYER.has_values] * keys
        source, source_step, weight, scale = given[PASS.normed], 4 * size, own[LAYER.qkv], own[LAYER.qkv_scale]
        first = queries if given[PASS.quantised] else queries + keys + values
        multiply_rows(arguments, source, source_step, weight, scale, size, first, out, step)
        if given[PASS.quantised]:
            out, weight, scale = out + 4 * queries, own[LAYER.k], own[LAYER.k_scale]
            multiply_rows(arguments, source, source_step, weight, scale, size, keys, out, step)
            out, weight, scale = out + 4 * keys, own[LAYER.v], own[LAYER.v_scale]
            multiply_rows(arguments, source, source_step, weight, scale, size, values, out, step)

    @called
    def gate_and_up(arguments: Any, place: Any) -> None:
        given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
        size, width, step, out = given[PASS.size], given[PASS.width], given[PASS.inner_step], given[PASS.inner]
        source, weight, scale = given[PASS.normed], own[LAYER.dense_inward], own[LAYER.dense_inward_scale]
        first = width if given[PASS.quantised] else 2 * width
        multiply_rows(arguments, source, 4 * size, weight, scale, size, first, out, step)
        if given[PASS.quantised]:
            out, weight, scale = out + 4 * width, own[LAYER.up], own[LAYER.up_scale]
            multiply_rows(arguments, source, 4 * size, weight, scale, size, width, out, step)

    @called
    def bring_down(arguments: Any, place: Any) -> None:
        given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
        inner, step, width, size = given[PASS.inner], given[PASS.inner_step], given[PASS.width], given[PASS.size]
        weight, scale, out = own[LAYER.dense_down], own[LAYER.dense_down_scale], given[PASS.added]
        multiply_rows(arguments, inner, step, weight, scale, width, size, out, given[PASS.added_step])

    @called
    def condition(arguments: Any) -> None:
        """What self-conditioning makes of what was expected -> `added`."""
        given = array_at(arguments, PASS_LENGTH)
        place, meeting = given[PASS.table] + 8 * LAYER_LENGTH * given[PASS.depth], given[PASS.meeting]
        norm_soft(arguments, place)
        meet(meeting)
        gate_and_up(arguments, place)
        meet(meeting)
        gate_dense(arguments)
        meet(meeting)
        bring_down(arguments, place)
        meet(meeting)

    @called
    def answer(arguments: Any, place: Any) -> None:
        """What the experts say, from the rows as they read them and the choices of experts."""
        given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
        size, width, meeting = given[PASS.size], given[PASS.expert_width], given[PASS.meeting]
        inner, step, pairs = given[PASS.pair_inner], given[PASS.pair_inner_step], given[PASS.rows] * given[PASS.top_k]
        values, sums, scales = given[PASS.pair_kept], given[PASS.pair_sums], given[PASS.pair_scales]
        # All pairs of a single row read that row.
        source, source_step = given[PASS.routed], 0
        if given[PASS.rows] > 1:
            rows, groups = given[PASS.pair_rows], size // _group(given, size)
            if given[PASS.quantised]:
                kept, own_sums, own_scales = given[PASS.routed_kept], given[PASS.routed_sums], given[PASS.routed_scales]
                gather_quantised(pairs, rows, kept, own_sums, own_scales, values, sums, scales, size, groups)
            else:
                gather_floats(pairs, rows, source, given[PASS.added_step], given[PASS.gathered], size)
            source, source_step = given[PASS.gathered], 4 * size
            meet(meeting)
        weight, scale = own[LAYER.routed_inward], own[LAYER.routed_inward_scale]
        multiply_by_expert(arguments, source, source_step, weight, scale, size, 2 * width, inner, step)
        meet(meeting)
        gate_pairs(pairs, inner, step, width)
        if given[PASS.quantised]:
            group, nibbles = _group(given, width), given[PASS.nibbles]
            quantise_pairs(pairs, inner, step, values, sums, scales, width, group, nibbles)
        meet(meeting)
        weight, scale, out = own[LAYER.routed_down], own[LAYER.routed_down_scale], given[PASS.answers]
        multiply_by_expert(arguments, inner, step, weight, scale, width, size, out, given[PASS.added_step])

    @called
    def feed_forward(arguments: Any, place: Any) -> None:
        """The dense MLP beside the routed experts, from the rows as both read them to their answers."""
        given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
        size, rows, experts, meeting = given[PASS.size], given[PASS.rows], given[PASS.experts], given[PASS.meeting]
        gate_and_up(arguments, place)
        units, logits = given[PASS.units], given[PASS.logits]
        mark(arguments, CLOCK.dense)
        multiply(units, 4 * size, rows, own[LAYER.router], 0, size, experts, logits, given[PASS.logits_step], 0)
        meet(meeting)
        _choose(arguments, place)
        mark(arguments, CLOCK.experts)
        gate_dense(arguments)
        meet(meeting)
        _arrange(arguments)
        bring_down(arguments, place)
        meet(meeting)
        mark(arguments, CLOCK.dense)
        answer(arguments, place)
        meet(meeting)
        mark(arguments, CLOCK.experts)

    @called
    def run(arguments: Any) -> None:
        given = array_at(arguments, PASS_LENGTH)
        size, depth, meeting = given[PASS.size], given[PASS.depth], given[PASS.meeting]
        joined, joined_step, added_step = given[PASS.joined], given[PASS.joined_step], given[PASS.added_step]
        mark(arguments, CLOCK.last)
        if given[PASS.soft]:
            condition(arguments)
        mark(arguments, CLOCK.dense)
        norm_first(arguments, given[PASS.table])
        meet(meeting)
        mark(arguments, CLOCK.rest)
        for layer in range(depth):
            place = given[PASS.table] + 8 * LAYER_LENGTH * layer
            own = integers(place, 2 * LAYER_LENGTH)
            project(arguments, place)
            meet(meeting)
            rotate_heads(arguments, place, layer)
            meet(meeting)
            if given[PASS.keys_only] and layer == depth - 1:
                return
            look_around(arguments, place, layer)
            meet(meeting)
            if given[PASS.quantised]:
                quantise_attended(arguments, place)
                meet(meeting)
            looked, weight, scale = own[LAYER.heads] * own[LAYER.head_dim], own[LAYER.o], own[LAYER.o_scale]
            out = given[PASS.added]
            multiply_rows(arguments, joined, joined_step, weight, scale, looked, size, out, added_step)
            meet(meeting)
            mark(arguments, CLOCK.attention)
            _add_attended(arguments, place)
            meet(meeting)
            mark(arguments, CLOCK.rest)
            feed_forward(arguments, place)
            back, shares, routed = given[PASS.back], given[PASS.shares], given[PASS.routed]
            answers, rows, top_k = given[PASS.answers], given[PASS.rows], given[PASS.top_k]
            sum_answers(rows, top_k, back, shares, answers, added_step, routed, added_step, size)
            following = own[LAYER_LENGTH + LAYER.input_norm] if layer + 1 < depth else given[PASS.final_norm]
            add_fed_forward(arguments, place, following)
            meet(meeting)
            mark(arguments, CLOCK.rest)

    return run


_run_floats = _pass_with(_multiply_floats, _multiply_floats_by_expert)
_run_quantised = _pass_with(_multiply_quantised, _multiply_quantised_by_expert)


def layers_routed(arguments: Any) -> None:
    """`layer_kernels.layers` of a network with many experts: given what `sizes.PASS` names, of which a pass over few
    experts has no need as well. The router's weight is panels too, each layer says for itself which of its panels are
    bfloat16, and an expert's panels follow those of the one before."""
    _run_floats(arguments)


def layers_routed_quantised(arguments: Any) -> None:
    """`layers_routed` with int8 weights, or int4 ones of `nibbles`, which are read where they lie: rows become int8
    before each product."""
    _run_quantised(arguments)


KERNELS = (layers_routed, layers_routed_quantised)
