"""Compiles a Python function over addresses to the machine code of a C function. Only the compiling process needs
numba.

Kernels are compiled once for a processor, in a separate process (`python -m dgemma.ops.native`), which writes object
files for `machine` to load. The intrinsics below emit LLVM IR where numba's own would be slow or missing.
"""

import math
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import llvmlite.ir
import numba
from numba.core import cgutils, types
from numba.extending import intrinsic

from dgemma.ops.native.machine import LANES, symbol_of, target_machine
from dgemma.quant import GROUP

thread_number = types.ExternalFunction("omp_get_thread_num", types.int32())
thread_count = types.ExternalFunction("omp_get_num_threads", types.int32())
openmp_barrier = types.ExternalFunction("GOMP_barrier", types.void())
yield_processor = types.ExternalFunction("sched_yield", types.int32())

# Sums may be reordered; infinities and nan keep their meaning.
FAST = {"reassoc", "contract", "nsz", "arcp"}

inlined = numba.njit(inline="always", fastmath=FAST)
jitted = numba.njit(fastmath=FAST, error_model="numpy")
# Keeps the written order of multiplications and sums: numba applies the flags to everything in a function.
jitted_in_order = numba.njit(fastmath={"contract", "nsz"}, error_model="numpy")


# A C function around numba's. Its status is ignored, because nothing in a kernel can raise.
_ENTRY = """
declare i32 @"{inner}"(ptr, ptr, ptr)
define void @"{symbol}"(ptr %arguments) {{
  %result = alloca ptr
  %error = alloca ptr
  %status = call i32 @"{inner}"(ptr %result, ptr %error, ptr %arguments)
  ret void
}}
"""


def compile_kernel(function: Callable) -> bytes:
    """The object file of a kernel, a function that takes the address of its arguments, as the symbol `symbol_of(name)`.

    numba's wrapper, which reports errors to Python, is removed: the object file needs only OpenMP and the C library.
    """
    signature, symbol = types.void(types.CPointer(types.int64)), symbol_of(function.__name__)
    wrapper: Any = numba.cfunc(signature, fastmath=FAST, error_model="numpy")(function)
    module = llvmlite.binding.parse_assembly(wrapper.inspect_llvm())
    inner = wrapper.native_name.removeprefix("cfunc.")
    module.link_in(llvmlite.binding.parse_assembly(_ENTRY.format(inner=inner, symbol=symbol)))
    for definition in module.functions:
        if not definition.is_declaration and definition.name != symbol:
            definition.linkage = "internal"
    machine = target_machine()
    passes = llvmlite.binding.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    options = llvmlite.binding.PipelineTuningOptions()
    passes.run(module, llvmlite.binding.create_pass_builder(machine, options))
    declared = [definition.name for definition in module.functions if definition.is_declaration]
    if counting := [name for name in declared if name.startswith("NRT_")]:
        raise RuntimeError(f"{symbol} counts references ({counting[0]}): only inlined functions may be given arrays")
    return machine.emit_object(module)


def _pointer_to(kind: Any) -> Any:
    """An intrinsic that turns an address (int64) into a pointer to numbers of a type."""

    def pointer(_context: Any, _address: Any) -> tuple[Any, Callable]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate

    return intrinsic(pointer)


def _power_of_two(_context: Any, _exponent: Any) -> tuple[Any, Callable]:
    """2^(exponent - 127) of an int32 in 1 .. 254: the float32 with these exponent bits."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        shifted = builder.shl(arguments[0], llvmlite.ir.Constant(llvmlite.ir.IntType(32), 23))
        return builder.bitcast(shifted, llvmlite.ir.FloatType())

    return types.float32(types.int32), generate


def _from_bfloat16(_context: Any, _half: Any) -> tuple[Any, Callable]:
    """The float32 of a bfloat16, given by its bits (uint16), which are the upper half of the float32's."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = llvmlite.ir.IntType(32)
        upper = builder.shl(builder.zext(arguments[0], word), llvmlite.ir.Constant(word, 16))
        return builder.bitcast(upper, llvmlite.ir.FloatType())

    return types.float32(types.uint16), generate


float32_pointer, int64_pointer = _pointer_to(types.float32), _pointer_to(types.int64)
int8_pointer, uint8_pointer = _pointer_to(types.int8), _pointer_to(types.uint8)
float64_pointer, int32_pointer = _pointer_to(types.float64), _pointer_to(types.int32)
uint16_pointer = _pointer_to(types.uint16)
power_of_two: Any = intrinsic(_power_of_two)
from_bfloat16: Any = intrinsic(_from_bfloat16)
array_at: Any = numba.carray  # pyright: ignore[reportPrivateImportUsage]


def _atomic_increment(_context: Any, _counter: Any) -> tuple[Any, Callable]:
    """Atomically adds one to the int64 at an address -> the sum."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = llvmlite.ir.IntType(64)
        one, place = llvmlite.ir.Constant(word, 1), builder.inttoptr(arguments[0], word.as_pointer())
        return builder.add(builder.atomic_rmw("add", place, one, "seq_cst"), one)

    return types.int64(types.int64), generate


def _atomic_load(_context: Any, _counter: Any) -> tuple[Any, Callable]:
    """Atomically loads the int64 at an address."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], llvmlite.ir.IntType(64).as_pointer())
        return builder.load_atomic(place, "seq_cst", 8)

    return types.int64(types.int64), generate


def prefetch(builder: Any, address: Any) -> None:
    """Emits a prefetch of an address into the second-level cache, for reading."""
    int32, pointer = llvmlite.ir.IntType(32), llvmlite.ir.IntType(8).as_pointer()
    kind = llvmlite.ir.FunctionType(llvmlite.ir.VoidType(), [pointer, *[int32] * 3])
    hints = [llvmlite.ir.Constant(int32, value) for value in (0, 2, 1)]  # read, second-level cache, data
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [builder.inttoptr(address, pointer), *hints])


def _prefetch_at(_context: Any, _address: Any) -> tuple[Any, Callable]:
    """`prefetch` of an address."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        prefetch(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate


prefetch_at: Any = intrinsic(_prefetch_at)


def _cycles(_context: Any) -> tuple[Any, Callable]:
    """The processor's cycle counter."""

    def generate(_context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        kind = llvmlite.ir.FunctionType(llvmlite.ir.IntType(64), [])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.readcyclecounter"), [])

    return types.int64(), generate


cycles: Any = intrinsic(_cycles)
atomic_increment: Any = intrinsic(_atomic_increment)
atomic_load: Any = intrinsic(_atomic_load)


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


def _largest_of(magnitude: bool) -> Any:
    """An intrinsic for the largest of the float32 numbers at an address, where nan is skipped, or the largest of their
    magnitudes, where nan counts as the largest; -inf or 0 if there are none.

    Written with vectors: LLVM does not vectorise a maximum that might meet a nan, and takes four cycles a number.
    Magnitudes are compared by their bits, which have the same order.
    """

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        ir = llvmlite.ir
        address, size = arguments
        word = ir.IntType(64)
        number = ir.IntType(32) if magnitude else ir.FloatType()
        vector, least = ir.VectorType(number, LANES), 0 if magnitude else -math.inf

        def numbers_at(index: Any, kind: Any) -> Any:
            place = builder.add(address, builder.mul(index, ir.Constant(word, 4)))
            value = builder.load(builder.inttoptr(place, kind.as_pointer()), align=4)
            if not magnitude:
                return value
            unsigned = 0x7FFFFFFF
            return builder.and_(value, ir.Constant(kind, unsigned if kind is number else [unsigned] * LANES))

        def keep_larger(place: Any, value: Any) -> None:
            so_far = builder.load(place)
            compare = builder.icmp_signed if magnitude else builder.fcmp_ordered
            builder.store(builder.select(compare(">", value, so_far), value, so_far), place)

        many = cgutils.alloca_once_value(builder, ir.Constant(vector, [least] * LANES))
        blocks = builder.udiv(size, ir.Constant(word, LANES))
        with cgutils.for_range(builder, blocks) as loop:
            keep_larger(many, numbers_at(builder.mul(loop.index, ir.Constant(word, LANES)), vector))
        name = f"llvm.vector.reduce.smax.v{LANES}i32" if magnitude else f"llvm.vector.reduce.fmax.v{LANES}f32"
        reduce = cgutils.get_or_insert_function(builder.module, ir.FunctionType(number, [vector]), name)
        found = builder.call(reduce, [builder.load(many)], fastmath=() if magnitude else ["nnan"])
        one, done = cgutils.alloca_once_value(builder, found), builder.mul(blocks, ir.Constant(word, LANES))
        with cgutils.for_range(builder, builder.sub(size, done)) as loop:
            keep_larger(one, numbers_at(builder.add(done, loop.index), number))
        largest = builder.load(one)
        return builder.bitcast(largest, ir.FloatType()) if magnitude else largest

    def largest(_context: Any, _address: Any, _size: Any) -> tuple[Any, Callable]:
        return types.float32(types.int64, types.int64), generate

    return intrinsic(largest)


largest_at, largest_magnitude_at = _largest_of(magnitude=False), _largest_of(magnitude=True)


def transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Transposes LANES vectors of LANES numbers in log2(LANES) rounds, each of which interleaves the vectors of the
    lower half with those of the upper half."""
    half, lane = LANES // 2, llvmlite.ir.IntType(32)

    def interleaved(one: Any, other: Any, first: int) -> Any:
        places = [LANES * (at % 2) + first + at // 2 for at in range(LANES)]
        kind = llvmlite.ir.VectorType(lane, LANES)
        return builder.shuffle_vector(one, other, llvmlite.ir.Constant(kind, places))

    for _ in range(LANES.bit_length() - 1):
        rows = [interleaved(rows[at], rows[at + half], first) for at in range(half) for first in (0, half)]
    return rows


def _transpose_floats(
    _context: Any, _source: Any, _stride: Any, _target: Any, _target_stride: Any
) -> tuple[Any, Callable]:
    """Transposes a LANES x LANES block of float32 numbers: source and its stride, target and its stride."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        ir = llvmlite.ir
        source, stride, target, target_stride = arguments
        vector, word = ir.VectorType(ir.FloatType(), LANES), ir.IntType(64)

        def at(base: Any, stride: Any, row: int) -> Any:
            return builder.inttoptr(builder.add(base, builder.mul(stride, ir.Constant(word, row))), vector.as_pointer())

        for row, value in enumerate(
            transposed(builder, [builder.load(at(source, stride, row), align=4) for row in range(LANES)])
        ):
            builder.store(value, at(target, target_stride, row), align=4)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


transpose_floats: Any = intrinsic(_transpose_floats)
