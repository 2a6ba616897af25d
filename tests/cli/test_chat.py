"""What a chat says of its model, and of a conversation that grew too long."""

from dataclasses import replace

import pytest
import typer

from dgemma.api import LLM
from dgemma.checkpoint import find_model, open_model
from dgemma.cli import chat
from dgemma.config import EngineConfig


def conversing(monkeypatch: pytest.MonkeyPatch, *lines: str, single_turn: bool) -> None:
    """Has chats load tiny, taught conversations or not, and these lines typed."""
    model = replace(open_model(find_model("tiny")), single_turn=single_turn)
    monkeypatch.setattr(chat, "load", lambda *given, **named: LLM(model, EngineConfig(device="cpu", dtype="float32")))
    typed = iter([*lines, None])
    monkeypatch.setattr(chat, "_read", lambda terminal: next(typed))


@pytest.mark.parametrize("single_turn", [True, False])
def test_too_much_that_was_said_is_told_how_to_go_on(capsys, monkeypatch, single_turn):
    conversing(monkeypatch, "hello", "long " * 4095, single_turn=single_turn)
    with pytest.raises(typer.Exit):
        chat.chat_loop("tiny", max_new_tokens=8)
    told = capsys.readouterr().err.splitlines()[-1]
    assert "exceed the context of 4096" in told
    # Where nothing was said before, it is this line that is too long.
    assert told.endswith("/new starts a fresh conversation.") != single_turn


@pytest.mark.parametrize("model", ["tiny", "models/other"])
@pytest.mark.parametrize("single_turn", [True, False])
def test_a_chat_begins_with_what_the_model_is(capsys, monkeypatch, model, single_turn):
    conversing(monkeypatch, single_turn=single_turn)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    chat.chat_loop(model)
    told = capsys.readouterr().err
    assert ("embedded model" in told and "Sort these words" in told) == (model == "tiny")
    assert ("models/other" in told) == (model != "tiny")
    assert ("answers each message alone" in told) == (model == "tiny" or single_turn)
