"""Opening a model: a folder in the released layout, or a GGUF file.

`open_model` streams the weights into a network built on the meta device, so peak memory is the network plus one
tensor. Strict: errors name every missing and unexpected tensor. The image tower's weights keep the files' dtype.
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
from dgemma.checkpoint.gguf_names import is_gguf
from dgemma.checkpoint.matching import Expected, Labels, match_tensors
from dgemma.checkpoint.quantised import SCALE, is_scale, is_weight, place, place_quantised
from dgemma.checkpoint.safetensors import FLOATS
from dgemma.checkpoint.source import BlockTensor, Description, Source, StoredTensor
from dgemma.config import ModelConfig
from dgemma.devices import usable_device
from dgemma.errors import CheckpointError, ModelNotFoundError, UsageError
from dgemma.model import DiffusionGemma
from dgemma.ops.experts import multiplies_bfloat16
from dgemma.quant import DTYPES, Kind, check_kind, is_quantised, shapes
from dgemma.vision import VisionTower

Progress = Callable[[int, int], None]
"""Called with (bytes of weights read so far, bytes in total)."""


@dataclass(frozen=True, kw_only=True)
class LoadedModel(Description):
    """An opened model. quant: the kind of its quantised weights, None if they are floats; tower: the image encoder."""

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
    keep_bfloat16: bool = False,
) -> LoadedModel:
    """Opens a model folder or a GGUF file (any part of a split one).

    dtype: dtype of the weights in memory (a torch dtype or its name); None keeps that of the files, or if it differs
    between tensors, that of the embedding. GGUF blocks are dequantised to it, to float32 if the embedding is in blocks.
    device: where the weights go; "meta" reads no weights and needs no weight files.
    quant: `int8`, `int4` or `fp8` quantises the matrices while they are read; a folder with quantised weights needs
    none. None leaves the weights as they are, except for GGUF blocks whose dequantised weights would take more than
    half of the memory: those become int8, or int4 if int8 does not fit either.
    progress: called with (bytes of weights read so far, bytes in total).
    keep_bfloat16: on a CPU whose kernels multiply bfloat16 weights, the large matrices of a float32 network stay in
    bfloat16 if the files hold them so. Same results in half of the memory, but such a network cannot be trained.
    Raises ModelNotFoundError for a path that is neither folder nor GGUF file, CheckpointError for a model that is
    incomplete, damaged, of another architecture or too large for the machine's memory, ConfigError for invalid
    configuration values, UsageError for a device that does not exist and a `progress` that cannot be called.
    """
    require_callable(progress)
    target = usable_device(device)
    source = source_of(path)
    kind = source.quant if quant is None else check_kind(quant)
    if source.quant not in (None, kind):
        raise CheckpointError(
            f"{source.path} holds {source.quant} weights, which cannot be made {kind}; load it as it is, or take the "
            "model that it was made from."
        )
    description = source.describe()
    options = _LoadOptions(dtype=torch_dtype(dtype), device=target, quant=kind, keep_bfloat16=keep_bfloat16)
    network, kind = _load_network(source, description.config, options, progress)
    on_meta = options.device.type == "meta"
    tower = None if on_meta else source.tower(description.config, options.device)
    return LoadedModel(**vars(description), network=network, quant=kind, tower=tower)


def source_of(path: str | Path) -> Source:
    """Opens the files of a model. Raises ModelNotFoundError for a path that is neither a folder nor a GGUF file,
    CheckpointError for an unreadable configuration."""
    if not isinstance(path, str | Path):
        raise ModelNotFoundError(f"A model is given by the path of its folder or its GGUF file, not by {path!r}.")
    path = find_local(Path(os.path.expanduser(path)))
    if is_gguf(path) and path.is_file():
        # Imported only for GGUF files.
        from dgemma.checkpoint.gguf_model import GgufModel

        return GgufModel(path)
    if not path.is_dir():
        missing = f"{'file' if is_gguf(path) else 'model folder'} {path}"
        raise ModelNotFoundError(f"There is no {missing}. Give a folder with config.json and weights, or a GGUF file.")
    return Folder(path)


def require_callable(progress: Progress | None) -> None:
    """Raises UsageError for a `progress` that cannot be called."""
    if progress is not None and not callable(progress):
        raise UsageError(f"progress must be a function of two numbers of bytes, not {progress!r}.")


def torch_dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """The torch dtype of a name or dtype; None for `auto` and None. Raises CheckpointError for an unsupported one."""
    if dtype is None or dtype == "auto":
        return None
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if found not in FLOATS:
        raise CheckpointError(f"Weights cannot be held as {dtype}; choose float32, bfloat16 or float16.")
    return found


@dataclass(frozen=True, kw_only=True)
class _LoadOptions:
    """How to load the weights. quant: the kind of quantised weights that the network gets."""

    dtype: torch.dtype | None
    device: torch.device
    quant: Kind | None
    keep_bfloat16: bool = False

    def keeps_dtype(self, name: str, dtype: torch.dtype | None) -> bool:
        """Whether the tensor `name`, stored as `dtype`, keeps that dtype in memory."""
        halves = self.keep_bfloat16 and dtype == torch.bfloat16 and is_weight(name)
        return self.dtype is None or dtype == self.dtype or halves


def _load_network(
    source: Source, config: ModelConfig, options: _LoadOptions, progress: Progress | None
) -> tuple[DiffusionGemma, Kind | None]:
    with torch.device("meta"):
        network = DiffusionGemma(config)
    if options.device.type == "meta":
        return network.eval().requires_grad_(False), options.quant
    on_cpu = options.device.type == "cpu"
    if options.keep_bfloat16 and not (on_cpu and options.dtype == torch.float32 and _multiplies_bfloat16(network)):
        options = replace(options, keep_bfloat16=False)
    if source.has_gguf_blocks and options.quant is None:
        options = replace(options, quant=_choose_quant(network, source, options))
    if on_cpu:
        _require_memory(network, source, options)
    for name, tensor in read_weights(source, network, progress):
        if source.quant is None and options.quant is not None and is_weight(name):
            place_quantised(network, name, tensor, options.quant, options.device)
        else:
            tensor = tensor if isinstance(tensor, Tensor) else tensor.read().to(_final_dtype(source, options))
            kept = is_scale(name) or is_quantised(tensor) or options.keeps_dtype(name, tensor.dtype)
            place(network, name, tensor.to(device=options.device, dtype=None if kept else options.dtype))
    for name, parameter in list(network.named_parameters()):
        # Single tensors in the files may have another dtype, which would not multiply with the rest.
        kept = is_scale(name) or is_quantised(parameter) or (options.keep_bfloat16 and is_weight(name))
        if not kept and parameter.dtype != network.dtype:
            place(network, name, parameter.detach().to(network.dtype))
    return network.eval().requires_grad_(False), options.quant


def _multiplies_bfloat16(network: DiffusionGemma) -> bool:
    return multiplies_bfloat16(network.get_parameter("layers.0.experts.gate_up_proj"))


def read_weights(
    source: Source, network: DiffusionGemma, progress: Progress | None = None
) -> Iterator[tuple[str, Tensor | BlockTensor]]:
    """Yields (name, tensor) for every weight of the network and the scales of quantised weights, as the files hold
    them. Raises CheckpointError for files that do not fit the network, after the last tensor at the latest."""
    expected, done, total = _expected(network, source.quant), 0, source.num_bytes()

    def counted() -> Iterator[StoredTensor]:
        nonlocal done
        for stored in source.tensors():
            yield stored
            done += stored.num_bytes
            if progress is not None:
                progress(done, total)

    labels = Labels(source.path, "weights", source.shapes_from, source.to_file)
    yield from match_tensors(counted(), expected, labels)
    if progress is not None:
        progress(total, total)  # the tensors alone do not add up to it: the total includes headers


def _required_bytes(network: DiffusionGemma, source: Source, options: _LoadOptions, quant: Kind | None) -> int:
    """The memory that loading the weights as `quant` takes. Tensors that stay as the files hold them count 0, because
    they are memory-mapped; those kept in bfloat16 count in full, because their kernels copy them once. Raises
    UsageError if a weight's shape does not allow `quant`."""
    types, count = source.types(), 0
    final = _final_dtype(source, options)
    for name, parameter in network.named_parameters():
        stored = types.get(name)
        if is_weight(name) and (quant or source.quant):
            if quant is not None and source.quant is None:
                values, scale = shapes(tuple(parameter.shape), quant)
                count += math.prod(values) + 4 * math.prod(scale)
        elif options.device.type != "cpu" or stored != final:
            halves = stored is not None and options.keep_bfloat16 and options.keeps_dtype(name, stored)
            count += parameter.numel() * (2 if halves else final.itemsize)
    return count


def _final_dtype(source: Source, options: _LoadOptions) -> torch.dtype:
    return options.dtype or source.types().get("embed_tokens.weight") or torch.float32


def _choose_quant(network: DiffusionGemma, source: Source, options: _LoadOptions) -> Kind | None:
    """The kind for weights in GGUF blocks if none was asked for: None (dequantised, exact) if that takes at most half
    of the memory, so that other programs have room too."""
    if options.device.type == "cuda":
        total = torch.cuda.get_device_properties(options.device).total_memory
    else:
        total = memory.total_bytes()
    dequantised = _required_bytes(network, source, options, None)
    if dequantised <= total / 2:
        return None
    for kind in ("int8", "int4"):
        with suppress(UsageError):
            if (count := _required_bytes(network, source, options, kind)) <= total:
                logging.getLogger(__name__).warning(
                    "%s: GGUF blocks become %s weights of %.1f GB; dequantised they would take %.1f (quant chooses).",
                    source.path.name, kind, count / 1e9, dequantised / 1e9,
                )  # fmt: skip
                return kind
    return None


def _require_memory(network: DiffusionGemma, source: Source, options: _LoadOptions) -> None:
    """Raises CheckpointError if the weights would take more memory than the machine has."""
    total, stored = memory.total_bytes(), source.quant
    if (required := _required_bytes(network, source, options, options.quant)) <= total:
        return
    kinds: tuple[Kind, ...] = ("int8", "int4") if stored is None else ()
    smaller: dict[Kind, int] = {}
    for kind in kinds:
        with suppress(UsageError):  # int4 does not fit every shape
            smaller[kind] = _required_bytes(network, source, options, kind)
    fitting = {kind: count for kind, count in smaller.items() if count <= total}
    advice = ", ".join(f"quant {kind} takes {count / 1e9:.1f}" for kind, count in fitting.items())
    if not advice and stored is not None:
        advice = "in the files' own type, which `dtype` can name, they are read from the disk as they are needed"
    elif not advice:
        smallest = min(smaller, key=smaller.__getitem__)
        advice = f"`dgemma quantize IN OUT --quant {smallest}` writes a copy that is read from the disk as it is needed"
    raise CheckpointError(
        f"The weights in {source.path} would take {required / 1e9:.1f} GB of memory, and the machine has "
        f"{total / 1e9:.1f}; {advice}."
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
