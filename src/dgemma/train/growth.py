"""Growth in depth: a network that starts from the weights of one with fewer layers.

Each layer of the small network is followed by copies of itself whose branches are closed where they join the residual
stream, so the deep network computes what the small one did and has something better than noise to begin with (after
Gong et al. 2019, progressive stacking). Its matrices are brought back to the size of young ones: they grow in
training, by ten times and more, and an optimiser whose steps all have one size, as Muon's do, then hardly turns them
any more. Knows nothing of training loops or files.
"""

from itertools import groupby

import torch
from torch import Tensor

from dgemma.config import LayerConfig
from dgemma.model import DiffusionGemma, Layer

_YOUNG = 2.5
"""How large the entries of a matrix are early in training, in units of a fresh one's 1 / sqrt(fan in)."""


def grow(deep: DiffusionGemma, small: DiffusionGemma) -> None:
    """Writes the weights of `small` into `deep`; the sizes of both must be the same but for the number of layers.

    Raises ValueError when the layers of `deep` are not those of `small`, each repeated once or more, and RuntimeError
    when other sizes differ, with `deep` half written.
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
    """Scales a layer's large matrices down where that changes nothing: a norm follows them, or one that stands before
    them makes up for it."""
    attention, mlp, experts = layer.self_attn, layer.mlp, layer.experts
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj):
        if projection is not None:
            _shrink(projection.weight)
    # What the gates read grows as they shrink. All experts are added up before their norm: one factor for all.
    layer.pre_feedforward_layernorm.weight.div_(_shrink(mlp.gate_proj.weight))
    gates_EMD, ups_EMD = experts.gate_up_proj.chunk(2, dim=1)
    layer.pre_feedforward_layernorm_2.weight.div_(_shrink(gates_EMD))
    for weight in (mlp.up_proj.weight, mlp.down_proj.weight, ups_EMD, experts.down_proj):
        _shrink(weight)


def _shrink(weight: Tensor) -> float:
    """Makes entries larger than a young matrix's as large as those, on average -> the factor."""
    size = float(weight.square().mean().sqrt())
    factor = min(1.0, _YOUNG * weight.shape[-1] ** -0.5 / size) if size else 1.0
    weight.mul_(factor)
    return factor


def layer_sources(deep: tuple[LayerConfig, ...], small: tuple[LayerConfig, ...]) -> list[int]:
    """For each layer of `deep` the layer of `small` that it comes from.

    Runs of equal layers are matched one to one; the layers of a longer run come from those of the shorter one in order,
    as evenly as they can. Raises ValueError where the runs differ or get shorter.
    """
    deep_runs = [(kind, len(list(run))) for kind, run in groupby(deep)]
    small_runs = [(kind, len(list(run))) for kind, run in groupby(small)]
    if [kind for kind, _ in deep_runs] != [kind for kind, _ in small_runs]:
        raise ValueError("The kinds of layers do not follow each other as those of the smaller network do.")
    sources, start = [], 0
    for (_, many), (_, few) in zip(deep_runs, small_runs, strict=True):
        if many < few:
            raise ValueError("A network can only grow.")
        sources += [start + place * few // many for place in range(many)]
        start += few
    return sources
