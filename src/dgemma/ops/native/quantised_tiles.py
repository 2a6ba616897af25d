"""Micro-kernels for quantised rows times a panel of quantised weights, built as LLVM IR on the x86 dot instructions.

    VNNI (AVX-512 or AVX)   vpdpbusd: four products of an unsigned and a signed byte, added to an int32
    AVX2 or AVX-512 alone   vpmaddubsw: two of these products added in int16. A whole group of int4 weights fits in
                            int16; of int8 weights one pair does, if rows have no more than seven bits.

A panel holds `QUAD` inputs of each of `PANEL` outputs side by side, as unsigned bytes; rows are signed. Shapes: P
outputs of a panel, I inputs, G groups of inputs.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from dgemma.ops.native.compiler import prefetch, transposed
from dgemma.ops.native.machine import DOTS, LANES, PANEL
from dgemma.ops.native.sizes import QUAD
from dgemma.quant import GROUP

_WORD, _LANE, _SINGLE = ir.IntType(64), ir.IntType(32), ir.FloatType()
_BYTES, _SHORTS = ir.VectorType(ir.IntType(8), 4 * LANES), ir.VectorType(ir.IntType(16), 2 * LANES)
_SUMS, _SINGLES = ir.VectorType(_LANE, LANES), ir.VectorType(_SINGLE, LANES)
_BITS = 32 * LANES


def _call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    kind = ir.FunctionType(result, [one.type for one in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


class _Accumulator:
    """A vector of sums of products, one for each lane.

    With VNNI, quads are added in int32. Without it, pairs are added in int16 and then widened to int32, except for
    `narrow` sums: these stay in int16, which holds one group of int4 weights (16 products in a lane, each at most 127
    times 15).
    """

    def __init__(self, builder: Any, start: Any, narrow: bool) -> None:
        self.builder, self.start, self.narrow = builder, start, narrow and DOTS != "vnni"
        self.place = cgutils.alloca_once_value(builder, self._first())

    def _first(self) -> Any:
        return ir.Constant(_SHORTS, None) if self.narrow else self.start

    def begin(self) -> None:
        self.builder.store(self._first(), self.place)

    def add(self, weights: Any, row: Any) -> None:
        builder, so_far = self.builder, self.builder.load(self.place)
        if DOTS == "vnni":
            total = _call(builder, f"llvm.x86.avx512.vpdpbusd.{_BITS}", _SUMS, so_far, weights, row)
        else:
            name = "llvm.x86.avx512.pmaddubs.w.512" if LANES == 16 else "llvm.x86.avx2.pmadd.ub.sw"
            pairs = _call(builder, name, _SHORTS, weights, row)
            total = builder.add(so_far, pairs if self.narrow else self._widened(pairs))
        builder.store(total, self.place)

    def total(self) -> Any:
        value = self.builder.load(self.place)
        return self.builder.add(self._widened(value), self.start) if self.narrow else value

    def _widened(self, pairs: Any) -> Any:
        name = "llvm.x86.avx512.pmaddw.d.512" if LANES == 16 else "llvm.x86.avx2.pmadd.wd"
        return _call(self.builder, name, _SUMS, pairs, ir.Constant(_SHORTS, [1] * 2 * LANES))


def _broadcast(builder: Any, value: Any) -> Any:
    vector = ir.VectorType(value.type, LANES)
    empty, places = ir.Constant(vector, ir.Undefined), ir.Constant(_SUMS, [0] * LANES)
    return builder.shuffle_vector(builder.insert_element(empty, value, ir.Constant(_LANE, 0)), empty, places)


def _tile_of(rows: int, grouped: bool, narrow: bool = False) -> Any:
    """out_RP = hidden_RI @ panel_IP for `rows` rows; `narrow` sums are for int4 weights only.

    Arguments of the tile: quantised rows and their stride, the rows' sums (int32; `quantised_kernels.quantise_row`) and
    their stride, the rows' scales (float32); the panel, its scales (float32 [G, P]), the number of groups, or of quads
    where a row is a single group; out and its stride.
    """
    halves = range(2)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        if not DOTS:
            # Kernels are compiled whole even where this tile cannot be used; it is never called then.
            return context.get_dummy_value()
        hidden, stride, sums, sums_stride, row_scales, panel, scales, count, out, out_stride = arguments

        def number(value: int) -> Any:
            return ir.Constant(_WORD, value)

        def at(base: Any, index: Any, size: Any) -> Any:
            return builder.add(base, builder.mul(index, size))

        def load(address: Any, kind: Any, align: int = 4) -> Any:
            return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)

        first = [at(hidden, stride, number(row)) for row in range(rows)]
        first_sum = [at(sums, sums_stride, number(row)) for row in range(rows)]
        weights_at = builder.inttoptr(panel, _BYTES.as_pointer())

        def add_quad(index: Any, parts: list[list[_Accumulator]]) -> None:
            place = builder.mul(index, number(2))
            weights = [
                builder.load(builder.gep(weights_at, [builder.add(place, number(half))]), align=1) for half in halves
            ]
            for row in range(rows):
                quad = _broadcast(builder, load(at(first[row], index, number(QUAD)), _LANE))
                for half in halves:
                    parts[row][half].add(weights[half], builder.bitcast(quad, _BYTES))

        def scales_of(group: Any) -> list[Any]:
            place = at(scales, group, number(4 * PANEL))
            return [load(builder.add(place, number(4 * LANES * half)), _SINGLES) for half in halves]

        if grouped:
            zero = ir.Constant(_SINGLES, [0.0] * LANES)
            accumulators = [[cgutils.alloca_once_value(builder, zero) for _ in halves] for _ in range(rows)]
            with cgutils.for_range(builder, count) as loop:
                starts = [
                    _broadcast(builder, load(at(first_sum[row], loop.index, number(4)), _LANE)) for row in range(rows)
                ]
                parts = [[_Accumulator(builder, starts[row], narrow) for _ in halves] for row in range(rows)]
                for row in range(rows):
                    for half in halves:
                        parts[row][half].begin()
                quads = GROUP // QUAD
                for quad in range(quads):
                    add_quad(builder.add(builder.mul(loop.index, number(quads)), number(quad)), parts)
                scale = scales_of(loop.index)
                for row in range(rows):
                    for half in halves:
                        part = builder.sitofp(parts[row][half].total(), _SINGLES)
                        product = builder.fmul(part, scale[half], flags=["contract"])
                        total = builder.fadd(builder.load(accumulators[row][half]), product, flags=["contract"])
                        builder.store(total, accumulators[row][half])
            totals = [[builder.load(accumulators[row][half]) for half in halves] for row in range(rows)]
        else:
            starts = [_broadcast(builder, load(first_sum[row], _LANE)) for row in range(rows)]
            parts = [[_Accumulator(builder, starts[row], narrow=False) for _ in halves] for row in range(rows)]
            with cgutils.for_range(builder, count) as loop:
                add_quad(loop.index, parts)
            scale = scales_of(number(0))
            totals = [
                [builder.fmul(builder.sitofp(parts[row][half].total(), _SINGLES), scale[half]) for half in halves]
                for row in range(rows)
            ]
        for row in range(rows):
            row_scale = _broadcast(builder, load(builder.add(row_scales, number(4 * row)), _SINGLE))
            for half in halves:
                address = builder.add(at(out, out_stride, number(row)), number(4 * LANES * half))
                where = builder.inttoptr(address, _SINGLES.as_pointer())
                builder.store(builder.fmul(totals[row][half], row_scale), where, align=4)
        return context.get_dummy_value()

    def tile(
        _context: Any,
        _hidden: Any,
        _stride: Any,
        _sums: Any,
        _sums_stride: Any,
        _row_scales: Any,
        _panel: Any,
        _scales: Any,
        _count: Any,
        _out: Any,
        _out_stride: Any,
    ) -> tuple[Any, Callable]:
        return types.void(*[types.int64] * 10), generate

    return intrinsic(tile)


def _transposer(is_int4: bool) -> Any:
    """Copies LANES words (int32) of LANES weight rows into the order of a panel: takes the first row's address, the
    stride, and the address of the first quad. A word of int4 becomes two quads, of the low and of the high nibbles;
    int8 becomes unsigned."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        source, stride, target = arguments

        def load(row: int) -> Any:
            address = builder.add(source, builder.mul(stride, ir.Constant(_WORD, row)))
            # Fetches the same part of the next panel while tiles read this one.
            prefetch(builder, builder.add(address, builder.mul(stride, ir.Constant(_WORD, PANEL))))
            return builder.load(builder.inttoptr(address, _SUMS.as_pointer()), align=1)

        def store(value: Any, quad: int) -> None:
            address = builder.add(target, ir.Constant(_WORD, 4 * PANEL * quad))
            builder.store(value, builder.inttoptr(address, _SUMS.as_pointer()), align=1)

        def every(value: int) -> Any:
            return ir.Constant(_SUMS, [value] * LANES)

        rows = transposed(builder, [load(row) for row in range(LANES)])
        for quad, row in enumerate(rows):
            if is_int4:
                store(builder.and_(row, every(0x0F0F0F0F)), 2 * quad)
                store(builder.and_(builder.lshr(row, every(4)), every(0x0F0F0F0F)), 2 * quad + 1)
            else:
                store(builder.xor(row, every(-0x7F7F7F80)), quad)
        return context.get_dummy_value()

    def transpose(_context: Any, _source: Any, _stride: Any, _target: Any) -> tuple[Any, Callable]:
        return types.void(*[types.int64] * 3), generate

    return intrinsic(transpose)


transpose_int8, transpose_int4 = _transposer(is_int4=False), _transposer(is_int4=True)

_MOST_ROWS = {True: 6, False: 8} if LANES == 16 else {True: 3, False: 4}
INT8_TILES = tuple(_tile_of(rows, grouped=False) for rows in range(1, _MOST_ROWS[False] + 1))
"""Tiles of 1 row, 2 rows and so on; the sums of more rows would spill from the registers."""
INT4_TILES = tuple(_tile_of(rows, grouped=True, narrow=True) for rows in range(1, _MOST_ROWS[True] + 1))
"""Tiles for int4 weights, with a scale for each group."""
GROUPED_INT8_TILES = tuple(_tile_of(rows, grouped=True) for rows in range(1, _MOST_ROWS[True] + 1))
"""Tiles for int8 weights with a scale for each group."""
if DOTS == "vnni":
    GROUPED_INT8_TILES = INT4_TILES
