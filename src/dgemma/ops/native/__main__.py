"""Compiles kernels for this processor: those named, or all (`python -m dgemma.ops.native layers head`).

With --nice it leaves the processor to all others, and goes on when the terminal is closed.
"""

import os
import signal
import sys

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


if __name__ == "__main__":
    if "--nice" in sys.argv:
        os.nice(19)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for name in [one for one in sys.argv[1:] if one != "--nice"] or _KERNELS:
        if not file_of(name).exists():
            keep(name, compiled(_KERNELS[name]))
