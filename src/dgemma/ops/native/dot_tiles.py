"""Micro-kernels for float32 rows times one row of int8 or int4 weights, built as LLVM IR.

Shapes: I inputs.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from dgemma.ops.native.machine import LANES
from dgemma.quant import GROUP


def _dot_int4(_context: Any, _values: Any, _nibbles: Any, _scales: Any, _groups: Any) -> tuple[Any, Callable]:
    """A row of int4 weights times float32 values. Takes the addresses of the values (in each group the even inputs come
    before the odd ones), of the nibbles (two to a byte, the lower one first) and of the groups' scales, and the number
    of groups.

    Written with vectors that are summed across once at the end: LLVM does not vectorise a loop as short as a group.
    """

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        ir, half = llvmlite.ir, GROUP // 2
        values, nibbles, scales, groups = arguments
        byte, word, single = (ir.VectorType(kind, half) for kind in (ir.IntType(8), ir.IntType(32), ir.FloatType()))
        number, lane = ir.IntType(64), ir.IntType(32)
        eight, broadcast = ir.Constant(single, [8.0] * half), ir.Constant(word, [0] * half)
        # Separate sums for even and odd groups: two shorter dependency chains.
        sums = [cgutils.alloca_once_value(builder, ir.Constant(single, [0.0] * half)) for _ in range(2)]

        def load(base: Any, index: Any, stride: int, kind: Any, align: int) -> Any:
            address = builder.add(base, builder.mul(index, ir.Constant(number, stride)))
            return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)

        def add_group(group: Any, total: Any) -> None:
            both = builder.zext(load(nibbles, group, half, byte, 1), word)
            low = builder.and_(both, ir.Constant(word, [15] * half))
            high = builder.lshr(both, ir.Constant(word, [4] * half))
            part = None
            for place, integers in enumerate((low, high)):
                weights = builder.fsub(builder.sitofp(integers, single), eight)
                inputs = load(values, builder.add(builder.shl(group, number(1)), number(place)), 4 * half, single, 4)
                product = builder.fmul(inputs, weights, flags=["contract"])
                part = product if part is None else builder.fadd(part, product, flags=["contract"])
            scale = load(scales, group, 4, ir.FloatType(), 4)
            empty = ir.Constant(single, ir.Undefined)
            scale = builder.shuffle_vector(builder.insert_element(empty, scale, lane(0)), empty, broadcast)
            scaled = builder.fmul(part, scale, flags=["contract"])
            builder.store(builder.fadd(builder.load(total), scaled, flags=["contract"]), total)

        with cgutils.for_range(builder, builder.lshr(groups, number(1))) as loop:
            for place, total in enumerate(sums):
                add_group(builder.add(builder.shl(loop.index, number(1)), number(place)), total)
        with builder.if_then(builder.trunc(groups, ir.IntType(1))):
            add_group(builder.sub(groups, number(1)), sums[0])
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), single])
        add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{half}f32")
        total = builder.fadd(builder.load(sums[0]), builder.load(sums[1]))
        return builder.call(add, [ir.Constant(ir.FloatType(), -0.0), total], fastmath=["reassoc"])

    return types.float32(*[types.int64] * 4), generate


dot_int4: Any = intrinsic(_dot_int4)


def _dots_int8_of(rows: int) -> Any:
    """A micro-kernel: the dot products of `rows` rows of float32 values with one row of int8 weights. It takes the
    values and their stride, the weights, I, the weights' scale, out and its stride; each row's result goes to out.

    Weights are converted once for all rows. A row's sums are the same whatever `rows` is.
    """

    def dots(
        _context: Any,
        _values: Any,
        _stride: Any,
        _weights: Any,
        _size: Any,
        _scale: Any,
        _out: Any,
        _out_stride: Any,
    ) -> tuple[Any, Callable]:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            ir = llvmlite.ir
            values, stride, weights, size, scale, out, out_stride = arguments
            number, vector, word = ir.FloatType(), ir.VectorType(ir.FloatType(), LANES), ir.IntType(64)
            at_once = 2 * LANES

            def at(base: Any, step: Any, count: int) -> Any:
                return builder.add(base, builder.mul(step, ir.Constant(word, count)))

            def load(address: Any, kind: Any, align: int) -> Any:
                return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)

            def weight_at(index: Any, kind: Any) -> Any:
                """The weights from `index` on, as floats."""
                is_vector = isinstance(kind, ir.VectorType)
                narrow, wide = (
                    ir.VectorType(ir.IntType(bits), LANES) if is_vector else ir.IntType(bits) for bits in (8, 32)
                )
                return builder.sitofp(builder.sext(load(builder.add(weights, index), narrow, 1), wide), kind)

            def add(total: Any, row: int, index: Any, weight: Any, kind: Any) -> None:
                value = load(builder.add(first[row], builder.mul(index, ir.Constant(word, 4))), kind, 4)
                product = builder.fmul(value, weight, flags=["contract"])
                builder.store(builder.fadd(builder.load(total), product, flags=["contract"]), total)

            first = [at(values, stride, row) for row in range(rows)]
            zero = ir.Constant(vector, [0.0] * LANES)
            sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(2)] for _ in range(rows)]
            rests = [cgutils.alloca_once_value(builder, ir.Constant(number, 0.0)) for _ in range(rows)]
            chunks = builder.udiv(size, ir.Constant(word, at_once))
            with cgutils.for_range(builder, chunks) as loop:
                for half in range(2):
                    index = builder.add(builder.mul(loop.index, word(at_once)), word(half * LANES))
                    weight = weight_at(index, vector)
                    for row in range(rows):
                        add(sums[row][half], row, index, weight, vector)
            whole = builder.mul(chunks, word(at_once))
            with cgutils.for_range(builder, builder.sub(size, whole)) as loop:
                index = builder.add(whole, loop.index)
                weight = weight_at(index, number)
                for row in range(rows):
                    add(rests[row], row, index, weight, number)
            signature = ir.FunctionType(number, [number, vector])
            reduce = cgutils.get_or_insert_function(builder.module, signature, f"llvm.vector.reduce.fadd.v{LANES}f32")
            for row in range(rows):
                total = builder.fadd(builder.load(sums[row][0]), builder.load(sums[row][1]))
                total = builder.call(reduce, [ir.Constant(number, -0.0), total], fastmath=["reassoc"])
                total = builder.fmul(builder.fadd(total, builder.load(rests[row])), scale)
                builder.store(total, builder.inttoptr(at(out, out_stride, row), number.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4, types.float32, types.int64, types.int64), generate

    return intrinsic(dots)


DOTS_INT8 = tuple(_dots_int8_of(rows) for rows in range(1, 5))
"""Dot products of one row, of two and so on with a row of int8 weights."""
