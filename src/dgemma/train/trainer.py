"""The training loop: resumable, deterministic by seed, keeping the best checkpoint by held-out loss.

    out/last.pt        weights, optimiser state and step, replaced every few minutes
    out/best/          the model folder with the lowest held-out loss so far
    out/tokenizer.json the vocabulary, made at the first start
    out/metrics.jsonl  one line per log and per evaluation, each step at most once

Knows nothing of the command line; progress goes to the `report` callback.
"""

import json
import math
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import tokenizers
import torch

from dgemma.checkpoint import LoadedModel, open_model, save_model
from dgemma.checkpoint.safetensors import replacing, write_json
from dgemma.config import ModelConfig
from dgemma.errors import DataError, OutputError
from dgemma.evals.example import NO_TEXTS, Texts
from dgemma.evals.pairs import find_tasks
from dgemma.evals.tasks import story
from dgemma.model import DiffusionGemma, masked_pass
from dgemma.norms import RMSNorm
from dgemma.ops import reference as ops
from dgemma.tokenizer import Tokenizer
from dgemma.train.data import BatchStream, prefetch
from dgemma.train.growth import grow
from dgemma.train.machine import find_device, require_compiler, use_bfloat16
from dgemma.train.objective import Drawn, Losses, draw, losses
from dgemma.train.optimizer import learning_rate_factor, load_optimizer, make_optimizers, set_learning_rates
from dgemma.train.recipe import ObjectiveRecipe, Recipe
from dgemma.train.step import PlainStep, RecordedStep
from dgemma.train.texts import load_texts
from dgemma.train.tokenizer import tokenizer_config, train_tokenizer

_GRAPHS = 32


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What `report` receives; losses in nats per token, `held_out` only after an evaluation."""

    step: int
    steps: int
    clean: float
    corrupted: float
    encoder: float
    tokens_per_second: float
    seconds_left: float
    held_out: float | None = None


class Stopped(Exception):
    """A run that ended before its last step, since `stop` said so; it is saved and goes on from `step`."""

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped at step {step}")
        self.step = step


def initialise(network: DiffusionGemma, seed: int) -> None:
    """Fresh weights: embeddings of unit norm after their scaling, matrices of 1/sqrt(fan in), gentle residual norms."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim >= 2:
                size = network.config.hidden_size if "embed_tokens" in name else parameter.shape[-1]
                parameter.normal_(0.0, size**-0.5, generator=generator)
        for name, module in network.named_modules():
            if isinstance(module, RMSNorm) and name.endswith(("q_norm", "k_norm")):
                # The attention scale is 1, so the norms carry the usual 1 / sqrt(head_dim), somewhat sharper.
                module.weight.fill_((2.0 / module.weight.numel() ** 0.5) ** 0.5)
            elif isinstance(module, RMSNorm) and name.endswith(
                ("post_attention_layernorm", "post_feedforward_layernorm")
            ):
                module.weight.fill_(0.5)


def train(
    recipe: Recipe,
    data: str | Path | None,
    out: str | Path,
    report: Callable[[Progress], None],
    init: str | Path | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Trains by `recipe` into the folder `out`, resuming what lies there -> the folder of the best checkpoint.

    `data` is a folder of natural text (see `train.texts`); None trains on the generators alone. A new run starts from
    the weights and the vocabulary of the model folder `init`, if one is given, which must have the recipe's sizes, but
    for layers that the recipe repeats (`train.growth`).
    A run that is resumed has its own weights and leaves `init` unread. `stop` is asked before the first step and after
    each one.
    Raises DataError for unusable data or state, OutputError when `out` cannot be written, Stopped when `stop` says so.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    texts, held_out = (NO_TEXTS, NO_TEXTS) if data is None else load_texts(data)
    start = None if init is None or (folder / "last.pt").is_file() else open_model(init, dtype="float32")
    if start is not None and start.quant is not None:
        raise DataError(f"The model {init} has {start.quant} weights, which cannot be trained; give float ones.")
    given = None if start is None else start.tokenizer
    tokenizer = _tokenizer(folder / "tokenizer.json", recipe, texts) if given is None else given
    trainer = Trainer(recipe, tokenizer, texts, held_out, folder, stop)
    if start is not None:
        trainer.start_from(start.network, init)
    if given is not None:
        with replacing(folder / "tokenizer.json") as temporary:
            temporary.write_text(given.backend.to_str(pretty=True), encoding="utf-8")
    return trainer.run(report)


@dataclass(frozen=True)
class DrawnBatches:
    """`batches(step)` -> what a step is taken on: its batch, and all that chance decides of it, by `seed`."""

    stream: BatchStream
    config: ModelConfig
    objective: ObjectiveRecipe
    seed: int
    fixed: bool

    def __call__(self, step: int) -> Drawn:
        """On the CPU."""
        batch = self.stream.batch(step)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        share = self.objective.causal_share
        if share and float(torch.rand((), generator=generator)) < share:
            batch = batch.without_canvases()
        return draw(batch, self.config, self.objective, generator, fixed=self.fixed)


class Trainer:
    """State of one run; `run` goes on to the recipe's last step."""

    def __init__(
        self,
        recipe: Recipe,
        tokenizer: Tokenizer,
        texts: Texts,
        held_out: Texts,
        folder: Path,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.recipe, self.tokenizer, self.folder, self.stop = recipe, tokenizer, folder, stop
        config = recipe.model.config()
        if tokenizer.vocab_size > config.vocab_size:
            raise DataError(
                f"The tokenizer has {tokenizer.vocab_size} entries and the recipe's vocab_size is {config.vocab_size}; "
                f"set vocab_size = {tokenizer.vocab_size} in [model]."
            )
        device = find_device(recipe.run.device)
        self.network = DiffusionGemma(config)
        initialise(self.network, recipe.run.seed)
        self.network.to(device)
        self.dtype = torch.bfloat16 if use_bfloat16(recipe.run.precision, device) else torch.float32
        self.recorded = recipe.run.record and device.type == "cuda"
        self.optimizers = make_optimizers(self.network, recipe.optimizer, self.dtype)
        # Compilers fuse the explicit softmax with its mask; on CUDA the ready kernel is faster.
        attention = ops.attention_by_products if device.type == "cpu" and recipe.run.compile else ops.attention
        layer_pass: Any = partial(masked_pass, attention=attention)
        if recipe.run.compile:
            require_compiler(device)
            layer_pass = torch.compile(layer_pass, dynamic=False)
        self.forward: Any = partial(self.network.forward, layer_pass=layer_pass)
        make_step = RecordedStep if self.recorded else PlainStep
        self.take_step = make_step(self.network, self.forward, self.optimizers, recipe, self._precision)
        self.stream = BatchStream(recipe.data, tokenizer, texts, recipe.run.seed)
        self._batches = DrawnBatches(self.stream, config, recipe.objective, recipe.run.seed, self.recorded)
        self.held_out = BatchStream(recipe.data, tokenizer, held_out, recipe.run.seed, split="eval")
        self.step, self.best = 0, math.inf
        self._started: float | None = None
        self._seconds_before = 0.0
        self._restore()

    def start_from(self, network: DiffusionGemma, name: str | Path | None) -> None:
        """Takes over the weights of `network`, which may have fewer layers (`train.growth`).

        Raises DataError when its sizes are not the recipe's.
        """
        try:
            if network.config.num_hidden_layers < self.network.config.num_hidden_layers:
                grow(self.network, network)
            else:
                self.network.load_state_dict(network.state_dict())
        except (RuntimeError, ValueError) as error:
            raise DataError(f"The model {name} does not have the sizes of this recipe; start from another.") from error

    def run(self, report: Callable[[Progress], None]) -> Path:
        """Takes the steps that are left -> the folder of the best checkpoint. Raises Stopped when `stop` says so."""
        run = self.recipe.run
        self._forget_later_metrics()
        self._started = saved = logged = time.monotonic()
        tokens, window = 0, []
        # A run whose time is used up has no step left either.
        last = self.step if self._schedule_step() >= run.steps else run.steps
        if self.stop():
            raise Stopped(self.step)
        # Drawn where batches are made: the draws of a GPU's step take longer than its replay where processes compete.
        for drawn in prefetch(self._batches, self.step, last, run.data_workers):
            slots, parts = self._one_step(drawn)
            tokens, window = tokens + slots, [*window, parts]
            ended = self._schedule_step() >= run.steps
            evaluate = self.step % run.evaluate_every == 0 or ended
            log = self.step % run.log_every == 0 or evaluate
            if log and self.network.device.type == "cuda":
                # Steps are handed over ahead of the time that they take.
                torch.cuda.synchronize()
            now = time.monotonic()
            if log:
                report(self._logged(window, tokens, now - logged, evaluate))
                tokens, window, logged = 0, [], time.monotonic()
            stopped = not ended and self.stop()
            if now - saved > 60 * run.save_every_minutes or ended or stopped:
                self._save()
                saved = time.monotonic()
            if stopped:
                raise Stopped(self.step)
            if ended:
                break
        if not (self.folder / "best").is_dir():
            raise DataError(f"{self.folder} has no best model: the held-out loss was never a number. Lower the rates.")
        return self.folder / "best"

    def _logged(self, window: list[Losses], tokens: int, seconds: float, evaluate: bool) -> Progress:
        """What the steps of `window`, with so many tokens in so many seconds, came to; it is in the log."""
        run = self.recipe.run
        left = (run.steps - self.step) * seconds / len(window)
        if run.minutes:
            left = max(0.0, min(left, 60 * run.minutes - self.seconds))
        held_out = self.evaluate() if evaluate else None
        progress = self._progress(window, tokens / seconds, left, held_out)
        self._log(progress)
        return progress

    @property
    def seconds(self) -> float:
        """What the run has taken, those of its earlier starts included."""
        return self._seconds_before + (0.0 if self._started is None else time.monotonic() - self._started)

    def _schedule_step(self) -> int:
        """The step that the schedule is at: this one, or where the time is further gone than the steps, a later one."""
        run = self.recipe.run
        by_clock = int(run.steps * self.seconds / (60 * run.minutes)) if run.minutes else 0
        return max(self.step, by_clock)

    def evaluate(self) -> float:
        """Held-out loss: mean of the canvas and the encoder's answer loss over fixed batches with fixed noise."""
        generator = torch.Generator().manual_seed(20_000)
        rows = self.recipe.data.batch_rows
        batches = max(1, self.recipe.run.held_out_rows // rows)
        total = 0.0
        with torch.no_grad(), self._precision():
            for number in range(batches):
                parts = losses(
                    self.network, self.forward, self.held_out.batch(number), self.recipe.objective, generator
                )
                total += float(parts.total) / batches
        if total < self.best:
            self.best = total
            self._save_best()
        return total

    def _one_step(self, drawn: Drawn) -> tuple[int, Losses]:
        run, recipe = self.recipe.run, self.recipe.optimizer
        factor = learning_rate_factor(self.step, self._schedule_step(), run.steps, recipe)
        set_learning_rates(self.optimizers, (recipe.matrix_lr * factor, recipe.lr * factor), self.recorded)
        parts = self.take_step(drawn)
        self.step += 1
        return int((drawn.batch.owner_BN >= 0).sum()), parts

    @contextmanager
    def _precision(self) -> Iterator[None]:
        kind = self.network.device.type
        with ExitStack() as stack:
            # Without its cache: older torch takes what a pass without gradient has cast for the one with gradient.
            bfloat16 = self.dtype == torch.bfloat16
            stack.enter_context(torch.autocast(kind, dtype=torch.bfloat16, enabled=bfloat16, cache_enabled=False))
            if self.recipe.run.compile:
                # Each kind of layer, batch shape, its share that sees a first pass, and each of these without gradient
                # is a graph.
                stack.enter_context(torch._dynamo.config.patch(recompile_limit=_GRAPHS))
            yield

    def _progress(self, window: list[Losses], speed: float, left: float, held_out: float | None) -> Progress:
        def mean(name: str) -> float:
            # Batches without canvases have no such loss.
            return float(torch.stack([getattr(parts, name) for parts in window]).nanmean())

        return Progress(
            step=self.step,
            steps=self.recipe.run.steps,
            clean=mean("clean"),
            corrupted=mean("corrupted"),
            encoder=mean("encoder"),
            tokens_per_second=speed,
            seconds_left=left,
            held_out=held_out,
        )

    def _log(self, progress: Progress) -> None:
        # JSON knows no nan.
        known = {name: value for name, value in vars(progress).items() if value is not None and math.isfinite(value)}
        path = self.folder / "metrics.jsonl"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(known) + "\n")
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror}.") from error

    def _forget_later_metrics(self) -> None:
        """Takes out the lines of steps that will be taken again, since they came after the last save."""
        path = self.folder / "metrics.jsonl"
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        kept = [line for line in lines if _step_of(line) <= self.step]
        if len(kept) < len(lines):
            with replacing(path) as temporary:
                temporary.write_bytes(b"".join(kept))

    def _save(self) -> None:
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "seed": self.recipe.run.seed,
            "best": self.best,
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        path = self.folder / "last.pt"
        with replacing(path) as temporary:
            try:
                torch.save(state, temporary)
            except RuntimeError as error:
                # What torch makes of a full disk.
                raise OutputError(f"{path} cannot be written: {error}.") from error

    def _save_best(self) -> None:
        turn = self.tokenizer.special_id("<turn|>")
        eos = (self.tokenizer.eos_id, turn)
        sampler = replace(self.recipe.sampler, eos_token_ids=eos)
        template = Path(__file__).parents[1] / "tiny" / "chat_template.jinja"
        model = LoadedModel(
            config=self.network.config,
            network=self.network,
            sampler=sampler,
            tokenizer=self.tokenizer,
            chat_template=template.read_text(encoding="utf-8") if template.is_file() else None,
            single_turn=True,
            text_request=story.ANY if any(task == story.TASK for task in self.recipe.data.tasks) else None,
        )
        save_model(model, self.folder / "best", dtype=torch.bfloat16)
        write_json(tokenizer_config(), self.folder / "best" / "tokenizer_config.json")

    def _restore(self) -> None:
        path = self.folder / "last.pt"
        if not path.is_file():
            return
        try:
            state = torch.load(path, weights_only=True, map_location=self.network.device)
            self.network.load_state_dict(state["network"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                load_optimizer(optimizer, saved)
            self.step, self.best = int(state["step"]), float(state["best"])
            self._seconds_before = float(state.get("seconds", 0.0))
        except (RuntimeError, LookupError, TypeError, EOFError, ValueError, OSError, pickle.UnpicklingError) as error:
            raise DataError(f"{path} does not belong to this recipe or is damaged; choose another folder.") from error
        seed = self.recipe.run.seed
        if state.get("seed", seed) != seed:
            raise DataError(f"{path} is of a run with seed {state['seed']}, not {seed}; choose another folder.")


def _step_of(line: bytes) -> float:
    """The step that a line of metrics.jsonl is of; infinity for one that was cut off."""
    try:
        return json.loads(line)["step"]
    except (ValueError, LookupError, TypeError):
        return math.inf


def _tokenizer(path: Path, recipe: Recipe, texts: Texts) -> Tokenizer:
    if not path.is_file():
        backend: tokenizers.Tokenizer = train_tokenizer(_sample(recipe, texts), recipe.model.vocab_size)
        with replacing(path) as temporary:
            temporary.write_text(backend.to_str(pretty=True), encoding="utf-8")
    return Tokenizer.from_file(path)


def _sample(recipe: Recipe, texts: Texts, count: int = 40_000) -> Iterator[str]:
    """Text as the tasks show it, for the vocabulary."""
    random = Random(f"{recipe.run.seed}/vocabulary")
    names, weights = zip(*recipe.data.tasks.items(), strict=True)
    tasks = find_tasks(names)
    for _ in range(count):
        example = tasks[random.choices(names, weights)[0]].generate(random, "train", texts)
        yield example.prompt
        yield example.answer
    yield from texts.sentences[: count // 2]
