"""`dgemma serve`: loads a model, prints one line with the address, and serves until Ctrl-C."""

import os
from dataclasses import replace
from pathlib import Path

from dgemma.api import LLM, PACE_FILE, require_context
from dgemma.cache import KVCache
from dgemma.checkpoint import EMBEDDED, find_model, open_model
from dgemma.checkpoint.gguf_names import is_gguf, stem
from dgemma.config import EngineConfig
from dgemma.engine.engine import Engine
from dgemma.engine.placement import MEGABYTE, resolve_placement
from dgemma.errors import UsageError
from dgemma.server.config import ServerConfig
from dgemma.server.run import address, listen, serve
from dgemma.tui.progress import loading_progress


def serve_and_announce(model: str, engine: EngineConfig, server: ServerConfig, quant: str | None = None) -> None:
    """Serves `model` at the address of `server`. Binds the port first, so that a port in use fails before the load."""
    engine = replace(resolve_placement(engine), pace_file=PACE_FILE)
    listener = listen(server.host, server.port)
    with listener:
        folder = find_model(model)
        require_context(folder, engine.max_context)
        with loading_progress(model) as progress:
            settings = {"dtype": engine.dtype, "device": engine.device, "quant": quant}
            opened = open_model(folder, **settings, progress=progress, keep_bfloat16=True)
        llm = LLM(opened, engine)
        _require_usable_budget(llm.engine, engine)
        llm.engine.warm_up()
        line = f"{server.model_name} at {address(listener)} (Ctrl-C stops)"
        serve(llm, server, listener, ready=lambda: print(line, flush=True))


def _require_usable_budget(engine: Engine, asked: EngineConfig) -> None:
    """Raises UsageError for a KV cache budget too small for any request."""
    canvas = engine.network.config.canvas_length
    least = KVCache.size_of(engine.network.config, 1 + canvas, canvas, engine.network.dtype)
    if engine.budget_bytes < least:
        budget = f"--kv-budget-mb {asked.kv_budget_mb:g}" if asked.kv_budget_mb else "The default KV cache budget"
        raise UsageError(f"{budget} is too small for any request: one canvas takes {least / MEGABYTE:.1f} MB.")


def public_name(model: str) -> str:
    """The model name shown to clients: a folder's last part or a file's stem, so that no local path is exposed."""
    path = Path(os.path.expanduser(model))
    if model in EMBEDDED or not path.exists():
        return model
    return path.resolve().name if path.is_dir() else stem(path.name) if is_gguf(path) else path.stem
