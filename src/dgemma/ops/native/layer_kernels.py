"""The kernels of small networks: all layers over some rows in one call: what runs in C.

All threads run the same phases and wait for each other between two of them. A row's result depends on nothing but the
row and what it sees: neither on the number of threads nor on the rows beside it.

Shapes: N rows, D hidden, I width of the dense MLP, E experts, M their width, k experts of a row.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.attention_kernels import (
    LAYER_LENGTH,
    PASS_LENGTH,
    inverse_length,
    look_around,
    mark,
    norm_into,
    rotate_heads,
    told_of,
)
from dgemma.ops.native.compiler import array_at, called, inlined
from dgemma.ops.native.kernels import IMPOSSIBLE, exp, floats, gated_by, integers, share
from dgemma.ops.native.panel_kernels import meet, multiply
from dgemma.ops.native.quantised_kernels import multiply_panels, quantise_row
from dgemma.ops.native.sizes import BYTES_BY_GROUP, CLOCK, KIND, LAYER, PASS, ROW
from dgemma.quant import GROUP

_ZERO = np.float32(0.0)


@inlined
def _route(weights: Any, scale: Any, experts: Any, top_k: Any) -> None:
    """Makes weights of the experts' logits: the softmax over the k best, times the expert's scale; zero for others."""
    best, total = IMPOSSIBLE, _ZERO
    for expert in range(experts):
        best = max(best, weights[expert])
        # What is no number is never the largest, and must not be lost for that.
        if not weights[expert] < np.float32(np.inf):
            total = np.float32(np.nan)
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
def quantise(given: Any, row: Any, source: Any, size: Any) -> None:
    """A row that attention or the dense MLP reads."""
    group = GROUP if given[PASS.nibbles] else size
    values, sums = given[PASS.kept] + row * size, given[PASS.sums] + 4 * row * (size // group)
    quantise_row(source, values, given[PASS.scales] + 4 * row, sums, size, group, given[PASS.nibbles])


@inlined
def quantise_for_experts(given: Any, row: Any, source: Any, size: Any, group: Any) -> None:
    """A row that the experts read, beside the one for the dense MLP."""
    values, sums = given[PASS.routed_kept] + row * size, given[PASS.routed_sums] + 4 * row * (size // group)
    quantise_row(source, values, given[PASS.routed_scales] + 4 * row, sums, size, group, given[PASS.nibbles])


@called
def quantise_attended(arguments: Any, place: Any) -> None:
    """What the heads found, once all of a row have."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    size = own[LAYER.heads] * own[LAYER.head_dim]
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        quantise(given, row, given[PASS.joined] + row * given[PASS.joined_step], size)


@called
def norm_soft(arguments: Any, place: Any) -> None:
    """What was expected of canvas rows, as self-conditioning's MLP reads it."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    size, eps = given[PASS.size], floats(given[PASS.eps], 1)[0]
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        soft, normed = (
            floats(given[PASS.soft] + 4 * row * size, size),
            floats(given[PASS.normed] + 4 * row * size, size),
        )
        norm_into(normed, soft, floats(own[LAYER.input_norm], size), size, eps)
        if given[PASS.quantised]:
            quantise(given, row, given[PASS.normed] + 4 * row * size, size)


@called
def norm_first(arguments: Any, place: Any) -> None:
    """Adds to canvas rows what self-conditioning found, if it was asked, norms them, and norms all rows for the first
    layer."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    size, eps = given[PASS.size], floats(given[PASS.eps], 1)[0]
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        hidden = floats(given[PASS.hidden] + 4 * row * size, size)
        normed = floats(given[PASS.normed] + 4 * row * size, size)
        kind = told_of(given, row)[ROW.kind]
        if kind != KIND.clean:
            if kind == KIND.conditioned:
                added = floats(given[PASS.added] + row * given[PASS.added_step], size)
                for at in range(size):
                    hidden[at] += added[at]
            scale = inverse_length(hidden, size, eps)
            for at in range(size):
                hidden[at] *= scale
        norm_into(normed, hidden, floats(own[LAYER.input_norm], size), size, eps)
        if given[PASS.quantised]:
            quantise(given, row, given[PASS.normed] + 4 * row * size, size)


@called
def _add_attended(arguments: Any, place: Any) -> None:
    """Adds what attention found, and makes of the sum what the dense MLP, the experts and their router read."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    size, experts, eps = given[PASS.size], given[PASS.experts], floats(given[PASS.eps], 1)[0]
    weight, router = floats(own[LAYER.attention_norm], size), own[LAYER.router]
    for_dense, for_routed = floats(own[LAYER.before_dense_norm], size), floats(own[LAYER.before_routed_norm], size)
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        hidden = floats(given[PASS.hidden] + 4 * row * size, size)
        new = floats(given[PASS.added] + row * given[PASS.added_step], size)
        dense = floats(given[PASS.normed] + 4 * row * size, size)
        routed = floats(given[PASS.routed] + row * given[PASS.added_step], size)
        weights = floats(given[PASS.inner] + (row + 1) * given[PASS.inner_step] - 4 * experts, experts)
        scale = inverse_length(new, size, eps)
        for at in range(size):
            hidden[at] += new[at] * scale * weight[at]
        scale = inverse_length(hidden, size, eps)
        for at in range(size):
            routed[at] = hidden[at] * scale
        for expert in range(experts):
            own_row, total = floats(router + 4 * expert * size, size), _ZERO
            for at in range(size):
                total += routed[at] * own_row[at]
            weights[expert] = total
        _route(weights, floats(own[LAYER.per_expert_scale], experts), experts, given[PASS.top_k])
        for at in range(size):
            unit = routed[at]
            dense[at], routed[at] = unit * for_dense[at], unit * for_routed[at]
        if given[PASS.quantised]:
            quantise(given, row, given[PASS.normed] + 4 * row * size, size)
            group = GROUP if given[PASS.nibbles] else size
            quantise_for_experts(given, row, given[PASS.routed] + row * given[PASS.added_step], size, group)


@called
def gate_dense(arguments: Any) -> None:
    """gelu(gate) * up of the dense MLP."""
    given = array_at(arguments, PASS_LENGTH)
    width = given[PASS.width]
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        inner = given[PASS.inner] + row * given[PASS.inner_step]
        gate, up = floats(inner, width), floats(inner + 4 * width, width)
        for at in range(width):
            gate[at] = gated_by(gate[at], up[at])
        if given[PASS.quantised]:
            quantise(given, row, inner, width)


@called
def _gate_experts(arguments: Any) -> None:
    """gelu(gate) * up of the experts, times their weights."""
    given = array_at(arguments, PASS_LENGTH)
    experts, expert_width = given[PASS.experts], given[PASS.expert_width]
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        inner = given[PASS.inner] + row * given[PASS.inner_step]
        weights = floats(inner + given[PASS.inner_step] - 4 * experts, experts)
        for expert in range(experts):
            place = inner + 4 * (given[PASS.routed_at] + expert * expert_width)
            gate, up = floats(place, expert_width), floats(place + 4 * experts * expert_width, expert_width)
            for at in range(expert_width):
                gate[at] = gated_by(gate[at], up[at]) * weights[expert]
        if given[PASS.quantised]:
            # An int8 scale is an expert's own, so that the row of all has scales by group.
            quantise_for_experts(given, row, inner + 4 * given[PASS.routed_at], experts * expert_width, GROUP)


@called
def add_fed_forward(arguments: Any, place: Any, following: Any) -> None:
    """Adds what both found, and norms the sum for what follows."""
    given, own = array_at(arguments, PASS_LENGTH), integers(place, LAYER_LENGTH)
    size, eps = given[PASS.size], floats(given[PASS.eps], 1)[0]
    dense_norm, routed_norm = floats(own[LAYER.dense_norm], size), floats(own[LAYER.routed_norm], size)
    weight = floats(own[LAYER.feedforward_norm], size)
    first, last = share(given[PASS.rows])
    for row in range(first, last):
        hidden = floats(given[PASS.hidden] + 4 * row * size, size)
        normed = floats(given[PASS.normed] + 4 * row * size, size)
        dense = floats(given[PASS.added] + row * given[PASS.added_step], size)
        routed = floats(given[PASS.routed] + row * given[PASS.added_step], size)
        is_clean = told_of(given, row)[ROW.kind] == KIND.clean
        scalar = floats(own[LAYER.encoder_scalar] if is_clean else own[LAYER.decoder_scalar], 1)[0]
        dense_scale, routed_scale = inverse_length(dense, size, eps), inverse_length(routed, size, eps)
        for at in range(size):
            dense[at] = dense[at] * dense_scale * dense_norm[at] + routed[at] * routed_scale * routed_norm[at]
        scale = inverse_length(dense, size, eps)
        for at in range(size):
            hidden[at] = (hidden[at] + dense[at] * scale * weight[at]) * scalar
        norm_into(normed, hidden, floats(following, size), size, eps)
        if given[PASS.quantised]:
            quantise(given, row, given[PASS.normed] + 4 * row * size, size)


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
    given = array_at(arguments, PASS_LENGTH)
    multiply(source, step, given[PASS.rows], panels, given[PASS.halves], size, outputs, out, out_step, 0)


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
    given = array_at(arguments, PASS_LENGTH)
    values, sums, scales = given[PASS.kept], given[PASS.sums], given[PASS.scales]
    if routed:
        values, sums, scales = given[PASS.routed_kept], given[PASS.routed_sums], given[PASS.routed_scales]
    multiply_panels(values, sums, scales, given[PASS.rows], panels, size, outputs, grouped, out, out_step)


def _pass_with(multiply_rows: Any) -> Any:
    """All layers. Of either kind of products one kernel alone is made: each takes some ten seconds to compile."""

    @called
    def condition(arguments: Any) -> None:
        """What self-conditioning makes of what was expected -> `added`."""
        given = array_at(arguments, PASS_LENGTH)
        place = given[PASS.table] + 8 * LAYER_LENGTH * given[PASS.depth]
        own, size, width, meeting = (
            integers(place, LAYER_LENGTH),
            given[PASS.size],
            given[PASS.width],
            given[PASS.meeting],
        )
        inner, step, nibbles = given[PASS.inner], given[PASS.inner_step], given[PASS.nibbles]
        norm_soft(arguments, place)
        meet(meeting)
        inward = own[LAYER.dense_inward]
        multiply_rows(arguments, 0, given[PASS.normed], 4 * size, inward, size, 2 * width, inner, step, nibbles)
        meet(meeting)
        gate_dense(arguments)
        meet(meeting)
        down, added, added_step = own[LAYER.dense_down], given[PASS.added], given[PASS.added_step]
        multiply_rows(arguments, 0, inner, step, down, width, size, added, added_step, nibbles)
        meet(meeting)

    @called
    def run(arguments: Any) -> None:
        given = array_at(arguments, PASS_LENGTH)
        size, depth, width, meeting = given[PASS.size], given[PASS.depth], given[PASS.width], given[PASS.meeting]
        nibbles = given[PASS.nibbles]
        normed, joined, added = given[PASS.normed], given[PASS.joined], given[PASS.added]
        inner, routed = given[PASS.inner], given[PASS.routed]
        joined_step, added_step, inner_step = given[PASS.joined_step], given[PASS.added_step], given[PASS.inner_step]
        routed_inner, routed_width = inner + 4 * given[PASS.routed_at], given[PASS.experts] * given[PASS.expert_width]
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
            projected = (own[LAYER.heads] + (1 + own[LAYER.has_values]) * own[LAYER.key_heads]) * own[LAYER.head_dim]
            multiply_rows(arguments, 0, normed, 4 * size, own[LAYER.qkv], size, projected, joined, joined_step, nibbles)
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
            looked = own[LAYER.heads] * own[LAYER.head_dim]
            multiply_rows(arguments, 0, joined, joined_step, own[LAYER.o], looked, size, added, added_step, nibbles)
            meet(meeting)
            mark(arguments, CLOCK.attention)
            _add_attended(arguments, place)
            meet(meeting)
            mark(arguments, CLOCK.rest)
            inward = own[LAYER.dense_inward]
            multiply_rows(arguments, 0, normed, 4 * size, inward, size, 2 * width, inner, inner_step, nibbles)
            mark(arguments, CLOCK.dense)
            inward, outputs = own[LAYER.routed_inward], 2 * routed_width
            multiply_rows(arguments, 1, routed, added_step, inward, size, outputs, routed_inner, inner_step, nibbles)
            meet(meeting)
            gate_dense(arguments)
            _gate_experts(arguments)
            meet(meeting)
            mark(arguments, CLOCK.experts)
            down = own[LAYER.dense_down]
            multiply_rows(arguments, 0, inner, inner_step, down, width, size, added, added_step, nibbles)
            mark(arguments, CLOCK.dense)
            # The experts' scales go by group, whatever the weights are.
            down, grouped = own[LAYER.routed_down], 1 if nibbles else BYTES_BY_GROUP
            multiply_rows(arguments, 1, routed_inner, inner_step, down, routed_width, size, routed, added_step, grouped)
            meet(meeting)
            mark(arguments, CLOCK.experts)
            following = own[LAYER_LENGTH + LAYER.input_norm] if layer + 1 < depth else given[PASS.final_norm]
            add_fed_forward(arguments, place, following)
            meet(meeting)
            mark(arguments, CLOCK.rest)

    return run


_run_floats, _run_quantised = _pass_with(_multiply_floats), _pass_with(_multiply_quantised)


def layers(arguments: Any) -> None:
    """All layers over the rows of `hidden`, which is used up; what is left in `normed` is the next norm of it.

    Given what `sizes.PASS` names: hidden_ND, soft_ND or 0, normed_ND, the final norm's weight, what is told of each row
    (`sizes.ROW`) and of each text (`sizes.TEXT`), table (`sizes.LAYER` of each layer), all int64, eps (float32), then
    room for N rows of joined, attended, added, inner and routed and for each thread's scores (a row's for each of a
    tile, and TILE_ROWS numbers more), a zero (int64) to meet at, and the bytes from one row to the next.

    Clean tokens see what stands before them and themselves; positions of a canvas see all before its end, on layers
    with a window what a token at its start would see. These come as embeddings, are self-conditioned by `soft` where
    they are of that kind, and normed. With `keys_only` the last layer ends with its keys and values. A row of inner is
    the dense MLP's gate and up, from `routed_at` on the experts', and at its end their weights. `halves`: panels are
    bfloat16.
    """
    _run_floats(arguments)


def layers_quantised(arguments: Any) -> None:
    """`layers` with `quantised` panels, int8 or int4 of `nibbles`: rows become int8 before each product."""
    _run_quantised(arguments)


KERNELS = (layers, layers_quantised)
