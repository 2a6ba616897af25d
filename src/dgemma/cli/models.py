"""`dgemma show` and `dgemma pull`: what a model is, and fetching one from the hub."""

import json
import sys
from collections import Counter
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from dgemma.api import EMBEDDED, find_model, load
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
        "sampler": f"entropy bound {sampler.entropy_bound}, temperature {sampler.t_max} to {sampler.t_min}",
    }
    table = Table(title=model, title_justify="left", show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)


def pull(model: str) -> None:
    """Fetches a hub model, going on where an earlier try stopped; prints the folder."""
    if model in EMBEDDED:
        raise UsageError(f"{model} is part of the package; there is nothing to fetch.")
    print(f"Fetching {model} ...", file=sys.stderr)
    print(find_model(model))
