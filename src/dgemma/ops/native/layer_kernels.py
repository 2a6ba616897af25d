"""The fused kernel of small networks: all layers over the rows of a pass in one call. All experts run on every row.

All threads run the same phases, with a barrier between two of them. A row's result depends only on the row and on what
it attends to, not on the number of threads or on the other rows of the pass.

Shapes: N rows, D hidden, I width of the dense MLP, E experts, M their width, k experts of a row.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.arithmetic import IMPOSSIBLE, exp, floats, geglu, integers, thread_range
from dgemma.ops.native.attention_kernels import (
    LAYER_LENGTH,
    PASS_LENGTH,
    attend,
    inverse_length,
    mark,
    norm_into,
    rotate_heads,
    row_entry,
)
from dgemma.ops.native.compiler import array_at, inlined, jitted
from dgemma.ops.native.panel_kernels import bfloat16_row_bytes, multiply, round_row, spin_barrier
from dgemma.ops.native.quantised_kernels import multiply_panels, quantise_row
from dgemma.ops.native.sizes import (
    BFLOAT16_ROWS,
    CLOCK,
    FLOAT_ROWS,
    GROUPED_INT8,
    INT4,
    INT8_ROWS,
    KIND,
    LAYER,
    PASS,
    ROW,
)
from dgemma.quant import GROUP

_ZERO = np.float32(0.0)


@inlined
def _route(weights: Any, scale: Any, experts: Any, top_k: Any) -> None:
    """Replaces the router's logits by weights: the softmax over the k best times the experts' scales, else zero."""
    best, total = IMPOSSIBLE, _ZERO
    for expert in range(experts):
        best = max(best, weights[expert])
        # A nan is never selected as the largest, so it is put into the total and reaches the output.
        if not weights[expert] < np.float32(np.inf):
            total = np.float32(np.nan)
    # Shifted logits are at most zero, so a positive entry is the weight of an expert that is already selected.
    for expert in range(experts):
        weights[expert] = min(_ZERO, weights[expert] - best)
    for _ in range(top_k):
        chosen, largest = 0, -np.float32(np.inf)
        for expert in range(experts):
            if weights[expert] <= _ZERO and weights[expert] > largest:
                chosen, largest = expert, weights[expert]
        weights[chosen] = exp(largest)
        total += weights[chosen]
    for expert in range(experts):
        weights[expert] = weights[expert] / total * scale[expert] if weights[expert] > _ZERO else _ZERO


@inlined
def pack_dense_row(args: Any, row: Any, source: Any, size: Any) -> None:
    """Packs an input row of attention or the dense MLP in the format of the pass' rows."""
    if args[PASS.row_format] == INT8_ROWS:
        group = GROUP if args[PASS.is_int4] else size
        values, sums = args[PASS.dense_values] + row * size, args[PASS.dense_sums] + 4 * row * (size // group)
        quantise_row(source, values, args[PASS.dense_scales] + 4 * row, sums, size, group, args[PASS.is_int4])
    elif args[PASS.row_format] == BFLOAT16_ROWS:
        round_row(source, args[PASS.dense_values] + row * bfloat16_row_bytes(size), size)


@inlined
def pack_routed_row(args: Any, row: Any, source: Any, size: Any, group: Any) -> None:
    """Packs an input row of the experts into its own buffers, beside the dense MLP's; `group` is the number of inputs
    with a common sum."""
    if args[PASS.row_format] == INT8_ROWS:
        values, sums = args[PASS.routed_values] + row * size, args[PASS.routed_sums] + 4 * row * (size // group)
        quantise_row(source, values, args[PASS.routed_scales] + 4 * row, sums, size, group, args[PASS.is_int4])
    elif args[PASS.row_format] == BFLOAT16_ROWS:
        round_row(source, args[PASS.routed_values] + row * bfloat16_row_bytes(size), size)


@jitted
def pack_attention(arguments: Any, layer_address: Any) -> None:
    """Packs the attention output. A phase of its own, because a row needs all of its heads."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    size = layer[LAYER.num_heads] * layer[LAYER.head_dim]
    first, last = thread_range(args[PASS.num_rows])
    for row in range(first, last):
        pack_dense_row(args, row, args[PASS.projected] + row * args[PASS.projected_stride], size)


@jitted
def norm_soft(arguments: Any, layer_address: Any) -> None:
    """Norms the expected embeddings of canvas rows, the input of self-conditioning's MLP."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    size, eps = args[PASS.hidden_size], floats(args[PASS.eps], 1)[0]
    first, last = thread_range(args[PASS.num_rows])
    for row in range(first, last):
        soft = floats(args[PASS.soft] + 4 * row * size, size)
        normed = floats(args[PASS.normed] + 4 * row * size, size)
        norm_into(normed, soft, floats(layer[LAYER.input_norm], size), size, eps)
        pack_dense_row(args, row, args[PASS.normed] + 4 * row * size, size)


@jitted
def norm_inputs(arguments: Any, layer_address: Any) -> None:
    """Adds self-conditioning's output to conditioned rows, norms all canvas rows, then applies the first layer's input
    norm to every row."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    size, eps = args[PASS.hidden_size], floats(args[PASS.eps], 1)[0]
    first, last = thread_range(args[PASS.num_rows])
    for row in range(first, last):
        hidden = floats(args[PASS.hidden] + 4 * row * size, size)
        normed = floats(args[PASS.normed] + 4 * row * size, size)
        kind = row_entry(args, row)[ROW.kind]
        if kind != KIND.clean:
            if kind == KIND.conditioned:
                conditioning = floats(args[PASS.block_out] + row * args[PASS.block_stride], size)
                for at in range(size):
                    hidden[at] += conditioning[at]
            scale = inverse_length(hidden, size, eps)
            for at in range(size):
                hidden[at] *= scale
        norm_into(normed, hidden, floats(layer[LAYER.input_norm], size), size, eps)
        pack_dense_row(args, row, args[PASS.normed] + 4 * row * size, size)


@jitted
def _add_attention(arguments: Any, layer_address: Any) -> None:
    """Adds the normed attention output to the residual stream; computes the routing weights and the normed inputs of
    the dense MLP and the experts."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    size, experts, eps = args[PASS.hidden_size], args[PASS.num_experts], floats(args[PASS.eps], 1)[0]
    weight, router = floats(layer[LAYER.attention_norm], size), layer[LAYER.router]
    dense_norm, routed_norm = floats(layer[LAYER.pre_dense_norm], size), floats(layer[LAYER.pre_routed_norm], size)
    first, last = thread_range(args[PASS.num_rows])
    for row in range(first, last):
        hidden = floats(args[PASS.hidden] + 4 * row * size, size)
        attention_out = floats(args[PASS.block_out] + row * args[PASS.block_stride], size)
        dense_in = floats(args[PASS.normed] + 4 * row * size, size)
        routed_in = floats(args[PASS.routed] + row * args[PASS.block_stride], size)
        weights = floats(args[PASS.inner] + (row + 1) * args[PASS.inner_stride] - 4 * experts, experts)
        scale = inverse_length(attention_out, size, eps)
        for at in range(size):
            hidden[at] += attention_out[at] * scale * weight[at]
        scale = inverse_length(hidden, size, eps)
        for at in range(size):
            routed_in[at] = hidden[at] * scale
        for expert in range(experts):
            router_row, total = floats(router + 4 * expert * size, size), _ZERO
            for at in range(size):
                total += routed_in[at] * router_row[at]
            weights[expert] = total
        _route(weights, floats(layer[LAYER.per_expert_scale], experts), experts, args[PASS.top_k])
        for at in range(size):
            normed_value = routed_in[at]
            dense_in[at], routed_in[at] = normed_value * dense_norm[at], normed_value * routed_norm[at]
        pack_dense_row(args, row, args[PASS.normed] + 4 * row * size, size)
        group = GROUP if args[PASS.is_int4] else size
        pack_routed_row(args, row, args[PASS.routed] + row * args[PASS.block_stride], size, group)


@jitted
def gate_dense(arguments: Any) -> None:
    """gelu(gate) * up of the dense MLP, in the place of its gate."""
    args = array_at(arguments, PASS_LENGTH)
    width = args[PASS.dense_width]
    first, last = thread_range(args[PASS.num_rows])
    for row in range(first, last):
        inner = args[PASS.inner] + row * args[PASS.inner_stride]
        gate, up = floats(inner, width), floats(inner + 4 * width, width)
        for at in range(width):
            gate[at] = geglu(gate[at], up[at])
        pack_dense_row(args, row, inner, width)


@jitted
def _gate_experts(arguments: Any) -> None:
    """gelu(gate) * up of all experts times their routing weights, in the place of their gates."""
    args = array_at(arguments, PASS_LENGTH)
    experts, expert_width = args[PASS.num_experts], args[PASS.expert_width]
    first, last = thread_range(args[PASS.num_rows])
    for row in range(first, last):
        inner = args[PASS.inner] + row * args[PASS.inner_stride]
        weights = floats(inner + args[PASS.inner_stride] - 4 * experts, experts)
        for expert in range(experts):
            gate_address = inner + 4 * (args[PASS.routed_offset] + expert * expert_width)
            gate = floats(gate_address, expert_width)
            up = floats(gate_address + 4 * experts * expert_width, expert_width)
            for at in range(expert_width):
                gate[at] = geglu(gate[at], up[at]) * weights[expert]
        # The row spans all experts, each of which has its own int8 scales; hence a sum for each group.
        pack_routed_row(args, row, inner + 4 * args[PASS.routed_offset], experts * expert_width, GROUP)


@jitted
def add_feed_forward(arguments: Any, layer_address: Any, next_norm: Any) -> None:
    """Adds the normed outputs of the dense MLP and the experts to the residual stream, and applies the next norm."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    size, eps = args[PASS.hidden_size], floats(args[PASS.eps], 1)[0]
    dense_norm, routed_norm = floats(layer[LAYER.dense_norm], size), floats(layer[LAYER.routed_norm], size)
    weight = floats(layer[LAYER.feedforward_norm], size)
    first, last = thread_range(args[PASS.num_rows])
    for row in range(first, last):
        hidden = floats(args[PASS.hidden] + 4 * row * size, size)
        normed = floats(args[PASS.normed] + 4 * row * size, size)
        dense_out = floats(args[PASS.block_out] + row * args[PASS.block_stride], size)
        routed_out = floats(args[PASS.routed] + row * args[PASS.block_stride], size)
        is_clean = row_entry(args, row)[ROW.kind] == KIND.clean
        scalar = floats(layer[LAYER.encoder_scalar] if is_clean else layer[LAYER.decoder_scalar], 1)[0]
        dense_scale, routed_scale = inverse_length(dense_out, size, eps), inverse_length(routed_out, size, eps)
        for at in range(size):
            dense_out[at] = (
                dense_out[at] * dense_scale * dense_norm[at] + routed_out[at] * routed_scale * routed_norm[at]
            )
        scale = inverse_length(dense_out, size, eps)
        for at in range(size):
            hidden[at] = (hidden[at] + dense_out[at] * scale * weight[at]) * scalar
        norm_into(normed, hidden, floats(next_norm, size), size, eps)
        pack_dense_row(args, row, args[PASS.normed] + 4 * row * size, size)


@jitted
def _multiply_floats(
    arguments: Any,
    for_experts: Any,
    source: Any,
    stride: Any,
    panels: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_stride: Any,
    _weight_format: Any,
) -> None:
    """out = rows at `source`, or their bfloat16 (the experts' input if `for_experts`, else the dense one), times a
    weight in float panels."""
    args = array_at(arguments, PASS_LENGTH)
    if args[PASS.row_format] == BFLOAT16_ROWS:
        source = args[PASS.routed_values] if for_experts else args[PASS.dense_values]
        stride = bfloat16_row_bytes(size)
    multiply(source, stride, args[PASS.num_rows], panels, args[PASS.panel_format], size, outputs, out, out_stride, 0)


@jitted
def _multiply_quantised(
    arguments: Any,
    for_experts: Any,
    _source: Any,
    _stride: Any,
    panels: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_stride: Any,
    weight_format: Any,
) -> None:
    """out = quantised rows (the experts' input if `for_experts`, else the dense one) times a quantised weight."""
    args = array_at(arguments, PASS_LENGTH)
    values, sums, scales = args[PASS.dense_values], args[PASS.dense_sums], args[PASS.dense_scales]
    if for_experts:
        values, sums, scales = args[PASS.routed_values], args[PASS.routed_sums], args[PASS.routed_scales]
    multiply_panels(values, sums, scales, args[PASS.num_rows], panels, size, outputs, weight_format, out, out_stride)


def _make_pass(multiply_rows: Any) -> Any:
    """The pass over all layers, with one of the two products above. Each takes some ten seconds to compile, so other
    variants are chosen at run time."""

    @jitted
    def self_condition(arguments: Any) -> None:
        """Self-conditioning's MLP of the expected embeddings -> `block_out`."""
        args = array_at(arguments, PASS_LENGTH)
        layer_address = args[PASS.layer_table] + 8 * LAYER_LENGTH * args[PASS.depth]
        layer, size = integers(layer_address, LAYER_LENGTH), args[PASS.hidden_size]
        width, counter = args[PASS.dense_width], args[PASS.barrier]
        inner, stride, is_int4 = args[PASS.inner], args[PASS.inner_stride], args[PASS.is_int4]
        norm_soft(arguments, layer_address)
        spin_barrier(counter)
        inward = layer[LAYER.dense_inward]
        multiply_rows(arguments, 0, args[PASS.normed], 4 * size, inward, size, 2 * width, inner, stride, is_int4)
        spin_barrier(counter)
        gate_dense(arguments)
        spin_barrier(counter)
        down, block_out, block_stride = layer[LAYER.dense_down], args[PASS.block_out], args[PASS.block_stride]
        multiply_rows(arguments, 0, inner, stride, down, width, size, block_out, block_stride, is_int4)
        spin_barrier(counter)

    @jitted
    def run(arguments: Any) -> None:
        args = array_at(arguments, PASS_LENGTH)
        size, depth, width = args[PASS.hidden_size], args[PASS.depth], args[PASS.dense_width]
        counter, is_int4 = args[PASS.barrier], args[PASS.is_int4]
        normed, projected, block_out = args[PASS.normed], args[PASS.projected], args[PASS.block_out]
        inner, routed = args[PASS.inner], args[PASS.routed]
        projected_stride, block_stride = args[PASS.projected_stride], args[PASS.block_stride]
        inner_stride, routed_inner = args[PASS.inner_stride], inner + 4 * args[PASS.routed_offset]
        routed_width = args[PASS.num_experts] * args[PASS.expert_width]
        mark(arguments, CLOCK.last)
        if args[PASS.soft]:
            self_condition(arguments)
        mark(arguments, CLOCK.dense)
        norm_inputs(arguments, args[PASS.layer_table])
        spin_barrier(counter)
        mark(arguments, CLOCK.rest)
        for layer_index in range(depth):
            layer_address = args[PASS.layer_table] + 8 * LAYER_LENGTH * layer_index
            layer = integers(layer_address, 2 * LAYER_LENGTH)
            heads = layer[LAYER.num_heads] + (1 + layer[LAYER.has_values]) * layer[LAYER.num_key_heads]
            qkv_size = heads * layer[LAYER.head_dim]
            multiply_rows(
                arguments, 0, normed, 4 * size, layer[LAYER.qkv], size, qkv_size, projected, projected_stride, is_int4
            )
            spin_barrier(counter)
            rotate_heads(arguments, layer_address, layer_index)
            spin_barrier(counter)
            if args[PASS.keys_only] and layer_index == depth - 1:
                return
            attend(arguments, layer_address, layer_index)
            spin_barrier(counter)
            if args[PASS.row_format] != FLOAT_ROWS:
                pack_attention(arguments, layer_address)
                spin_barrier(counter)
            attention_size = layer[LAYER.num_heads] * layer[LAYER.head_dim]
            multiply_rows(
                *(arguments, 0, projected, projected_stride, layer[LAYER.o], attention_size),
                *(size, block_out, block_stride, is_int4),
            )
            spin_barrier(counter)
            mark(arguments, CLOCK.attention)
            _add_attention(arguments, layer_address)
            spin_barrier(counter)
            mark(arguments, CLOCK.rest)
            inward = layer[LAYER.dense_inward]
            multiply_rows(arguments, 0, normed, 4 * size, inward, size, 2 * width, inner, inner_stride, is_int4)
            mark(arguments, CLOCK.dense)
            inward, outputs = layer[LAYER.routed_inward], 2 * routed_width
            multiply_rows(
                arguments, 1, routed, block_stride, inward, size, outputs, routed_inner, inner_stride, is_int4
            )
            spin_barrier(counter)
            gate_dense(arguments)
            _gate_experts(arguments)
            spin_barrier(counter)
            mark(arguments, CLOCK.experts)
            down = layer[LAYER.dense_down]
            multiply_rows(arguments, 0, inner, inner_stride, down, width, size, block_out, block_stride, is_int4)
            mark(arguments, CLOCK.dense)
            # The product spans all experts' inputs, so its scales are grouped for int8 weights as well.
            down, weight_format = layer[LAYER.routed_down], INT4 if is_int4 else GROUPED_INT8
            multiply_rows(
                arguments, 1, routed_inner, inner_stride, down, routed_width, size, routed, block_stride, weight_format
            )
            spin_barrier(counter)
            mark(arguments, CLOCK.experts)
            next_norm = layer[LAYER_LENGTH + LAYER.input_norm] if layer_index + 1 < depth else args[PASS.final_norm]
            add_feed_forward(arguments, layer_address, next_norm)
            spin_barrier(counter)
            mark(arguments, CLOCK.rest)

    return run


_run_floats, _run_quantised = _make_pass(_multiply_floats), _make_pass(_multiply_quantised)


def layers(arguments: Any) -> None:
    """All layers and the final norm: embeddings `hidden` [N, D], which are overwritten -> `normed` [N, D].

    Takes the arguments in `sizes.PASS`: `soft` [N, D] or 0, the row, text and layer tables, eps, workspace. The scores
    of a thread are TILE_ROWS rows, and TILE_ROWS floats more. A row of `inner` holds the dense MLP's gate and up, from
    `routed_offset` on the experts', and at its end the routing weights of all experts.

    A clean token attends to itself and to all earlier positions. A canvas position attends to everything before the end
    of the canvas; in a sliding-window layer, from the first key in the window of the canvas's first position. Canvas
    rows are normed, after self-conditioning by `soft` if they are of that kind. With `keys_only` the last layer ends
    when its keys and values are written.
    """
    _run_floats(arguments)


def layers_quantised(arguments: Any) -> None:
    """`layers` with int8 or int4 panels: rows are quantised to int8 before each product."""
    _run_quantised(arguments)


KERNELS = (layers, layers_quantised)
