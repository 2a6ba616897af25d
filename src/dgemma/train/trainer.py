"""The training loop: resumable, deterministic by seed, keeps the best checkpoint by held-out loss.

    out/last.pt        weights, optimiser state and step, replaced every few minutes
    out/best/          the model folder with the lowest held-out loss so far
    out/tokenizer.json the vocabulary, made at the first start
    out/metrics.jsonl  one line per log and per evaluation, each step at most once

Knows nothing of the command line: progress goes to the callback `report`, other messages go to `tell`.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dgemma.chat.prompt import default_template
from dgemma.checkpoint import LoadedModel, save_model
from dgemma.checkpoint.json_files import write_json
from dgemma.config import ModelConfig
from dgemma.errors import DataError, OutputError
from dgemma.evals.example import NO_TEXTS, Texts
from dgemma.evals.tasks import story
from dgemma.model import DiffusionGemma, masked_pass
from dgemma.ops import reference as ops
from dgemma.tokenizer import Tokenizer
from dgemma.train.blocks import PackedBatch
from dgemma.train.data import BatchStream
from dgemma.train.machine import find_device, require_compiler, use_bfloat16
from dgemma.train.metrics import Progress, append_line, drop_lines_after
from dgemma.train.objective import Drawn, Losses, losses
from dgemma.train.optimizer import learning_rate_factor, load_optimizer, make_optimizers, set_learning_rates
from dgemma.train.prefetch import DrawnBatches, prefetch
from dgemma.train.recipe import Recipe
from dgemma.train.start import copy_weights, initialise, open_start, require_vocab_size, with_settings_of
from dgemma.train.state import UNREADABLE, differences, locked, read_state, settings, unusable_state, write_state
from dgemma.train.step import PlainStep, RecordedStep
from dgemma.train.texts import load_texts
from dgemma.train.tokenizer import tokenizer_config
from dgemma.train.vocabulary import load_vocabulary, make_vocabulary, write_vocabulary

_MAX_GRAPHS = 32
_HELD_OUT_SEED = 1
"""The same for every run, so that held-out losses of different seeds compare."""


class Stopped(Exception):
    """`stop` ended the run before its last step; its state is saved, and it can resume from `step`."""

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped at step {step}")
        self.step = step


def train(
    recipe: Recipe,
    data: str | Path | None,
    out: str | Path,
    report: Callable[[Progress], None],
    init: str | Path | None = None,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
) -> Path:
    """Trains by `recipe` into the folder `out`, resuming a run found there -> the folder of the best checkpoint.

    data: a folder of natural text (see `train.texts`); None trains on the generators alone.
    report: called with the progress at every log.
    init: a model folder whose weights, vocabulary and settings a new run starts from (`train.start`). Its sizes must be
    the recipe's, except that the recipe may repeat layers (`train.growth`). A resumed run ignores it.
    stop: called before the first step and after each one; True ends the run, which is saved first after a step.
    tell: called with messages about the run, a sentence each.
    Raises DataError for unusable data or state, for a folder that another run trains into and for losses that are not
    finite, OutputError if `out` cannot be written, Stopped if `stop` ended the run.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    with locked(folder):
        return _make_trainer(recipe, data, folder, init, stop, tell).run(report)


def _make_trainer(
    recipe: Recipe,
    data: str | Path | None,
    folder: Path,
    init: str | Path | None,
    stop: Callable[[], bool],
    tell: Callable[[str], None],
) -> "Trainer":
    """A new run or, if the folder holds a state, the run to resume."""
    for warning in recipe.warnings():
        tell(warning)
    texts = (NO_TEXTS, NO_TEXTS) if data is None else load_texts(data)
    saved = read_state(folder / "last.pt", find_device(recipe.run.device))
    config, vocabulary = recipe.model.config(), folder / "tokenizer.json"
    if saved is not None:
        tokenizer = load_vocabulary(vocabulary)
        if "config" in saved:
            config = with_settings_of(ModelConfig.from_hf(saved["config"]), config)
        require_vocab_size(tokenizer, config)
        return Trainer(recipe, config, tokenizer, texts, folder, stop, tell, saved)
    if init is None:
        tokenizer = make_vocabulary(vocabulary, recipe, texts[0])
        return Trainer(recipe, config, tokenizer, texts, folder, stop, tell)
    start, tokenizer = open_start(init)
    require_vocab_size(tokenizer, config)
    trainer = Trainer(recipe, with_settings_of(start.config, config), tokenizer, texts, folder, stop, tell)
    copy_weights(trainer.network, start.network, init)
    write_vocabulary(tokenizer.backend, vocabulary)
    return trainer


class Trainer:
    """The state of a run; `run` trains to the recipe's last step.

    texts: (for training, held out). saved: the state that `_save` wrote, for a run to resume.
    """

    def __init__(
        self,
        recipe: Recipe,
        config: ModelConfig,
        tokenizer: Tokenizer,
        texts: tuple[Texts, Texts],
        folder: Path,
        stop: Callable[[], bool],
        tell: Callable[[str], None],
        saved: Mapping[str, Any] | None = None,
    ) -> None:
        self.recipe, self.tokenizer, self.folder, self.stop, self.tell = recipe, tokenizer, folder, stop, tell
        device = find_device(recipe.run.device)
        self.network = DiffusionGemma(config)
        initialise(self.network, recipe.run.seed)
        self.network.to(device)
        self.dtype = self._choose_dtype(device, saved or {})
        self.recorded = recipe.run.record and device.type == "cuda"
        self.optimizers = make_optimizers(self.network, recipe.optimizer, self.dtype)
        # On a CPU, torch.compile fuses the explicit softmax with its mask; on CUDA the attention kernel is faster.
        attention = ops.attention_by_products if device.type == "cpu" and recipe.run.compile else ops.attention
        layer_pass: Any = partial(masked_pass, attention=attention)
        if recipe.run.compile:
            require_compiler(device)
            layer_pass = torch.compile(layer_pass, dynamic=False)
        self.forward: Any = partial(self.network.forward, layer_pass=layer_pass)
        make_step = RecordedStep if self.recorded else PlainStep
        self.take_step = make_step(self.network, self.forward, self.optimizers, recipe, self._precision)
        self.stream = BatchStream(recipe.data, tokenizer, texts[0], recipe.run.seed, tell=tell)
        self._batches = DrawnBatches(self.stream, config, recipe.objective, recipe.run.seed, self.recorded)
        self._held_out = list(self._held_out_batches(texts[1]))
        self._settings = settings(recipe, self.stream.tasks, texts[1])
        self.step, self.best, self._rates = 0, math.inf, (0.0, 0.0)
        self._saved_step: int | None = None
        self._measure_first = False
        self._started: float | None = None
        self._seconds_before = 0.0
        if saved is not None:
            self._restore(saved)

    def _choose_dtype(self, device: torch.device, saved: Mapping[str, Any]) -> torch.dtype:
        """The dtype of matrix products; a resumed run keeps the one measured at its first start."""
        precision = self.recipe.run.precision
        if precision != "auto":
            return getattr(torch, precision)
        chosen = saved.get("precision") or ("bfloat16" if use_bfloat16(precision, device) else "float32")
        self.tell(f"Matrix products run in {chosen}; set precision in [run] to change that.")
        return getattr(torch, chosen)

    def _held_out_batches(self, texts: Texts) -> Iterator[PackedBatch]:
        """The recipe's `held_out_rows`, in batches. Drawn before the first step, so that a run whose held-out examples
        fit no row fails at once and not at its first evaluation."""
        recipe, rows = self.recipe.data, self.recipe.run.held_out_rows
        stream = BatchStream(recipe, self.tokenizer, texts, _HELD_OUT_SEED, split="eval", tell=self.tell)
        for number, first in enumerate(range(0, rows, recipe.batch_rows)):
            yield stream.batch(number, min(recipe.batch_rows, rows - first))

    def run(self, report: Callable[[Progress], None]) -> Path:
        """Takes the remaining steps -> the folder of the best checkpoint. Raises Stopped if `stop` ends the run."""
        run, best = self.recipe.run, self.folder / "best"
        drop_lines_after(self.folder / "metrics.jsonl", self.step)
        self._started = saved = logged = time.monotonic()
        tokens, window = 0, []
        # A run whose time is up has no steps left, whatever its step.
        last = self.step if self._schedule_step() >= run.steps else run.steps
        if self.stop():
            raise Stopped(self.step)
        if self._measure_first:
            self.tell(f"The held-out loss of the weights of step {self.step} is {self.evaluate():.4f}.")
            self._save([])
        if last == self.step:
            why = "" if self.step >= run.steps else f", and its {run.minutes:g} minutes are used up"
            self.tell(f"There is nothing left to do: the run is at step {self.step} of {run.steps}{why}.")
        # The random draws are made by the batch workers too: with busy CPUs they take longer than a GPU's replay.
        for drawn in prefetch(self._batches, self.step, last, run.data_workers):
            slots, parts = self._one_step(drawn)
            tokens, window = tokens + slots, [*window, parts]
            ended = self._schedule_step() >= run.steps
            evaluate = self.step % run.evaluate_every == 0 or ended
            log = self.step % run.log_every == 0 or evaluate
            if log and self.network.device.type == "cuda":
                # Kernels run asynchronously; wait for them, so that the time is that of the steps.
                torch.cuda.synchronize()
            now = time.monotonic()
            if log:
                report(self._logged(window, tokens, now - logged, evaluate))
                tokens, window, logged = 0, [], time.monotonic()
            stopped = not ended and self.stop()
            if now - saved > 60 * run.save_every_minutes or ended or stopped:
                self._save(window)
                saved = time.monotonic()
            if stopped:
                raise Stopped(self.step)
            if ended:
                break
        if not best.is_dir():
            # Deleted while the run was going on.
            self.best = math.inf
            self.evaluate()
        return best

    def _logged(self, window: list[Losses], tokens: int, seconds: float, evaluate: bool) -> Progress:
        """Logs and returns the progress over the steps of `window`, which took `seconds` for `tokens` tokens."""
        self._require_finite(window)
        run = self.recipe.run
        left = (run.steps - self.step) * seconds / len(window)
        if run.minutes:
            left = max(0.0, min(left, 60 * run.minutes - self.seconds))
        held_out = self.evaluate() if evaluate else None
        progress = self._progress(window, tokens / seconds, left, held_out)
        append_line(progress, self.folder / "metrics.jsonl")
        return progress

    def _require_finite(self, window: list[Losses]) -> None:
        """Raises DataError if a loss of the last steps, `window`, is not finite."""
        finite = torch.stack([parts.total for parts in window]).isfinite().tolist() if window else [True]
        if not all(finite):
            raise self._diverged(self.step - len(window) + 1 + finite.index(False))

    def _diverged(self, step: int) -> DataError:
        kept = "nothing was saved before"
        if self._saved_step is not None:
            kept = f"{self.folder / 'last.pt'} holds the last good state, of step {self._saved_step}"
        return DataError(
            f"The loss is not finite since step {step}. Lower the learning rates, lr and matrix_lr in [optimizer], and "
            f"start again; {kept}."
        )

    @property
    def seconds(self) -> float:
        """Time of the run so far, earlier starts included."""
        return self._seconds_before + (0.0 if self._started is None else time.monotonic() - self._started)

    def _schedule_step(self) -> int:
        """The current position in the schedule: `step`, or a later one if time is further along than the steps."""
        run = self.recipe.run
        by_clock = int(run.steps * self.seconds / (60 * run.minutes)) if run.minutes else 0
        return max(self.step, by_clock)

    def evaluate(self) -> float:
        """Measures and returns the held-out loss; saves the weights to best/ if it is the lowest so far. Raises
        DataError if it is not finite."""
        loss = self._held_out_loss()
        if not math.isfinite(loss):
            raise self._diverged(self.step)
        if loss < self.best:
            self.best = loss
            self._save_best()
        return loss

    def _held_out_loss(self) -> float:
        """The mean of the training objective (canvas loss plus `encoder_weight` times encoder loss, in which prompt
        tokens count `prompt_weight`) over fixed rows with fixed noise."""
        generator = torch.Generator().manual_seed(20_000)
        total = 0.0
        with torch.no_grad(), self._precision():
            for batch in self._held_out:
                parts = losses(self.network, self.forward, batch, self.recipe.objective, generator)
                total += float(parts.total) * len(batch.tokens_BT) / self.recipe.run.held_out_rows
        return total

    def _one_step(self, drawn: Drawn) -> tuple[int, Losses]:
        run, recipe = self.recipe.run, self.recipe.optimizer
        factor = learning_rate_factor(self.step, self._schedule_step(), run.steps, recipe)
        self._rates = recipe.matrix_lr * factor, recipe.lr * factor
        set_learning_rates(self.optimizers, self._rates, self.recorded)
        parts = self.take_step(drawn)
        self.step += 1
        return int((drawn.batch.owner_BN >= 0).sum()), parts

    @contextmanager
    def _precision(self) -> Iterator[None]:
        kind = self.network.device.type
        with ExitStack() as stack:
            # Without the cache: older torch versions reuse weights cast under no_grad in the pass that needs gradients.
            bfloat16 = self.dtype == torch.bfloat16
            stack.enter_context(torch.autocast(kind, dtype=torch.bfloat16, enabled=bfloat16, cache_enabled=False))
            if self.recipe.run.compile:
                # Compiled graphs: one for each combination of layer type, batch shape, number of self-conditioned rows,
                # and with or without gradient.
                stack.enter_context(torch._dynamo.config.patch(recompile_limit=_MAX_GRAPHS))
            yield

    def _progress(self, window: list[Losses], speed: float, left: float, held_out: float | None) -> Progress:
        def mean(name: str) -> float:
            # nan: batches without canvases have no canvas loss. Losses that diverged have raised before.
            return float(torch.stack([getattr(parts, name) for parts in window]).nanmean())

        return Progress(
            step=self.step,
            steps=self.recipe.run.steps,
            clean=mean("clean"),
            corrupted=mean("corrupted"),
            encoder=mean("encoder"),
            matrix_lr=self._rates[0],
            lr=self._rates[1],
            tokens_per_second=speed,
            seconds_left=left,
            held_out=held_out,
        )

    def _save(self, window: list[Losses]) -> None:
        """Replaces last.pt; `window` holds the losses since the last log. Raises DataError if a loss or a weight is not
        finite."""
        self._require_finite(window)
        weights = self.network.state_dict()
        # Losses alone are not enough: the last one is from before the last update.
        if not bool(torch.stack([weight.isfinite().all() for weight in weights.values()]).all()):
            raise self._diverged(self.step)
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "seed": self.recipe.run.seed,
            "best": self.best,
            "precision": str(self.dtype).removeprefix("torch."),
            "settings": self._settings,
            "config": self.network.config.to_hf(),
            "network": weights,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        write_state(state, self.folder / "last.pt")
        self._saved_step = self.step

    def _save_best(self) -> None:
        end_ids = (self.tokenizer.eos_id, self.tokenizer.special_id("<turn|>"))
        sampler = replace(self.recipe.sampler, eos_token_ids=end_ids)
        model = LoadedModel(
            config=self.network.config,
            network=self.network,
            sampler=sampler,
            tokenizer=self.tokenizer,
            chat_template=default_template(),
            single_turn=True,
            text_request=story.ANY if any(task == story.TASK for task in self.recipe.data.tasks) else None,
        )
        save_model(model, self.folder / "best", dtype=torch.bfloat16)
        write_json(tokenizer_config(), self.folder / "best" / "tokenizer_config.json")

    def _restore(self, saved: Mapping[str, Any]) -> None:
        path, best = self.folder / "last.pt", self.folder / "best"
        changes = differences(saved.get("settings", {}), self._settings)
        try:
            self.network.load_state_dict(saved["network"])
            for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
                load_optimizer(optimizer, state)
            self.step, self.best = int(saved["step"]), float(saved["best"])
            self._seconds_before = float(saved.get("seconds", 0.0))
        except UNREADABLE as error:
            raise unusable_state(path, changes) from error
        seed = self.recipe.run.seed
        if saved.get("seed", seed) != seed:
            raise DataError(f"{path} belongs to a run with seed {saved['seed']}, not {seed}; choose another folder.")
        self._saved_step = self.step
        if changes:
            self.tell(f"The run resumes with other settings, so its best model is chosen anew: {'; '.join(changes)}.")
        elif math.isfinite(self.best) and not best.is_dir():
            self.tell(f"{best} is gone, so the best model is chosen anew.")
        else:
            return
        self.best, self._measure_first = math.inf, True
