"""Kernels at run time: machine code from a file, run on torch's own threads.

A kernel runs in one team of OpenMP threads with torch's operators: libgomp keeps its helpers awake for some
milliseconds after each operator, and a team of our own would fight them for the cores. LLVM's OpenMP has the same
entries. Where they are missing (macOS, Windows) the import raises ImportError.

What is compiled for one processor lies in `~/.cache/dgemma/kernels`, or where DGEMMA_KERNELS says, in a folder for each
version of the kernels and each kind of processor.
"""

import ctypes
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import llvmlite.binding
import torch
from torch import Tensor

from dgemma.quant import GROUP

_OPENMP = ("GOMP_parallel", "GOMP_barrier", "omp_get_thread_num", "omp_get_num_threads")
if sys.platform == "win32":
    raise ImportError("torch brings another OpenMP on Windows")
_loaded = ctypes.CDLL(None)
_USUAL = os.path.expanduser("~/.cache/dgemma/kernels")
if not (os.environ.get("DGEMMA_KERNELS") or os.path.isabs(_USUAL)):
    # It would be kept in, and loaded from, whichever folder the process was started in.
    raise ImportError("machine code is kept in the user's home, and there is none")
if missing := [name for name in _OPENMP if not hasattr(_loaded, name)]:
    raise ImportError(f"torch has brought no OpenMP with {', '.join(missing)}")
for _name in _OPENMP:
    llvmlite.binding.add_symbol(_name, ctypes.cast(getattr(_loaded, _name), ctypes.c_void_p).value)
llvmlite.binding.initialize_native_target()
llvmlite.binding.initialize_native_asmprinter()

_run_team = _loaded.GOMP_parallel
_run_team.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
_run_team.restype = None

# As numba reads it: a processor to compile for instead of this one.
_PROCESSOR = os.environ.get("NUMBA_CPU_NAME") or llvmlite.binding.get_host_cpu_name()
_FEATURES = os.environ.get("NUMBA_CPU_FEATURES") or (
    "" if os.environ.get("NUMBA_CPU_NAME") else llvmlite.binding.get_host_cpu_features().flatten()
)

LANES = 16 if "+avx512f" in _FEATURES else 8
"""Numbers of a vector that are multiplied and added at once."""
PANEL = 2 * LANES
"""Outputs that a tile of a product computes at a time."""
TILE_ROWS = 8 if LANES == 16 else 4
"""Rows of one; the sums of more would not stay in registers."""


def _dots() -> str:
    if "+avx512vnni" in _FEATURES or ("+avxvnni," in f"{_FEATURES}," and LANES == 8):
        return "vnni"
    return "short" if "+avx2" in _FEATURES and (LANES == 8 or "+avx512bw" in _FEATURES) else ""


DOTS = _dots()
"""How products of bytes are added: "vnni" four at once, "short" two at once in int16, "" not at all."""
LARGEST_FOR_INT8 = 64 if DOTS == "short" else 127
"""The largest number that a row may hold before int8 weights: two of its products with bytes must fit int16."""
# What machine code depends on.
_SOURCES = (
    *("kernels", "panel_kernels", "attention_kernels", "layer_kernels", "routed_kernels", "head_kernels"),
    *("pair_kernels", "path_kernels", "quantised_kernels", "quantised_tiles", "compiler", "sizes", "machine"),
)


def run(kernel: str, *arguments: Tensor | int) -> None:
    """Calls a kernel on all of torch's threads; a tensor stands for its address, and the caller keeps it alive.

    Each thread has the same arguments and takes its share. Raises what `address_of` raises.
    """
    given = [one.data_ptr() if isinstance(one, Tensor) else one for one in arguments]
    _run_team(address_of(kernel), (ctypes.c_int64 * len(given))(*given), torch.get_num_threads(), 0)


def run_with(kernel: str, arguments: int) -> None:
    """`run` with the address of arguments that are int64 numbers already."""
    _run_team(address_of(kernel), arguments, torch.get_num_threads(), 0)


def refuse_outside(pairs: Sequence[tuple[int, int]], rows: int, entries: int) -> None:
    """Raises IndexError unless all (row or -1 for all, entry) pairs lie within: a kernel would write elsewhere."""
    for row, entry in pairs:
        if not (-1 <= row < rows and 0 <= entry < entries):
            raise IndexError(f"The id {entry} at row {row} is outside {rows} rows of {entries} ids.")


def symbol_of(kernel: str) -> str:
    """What a kernel is called in its object file."""
    return f"dgemma_{kernel}"


def file_of(kernel: str) -> Path:
    """The object file of a kernel, whether or not it is there."""
    return _folder() / f"{kernel}.o"


def keep(kernel: str, code: bytes) -> None:
    """Puts an object file in place, behind its digest: LLVM ends the process over one that is damaged."""
    path = file_of(kernel)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A new file that its owner alone may read and write.
    number, part = tempfile.mkstemp(dir=path.parent, prefix=f"{kernel}.")
    with os.fdopen(number, "wb") as file:
        file.write(sha256(code).digest() + code)
    os.replace(part, path)


def _code_of(kernel: str) -> bytes:
    with file_of(kernel).open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
            raise OSError(f"{file_of(kernel)} is not this user's alone to write")
        kept = file.read()
    digest, code = kept[:32], kept[32:]
    if sha256(code).digest() != digest:
        file_of(kernel).unlink(missing_ok=True)
        raise OSError(f"{file_of(kernel)} was damaged")
    return code


def target_machine() -> llvmlite.binding.TargetMachine:
    """What kernels are compiled for."""
    target = llvmlite.binding.Target.from_default_triple()
    return target.create_target_machine(cpu=_PROCESSOR, features=_FEATURES, opt=3, jit=True)


@cache
def _folder() -> Path:
    sources = [Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in _SOURCES]
    told = [_PROCESSOR, _FEATURES, str(GROUP), *(version(name) for name in ("numba", "llvmlite"))]
    digest = sha256("\0".join([*told, *sources]).encode())
    return Path(os.environ.get("DGEMMA_KERNELS") or _USUAL) / digest.hexdigest()[:16]


@cache
def _engine_of(kernel: str) -> llvmlite.binding.ExecutionEngine:
    code = llvmlite.binding.ObjectFileRef.from_data(_code_of(kernel))
    engine = llvmlite.binding.create_mcjit_compiler(llvmlite.binding.parse_assembly(""), target_machine())
    engine.add_object_file(code)
    engine.finalize_object()
    return engine


@cache
def address_of(kernel: str) -> int:
    """Where a kernel stands in memory; loads it the first time. Raises OSError when its object file is not there
    or not whole, RuntimeError when LLVM refuses it."""
    address = _engine_of(kernel).get_function_address(symbol_of(kernel))
    if not address:
        raise OSError(f"{file_of(kernel)} holds no {symbol_of(kernel)}")
    return address
