"""Loads compiled kernels from object files and runs them on torch's OpenMP threads.

Kernels use torch's own thread team: libgomp's threads keep spinning for some milliseconds after each operator, and
would compete with a second team for the cores. LLVM's OpenMP has the same entry points. Where they are missing (macOS,
Windows) the import raises ImportError.

Object files are in `~/.cache/dgemma/kernels`, or in DGEMMA_KERNELS, with a folder for each version of the kernels and
each type of processor.
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

from dgemma.files import cache_folder
from dgemma.quant import GROUP

_OPENMP = ("GOMP_parallel", "GOMP_barrier", "omp_get_thread_num", "omp_get_num_threads")
if sys.platform == "win32":
    raise ImportError("torch uses a different OpenMP on Windows")
_process = ctypes.CDLL(None)
_CACHE = cache_folder()
if not (os.environ.get("DGEMMA_KERNELS") or _CACHE):
    # A relative path would load code from whichever folder the process was started in.
    raise ImportError("there is no home folder for compiled kernels; set DGEMMA_KERNELS to a folder for them")
if missing := [name for name in _OPENMP if not hasattr(_process, name)]:
    raise ImportError(f"torch's OpenMP does not have {', '.join(missing)}")
for _name in _OPENMP:
    llvmlite.binding.add_symbol(_name, ctypes.cast(getattr(_process, _name), ctypes.c_void_p).value)
llvmlite.binding.initialize_native_target()
llvmlite.binding.initialize_native_asmprinter()

_run_team = _process.GOMP_parallel
_run_team.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
_run_team.restype = None

# numba reads the same variables: a processor to compile for instead of this one.
_PROCESSOR = os.environ.get("NUMBA_CPU_NAME") or llvmlite.binding.get_host_cpu_name()
_FEATURES = os.environ.get("NUMBA_CPU_FEATURES") or (
    "" if os.environ.get("NUMBA_CPU_NAME") else llvmlite.binding.get_host_cpu_features().flatten()
)

LANES = 16 if "+avx512f" in _FEATURES else 8
"""float32 numbers in a vector register."""
PANEL = 2 * LANES
"""Outputs of a panel, which a tile (micro-kernel) computes together: two vectors."""
TILE_ROWS = 8 if LANES == 16 else 4
"""The most rows of a tile; the sums of more would spill from the registers."""
UNPACK_FROM_ROWS = 128 if LANES == 8 else 0
"""From this number of rows on, a bfloat16 panel is converted to float32 once, before the products: with AVX2 1.08 times
as fast for 256 rows. 0 for never: with AVX-512 products that convert as they go are 1.7 to 1.1 times as fast for 32 to
256."""


def _dots() -> str:
    if "+avx512vnni" in _FEATURES or ("+avxvnni," in f"{_FEATURES}," and LANES == 8):
        return "vnni"
    return "short" if "+avx2" in _FEATURES and (LANES == 8 or "+avx512bw" in _FEATURES) else ""


DOTS = _dots()
"""Dot instructions for bytes: "vnni" adds four products in int32, "short" two in int16; "" means none."""
BFLOAT16_DOTS = LANES == 16 and "+avx512bf16" in _FEATURES
"""Whether there is an instruction that adds the products of two pairs of bfloat16 numbers: twice the rate of
float32."""
LARGEST_FOR_INT8 = 64 if DOTS == "short" else 127
"""The largest value of a row quantised for int8 weights: with "short", two products with bytes must fit int16."""
# The modules that machine code depends on.
_SOURCES = (
    *("arithmetic", "attention_kernels", "compiler", "dot_tiles", "head_kernels", "layer_kernels", "machine"),
    *("pair_kernels", "panel_kernels", "panel_tiles", "path_kernels", "product_kernels", "quantised_kernels"),
    *("quantised_tiles", "routed_kernels", "sizes", "vocabulary_kernels"),
)


def run(kernel: str, *arguments: Tensor | int) -> None:
    """Runs a kernel on all of torch's threads. Tensors are passed as addresses; the caller keeps them alive.

    Each thread gets the same arguments and works on its own range. Raises what `address_of` raises.
    """
    args = [one.data_ptr() if isinstance(one, Tensor) else one for one in arguments]
    _run_team(address_of(kernel), (ctypes.c_int64 * len(args))(*args), torch.get_num_threads(), 0)


def run_with(kernel: str, arguments: int) -> None:
    """`run` with the address of an int64 array of arguments."""
    _run_team(address_of(kernel), arguments, torch.get_num_threads(), 0)


def refuse_outside(pairs: Sequence[tuple[int, int]], rows: int, entries: int) -> None:
    """Raises IndexError unless all (row or -1 for all, entry) pairs are in range: a kernel would write elsewhere."""
    for row, entry in pairs:
        if not (-1 <= row < rows and 0 <= entry < entries):
            raise IndexError(f"The id {entry} at row {row} is outside {rows} rows of {entries} ids.")


def symbol_of(kernel: str) -> str:
    """A kernel's symbol in its object file."""
    return f"dgemma_{kernel}"


def file_of(kernel: str) -> Path:
    """The path of a kernel's object file, which need not exist."""
    return _folder() / f"{kernel}.o"


def save(kernel: str, code: bytes) -> None:
    """Writes an object file, preceded by its digest: LLVM would end the process over a damaged one."""
    path = file_of(kernel)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A new file that only its owner may read and write.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{kernel}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(sha256(code).digest() + code)
    os.replace(temporary, path)


def _code_of(kernel: str) -> bytes:
    with file_of(kernel).open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
            raise OSError(f"{file_of(kernel)} can be written by other users")
        content = file.read()
    digest, code = content[:32], content[32:]
    if sha256(code).digest() != digest:
        file_of(kernel).unlink(missing_ok=True)
        raise OSError(f"{file_of(kernel)} was damaged and has been deleted")
    return code


def target_machine() -> llvmlite.binding.TargetMachine:
    """The processor that kernels are compiled for."""
    target = llvmlite.binding.Target.from_default_triple()
    return target.create_target_machine(cpu=_PROCESSOR, features=_FEATURES, opt=3, jit=True)


@cache
def _folder() -> Path:
    sources = [Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in _SOURCES]
    parts = [_PROCESSOR, _FEATURES, str(GROUP), *(version(name) for name in ("numba", "llvmlite"))]
    digest = sha256("\0".join([*parts, *sources]).encode())
    return Path(os.environ.get("DGEMMA_KERNELS") or f"{_CACHE}/kernels") / digest.hexdigest()[:16]


@cache
def _engine_of(kernel: str) -> llvmlite.binding.ExecutionEngine:
    code = llvmlite.binding.ObjectFileRef.from_data(_code_of(kernel))
    engine = llvmlite.binding.create_mcjit_compiler(llvmlite.binding.parse_assembly(""), target_machine())
    engine.add_object_file(code)
    engine.finalize_object()
    return engine


@cache
def address_of(kernel: str) -> int:
    """A kernel's address; loads it on the first call. Raises OSError if its object file is missing or damaged,
    RuntimeError if LLVM refuses it."""
    address = _engine_of(kernel).get_function_address(symbol_of(kernel))
    if not address:
        raise OSError(f"{file_of(kernel)} does not contain {symbol_of(kernel)}")
    return address
