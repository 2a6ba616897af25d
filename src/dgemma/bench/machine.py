"""The machine's peak speeds, which a step's speed is compared with.

Arithmetic is measured by products of large square matrices, memory by the product of a large matrix and a vector. Knows
nothing of models.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from dgemma.ops.linear import PanelProduct, matrix
from dgemma.quant import quantise

# Large enough to keep a GPU busy, small enough for a CPU without bfloat16 arithmetic.
_SIZES = {"cuda": 8192, "cpu": 1024}
_SLOW_SIZE = 256
_VECTOR_SIZE = 8192
_ROUNDS, _SECONDS = 5, 0.2


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """Peak speeds: gigaoperations per second by weight type (a multiplication and an addition are two operations), and
    gigabytes per second read from memory. These are measured with torch's and our own products, not taken from a data
    sheet."""

    gflops: dict[str, float]
    gigabytes_per_second: float

    def arithmetic(self, kind: str) -> float:
        """The peak for weights of type `kind`; float32's for a type that was not measured."""
        return self.gflops.get(kind, self.gflops["float32"])


@torch.inference_mode()
def measure_ceilings(device: torch.device) -> Ceilings:
    """Measures each peak as the fastest of several rounds. Takes about two seconds on two cores, and briefly 800 MB."""
    size = _SIZES.get(device.type, _SIZES["cpu"])
    a = torch.randn(size, size, device=device)
    gflops = {
        "float32": max(_gflops(size, partial(product, a), device) for product in (partial(torch.mm, a), matrix(a)))
    }
    small = size if device.type == "cuda" else _SLOW_SIZE
    half = a.bfloat16()
    gflops["bfloat16"] = _gflops(small, partial(torch.mm, half[:small, :small], half[:small, :small]), device)
    if device.type == "cpu":
        own = matrix(half, rows=half.dtype)
        if isinstance(own, PanelProduct):
            gflops["bfloat16"] = max(gflops["bfloat16"], _gflops(size, partial(own, half), device))
        for kind in ("int8", "int4"):
            product = matrix(*quantise(a, kind))
            gflops[kind] = _gflops(size, partial(product, a), device)
    # bfloat16 cannot hold 0.1 exactly, so `matrix` keeps float32 and all bytes are read.
    wide = torch.full((_VECTOR_SIZE, _VECTOR_SIZE), 0.1, device=device)
    vector = torch.ones(1, _VECTOR_SIZE, device=device)
    own = matrix(wide)
    seconds = min(_fastest(action, device) for action in (lambda: torch.mv(wide, vector[0]), lambda: own(vector)))
    return Ceilings(gflops=gflops, gigabytes_per_second=wide.nbytes / seconds / 1e9)


def synchronise(device: torch.device) -> None:
    """Waits until a GPU has finished its work; does nothing on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _gflops(size: int, product: Callable[[], object], device: torch.device) -> float:
    return 2 * size**3 / 1e9 / _fastest(product, device)


def _fastest(action: Callable[[], object], device: torch.device) -> float:
    action()
    times = []
    while len(times) < _ROUNDS or sum(times) < _SECONDS:
        synchronise(device)
        start = time.perf_counter()
        action()
        synchronise(device)
        times.append(time.perf_counter() - start)
    return min(times)
