"""Micro-kernels for float32 or bfloat16 rows times a float panel, built as LLVM IR.

Shapes: R rows of a tile, P outputs of a panel (two vectors), I inputs.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from dgemma.ops.native.compiler import prefetch, vector_at
from dgemma.ops.native.machine import BFLOAT16_DOTS, LANES, PANEL, TILE_ROWS
from dgemma.ops.native.sizes import BFLOAT16, BFLOAT16_PAIRS, FIXED24, FLOAT32

_PREFETCH_DISTANCE = 96 * 64
"""How far ahead of a tile weights are prefetched, in bytes: most panels are adjacent."""
_WORD, _LANE, _SINGLE = ir.IntType(64), ir.IntType(32), ir.FloatType()
_LANES, _SINGLES = ir.VectorType(_LANE, LANES), ir.VectorType(_SINGLE, LANES)
_SHORTS, _BYTES = ir.VectorType(ir.IntType(16), LANES), ir.VectorType(ir.IntType(8), LANES)


class _Bfloat16(ir.Type):
    """LLVM's bfloat, which llvmlite does not have."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bfloat16)

    def __hash__(self) -> int:
        return hash(_Bfloat16)


_PAIRS = ir.VectorType(_Bfloat16(), 2 * LANES)


def _offset(builder: Any, address: Any, num_bytes: int) -> Any:
    return builder.add(address, ir.Constant(_WORD, num_bytes))


def _load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def _weights_at(builder: Any, panel_format: int, here: Any, half: int) -> Any:
    """The weights of one input, in float32, for the first or second half of a panel's outputs: `here` is the address of
    the input's weights. FIXED24 in steps, not yet multiplied by the units."""
    if panel_format != FIXED24:
        num_bytes = 4 if panel_format == FLOAT32 else 2
        return vector_at(builder, _offset(builder, here, num_bytes * LANES * half), panel_format == BFLOAT16)
    upper = _load(builder, _offset(builder, here, 2 * LANES * half), _SHORTS, align=1)
    lower = _load(builder, _offset(builder, here, 2 * PANEL + LANES * half), _BYTES, align=1)
    wide = builder.shl(builder.sext(upper, _LANES), ir.Constant(_LANES, [8] * LANES))
    return builder.sitofp(builder.or_(wide, builder.zext(lower, _LANES)), _SINGLES)


def _pairs_at(builder: Any, here: Any, half: int) -> Any:
    """The bfloat16 weights of two inputs for the first or second half of a panel's outputs; `here` as above."""
    return _load(builder, _offset(builder, here, 4 * LANES * half), _PAIRS, align=2)


def _add_product(builder: Any, total: Any, factor: Any, weights: Any, are_pairs: bool) -> Any:
    """total + factor * weights; of pairs both products are added."""
    if not are_pairs:
        return builder.fadd(total, builder.fmul(factor, weights, flags=["contract"]), flags=["contract"])
    name = f"llvm.x86.avx512bf16.dpbf16ps.{32 * LANES}"
    kind = ir.FunctionType(_SINGLES, [_SINGLES, _PAIRS, _PAIRS])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [total, builder.bitcast(factor, _PAIRS), weights])


def _broadcast(builder: Any, address: Any) -> Any:
    """The 32 bits at an address, a float32 number or two bfloat16 ones, in every lane."""
    value, empty = _load(builder, address, _SINGLE, align=4), ir.Constant(_SINGLES, ir.Undefined)
    first = builder.insert_element(empty, value, ir.Constant(_LANE, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(_LANES, [0] * LANES))


def _tile_of(rows: int, panel_format: int) -> Any:
    """A micro-kernel: out_RP = hidden_RI @ panel_IP for `rows` rows. It takes hidden and its stride, the panel and the
    stride between its inputs, I, out and its stride. For BFLOAT16_PAIRS hidden is bfloat16 as well, and the stride is
    that between two pairs of inputs, whose number takes the place of I.

    Sums stay in registers and inputs are added in order, so that a row's result depends only on the row. Those of
    FIXED24 are multiplied by the units at the end.
    """
    are_pairs = panel_format == BFLOAT16_PAIRS

    def tile(
        _context: Any,
        _hidden: Any,
        _hidden_stride: Any,
        _panel: Any,
        _panel_stride: Any,
        _size: Any,
        _out: Any,
        _out_stride: Any,
    ) -> tuple[Any, Callable]:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            if are_pairs and not BFLOAT16_DOTS:
                # Kernels are compiled whole even where this tile cannot be used; it is never called then.
                return _context.get_dummy_value()
            hidden, hidden_stride, panel, panel_stride, size, out, out_stride = arguments

            def at(base: Any, stride: Any, count: int) -> Any:
                return builder.add(base, builder.mul(stride, ir.Constant(_WORD, count)))

            zero = ir.Constant(_SINGLES, [0.0] * LANES)
            sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(2)] for _ in range(rows)]
            first = [at(hidden, hidden_stride, row) for row in range(rows)]
            with cgutils.for_range(builder, size) as loop:
                here = builder.add(panel, builder.mul(loop.index, panel_stride))
                if are_pairs:
                    weights = [_pairs_at(builder, here, half) for half in range(2)]
                else:
                    weights = [_weights_at(builder, panel_format, here, half) for half in range(2)]
                # No gain for float32 panels or one row of bfloat16; one row in 24 bits is 1.1 times as fast with it.
                if panel_format == FIXED24 or (panel_format != FLOAT32 and rows > 1):
                    prefetch(builder, _offset(builder, here, _PREFETCH_DISTANCE))
                for row in range(rows):
                    place = builder.add(first[row], builder.mul(loop.index, ir.Constant(_WORD, 4)))
                    factor = _broadcast(builder, place)
                    for half in range(2):
                        total = _add_product(builder, builder.load(sums[row][half]), factor, weights[half], are_pairs)
                        builder.store(total, sums[row][half])
            units_at = builder.add(panel, builder.mul(panel_stride, size))
            for row in range(rows):
                for half in range(2):
                    total, num_bytes = builder.load(sums[row][half]), 4 * LANES * half
                    if panel_format == FIXED24:
                        units = _load(builder, _offset(builder, units_at, num_bytes), _SINGLES, align=4)
                        total = builder.fmul(total, units)
                    where = _offset(builder, at(out, out_stride, row), num_bytes)
                    builder.store(total, builder.inttoptr(where, _SINGLES.as_pointer()), align=4)
            return _context.get_dummy_value()

        return types.void(*[types.int64] * 7), generate

    return intrinsic(tile)


TILES = {
    panel_format: tuple(_tile_of(rows, panel_format) for rows in range(1, TILE_ROWS + 1))
    for panel_format in (FLOAT32, BFLOAT16, FIXED24, BFLOAT16_PAIRS)
}
"""Tiles of 1 row, 2 rows and so on, for each format of panels."""
