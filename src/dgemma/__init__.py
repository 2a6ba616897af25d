"""dgemma: DiffusionGemma on your own machine.

`load` gives an `LLM`; everything else is a part of it. Importing does nothing but define names.
"""

from dgemma import errors
from dgemma.api import LLM, Reply, load
from dgemma.engine.request import Commit, Draft, Finish

__version__ = "0.1.0"
__all__ = ["LLM", "Commit", "Draft", "Finish", "Reply", "__version__", "errors", "load"]
