"""What a chat prints about its model, and about a conversation that is too long."""

from dataclasses import replace

import pytest
import typer

from dgemma.api import LLM
from dgemma.checkpoint import find_model, open_model
from dgemma.cli import chat
from dgemma.config import EngineConfig


def patch_chat(monkeypatch: pytest.MonkeyPatch, *lines: str, single_turn: bool) -> None:
    """Makes the chat command load tiny, as a single-turn model or not, and read these lines."""
    model = replace(open_model(find_model("tiny")), single_turn=single_turn)
    monkeypatch.setattr(chat, "load", lambda *given, **named: LLM(model, EngineConfig(device="cpu", dtype="float32")))
    typed = iter([*lines, None])
    monkeypatch.setattr(chat, "_read", lambda terminal: next(typed))


@pytest.mark.parametrize("single_turn", [True, False])
def test_a_conversation_that_is_too_long_is_reported_with_advice(capsys, monkeypatch, single_turn):
    patch_chat(monkeypatch, "hello", "long " * 4095, single_turn=single_turn)
    with pytest.raises(typer.Exit):
        chat.chat_loop("tiny", max_new_tokens=8)
    message = capsys.readouterr().err.splitlines()[-1]
    assert "exceed the context of 4096" in message
    # Without earlier messages, this line itself is too long.
    assert message.endswith("/new starts a new conversation.") != single_turn


@pytest.mark.parametrize("model", ["tiny", "models/other"])
@pytest.mark.parametrize("single_turn", [True, False])
def test_a_chat_begins_with_a_description_of_the_model(capsys, monkeypatch, model, single_turn):
    patch_chat(monkeypatch, single_turn=single_turn)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    chat.chat_loop(model)
    welcome = capsys.readouterr().err
    assert ("embedded model" in welcome and "Sort these words" in welcome) == (model == "tiny")
    assert ("models/other" in welcome) == (model != "tiny")
    assert ("answers each message on its own" in welcome) == (model == "tiny" or single_turn)
