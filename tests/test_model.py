"""Invariants of the network: chunks, caches, batches and blocks do not change the result."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dgemma.cache import KVCache
from dgemma.config import LayerConfig, ModelConfig, SamplerConfig
from dgemma.errors import CheckpointError, ConfigError, PromptError, UsageError
from dgemma.model import DiffusionGemma
from dgemma.ops import reference as ops
from dgemma.train.blocks import Document, block_mask, pack

CONFIG = ModelConfig(
    vocab_size=64, hidden_size=32, intermediate_size=24, num_attention_heads=4, num_experts=4, top_k_experts=2,
    moe_intermediate_size=12, sliding_window=8, canvas_length=8,
    layers=(
        LayerConfig(layer_type="sliding_attention", head_dim=8, num_key_value_heads=2),
        LayerConfig(layer_type="full_attention", head_dim=16, num_key_value_heads=1),
        LayerConfig(layer_type="sliding_attention", head_dim=8, num_key_value_heads=2),
        LayerConfig(layer_type="full_attention", head_dim=16, num_key_value_heads=1),
    ),
)  # fmt: skip


def make_network() -> DiffusionGemma:
    torch.manual_seed(0)
    network = DiffusionGemma(CONFIG)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.2)
            else:
                parameter.uniform_(0.6, 1.4)
    return network.eval().requires_grad_(False)


NETWORK = make_network()


def ids(rows: int, count: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(64, (rows, count), generator=torch.Generator().manual_seed(seed))


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).abs().max() <= 2e-5 * b.abs().max())


@settings(max_examples=20)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_chunked_prefill_equals_unchunked(chunks):
    tokens = ids(1, sum(chunks))
    whole, parts = KVCache(CONFIG, max_length=200), KVCache(CONFIG, max_length=200)
    expected = NETWORK.encode(tokens, whole)
    hidden = torch.cat([NETWORK.encode(part, parts) for part in tokens.split(chunks, dim=1)], dim=1)
    assert close(hidden, expected)
    canvas = ids(1, 8, seed=1)
    assert close(NETWORK.denoise(canvas, parts), NETWORK.denoise(canvas, whole))


def test_cached_passes_equal_one_forward_with_the_composite_mask():
    prompt, answer = ids(1, 21)[0].tolist(), ids(1, 20, seed=1)[0].tolist()
    batch = pack([[Document(prompt=prompt, answer=answer, canvas_length=8)]], 41, 24, eos_id=1)
    noised = ids(1, 24, seed=2)
    soft = torch.randn(1, 24, 32, generator=torch.Generator().manual_seed(4))
    masks = {"full_attention": block_mask(batch, None), "sliding_attention": block_mask(batch, 8)}
    clean, canvas = NETWORK(batch.tokens_BT, noised, soft, batch.positions_BN, masks)
    cache = KVCache(CONFIG, max_length=64)
    hidden = NETWORK.encode(torch.tensor([prompt]), cache)
    for block in range(3):
        here = slice(8 * block, 8 * block + 8)
        assert close(NETWORK.denoise(noised[:, here], cache, soft[:, here]), canvas[:, here])
        committed = torch.tensor([answer[here]])
        hidden = torch.cat((hidden, NETWORK.encode(committed, cache)), dim=1)
    assert close(hidden, clean)


def test_a_canvas_does_not_depend_on_its_own_clean_block_or_later_ones():
    prompt, answer = ids(1, 10)[0].tolist(), ids(1, 24, seed=1)[0].tolist()
    batch = pack([[Document(prompt=prompt, answer=answer, canvas_length=8)]], 34, 24, eos_id=1)
    masks = {"full_attention": block_mask(batch, None), "sliding_attention": block_mask(batch, 8)}
    network = make_network()
    embedded: list[torch.Tensor] = []

    def keep_output(module, arguments, output):
        output = output.detach().requires_grad_(True)
        embedded.append(output)
        return output

    network.embed_tokens.register_forward_hook(keep_output)
    _, canvas = network(batch.tokens_BT, ids(1, 24, seed=2), torch.zeros(1, 24, 32), batch.positions_BN, masks)
    for block in range(3):
        (gradient,) = torch.autograd.grad(canvas[:, 8 * block : 8 * block + 8].sum(), embedded[0], retain_graph=True)
        reached = gradient[0].abs().sum(-1) > 0
        assert not reached[10 + 8 * block :].any()
        assert reached[: 10 + 8 * block].any()


def test_encode_is_causal():
    tokens = ids(1, 30)
    other = tokens.clone()
    other[0, 17:] = 5
    a = NETWORK.encode(tokens, KVCache(CONFIG, max_length=64))
    b = NETWORK.encode(other, KVCache(CONFIG, max_length=64))
    assert torch.equal(a[:, :17], b[:, :17]) and not torch.equal(a[:, 17:], b[:, 17:])


@settings(max_examples=15)
@given(st.integers(0, 40), st.integers(1, 20))
def test_a_truncated_and_extended_cache_equals_a_fresh_one(kept, added):
    first, second = ids(1, 40), ids(1, added, seed=3)
    used, fresh = KVCache(CONFIG, max_length=64), KVCache(CONFIG, max_length=64)
    NETWORK.encode(first, used)
    NETWORK.denoise(ids(1, 8, seed=9), used)
    used.truncate(kept)
    if kept:
        NETWORK.encode(first[:, :kept], fresh)
    assert close(NETWORK.encode(second, used), NETWORK.encode(second, fresh))


@settings(max_examples=15)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=4))
def test_a_batch_row_equals_the_row_alone(lengths):
    tokens = ids(len(lengths), max(lengths))
    cache = KVCache(CONFIG, batch_size=len(lengths), max_length=80)
    NETWORK.encode(tokens, cache, lengths)
    assert cache.lengths == lengths
    canvas = ids(len(lengths), 8, seed=1)
    hidden = NETWORK.denoise(canvas, cache)
    again = NETWORK.encode(canvas, cache)
    for row, length in enumerate(lengths):
        alone = KVCache(CONFIG, max_length=80)
        NETWORK.encode(tokens[row : row + 1, :length], alone)
        assert close(hidden[row : row + 1], NETWORK.denoise(canvas[row : row + 1], alone))
        assert close(again[row : row + 1], NETWORK.encode(canvas[row : row + 1], alone))


def test_a_pass_over_some_rows_uses_the_keys_and_values_of_the_others():
    cache = KVCache(CONFIG, max_length=64)
    NETWORK.encode(ids(1, 20), cache)
    canvas = ids(1, 8, seed=1)
    soft = torch.randn(1, 8, 32, generator=torch.Generator().manual_seed(1))
    full = NETWORK.denoise(canvas, cache, soft)
    rows = torch.tensor([1, 4, 5])
    assert close(NETWORK.denoise(canvas, cache, soft, rows=rows), full[:, rows])
    assert cache.lengths == [20]


def test_full_caches_and_wrong_lengths_are_refused():
    cache = KVCache(CONFIG, max_length=10)
    with pytest.raises(PromptError, match="exceed the context of 10"):
        NETWORK.encode(ids(1, 11), cache)
    NETWORK.encode(ids(1, 10), cache)
    with pytest.raises(UsageError, match="cannot be truncated to 11"):
        cache.truncate(11)
    with pytest.raises(UsageError, match="cannot take 2"):
        NETWORK.denoise(ids(2, 8), cache)
    with pytest.raises(PromptError, match="scratch"):
        NETWORK.denoise(ids(1, 257), cache)
    with pytest.raises(UsageError, match=r"make it with dtype=network\.dtype"):
        NETWORK.encode(ids(1, 5), KVCache(CONFIG, max_length=10, dtype=torch.bfloat16))


@given(st.integers(0, 1000), st.integers(1, 4))
def test_dense_experts_equal_gathered_experts(seed, top_k):
    generator = torch.Generator().manual_seed(seed)
    hidden, scores = torch.randn(9, 16, generator=generator), torch.rand(9, 5, generator=generator)
    weights, chosen = scores.topk(top_k)
    gate_up, down = torch.randn(5, 12, 16, generator=generator), torch.randn(5, 16, 6, generator=generator)
    arguments = (hidden, weights, chosen, gate_up, down)
    assert close(ops.experts_dense(*arguments), ops.experts(*arguments))


def test_configuration_survives_the_round_trip():
    assert ModelConfig.from_hf(CONFIG.to_hf()) == CONFIG
    older = CONFIG.to_hf()
    text = older["text_config"]
    text.pop("per_layer_config")
    text.update(global_head_dim=16, num_global_key_value_heads=1)
    assert ModelConfig.from_hf(older) == CONFIG


def test_invalid_configurations_are_refused():
    with pytest.raises(CheckpointError, match="'llama'"):
        ModelConfig.from_hf({"model_type": "llama"})
    document = CONFIG.to_hf()
    document["text_config"].pop("hidden_size")
    with pytest.raises(CheckpointError, match="hidden_size"):
        ModelConfig.from_hf(document)
    for values in ({"t_min": -0.1}, {"t_min": 0.9}, {"entropy_bound": 0.0}, {"max_denoising_steps": 0}):
        with pytest.raises(ConfigError):
            SamplerConfig(**values)


def addition(weight: torch.Tensor) -> torch.Tensor:
    return torch.linspace(-0.5, 0.5, weight.numel()).view_as(weight)


class Adapted(nn.Module):
    """A linear layer with something added to it, as adapters do."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base, self.added = base, nn.Parameter(addition(base.weight), requires_grad=False)

    @property
    def weight(self) -> torch.Tensor:
        return self.base.weight

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.base(hidden) + nn.functional.linear(hidden, self.added)


PROJECTIONS = [
    "self_attn.q_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.up_proj",
    "mlp.down_proj",
    "router.proj",
]


@pytest.mark.parametrize("name", [*PROJECTIONS, "router.proj"])
@pytest.mark.parametrize("fused", [True, False])
def test_a_replaced_module_is_used(name, fused):
    plain, adapted, merged = make_network(), make_network(), make_network()
    tokens = ids(1, 20)

    def hidden(network: DiffusionGemma) -> torch.Tensor:
        network._fused.enabled = fused
        return network.encode(tokens, KVCache(CONFIG, max_length=20))

    before = hidden(adapted)
    assert close(before, hidden(plain))
    layer = adapted.get_submodule("layers.0")
    base = layer.get_submodule(name)
    layer.set_submodule(name, Adapted(base))
    weight = merged.get_parameter(f"layers.0.{name}.weight")
    weight.add_(addition(weight))
    assert close(hidden(adapted), hidden(merged)) and not close(hidden(adapted), before)
    layer.set_submodule(name, base)
    assert close(hidden(adapted), before)


@pytest.mark.parametrize("name", ["norm", "layers.1", "layers.1.self_attn.k_proj", "layers.1.mlp.gate_proj"])
def test_hooks_of_a_module_are_called(name):
    network, tokens, called = make_network(), ids(1, 5), []
    expected = network.encode(tokens, KVCache(CONFIG, max_length=20))
    handle = network.get_submodule(name).register_forward_hook(lambda module, *_: called.append(module))
    assert close(network.encode(tokens, KVCache(CONFIG, max_length=20)), expected) and called
    handle.remove()
    called.clear()
    assert close(network.encode(tokens, KVCache(CONFIG, max_length=20)), expected) and not called


class Shifted(nn.Linear):
    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return super().forward(hidden) + 1


class Added(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + addition(weight)


def another_class(layer: nn.Linear) -> None:
    layer.__class__ = Shifted


def another_forward(layer: nn.Linear) -> None:
    plain = layer.forward
    layer.forward = lambda hidden: plain(hidden) + 1


def a_bias(layer: nn.Linear) -> None:
    layer.bias = nn.Parameter(torch.ones(layer.out_features), requires_grad=False)


def a_parametrisation(layer: nn.Linear) -> None:
    nn.utils.parametrize.register_parametrization(layer, "weight", Added())


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("change", [another_class, another_forward, a_bias, a_parametrisation])
@pytest.mark.parametrize("name", ["self_attn.q_proj", "mlp.up_proj", "mlp.down_proj"])
def test_a_module_changed_in_place_is_used(name, change, fused):
    changed, before = make_network(), make_network()
    tokens = ids(1, 20)

    def hidden(network: DiffusionGemma) -> torch.Tensor:
        network._fused.enabled = fused
        return network.encode(tokens, KVCache(CONFIG, max_length=20))

    plain = hidden(changed)
    for network in (changed, before):
        change(network.get_submodule(f"layers.0.{name}"))
    # The first network was laid out before the change, the second was not.
    assert close(hidden(changed), hidden(before)) and not close(hidden(changed), plain)


@pytest.mark.parametrize("fused", [True, False])
def test_hooks_of_all_modules_are_called(fused):
    network, tokens, called = make_network(), ids(1, 5), []
    network._fused.enabled = fused
    network.encode(tokens, KVCache(CONFIG, max_length=20))
    handle = nn.modules.module.register_module_forward_hook(lambda module, *_: called.append(module))
    try:
        network.encode(tokens, KVCache(CONFIG, max_length=20))
    finally:
        handle.remove()
    assert network.get_submodule("layers.1.mlp.gate_proj") in called


def test_keys_only_leaves_the_same_cache():
    whole, short = KVCache(CONFIG, 2, max_length=20), KVCache(CONFIG, 2, max_length=20)
    NETWORK.encode(ids(2, 9), whole, lengths=[9, 5])
    NETWORK.encode(ids(2, 9), short, lengths=[9, 5], keys_only=True)
    assert short.lengths == whole.lengths
    for actual, expected in zip((*short.keys, *short.values), (*whole.keys, *whole.values), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)


@settings(max_examples=20)
@given(st.integers(0, 30), st.integers(1, 20), st.integers(1, 12), st.integers(1, 2))
def test_encoding_and_denoising_in_one_pass_equals_one_after_the_other(prefix_length, count, length, rows):
    joint, separate = (KVCache(CONFIG, rows, max_length=60, scratch_length=12) for _ in range(2))
    for cache in (joint, separate):
        if prefix_length:
            NETWORK.encode(ids(rows, prefix_length), cache)
    tokens, canvas = ids(rows, count, seed=1), ids(rows, length, seed=2)
    encoded, denoised = NETWORK.encode_and_denoise(tokens, canvas, joint)
    assert close(encoded, NETWORK.encode(tokens, separate))
    assert close(denoised, NETWORK.denoise(canvas, separate))
    assert joint.lengths == separate.lengths
    # The keys and values of the canvas are where a later step reads them.
    soft, some = torch.randn(rows, length, 32), torch.arange(0, length, 2)
    assert close(NETWORK.denoise(canvas, joint, soft, some), NETWORK.denoise(canvas, separate, soft, some))
