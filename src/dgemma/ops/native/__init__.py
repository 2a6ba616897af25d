"""Kernels that numba compiles for this very processor, where torch has no operator or a slow one.

    machine.py       from a Python function over addresses to a C function on torch's own threads
    kernels.py       the kernels
    vocabulary.py    what a denoise step needs of the vocabulary, in one pass over each slab of products
    products.py      one row times a weight, and the routed experts of one row

Their results are those of the plain ways, which stay: they are the oracle of the tests, and run where numba or OpenMP's
entry is missing. Importing numba takes a third of a second, so nothing here does before a kernel is first wanted.
"""

import logging
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Literal


@cache
def load(name: Literal["vocabulary", "products"]) -> ModuleType | None:
    """The module of that name; None where kernels cannot be compiled."""
    try:
        return import_module(f"{__name__}.{name}")
    except (ImportError, OSError) as error:
        logging.getLogger(__name__).info("Plain PyTorch stands in for the compiled kernels: %s", error)
        return None
