"""dgemma: DiffusionGemma on your own machine.

`load` returns an `LLM`, which is the whole interface. Importing the package only defines names: torch, which takes a
second to import, is imported when one of them is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dgemma import errors

if TYPE_CHECKING:
    from dgemma.api import LLM, Reply, load
    from dgemma.engine.request import Commit, Draft, Finish

__version__ = "0.1.0"
__all__ = ["LLM", "Commit", "Draft", "Finish", "Reply", "__version__", "errors", "load"]

_HOMES = {
    **dict.fromkeys(("LLM", "Reply", "load"), "dgemma.api"),
    **dict.fromkeys(("Commit", "Draft", "Finish"), "dgemma.engine.request"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dgemma' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
