"""Settings of every test run: hypothesis without deadlines, kernels compiled before the first test, and `gpu` tests
skipped if there is no GPU.

Knows nothing of models; fixtures are defined next to the tests that use them.
"""

import os

import pytest
import torch
from hypothesis import settings

from dgemma.engine import pace
from dgemma.ops import native

# A busy two-core machine misses any deadline. Derandomised, so that a failing run can be repeated.
settings.register_profile("dgemma", deadline=None, derandomize=True, database=None)
settings.load_profile("dgemma")


# All processes of a test use the same compiled kernels, even if a test changes HOME.
os.environ.setdefault("DGEMMA_KERNELS", os.path.expanduser("~/.cache/dgemma/kernels"))


# Never measure a stored pace again: between two answers, a new measurement could change the mode that "auto" chooses.
pace._FASTER = 0.0


def pytest_configure(config: pytest.Config) -> None:
    """Compiles the kernels now, so that none becomes available between two answers that a test compares."""
    if not hasattr(config, "workerinput"):
        native.prepare()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests marked `gpu` if torch sees no CUDA device."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))
