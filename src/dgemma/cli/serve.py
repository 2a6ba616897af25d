"""`dgemma serve`: loads a model, prints one line with the address, and answers until Ctrl-C."""

from dataclasses import replace
from pathlib import Path

from dgemma.api import LLM, PACE_FILE
from dgemma.checkpoint import EMBEDDED, find_model, open_model
from dgemma.checkpoint.parts import is_gguf, stem
from dgemma.config import EngineConfig
from dgemma.engine.placement import placed
from dgemma.server.config import ServerConfig
from dgemma.server.run import address, listen, serve
from dgemma.tui.reading import reading


def serve_and_announce(model: str, engine: EngineConfig, server: ServerConfig, quant: str | None = None) -> None:
    """Serves `model` at the address of `server`, which is taken first: a port that is in use is told at once."""
    engine = replace(placed(engine), pace_file=str(PACE_FILE))
    listener = listen(server.host, server.port)
    with listener:
        folder = find_model(model)
        with reading(model) as progress:
            settings = {"dtype": engine.dtype, "device": engine.device, "quant": quant}
            opened = open_model(folder, **settings, progress=progress, keep_halves=True)
        llm = LLM(opened, engine)
        llm.engine.warm_up()
        told = f"{server.model_name} at {address(listener)} (Ctrl-C stops)"
        serve(llm, server, listener, ready=lambda: print(told, flush=True))


def public_name(model: str) -> str:
    """The name under which clients ask for a model: of a folder its last part and of a file its stem, so that no path
    shows."""
    path = Path(model).expanduser()
    if model in EMBEDDED or not path.exists():
        return model
    return path.resolve().name if path.is_dir() else stem(path.name) if is_gguf(path) else path.stem
