"""The initial weights of a run: fresh ones, or those of an existing model.

A recipe sets the sizes. Other settings (rotary embeddings, logit softcapping, the norms' epsilon, end ids) determine
what the weights compute too, so they are taken from the model that the weights come from. Knows nothing of training
loops.
"""

from dataclasses import replace
from pathlib import Path

import torch

from dgemma.checkpoint import LoadedModel, open_model
from dgemma.config import SIZES, ModelConfig
from dgemma.errors import DataError
from dgemma.model import DiffusionGemma
from dgemma.norms import RMSNorm
from dgemma.tokenizer import Tokenizer
from dgemma.train.growth import grow

_NOT_IN_RECIPES = (
    "rms_norm_eps",
    "final_logit_softcapping",
    "initializer_range",
    "sliding_rotary",
    "full_rotary",
    "pad_token_id",
    "bos_token_id",
    "eos_token_ids",
)


def initialise(network: DiffusionGemma, seed: int) -> None:
    """Initialises the weights: embeddings of unit variance after their scaling, matrices with standard deviation
    1 / sqrt(fan in), norms before the residual stream at 0.5."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim >= 2:
                size = network.config.hidden_size if "embed_tokens" in name else parameter.shape[-1]
                parameter.normal_(0.0, size**-0.5, generator=generator)
        for name, module in network.named_modules():
            if isinstance(module, RMSNorm) and name.endswith(("q_norm", "k_norm")):
                # The attention scale is 1, so the norms carry the usual 1 / sqrt(head_dim), here twice that.
                module.weight.fill_((2.0 / module.weight.numel() ** 0.5) ** 0.5)
            elif isinstance(module, RMSNorm) and name.endswith(
                ("post_attention_layernorm", "post_feedforward_layernorm")
            ):
                module.weight.fill_(0.5)


def open_start(name: str | Path) -> tuple[LoadedModel, Tokenizer]:
    """Opens a model to start from -> (model, tokenizer). Raises DataError for a model that cannot be trained."""
    model = open_model(name, dtype="float32")
    if model.quant is not None:
        raise DataError(f"The model {name} has {model.quant} weights, which cannot be trained; give float ones.")
    if model.tokenizer is None:
        raise DataError(
            f"The model {name} has no tokenizer, and its embeddings are of no use with a new one; put its "
            "tokenizer.json beside its weights."
        )
    return model, model.tokenizer


def require_vocab_size(tokenizer: Tokenizer, config: ModelConfig) -> None:
    """Raises DataError for a vocabulary larger than the recipe's vocab_size."""
    if tokenizer.vocab_size > config.vocab_size:
        raise DataError(
            f"The tokenizer has {tokenizer.vocab_size} entries and the recipe's vocab_size is {config.vocab_size}; "
            f"set vocab_size = {tokenizer.vocab_size} in [model]."
        )


def with_settings_of(start: ModelConfig, config: ModelConfig) -> ModelConfig:
    """`config` with the settings of `start` that recipes do not have."""
    return replace(config, **{name: getattr(start, name) for name in _NOT_IN_RECIPES})


def copy_weights(network: DiffusionGemma, start: DiffusionGemma, name: str | Path) -> None:
    """Copies the weights of `start`, the model `name`, into `network`, which may have more layers (`train.growth`).

    Raises DataError if other sizes differ.
    """
    sizes = ((size, getattr(start.config, size), getattr(network.config, size)) for size in SIZES)
    different = [f"{size} is {theirs} there and {ours} here" for size, theirs, ours in sizes if theirs != ours]
    problem = f"The model {name} does not have the sizes of this recipe"
    if different:
        raise DataError(f"{problem}: {', '.join(different)}.")
    try:
        if start.config.num_hidden_layers < network.config.num_hidden_layers:
            grow(network, start)
        else:
            network.load_state_dict(start.state_dict())
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{problem}; start from another.") from error
