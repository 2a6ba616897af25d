"""Devices: whether one is there."""

import torch

from dgemma.errors import UsageError


def usable_device(device: torch.device | str, of: str = "") -> torch.device:
    """The device, which a sentence about it calls that `of` something. Raises UsageError for one that is not there."""
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        told = f"The device {str(device)!r}{of and f' of {of}'} is not there or cannot be used; use 'cpu'."
        raise UsageError(told) from error
    return found
