"""The measuring recipes run on a toy shape without a GPU: every part is measured, none ends in an error."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tests.test_model import NETWORK

RECIPES = Path(__file__).parents[1] / "recipes"


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(name, RECIPES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_measure_26b_runs_on_a_toy_shape_without_errors(tmp_path: Path) -> None:
    out = tmp_path / "toy.json"
    sizes = ["--canvas", "16", "8", "--contexts", "32", "--runs", "1"]
    load("measure_26b").main(["--device", "cpu", "--config", "toy", "--dtype", "float32", *sizes, "--out", str(out)])
    document = json.loads(out.read_text(encoding="utf-8"))
    assert "error" not in out.read_text(encoding="utf-8")
    assert [row["rows"] for row in document["heads"]] == [16, 8]
    assert [row.get("canvas") for row in document["steps"]] == [None, None, 16, 8]
    assert document["steps"][1]["token_ms"] > 0
    assert all(row["plain"]["step_ms"] > 0 for row in document["steps"][2:])
    assert len(document["anatomy"]) == 2
    assert not document["recordable"] and document["layers"] == document["of_layers"]


def test_measure_growth_prints_every_row_of_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    module = load("measure_growth")
    for print_table in (module.print_canvases, module.print_contexts):
        print_table(NETWORK, 1)
    module.print_memory(NETWORK)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(rows) == 3 + len(module.CANVASES) + len(module.CONTEXTS) + len(module.STEPS)
