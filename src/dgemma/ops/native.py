"""Functions that numba compiles for this very processor, run on torch's own threads.

A kernel is written in Python over addresses and sizes and compiled to a C function at its first use; numba keeps the
machine code beside the source, or in the user's cache folder, so that a later process reads it in a few milliseconds.
It runs in one team of OpenMP threads with torch's operators: libgomp keeps its helpers awake for some milliseconds
after each operator, and a second team would fight them for the cores. Where OpenMP's entry is not to be found (macOS,
Windows) or numba cannot be imported `is_available` says no, and callers keep to plain PyTorch.

Importing this imports numba, a third of a second: `ops.cpu` does so when a kernel is first wanted.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import llvmlite.ir
import numba
import numpy as np
import torch
from numba.core import types
from numba.extending import intrinsic
from torch import Tensor

# LLVM's own OpenMP has this entry as well, under the same name.
_openmp = ctypes.CDLL(None)
_run_team = _openmp.GOMP_parallel
_run_team.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
_run_team.restype = None
for _name in ("omp_get_thread_num", "omp_get_num_threads"):
    llvmlite.binding.add_symbol(_name, ctypes.cast(getattr(_openmp, _name), ctypes.c_void_p).value)

thread_number = types.ExternalFunction("omp_get_thread_num", types.int32())
thread_count = types.ExternalFunction("omp_get_num_threads", types.int32())

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


_float_pointer, _integer_pointer = _pointer_to(types.float32), _pointer_to(types.int64)
_power_of_two: Any = intrinsic(_from_bits)
array_at: Any = numba.carray  # pyright: ignore[reportPrivateImportUsage]


@inlined
def floats(address: Any, size: Any) -> Any:
    """The float32 numbers at an address, as an array."""
    return array_at(_float_pointer(address), size)


@inlined
def integers(address: Any, size: Any) -> Any:
    """The int64 numbers at an address, as an array."""
    return array_at(_integer_pointer(address), size)


_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
_LOG2_E, _HALF_UP, _BIAS = np.float32(1.4426950408889634), np.float32(127.5), np.float32(127.0)
# log(2) in two parts, the first exact when multiplied by a small whole number.
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_ONE, _C2, _C3 = np.float32(1.0), np.float32(0.5), np.float32(1.6666665459e-1)
_C4, _C5, _C6, _C7 = (np.float32(c) for c in (4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3, 1.9875691500e-4))


# Reordered, the two parts of log(2) would be one again; so LLVM inlines this, with flags of its own, and not numba.
@numba.njit(forceinline=True, fastmath={"contract", "nsz"})
def exp(x: Any) -> Any:
    """e^x in float32, within two units of the last place; x is held between -87 and 88.

    Without branches, so that loops over it run eight at a time. The polynomial is that of Cephes' expf.
    """
    x = min(max(x, _LOWEST), _HIGHEST)
    exponent = np.int32(x * _LOG2_E + _HALF_UP)
    whole = np.float32(exponent) - _BIAS
    rest = x - whole * _LN2_HIGH - whole * _LN2_LOW
    polynomial = ((((_C7 * rest + _C6) * rest + _C5) * rest + _C4) * rest + _C3) * rest + _C2
    return (polynomial * rest * rest + rest + _ONE) * _power_of_two(exponent)
