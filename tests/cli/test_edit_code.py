"""`dgemma edit` on LaTeX, code and data: what is not prose is left unchanged, and files of code are refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from dgemma.cli.in_place import CODE_SUFFIXES, edit_file
from dgemma.cli.spans import Keeper
from dgemma.cli.structure import runs
from dgemma.errors import UsageError


def prose_of(text: str) -> list[str]:
    """The prose parts of a text."""
    return [part for run in runs(text, Keeper(text)) for part in run[1::2]]


def protected(text: str) -> list[str]:
    """The protected spans of a text."""
    return [text[span.begin : span.end] for span in Keeper().spans(text)]


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "from os import path",
        "#include <stdio.h>",
        "@dataclass",
        "class Foo(Base):",
        "def bar(self, x) -> int:",
        "function greet(name) {",
        "const name = 'they was';",
        "public static void main(String[] args) {",
        "return x + \"they was\"",
        "x = foo(bar)",
        "total += 5",
        "printf(\"they was late\");",
        "}",
        '{"name": "they was", "n": 5}',
        '"name": "they was",',
    ],
)  # fmt: skip
def test_lines_of_code_and_data_are_fixed(line: str) -> None:
    assert prose_of(f"They was late.\n\n{line}\n\nShe go home.\n") == ["They was late.", "She go home."]


@pytest.mark.parametrize(
    "line",
    [
        "let us go home",
        "The class was full.",
        "From there they goes home.",
        '"quoted they was late"',
        "(they was late)",
        "He said (they was late):",
        "the first, which were late;",
        "It cost $250 and then $300.",
        "Note: they was late.",
        "Import taxes was high",
    ],
)
def test_prose_that_resembles_code_is_prose(line: str) -> None:
    assert prose_of(f"{line}\n") == [line]


def test_latex_keeps_its_commands_and_formulas() -> None:
    text = (
        "\\documentclass{article}\n"
        "We was glad that $f(x) = \\sum_i w_i x_i$ holds, see~\\cite{lee2024} and \\(a_b\\).\n"
        "\\begin{itemize}\n"
        "  \\item They was late.\n"
        "\\end{itemize}\n"
        "\\begin{equation}\n"
        "  they + was\n"
        "\\end{equation}\n"
        "\\begin{lstlisting}\n"
        "they was code\n"
        "\\end{lstlisting}\n"
        "She go home.\n"
    )
    first = "We was glad that $f(x) = \\sum_i w_i x_i$ holds, see~\\cite{lee2024} and \\(a_b\\)."
    assert [part for part in prose_of(text) if Keeper().has_prose(part)] == [first, "They was late.", "She go home."]
    assert protected(first) == ["$f(x) = \\sum_i w_i x_i$", "~\\cite{lee2024}", "\\(a_b\\)"]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("from $5 to $6 or $7-$8", []),
        ("let $x$ be", ["$x$"]),
        ("a \\emph{very good} day", ["\\emph{very good}"]),
        ("$$a^2$$ holds", ["$$a^2$$"]),
        ("late \0 bin", ["\0"]),
    ],
)
def test_formulas_and_control_characters_are_protected(text: str, spans: list[str]) -> None:
    assert protected(text) == spans


def test_files_of_code_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.PY"
    file.write_text("import os\n")
    options = {"instruction": None, "strength": 0.5, "write": False, "diff": False, "seed": 0}
    with pytest.raises(UsageError, match=r"a\.PY is code or data by its name, .* dgemma edit - < "):
        edit_file(file, load=lambda: pytest.fail("a model was loaded"), **options)
    assert {".py", ".json", ".yaml", ".csv", ".c"} < CODE_SUFFIXES and not {".md", ".txt", ".tex", ""} & CODE_SUFFIXES


def test_latex_is_edited_around_its_commands(tmp_path: Path) -> None:
    file = tmp_path / "a.tex"
    file.write_text("\\begin{itemize}\n  \\item They was late.\n\\end{itemize}\n")
    done = subprocess.run(
        [sys.executable, "-m", "dgemma", "edit", str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\\begin{itemize}\n  \\item They were late.\n\\end{itemize}\n"
