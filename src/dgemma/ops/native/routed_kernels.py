"""The fused kernel of networks with many experts: all layers over the rows of a pass in one call, each expert on its
own rows.

As in `layer_kernels`, all threads run the same phases. A row's result depends only on the row, on what it attends to
and on whether its text has other rows: a single row reads keys from the cache, several share transposed keys.

Shapes: N rows, D hidden, I width of the dense MLP, E experts, M their width, k experts of a row, P = N k pairs of a row
and one of its experts, in the order of the experts.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.arithmetic import exp, floats, integers, thread_range
from dgemma.ops.native.attention_kernels import LAYER_LENGTH, PASS_LENGTH, attend, inverse_length, mark, rotate_heads
from dgemma.ops.native.compiler import array_at, inlined, jitted, thread_number
from dgemma.ops.native.layer_kernels import (
    add_feed_forward,
    gate_dense,
    norm_inputs,
    norm_soft,
    pack_attention,
    pack_dense_row,
    pack_routed_row,
)
from dgemma.ops.native.machine import PANEL
from dgemma.ops.native.pair_kernels import combine_experts, gate_pairs, gather_floats, round_pairs
from dgemma.ops.native.panel_kernels import bfloat16_row_bytes, multiply, panel_bytes, spin_barrier
from dgemma.ops.native.quantised_kernels import gather_quantised, multiply_by_expert, multiply_quantised, quantise_pairs
from dgemma.ops.native.sizes import BFLOAT16_ROWS, CLOCK, FLOAT_ROWS, INT8_ROWS, LAYER, PASS
from dgemma.quant import GROUP

_ZERO = np.float32(0.0)


@inlined
def _panel_buffer(args: Any) -> Any:
    """This thread's buffer for an unpacked panel."""
    return args[PASS.panel_buffer] + args[PASS.panel_buffer_stride] * thread_number()


@inlined
def _group(args: Any, size: Any) -> Any:
    """Number of inputs with a common sum (and, for int4 weights, a common scale)."""
    return GROUP if args[PASS.is_int4] else size


@jitted
def _add_attention(arguments: Any, layer_address: Any) -> None:
    """Adds the normed attention output to the residual stream, and computes the normed inputs of the router, the dense
    MLP and the experts."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    size, eps = args[PASS.hidden_size], floats(args[PASS.eps], 1)[0]
    weight = floats(layer[LAYER.attention_norm], size)
    dense_norm, routed_norm = floats(layer[LAYER.pre_dense_norm], size), floats(layer[LAYER.pre_routed_norm], size)
    first, last = thread_range(args[PASS.num_rows])
    for row in range(first, last):
        hidden = floats(args[PASS.hidden] + 4 * row * size, size)
        attention_out = floats(args[PASS.block_out] + row * args[PASS.block_stride], size)
        dense_in = floats(args[PASS.normed] + 4 * row * size, size)
        router_in = floats(args[PASS.router_in] + 4 * row * size, size)
        routed_in = floats(args[PASS.routed] + row * args[PASS.block_stride], size)
        scale = inverse_length(attention_out, size, eps)
        for at in range(size):
            hidden[at] += attention_out[at] * scale * weight[at]
        scale = inverse_length(hidden, size, eps)
        for at in range(size):
            normed_value = hidden[at] * scale
            inputs = normed_value, normed_value * dense_norm[at], normed_value * routed_norm[at]
            router_in[at], dense_in[at], routed_in[at] = inputs
        pack_dense_row(args, row, args[PASS.normed] + 4 * row * size, size)
        pack_routed_row(args, row, args[PASS.routed] + row * args[PASS.block_stride], size, _group(args, size))


@jitted
def _select_experts(arguments: Any, layer_address: Any) -> None:
    """Selects each row's k best experts; their weights are the softmax over these k, times each expert's scale."""
    args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
    experts, top_k = args[PASS.num_experts], args[PASS.top_k]
    scale = floats(layer[LAYER.per_expert_scale], experts)
    first, last = thread_range(args[PASS.num_rows])
    for row in range(first, last):
        logits = floats(args[PASS.logits] + row * args[PASS.logits_stride], experts)
        ids = integers(args[PASS.expert_ids] + 8 * row * top_k, top_k)
        weights = floats(args[PASS.expert_weights] + 4 * row * top_k, top_k)
        best, total = _ZERO, _ZERO
        for expert in range(experts):
            # A nan is never selected as the largest, so it is put into the total and reaches the output.
            if not logits[expert] < np.float32(np.inf):
                total = np.float32(np.nan)
        for slot in range(top_k):
            chosen, largest = 0, -np.float32(np.inf)
            for expert in range(experts):
                if logits[expert] > largest:
                    chosen, largest = expert, logits[expert]
            if slot == 0:
                best = largest
            ids[slot], weights[slot] = chosen, exp(largest - best)
            total += weights[slot]
            logits[chosen] = -np.float32(np.inf)
        for slot in range(top_k):
            weights[slot] = weights[slot] / total * scale[ids[slot]]


@jitted
def _sort_pairs(arguments: Any) -> None:
    """Counting sort of the (row, expert) pairs by expert, on one thread."""
    args = array_at(arguments, PASS_LENGTH)
    if thread_number() == 0:
        pairs, experts, top_k = args[PASS.num_rows] * args[PASS.top_k], args[PASS.num_experts], args[PASS.top_k]
        expert_ids, pair_of_slot = integers(args[PASS.expert_ids], pairs), integers(args[PASS.pair_of_slot], pairs)
        row_of_pair = integers(args[PASS.row_of_pair], pairs)
        counts, next_pair = integers(args[PASS.expert_counts], experts), integers(args[PASS.next_pair], experts)
        for expert in range(experts):
            counts[expert] = 0
        for slot in range(pairs):
            counts[expert_ids[slot]] += 1
        total = 0
        for expert in range(experts):
            next_pair[expert] = total
            total += counts[expert]
        for slot in range(pairs):
            pair = next_pair[expert_ids[slot]]
            next_pair[expert_ids[slot]] = pair + 1
            pair_of_slot[slot], row_of_pair[pair] = pair, slot // top_k


# Products of all rows with a weight, and of each expert's pairs with that expert's weight. They take the first input
# row (packed rows are in `dense_values` instead) and its stride (0 if all pairs have the same row), the weight, its
# scale (for float panels: their format), I, O, and the first output row and its stride.
@jitted
def _multiply_floats(
    arguments: Any,
    source: Any,
    stride: Any,
    panels: Any,
    panel_format: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_stride: Any,
) -> None:
    args = array_at(arguments, PASS_LENGTH)
    if args[PASS.row_format] == BFLOAT16_ROWS:
        source, stride = args[PASS.dense_values], bfloat16_row_bytes(size)
    multiply(
        source, stride, args[PASS.num_rows], panels, panel_format, size, outputs, out, out_stride, _panel_buffer(args)
    )


@jitted
def _multiply_floats_by_expert(
    arguments: Any,
    source: Any,
    stride: Any,
    panels: Any,
    panel_format: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_stride: Any,
) -> None:
    args = array_at(arguments, PASS_LENGTH)
    counts, panel_buffer = integers(args[PASS.expert_counts], args[PASS.num_experts]), _panel_buffer(args)
    panels_stride = (outputs + PANEL - 1) // PANEL * panel_bytes(panel_format, size)
    for expert in range(args[PASS.num_experts]):
        count = counts[expert]
        multiply(
            *(source, stride, count, panels + expert * panels_stride, panel_format),
            *(size, outputs, out, out_stride, panel_buffer),
        )
        source, out = source + count * stride, out + count * out_stride


@jitted
def _multiply_quantised(
    arguments: Any,
    _source: Any,
    _stride: Any,
    weight: Any,
    scale: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_stride: Any,
) -> None:
    args = array_at(arguments, PASS_LENGTH)
    values, sums, scales = args[PASS.dense_values], args[PASS.dense_sums], args[PASS.dense_scales]
    is_int4, panel_buffer = args[PASS.is_int4], _panel_buffer(args)
    multiply_quantised(
        values, sums, scales, args[PASS.num_rows], weight, scale, outputs, size, is_int4, out, out_stride, panel_buffer
    )


@jitted
def _multiply_quantised_by_expert(
    arguments: Any,
    _source: Any,
    stride: Any,
    weight: Any,
    scale: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_stride: Any,
) -> None:
    args = array_at(arguments, PASS_LENGTH)
    values, sums, scales = args[PASS.pair_values], args[PASS.pair_sums], args[PASS.pair_scales]
    if stride == 0:
        values, sums, scales = args[PASS.routed_values], args[PASS.routed_sums], args[PASS.routed_scales]
    counts, experts, is_int4 = args[PASS.expert_counts], args[PASS.num_experts], args[PASS.is_int4]
    panel_buffer = _panel_buffer(args)
    multiply_by_expert(
        *(counts, experts, values, sums, scales, stride == 0, weight, scale),
        *(outputs, size, is_int4, out, out_stride, panel_buffer),
    )


def _make_pass(multiply_rows: Any, multiply_by_expert: Any) -> Any:
    """The pass over all layers, with one of the two kinds of products above. Each takes some ten seconds to compile, so
    other variants are chosen at run time."""

    @jitted
    def project_qkv(arguments: Any, layer_address: Any) -> None:
        """`normed` -> `projected`. Float panels hold q, k and v together, quantised weights are separate."""
        args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
        size, stride, out = args[PASS.hidden_size], args[PASS.projected_stride], args[PASS.projected]
        queries = layer[LAYER.num_heads] * layer[LAYER.head_dim]
        keys = layer[LAYER.num_key_heads] * layer[LAYER.head_dim]
        values = layer[LAYER.has_values] * keys
        source, source_stride, weight, scale = args[PASS.normed], 4 * size, layer[LAYER.qkv], layer[LAYER.qkv_scale]
        is_quantised = args[PASS.row_format] == INT8_ROWS
        first_outputs = queries if is_quantised else queries + keys + values
        multiply_rows(arguments, source, source_stride, weight, scale, size, first_outputs, out, stride)
        if is_quantised:
            out, weight, scale = out + 4 * queries, layer[LAYER.k], layer[LAYER.k_scale]
            multiply_rows(arguments, source, source_stride, weight, scale, size, keys, out, stride)
            out, weight, scale = out + 4 * keys, layer[LAYER.v], layer[LAYER.v_scale]
            multiply_rows(arguments, source, source_stride, weight, scale, size, values, out, stride)

    @jitted
    def project_gate_and_up(arguments: Any, layer_address: Any) -> None:
        """`normed` -> gate and up of the dense MLP in `inner`."""
        args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
        size, width, stride = args[PASS.hidden_size], args[PASS.dense_width], args[PASS.inner_stride]
        out = args[PASS.inner]
        source, weight, scale = args[PASS.normed], layer[LAYER.dense_inward], layer[LAYER.dense_inward_scale]
        is_quantised = args[PASS.row_format] == INT8_ROWS
        first_outputs = width if is_quantised else 2 * width
        multiply_rows(arguments, source, 4 * size, weight, scale, size, first_outputs, out, stride)
        if is_quantised:
            out, weight, scale = out + 4 * width, layer[LAYER.up], layer[LAYER.up_scale]
            multiply_rows(arguments, source, 4 * size, weight, scale, size, width, out, stride)

    @jitted
    def project_down(arguments: Any, layer_address: Any) -> None:
        """`inner` -> the dense MLP's output in `block_out`."""
        args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
        inner, stride, width = args[PASS.inner], args[PASS.inner_stride], args[PASS.dense_width]
        size = args[PASS.hidden_size]
        weight, scale, out = layer[LAYER.dense_down], layer[LAYER.dense_down_scale], args[PASS.block_out]
        multiply_rows(arguments, inner, stride, weight, scale, width, size, out, args[PASS.block_stride])

    @jitted
    def self_condition(arguments: Any) -> None:
        """Self-conditioning's MLP of the expected embeddings -> `block_out`."""
        args = array_at(arguments, PASS_LENGTH)
        layer_address, counter = args[PASS.layer_table] + 8 * LAYER_LENGTH * args[PASS.depth], args[PASS.barrier]
        norm_soft(arguments, layer_address)
        spin_barrier(counter)
        project_gate_and_up(arguments, layer_address)
        spin_barrier(counter)
        gate_dense(arguments)
        spin_barrier(counter)
        project_down(arguments, layer_address)
        spin_barrier(counter)

    @jitted
    def run_experts(arguments: Any, layer_address: Any) -> None:
        """`routed` and the sorted pairs -> each pair's `expert_out`."""
        args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
        size, width, counter = args[PASS.hidden_size], args[PASS.expert_width], args[PASS.barrier]
        inner, stride = args[PASS.pair_inner], args[PASS.pair_inner_stride]
        pairs = args[PASS.num_rows] * args[PASS.top_k]
        values, sums, scales = args[PASS.pair_values], args[PASS.pair_sums], args[PASS.pair_scales]
        is_bfloat16 = args[PASS.row_format] == BFLOAT16_ROWS
        # All pairs of a single row read that row in place.
        source, source_stride = args[PASS.routed_values] if is_bfloat16 else args[PASS.routed], 0
        if args[PASS.num_rows] > 1:
            row_of_pair, groups = args[PASS.row_of_pair], size // _group(args, size)
            if args[PASS.row_format] == INT8_ROWS:
                row_values, row_sums = args[PASS.routed_values], args[PASS.routed_sums]
                row_scales = args[PASS.routed_scales]
                gather_quantised(
                    pairs, row_of_pair, row_values, row_sums, row_scales, values, sums, scales, size, groups
                )
                source_stride = size
            elif is_bfloat16:
                row_bytes = bfloat16_row_bytes(size)
                gather_floats(pairs, row_of_pair, source, row_bytes, values, row_bytes // 4)
                source, source_stride = values, row_bytes
            else:
                gather_floats(pairs, row_of_pair, source, args[PASS.block_stride], args[PASS.gathered], size)
                source, source_stride = args[PASS.gathered], 4 * size
            spin_barrier(counter)
        weight, scale = layer[LAYER.routed_inward], layer[LAYER.routed_inward_scale]
        multiply_by_expert(arguments, source, source_stride, weight, scale, size, 2 * width, inner, stride)
        spin_barrier(counter)
        gate_pairs(pairs, inner, stride, width)
        source, source_stride = inner, stride
        if args[PASS.row_format] == INT8_ROWS:
            group, is_int4 = _group(args, width), args[PASS.is_int4]
            quantise_pairs(pairs, inner, stride, values, sums, scales, width, group, is_int4)
        elif is_bfloat16:
            source, source_stride = values, bfloat16_row_bytes(width)
            round_pairs(pairs, inner, stride, values, width)
        spin_barrier(counter)
        weight, scale, out = layer[LAYER.routed_down], layer[LAYER.routed_down_scale], args[PASS.expert_out]
        out_stride = args[PASS.block_stride]
        multiply_by_expert(arguments, source, source_stride, weight, scale, width, size, out, out_stride)

    @jitted
    def feed_forward(arguments: Any, layer_address: Any) -> None:
        """The dense MLP and the routed experts, from their normed inputs to `block_out` and `expert_out`."""
        args, layer = array_at(arguments, PASS_LENGTH), integers(layer_address, LAYER_LENGTH)
        size, rows, experts = args[PASS.hidden_size], args[PASS.num_rows], args[PASS.num_experts]
        counter = args[PASS.barrier]
        project_gate_and_up(arguments, layer_address)
        router_in, logits = args[PASS.router_in], args[PASS.logits]
        mark(arguments, CLOCK.dense)
        multiply(router_in, 4 * size, rows, layer[LAYER.router], 0, size, experts, logits, args[PASS.logits_stride], 0)
        spin_barrier(counter)
        _select_experts(arguments, layer_address)
        mark(arguments, CLOCK.experts)
        gate_dense(arguments)
        spin_barrier(counter)
        _sort_pairs(arguments)
        project_down(arguments, layer_address)
        spin_barrier(counter)
        mark(arguments, CLOCK.dense)
        run_experts(arguments, layer_address)
        spin_barrier(counter)
        mark(arguments, CLOCK.experts)

    @jitted
    def run(arguments: Any) -> None:
        args = array_at(arguments, PASS_LENGTH)
        size, depth, counter = args[PASS.hidden_size], args[PASS.depth], args[PASS.barrier]
        projected, projected_stride = args[PASS.projected], args[PASS.projected_stride]
        block_stride = args[PASS.block_stride]
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
            project_qkv(arguments, layer_address)
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
            attention_size, weight = layer[LAYER.num_heads] * layer[LAYER.head_dim], layer[LAYER.o]
            scale = layer[LAYER.o_scale]
            out = args[PASS.block_out]
            multiply_rows(
                arguments, projected, projected_stride, weight, scale, attention_size, size, out, block_stride
            )
            spin_barrier(counter)
            mark(arguments, CLOCK.attention)
            _add_attention(arguments, layer_address)
            spin_barrier(counter)
            mark(arguments, CLOCK.rest)
            feed_forward(arguments, layer_address)
            pair_of_slot, weights, routed = args[PASS.pair_of_slot], args[PASS.expert_weights], args[PASS.routed]
            expert_out, rows, top_k = args[PASS.expert_out], args[PASS.num_rows], args[PASS.top_k]
            combine_experts(rows, top_k, pair_of_slot, weights, expert_out, block_stride, routed, block_stride, size)
            next_norm = layer[LAYER_LENGTH + LAYER.input_norm] if layer_index + 1 < depth else args[PASS.final_norm]
            add_feed_forward(arguments, layer_address, next_norm)
            spin_barrier(counter)
            mark(arguments, CLOCK.rest)

    return run


_run_floats = _make_pass(_multiply_floats, _multiply_floats_by_expert)
_run_quantised = _make_pass(_multiply_quantised, _multiply_quantised_by_expert)


def layers_routed(arguments: Any) -> None:
    """`layer_kernels.layers` of a network with many experts; uses the arguments in `sizes.PASS` for many experts too.
    The router's weight is in panels as well, each weight of a layer is marked as float32 or bfloat16 panels, and the
    panels of an expert follow those of the expert before."""
    _run_floats(arguments)


def layers_routed_quantised(arguments: Any) -> None:
    """`layers_routed` with int8 or int4 weights, which are read in place: rows are quantised to int8 before each
    product."""
    _run_quantised(arguments)


KERNELS = (layers_routed, layers_routed_quantised)
