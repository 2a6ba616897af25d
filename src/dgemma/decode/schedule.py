"""The temperature of each denoise step."""

from dataclasses import dataclass
from functools import lru_cache

import torch


@dataclass(frozen=True, kw_only=True)
class LinearSchedule:
    """t_min + (t_max - t_min) * n / N with n of N steps remaining: t_max at the first step, near t_min at the last."""

    t_min: float
    t_max: float
    num_steps: int

    @lru_cache(maxsize=1024)  # noqa: B019 (computing it takes as long as the head of a small pass)
    def temperature(self, remaining: int) -> float:
        """The temperature with `remaining` steps to go (N .. 1, this one included), in float32 arithmetic."""
        share = torch.tensor(remaining, dtype=torch.int32) / self.num_steps
        return float(self.t_min + (self.t_max - self.t_min) * share)
