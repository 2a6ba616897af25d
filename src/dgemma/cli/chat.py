"""`dgemma chat`: a loop over one model and one conversation, with a few slash commands."""

import os
import shlex
import sys
from contextlib import suppress
from typing import Any

import typer
from rich.console import Console

from dgemma.api import LLM, load
from dgemma.checkpoint import EMBEDDED
from dgemma.cli.run import refuse_stray_bytes, respond, statistics_line, user_content
from dgemma.errors import DgemmaError, PromptError, UsageError
from dgemma.images import open_image
from dgemma.tui.progress import loading_progress
from dgemma.tui.terminal import can_draw

HELP = """\
/?               show this help
/new             start a new conversation
/image FILE      send an image with the next message, if the model reads images
/mode MODE       set the mode: diffusion, autoregressive or auto
/stats           turn the statistics after each answer on or off
/bye             exit (so does Ctrl-D); Ctrl-C stops an answer
A backslash at the end of a line continues the message on the next line."""

WELCOME = """\
dgemma: the embedded model does small jobs, and answers each message on its own.
Try one of these, or /? for help:
  Extract name and city as JSON: Anna Lee, a nurse, lives in Lisbon.
  Fix the mistakes: They was late for the the train yestreday.
  Sort these words alphabetically: pear, apple, fig"""


def chat_loop(
    model: str,
    *,
    mode: str = "diffusion",
    max_new_tokens: int | None = None,
    seed: int = 0,
    device: str = "auto",
    dtype: str = "auto",
    quant: str | None = None,
) -> None:
    """Answers each request that is read from stdin, until its end.

    A model that was not trained on conversations (`single_turn`) sees each request without the earlier ones. Raises
    typer.Exit(1) at the end of input if stdin is no terminal and a request failed.
    """
    terminal = sys.stdin.isatty()
    if terminal:
        _edit_lines()
    with loading_progress(model) as progress:
        llm = load(model, device=device, dtype=dtype, quant=quant, progress=progress)
    if terminal:
        note = ", which answers each message on its own" if llm.model.single_turn else ""
        print(WELCOME if model in EMBEDDED else f"dgemma: {model}{note}. /? for help", file=sys.stderr)
    conversation: list[dict[str, Any]] = []
    settings: dict[str, Any] = {"mode": mode, "stats": True, "images": []}
    failed = False
    while (line := _read(terminal)) is not None:
        if not line.strip():
            continue
        if line.startswith("/"):
            if line.split()[0] in ("/bye", "/exit", "/quit"):
                return
            try:
                _command(line, conversation, settings, llm)
            except DgemmaError as error:
                if not terminal and not isinstance(error, UsageError):
                    raise  # The next line of the pipe may be about this image.
                print(f"dgemma: {error}", file=sys.stderr)
            continue
        if llm.model.single_turn:
            conversation.clear()
        conversation.append({"role": "user", "content": user_content(line, settings["images"])})
        options = {"mode": settings["mode"], "max_new_tokens": max_new_tokens, "seed": seed}
        try:
            text, stats = respond(llm, conversation, draw=terminal and can_draw(), options=options)
        except UsageError:
            # The command's own options are wrong, so every request would fail.
            raise
        except DgemmaError as error:
            conversation.pop()
            # With earlier messages, a prompt that is too long is the fault of the conversation, not of this line.
            advice = " /new starts a new conversation." if conversation and type(error) is PromptError else ""
            print(f"dgemma: {error}{advice}", file=sys.stderr)
            settings["images"] = []
            failed = True
            continue
        conversation.append({"role": "assistant", "content": text})
        settings["images"] = []
        if stats is not None and settings["stats"]:
            print(statistics_line(stats), file=sys.stderr)
    if failed and not terminal:
        raise typer.Exit(1)


def _edit_lines() -> None:
    """Gives `input` arrow keys and a history, if Python was built with readline."""
    with suppress(ImportError):
        import readline  # noqa: F401


def _read(terminal: bool) -> str | None:
    """The next message, or None at the end of input. A backslash at a line's end continues the message."""
    lines: list[str] = []
    while True:
        prompt = ("... " if lines else ">>> ") if terminal else ""
        if prompt and not sys.stdout.isatty():
            # stdout holds the answers only; keep the prompt out of it.
            print(prompt, end="", file=sys.stderr, flush=True)
            prompt = ""
        try:
            line = input(prompt)
            refuse_stray_bytes(line, "Standard input")
        except UnicodeDecodeError as error:
            raise PromptError(f"Standard input is not UTF-8 text (byte {error.start}); convert it first.") from error
        except EOFError:
            if terminal:
                # End the line that Ctrl-D left open.
                print(file=sys.stderr)
            return "\n".join(lines) if lines else None
        except KeyboardInterrupt:
            print(file=sys.stderr)
            return ""
        if not line.endswith("\\"):
            return "\n".join([*lines, line])
        lines.append(line[:-1])


def _note(text: str) -> None:
    Console(stderr=True).print(text, style="dim", highlight=False)


def _command(line: str, conversation: list[dict[str, Any]], settings: dict[str, Any], llm: LLM) -> None:
    """Carries out one slash command; changes `conversation` and `settings` in place."""
    word, rest = [*line.split(maxsplit=1), ""][:2]
    if word == "/new":
        conversation.clear()
        settings["images"] = []
        _note("conversation cleared")
    elif word == "/stats":
        settings["stats"] = not settings["stats"]
        _note(f"statistics {'on' if settings['stats'] else 'off'}")
    elif word == "/mode":
        if rest not in ("diffusion", "autoregressive", "auto"):
            raise UsageError(f"mode {rest!r} is not one of diffusion, autoregressive, auto.")
        settings["mode"] = rest
        _note(f"mode: {rest}")
    elif word == "/image":
        if not rest.strip():
            raise PromptError("/image needs a file name: /image photo.png")
        file = _resolve_file(rest.strip())
        image = open_image(file)
        # Reports an image that the model cannot take now instead of with the next message.
        llm.prepare_images([{"role": "user", "content": user_content("", [image])}])
        settings["images"].append(image)
        _note(f"{file} ({image.width} by {image.height}) will be sent with the next message")
    elif word in ("/?", "/help"):
        print(HELP, file=sys.stderr)
    else:
        raise UsageError(f"Unknown command {line!r}; /? lists the commands.")


def _resolve_file(typed: str) -> str:
    """The file that `typed` names. Dropping a file on a terminal types its name quoted or with escaped spaces."""
    name = os.path.expanduser(typed)
    if os.path.exists(name):
        return name
    try:
        parts = shlex.split(typed)
    except ValueError:  # an unmatched quote, such as an apostrophe
        return name
    return os.path.expanduser(parts[0]) if len(parts) == 1 else name
