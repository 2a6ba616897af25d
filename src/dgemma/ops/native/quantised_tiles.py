"""Products of quantised rows with a panel of quantised weights, in the processor's own integer products.

    x86 with VNNI (AVX-512 or AVX)   four products of a byte with a signed one, added to an int32, in one instruction
    x86 with AVX2 or AVX-512 alone   two of them added in int16, which holds all that a group of int4 weights can come
                                     to, and of int8 weights one pair, where rows have no more than seven bits

What a tile reads of a panel: `QUAD` inputs of each of `PANEL` outputs side by side, one byte each, without a sign.
Rows are signed. Shapes: P outputs of a panel, I inputs, G groups of them.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from dgemma.ops.native.compiler import bring, zipped
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


class _Sums:
    """Sums of products, one for each lane, to which quads are added: in int32 with VNNI. Else pairs are added in int16:
    `narrow` sums stay there, which hold no more than one group of int4 weights (16 products a lane of at most 127 times
    15), the others are int32 as well."""

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
            found = _call(builder, f"llvm.x86.avx512.vpdpbusd.{_BITS}", _SUMS, so_far, weights, row)
        else:
            name = "llvm.x86.avx512.pmaddubs.w.512" if LANES == 16 else "llvm.x86.avx2.pmadd.ub.sw"
            pairs = _call(builder, name, _SHORTS, weights, row)
            found = builder.add(so_far, pairs if self.narrow else self._widened(pairs))
        builder.store(found, self.place)

    def total(self) -> Any:
        found = self.builder.load(self.place)
        return self.builder.add(self._widened(found), self.start) if self.narrow else found

    def _widened(self, pairs: Any) -> Any:
        name = "llvm.x86.avx512.pmaddw.d.512" if LANES == 16 else "llvm.x86.avx2.pmadd.wd"
        return _call(self.builder, name, _SUMS, pairs, ir.Constant(_SHORTS, [1] * 2 * LANES))


def _spread(builder: Any, value: Any) -> Any:
    vector = ir.VectorType(value.type, LANES)
    empty, places = ir.Constant(vector, ir.Undefined), ir.Constant(_SUMS, [0] * LANES)
    return builder.shuffle_vector(builder.insert_element(empty, value, ir.Constant(_LANE, 0)), empty, places)


def _tile_of(rows: int, grouped: bool, narrow: bool = False) -> Any:
    """out_RP = hidden_RI @ panel_IP for `rows` rows; with `narrow` sums for int4 weights alone.

    Addresses, each followed by the bytes between two of its rows where it has rows: quantised rows, their sums of each
    group times what the weights are above zero, negated (int32), their scales (float32); the panel, its scales
    (float32 [G, P]), how many groups there are, or quads where the whole row is one; out.
    """
    halves = range(2)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        if not DOTS:
            # Never called there: kernels that could are compiled whole.
            return context.get_dummy_value()
        hidden, step, sums, sums_step, row_scales, panel, scales, count, out, out_step = arguments

        def number(value: int) -> Any:
            return ir.Constant(_WORD, value)

        def at(base: Any, index: Any, size: Any) -> Any:
            return builder.add(base, builder.mul(index, size))

        def load(address: Any, kind: Any, align: int = 4) -> Any:
            return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)

        first = [at(hidden, step, number(row)) for row in range(rows)]
        first_sum = [at(sums, sums_step, number(row)) for row in range(rows)]
        weights_at = builder.inttoptr(panel, _BYTES.as_pointer())

        def add_quad(index: Any, parts: list[list[_Sums]]) -> None:
            place = builder.mul(index, number(2))
            weights = [
                builder.load(builder.gep(weights_at, [builder.add(place, number(half))]), align=1) for half in halves
            ]
            for row in range(rows):
                quad = _spread(builder, load(at(first[row], index, number(QUAD)), _LANE))
                for half in halves:
                    parts[row][half].add(weights[half], builder.bitcast(quad, _BYTES))

        def scales_of(group: Any) -> list[Any]:
            place = at(scales, group, number(4 * PANEL))
            return [load(builder.add(place, number(4 * LANES * half)), _SINGLES) for half in halves]

        if grouped:
            zero = ir.Constant(_SINGLES, [0.0] * LANES)
            found = [[cgutils.alloca_once_value(builder, zero) for _ in halves] for _ in range(rows)]
            with cgutils.for_range(builder, count) as loop:
                starts = [
                    _spread(builder, load(at(first_sum[row], loop.index, number(4)), _LANE)) for row in range(rows)
                ]
                parts = [[_Sums(builder, starts[row], narrow) for _ in halves] for row in range(rows)]
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
                        total = builder.fadd(builder.load(found[row][half]), product, flags=["contract"])
                        builder.store(total, found[row][half])
            totals = [[builder.load(found[row][half]) for half in halves] for row in range(rows)]
        else:
            starts = [_spread(builder, load(first_sum[row], _LANE)) for row in range(rows)]
            parts = [[_Sums(builder, starts[row], narrow=False) for _ in halves] for row in range(rows)]
            with cgutils.for_range(builder, count) as loop:
                add_quad(loop.index, parts)
            scale = scales_of(number(0))
            totals = [
                [builder.fmul(builder.sitofp(parts[row][half].total(), _SINGLES), scale[half]) for half in halves]
                for row in range(rows)
            ]
        for row in range(rows):
            row_scale = _spread(builder, load(builder.add(row_scales, number(4 * row)), _SINGLE))
            for half in halves:
                address = builder.add(at(out, out_step, number(row)), number(4 * LANES * half))
                where = builder.inttoptr(address, _SINGLES.as_pointer())
                builder.store(builder.fmul(totals[row][half], row_scale), where, align=4)
        return context.get_dummy_value()

    def tile(
        _context: Any,
        _hidden: Any,
        _step: Any,
        _sums: Any,
        _sums_step: Any,
        _row_scales: Any,
        _panel: Any,
        _scales: Any,
        _count: Any,
        _out: Any,
        _out_step: Any,
    ) -> tuple[Any, Callable]:
        return types.void(*[types.int64] * 10), generate

    return intrinsic(tile)


def _turned(nibbles: bool) -> Any:
    """LANES words of LANES rows, put in the order in which tiles read a panel: the address of the first, the bytes from
    row to row, and where the first quad goes. Nibbles become two quads, of the lower ones and of the upper ones; bytes
    lose their signs."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        source, step, target = arguments

        def load(row: int) -> Any:
            address = builder.add(source, builder.mul(step, ir.Constant(_WORD, row)))
            # The same place of the next panel, which is then on its way while tiles read this one.
            bring(builder, builder.add(address, builder.mul(step, ir.Constant(_WORD, PANEL))))
            return builder.load(builder.inttoptr(address, _SUMS.as_pointer()), align=1)

        def store(value: Any, quad: int) -> None:
            address = builder.add(target, ir.Constant(_WORD, 4 * PANEL * quad))
            builder.store(value, builder.inttoptr(address, _SUMS.as_pointer()), align=1)

        def every(value: int) -> Any:
            return ir.Constant(_SUMS, [value] * LANES)

        rows = zipped(builder, [load(row) for row in range(LANES)])
        for quad, row in enumerate(rows):
            if nibbles:
                store(builder.and_(row, every(0x0F0F0F0F)), 2 * quad)
                store(builder.and_(builder.lshr(row, every(4)), every(0x0F0F0F0F)), 2 * quad + 1)
            else:
                store(builder.xor(row, every(-0x7F7F7F80)), quad)
        return context.get_dummy_value()

    def turn(_context: Any, _source: Any, _step: Any, _target: Any) -> tuple[Any, Callable]:
        return types.void(*[types.int64] * 3), generate

    return intrinsic(turn)


turn_int8, turn_int4 = _turned(nibbles=False), _turned(nibbles=True)

_MOST = {True: 6, False: 8} if LANES == 16 else {True: 3, False: 4}
TILES = tuple(_tile_of(rows, grouped=False) for rows in range(1, _MOST[False] + 1))
"""Products of 1 row and more; the sums of more than the last knows would not stay in registers."""
TILES_OF_GROUPS = tuple(_tile_of(rows, grouped=True, narrow=True) for rows in range(1, _MOST[True] + 1))
"""The same with a scale for each group of int4 weights."""
TILES_OF_BYTES = tuple(_tile_of(rows, grouped=True) for rows in range(1, _MOST[True] + 1))
"""The same of int8 weights."""
if DOTS == "vnni":
    TILES_OF_BYTES = TILES_OF_GROUPS
