"""What this machine gives a training run: the device, a precision, a compiler. Knows nothing of recipes."""

import time

import torch

from dgemma.errors import DataError


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
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.randn(1024, 512, dtype=dtype)
        b = torch.randn(512, 512, dtype=dtype)
        torch.mm(a, b)
        start = time.perf_counter()
        for _ in range(10):
            torch.mm(a, b)
        seconds.append(time.perf_counter() - start)
    return seconds[1] < 0.7 * seconds[0]
