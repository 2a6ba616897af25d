"""Resolves where a model runs on this machine: device, dtype and the memory budget of KV caches."""

from dataclasses import replace

import torch

from dgemma import memory
from dgemma.config import EngineConfig
from dgemma.devices import usable_device

MEGABYTE = 1 << 20


def resolve(config: EngineConfig, weight_bytes: int = 0) -> EngineConfig:
    """Replaces every "auto": the first CUDA device if there is one, else the CPU; float32 on CPU, bfloat16 on CUDA. The
    budget of KV caches is a quarter of the device's memory, or half of what `weight_bytes` leaves if that is less, and
    at least a sixteenth. Raises UsageError for a device that does not exist or does not work."""
    device = ("cuda" if torch.cuda.is_available() else "cpu") if config.device == "auto" else config.device
    device_type = usable_device(device, computes=True).type
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
