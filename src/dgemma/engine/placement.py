"""Where a model runs: device, type and the memory that caches may take, settled for this machine."""

from dataclasses import replace

import torch

from dgemma import memory
from dgemma.config import EngineConfig
from dgemma.errors import UsageError

MEGABYTE = 1 << 20


def resolve(config: EngineConfig, weight_bytes: int = 0) -> EngineConfig:
    """Settles every `auto`: the first CUDA device if there is one; float32 on CPU, bfloat16 on CUDA; for caches a
    quarter of the device's memory, or half of what these weights leave of it, and at least a sixteenth."""
    device = ("cuda" if torch.cuda.is_available() else "cpu") if config.device == "auto" else config.device
    kind = _usable_kind(device)
    dtype = ("bfloat16" if kind == "cuda" else "float32") if config.dtype == "auto" else config.dtype
    budget = config.kv_budget_mb
    if budget is None:
        whole = torch.cuda.mem_get_info(device)[1] if kind == "cuda" else memory.total_bytes()
        budget = max(whole / 16, min(whole / 4, (whole - weight_bytes) / 2)) / MEGABYTE
    return replace(config, device=device, dtype=dtype, kv_budget_mb=budget)


def placed(config: EngineConfig) -> EngineConfig:
    """`config` with device and dtype settled; the caches' memory is left to the engine, which knows the weights."""
    settled = resolve(config)
    return replace(config, device=settled.device, dtype=settled.dtype)


def _usable_kind(device: str) -> str:
    """The kind of a device that is there. Raises UsageError for any other."""
    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError):
        raise UsageError(f"There is no device {device!r}; use 'cpu', 'cuda' or 'auto'.") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("No CUDA device is available; use device='cpu'.")
    try:
        if kind != "cpu":
            torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UsageError(f"The device {device!r} is not there or cannot be used; use device='cpu'.") from None
    return kind
