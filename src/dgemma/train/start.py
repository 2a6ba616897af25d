"""What a new run starts from: fresh weights, or a model that is there.

A recipe names sizes. What it cannot name (rotary embeddings, the cap of the logits, the norms' epsilon, the ids of the
ends) decides what weights compute as well, so it is taken over from the model that the weights come from. Knows nothing
of training loops.
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

_UNNAMED = (
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


def open_start(name: str | Path) -> tuple[LoadedModel, Tokenizer]:
    """A model to start from and its vocabulary. Raises DataError for one that cannot be trained."""
    model = open_model(name, dtype="float32")
    if model.quant is not None:
        raise DataError(f"The model {name} has {model.quant} weights, which cannot be trained; give float ones.")
    if model.tokenizer is None:
        raise DataError(
            f"The model {name} has no tokenizer, and its embeddings mean nothing under a new vocabulary; put its "
            "tokenizer.json beside its weights."
        )
    return model, model.tokenizer


def require_room(tokenizer: Tokenizer, config: ModelConfig) -> None:
    """Raises DataError for a vocabulary that is larger than the recipe's."""
    if tokenizer.vocab_size > config.vocab_size:
        raise DataError(
            f"The tokenizer has {tokenizer.vocab_size} entries and the recipe's vocab_size is {config.vocab_size}; "
            f"set vocab_size = {tokenizer.vocab_size} in [model]."
        )


def with_unnamed(config: ModelConfig, start: ModelConfig) -> ModelConfig:
    """`config` with all that no recipe names as `start` has it."""
    return replace(config, **{name: getattr(start, name) for name in _UNNAMED})


def take_over(network: DiffusionGemma, start: DiffusionGemma, name: str | Path) -> None:
    """Gives `network` the weights of `start`, which may have fewer layers (`train.growth`).

    Raises DataError when its sizes are not those of `network`.
    """
    sizes = ((size, getattr(start.config, size), getattr(network.config, size)) for size in SIZES)
    other = [f"{size} is {theirs} there and {ours} here" for size, theirs, ours in sizes if theirs != ours]
    told = f"The model {name} does not have the sizes of this recipe"
    if other:
        raise DataError(f"{told}: {', '.join(other)}.")
    try:
        if start.config.num_hidden_layers < network.config.num_hidden_layers:
            grow(network, start)
        else:
            network.load_state_dict(start.state_dict())
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{told}; start from another.") from error
