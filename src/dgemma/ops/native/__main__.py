"""Compiles kernels for this processor: those named, or all (`python -m dgemma.ops.native layers head`).

One that cannot be compiled is told, with status 1, when the others are done.
"""

import os
import sys
import traceback

# Calls into Intel's short vector library would need it again where a kernel is loaded.
os.environ["NUMBA_DISABLE_INTEL_SVML"] = "1"

from dgemma.ops.native import (
    head_kernels,
    kernels,
    layer_kernels,
    panel_kernels,
    path_kernels,
    quantised_kernels,
    routed_kernels,
)
from dgemma.ops.native.compiler import compiled
from dgemma.ops.native.machine import file_of, keep

_MODULES = (layer_kernels, routed_kernels, head_kernels, path_kernels, kernels, panel_kernels, quantised_kernels)
_KERNELS = {function.__name__: function for module in _MODULES for function in module.KERNELS}


def _main(names: list[str]) -> int:
    status = 0
    for name in names or _KERNELS:
        if not file_of(name).exists():
            try:
                keep(name, compiled(_KERNELS[name]))
            except Exception:
                traceback.print_exc()
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
