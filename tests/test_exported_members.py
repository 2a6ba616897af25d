"""Exports: each name in an `__all__` exists, and `dgemma.__all__` is the documented list.

Imports every public module (no part of its name starts with an underscore). A module that needs a library which is
not installed here is skipped. Knows nothing of what the names do.
"""

from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import dgemma

SOURCE = Path(__file__).resolve().parents[1] / "src"
DOCUMENTED = ["Commit", "Draft", "Finish", "LLM", "Reply", "__version__", "errors", "load"]


def public_modules() -> list[str]:
    """Dotted names of all modules in src/dgemma, except those with a part that starts with an underscore."""
    names = []
    for path in sorted((SOURCE / "dgemma").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            names.append(".".join(parts))
    return names


@pytest.mark.parametrize("name", public_modules())
def test_each_exported_name_exists(name: str) -> None:
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "dgemma":
            raise
        pytest.skip(f"{name} needs {error.name}, which is not installed")
    exported = getattr(module, "__all__", [])
    assert len(exported) == len(set(exported))
    assert [member for member in exported if not hasattr(module, member)] == []


def test_the_package_exports_the_documented_names() -> None:
    assert sorted(dgemma.__all__) == DOCUMENTED


def test_the_version_is_the_installed_one() -> None:
    assert dgemma.__version__ == version("dgemma")
