"""What this machine gives a training run: the device, a precision, a compiler. Knows nothing of recipes."""

import time

import torch

from dgemma.errors import DataError

_ROUNDS = 5


def require_compiler(device: torch.device) -> None:
    """Raises DataError where torch would compile for the CPU and finds no compiler to do it with."""
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
    """The device of that name. Raises DataError for a GPU that is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise DataError('The recipe asks for device = "cuda" and there is none; use a recipe with device = "cpu".')
    return torch.device(name)


def use_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16: with `auto` always on CUDA, on a CPU where a trial is clearly faster."""
    if precision != "auto" or device.type == "cuda":
        return precision != "float32"
    dtypes = (torch.float32, torch.bfloat16)
    # In turns, and the best of each: another process may take the machine for a round.
    rounds = [[_seconds(dtype) for dtype in dtypes] for _ in range(_ROUNDS)]
    float32, bfloat16 = (min(each) for each in zip(*rounds, strict=True))
    return bfloat16 < 0.7 * float32


def _seconds(dtype: torch.dtype) -> float:
    """What ten products of a common size take."""
    a = torch.randn(1024, 512, dtype=dtype)
    b = torch.randn(512, 512, dtype=dtype)
    torch.mm(a, b)
    start = time.perf_counter()
    for _ in range(10):
        torch.mm(a, b)
    return time.perf_counter() - start
