"""Block formats of quantised weights: how numbers become bytes and back. No files, no products.

int8: one scale for each output row, the values symmetric.

    values [.., O, I] int8                 scale [.., O] float32
    weight[o, i] = values[o, i] * scale[o]

fp8: the same with values of 8-bit floats, four bits of exponent and three of mantissa (e4m3, arXiv 2209.05433).

    values [.., O, I] float8_e4m3fn        scale [.., O] float32

int4: one scale for each group of `GROUP` inputs of a row, the values symmetric around 8, two to a byte.

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
# Entries that are quantised at once: what is made of them stays in the cache and is not asked of the system anew for
# each. The weights of 26 billion entries take a quarter of the time that they take a tensor at a time.
_AT_ONCE = {"cpu": 1 << 17}
_AT_ONCE_ELSEWHERE = 1 << 24


def check_kind(kind: str) -> Kind:
    """`kind`, known to be one. Raises UsageError for any other."""
    for known in KINDS:
        if kind == known:
            return known
    raise UsageError(f"quant {kind!r} is not one of {', '.join(KINDS)}.")


def kind_from_hf(document: Mapping[str, Any]) -> Kind | None:
    """The kind that a parsed `config.json` says its weights have; None for float weights.

    Raises CheckpointError for weights quantised by another tool.
    """
    entry = document.get("quantization_config")
    if entry is None:
        return None
    method, kind = (entry.get("quant_method"), entry.get("kind")) if isinstance(entry, Mapping) else (entry, None)
    if method != _METHOD or kind not in KINDS:
        raise CheckpointError(
            f"The weights are quantised by {method!r} ({kind}), which is not read; "
            "take the float checkpoint and run `dgemma quantize`."
        )
    return check_kind(kind)


def kind_to_hf(kind: Kind) -> dict[str, Any]:
    """The `quantization_config` entry of a `config.json`."""
    return {"quant_method": _METHOD, "kind": kind}


def is_quantised(weight: Tensor) -> bool:
    """Whether these are the values of a quantised weight, by their type."""
    return weight.dtype in DTYPES.values()


class Rows(Protocol):
    """A float weight [.., O, I] whose rows are made when they are asked for, as those of a file in another format."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the weight."""
        ...

    def rows(self, slab: slice) -> Tensor:
        """So many of its rows, float32 [N, I]; several threads may ask at once."""
        ...


def quantise(
    weight: Tensor | Rows, kind: Kind, device: torch.device | None = None, name: str = "A weight"
) -> tuple[Tensor, Tensor]:
    """A float weight [.., O, I] -> (values, scale) as drawn above, on `device` (None: where the weight is). Raises
    UsageError for inputs that make no groups, CheckpointError for numbers that are not finite, in a
    sentence that begins with its `name`.

    Takes the memory of its results and a few megabytes more, whatever the weight's size.
    """
    of_values, of_scale = shapes(tuple(weight.shape), kind)
    inputs = weight.shape[-1]
    if isinstance(weight, Tensor):
        device, flat = device or weight.device, weight.reshape(-1, inputs)
    else:
        device, flat = device or torch.device("cpu"), None
    values = torch.empty(of_values, dtype=DTYPES[kind], device=device)
    scale = torch.empty(of_scale, dtype=torch.float32, device=device)
    to_values = values.view(-1, of_values[-1])
    to_scale = scale.view(-1, of_scale[-1]) if kind == "int4" else scale.view(-1)
    at_once = max(1, _AT_ONCE.get(device.type, _AT_ONCE_ELSEWHERE) // max(1, inputs))

    def fill(start: int) -> None:
        slab = slice(start, start + at_once)
        rows = weight.rows(slab) if flat is None else flat[slab].float()  # pyright: ignore[reportAttributeAccessIssue]
        to_values[slab], to_scale[slab] = _quantise_rows(rows.to(device), kind)

    starts = range(0, len(to_values), at_once)
    if flat is not None:
        for start in starts:
            fill(start)
    else:
        # torch divides its own work among threads; what makes the rows does not.
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
        # -8 .. 7: the extreme value of a group takes the end that reaches farther.
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
    # Rounding may carry a quotient beyond the largest value, which fp8 has no infinity for.
    return quotients.clamp_(-largest, largest).to(DTYPES[kind]), scale


def dequantise(values: Tensor, scale: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """(values, scale) -> the weight they stand for, [.., O, I]; the kind is told by the type of `values`."""
    if values.dtype in (torch.int8, FP8):
        return values.to(dtype) * scale[..., None].to(dtype)
    nibbles = torch.stack((values & 15, values >> 4), dim=-1).flatten(-2)
    groups = (nibbles.to(torch.int8) - 8).to(dtype).unflatten(-1, (-1, GROUP))
    return (groups * scale[..., None].to(dtype)).flatten(-2)


def shapes(weight: tuple[int, ...], kind: Kind) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of (values, scale) for a weight of that shape. Raises UsageError as `quantise` does."""
    if kind != "int4":
        return weight, weight[:-1]
    check_groups(weight)
    return (*weight[:-1], weight[-1] // 2), (*weight[:-1], weight[-1] // GROUP)


def check_groups(weight: tuple[int, ...]) -> None:
    """Raises UsageError when the inputs of a weight of that shape do not divide into groups."""
    if weight[-1] % GROUP:
        raise UsageError(f"int4 takes weights in groups of {GROUP} inputs, and {weight[-1]} is no multiple; use int8.")
