"""Compiles kernels for this processor: the named ones, or all (`python -m dgemma.ops.native layers head`).

A kernel that cannot be compiled does not stop the others; its traceback is printed, and the exit status is 1.
"""

import os
import sys
import traceback

# Otherwise a kernel might call Intel's short vector library, which the process that loads it need not have.
os.environ["NUMBA_DISABLE_INTEL_SVML"] = "1"

from dgemma.ops.native import (
    head_kernels,
    layer_kernels,
    panel_kernels,
    path_kernels,
    product_kernels,
    quantised_kernels,
    routed_kernels,
    vocabulary_kernels,
)
from dgemma.ops.native.compiler import compile_kernel
from dgemma.ops.native.machine import file_of, save

_MODULES = (
    *(layer_kernels, routed_kernels, head_kernels, path_kernels),
    *(vocabulary_kernels, product_kernels, panel_kernels, quantised_kernels),
)
_KERNELS = {function.__name__: function for module in _MODULES for function in module.KERNELS}


def _main(names: list[str]) -> int:
    status = 0
    for name in names or _KERNELS:
        if not file_of(name).exists():
            try:
                save(name, compile_kernel(_KERNELS[name]))
            except Exception:
                traceback.print_exc()
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
