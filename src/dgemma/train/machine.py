"""Device, precision and compiler of the machine that trains. Knows nothing of recipes."""

import time

import torch

from dgemma.errors import DataError

_ROUNDS = 5


def require_compiler(device: torch.device) -> None:
    """Raises DataError if torch.compile for the CPU would find no C++ compiler."""
    if device.type != "cpu":
        return
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except RuntimeError as error:
        raise DataError(
            "The recipe asks for compile = true, and there is no C++ compiler (g++ or clang++); "
            "install one or set compile = false."
        ) from error


def find_device(name: str) -> torch.device:
    """The device of that name. Raises DataError if it is "cuda" and there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise DataError('The recipe asks for device = "cuda" and there is none; use a recipe with device = "cpu".')
    return torch.device(name)


def use_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16; `auto` means always on CUDA, on a CPU if it measures clearly faster."""
    if precision != "auto" or device.type == "cuda":
        return precision != "float32"
    dtypes = (torch.float32, torch.bfloat16)
    # Alternating, and the best of each: another process may slow down a round.
    rounds = [[_seconds(dtype) for dtype in dtypes] for _ in range(_ROUNDS)]
    float32, bfloat16 = (min(each) for each in zip(*rounds, strict=True))
    return bfloat16 < 0.7 * float32


def _seconds(dtype: torch.dtype) -> float:
    """Time of ten matrix products of a typical size."""
    a = torch.randn(1024, 512, dtype=dtype)
    b = torch.randn(512, 512, dtype=dtype)
    torch.mm(a, b)
    start = time.perf_counter()
    for _ in range(10):
        torch.mm(a, b)
    return time.perf_counter() - start
