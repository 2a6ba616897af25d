"""What every test shares: hypothesis without a deadline, and a reason instead of a failure where no GPU is.

Knows nothing of models; fixtures live beside the tests that use them.
"""

import pytest
import torch
from hypothesis import settings

# A busy two-core machine misses any deadline; the same examples every time, so that a red run can be repeated.
settings.register_profile("dgemma", deadline=None, derandomize=True, database=None)
settings.load_profile("dgemma")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests marked `gpu` where torch sees no CUDA device."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))
