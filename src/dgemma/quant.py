"""Quantisation formats of weights: floats to bytes and back. No files, no matrix products.

int8: one scale for each output row, symmetric values.

    values [.., O, I] int8                 scale [.., O] float32
    weight[o, i] = values[o, i] * scale[o]

fp8: the same, with 8-bit floats of four exponent and three mantissa bits as values (e4m3, arXiv 2209.05433).

    values [.., O, I] float8_e4m3fn        scale [.., O] float32

int4: one scale for each group of `GROUP` inputs of a row, values symmetric around 8, two per byte.

    values [.., O, I / 2] uint8            scale [.., O, I / GROUP] float32
    byte j of a row:   bits 0-3  input 2 j        bits 4-7  input 2 j + 1
    weight[o, i] = (nibble - 8) * scale[o, i // GROUP]
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from dgemma.errors import CheckpointError, UsageError

Kind = Literal["int8", "int4", "fp8"]
KINDS: tuple[Kind, ...] = ("int8", "int4", "fp8")

GROUP = 32

FP8 = torch.float8_e4m3fn
DTYPES: dict[Kind, torch.dtype] = {"int8": torch.int8, "int4": torch.uint8, "fp8": FP8}

_METHOD = "dgemma"
# Entries quantised at once. On a CPU the intermediate tensors then stay in the processor's cache, and their memory is
# reused instead of requested from the system each time: 26 billion entries take a quarter of the time of whole tensors.
_ENTRIES_AT_ONCE = {"cpu": 1 << 17}
_ENTRIES_AT_ONCE_ELSEWHERE = 1 << 24


def check_kind(kind: str) -> Kind:
    """`kind` as a Kind. Raises UsageError for an unknown one."""
    for known in KINDS:
        if kind == known:
            return known
    raise UsageError(f"quant {kind!r} is not one of {', '.join(KINDS)}.")


def kind_from_hf(document: Mapping[str, Any]) -> Kind | None:
    """The kind of the weights according to a parsed `config.json`; None for float weights.

    Raises CheckpointError for weights quantised by another tool.
    """
    entry = document.get("quantization_config")
    if entry is None:
        return None
    method, kind = (entry.get("quant_method"), entry.get("kind")) if isinstance(entry, Mapping) else (entry, None)
    if method != _METHOD or kind not in KINDS:
        raise CheckpointError(
            f"The weights are quantised by {method!r} ({kind}), which dgemma does not read; "
            "take the float checkpoint and run `dgemma quantize`."
        )
    return check_kind(kind)


def kind_to_hf(kind: Kind) -> dict[str, Any]:
    """The `quantization_config` entry of a `config.json`."""
    return {"quant_method": _METHOD, "kind": kind}


def is_quantised(weight: Tensor) -> bool:
    """Whether the tensor holds the values of a quantised weight, judged by its dtype."""
    return weight.dtype in DTYPES.values()


class Rows(Protocol):
    """A float weight [.., O, I] whose rows are computed on demand, such as those of a file in another format."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weight."""
        ...

    def rows(self, slab: slice) -> Tensor:
        """The rows of `slab`, float32 [N, I]. Several threads may call it at once."""
        ...


def quantise(
    weight: Tensor | Rows, kind: Kind, device: torch.device | None = None, name: str = "A weight"
) -> tuple[Tensor, Tensor]:
    """Quantises a float weight [.., O, I] -> (values, scale) as drawn above, on `device` (None: that of the weight).

    Raises UsageError if the inputs do not divide into groups, and CheckpointError, whose message begins with `name`,
    for numbers that are not finite. Takes the memory of its results and a few megabytes more, whatever the weight's
    size.
    """
    values_shape, scale_shape = shapes(tuple(weight.shape), kind)
    inputs = weight.shape[-1]
    if isinstance(weight, Tensor):
        device, flat = device or weight.device, weight.reshape(-1, inputs)
    else:
        device, flat = device or torch.device("cpu"), None
    values = torch.empty(values_shape, dtype=DTYPES[kind], device=device)
    scale = torch.empty(scale_shape, dtype=torch.float32, device=device)
    flat_values = values.view(-1, values_shape[-1])
    flat_scale = scale.view(-1, scale_shape[-1]) if kind == "int4" else scale.view(-1)
    rows_at_once = max(1, _ENTRIES_AT_ONCE.get(device.type, _ENTRIES_AT_ONCE_ELSEWHERE) // max(1, inputs))

    def fill(start: int) -> None:
        slab = slice(start, start + rows_at_once)
        rows = weight.rows(slab) if flat is None else flat[slab].float()  # pyright: ignore[reportAttributeAccessIssue]
        flat_values[slab], flat_scale[slab] = _quantise_rows(rows.to(device), kind)

    starts = range(0, len(flat_values), rows_at_once)
    if flat is not None:
        for start in starts:
            fill(start)
    else:
        # torch divides its own work among threads; computing the rows is not divided, so slabs run in parallel.
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            for _ in threads.map(fill, starts):
                pass
    if scale.device.type != "meta" and not bool(scale.isfinite().all()):
        raise CheckpointError(f"{name} has numbers that are not finite and cannot be quantised; fetch the model again.")
    return values, scale


def _quantise_rows(rows: Tensor, kind: Kind) -> tuple[Tensor, Tensor]:
    tiny = torch.finfo(torch.float32).tiny
    if kind == "int4":
        groups = rows.unflatten(-1, (-1, GROUP))
        # The range is -8 .. 7, so the entry of largest magnitude is mapped to -8.
        low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
        scale = torch.where(high > -low, high, low) / -8
        scale = torch.where(scale == 0, tiny, scale)
        nibbles = (groups / scale).round_().add_(8).clamp_(0, 15).to(torch.uint8).flatten(-2)
        return nibbles[:, 0::2] | (nibbles[:, 1::2] << 4), scale.squeeze(-1)
    largest = 127 if kind == "int8" else torch.finfo(FP8).max
    scale = (rows.abs().amax(-1) / largest).clamp_(min=tiny)
    quotients = rows / scale[:, None]
    if kind == "int8":
        quotients.round_()
    # Rounding may carry a quotient beyond the largest value, and fp8 (e4m3fn) has no infinity.
    return quotients.clamp_(-largest, largest).to(DTYPES[kind]), scale


def dequantise(values: Tensor, scale: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """(values, scale) -> the weight [.., O, I]. The dtype of `values` determines the kind."""
    if values.dtype in (torch.int8, FP8):
        return values.to(dtype) * scale[..., None].to(dtype)
    nibbles = torch.stack((values & 15, values >> 4), dim=-1).flatten(-2)
    groups = (nibbles.to(torch.int8) - 8).to(dtype).unflatten(-1, (-1, GROUP))
    return (groups * scale[..., None].to(dtype)).flatten(-2)


def shapes(weight: tuple[int, ...], kind: Kind) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of (values, scale) for a weight of shape `weight`. Raises UsageError as `quantise` does."""
    if kind != "int4":
        return weight, weight[:-1]
    check_groups(weight)
    return (*weight[:-1], weight[-1] // 2), (*weight[:-1], weight[-1] // GROUP)


def check_groups(weight: tuple[int, ...]) -> None:
    """Raises UsageError if the inputs of a weight of shape `weight` do not divide into groups."""
    if weight[-1] % GROUP:
        raise UsageError(
            f"int4 takes weights in groups of {GROUP} inputs, and {weight[-1]} is not a multiple of it; use int8."
        )
