"""The chat loop: one model, one conversation, a few slash commands."""

import os
import shlex
import sys
from contextlib import suppress
from typing import Any

import typer
from rich.console import Console

from dgemma.api import LLM, load
from dgemma.checkpoint import EMBEDDED
from dgemma.cli.answer import refuse_stray_bytes, respond, statistics_line, user_content
from dgemma.errors import DgemmaError, PromptError, UsageError
from dgemma.images import open_image
from dgemma.tui.reading import reading

HELP = """\
/?               this help
/new             forget the conversation
/image FILE      show a picture with the next message, to a model that reads images
/mode MODE       diffusion, autoregressive or auto
/stats           statistics after each answer on or off
/bye             leave (so does Ctrl-D); Ctrl-C stops an answer"""

WELCOME = """\
dgemma: the embedded model does small jobs, and answers each message alone.
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
    """Reads requests from stdin until its end and answers each. A model that was not trained on conversations
    (`single_turn`) is given each request alone. Raises typer.Exit(1) at the end of a pipe of which a request failed."""
    terminal = sys.stdin.isatty()
    if terminal:
        _edit_lines()
    with reading(model) as progress:
        llm = load(model, device=device, dtype=dtype, quant=quant, progress=progress)
    if terminal:
        alone = ", which answers each message alone" if llm.model.single_turn else ""
        print(WELCOME if model in EMBEDDED else f"dgemma: {model}{alone}. /? for help", file=sys.stderr)
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
                    raise  # What comes next may be about the picture.
                print(f"dgemma: {error}", file=sys.stderr)
            continue
        if llm.model.single_turn:
            conversation.clear()
        conversation.append({"role": "user", "content": user_content(line, settings["images"])})
        options = {"mode": settings["mode"], "max_new_tokens": max_new_tokens, "seed": seed}
        try:
            text, stats = respond(llm, conversation, draw=terminal and sys.stderr.isatty(), options=options)
        except UsageError:
            # What the command was given, not what was typed.
            raise
        except DgemmaError as error:
            conversation.pop()
            # What is too long is all that was said, not this line.
            advice = " /new starts a fresh conversation." if conversation and type(error) is PromptError else ""
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
    """Arrow keys and a history for `input`, where Python has them."""
    with suppress(ImportError):
        import readline  # noqa: F401


def _read(terminal: bool) -> str | None:
    """The next line; a line that ends in a backslash goes on. None at the end of input."""
    lines: list[str] = []
    while True:
        prompt = ("... " if lines else ">>> ") if terminal else ""
        if prompt and not sys.stdout.isatty():
            # The answers go elsewhere, and the prompt must not.
            print(prompt, end="", file=sys.stderr, flush=True)
            prompt = ""
        try:
            line = input(prompt)
            refuse_stray_bytes(line, "Standard input")
        except UnicodeDecodeError as error:
            raise PromptError(f"Standard input is not UTF-8 text (byte {error.start}); convert it first.") from error
        except EOFError:
            if terminal:
                # Ctrl-D leaves the line unfinished.
                print(file=sys.stderr)
            return "\n".join(lines) if lines else None
        except KeyboardInterrupt:
            print(file=sys.stderr)
            return ""
        if not line.endswith("\\"):
            return "\n".join([*lines, line])
        lines.append(line[:-1])


def _note(told: str) -> None:
    Console(stderr=True).print(told, style="dim", highlight=False)


def _command(line: str, conversation: list[dict[str, Any]], settings: dict[str, Any], llm: LLM) -> None:
    word, rest = [*line.split(maxsplit=1), ""][:2]
    if word == "/new":
        conversation.clear()
        settings["images"] = []
        _note("conversation forgotten")
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
            raise PromptError("/image takes the name of a file.")
        file = _file(rest.strip())
        image = open_image(file)
        # What cannot be shown is told now.
        llm.prepare_images([{"role": "user", "content": user_content("", [image])}])
        settings["images"].append(image)
        _note(f"{file} ({image.width} by {image.height}) goes with the next message")
    elif word in ("/?", "/help"):
        print(HELP, file=sys.stderr)
    else:
        raise UsageError(f"{line!r} is no command; /? lists them.")


def _file(told: str) -> str:
    """A file's name as it was typed, or as a terminal gives it that a file is dropped on: quoted, spaces escaped."""
    name = os.path.expanduser(told)
    if os.path.exists(name):
        return name
    try:
        parts = shlex.split(told)
    except ValueError:  # an apostrophe
        return name
    return os.path.expanduser(parts[0]) if len(parts) == 1 else name
