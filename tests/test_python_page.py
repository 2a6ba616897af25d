"""docs/python.md: its snippets run, and it tells of every option, field, event and error."""

import re
from dataclasses import fields
from inspect import Parameter, signature
from pathlib import Path
from typing import is_typeddict

import pytest

import dgemma
from dgemma import errors, options
from dgemma.chat import ToolCall
from dgemma.engine.request import Stats, TokenLogprobs
from dgemma.options import RequestMaker

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
CHOICES = [one for one in vars(options).values() if is_typeddict(one)]


def section(title: str) -> str:
    """What stands under a heading."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def named(text: str) -> set[str]:
    """The names in the first column of the tables of a text."""
    firsts = re.findall(r"^\| (.*?) \|", text, flags=re.MULTILINE)
    return set(re.findall(r"`(\w+)`", " ".join(firsts)))


def test_the_snippets_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for code in re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE):
        exec(compile(code, "python.md", "exec"), namespace)
    shown = capsys.readouterr().out
    assert "They were late for the train yesterday." in shown and "mode 'fast'" in shown
    assert (tmp_path / "copy" / "config.json").is_file()


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.__name__)
def test_every_option_of_a_call_is_told_of(choice):
    titles = {"GapOptions": "Infill and edit", "EditOptions": "Infill and edit"}
    title = titles.get(choice.__name__, "Generate text")
    assert choice.__annotations__ and set(choice.__annotations__) <= named(section(title))


def test_no_option_is_told_of_that_is_none():
    known = {name for choice in CHOICES for name in choice.__annotations__}
    calls = {"chat", "generate", "stream", "submit"}
    assert named(section("Generate text")) <= known | calls | {"token_ids"}


def test_the_defaults_are_those_of_the_code():
    parameters = signature(RequestMaker.make).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.kind is Parameter.KEYWORD_ONLY}
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `([^`|]+)` \|", section("Generate text"), flags=re.MULTILINE)
    assert {name: repr(value) for name, value in defaults.items()}.items() <= dict(rows).items()


def test_every_parameter_of_load_is_told_of_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `([^`|]+)` \|", section("Load a model"), flags=re.MULTILINE)
    assert dict(rows) == {name: repr(one.default) for name, one in signature(dgemma.load).parameters.items()}


@pytest.mark.parametrize("call", [dgemma.LLM.infill, dgemma.LLM.edit])
def test_every_parameter_of_work_in_place_is_told_of(call):
    given = set(signature(call).parameters) - {"self", "options"}
    assert given <= named(section("Infill and edit"))


@pytest.mark.parametrize(
    "kind", [dgemma.Reply, Stats, dgemma.Draft, dgemma.Commit, dgemma.Finish, TokenLogprobs, ToolCall]
)
def test_every_field_of_what_comes_back_is_told_of(kind):
    derived = {name for name, value in vars(kind).items() if isinstance(value, property)}
    told = set(re.findall(r"`(\w+)`", section("Replies, statistics and events")))
    assert {field.name for field in fields(kind)} | derived <= told


def test_every_error_is_told_of():
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes <= named(section("Errors"))
