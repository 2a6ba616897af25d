"""From a Python function over addresses to a C function that runs on torch's own threads.

numba compiles a kernel when it is first run and keeps the machine code beside the source, or in the user's
cache folder, for later processes. A kernel runs in one team of OpenMP threads with torch's operators: libgomp keeps its
helpers awake for some milliseconds after each operator, and a team of our own would fight them for the cores. LLVM's
OpenMP has the same entries. Where they are missing (macOS, Windows) the import raises ImportError.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any

import llvmlite.binding
import llvmlite.ir
import numba
import torch
from numba.core import cgutils, types
from numba.extending import intrinsic
from torch import Tensor

_OPENMP = ("GOMP_parallel", "GOMP_barrier", "omp_get_thread_num", "omp_get_num_threads")
if sys.platform == "win32":
    raise ImportError("torch brings another OpenMP on Windows")
_loaded = ctypes.CDLL(None)
if missing := [name for name in _OPENMP if not hasattr(_loaded, name)]:
    raise ImportError(f"torch has brought no OpenMP with {', '.join(missing)}")
for _name in _OPENMP:
    llvmlite.binding.add_symbol(_name, ctypes.cast(getattr(_loaded, _name), ctypes.c_void_p).value)

_run_team = _loaded.GOMP_parallel
_run_team.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
_run_team.restype = None
thread_number = types.ExternalFunction("omp_get_thread_num", types.int32())
thread_count = types.ExternalFunction("omp_get_num_threads", types.int32())
wait_for_all = types.ExternalFunction("GOMP_barrier", types.void())

# What sums may be reordered for, and no more: infinities and nan keep their meaning.
FAST = {"reassoc", "contract", "nsz", "arcp"}

inlined = numba.njit(inline="always", fastmath=FAST)


class Kernel:
    """A function of the address of its arguments (int64), compiled to a C function when it is first run."""

    def __init__(self, function: Callable) -> None:
        self._function = function
        self._compiled: Any = None
        self.__doc__ = function.__doc__

    @cached_property
    def address(self) -> int:
        """Where the C function stands."""
        signature, options = types.void(types.CPointer(types.int64)), {"fastmath": FAST, "error_model": "numpy"}
        try:
            self._compiled = numba.cfunc(signature, cache=True, **options)(self._function)
        except RuntimeError:  # no folder to keep the machine code in
            self._compiled = numba.cfunc(signature, **options)(self._function)
        return self._compiled.address


def run(kernel: Kernel, *arguments: Tensor | int) -> None:
    """Calls a kernel on all of torch's threads; a tensor stands for its address, and the caller keeps it alive.

    Each thread has the same arguments and takes its share by `thread_number` of `thread_count`.
    """
    given = [one.data_ptr() if isinstance(one, Tensor) else one for one in arguments]
    _run_team(kernel.address, (ctypes.c_int64 * len(given))(*given), torch.get_num_threads(), 0)


def _pointer_to(kind: Any) -> Any:
    """An address (int64) as a pointer to numbers of this kind."""

    def pointer(_context: Any, _address: Any) -> tuple[Any, Callable]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate

    return intrinsic(pointer)


def _from_bits(_context: Any, _exponent: Any) -> tuple[Any, Callable]:
    """2^(exponent - 127) of an int32 in 1 .. 254: the float32 with these bits of exponent."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        shifted = builder.shl(arguments[0], llvmlite.ir.Constant(llvmlite.ir.IntType(32), 23))
        return builder.bitcast(shifted, llvmlite.ir.FloatType())

    return types.float32(types.int32), generate


float_pointer, integer_pointer = _pointer_to(types.float32), _pointer_to(types.int64)
byte_pointer, nibble_pointer = _pointer_to(types.int8), _pointer_to(types.uint8)
power_of_two: Any = intrinsic(_from_bits)
array_at: Any = numba.carray  # pyright: ignore[reportPrivateImportUsage]


def _dot_of_nibbles(_context: Any, _values: Any, _nibbles: Any) -> tuple[Any, Callable]:
    """The sum of 32 float32 values times (nibble - 8), the nibbles two to a byte, the lower one first; two addresses.

    In vectors from the start: of a loop this short LLVM makes a scalar one.
    """

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        ir, half = llvmlite.ir, 16
        byte, word, single = (ir.VectorType(kind, half) for kind in (ir.IntType(8), ir.IntType(32), ir.FloatType()))

        def load(address: Any, vector: Any, align: int) -> Any:
            found = builder.load(builder.inttoptr(address, vector.as_pointer()))
            found.align = align
            return found

        def every_second(vector: Any, first: int) -> Any:
            places = ir.Constant(word, list(range(first, 2 * half, 2)))
            return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), places)

        values = load(arguments[0], ir.VectorType(ir.FloatType(), 2 * half), 4)
        both = builder.zext(load(arguments[1], byte, 1), word)
        low = builder.and_(both, ir.Constant(word, [15] * half))
        high = builder.lshr(both, ir.Constant(word, [4] * half))
        eight = ir.Constant(single, [8.0] * half)
        total = ir.Constant(single, [0.0] * half)
        for first, nibbles in enumerate((low, high)):
            weights = builder.fsub(builder.sitofp(nibbles, single), eight)
            part = builder.fmul(every_second(values, first), weights, flags=["contract"])
            total = builder.fadd(total, part, flags=["contract"])
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), single])
        add = cgutils.get_or_insert_function(builder.module, kind, "llvm.vector.reduce.fadd.v16f32")
        return builder.call(add, [ir.Constant(ir.FloatType(), -0.0), total], fastmath=["reassoc"])

    return types.float32(types.int64, types.int64), generate


dot_of_nibbles: Any = intrinsic(_dot_of_nibbles)
