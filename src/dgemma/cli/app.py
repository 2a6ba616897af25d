"""The commands, their options and their help texts.

The work of each command is done in another module, which is imported when the command runs.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dgemma.cli import importing
from dgemma.cli.options import (
    checked_dtype,
    checked_mode,
    checked_quant,
    checked_seed,
    checked_tokens,
    given_by_options,
)
from dgemma.errors import UsageError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    help="Run DiffusionGemma on your own machine. Without a command: chat with the embedded model.",
)

_MODEL_HELP = "tiny (the embedded model), a model folder, a GGUF file, or a hub id."
Model = Annotated[str, typer.Option("--model", "-m", help=_MODEL_HELP)]
Mode = Annotated[
    str, typer.Option(callback=checked_mode, help="diffusion, autoregressive, or auto (the faster of the two).")
]
Tokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens", "-n", callback=checked_tokens,
        help="Maximum number of new tokens. Default: the model's setting, or 256.",
    ),
]  # fmt: skip
Seed = Annotated[int, typer.Option(callback=checked_seed, help="Random seed; the same seed gives the same answer.")]
Canvas = Annotated[int | None, typer.Option("--canvas", help="Tokens per canvas. Default: the model's setting.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda. auto takes a GPU if there is one.")]
Dtype = Annotated[str, typer.Option(callback=checked_dtype, help="auto (by device), float32, bfloat16 or float16.")]
Temperature = Annotated[
    float | None,
    typer.Option(
        help="diffusion: factor on the temperature schedule, default 1. autoregressive: sampling temperature, "
        "default 0 (greedy)."
    ),
]
Quant = Annotated[
    str | None,
    typer.Option(
        callback=checked_quant,
        help="Quantise the weights in memory: int8, int4 or fp8. Default: as the files have them.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="On an error, show the traceback.")]


@app.callback(invoke_without_command=True)
def default(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Debug = False,
) -> None:
    """Chat with the embedded model if no command is given."""
    if version:
        from dgemma import __version__

        print(f"dgemma {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        with importing():
            from dgemma.cli.chat import chat_loop

        chat_loop("tiny")


@app.command(short_help="Answer one request and exit.")
def run(
    prompt: Annotated[list[str] | None, typer.Argument(help="The request. Piped standard input is appended.")] = None,
    model: Model = "tiny",
    mode: Mode = "diffusion",
    max_new_tokens: Tokens = None,
    seed: Seed = 0,
    canvas: Canvas = None,
    steps: Annotated[
        int | None, typer.Option(help="Maximum denoise steps per canvas. Default: the model's setting.")
    ] = None,
    temperature: Temperature = None,
    schema: Annotated[Path | None, typer.Option(help="JSON Schema file; the answer will match it.")] = None,
    regex: Annotated[str | None, typer.Option(help="Regular expression; the whole answer will match it.")] = None,
    choice: Annotated[list[str] | None, typer.Option(help="An allowed answer; repeat for each one.")] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(help="Image file to show the model, if it reads images; repeat for each one."),
    ] = None,
    image_tokens: Annotated[
        int, typer.Option(help="Maximum tokens per image: 70, 140, 280, 560 or 1120. More tokens keep more detail.")
    ] = 280,
    raw: Annotated[bool, typer.Option("--raw", help="Continue the text as it is, without a chat turn.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no statistics and draw no canvas.")] = False,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quant: Quant = None,
    debug: Debug = False,
) -> None:
    """Answer one request and exit.

    The answer goes to stdout, statistics to stderr. In a terminal, the canvas is drawn while it settles.
    """
    with importing():
        from dgemma.cli.run import answer, read_piped, read_schema, refuse_stray_bytes
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
        raise UsageError(f"--image-tokens must be one of {', '.join(map(str, BUDGETS))}, not {image_tokens}.")
    if image and raw:
        raise UsageError("--image needs a chat turn; leave out --raw.")
    if image:
        options["image_tokens"] = image_tokens
    answer(
        text, images=image or (), model=model, device=device, dtype=dtype, quant=quant, raw=raw, quiet=quiet,
        options=options,
    )  # fmt: skip


@app.command(short_help="Chat in the terminal.")
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
    """Chat in the terminal. /? lists the commands, Ctrl-C stops an answer, Ctrl-D exits."""
    with importing():
        from dgemma.cli.chat import chat_loop

    chat_loop(model, mode=mode, max_new_tokens=max_new_tokens, seed=seed, device=device, dtype=dtype, quant=quant)


@app.command(short_help="Fill the gap in a text.")
def infill(
    text: Annotated[
        str,
        typer.Argument(
            help="The text with its gap marked, such as 'Once upon a ___ there was a king.'; or - for standard input."
        ),
    ],
    mark: Annotated[
        str, typer.Option(help="What marks the gap. A mark of underscores also matches a longer run of them.")
    ] = "___",
    length: Annotated[int | None, typer.Option(help="Length of the gap in tokens. Default: try several.")] = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", "-n", min=1, help="The longest gap to try, in tokens.")
    ] = 32,
    only: Annotated[bool, typer.Option("--only", help="Print only the text that fills the gap.")] = False,
    instruction: Annotated[
        str | None,
        typer.Option(
            "--instruction",
            "-i",
            help="Present the text to the model as the answer to this request. Default: the model's `text_request`.",
        ),
    ] = None,
    model: Model = "tiny",
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quant: Quant = None,
    debug: Debug = False,
) -> None:
    """Fill the gap in a text. The model reads both sides of the gap; neither is changed."""
    with importing():
        from dgemma.api import load
        from dgemma.cli.in_place import fill_gap

    load_model = partial(load, model, device=device, dtype=dtype, quant=quant)
    fill_gap(
        text, load=load_model, mark=mark, length=length, max_new_tokens=max_new_tokens, only=only,
        instruction=instruction, seed=seed,
    )  # fmt: skip


@app.command(short_help="Correct a text file, or apply an instruction to it.")
def edit(
    file: Annotated[Path, typer.Argument(help="The text file, or - for standard input.")],
    instruction: Annotated[
        str,
        typer.Option(
            "--instruction", "-i", help="What to do with each line. '' rewrites the tokens that the denoiser doubts."
        ),
    ] = "Fix the mistakes",
    strength: Annotated[
        float,
        typer.Option(help="How much may change. 0: nothing; 1: every token for which the model prefers another."),
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
    """Rewrite the parts of a text file that the model would word differently.

    Everything else stays byte for byte. The model never changes Markdown markers, headings, code, tables, HTML, front
    matter and LaTeX environments of formulas, nor, within a line, addresses, link targets, code, tags, LaTeX commands,
    formulas and characters that it cannot write. Files of code and data are refused by their names. Check the changes
    with `--diff` before you use `--write`.
    """
    with importing():
        from dgemma.api import load
        from dgemma.cli.in_place import edit_file

    load_model = partial(load, model, device=device, dtype=dtype, quant=quant)
    edit_file(
        file, load=load_model, instruction=instruction or None, strength=strength, write=write, diff=diff, seed=seed
    )


@app.command(short_help="Show a model's sizes, layers and sampler.")
def show(
    model: Annotated[str, typer.Argument(help=_MODEL_HELP)] = "tiny",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")] = False,
    debug: Debug = False,
) -> None:
    """Show a model's sizes, layers, context and sampler. Its weights are not read."""
    with importing():
        from dgemma.cli.models import show

    show(model, as_json)


@app.command(short_help="Fetch a model from the hub.")
def pull(
    model: Annotated[
        str, typer.Argument(help="owner/name, or owner/name:TAG for a GGUF file.")
    ] = "google/diffusiongemma-26B-A4B-it",
    debug: Debug = False,
) -> None:
    """Fetch a model from the hub and print its path. An interrupted download is resumed."""
    with importing():
        from dgemma.cli.models import pull

    pull(model)


@app.command(short_help="Write a copy of a model with smaller weights.")
def quantize(
    model: Annotated[str, typer.Argument(metavar="IN", help=_MODEL_HELP)],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    quant: Annotated[str, typer.Option("--quant", callback=checked_quant, help="int8, int4 or fp8.")] = "int8",
    debug: Debug = False,
) -> None:
    """Write a copy of a model with int8, int4 or fp8 weights. The copy is a model folder like any other."""
    with importing():
        from dgemma.cli.models import quantize

    quantize(model, out, quant)


@app.command(short_help="Serve a model over HTTP, with a web page.")
def serve(
    model: Annotated[str, typer.Argument(help=_MODEL_HELP)] = "tiny",
    host: Annotated[
        str, typer.Option(help="Address to listen on. If other machines can reach it, an API key is required.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on. 0 picks a free one.")] = 8000,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="DGEMMA_API_KEY", help="Key that clients must send. The variable keeps it out of process lists."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Model name for clients. Default: the model's folder, file or hub name.")
    ] = None,
    max_concurrent: Annotated[int, typer.Option(min=1, help="Requests answered at the same time.")] = 8,
    max_waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait; more are refused (429).")] = 64,
    max_context: Annotated[
        int | None, typer.Option(help="Maximum tokens of prompt and reply together. Default: the model's context.")
    ] = None,
    max_prompt_tokens: Annotated[
        int | None, typer.Option(help="Maximum tokens of a prompt. Default: what the context holds.")
    ] = None,
    default_max_tokens: Annotated[
        int, typer.Option(min=1, help="Maximum new tokens for requests that set no limit, or fewer if they do not fit.")
    ] = 2048,
    max_body_mb: Annotated[
        float | None,
        typer.Option(help="Maximum size of a request in MB. Default: 4, or 32 for a model that reads images."),
    ] = None,
    kv_budget_mb: Annotated[
        float | None, typer.Option(help="Memory for all KV caches in MB. Default: up to a quarter of the memory.")
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quant: Quant = None,
    debug: Debug = False,
) -> None:
    """Serve a model over HTTP to OpenAI and Anthropic clients, with a web page. See docs/server.md."""
    with importing():
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


@app.command(name="eval", short_help="Score a model on held-out tasks.")
def evaluate(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(
            help="Task names, or files of examples (.jsonl). Default: extract, extract_plain, fix, edit, sudoku4, "
            "sudoku9, math."
        ),
    ] = None,
    model: Model = "tiny",
    n: Annotated[int, typer.Option("-n", help="Number of examples per task.")] = 50,
    mode: Annotated[
        str,
        typer.Option(
            help="diffusion, autoregressive, both (these two), auto, unchecked (diffusion without causal checks), "
            "or plain (unchecked, and settled positions are computed too)."
        ),
    ] = "both",
    constrained: Annotated[
        bool,
        typer.Option("--constrained", help="Also score constrained answers, for tasks that define a constraint."),
    ] = False,
    # The earlier name of --constrained.
    held: Annotated[bool, typer.Option("--held", hidden=True)] = False,
    canvas: Canvas = None,
    seed: Seed = 0,
    failures: Annotated[int, typer.Option(help="Wrong answers to show on stderr, per task and mode.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder of training text; also show the longest run of words copied from it.")
    ] = None,
    quant: Quant = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    debug: Debug = False,
) -> None:
    """Score a model on held-out tasks, in diffusion and autoregressive mode.

    Canvas equivalents: the denoise steps of a canvas, each weighted by the share of positions it computed. Settled
    positions are skipped.
    """
    with importing():
        from dgemma.cli.evaluate import evaluate_and_print

    evaluate_and_print(
        tasks or [], model=model, quant=quant, device=device, dtype=dtype, n=n, mode=mode, canvas=canvas, seed=seed,
        failures=failures, as_json=as_json, data=data, constrained=constrained or held,
    )  # fmt: skip


@app.command(short_help="Train a model from a recipe, or resume a run.")
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe file, such as recipes/tiny_cpu.toml.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; a run in it is resumed. Default: runs/ plus the recipe's name."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of natural text. Without it, train on generated tasks only.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps; overrides the recipe.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after this many minutes; the learning rates decay to zero by then.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed; overrides the recipe.")] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Model to take the initial weights from: tiny, a model folder, a GGUF file, or a hub id."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Train a model from a recipe.

    Ctrl-C saves the run and stops; the same command resumes it.
    """
    with importing():
        from dgemma.cli.training import train_and_print

    train_and_print(recipe, out, data, init, steps=steps, minutes=minutes, seed=seed)


@app.command(short_help="Measure a model's speed on this machine.")
def bench(
    command: typer.Context,
    model: Model = "tiny",
    config: Annotated[
        str | None,
        typer.Option(
            help="Instead of a model, measure random bfloat16 values in this shape: scaled-32k, scaled-262k, "
            "26b-layer, 26b-layer-262k or 26b."
        ),
    ] = None,
    quant: Quant = None,
    canvas_length: Annotated[int, typer.Option(help="Canvas length of the step whose parts are timed.")] = 256,
    context: Annotated[int, typer.Option(help="Number of cached tokens before the canvas.")] = 64,
    runs: Annotated[int, typer.Option(help="Number of rounds; medians are shown.")] = 9,
    streams: Annotated[int, typer.Option(help="Number of concurrent requests to measure; below 2: skip.")] = 8,
    answers: Annotated[
        int, typer.Option(help="Number of held-out requests per task to answer in each mode; 0: skip.")
    ] = 4,
    canvas: Annotated[
        bool,
        typer.Option("--canvas", help="Also measure steps per canvas, S(L), and speed-up for canvases of 8 to 128."),
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="With --canvas: save S(L) beside the model, where --mode auto reads it.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Plot the measurements into this file (png, svg or pdf).")] = None,
    transformers: Annotated[
        bool, typer.Option(help="Also measure transformers on the same weights, if it is installed.")
    ] = True,
    device: Device = "auto",
    dtype: Dtype = "auto",
    debug: Debug = False,
) -> None:
    """Measure a model's speed on this machine: passes, the parts of a step, concurrent requests and whole answers.

    Prints one table per measurement; the last line is one JSON document.
    """
    with importing():
        from dgemma.cli.bench import BenchOptions, bench_and_print

    named = command.get_parameter_source("model")
    if config is not None and named is not None and named.name == "COMMANDLINE":
        raise UsageError(f"--config {config} takes the place of --model {model}; give only one of them.")
    bench_and_print(
        BenchOptions(
            model=model, config=config, quant=quant, canvas_length=canvas_length, context=context, runs=runs,
            streams=streams, answers=answers, canvases=canvas, save=save, plot=plot, transformers=transformers,
            device=device, dtype=dtype,
        )
    )  # fmt: skip


@app.command(short_help="Show three jobs of the embedded model.")
def demo(debug: Debug = False) -> None:
    """Extract JSON, correct a sentence and solve a Sudoku with the embedded model."""
    with importing():
        from dgemma.cli.demo import show_demo

    show_demo()
