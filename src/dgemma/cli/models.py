"""`dgemma show`, `pull` and `quantize`: describe a model, fetch one from the hub, write a quantised copy."""

import json
import shutil
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from dgemma.cache import KVCache
from dgemma.checkpoint import EMBEDDED, find_model, open_model, quantise_model
from dgemma.checkpoint.find import parse_hub_id
from dgemma.checkpoint.json_files import read_json
from dgemma.checkpoint.load import source_of
from dgemma.config import EngineConfig, ModelConfig
from dgemma.errors import CheckpointError, UsageError
from dgemma.quant import kind_from_hf
from dgemma.tui.progress import loading_progress
from dgemma.vision_config import VisionConfig


def show(model: str, as_json: bool) -> None:
    """Prints the sizes, layers and sampler of a model. Does not read its weights."""
    found = open_model(find_model(model, weights=False), device="meta")
    config, sampler = found.config, found.sampler
    parameters = sum(parameter.numel() for parameter in found.network.parameters())
    experts = sum(p.numel() for name, p in found.network.named_parameters() if ".experts." in name)
    active = parameters - experts + experts * config.top_k_experts // config.num_experts
    if as_json:
        kv_bytes = KVCache.size_of(config, 1, 0, torch.float32)
        sizes = {"parameters": parameters, "parameters_per_token": active, "kv_bytes_per_token_float32": kv_bytes}
        print(
            json.dumps(
                {"model": model, "quant": found.quant, **sizes, "config": asdict(config), "sampler": asdict(sampler)}
            )
        )
        return
    kinds = Counter(layer.layer_type for layer in config.layers)
    rows = {
        "parameters": f"{parameters:,} ({active:,} used for each token)",
        "weights": found.quant or "floating point",
        "layers": f"{len(config.layers)}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())),
        "hidden size": f"{config.hidden_size}, {_count(config.num_attention_heads, 'query head')}",
        "experts": f"{config.num_experts} of width {config.moe_intermediate_size}, {config.top_k_experts} per token",
        "vocabulary": f"{config.vocab_size:,}" + ("" if found.tokenizer else ", no usable tokenizer: token ids only"),
        "context": f"{config.max_position_embeddings:,} tokens, sliding window {config.sliding_window:,}",
        "KV cache": _cache_line(config, sampler.max_new_tokens),
        "images": "text only" if config.vision is None else _tower_line(config.vision),
        "canvas": f"{_count(config.canvas_length, 'token')}, at most "
        + _count(sampler.max_denoising_steps, "denoise step"),
        "sampler": f"entropy bound {sampler.entropy_bound}, temperature {sampler.t_max} to {sampler.t_min}"
        + (", unsure canvases are verified by the causal pass" if sampler.causal_check else ""),
    }
    table = Table(title=model, title_justify="left", show_header=False)
    for _ in range(2):
        table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)


def _cache_line(config: ModelConfig, answer: int) -> str:
    """The KV cache size of a request that fills the context and ends with `answer` new tokens, in the default dtypes
    of CPUs and GPUs."""
    whole, canvas = config.max_position_embeddings, config.canvas_length
    history = answer + canvas + EngineConfig().prefill_chunk
    kinds = (torch.float32, torch.bfloat16)
    wide, half = (_format_bytes(KVCache.size_of(config, whole, canvas, kind, history)) for kind in kinds)
    return f"{wide} for the whole context in float32, {half} in bfloat16"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _format_bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _tower_line(vision: VisionConfig) -> str:
    layers, size = _count(vision.num_hidden_layers, "layer"), vision.patch_size
    return f"image tower of {layers}, patches of {size} by {size} pixels"


def quantize(model: str, out: Path, quant: str) -> None:
    """Writes the quantised copy and prints its folder; both sizes go to stderr."""
    source = find_model(model)
    if out.resolve() == source.resolve():
        raise UsageError(f"{out} is the model itself; give another folder.")
    if out.is_dir() and any(out.iterdir()) and not _holds_a_copy(out):
        raise UsageError(f"{out} holds other files; give a new folder, or one that holds an earlier copy.")
    with loading_progress(model) as progress:
        quantise_model(source, out, quant, progress=progress)
    if (source / "tokenizer_config.json").is_file():
        shutil.copyfile(source / "tokenizer_config.json", out / "tokenizer_config.json")
    before, after = (source_of(path).num_bytes() for path in (source, out))
    print(f"{before / 1e6:,.1f} MB of weights became {after / 1e6:,.1f} MB ({quant}).", file=sys.stderr)
    print(out)


def _holds_a_copy(folder: Path) -> bool:
    """Whether a folder is an earlier output of `quantize`, which a new copy may replace."""
    config = folder / "config.json"
    try:
        return config.is_file() and kind_from_hf(read_json(config)) is not None
    except CheckpointError:
        return False


def pull(model: str) -> None:
    """Fetches a model from the hub and prints its folder or file. Resumes an interrupted download."""
    if model in EMBEDDED:
        raise UsageError(f"{model} is part of the package; there is nothing to fetch.")
    if not parse_hub_id(model):
        raise UsageError(
            f"{model!r} is not a hub id; give owner/name, such as google/diffusiongemma-26B-A4B-it, "
            "or owner/name:TAG for a GGUF file."
        )
    print(f"Fetching {model} ...", file=sys.stderr)
    print(find_model(model))
