"""Opening a model folder in the released layout.

`open_model` streams the weights into a network that was built without memory, so the peak is the network plus one
tensor. Strict: every missing and every unexpected name is told. The image tower's weights are known and left aside.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dgemma import memory
from dgemma.checkpoint import names
from dgemma.checkpoint.quantised import SCALE, is_scale, is_weight, place, place_quantised
from dgemma.checkpoint.safetensors import FLOATS, read_json, read_tensors, stored_types, weight_files
from dgemma.config import ModelConfig, SamplerConfig
from dgemma.errors import CheckpointError, ConfigError, ModelNotFoundError, UsageError
from dgemma.model import DiffusionGemma
from dgemma.ops.one_call import multiplies_halves
from dgemma.profile import DenoisingProfile
from dgemma.quant import DTYPES, Kind, check_kind, is_quantised, kind_from_hf, shapes
from dgemma.tokenizer import Tokenizer
from dgemma.values import table

Progress = Callable[[int, int], None]
"""Called with the bytes of weights that are read and with those of all."""

PROFILE = "denoising.json"
OWN = "dgemma"
"""The object in config.json that holds what no other library knows: `causal_check` and `single_turn`, each true, and
`text_request`, a text."""


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """The parts of a model. A folder without `tokenizer.json` gives `tokenizer` None and works on ids only; `quant` is
    the kind of quantised weights, `profile` what canvases of each length took, where that was measured. A `single_turn`
    model has learned to answer one request, not to go on with a conversation; one with a `text_request` knows no text
    outside of one, so what has a gap to fill or is gone over is shown to it as the answer to that request."""

    config: ModelConfig
    network: DiffusionGemma
    sampler: SamplerConfig
    tokenizer: Tokenizer | None = None
    chat_template: str | None = None
    quant: Kind | None = None
    profile: DenoisingProfile | None = None
    single_turn: bool = False
    text_request: str | None = None


def open_model(
    path: str | Path,
    dtype: torch.dtype | str | None = None,
    device: torch.device | str = "cpu",
    quant: str | None = None,
    *,
    progress: Progress | None = None,
    keep_halves: bool = False,
) -> LoadedModel:
    """Opens a model folder.

    dtype: the weights' type in memory (a torch type or its name); None keeps the files', or where these differ from
    tensor to tensor that of the embedding.
    device: where the weights go; "meta" reads none and needs no weight files: sizes alone.
    quant: `int8`, `int4` or `fp8` quantises the matrices while they are read; a folder that holds them so needs none.
    progress: called with the bytes of weights that are read and with those of all.
    keep_halves: on a CPU whose kernels multiply so, the large matrices of a float32 network stay in bfloat16 where the
    files hold them so: the results are the same in half of the memory, but such a network cannot be trained.
    Raises ModelNotFoundError for a path that is no folder, CheckpointError for anything incomplete, damaged, of
    another architecture or too large for the machine's memory, ConfigError for numbers that cannot work.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ModelNotFoundError(f"There is no model folder {folder}. Give a folder with config.json and weights.")
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise CheckpointError(f"{folder} has no config.json; it is not a model folder.")
    document = read_json(config_file)
    config, stored = ModelConfig.from_hf(document), kind_from_hf(document)
    kind = stored if quant is None else check_kind(quant)
    if stored not in (None, kind):
        told = "load it as it is, or take the model that it was made from"
        raise CheckpointError(f"{folder} holds {stored} weights, which cannot be made {kind}; {told}.")
    generation = folder / "generation_config.json"
    # Without the file no end tokens are the sampler's own: others take the configuration's, transformers' loop none.
    sampler = SamplerConfig.from_hf(read_json(generation)) if generation.is_file() else SamplerConfig()
    own = table(document, OWN)
    sampler = replace(sampler, causal_check=own.get("causal_check", False))
    reading = _Reading(dtype=torch_dtype(dtype), device=torch.device(device), stored=stored, quant=kind)
    network = _load_network(folder, config, replace(reading, keep_halves=keep_halves), progress)
    tokenizer_file, template_file = folder / "tokenizer.json", folder / "chat_template.jinja"
    profile_file = folder / PROFILE
    return LoadedModel(
        config=config,
        network=network,
        sampler=sampler,
        tokenizer=Tokenizer.from_file(tokenizer_file) if tokenizer_file.is_file() else None,
        chat_template=_read_text(template_file) if template_file.is_file() else None,
        quant=kind,
        profile=DenoisingProfile.from_document(read_json(profile_file)) if profile_file.is_file() else None,
        single_turn=own.get("single_turn") is True,
        text_request=_text_request(own),
    )


def _text_request(own: Mapping[str, Any]) -> str | None:
    request = own.get("text_request")
    if request is not None and not isinstance(request, str):
        raise ConfigError(f"text_request in config.json must be a text, not {request!r}.")
    return request


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); fetch the model again.") from error


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
    """What weights become: `stored` is the kind of quantised ones that the files hold, `quant` that of the network."""

    dtype: torch.dtype | None
    device: torch.device
    stored: Kind | None
    quant: Kind | None
    keep_halves: bool = False

    def stays(self, name: str, dtype: torch.dtype | None) -> bool:
        """Whether a tensor that the files hold in that type stays in it."""
        halves = self.keep_halves and dtype == torch.bfloat16 and is_weight(name)
        return self.dtype is None or dtype == self.dtype or halves


def _load_network(folder: Path, config: ModelConfig, reading: _Reading, progress: Progress | None) -> DiffusionGemma:
    with torch.device("meta"):
        network = DiffusionGemma(config)
    if reading.device.type == "meta":
        return network.eval().requires_grad_(False)
    on_cpu = reading.device.type == "cpu"
    if reading.keep_halves and not (on_cpu and reading.dtype == torch.float32 and _multiplies_halves(network)):
        reading = replace(reading, keep_halves=False)
    if on_cpu:
        _require_memory(network, folder, reading)
    for name, tensor in read_weights(folder, network, reading.stored, progress):
        if reading.stored is None and reading.quant is not None and is_weight(name):
            place_quantised(network, name, tensor.to(reading.device), reading.quant)
        else:
            kept = is_scale(name) or is_quantised(tensor) or reading.stays(name, tensor.dtype)
            place(network, name, tensor.to(device=reading.device, dtype=None if kept else reading.dtype))
    for name, parameter in list(network.named_parameters()):
        # Files may hold single tensors in another type, which no product would take.
        kept = is_scale(name) or is_quantised(parameter) or (reading.keep_halves and is_weight(name))
        if not kept and parameter.dtype != network.dtype:
            place(network, name, parameter.detach().to(network.dtype))
    return network.eval().requires_grad_(False)


def _multiplies_halves(network: DiffusionGemma) -> bool:
    return multiplies_halves(network.get_parameter("layers.0.experts.gate_up_proj"))


def read_weights(
    folder: Path, network: DiffusionGemma, stored: Kind | None, progress: Progress | None = None
) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of every weight of a network without memory, and of the scales of quantised ones, as the files
    hold them. Raises CheckpointError, at the latest behind the last one, for files that do not fit the network."""
    files = weight_files(folder)
    expected = _expected(network, stored)
    missing, unexpected = set(expected), []
    done, whole = 0, sum(file.stat().st_size for file in files)
    for file_name, tensor in read_tensors(files):
        name = names.from_file(file_name)
        if name is not None and name not in expected:
            unexpected.append(file_name)
        elif name is not None:
            wanted, types = expected[name]
            if tensor.dtype not in types:
                raise CheckpointError(f"{file_name} in {folder} has the type {tensor.dtype}, which is not supported.")
            if (found := tuple(tensor.shape)) != wanted:
                raise CheckpointError(
                    f"{file_name} in {folder} has the shape {found}, but config.json asks for {wanted}."
                )
            missing.discard(name)
            yield name, tensor
        done += tensor.nbytes
        if progress is not None:
            progress(done, whole)
    if progress is not None:
        progress(whole, whole)  # with the files' headers
    if missing or unexpected:
        lines = [f"missing: {_some(sorted(map(names.to_file, missing)))}"] if missing else []
        lines += [f"unexpected: {_some(sorted(unexpected))}"] if unexpected else []
        raise CheckpointError(f"The weights in {folder} do not fit its config.json; {'; '.join(lines)}.")


def _require_memory(network: DiffusionGemma, folder: Path, reading: _Reading) -> None:
    """Raises CheckpointError where a network without memory would take more of it than the machine has.

    Weights that stay as the files hold them count for nothing: they are read page by page, when they are needed. What
    stays in bfloat16 is copied once for its kernels.
    """
    total, stored = memory.total_bytes(), reading.stored
    types = {names.from_file(name): kind for name, kind in stored_types(weight_files(folder)).items()}

    def needed(quant: Kind | None) -> int:
        count = 0
        for name, parameter in network.named_parameters():
            if is_weight(name) and (quant or stored):
                if quant is not None and stored is None:
                    values, scale = shapes(tuple(parameter.shape), quant)
                    count += math.prod(values) + 4 * math.prod(scale)
            elif reading.dtype is not None and types.get(name) != reading.dtype:
                halves = reading.stays(name, types.get(name))
                count += parameter.numel() * (2 if halves else reading.dtype.itemsize)
        return count

    if (asked := needed(reading.quant)) <= total:
        return
    kinds: tuple[Kind, ...] = ("int8", "int4") if stored is None else ()
    smaller: dict[Kind, int] = {}
    for kind in kinds:
        with suppress(UsageError):  # int4 is not for every size
            smaller[kind] = needed(kind)
    fitting = {kind: count for kind, count in smaller.items() if count <= total}
    advice = ", ".join(f"quant {kind} takes {count / 1e9:.1f}" for kind, count in fitting.items())
    if not advice and stored is not None:
        advice = "in the files' own type, which `dtype` can name, they are read from the disk as they are needed"
    elif not advice:
        least = min(smaller, key=smaller.__getitem__)
        advice = f"`dgemma quantize IN OUT --quant {least}` writes a copy that is read from the disk as it is needed"
    raise CheckpointError(
        f"The weights in {folder} would take {asked / 1e9:.1f} GB of memory, and there are {total / 1e9:.1f}; {advice}."
    )


def _expected(
    network: DiffusionGemma, stored: Kind | None
) -> dict[str, tuple[tuple[int, ...], tuple[torch.dtype, ...]]]:
    """The shape and the possible types of every tensor that the files must hold."""
    expected: dict[str, tuple[tuple[int, ...], tuple[torch.dtype, ...]]] = {}
    for name, parameter in network.named_parameters():
        shape = tuple(parameter.shape)
        if stored is not None and is_weight(name):
            values, scale = shapes(shape, stored)
            expected |= {name: (values, (DTYPES[stored],)), name + SCALE: (scale, (torch.float32,))}
        else:
            expected[name] = (shape, FLOATS)
    return expected


def _some(items: list[str], most: int = 12) -> str:
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
