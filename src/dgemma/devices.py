"""Checks that a device exists and works."""

import torch

from dgemma.errors import UsageError


def usable_device(device: torch.device | str, of: str = "", computes: bool = False) -> torch.device:
    """The device as a torch.device. Raises UsageError if it does not work; `of` names its user in the message.

    With `computes` a value is also written there and read back, which the meta device cannot do.
    """
    try:
        found = torch.device(device)
        sample = torch.empty(1, device=found)
        if computes:
            sample.zero_().tolist()
    except (RuntimeError, TypeError, ValueError, AssertionError, NotImplementedError) as error:
        owner = f" of {of}" if of else ""
        problem = "does not exist or cannot be used"
        if str(device).startswith("cuda") and not torch.cuda.is_available():
            problem = "cannot be used because torch finds no CUDA device"
        raise UsageError(f"The device {str(device)!r}{owner} {problem}; use 'cpu'.") from error
    return found
