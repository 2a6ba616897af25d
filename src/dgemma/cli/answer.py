"""One request answered in a terminal or a pipe: the text on stdout, drawing and statistics on stderr."""

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
from dgemma.tui.reading import reading


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
    # Opened first: a model may take minutes, and then a name be wrong, or the model read no images.
    content = user_content(text, [open_image(file) for file in images])
    if images and open_model(find_model(model, weights=False), device="meta").config.vision is None:
        raise PromptError(f"The model {model} has no image tower: it reads text only. Leave --image out.")
    with reading(model) as progress:
        llm = load(model, device=device, dtype=dtype, quant=quant, progress=progress)
    prompt: str | Sequence[Mapping[str, Any]] = text if raw else [{"role": "user", "content": content}]
    stats = respond(llm, prompt, draw=not quiet and sys.stderr.isatty(), options=options)[1]
    if stats is None:
        raise KeyboardInterrupt
    if not quiet:
        print(statistics_line(stats), file=sys.stderr)


def user_content(text: str, images: Sequence[Any]) -> str | list[dict[str, Any]]:
    """What a message of the user holds: a text, or behind PIL images a list of parts."""
    shown = [{"type": "image", "image": image} for image in images]
    return [*shown, {"type": "text", "text": text}] if shown else text


def read_piped() -> str:
    """All of standard input; PromptError when it is not text."""
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise PromptError(f"Standard input is not UTF-8 text (byte {error.start}); convert it first.") from error
    refuse_stray_bytes(text, "Standard input")
    return text


def refuse_stray_bytes(text: str, what: str) -> None:
    """Raises PromptError for text with bytes that are no text, which some locales let through as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        before = text[: error.start].encode()
        raise PromptError(f"{what} is not UTF-8 text (byte {len(before)}); convert it first.") from error


def read_schema(file: Path) -> Any:
    """The JSON Schema in `file`; UsageError when it cannot be read or is no JSON."""
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise UsageError(f"The schema {file} is nested too deeply.") from error
    except OSError as error:
        raise UsageError(f"The schema {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"The schema {file} is not JSON ({error}).") from error


def respond(
    llm: LLM, prompt: str | Sequence[Mapping[str, Any]], *, draw: bool, options: Mapping[str, Any], pace: float = 0.0
) -> tuple[str, Stats | None]:
    """Prints one answer to stdout -> (text, statistics; None when it was stopped by Ctrl-C)."""
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
    """Prints the answer as it is committed; thinking and tool calls are held back."""
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
    # What was shown can turn out to be a thought that the prompt opened; then the answer follows on a line of its own.
    print(text[len(printed) :] if text.startswith(printed) else f"\n{text}", flush=True)
    return text, stats


def statistics_line(stats: Stats) -> str:
    """One line of what an answer took."""
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
