"""Writing a model folder in the released layout: a loaded model, or a quantised copy of a model on disk.

Files are replaced only when complete. A quantised copy is made tensor by tensor and needs the memory of one shard.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from dgemma.checkpoint import names
from dgemma.checkpoint.folder import OWN
from dgemma.checkpoint.json_files import to_json
from dgemma.checkpoint.load import (
    LoadedModel,
    Progress,
    open_model,
    read_weights,
    require_callable,
    source_of,
    torch_dtype,
)
from dgemma.checkpoint.quantised import SCALE, is_scale, is_weight
from dgemma.checkpoint.safetensors import write_folder
from dgemma.checkpoint.source import PROFILE, BlockTensor
from dgemma.errors import CheckpointError, OutputError, UsageError
from dgemma.quant import Kind, check_kind, is_quantised, kind_to_hf, quantise, shapes
from dgemma.vision import VisionTower


def save_model(
    model: LoadedModel, path: str | Path, dtype: torch.dtype | str | None = None, max_shard_bytes: int = 5 * 10**9
) -> None:
    """Writes a model folder that `open_model` and transformers load; old files are replaced once all are written.

    dtype: dtype on disk; None keeps the network's for the network and the image tower's for the tower. Quantised
    weights are written as they are; transformers cannot read those. Files of an earlier model in the folder (shards,
    vocabulary, template, profile) are deleted. Raises OutputError if the folder cannot be written.
    """
    if not isinstance(model, LoadedModel):
        raise UsageError(
            f"save_model takes the LoadedModel that open_model returns (`llm.model`), not {type(model).__name__}."
        )
    weight_dtype = torch_dtype(dtype) or model.network.dtype
    tensors = (
        (names.to_file(name), value if is_scale(name) or is_quantised(value) else value.to(weight_dtype))
        for name, value in model.network.state_dict().items()
    )
    tower_dtype = None if dtype is None else weight_dtype
    _write(model, chain(tensors, _tower_tensors(model.tower, tower_dtype)), path, weight_dtype, max_shard_bytes)


def quantise_model(
    source: str | Path,
    path: str | Path,
    kind: str,
    *,
    max_shard_bytes: int = 10**9,
    progress: Progress | None = None,
) -> None:
    """Writes a copy of a model folder or GGUF file with `int8`, `int4` or `fp8` weights.

    Holds at most one shard in memory, so the model may be larger than memory. Weights that are not quantised get the
    dtype of the embedding, or bfloat16 if that is in GGUF blocks. Raises what `open_model` raises, and OutputError if
    the folder cannot be written.
    """
    require_callable(progress)
    quant = check_kind(kind)
    model, files = open_model(source, device="meta", quant=quant), source_of(source)
    types, name = files.types(), "embed_tokens.weight"
    dtype = types.get(name)
    if dtype is None and name in types and files.has_gguf_blocks:
        dtype = torch.bfloat16
    if dtype is None:
        problem = "has a type that is not supported" if name in types else "is missing"
        raise CheckpointError(f"The embedding in {source} ({files.to_file(name)}) {problem}; fetch the model again.")
    # Raises for sizes that cannot be quantised, before the output folder is made.
    for name, parameter in model.network.named_parameters():
        if is_weight(name):
            shapes(tuple(parameter.shape), quant)
    tensors = _quantised(read_weights(files, model.network, progress), quant, files.quant, dtype)
    tower = files.tower(model.config, torch.device("cpu"))
    _write(model, chain(tensors, _tower_tensors(tower)), path, dtype, max_shard_bytes)


def _tower_tensors(tower: VisionTower | None, dtype: torch.dtype | None = None) -> Iterator[tuple[str, Tensor]]:
    if tower is None:
        return
    for name, value in tower.state_dict().items():
        yield names.to_image_file(name), value if dtype is None else value.to(dtype)


def _quantised(
    weights: Iterator[tuple[str, Tensor | BlockTensor]], quant: Kind, stored: Kind | None, dtype: torch.dtype
) -> Iterator[tuple[str, Tensor]]:
    """Yields the tensors by released name; quantises the weights unless the files hold quantised ones (`stored`)."""
    for name, tensor in weights:
        if stored is None and is_weight(name):
            values, scale = quantise(tensor, quant, name=names.to_file(name))
            yield names.to_file(name), values
            yield names.to_file(name + SCALE), scale
        else:
            tensor = tensor if isinstance(tensor, Tensor) else tensor.read()
            yield names.to_file(name), tensor if is_scale(name) or is_quantised(tensor) else tensor.to(dtype)


def _write(
    model: LoadedModel,
    tensors: Iterator[tuple[str, Tensor]],
    path: str | Path,
    dtype: torch.dtype,
    max_shard_bytes: int,
) -> None:
    if not isinstance(path, str | Path) or not str(path):
        raise OutputError(f"No folder to write to: give a path, not {path!r}.")
    if not isinstance(max_shard_bytes, int) or max_shard_bytes < 1:
        raise UsageError(f"max_shard_bytes must be a whole number of bytes, not {max_shard_bytes!r}.")
    folder = Path(os.path.expanduser(path))
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: no path has a null byte or half of a surrogate pair
        problem = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"The folder {folder} cannot be made: {problem}.") from error
    document = {**model.config.to_hf(), "dtype": str(dtype).removeprefix("torch.")}
    if model.quant is not None:
        document["quantization_config"] = kind_to_hf(model.quant)
    own = {
        "causal_check": model.sampler.causal_check,
        "single_turn": model.single_turn,
        "text_request": model.text_request,
    }
    if any(own.values()):
        document[OWN] = {name: value for name, value in own.items() if value}
    profile, tokenizer = model.profile, model.tokenizer
    texts = {
        "config.json": to_json(document),
        "generation_config.json": to_json(model.sampler.to_hf()),
        PROFILE: None if profile is None else to_json(profile.to_document()),
        "tokenizer.json": None if tokenizer is None else tokenizer.backend.to_str(pretty=True),
        "chat_template.jinja": model.chat_template,
    }
    try:
        write_folder(tensors, texts, folder, max_shard_bytes)
    except BaseException:
        if is_new:
            with suppress(OSError):  # not empty
                folder.rmdir()
        raise
