"""A training recipe: one TOML file that fixes the sizes, the data mix, the objective, the optimiser and the run.

Everything that decides the result is in here, so a recipe and its seed reproduce a run. Knows nothing of tensors.
"""

import re
import reprlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dgemma import memory
from dgemma.config import MOST_STEPS, LayerConfig, LayerType, ModelConfig, SamplerConfig
from dgemma.errors import ConfigError, DataError
from dgemma.evals.example import PAIRS_SUFFIX

LARGEST_SEED = 2**43
"""The noise of a step has a seed of 64 bits, about a million times the run's."""

_LARGEST = 2**53
"""Above it a number is no longer the one that was written; infinity and what is no number are not below it."""

_MOST_BYTES, _MOST_PARTS = 1 << 20, 32  # of a recipe, and of a dotted key in it
_MOST_ROWS, _MOST_TOKENS, _MOST_IN_A_BATCH = 1 << 16, 1 << 20, 1 << 26

_KINDS: dict[str, LayerType] = {"s": "sliding_attention", "f": "full_attention"}


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """Sizes of the network. `pattern` has one letter a layer: s for sliding, f for full attention."""

    vocab_size: int = 2048
    hidden_size: int = 256
    intermediate_size: int = 512
    pattern: str = "ssfssf"
    num_attention_heads: int = 8
    head_dim: int = 32
    num_key_value_heads: int = 4
    global_head_dim: int = 64
    num_global_key_value_heads: int = 2
    num_experts: int = 4
    top_k_experts: int = 2
    moe_intermediate_size: int = 192
    sliding_window: int = 512
    canvas_length: int = 64
    max_position_embeddings: int = 4096

    def __post_init__(self) -> None:
        _require(self, "max_position_embeddings", least=1)

    def config(self) -> ModelConfig:
        """The network's configuration. Raises DataError for a pattern that no network can have."""
        if not self.pattern or set(self.pattern) - set(_KINDS) or self.pattern[-1] != "f":
            told = reprlib.repr(self.pattern)
            raise DataError(f"pattern has one letter s or f a layer and ends in f, which {told} does not.")
        layers = tuple(
            LayerConfig(
                layer_type=_KINDS[letter],
                head_dim=self.head_dim if letter == "s" else self.global_head_dim,
                num_key_value_heads=self.num_key_value_heads if letter == "s" else self.num_global_key_value_heads,
            )
            for letter in self.pattern
        )
        own = {"pattern", "head_dim", "num_key_value_heads", "global_head_dim", "num_global_key_value_heads"}
        sizes = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in own}
        return ModelConfig(layers=layers, **sizes)

    def check_memory(self) -> None:
        """Raises DataError for sizes whose weights alone would not fit into this machine's memory."""
        heads = [
            self.head_dim * (self.num_attention_heads + self.num_key_value_heads)
            if letter == "s"
            else self.global_head_dim * (self.num_attention_heads + self.num_global_key_value_heads)
            for letter in self.pattern
        ]
        inner = self.intermediate_size + self.num_experts * self.moe_intermediate_size
        width = self.vocab_size + sum(2 * size for size in heads) + 3 * inner * len(heads)
        if (asked := 4 * width * self.hidden_size) > (there := memory.total_bytes()):
            raise DataError(
                f"The model's weights would take about {asked / 1e9:,.1f} GB of memory, and there are "
                f"{there / 1e9:,.1f}; make the sizes in [model] smaller."
            )


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """What is trained on: weights of the tasks, and how examples are packed into rows.

    A task is one of `dgemma.evals.tasks` or a file of one's own pairs (`evals.pairs`), named from the recipe's folder.

    A row holds `clean_length` clean tokens and `canvas_slots` canvas tokens of several whole examples. Each example
    draws its canvas length from `canvas_lengths` with weights that favour the lengths near its answer's, and brings its
    canvases up to `noise_draws` times, where they fit, each time under other noise.
    """

    tasks: Mapping[str, float] = field(default_factory=lambda: {"extract": 1.0})
    batch_rows: int = 8
    clean_length: int = 640
    canvas_slots: int = 384
    noise_draws: int = 1
    canvas_lengths: tuple[int, ...] = (8, 16, 32, 64, 128, 256)

    def __post_init__(self) -> None:
        _require(self, "batch_rows", "noise_draws", least=1, most=_MOST_ROWS)
        _require(self, "clean_length", "canvas_slots", least=1, most=_MOST_TOKENS)
        tokens = self.batch_rows * (self.clean_length + self.canvas_slots)
        if tokens > _MOST_IN_A_BATCH:
            raise DataError(
                f"A batch of batch_rows = {self.batch_rows} would have {tokens} tokens, and {_MOST_IN_A_BATCH} are the "
                "most; make it smaller."
            )
        for name, weight in self.tasks.items():
            if not _is_a(weight, float) or weight < 0:
                raise DataError(f"The weight of the task {name} must be a number of at least 0, not {weight!r}.")
        if not sum(self.tasks.values()):
            raise DataError("No task has a weight above 0; name one in [data.tasks].")
        if not self.canvas_lengths or min(self.canvas_lengths) < 1:
            raise DataError(f"canvas_lengths must be lengths of at least 1, not {self.canvas_lengths}.")
        longest = max(self.canvas_lengths)
        if longest > self.canvas_slots:
            raise DataError(
                f"A canvas of {longest} tokens fits no row of canvas_slots = {self.canvas_slots}; take it out of "
                "canvas_lengths or make canvas_slots larger."
            )


@dataclass(frozen=True, kw_only=True)
class ObjectiveRecipe:
    """The loss: diffusion cross-entropy plus the encoder's next-token cross-entropy (model card, arXiv 2608.00146).

    noise_floor, full_noise  t is 1 with probability `full_noise`, else uniform in (noise_floor, 1)
    ordered                  share of the noise draws that keep a canvas' beginning and noise all the rest, as a
                             canvas stands whose tokens depend on each other from left to right
    self_conditioning        share of the rows whose canvases see the expectation of a first pass without gradient
    rollout, rollout_steps   share of those rows whose canvas moves one sampler step on as well: what the first pass is
                             sure of (`entropy_bound`) is sampled, all else noised anew; half of them go on to a
                             second step, half of these to a third, and so on to `rollout_steps`
    temperature              range from which the expectation's temperature is drawn, as the sampler will use it
    prompt_weight            weight of next-token loss on prompt tokens; answers count 1
    causal_share             share of the batches that leave their canvases out: next-token loss alone, in about half of
                             the time, for what the causal mode has to learn first
    """

    noise_floor: float = 0.0
    full_noise: float = 0.15
    ordered: float = 0.0
    self_conditioning: float = 0.5
    rollout: float = 0.0
    rollout_steps: int = 1
    entropy_bound: float = 0.1
    temperature: tuple[float, float] = (0.4, 1.0)
    encoder_weight: float = 1.0
    prompt_weight: float = 1.0
    causal_share: float = 0.0

    def __post_init__(self) -> None:
        _require(self, "noise_floor", "full_noise", "ordered", "self_conditioning", "rollout", least=0, most=1)
        _require(self, "causal_share", least=0, most=1)
        _require(self, "rollout_steps", least=1, most=MOST_STEPS)
        _require(self, "entropy_bound", "encoder_weight", "prompt_weight", least=0)
        if not 0 < self.temperature[0] <= self.temperature[1] < inf:
            raise DataError(f"temperature must be a range of numbers above 0, not {list(self.temperature)}.")


@dataclass(frozen=True, kw_only=True)
class OptimizerRecipe:
    """Muon for the matrices, AdamW for the rest; warm-up, plateau, linear decay to zero over the last steps.

    `matrix_decay` is the weight decay of the matrices, `weight_decay` that of all else, both times the learning rate.
    """

    matrix_lr: float = 0.02
    matrix_decay: float = 0.0
    lr: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.98)
    momentum: float = 0.95
    weight_decay: float = 0.0
    clip: float = 1.0
    warmup_steps: int = 100
    decay_steps: int = 1000

    def __post_init__(self) -> None:
        _require(self, "matrix_lr", "matrix_decay", "lr", "weight_decay", "warmup_steps", "decay_steps", least=0)
        _require(self, "momentum", least=0, most=1)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise DataError(f"betas must be two numbers of at least 0 and below 1, not {list(self.betas)}.")
        if not 0 < self.clip < inf:
            raise DataError(f"clip must be a number above 0, not {self.clip}.")


@dataclass(frozen=True, kw_only=True)
class RunRecipe:
    """Length, precision and rhythm of the run.

    `steps` is the schedule; with `minutes` above 0 it is followed by steps or by time, whichever is further gone, so
    that the rates end at zero when the time does (and no two such runs are alike). What counts is the time of the steps
    of all starts together; loading before them and the last evaluation come on top.

    `compile` needs a C compiler; precision `auto` measures bfloat16 when a run begins; `data_workers` processes make
    batches ahead (0: none), which pays where a step is faster than the making of its batch. `record` replays a step on
    a GPU instead of handing over its operations one by one (`train.step`); on a CPU it changes nothing.
    """

    steps: int = 4000
    minutes: float = 0.0
    seed: int = 1
    device: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: bool = False
    record: bool = False
    data_workers: int = 0
    log_every: int = 20
    evaluate_every: int = 250
    save_every_minutes: float = 5.0
    held_out_rows: int = 16

    def __post_init__(self) -> None:
        _require(self, "steps", "log_every", "evaluate_every", least=1)
        _require(self, "held_out_rows", least=1, most=_MOST_ROWS)
        _require(self, "save_every_minutes", least=0)
        _require(self, "data_workers", least=0, most=1024)
        if not 0 <= self.minutes < inf:
            raise DataError(f"minutes must be at least 0 (0: no limit), not {self.minutes}.")
        if abs(self.seed) > LARGEST_SEED:
            raise DataError(f"seed must lie between -{LARGEST_SEED} and {LARGEST_SEED}, not {self.seed}.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The whole of a recipe file.

    `sampler` is what the model's generation_config.json will hold, but for the end tokens: they are the vocabulary's.
    """

    model: ModelRecipe = field(default_factory=ModelRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    objective: ObjectiveRecipe = field(default_factory=ObjectiveRecipe)
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    run: RunRecipe = field(default_factory=RunRecipe)

    def doubts(self) -> list[str]:
        """What can be done as written and is hardly what is wanted, a sentence each."""
        told = []
        usual, lengths = self.model.canvas_length, self.data.canvas_lengths
        if usual not in lengths:
            told.append(
                f"The model will be run with canvases of {usual} tokens (canvas_length in [model]) and is trained on "
                f"others: canvas_lengths in [data] has {', '.join(map(str, lengths))}."
            )
        warm, cool = max(1, self.optimizer.warmup_steps), max(1, self.optimizer.decay_steps)
        if self.run.steps + 1 < warm + cool:
            told.append(
                f"{self.run.steps} steps are fewer than warmup_steps = {warm} and decay_steps = {cool} together: the "
                f"learning rates come to {(self.run.steps + 1) / (warm + cool):.0%} of the recipe's."
            )
        return told


def read_recipe(path: str | Path, **run_overrides: Any) -> Recipe:
    """Reads a recipe file; `run_overrides` replace entries of its [run] table.

    Raises DataError for a file that is missing or not TOML, and for a table or key that no recipe has.
    """
    try:
        # Some editors begin a file with a mark, which is no TOML.
        with Path(path).open("rb") as file:
            text = file.read(_MOST_BYTES + 1).decode("utf-8-sig")
        if len(text) > _MOST_BYTES:
            raise DataError(f"The recipe {path} has more than {_MOST_BYTES >> 20} MB, as no recipe has.")
        # The parser takes the square of a key's length in memory.
        if _LONG_KEY.search(text):
            raise DataError(f"The recipe {path} has a key of more than {_MOST_PARTS} parts; none has more than three.")
        document = tomllib.loads(text)
    except OSError as error:
        raise DataError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # a number of too many digits is one, too
        raise DataError(f"The recipe {path} is not valid TOML: {error}.") from error
    tables = {item.name: item.default_factory for item in fields(Recipe)}
    for name in document:
        if name not in tables:
            raise DataError(f"The recipe {path} has an unknown table [{name}]; known: {', '.join(tables)}.")
        if not isinstance(document[name], dict):
            told = reprlib.repr(document[name])
            raise DataError(f"The recipe {path} has {name} = {told}, where a table [{name}] belongs.")
    tasks = document.get("data", {}).get("tasks")
    if isinstance(tasks, dict):
        document["data"]["tasks"] = {_beside(path, name): weight for name, weight in tasks.items()}
    parts = {name: _table(table, document.get(name, {}), name, path) for name, table in tables.items()}  # pyright: ignore
    try:
        parts["model"].config()
    except (ConfigError, DataError) as error:
        raise DataError(f"The recipe {path} has a [model] that cannot be: {error}") from error
    parts["model"].check_memory()
    given = {key: value for key, value in run_overrides.items() if value is not None}
    return Recipe(**{**parts, "run": replace(parts["run"], **given)})


# From the beginning of a word on and never back, as words may be long, too.
_LONG_KEY = re.compile(rf"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){{{_MOST_PARTS}}}""")


def _require(recipe: Any, *names: str, least: float, most: float = _LARGEST) -> None:
    """Raises DataError for a number of the recipe that is not in that range."""
    for name in names:
        value = getattr(recipe, name)
        if not least <= value <= most:
            allowed = f"at least {least}" if value < least and most == _LARGEST else f"between {least} and {most}"
            raise DataError(f"{name} must be {allowed}, not {value}.")


def _beside(recipe: str | Path, task: str) -> str:
    """A file of examples as seen from the recipe's folder; the names of other tasks as they are."""
    return str(Path(recipe).parent / task) if task.endswith(PAIRS_SUFFIX) else task


def _table(kind: Any, values: dict[str, Any], name: str, path: str | Path) -> Any:
    known = {item.name for item in fields(kind)}
    for key in values:
        if key not in known:
            raise DataError(
                f"The recipe {path} has an unknown key {key} in [{name}]; known: {', '.join(sorted(known))}."
            )
    types = get_type_hints(kind)
    for key, value in values.items():
        if not _is_a(value, types[key]):
            told = reprlib.repr(value)
            raise DataError(f"The recipe {path} has {key} = {told} in [{name}], which is no value for it.")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a parsed TOML value can be what a field of that type holds."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        return value in arguments
    if get_origin(kind) is tuple:
        items = value if isinstance(value, list) else []
        fits = bool(items) if Ellipsis in arguments else len(items) == len(arguments)
        return fits and all(_is_a(item, arguments[0]) for item in items)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
    if kind is int:
        return type(value) is int and abs(value) <= _LARGEST
    if kind in (str, bool):
        return type(value) is kind
    return isinstance(value, dict)
