"""Imports point down: every import in src/dgemma is compared with the table of layers below.

Reads the source without running it, so imports inside functions, under TYPE_CHECKING and by
`import_module("...")` count too. Knows nothing of what the modules do. A last test starts a fresh
interpreter to see that `import dgemma` is quiet and loads no surface's libraries.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
PACKAGE = "dgemma"

# The first name below `dgemma` decides the layer; a folder is one entry. PACKAGE itself is dgemma/__init__.py.
LAYER_OF = {
    name: layer
    for layer, names in enumerate(
        [
            ["errors", "values", "config", "vision_config", "profile", "memory", "devices", "files", "interrupts"],
            ["quant", "ops"],
            ["cache", "model", "fused", "fused_calls", "masks", "norms", "vision", "image_spans"],
            ["tokenizer", "images", "chat", "checkpoint"],
            ["decode"],
            ["engine"],
            ["options", "reply", "api", PACKAGE],
            ["cli", "tui", "server", "train", "evals", "bench", "tiny", "__main__"],
        ]
    )
    for name in names
}

# Libraries of the surfaces and of the reference in the tests: `import dgemma` in a program must load none of them.
NOT_LOADED_BY_IMPORT = ["fastapi", "gguf", "rich", "transformers", "typer"]


def module_name(path: Path, source: Path) -> str:
    """The dotted name of a file: src/dgemma/ops/cpu.py is dgemma.ops.cpu, an __init__.py is its package."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_entry(module: str) -> str:
    """The module's key in LAYER_OF: `ops` for dgemma.ops.cpu, PACKAGE for dgemma itself."""
    return module.split(".")[1] if "." in module else module


def dynamic_import(node: ast.Call) -> str | None:
    """The literal first argument of `import_module(...)` or `__import__(...)`, else None."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    if name not in {"import_module", "__import__"} or not node.args:
        return None
    target = node.args[0]
    return target.value if isinstance(target, ast.Constant) and isinstance(target.value, str) else None


def imported_modules(tree: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    """Line and absolute name of each import below `tree`; `package` is what relative ones start from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package).rstrip(".")
            for alias in node.names:
                # Only names imported from the package itself may be modules: `from dgemma import cli` means
                # dgemma.cli, while `from dgemma import load` means a name that dgemma/__init__.py exports.
                names_a_module = base == PACKAGE and alias.name in LAYER_OF
                yield node.lineno, f"{base}.{alias.name}" if names_a_module else base
        elif isinstance(node, ast.Call) and (name := dynamic_import(node)):
            yield node.lineno, resolve_name(name, package)


def layer_violations(source: Path) -> list[str]:
    """One sentence per upward import and per module that LAYER_OF does not name, in source/dgemma."""
    violations = []
    for path in sorted((source / PACKAGE).rglob("*.py")):
        module = module_name(path, source)
        entry = layer_entry(module)
        where = path.relative_to(source.parent).as_posix()
        if entry not in LAYER_OF:
            violations.append(f"{where}: {entry} has no layer; add it to the table in tests/test_layers.py")
            continue
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for line, target in imported_modules(ast.parse(path.read_bytes(), where), package):
            if target.split(".")[0] != PACKAGE:
                continue
            target_entry = layer_entry(target)
            if target_entry not in LAYER_OF:
                violations.append(f"{where}:{line}: {target} has no layer; add it to the table in tests/test_layers.py")
            elif LAYER_OF[target_entry] > LAYER_OF[entry]:
                layers = f"layer {LAYER_OF[entry]} imports layer {LAYER_OF[target_entry]}"
                violations.append(f"{where}:{line}: {module} imports {target}, upward: {layers}")
    return violations


def test_imports_point_down_the_layers() -> None:
    assert list((SOURCE / PACKAGE).rglob("*.py"))
    assert layer_violations(SOURCE) == []


@pytest.mark.parametrize(
    ("file", "code", "target"),
    [
        ("ops/cpu.py", "import dgemma.engine.runner", "dgemma.engine.runner"),
        ("ops/cpu.py", "from dgemma.cache import KVCache", "dgemma.cache"),
        ("ops/cpu.py", "from dgemma import cache", "dgemma.cache"),
        ("ops/cpu.py", "from dgemma import load", "dgemma"),
        ("ops/cpu.py", "from ..model import DiffusionGemma", "dgemma.model"),
        ("ops/__init__.py", "from ..model import DiffusionGemma", "dgemma.model"),
        ("ops/cpu.py", "from .. import model", "dgemma.model"),
        ("model.py", "from .decode import head", "dgemma.decode"),
        ("model.py", "def later():\n    from dgemma import api", "dgemma.api"),
        ("model.py", "if TYPE_CHECKING:\n    from dgemma.api import LLM", "dgemma.api"),
        ("model.py", "importlib.import_module('dgemma.cli')", "dgemma.cli"),
        ("model.py", "import_module('.cli', __package__)", "dgemma.cli"),
        ("__init__.py", "from .cli import main", "dgemma.cli"),
    ],
)
def test_an_upward_import_is_found(tmp_path: Path, file: str, code: str, target: str) -> None:
    write_module(tmp_path, file, code)
    (violation,) = layer_violations(tmp_path / "src")
    line = 1 + code.count("\n")
    assert violation.startswith(f"src/dgemma/{file}:{line}: ")
    assert f" imports {target}, upward: " in violation


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("ops/cpu.py", "import torch\nfrom . import reference\nfrom ..quant import QuantWeight\nimport dgemma.errors"),
        ("engine/runner.py", "from dgemma.decode.head import read\nfrom .request import Request"),
        ("cli/__init__.py", "from dgemma import load\nfrom ..tui import app\nimport dgemma"),
        ("__init__.py", "from .api import load\nfrom . import errors"),
    ],
)
def test_imports_of_the_same_or_a_lower_layer_pass(tmp_path: Path, file: str, code: str) -> None:
    write_module(tmp_path, file, code)
    assert layer_violations(tmp_path / "src") == []


def test_a_module_without_a_layer_is_found(tmp_path: Path) -> None:
    write_module(tmp_path, "novelty.py", "")
    write_module(tmp_path, "api.py", "from dgemma.novelty import surprise")
    assert [violation.split(";")[0] for violation in layer_violations(tmp_path / "src")] == [
        "src/dgemma/api.py:1: dgemma.novelty has no layer",
        "src/dgemma/novelty.py: novelty has no layer",
    ]


def write_module(root: Path, file: str, code: str) -> None:
    path = root / "src" / PACKAGE / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, encoding="utf-8")


@pytest.mark.parametrize(
    ("module", "unwanted"), [(PACKAGE, ["torch", *NOT_LOADED_BY_IMPORT]), (f"{PACKAGE}.cli.app", ["torch", "numpy"])]
)
def test_importing_prints_nothing_and_loads_no_heavy_library(module: str, unwanted: list[str]) -> None:
    """So that `import dgemma` costs nothing, and `dgemma --help` and a wrong option answer at once."""
    code = (
        f"import sys, {module}\n"
        f"loaded = sorted(set({unwanted}) & set(sys.modules))\n"
        "sys.exit(f'the import loaded {loaded}' if loaded else 0)"
    )
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
