"""Checks that a device exists and works."""

import torch

from dgemma.errors import UsageError


def usable_device(device: torch.device | str, of: str = "") -> torch.device:
    """The device as a torch.device. Raises UsageError if it does not work; `of` names its user in the message."""
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        owner = f" of {of}" if of else ""
        message = f"The device {str(device)!r}{owner} does not exist or cannot be used; use 'cpu'."
        raise UsageError(message) from error
    return found
