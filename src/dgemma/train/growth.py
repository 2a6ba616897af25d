"""Growth in depth: initialising a network from one with fewer layers.

Each layer of the small network is followed by copies of itself whose output into the residual stream is zero, so the
deep network computes the same function and its new layers start from something better than noise (after Gong et al.
2019, progressive stacking). The matrices are scaled back to the size they have early in training: they grow tenfold
and more, and an optimiser whose steps all have one size, such as Muon, then hardly changes their direction. Knows
nothing of training loops or files.
"""

from itertools import groupby

import torch
from torch import Tensor

from dgemma.config import LayerConfig
from dgemma.model import DiffusionGemma, Layer

_YOUNG = 2.5
"""Size (RMS) of a matrix's entries early in training, in units of the initial 1 / sqrt(fan in)."""


def grow(deep: DiffusionGemma, small: DiffusionGemma) -> None:
    """Writes the weights of `small` into `deep`; all sizes but the number of layers must be equal.

    Raises ValueError if the layers of `deep` are not those of `small`, each once or repeated; RuntimeError if other
    sizes differ, with `deep` partly written.
    """
    sources = layer_sources(deep.config.layers, small.config.layers)
    state = {name: value for name, value in small.state_dict().items() if not name.startswith("layers.")}
    taken: set[int] = set()
    with torch.no_grad():
        for number, source in enumerate(sources):
            layer, original = deep.layers[number], small.layers[source]
            assert isinstance(layer, Layer) and isinstance(original, Layer)
            layer.load_state_dict(original.state_dict())
            if source in taken:
                layer.post_attention_layernorm.weight.zero_()
                layer.post_feedforward_layernorm.weight.zero_()
                layer.encoder_scalar.fill_(1.0)
                layer.decoder_scalar.fill_(1.0)
            taken.add(source)
            rejuvenate(layer)
    missing, unexpected = deep.load_state_dict(state, strict=False)
    if unexpected or any(not name.startswith("layers.") for name in missing):
        raise ValueError("The networks have different parts.")


@torch.no_grad()
def rejuvenate(layer: Layer) -> None:
    """Scales a layer's large matrices down without changing its function: a norm after them cancels the factor, or the
    weight of the norm before them is divided by it."""
    attention, mlp, experts = layer.self_attn, layer.mlp, layer.experts
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj):
        if projection is not None:
            _shrink(projection.weight)
    # Gates go through a nonlinearity, so the norm before them makes up for the factor. The experts' outputs are summed
    # before their norm, so all experts share one factor.
    layer.pre_feedforward_layernorm.weight.div_(_shrink(mlp.gate_proj.weight))
    gates_EMD, ups_EMD = experts.gate_up_proj.chunk(2, dim=1)
    layer.pre_feedforward_layernorm_2.weight.div_(_shrink(gates_EMD))
    for weight in (mlp.up_proj.weight, mlp.down_proj.weight, ups_EMD, experts.down_proj):
        _shrink(weight)


def _shrink(weight: Tensor) -> float:
    """Scales a matrix down to the RMS of early training unless it is smaller already -> the factor."""
    rms = float(weight.square().mean().sqrt())
    factor = min(1.0, _YOUNG * weight.shape[-1] ** -0.5 / rms) if rms else 1.0
    weight.mul_(factor)
    return factor


def layer_sources(deep: tuple[LayerConfig, ...], small: tuple[LayerConfig, ...]) -> list[int]:
    """For each layer of `deep`, the index of the layer of `small` that it is copied from.

    Runs of equal layers are matched one to one; the layers of a longer run are copied in order from those of the
    shorter one, spread evenly. Raises ValueError if the runs differ or get shorter.
    """
    deep_runs = [(kind, len(list(run))) for kind, run in groupby(deep)]
    small_runs = [(kind, len(list(run))) for kind, run in groupby(small)]
    if [kind for kind, _ in deep_runs] != [kind for kind, _ in small_runs]:
        raise ValueError("The kinds of layers do not follow each other as those of the smaller network do.")
    sources, start = [], 0
    for (_, deep_length), (_, small_length) in zip(deep_runs, small_runs, strict=True):
        if deep_length < small_length:
            raise ValueError("A network can only grow.")
        sources += [start + index * small_length // deep_length for index in range(deep_length)]
        start += small_length
    return sources
