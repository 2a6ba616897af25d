"""The commands and their options; each one's work is in a module of its own or in the layer below."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dgemma.errors import UsageError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    help="DiffusionGemma on your own machine. Without a command: chat with the embedded model.",
)

Model = Annotated[str, typer.Option("--model", "-m", help="tiny, a model folder, or a hub id owner/name.")]
Mode = Annotated[str, typer.Option(help="diffusion, autoregressive or auto.")]
Tokens = Annotated[int | None, typer.Option("--max-new-tokens", "-n", help="At most so many new tokens.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same answer.")]
Canvas = Annotated[int | None, typer.Option("--canvas", help="Tokens per canvas; by default the model's own.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
Temperature = Annotated[float | None, typer.Option(help="Scales the schedule; autoregressive: 0 is greedy.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.callback(invoke_without_command=True)
def default(context: typer.Context, debug: Debug = False) -> None:
    """Chats with the embedded model when no command is given."""
    if context.invoked_subcommand is None:
        from dgemma.cli.chat import chat_loop

        chat_loop(model="tiny", mode="diffusion", max_new_tokens=None, seed=0, device="auto", dtype="auto")


@app.command()
def run(
    prompt: Annotated[list[str] | None, typer.Argument(help="The request; piped standard input is added.")] = None,
    model: Model = "tiny",
    mode: Mode = "diffusion",
    max_new_tokens: Tokens = None,
    seed: Seed = 0,
    canvas: Canvas = None,
    steps: Annotated[int | None, typer.Option(help="At most so many denoise steps a canvas.")] = None,
    temperature: Temperature = None,
    raw: Annotated[bool, typer.Option("--raw", help="Continue the text as it stands, without a chat turn.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No statistics, no drawing.")] = False,
    device: Device = "auto",
    dtype: Dtype = "auto",
    debug: Debug = False,
) -> None:
    """Answers one request and leaves."""
    from dgemma.cli.answer import answer

    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    text = "\n\n".join(part for part in (" ".join(prompt or []), piped.strip()) if part)
    if not text:
        raise UsageError('Give a request, for example: dgemma run "Fix the mistakes: She go home."')
    options = {
        "mode": mode, "max_new_tokens": max_new_tokens, "seed": seed, "canvas_length": canvas,
        "max_denoising_steps": steps, "temperature": temperature,
    }  # fmt: skip
    answer(text, model=model, device=device, dtype=dtype, raw=raw, quiet=quiet, options=options)


@app.command()
def chat(
    model: Model = "tiny",
    mode: Mode = "diffusion",
    max_new_tokens: Tokens = None,
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    debug: Debug = False,
) -> None:
    """Chats; /? helps, Ctrl-C stops an answer, Ctrl-D leaves."""
    from dgemma.cli.chat import chat_loop

    chat_loop(model=model, mode=mode, max_new_tokens=max_new_tokens, seed=seed, device=device, dtype=dtype)


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="tiny, a model folder, or a hub id owner/name.")] = "tiny",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of a table.")] = False,
    debug: Debug = False,
) -> None:
    """Shows what a model is: sizes, layers, context, sampler."""
    from dgemma.cli.models import show

    show(model, as_json)


@app.command()
def pull(
    model: Annotated[str, typer.Argument(help="A hub id, owner/name.")] = "google/diffusiongemma-26B-A4B-it",
    debug: Debug = False,
) -> None:
    """Fetches a model from the hub, resuming what was begun, and prints its folder."""
    from dgemma.cli.models import pull

    pull(model)


@app.command(name="eval")
def evaluate(
    tasks: Annotated[list[str] | None, typer.Argument(help="Tasks by name; by default all that can be scored.")] = None,
    model: Model = "tiny",
    n: Annotated[int, typer.Option("-n", help="Examples per task.")] = 50,
    mode: Annotated[str, typer.Option(help="diffusion, autoregressive, or both.")] = "both",
    canvas: Canvas = None,
    seed: Seed = 0,
    failures: Annotated[int, typer.Option(help="Show so many wrong answers per task on stderr.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of tables.")] = False,
    data: Annotated[Path | None, typer.Option(help="Training text: also show the longest run copied from it.")] = None,
    debug: Debug = False,
) -> None:
    """Scores a model on held-out tasks, diffusion beside autoregressive decoding."""
    from dgemma.cli.measure import evaluate_and_print

    evaluate_and_print(tasks or [], model, n, mode, canvas, seed, failures, as_json, data)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe file, such as recipes/tiny_cpu.toml.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; a run that lies there is resumed.")] = Path("runs/tiny"),
    data: Annotated[Path | None, typer.Option(help="Folder of natural text; without it generators alone.")] = None,
    steps: Annotated[int | None, typer.Option(help="Instead of the recipe's number of steps.")] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's seed.")] = None,
    debug: Debug = False,
) -> None:
    """Trains a model by a recipe; resumable."""
    from dgemma.cli.training import train_and_print

    train_and_print(recipe, out, data, steps, seed)


@app.command()
def bench(
    model: Model = "tiny",
    context: Annotated[int, typer.Option(help="Cached tokens before the canvas.")] = 64,
    runs: Annotated[int, typer.Option(help="Rounds; medians are shown.")] = 9,
    device: Device = "auto",
    dtype: Dtype = "auto",
    debug: Debug = False,
) -> None:
    """Measures a denoise step by canvas length and an autoregressive token; the last line is one JSON document."""
    from dgemma.cli.measure import bench_and_print

    bench_and_print(model, context, runs, device, dtype)


@app.command()
def demo(debug: Debug = False) -> None:
    """Extracts JSON, repairs a sentence and solves a Sudoku with the embedded model."""
    from dgemma.cli.demo import show_demo

    show_demo()
