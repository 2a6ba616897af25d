"""docs/cli.md matches the commands' help, and the README's commands exist and print what it shows."""

import re
import runpy
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from dgemma.checkpoint import find_model
from dgemma.cli.app import app
from dgemma.cli.demo import JOBS
from dgemma.train.recipe import read_recipe
from dgemma.train.trainer import train

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def generated_page() -> str:
    command = typer.main.get_command(app)
    return get_docs_for_click(obj=command, ctx=typer.Context(command), name="dgemma").strip() + "\n"


def test_docs_cli_md_is_up_to_date():
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == generated_page(), "run `make docs`"


def test_the_commands_of_the_readme_exist():
    command = typer.main.get_command(app)
    known = set(command.list_commands(typer.Context(command)))  # pyright: ignore[reportAttributeAccessIssue]
    mentioned = set(re.findall(r"`dgemma (\w+)", README))
    assert mentioned and mentioned <= known
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)$", README, flags=re.MULTILINE)
    assert targets[:2] == ["run", "test"] and all(f"\n{target}:" in makefile for target in targets)


def test_the_readme_shows_the_demo_that_is_run():
    for title, prompt in JOBS:
        assert f"{title}\n> {prompt}\n" in README


def test_the_recipe_for_your_own_examples_in_training_md_runs(tmp_path):
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    examples, recipe = re.search(r"```json\n(.*?)```.*?```toml\n(.*?)```", page, flags=re.DOTALL).groups()
    (tmp_path / "tickets.jsonl").write_text(examples, encoding="utf-8")
    (tmp_path / "mine.toml").write_text(recipe, encoding="utf-8")
    chosen = read_recipe(tmp_path / "mine.toml", steps=1, held_out_rows=1)
    best = train(chosen, None, tmp_path / "run", lambda progress: None, find_model("tiny"))
    assert best == tmp_path / "run" / "best" and best.is_dir()


def test_the_example_of_an_edit_shows_which_words_changed(capsys):
    runpy.run_path(str(ROOT / "examples" / "gaps_and_edits.py"))
    output = capsys.readouterr().out.splitlines()
    assert output[1:] == [
        "'was' -> 'were'",
        "'the' -> ''",
        "'yestreday.' -> 'yesterday.'",
        "They were late for the train yesterday.",
    ]


def test_the_readme_names_every_environment_variable():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    assert all(name in README for name in set(re.findall(r"\bDGEMMA_[A-Z_]+", sources)))


def test_the_python_of_the_readme_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
