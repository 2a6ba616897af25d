"""Writing a model folder in the released layout: a model as it is, or a quantised copy of another one.

Files are replaced only when complete. A copy is made tensor by tensor, so its memory is that of one file.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from dgemma.checkpoint import names
from dgemma.checkpoint.folder import OWN
from dgemma.checkpoint.load import LoadedModel, Progress, open_model, read_weights, source_of, torch_dtype
from dgemma.checkpoint.quantised import SCALE, is_scale, is_weight
from dgemma.checkpoint.safetensors import to_json, write_folder
from dgemma.checkpoint.source import PROFILE, Blocks
from dgemma.errors import CheckpointError, OutputError, UsageError
from dgemma.quant import Kind, check_kind, is_quantised, kind_to_hf, quantise, shapes
from dgemma.vision import VisionTower


def save_model(
    model: LoadedModel, path: str | Path, dtype: torch.dtype | str | None = None, max_shard_bytes: int = 5 * 10**9
) -> None:
    """Writes a model folder that `open_model` and transformers load; what was there is replaced when all is written.

    dtype: the type on disk; None keeps the network's, and the image tower's own. Quantised weights are written as they
    are, which transformers does not read. What the folder held of another model (shards, vocabulary, template, profile)
    goes. Raises OutputError when the folder cannot be written.
    """
    if not isinstance(model, LoadedModel):
        raise UsageError(f"save_model takes what open_model gives, as `llm.model` is, not {type(model).__name__}.")
    kind = torch_dtype(dtype) or model.network.dtype
    tensors = (
        (names.to_file(name), value if is_scale(name) or is_quantised(value) else value.to(kind))
        for name, value in model.network.state_dict().items()
    )
    of_dtype = None if dtype is None else kind
    _write(model, chain(tensors, _of_tower(model.tower, of_dtype)), path, kind, max_shard_bytes)


def quantise_model(
    source: str | Path,
    path: str | Path,
    kind: str,
    *,
    max_shard_bytes: int = 10**9,
    progress: Progress | None = None,
) -> None:
    """Writes a copy of a model, a folder or a GGUF file, with `int8`, `int4` or `fp8` weights.

    Never holds more than one file of it, so a model may be larger than memory. What is not quantised keeps the type of
    the embedding, bfloat16 where that is in blocks. Raises what `open_model` raises, and OutputError when the folder
    cannot be written.
    """
    quant = check_kind(kind)
    model, files = open_model(source, device="meta", quant=quant), source_of(source)
    types, name = files.types(), "embed_tokens.weight"
    embedding = types.get(name)
    if embedding is None and name in types and files.in_blocks:
        embedding = torch.bfloat16
    if embedding is None:
        problem = "a type that is not supported" if name in types else "not there"
        raise CheckpointError(f"The embedding in {source} ({files.spelled(name)}) is {problem}; fetch the model again.")
    # Before a folder is made for what cannot be.
    for name, parameter in model.network.named_parameters():
        if is_weight(name):
            shapes(tuple(parameter.shape), quant)
    tensors = _quantised(read_weights(files, model.network, progress), quant, files.stored, embedding)
    tower = files.tower(model.config, torch.device("cpu"))
    _write(model, chain(tensors, _of_tower(tower)), path, embedding, max_shard_bytes)


def _of_tower(tower: VisionTower | None, dtype: torch.dtype | None = None) -> Iterator[tuple[str, Tensor]]:
    for name, value in {}.items() if tower is None else tower.state_dict().items():
        yield names.to_image_file(name), value if dtype is None else value.to(dtype)


def _quantised(
    weights: Iterator[tuple[str, Tensor | Blocks]], quant: Kind, stored: Kind | None, dtype: torch.dtype
) -> Iterator[tuple[str, Tensor]]:
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
        raise OutputError(f"No folder to write to is named; give one, not {path!r}.")
    if not isinstance(max_shard_bytes, int) or max_shard_bytes < 1:
        raise UsageError(f"max_shard_bytes is a whole number of bytes, not {max_shard_bytes!r}.")
    folder = Path(path)
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}.") from error
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
            with suppress(OSError):  # something is in it
                folder.rmdir()
        raise
