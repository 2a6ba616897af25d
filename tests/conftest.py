"""What every test shares: hypothesis without a deadline, kernels that are compiled before the first test, and a reason
instead of a failure where no GPU is.

Knows nothing of models; fixtures live beside the tests that use them.
"""

import os

import pytest
import torch
from hypothesis import settings

from dgemma.engine import pace
from dgemma.ops import native

# A busy two-core machine misses any deadline; the same examples every time, so that a red run can be repeated.
settings.register_profile("dgemma", deadline=None, derandomize=True, database=None)
settings.load_profile("dgemma")


# Wherever a test's processes think their home is, all use the same machine code.
os.environ.setdefault("DGEMMA_KERNELS", os.path.expanduser("~/.cache/dgemma/kernels"))


# A pace that is measured anew between two answers, as the machine became quieter, could have "auto" change its mode.
pace._FASTER = 0.0


def pytest_configure(config: pytest.Config) -> None:
    """Compiles the kernels, so that none of them comes to be between two answers that a test compares."""
    if not hasattr(config, "workerinput"):
        native.prepare()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests marked `gpu` where torch sees no CUDA device."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))
