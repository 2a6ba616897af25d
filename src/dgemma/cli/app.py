"""The commands and their options; each one's work is in a module of its own or in the layer below."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dgemma.cli.options import checked_dtype, checked_mode, checked_seed, checked_tokens, given_by_options
from dgemma.errors import UsageError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    help="DiffusionGemma on your own machine. Without a command: chat with the embedded model.",
)

Model = Annotated[str, typer.Option("--model", "-m", help="tiny, a model folder, a GGUF file, or a hub id.")]
Mode = Annotated[str, typer.Option(callback=checked_mode, help="diffusion, autoregressive or auto.")]
Tokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens", "-n", callback=checked_tokens,
        help="New tokens at most; by default the model's own number, else 256.",
    ),
]  # fmt: skip
Seed = Annotated[int, typer.Option(callback=checked_seed, help="The same seed gives the same answer.")]
Canvas = Annotated[int | None, typer.Option("--canvas", help="Tokens per canvas; by default the model's own.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Dtype = Annotated[str, typer.Option(callback=checked_dtype, help="auto, float32, bfloat16 or float16.")]
Temperature = Annotated[float | None, typer.Option(help="Scales the schedule; autoregressive: 0 is greedy.")]
Quant = Annotated[str | None, typer.Option(help="int8, int4 or fp8 weights in memory; by default those of the files.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.callback(invoke_without_command=True)
def default(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
    debug: Debug = False,
) -> None:
    """Chats with the embedded model when no command is given."""
    if version:
        from dgemma import __version__

        print(f"dgemma {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from dgemma.cli.chat import chat_loop

        chat_loop("tiny")


@app.command(short_help="Answers one request and leaves.")
def run(
    prompt: Annotated[list[str] | None, typer.Argument(help="The request; piped standard input is added.")] = None,
    model: Model = "tiny",
    mode: Mode = "diffusion",
    max_new_tokens: Tokens = None,
    seed: Seed = 0,
    canvas: Canvas = None,
    steps: Annotated[
        int | None, typer.Option(help="Denoise steps per canvas at most; by default the model's own number.")
    ] = None,
    temperature: Temperature = None,
    schema: Annotated[Path | None, typer.Option(help="A file with a JSON Schema that the answer is held to.")] = None,
    regex: Annotated[str | None, typer.Option(help="A regular expression that the whole answer is held to.")] = None,
    choice: Annotated[list[str] | None, typer.Option(help="One of the answers allowed; give it several times.")] = None,
    image: Annotated[
        list[Path] | None, typer.Option(help="A picture to show the model, if it reads images; give it several times.")
    ] = None,
    image_tokens: Annotated[
        int, typer.Option(help="Tokens per picture at most: 70, 140, 280, 560 or 1120; more see more detail.")
    ] = 280,
    raw: Annotated[bool, typer.Option("--raw", help="Continue the text as it stands, without a chat turn.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No statistics, no drawing.")] = False,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quant: Quant = None,
    debug: Debug = False,
) -> None:
    """Answers one request and leaves."""
    from dgemma.cli.answer import answer, read_piped, read_schema, refuse_stray_bytes
    from dgemma.images import BUDGETS

    refuse_stray_bytes(regex or "", "The regular expression")
    refuse_stray_bytes("\n".join(choice or []), "A choice")
    piped = "" if sys.stdin is None or sys.stdin.isatty() else read_piped()
    text = "\n\n".join(part for part in (" ".join(prompt or []), piped.strip()) if part)
    if not text:
        raise UsageError('Give a request, for example: dgemma run "Fix the mistakes: They was late."')
    options = {
        "mode": mode, "max_new_tokens": max_new_tokens, "seed": seed, "canvas_length": canvas,
        "max_denoising_steps": steps, "temperature": temperature, "regex": regex, "choices": choice,
        "schema": None if schema is None else read_schema(schema),
    }  # fmt: skip
    if image_tokens not in BUDGETS:
        raise UsageError(f"--image-tokens is one of {', '.join(map(str, BUDGETS))}, not {image_tokens}.")
    if image and raw:
        raise UsageError("--image goes with a chat turn; leave out --raw.")
    if image:
        options["image_tokens"] = image_tokens
    answer(
        text, images=image or (), model=model, device=device, dtype=dtype, quant=quant, raw=raw, quiet=quiet,
        options=options,
    )  # fmt: skip


@app.command(short_help="Chats in the terminal.")
def chat(
    model: Model = "tiny",
    mode: Mode = "diffusion",
    max_new_tokens: Tokens = None,
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quant: Quant = None,
    debug: Debug = False,
) -> None:
    """Chats; /? helps, Ctrl-C stops an answer, Ctrl-D leaves."""
    from dgemma.cli.chat import chat_loop

    chat_loop(model, mode=mode, max_new_tokens=max_new_tokens, seed=seed, device=device, dtype=dtype, quant=quant)


@app.command(short_help="Fills the gap in a text.")
def infill(
    text: Annotated[
        str,
        typer.Argument(
            help="The text, with the gap marked: 'Once upon a ___ there was a king.'; - reads it from standard input."
        ),
    ],
    mark: Annotated[str, typer.Option(help="What marks the gap; if underscores, a longer run of them too.")] = "___",
    length: Annotated[int | None, typer.Option(help="Tokens of the gap; by default several are tried.")] = None,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", "-n", min=1, help="The longest gap to try.")] = 32,
    only: Annotated[bool, typer.Option("--only", help="Print what fills the gap and nothing else.")] = False,
    instruction: Annotated[
        str | None,
        typer.Option(
            "--instruction",
            "-i",
            help="The request that the text is shown as an answer to; by default the model's `text_request`.",
        ),
    ] = None,
    model: Model = "tiny",
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quant: Quant = None,
    debug: Debug = False,
) -> None:
    """Fills the gap in a text; both sides are read, and stay as they are."""
    from dgemma.api import load
    from dgemma.cli.in_place import fill_gap

    chosen = partial(load, model, device=device, dtype=dtype, quant=quant)
    fill_gap(
        text, load=chosen, mark=mark, length=length, most=max_new_tokens, only=only, instruction=instruction, seed=seed
    )


@app.command(short_help="Mends a text file, or does what -i says.")
def edit(
    file: Annotated[Path, typer.Argument(help="A text file; - reads standard input.")],
    instruction: Annotated[
        str,
        typer.Option("--instruction", "-i", help="What to do, line by line; '' rewrites whatever the denoiser doubts."),
    ] = "Fix the mistakes",
    strength: Annotated[
        float,
        typer.Option(help="How much may be rewritten: 0 touches nothing, 1 all that the model would say otherwise."),
    ] = 0.5,
    write: Annotated[bool, typer.Option("--write", "-w", help="Write the file instead of printing the text.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print a unified diff instead of the text.")] = False,
    model: Model = "tiny",
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quant: Quant = None,
    debug: Debug = False,
) -> None:
    """Goes over a file: what the model would say otherwise is rewritten, everything else stays byte for byte. So do
    Markdown's markers, headings, code, tables, HTML and front matter, and within a line addresses, targets of links,
    code, tags and characters that the model cannot write. Look at `--diff` before you `--write`."""
    from dgemma.api import load
    from dgemma.cli.in_place import edit_file

    chosen = partial(load, model, device=device, dtype=dtype, quant=quant)
    wanted = instruction or None
    edit_file(file, load=chosen, instruction=wanted, strength=strength, write=write, diff=diff, seed=seed)


@app.command(short_help="Shows what a model is.")
def show(
    model: Annotated[str, typer.Argument(help="tiny, a model folder, a GGUF file, or a hub id.")] = "tiny",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of a table.")] = False,
    debug: Debug = False,
) -> None:
    """Shows what a model is: sizes, layers, context, sampler."""
    from dgemma.cli.models import show

    show(model, as_json)


@app.command(short_help="Fetches a model from the hub.")
def pull(
    model: Annotated[
        str, typer.Argument(help="owner/name, or owner/name:TAG for a GGUF file.")
    ] = "google/diffusiongemma-26B-A4B-it",
    debug: Debug = False,
) -> None:
    """Fetches a model from the hub, resuming what was begun, and prints where it lies."""
    from dgemma.cli.models import pull

    pull(model)


@app.command(short_help="Writes a copy with smaller weights.")
def quantize(
    model: Annotated[str, typer.Argument(metavar="IN", help="tiny, a model folder, a GGUF file, or a hub id.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    quant: Annotated[str, typer.Option("--quant", help="int8, int4 or fp8.")] = "int8",
    debug: Debug = False,
) -> None:
    """Writes a copy of a model with int8, int4 or fp8 weights, which loads as it is."""
    from dgemma.cli.models import quantize

    quantize(model, out, quant)


@app.command(short_help="Serves a model over HTTP, with a page.")
def serve(
    model: Annotated[str, typer.Argument(help="tiny, a model folder, a GGUF file, or a hub id.")] = "tiny",
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's own need a key.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="DGEMMA_API_KEY", help="Clients must send it. The variable keeps it off process lists."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Instead of the model's own name, for clients.")] = None,
    max_concurrent: Annotated[int, typer.Option(min=1, help="Requests answered at the same time.")] = 8,
    max_waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait; further ones must come back.")] = 64,
    max_context: Annotated[int | None, typer.Option(help="Tokens of prompt and reply; by default the model's.")] = None,
    max_prompt_tokens: Annotated[int | None, typer.Option(help="Longer prompts are refused.")] = None,
    default_max_tokens: Annotated[
        int, typer.Option(min=1, help="New tokens for requests that name no limit, as far as they fit.")
    ] = 2048,
    max_body_mb: Annotated[
        float | None,
        typer.Option(help="Larger requests are refused; by default 4, with images 32."),
    ] = None,
    kv_budget_mb: Annotated[float | None, typer.Option(help="All caches; by default, a quarter of memory.")] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quant: Quant = None,
    debug: Debug = False,
) -> None:
    """Serves a model over HTTP, as OpenAI's and Anthropic's clients expect it; see docs/server.md."""
    from dgemma.cli.serve import public_name, serve_and_announce
    from dgemma.config import EngineConfig
    from dgemma.server.config import ServerConfig

    if max_body_mb is not None and not 0 < max_body_mb < float("inf"):
        raise UsageError(f"--max-body-mb must be a positive number, not {max_body_mb}.")
    with given_by_options():
        server = ServerConfig(
            host=host, port=port, api_key=api_key, model_name=public_name(model) if name is None else name,
            max_body_bytes=None if max_body_mb is None else int(max_body_mb * (1 << 20)),
            max_prompt_tokens=max_prompt_tokens, default_max_tokens=default_max_tokens,
        )  # fmt: skip
        engine = EngineConfig(
            device=device, dtype=dtype,  # pyright: ignore[reportArgumentType]
            max_context=max_context, max_active=max_concurrent, max_waiting=max_waiting, kv_budget_mb=kv_budget_mb,
        )  # fmt: skip
    serve_and_announce(model, engine, server, quant)


@app.command(name="eval", short_help="Scores a model on held-out tasks.")
def evaluate(
    tasks: Annotated[list[str] | None, typer.Argument(help="Tasks by name, or files of examples (.jsonl).")] = None,
    model: Model = "tiny",
    n: Annotated[int, typer.Option("-n", help="Examples per task.")] = 50,
    mode: Annotated[
        str,
        typer.Option(
            help="diffusion, autoregressive, auto, unchecked (diffusion alone), plain (that, nothing skipped), "
            "or both: the first two."
        ),
    ] = "both",
    constrained: Annotated[
        bool,
        typer.Option(
            "--constrained", "--held", help="Also hold answers to the form that a task asks for, where it asks for one."
        ),
    ] = False,
    canvas: Canvas = None,
    seed: Seed = 0,
    failures: Annotated[int, typer.Option(help="Wrong answers per task to show on stderr.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of tables.")] = False,
    data: Annotated[Path | None, typer.Option(help="Training text: also show the longest run copied from it.")] = None,
    quant: Quant = None,
    debug: Debug = False,
) -> None:
    """Scores a model on held-out tasks, all by default, diffusion beside autoregressive decoding.

    Canvas equivalents are the denoise steps of a canvas, each counted by the share of its positions that it computed,
    as settled ones are skipped.
    """
    from dgemma.cli.measure import evaluate_and_print

    evaluate_and_print(
        tasks or [], model=model, quant=quant, n=n, mode=mode, canvas=canvas, seed=seed, failures=failures,
        as_json=as_json, data=data, constrained=constrained,
    )  # fmt: skip


@app.command(short_help="Trains a model by a recipe; resumable.")
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe file, such as recipes/tiny_cpu.toml.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run, by default runs/ and the recipe's name; a run in it is resumed."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of natural text; without it generators alone.")] = None,
    steps: Annotated[int | None, typer.Option(help="Instead of the recipe's number of steps.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop training after this many minutes; the rates fall to zero by then.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's seed.")] = None,
    init: Annotated[
        str | None, typer.Option(help="Start from the weights of tiny, a folder, a file, a hub id.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Trains a model by a recipe; resumable."""
    from dgemma.cli.training import train_and_print

    train_and_print(recipe, out, data, init, steps=steps, minutes=minutes, seed=seed)


@app.command(short_help="Measures this machine with a model.")
def bench(
    command: typer.Context,
    model: Model = "tiny",
    config: Annotated[
        str | None,
        typer.Option(
            help="Random bfloat16 values of this shape: scaled-32k, scaled-262k, 26b-layer, 26b-layer-262k, 26b."
        ),
    ] = None,
    quant: Quant = None,
    canvas_length: Annotated[int, typer.Option(help="Canvas positions of the step that is taken apart.")] = 256,
    context: Annotated[int, typer.Option(help="Cached tokens before the canvas.")] = 64,
    runs: Annotated[int, typer.Option(help="Rounds; medians are shown.")] = 9,
    streams: Annotated[int, typer.Option(help="Requests to run at once; below 2: none.")] = 8,
    answers: Annotated[int, typer.Option(help="Held-out requests of each task to answer in each mode; 0: none.")] = 4,
    canvas: Annotated[
        bool, typer.Option("--canvas", help="Also answer with canvases of 8 to 128: S(L), speed-up.")
    ] = False,
    save: Annotated[bool, typer.Option("--save", help="Keep S(L) beside the model, for --mode auto.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw what was measured into this file (png, svg, pdf).")] = None,
    transformers: Annotated[
        bool, typer.Option(help="Measure transformers on the same weights, where it is installed.")
    ] = True,
    device: Device = "auto",
    dtype: Dtype = "auto",
    debug: Debug = False,
) -> None:
    """Measures this machine with a model: passes, a step's parts, whole answers; the last line is one JSON document."""
    from dgemma.cli.bench import BenchOptions, bench_and_print

    named = command.get_parameter_source("model")
    if config is not None and named is not None and named.name == "COMMANDLINE":
        raise UsageError(f"--config {config} has random weights and --model {model} its own; give one of them.")
    bench_and_print(
        BenchOptions(
            model=model, config=config, quant=quant, canvas_length=canvas_length, context=context, runs=runs,
            streams=streams, answers=answers, canvases=canvas, save=save, plot=plot, transformers=transformers,
            device=device, dtype=dtype,
        )
    )  # fmt: skip


@app.command(short_help="Shows three jobs of the embedded model.")
def demo(debug: Debug = False) -> None:
    """Extracts JSON, repairs a sentence and solves a Sudoku with the embedded model."""
    from dgemma.cli.demo import show_demo

    show_demo()
