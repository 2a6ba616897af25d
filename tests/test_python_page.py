"""docs/python.md: its snippets run, and it documents every option, field, event and error."""

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
OPTION_TYPES = [value for value in vars(options).values() if is_typeddict(value)]


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def names_in_tables(text: str) -> set[str]:
    """The names in the first columns of the tables in a text."""
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


@pytest.mark.parametrize("options_type", OPTION_TYPES, ids=lambda options_type: options_type.__name__)
def test_every_option_is_documented(options_type):
    titles = {"GapOptions": "Infill and edit", "EditOptions": "Infill and edit"}
    title = titles.get(options_type.__name__, "Generate text")
    assert options_type.__annotations__ and set(options_type.__annotations__) <= names_in_tables(section(title))


def test_only_existing_options_are_documented():
    known = {name for options_type in OPTION_TYPES for name in options_type.__annotations__}
    calls = {"chat", "generate", "stream", "submit"}
    assert names_in_tables(section("Generate text")) <= known | calls | {"token_ids"}


def test_documented_defaults_match_the_code():
    parameters = signature(RequestMaker.make).parameters.values()
    defaults = {
        parameter.name: parameter.default for parameter in parameters if parameter.kind is Parameter.KEYWORD_ONLY
    }
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `([^`|]+)` \|", section("Generate text"), flags=re.MULTILINE)
    assert {name: repr(value) for name, value in defaults.items()}.items() <= dict(rows).items()


def test_every_parameter_of_load_is_documented_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `([^`|]+)` \|", section("Load a model"), flags=re.MULTILINE)
    assert dict(rows) == {
        name: repr(parameter.default) for name, parameter in signature(dgemma.load).parameters.items()
    }


@pytest.mark.parametrize("call", [dgemma.LLM.infill, dgemma.LLM.edit])
def test_every_parameter_of_infill_and_edit_is_documented(call):
    given = set(signature(call).parameters) - {"self", "options"}
    assert given <= names_in_tables(section("Infill and edit"))


@pytest.mark.parametrize(
    "kind", [dgemma.Reply, Stats, dgemma.Draft, dgemma.Commit, dgemma.Finish, TokenLogprobs, ToolCall]
)
def test_every_field_of_replies_and_events_is_documented(kind):
    derived = {name for name, value in vars(kind).items() if isinstance(value, property)}
    documented = set(re.findall(r"`(\w+)`", section("Replies, statistics and events")))
    assert {field.name for field in fields(kind)} | derived <= documented


def test_every_error_is_documented():
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes <= names_in_tables(section("Errors"))
