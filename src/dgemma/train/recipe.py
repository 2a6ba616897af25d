"""Training recipes: a TOML file with the sizes, the data mix, the objective, the optimiser and the run.

A recipe holds everything that determines the result, so it reproduces a run together with its seed. Knows nothing of
tensors.
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
from dgemma.config import MAX_STEPS, LayerConfig, LayerType, ModelConfig, SamplerConfig
from dgemma.errors import ConfigError, DataError
from dgemma.evals.example import PAIRS_SUFFIX
from dgemma.values import LARGEST

LARGEST_SEED = 2**43
"""The noise seed of a step is about a million times this and must fit into 64 bits."""

_MAX_BYTES, _MAX_KEY_PARTS = 1 << 20, 32  # of a recipe file, of a dotted key in it
_MAX_ROWS, _MAX_TOKENS, _MAX_BATCH_TOKENS = 1 << 16, 1 << 20, 1 << 26

_LAYER_TYPES: dict[str, LayerType] = {"s": "sliding_attention", "f": "full_attention"}


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """Sizes of the network, with the names of `ModelConfig` and `LayerConfig`.

    pattern                                      one letter per layer: s for sliding, f for full attention
    head_dim, num_key_value_heads                of sliding layers
    global_head_dim, num_global_key_value_heads  of full layers
    canvas_length                                positions of a canvas if a request gives no length
    max_position_embeddings                      the context in tokens
    """

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
        _require_range(self, "max_position_embeddings", least=1)

    def config(self) -> ModelConfig:
        """The network's configuration. Raises DataError for an invalid pattern."""
        if not self.pattern or set(self.pattern) - set(_LAYER_TYPES) or self.pattern[-1] != "f":
            raise DataError(
                f"pattern must have one letter s or f per layer and end in f; it is {reprlib.repr(self.pattern)}."
            )
        layers = tuple(
            LayerConfig(
                layer_type=_LAYER_TYPES[letter],
                head_dim=self.head_dim if letter == "s" else self.global_head_dim,
                num_key_value_heads=self.num_key_value_heads if letter == "s" else self.num_global_key_value_heads,
            )
            for letter in self.pattern
        )
        of_layers = {"pattern", "head_dim", "num_key_value_heads", "global_head_dim", "num_global_key_value_heads"}
        sizes = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in of_layers}
        return ModelConfig(layers=layers, **sizes)

    def check_memory(self) -> None:
        """Raises DataError if the weights alone would not fit into this machine's memory."""
        heads = [
            self.head_dim * (self.num_attention_heads + self.num_key_value_heads)
            if letter == "s"
            else self.global_head_dim * (self.num_attention_heads + self.num_global_key_value_heads)
            for letter in self.pattern
        ]
        inner = self.intermediate_size + self.num_experts * self.moe_intermediate_size
        width = self.vocab_size + sum(2 * size for size in heads) + 3 * inner * len(heads)
        if (required := 4 * width * self.hidden_size) > (total := memory.total_bytes()):
            raise DataError(
                f"The model's weights would take about {required / 1e9:,.1f} GB of memory, and the machine has "
                f"{total / 1e9:,.1f}; make the sizes in [model] smaller."
            )


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """The data: weights of the tasks, and how examples are packed into rows.

    tasks           tasks of `dgemma.evals.tasks`, or files of your own examples (`evals.pairs`) relative to the
                    recipe's folder, each with its weight in the mix
    batch_rows      rows of a batch; a row packs several whole examples
    clean_length    clean tokens (prompts and answers) of a row
    canvas_slots    canvas tokens of a row
    noise_draws     up to this many differently noised copies of an example's canvases, while the row has room
    canvas_lengths  each example draws its canvas length from these; lengths near that of its answer are likelier
    """

    tasks: Mapping[str, float] = field(default_factory=lambda: {"extract": 1.0})
    batch_rows: int = 8
    clean_length: int = 640
    canvas_slots: int = 384
    noise_draws: int = 1
    canvas_lengths: tuple[int, ...] = (8, 16, 32, 64, 128, 256)

    def __post_init__(self) -> None:
        _require_range(self, "batch_rows", "noise_draws", least=1, most=_MAX_ROWS)
        _require_range(self, "clean_length", "canvas_slots", least=1, most=_MAX_TOKENS)
        tokens = self.batch_rows * (self.clean_length + self.canvas_slots)
        if tokens > _MAX_BATCH_TOKENS:
            raise DataError(
                f"A batch of batch_rows = {self.batch_rows} would have {tokens} tokens, more than the limit of "
                f"{_MAX_BATCH_TOKENS}; make it smaller."
            )
        for name, weight in self.tasks.items():
            if not _is_a(weight, float) or weight < 0:
                raise DataError(f"The weight of the task {name} must be a number of at least 0, not {weight!r}.")
        if not sum(self.tasks.values()):
            raise DataError("No task has a weight above 0; name one in [data.tasks].")
        if not self.canvas_lengths or min(self.canvas_lengths) < 1:
            raise DataError(f"canvas_lengths must be numbers of at least 1, not {self.canvas_lengths}.")
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
    ordered                  share of the noise draws that keep a canvas's beginning and noise the rest, like a canvas
                             that the sampler settles from left to right
    self_conditioning        share of the rows whose canvases get the soft embedding of a first pass without gradient
    rollout, rollout_steps   share of those rows whose canvases also take a sampler step: positions within the entropy
                             bound are sampled, the others renoised; half of the rows take a second step, half of those
                             a third, and so on up to `rollout_steps`
    entropy_bound            the sampler's entropy bound in these steps
    temperature              range of the temperature of the soft embedding, as the sampler will use it
    encoder_weight           weight of the encoder's next-token loss
    prompt_weight            weight of prompt tokens in the next-token loss; answer tokens have weight 1
    causal_share             share of the batches without canvases: next-token loss only, in about half of the time,
                             for what the autoregressive mode has to learn first
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
        _require_range(self, "noise_floor", "full_noise", "ordered", "self_conditioning", "rollout", least=0, most=1)
        _require_range(self, "causal_share", least=0, most=1)
        _require_range(self, "rollout_steps", least=1, most=MAX_STEPS)
        _require_range(self, "entropy_bound", "encoder_weight", "prompt_weight", least=0)
        if not 0 < self.temperature[0] <= self.temperature[1] < inf:
            raise DataError(f"temperature must be a range of numbers above 0, not {list(self.temperature)}.")


@dataclass(frozen=True, kw_only=True)
class OptimizerRecipe:
    """Muon for the matrices, AdamW for the rest; warm-up, plateau, linear decay to zero over the last `decay_steps`.

    `matrix_lr`, `matrix_decay` and `momentum` are Muon's, `lr`, `weight_decay` and `betas` AdamW's. A step shrinks the
    weights by decay times learning rate. `clip` is the maximum norm of the gradient.
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
        _require_range(self, "matrix_lr", "matrix_decay", "lr", "weight_decay", "warmup_steps", "decay_steps", least=0)
        _require_range(self, "momentum", least=0, most=1)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise DataError(f"betas must be two numbers of at least 0 and below 1, not {list(self.betas)}.")
        if not 0 < self.clip < inf:
            raise DataError(f"clip must be a number above 0, not {self.clip}.")


@dataclass(frozen=True, kw_only=True)
class RunRecipe:
    """Length, device, precision and intervals of the run.

    steps         length of the schedule
    minutes       if above 0, the schedule follows steps or time, whichever is further along, so that the learning rates
                  reach zero when the time is up (such runs are not reproducible). The time of steps counts, over all
                  starts of the run; loading and the last evaluation come on top.
    precision     of matrix products; auto measures bfloat16 when the run begins
    compile       torch.compile; on a CPU it needs a C++ compiler
    record        on a GPU, replay a step as a CUDA graph (`train.step`); no effect on a CPU
    data_workers  processes that prepare batches ahead (0: none); helps if a step is faster than preparing its batch
    log_every, evaluate_every, save_every_minutes
                  steps between two progress lines and between two measurements of the held-out loss; minutes between
                  two saves of `last.pt`
    held_out_rows rows over which the held-out loss is computed
    seed, device  of the run
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
        _require_range(self, "steps", "log_every", "evaluate_every", least=1)
        _require_range(self, "held_out_rows", least=1, most=_MAX_ROWS)
        _require_range(self, "save_every_minutes", least=0)
        _require_range(self, "data_workers", least=0, most=1024)
        if not 0 <= self.minutes < inf:
            raise DataError(f"minutes must be at least 0 (0: no limit), not {self.minutes}.")
        if abs(self.seed) > LARGEST_SEED:
            raise DataError(f"seed must be between -{LARGEST_SEED} and {LARGEST_SEED}, not {self.seed}.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole recipe file.

    `sampler` is written to the model's generation_config.json, with the end tokens of the vocabulary.
    """

    model: ModelRecipe = field(default_factory=ModelRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    objective: ObjectiveRecipe = field(default_factory=ObjectiveRecipe)
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    run: RunRecipe = field(default_factory=RunRecipe)

    def warnings(self) -> list[str]:
        """Warnings, a sentence each, about settings that work but are hardly intended."""
        warnings = []
        default, lengths = self.model.canvas_length, self.data.canvas_lengths
        if default not in lengths:
            warnings.append(
                f"The model will be run with canvases of {default} tokens (canvas_length in [model]) but is trained on "
                f"others: canvas_lengths in [data] has {', '.join(map(str, lengths))}."
            )
        warmup, decay = max(1, self.optimizer.warmup_steps), max(1, self.optimizer.decay_steps)
        if self.run.steps + 1 < warmup + decay:
            warnings.append(
                f"{self.run.steps} steps are fewer than warmup_steps = {warmup} and decay_steps = {decay} together: "
                f"the learning rates reach only {(self.run.steps + 1) / (warmup + decay):.0%} of the recipe's."
            )
        return warnings


def read_recipe(path: str | Path, **run_overrides: Any) -> Recipe:
    """Reads a recipe file; `run_overrides` that are not None replace entries of its [run] table.

    Raises DataError for a file that is missing or not TOML, and for unknown tables, unknown keys and invalid values.
    """
    try:
        # utf-8-sig: some editors write a byte order mark, which TOML does not allow.
        with Path(path).open("rb") as file:
            text = file.read(_MAX_BYTES + 1).decode("utf-8-sig")
        if len(text) > _MAX_BYTES:
            raise DataError(f"The recipe {path} has more than {_MAX_BYTES >> 20} MB, too much for a recipe.")
        # The parser's memory grows with the square of a key's length.
        if _LONG_KEY.search(text):
            raise DataError(
                f"The recipe {path} has a key of more than {_MAX_KEY_PARTS} parts; no valid key has more than three."
            )
        document = tomllib.loads(text)
    except OSError as error:
        raise DataError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # ValueError: also a number of too many digits
        raise DataError(f"The recipe {path} is not valid TOML: {error}.") from error
    tables = {item.name: item.default_factory for item in fields(Recipe)}
    for name in document:
        if name not in tables:
            raise DataError(f"The recipe {path} has an unknown table [{name}]; known: {', '.join(tables)}.")
        if not isinstance(document[name], dict):
            value = reprlib.repr(document[name])
            raise DataError(f"The recipe {path} has {name} = {value}; it must be a table [{name}].")
    tasks = document.get("data", {}).get("tasks")
    if isinstance(tasks, dict):
        document["data"]["tasks"] = {_task_name(path, name): weight for name, weight in tasks.items()}
    parts = {name: _table(table, document.get(name, {}), name, path) for name, table in tables.items()}  # pyright: ignore
    try:
        parts["model"].config()
    except (ConfigError, DataError) as error:
        raise DataError(f"The recipe {path} has an invalid [model]: {error}") from error
    parts["model"].check_memory()
    overrides = {key: value for key, value in run_overrides.items() if value is not None}
    return Recipe(**{**parts, "run": replace(parts["run"], **overrides)})


# Matches from the start of a word only and with possessive quantifiers: linear even if the words are long.
_LONG_KEY = re.compile(rf"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){{{_MAX_KEY_PARTS}}}""")


def _require_range(recipe: Any, *names: str, least: float, most: float = LARGEST) -> None:
    """Raises DataError if one of the named fields is not in the range [least, most]."""
    for name in names:
        value = getattr(recipe, name)
        if not least <= value <= most:
            allowed = f"at least {least}" if value < least and most == LARGEST else f"between {least} and {most}"
            raise DataError(f"{name} must be {allowed}, not {value}.")


def _task_name(recipe: str | Path, task: str) -> str:
    """The path of a file of examples, resolved from the recipe's folder; other task names unchanged."""
    return str(Path(recipe).parent / task) if task.endswith(PAIRS_SUFFIX) else task


def _table(kind: Any, values: dict[str, Any], name: str, path: str | Path) -> Any:
    """Builds the dataclass `kind` from the recipe's table `name`. Raises DataError for an unknown key or wrong type."""
    known = {item.name for item in fields(kind)}
    for key in values:
        if key not in known:
            raise DataError(
                f"The recipe {path} has an unknown key {key} in [{name}]; known: {', '.join(sorted(known))}."
            )
    types = get_type_hints(kind)
    for key, value in values.items():
        if not _is_a(value, types[key]):
            raise DataError(
                f"The recipe {path} has {key} = {reprlib.repr(value)} in [{name}], which is not a valid value for it."
            )
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a parsed TOML value fits a field of the type `kind`."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        return value in arguments
    if get_origin(kind) is tuple:
        items = value if isinstance(value, list) else []
        fits = bool(items) if Ellipsis in arguments else len(items) == len(arguments)
        return fits and all(_is_a(item, arguments[0]) for item in items)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    if kind is int:
        return type(value) is int and abs(value) <= LARGEST
    if kind in (str, bool):
        return type(value) is kind
    return isinstance(value, dict)
