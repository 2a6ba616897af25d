"""Opening a model: a folder in the released layout, or a GGUF file.

`open_model` streams the weights into a network that was built without memory, so the peak is the network plus one
tensor. Strict: every missing and every unexpected name is told. The image tower's weights stay as the files hold them.
"""

import logging
import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from dgemma import memory
from dgemma.checkpoint.find import find_local
from dgemma.checkpoint.folder import Folder
from dgemma.checkpoint.matching import Expected, Told, matched
from dgemma.checkpoint.parts import is_gguf
from dgemma.checkpoint.quantised import SCALE, is_scale, is_weight, place, place_quantised
from dgemma.checkpoint.safetensors import FLOATS
from dgemma.checkpoint.source import Blocks, Description, Source, Stored
from dgemma.config import ModelConfig
from dgemma.devices import usable_device
from dgemma.errors import CheckpointError, ModelNotFoundError, UsageError
from dgemma.model import DiffusionGemma
from dgemma.ops.experts import multiplies_halves
from dgemma.quant import DTYPES, Kind, check_kind, is_quantised, shapes
from dgemma.vision import VisionTower

Progress = Callable[[int, int], None]
"""Called with the bytes of weights that are read and with those of all."""


@dataclass(frozen=True, kw_only=True)
class LoadedModel(Description):
    """The parts of a model; `quant` is the kind of quantised weights, `tower` what makes soft tokens of images."""

    network: DiffusionGemma
    quant: Kind | None = None
    tower: VisionTower | None = None


def open_model(
    path: str | Path,
    dtype: torch.dtype | str | None = None,
    device: torch.device | str = "cpu",
    quant: str | None = None,
    *,
    progress: Progress | None = None,
    keep_halves: bool = False,
) -> LoadedModel:
    """Opens a model folder or a GGUF file (of one that is split, any part).

    dtype: the weights' type in memory (a torch type or its name); None keeps the files', or where these differ from
    tensor to tensor that of the embedding. Blocks of a GGUF file are expanded to it, to float32 where it is in blocks.
    device: where the weights go; "meta" reads none and needs no weight files: sizes alone.
    quant: `int8`, `int4` or `fp8` quantises the matrices while they are read; a folder that holds them so needs none.
    None leaves them as they are; blocks whose expanded numbers would take more than half of the memory become int8, or
    int4 where that does not fit either.
    progress: called with the bytes of weights that are read and with those of all.
    keep_halves: on a CPU whose kernels multiply so, the large matrices of a float32 network stay in bfloat16 where the
    files hold them so: the results are the same in half of the memory, but such a network cannot be trained.
    Raises ModelNotFoundError for a path that is neither, CheckpointError for anything incomplete, damaged, of
    another architecture or too large for the machine's memory, ConfigError for numbers that cannot work, UsageError
    for a device that is not there.
    """
    where = usable_device(device)
    source = source_of(path)
    kind = source.stored if quant is None else check_kind(quant)
    if source.stored not in (None, kind):
        told = "load it as it is, or take the model that it was made from"
        raise CheckpointError(f"{source.path} holds {source.stored} weights, which cannot be made {kind}; {told}.")
    description = source.describe()
    reading = _Reading(dtype=torch_dtype(dtype), device=where, quant=kind, keep_halves=keep_halves)
    network, kind = _load_network(source, description.config, reading, progress)
    on_meta = reading.device.type == "meta"
    tower = None if on_meta else source.tower(description.config, reading.device)
    return LoadedModel(**vars(description), network=network, quant=kind, tower=tower)


def source_of(path: str | Path) -> Source:
    """The files of a model. Raises ModelNotFoundError for a path that is neither a folder nor a GGUF file, and
    CheckpointError for one whose configuration cannot be read."""
    if not isinstance(path, str | Path):
        raise ModelNotFoundError(f"A model is told by its folder or its GGUF file, not by {path!r}.")
    path = find_local(Path(os.path.expanduser(path)))
    if is_gguf(path) and path.is_file():
        # The package of its block formats is not needed before.
        from dgemma.checkpoint.gguf_model import GgufModel

        return GgufModel(path)
    if not path.is_dir():
        told = f"{'file' if is_gguf(path) else 'model folder'} {path}"
        raise ModelNotFoundError(f"There is no {told}. Give a folder with config.json and weights, or a GGUF file.")
    return Folder(path)


def torch_dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """A type of weights by its name; None for `auto` and None. Raises CheckpointError for any other."""
    if dtype is None or dtype == "auto":
        return None
    kind = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if kind not in FLOATS:
        raise CheckpointError(f"Weights cannot be held as {dtype}; choose float32, bfloat16 or float16.")
    return kind


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What weights become; `quant` is the kind of the network's quantised ones."""

    dtype: torch.dtype | None
    device: torch.device
    quant: Kind | None
    keep_halves: bool = False

    def stays(self, name: str, dtype: torch.dtype | None) -> bool:
        """Whether a tensor that the files hold in that type stays in it."""
        halves = self.keep_halves and dtype == torch.bfloat16 and is_weight(name)
        return self.dtype is None or dtype == self.dtype or halves


def _load_network(
    source: Source, config: ModelConfig, reading: _Reading, progress: Progress | None
) -> tuple[DiffusionGemma, Kind | None]:
    with torch.device("meta"):
        network = DiffusionGemma(config)
    if reading.device.type == "meta":
        return network.eval().requires_grad_(False), reading.quant
    on_cpu = reading.device.type == "cpu"
    if reading.keep_halves and not (on_cpu and reading.dtype == torch.float32 and _multiplies_halves(network)):
        reading = replace(reading, keep_halves=False)
    if source.in_blocks and reading.quant is None:
        reading = replace(reading, quant=_kind_of_blocks(network, source, reading))
    if on_cpu:
        _require_memory(network, source, reading)
    for name, tensor in read_weights(source, network, progress):
        if source.stored is None and reading.quant is not None and is_weight(name):
            place_quantised(network, name, tensor, reading.quant, reading.device)
        else:
            tensor = tensor if isinstance(tensor, Tensor) else tensor.read().to(_final_dtype(source, reading))
            kept = is_scale(name) or is_quantised(tensor) or reading.stays(name, tensor.dtype)
            place(network, name, tensor.to(device=reading.device, dtype=None if kept else reading.dtype))
    for name, parameter in list(network.named_parameters()):
        # Files may hold single tensors in another type, which no product would take.
        kept = is_scale(name) or is_quantised(parameter) or (reading.keep_halves and is_weight(name))
        if not kept and parameter.dtype != network.dtype:
            place(network, name, parameter.detach().to(network.dtype))
    return network.eval().requires_grad_(False), reading.quant


def _multiplies_halves(network: DiffusionGemma) -> bool:
    return multiplies_halves(network.get_parameter("layers.0.experts.gate_up_proj"))


def read_weights(
    source: Source, network: DiffusionGemma, progress: Progress | None = None
) -> Iterator[tuple[str, Tensor | Blocks]]:
    """(name, tensor) of every weight of a network without memory, and of the scales of quantised ones, as the files
    hold them. Raises CheckpointError, at the latest behind the last one, for files that do not fit the network."""
    expected, done, whole = _expected(network, source.stored), 0, source.num_bytes()

    def watched() -> Iterator[Stored]:
        nonlocal done
        for stored in source.tensors():
            yield stored
            done += stored.num_bytes
            if progress is not None:
                progress(done, whole)

    yield from matched(watched(), expected, Told(source.path, "weights", source.sizes, source.spelled))
    if progress is not None:
        progress(whole, whole)  # with the files' headers


def _needed(network: DiffusionGemma, source: Source, reading: _Reading, quant: Kind | None) -> int:
    """The memory that a network without any would take with weights of that kind. What stays as the files hold it
    counts for nothing: it is read page by page, when it is needed. What stays in bfloat16 is copied once for its
    kernels. Raises UsageError for a kind that its sizes do not allow."""
    types, count = source.types(), 0
    final = _final_dtype(source, reading)
    for name, parameter in network.named_parameters():
        stored = types.get(name)
        if is_weight(name) and (quant or source.stored):
            if quant is not None and source.stored is None:
                values, scale = shapes(tuple(parameter.shape), quant)
                count += math.prod(values) + 4 * math.prod(scale)
        elif reading.device.type != "cpu" or stored != final:
            halves = stored is not None and reading.keep_halves and reading.stays(name, stored)
            count += parameter.numel() * (2 if halves else final.itemsize)
    return count


def _final_dtype(source: Source, reading: _Reading) -> torch.dtype:
    return reading.dtype or source.types().get("embed_tokens.weight") or torch.float32


def _kind_of_blocks(network: DiffusionGemma, source: Source, reading: _Reading) -> Kind | None:
    """What weights in blocks become where nothing is asked for: exact while that leaves the machine to others too."""
    if reading.device.type == "cuda":
        total = torch.cuda.get_device_properties(reading.device).total_memory
    else:
        total = memory.total_bytes()
    expanded = _needed(network, source, reading, None)
    if expanded <= total / 2:
        return None
    for kind in ("int8", "int4"):
        with suppress(UsageError):
            if (count := _needed(network, source, reading, kind)) <= total:
                logging.getLogger(__name__).warning(
                    "%s: its blocks become %s weights of %.1f GB; expanded they would take %.1f (quant chooses).",
                    source.path.name, kind, count / 1e9, expanded / 1e9,
                )  # fmt: skip
                return kind
    return None


def _require_memory(network: DiffusionGemma, source: Source, reading: _Reading) -> None:
    """Raises CheckpointError where a network without memory would take more of it than the machine has."""
    total, stored = memory.total_bytes(), source.stored
    if (asked := _needed(network, source, reading, reading.quant)) <= total:
        return
    kinds: tuple[Kind, ...] = ("int8", "int4") if stored is None else ()
    smaller: dict[Kind, int] = {}
    for kind in kinds:
        with suppress(UsageError):  # int4 is not for every size
            smaller[kind] = _needed(network, source, reading, kind)
    fitting = {kind: count for kind, count in smaller.items() if count <= total}
    advice = ", ".join(f"quant {kind} takes {count / 1e9:.1f}" for kind, count in fitting.items())
    if not advice and stored is not None:
        advice = "in the files' own type, which `dtype` can name, they are read from the disk as they are needed"
    elif not advice:
        least = min(smaller, key=smaller.__getitem__)
        advice = f"`dgemma quantize IN OUT --quant {least}` writes a copy that is read from the disk as it is needed"
    raise CheckpointError(
        f"The weights in {source.path} would take {asked / 1e9:.1f} GB of memory, and there are {total / 1e9:.1f}; "
        f"{advice}."
    )


def _expected(network: DiffusionGemma, stored: Kind | None) -> Expected:
    expected: Expected = {}
    for name, parameter in network.named_parameters():
        shape = tuple(parameter.shape)
        if stored is not None and is_weight(name):
            values, scale = shapes(shape, stored)
            expected |= {name: (values, (DTYPES[stored],)), name + SCALE: (scale, (torch.float32,))}
        else:
            expected[name] = (shape, FLOATS)
    return expected
