"""Resolves where a model runs on this machine: device, dtype and the memory budget of KV caches."""

from dataclasses import replace

import torch

from dgemma import memory
from dgemma.config import EngineConfig
from dgemma.errors import UsageError

MEGABYTE = 1 << 20


def resolve(config: EngineConfig, weight_bytes: int = 0) -> EngineConfig:
    """Replaces every "auto": the first CUDA device if there is one, else the CPU; float32 on CPU, bfloat16 on CUDA. The
    budget of KV caches is a quarter of the device's memory, or half of what `weight_bytes` leaves if that is less, and
    at least a sixteenth."""
    device = ("cuda" if torch.cuda.is_available() else "cpu") if config.device == "auto" else config.device
    device_type = _usable_type(device)
    dtype = ("bfloat16" if device_type == "cuda" else "float32") if config.dtype == "auto" else config.dtype
    budget = config.kv_budget_mb
    if budget is None:
        total = torch.cuda.mem_get_info(device)[1] if device_type == "cuda" else memory.total_bytes()
        budget = max(total / 16, min(total / 4, (total - weight_bytes) / 2)) / MEGABYTE
    return replace(config, device=device, dtype=dtype, kv_budget_mb=budget)


def resolve_placement(config: EngineConfig) -> EngineConfig:
    """`config` with device and dtype resolved. The KV budget is left to the engine, which knows the weights."""
    resolved = resolve(config)
    return replace(config, device=resolved.device, dtype=resolved.dtype)


def _usable_type(device: str) -> str:
    """The type of a device ("cpu", "cuda", ..). Raises UsageError for a device that does not exist or does not work."""
    try:
        device_type = torch.device(device).type
    except (RuntimeError, TypeError):
        raise UsageError(f"There is no device {device!r}; use 'cpu', 'cuda' or 'auto'.") from None
    if device_type == "cuda" and not torch.cuda.is_available():
        raise UsageError("No CUDA device is available; use device='cpu'.")
    try:
        if device_type != "cpu":
            torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UsageError(f"The device {device!r} does not exist or cannot be used; use device='cpu'.") from None
    return device_type
