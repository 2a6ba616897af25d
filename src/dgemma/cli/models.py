"""`dgemma show`, `pull` and `quantize`: what a model is, fetching one from the hub, a smaller copy of one."""

import json
import shutil
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dgemma.api import EMBEDDED, find_model, load
from dgemma.checkpoint import open_model, save_model
from dgemma.errors import UsageError


def show(model: str, as_json: bool) -> None:
    """Prints the sizes, layers and sampler of a model."""
    llm = load(model)
    config = llm.config
    parameters = sum(parameter.numel() for parameter in llm.network.parameters())
    experts = sum(p.numel() for name, p in llm.network.named_parameters() if ".experts." in name)
    active = parameters - experts + experts * config.top_k_experts // config.num_experts
    if as_json:
        sizes = {"parameters": parameters, "parameters_per_token": active}
        print(json.dumps({"model": model, **sizes, "config": asdict(config), "sampler": asdict(llm.model.sampler)}))
        return
    kinds = Counter(layer.layer_type for layer in config.layers)
    sampler = llm.model.sampler
    rows = {
        "parameters": f"{parameters:,} ({active:,} used for each token)",
        "layers": f"{len(config.layers)}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())),
        "hidden size": f"{config.hidden_size}, {config.num_attention_heads} query heads",
        "experts": f"{config.num_experts} of width {config.moe_intermediate_size}, {config.top_k_experts} a token",
        "vocabulary": f"{config.vocab_size:,}" + ("" if llm.tokenizer else ", no tokenizer.json: token ids only"),
        "context": f"{config.max_position_embeddings:,} tokens, sliding window {config.sliding_window:,}",
        "canvas": f"{config.canvas_length} tokens, at most {sampler.max_denoising_steps} denoise steps",
        "sampler": f"entropy bound {sampler.entropy_bound}, temperature {sampler.t_max} to {sampler.t_min}"
        + (", unsure canvases checked by the causal mode" if sampler.causal_check else ""),
    }
    table = Table(title=model, title_justify="left", show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)


def quantize(model: str, out: Path, quant: str) -> None:
    """Writes the quantised copy and prints its folder; its size beside the float one's goes to stderr."""
    source = find_model(model)
    if out.resolve() == source.resolve():
        raise UsageError(f"{out} is the model itself; give another folder.")
    loaded = open_model(source, quant=quant)
    save_model(loaded, out)
    if (source / "tokenizer_config.json").is_file():
        shutil.copyfile(source / "tokenizer_config.json", out / "tokenizer_config.json")
    before, after = (sum(file.stat().st_size for file in folder.glob("*.safetensors")) for folder in (source, out))
    print(f"{before / 1e6:,.1f} MB of weights became {after / 1e6:,.1f} MB ({quant}).", file=sys.stderr)
    print(out)


def pull(model: str) -> None:
    """Fetches a hub model, going on where an earlier try stopped; prints the folder."""
    if model in EMBEDDED:
        raise UsageError(f"{model} is part of the package; there is nothing to fetch.")
    print(f"Fetching {model} ...", file=sys.stderr)
    print(find_model(model))
