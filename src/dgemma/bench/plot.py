"""Plots the measurements: t(rows) and the parts of a step, and with canvases S(L) and the speed-up.

Needs matplotlib (`pip install 'dgemma[plot]'`). Knows nothing of how anything was measured.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dgemma.bench.canvas import CanvasBench
from dgemma.bench.step_parts import StepParts
from dgemma.bench.steps import StepTimes
from dgemma.errors import UsageError
from dgemma.files import replacing

SUFFIXES = (".png", ".svg", ".pdf")


def require(file: Path) -> None:
    """Raises UsageError if matplotlib is missing, or if `file` has an unknown suffix or no folder."""
    if find_spec("matplotlib") is None:
        raise UsageError("--plot needs matplotlib; install it with: pip install 'dgemma[plot]'")
    if file.suffix not in SUFFIXES:
        raise UsageError(f"--plot writes {', '.join(SUFFIXES)} files, not {file.name!r}.")
    if not file.parent.is_dir():
        raise UsageError(f"--plot: there is no folder {file.parent}.")


def draw(file: Path, model: str, times: StepTimes, step: StepParts, canvases: CanvasBench | None) -> None:
    """Writes the plot in the format of the file's suffix. Raises OutputError if the file cannot be written."""
    from matplotlib.figure import Figure

    count = 2 if canvases is None else 4
    figure = Figure(figsize=(11, 4.2 * count / 2), layout="constrained")
    axes = figure.subplots(count // 2, 2, squeeze=False).flatten()
    figure.suptitle(f"{model}, after {times.context} tokens")
    _draw_times(axes[0], times)
    _draw_parts(axes[1], step)
    if canvases is not None:
        _draw_steps(axes[2], canvases)
        _draw_speed_up(axes[3], canvases)
    with replacing(file) as temporary:
        figure.savefig(temporary, dpi=130, format=file.suffix[1:])


def _draw_times(axes: Any, times: StepTimes) -> None:
    lengths = list(times.denoise_ms)
    axes.loglog(lengths, list(times.denoise_ms.values()), "o-", label="denoise step")
    axes.loglog(lengths, [length * times.token_ms for length in lengths], ":", label="the same tokens, one at a time")
    axes.axhline(times.token_ms, color="grey", linewidth=1, label="one token")
    axes.set(xlabel="canvas positions", ylabel="ms", title="t(rows)")
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    axes.legend(frameon=False)


def _draw_parts(axes: Any, step: StepParts) -> None:
    parts = sorted(step.parts, key=lambda part: part.ms)
    bars = axes.barh([part.name for part in parts], [part.ms for part in parts])
    axes.bar_label(bars, [f"{part.ms:.1f} ms, {part.ms / step.step_ms:.0%}" for part in parts], padding=3)
    axes.set(xlabel="ms", title=f"one step over {step.canvas_length} positions: {step.step_ms:.0f} ms")
    axes.set_xlim(right=1.5 * max(part.ms for part in parts))


def _draw_steps(axes: Any, canvases: CanvasBench) -> None:
    records = [point.record for point in canvases.points]
    lengths = [str(record.length) for record in records]
    axes.plot(lengths, [record.steps for record in records], "o-", label="S(L), steps")
    axes.plot(lengths, [record.equivalents for record in records], "o-", label="E(L), canvas equivalents")
    axes.plot(lengths, [record.tokens for record in records], "o:", label="new tokens")
    axes.set(
        xlabel="canvas length", ylabel="per canvas", title=f"{canvases.requests} held-out requests", ylim=(0, None)
    )
    axes.legend(frameon=False)


def _draw_speed_up(axes: Any, canvases: CanvasBench) -> None:
    lengths = [str(point.record.length) for point in canvases.points]
    axes.plot(lengths, [point.predicted_speed_up for point in canvases.points], "o:", label="predicted")
    axes.plot(lengths, [point.measured_speed_up for point in canvases.points], "o-", label="measured")
    axes.axhline(1, color="grey", linewidth=1, label="one token at a time")
    axes.set(xlabel="canvas length", ylabel="x", title="speed-up over one token at a time", ylim=(0, None))
    axes.legend(frameon=False)
