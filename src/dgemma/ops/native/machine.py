"""From a Python function over addresses to a C function that runs on torch's own threads.

numba compiles a kernel when its module is first imported and keeps the machine code beside the source, or in the user's
cache folder, for later processes. A kernel runs in one team of OpenMP threads with torch's operators: libgomp keeps its
helpers awake for some milliseconds after each operator, and a team of our own would fight them for the cores. Raises
AttributeError on import where OpenMP's entry is not to be found (macOS, Windows).
"""

import ctypes
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import llvmlite.ir
import numba
import torch
from numba.core import types
from numba.extending import intrinsic
from torch import Tensor

# LLVM's own OpenMP has this entry as well, under the same name.
_openmp = ctypes.CDLL(None)
_run_team = _openmp.GOMP_parallel
_run_team.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
_run_team.restype = None
for _name in ("omp_get_thread_num", "omp_get_num_threads", "GOMP_barrier"):
    llvmlite.binding.add_symbol(_name, ctypes.cast(getattr(_openmp, _name), ctypes.c_void_p).value)

thread_number = types.ExternalFunction("omp_get_thread_num", types.int32())
thread_count = types.ExternalFunction("omp_get_num_threads", types.int32())
wait_for_all = types.ExternalFunction("GOMP_barrier", types.void())

# What sums may be reordered for, and no more: infinities and nan keep their meaning.
FAST = {"reassoc", "contract", "nsz", "arcp"}

inlined = numba.njit(inline="always", fastmath=FAST)


def kernel(function: Callable) -> Any:
    """Compiles `function`, which takes the address of its arguments (int64), to a C function."""
    signature = types.void(types.CPointer(types.int64))
    try:
        return numba.cfunc(signature, cache=True, fastmath=FAST, error_model="numpy")(function)
    except RuntimeError:  # no folder to keep the machine code in
        return numba.cfunc(signature, fastmath=FAST, error_model="numpy")(function)


def run(function: Any, *arguments: Tensor | int) -> None:
    """Calls a kernel on all of torch's threads; a tensor stands for its address, and the caller keeps it alive.

    Each thread has the same arguments and takes its share by `thread_number` of `thread_count`.
    """
    given = [one.data_ptr() if isinstance(one, Tensor) else one for one in arguments]
    _run_team(function.address, (ctypes.c_int64 * len(given))(*given), torch.get_num_threads(), 0)


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
byte_pointer = _pointer_to(types.int8)
power_of_two: Any = intrinsic(_from_bits)
array_at: Any = numba.carray  # pyright: ignore[reportPrivateImportUsage]
