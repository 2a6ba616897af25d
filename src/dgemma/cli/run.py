"""`dgemma run`: answers one request. The text goes to stdout, the drawn canvas and statistics to stderr."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from dgemma.api import LLM, load
from dgemma.checkpoint import find_model, open_model
from dgemma.cli.options import given_by_options
from dgemma.engine.request import Commit, Event, Finish, Stats
from dgemma.errors import PromptError, UsageError
from dgemma.images import open_image
from dgemma.tui.canvas import show
from dgemma.tui.progress import loading_progress
from dgemma.tui.terminal import can_draw


def answer(
    text: str,
    *,
    images: Sequence[Path] = (),
    model: str,
    device: str,
    dtype: str,
    quant: str | None,
    raw: bool,
    quiet: bool,
    options: Mapping[str, Any],
) -> None:
    """Answers `text` and prints the answer; in a terminal the canvas is drawn while it settles."""
    refuse_stray_bytes(text, "The prompt")
    # Checked before the weights are loaded, which may take minutes: a file may not exist, or the model may not read
    # images.
    content = user_content(text, [open_image(file) for file in images])
    if images and open_model(find_model(model, weights=False), device="meta").config.vision is None:
        raise PromptError(f"The model {model} has no image tower and reads text only; leave out --image.")
    with loading_progress(model) as progress:
        llm = load(model, device=device, dtype=dtype, quant=quant, progress=progress)
    prompt: str | Sequence[Mapping[str, Any]] = text if raw else [{"role": "user", "content": content}]
    stats = respond(llm, prompt, draw=not quiet and can_draw(), options=options)[1]
    if stats is None:
        raise KeyboardInterrupt
    if not quiet:
        print(statistics_line(stats), file=sys.stderr)


def user_content(text: str, images: Sequence[Any]) -> str | list[dict[str, Any]]:
    """The content of a user message: the text alone, or a list of parts with the PIL images before the text."""
    parts = [{"type": "image", "image": image} for image in images]
    return [*parts, {"type": "text", "text": text}] if parts else text


def read_piped() -> str:
    """Reads all of standard input. Raises PromptError if it is not text in the expected encoding."""
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise PromptError(f"Standard input is not UTF-8 text (byte {error.start}); convert it first.") from error
    refuse_stray_bytes(text, "Standard input")
    return text


def refuse_stray_bytes(text: str, what: str) -> None:
    """Raises PromptError for text with undecodable bytes, which some locales pass through as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        before = text[: error.start].encode()
        raise PromptError(f"{what} is not UTF-8 text (byte {len(before)}); convert it first.") from error


def read_schema(file: Path) -> Any:
    """The JSON Schema in `file`. Raises UsageError if it cannot be read or is not JSON."""
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise UsageError(f"The schema {file} is nested too deeply.") from error
    except OSError as error:
        raise UsageError(f"The schema {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"The schema {file} is not valid JSON: {error}.") from error


def respond(
    llm: LLM, prompt: str | Sequence[Mapping[str, Any]], *, draw: bool, options: Mapping[str, Any], pace: float = 0.0
) -> tuple[str, Stats | None]:
    """Prints one answer to stdout -> (text, statistics). The statistics are None if Ctrl-C stopped it.

    draw: show the canvas on stderr while it settles, at least `pace` seconds per step.
    """
    with given_by_options():
        events = llm.stream(prompt, drafts=draw, **options)
    end_ids = frozenset(llm.model.end_ids)
    if draw:
        ids, finish = show(events, Console(stderr=True), llm.decode, end_ids, pace)
        text = llm.parse(ids).text
        print(text, flush=True)
        return text, finish.stats if finish else None
    return _stream_plain(llm, events)


def _stream_plain(llm: LLM, events: Iterator[Event]) -> tuple[str, Stats | None]:
    """Prints the answer's text as it is committed; thinking and tool calls are left out."""
    ids: list[int] = []
    stats: Stats | None = None
    printed = ""
    for event in events:
        if isinstance(event, Commit):
            ids += event.token_ids
            text = llm.parse(ids, complete=False).text
            if text.startswith(printed):
                print(text[len(printed) :], end="", flush=True)
                printed = text
        elif isinstance(event, Finish):
            stats = event.stats
    text = llm.parse(ids).text
    # The printed text may turn out to be thinking that the prompt opened. Then the answer follows on a new line.
    print(text[len(printed) :] if text.startswith(printed) else f"\n{text}", flush=True)
    return text, stats


def statistics_line(stats: Stats) -> str:
    """One line with the cost and speed of an answer."""
    parts = [f"{stats.mode}: {_counted(stats.new_tokens, 'token')}"]
    if stats.mode == "diffusion":
        parts += [_counted(stats.canvases, "canvas", "es"), _counted(stats.denoise_steps, "step")]
    parts += [
        f"{stats.tokens_per_forward:.1f} tokens/forward",
        f"{stats.tokens_per_second:.0f} tokens/s",
        f"first text {stats.first_text_ms:.0f} ms",
    ]
    return ", ".join(parts)


def _counted(count: int, noun: str, ending: str = "s") -> str:
    return f"{count} {noun}{'' if count == 1 else ending}"
