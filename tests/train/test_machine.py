"""The measurement that chooses the precision: the best of several rounds counts, so a disturbed one does not matter."""

import pytest
import torch

from dgemma.train import machine


@pytest.mark.parametrize(("bfloat16", "chosen"), [(0.5, True), (0.9, False)])
def test_a_disturbed_round_does_not_decide_the_precision(monkeypatch, bfloat16, chosen):
    seen = []

    def seconds(dtype: torch.dtype) -> float:
        seen.append(dtype)
        # The first round is slow for one type, the second for the other.
        slow = 100.0 if len(seen) in (1, 4) else 1.0
        return slow * (bfloat16 if dtype == torch.bfloat16 else 1.0)

    monkeypatch.setattr(machine, "_seconds", seconds)
    assert machine.use_bfloat16("auto", torch.device("cpu")) is chosen
    assert machine.use_bfloat16("bfloat16", torch.device("cpu")) and not machine.use_bfloat16(
        "float32", torch.device("cpu")
    )
