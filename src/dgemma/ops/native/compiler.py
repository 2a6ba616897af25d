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


def _to_bfloat16(_context: Any, _number: Any) -> tuple[Any, Callable]:
    """The bits (uint16) of the bfloat16 nearest to a float32, of two as near the even one; nan stays nan."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word, (number,) = llvmlite.ir.IntType(32), arguments
        bits, upper = builder.bitcast(number, word), llvmlite.ir.Constant(word, 16)
        is_odd = builder.and_(builder.lshr(bits, upper), llvmlite.ir.Constant(word, 1))
        rounded = builder.add(builder.add(bits, is_odd), llvmlite.ir.Constant(word, 0x7FFF))
        # Rounding might turn nan into infinity; the highest bit of its fraction keeps it one.
        quiet = builder.or_(bits, llvmlite.ir.Constant(word, 1 << 22))
        kept = builder.select(builder.fcmp_unordered("uno", number, number), quiet, rounded)
        return builder.trunc(builder.lshr(kept, upper), llvmlite.ir.IntType(16))

    return types.uint16(types.float32), generate


float32_pointer, int64_pointer = _pointer_to(types.float32), _pointer_to(types.int64)
int8_pointer, uint8_pointer = _pointer_to(types.int8), _pointer_to(types.uint8)
float64_pointer, int32_pointer = _pointer_to(types.float64), _pointer_to(types.int32)
uint16_pointer = _pointer_to(types.uint16)
power_of_two: Any = intrinsic(_power_of_two)
from_bfloat16: Any = intrinsic(_from_bfloat16)
to_bfloat16: Any = intrinsic(_to_bfloat16)
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


def vector_at(builder: Any, address: Any, is_bfloat16: bool) -> Any:
    """Emits a load of LANES float32 or bfloat16 numbers at an address, as float32."""
    ir = llvmlite.ir
    singles, words = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)
    if not is_bfloat16:
        return builder.load(builder.inttoptr(address, singles.as_pointer()), align=4)
    halves = builder.load(builder.inttoptr(address, ir.VectorType(ir.IntType(16), LANES).as_pointer()), align=1)
    upper = builder.shl(builder.zext(halves, words), ir.Constant(words, [16] * LANES))
    return builder.bitcast(upper, singles)


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


def _transposer(is_bfloat16: bool) -> Any:
    """An intrinsic that transposes a LANES x LANES block of float32 or bfloat16 numbers into float32: source and its
    stride, target and its stride."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        ir = llvmlite.ir
        source, stride, target, target_stride = arguments
        vector, word = ir.VectorType(ir.FloatType(), LANES), ir.IntType(64)

        def at(base: Any, stride: Any, row: int) -> Any:
            return builder.add(base, builder.mul(stride, ir.Constant(word, row)))

        rows = [vector_at(builder, at(source, stride, row), is_bfloat16) for row in range(LANES)]
        for row, value in enumerate(transposed(builder, rows)):
            place = builder.inttoptr(at(target, target_stride, row), vector.as_pointer())
            builder.store(value, place, align=4)
        return context.get_dummy_value()

    def transpose(_context: Any, _source: Any, _stride: Any, _target: Any, _target_stride: Any) -> tuple[Any, Callable]:
        return types.void(*[types.int64] * 4), generate

    return intrinsic(transpose)


transpose_floats, transpose_bfloat16 = _transposer(is_bfloat16=False), _transposer(is_bfloat16=True)
