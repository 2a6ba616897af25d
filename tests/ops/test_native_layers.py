"""The fused layers of a small network against the same network one operation at a time."""

import copy
import sys
import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dgemma
from dgemma.cache import KVCache
from dgemma.checkpoint.quantised import is_weight, place_quantised, quantise_network
from dgemma.config import LayerConfig, ModelConfig
from dgemma.decode import head
from dgemma.decode.autoregressive import TokenSampler, autoregressive
from dgemma.decode.verify import Verified, verify
from dgemma.model import DiffusionGemma
from dgemma.ops import experts, linear, native
from dgemma.ops.native.sizes import BFLOAT16, FIXED24, FLOAT32
from dgemma.quant import Kind, dequantise, quantise
from tests.ops.test_native_quantised import rounded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="torch brings another OpenMP there")

VOCABULARY = 90


def make_network(
    kinds: tuple[tuple[str, int, int], ...] = (("sliding_attention", 8, 2), ("full_attention", 16, 1)),
    num_experts: int = 4,
    top_k: int = 2,
    hidden_size: int = 36,
    seed: int = 0,
    width: int = 27,
    expert_width: int = 13,
) -> DiffusionGemma:
    """Random weights; kinds are (layer type, head dim, key heads), with four query heads.

    Few sizes are multiples of a vector.
    """
    config = ModelConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden_size,
        intermediate_size=width,
        num_attention_heads=4,
        layers=tuple(
            LayerConfig(layer_type=kind, head_dim=size, num_key_value_heads=heads)  # pyright: ignore[reportArgumentType]
            for kind, size, heads in kinds
        ),
        num_experts=num_experts,
        top_k_experts=top_k,
        moe_intermediate_size=expert_width,
        sliding_window=6,
        canvas_length=8,
    )
    network = DiffusionGemma(config).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        if parameter.ndim >= 2:
            parameter.normal_(0, 0.2, generator=generator)
        else:
            parameter.uniform_(0.6, 1.4, generator=generator)
    return network


def ids(count: int, seed: int = 0, rows: int = 1) -> torch.Tensor:
    return torch.randint(VOCABULARY, (rows, count), generator=torch.Generator().manual_seed(seed))


def assert_close(actual: torch.Tensor, expected: torch.Tensor, near: float = 2e-5) -> None:
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= near * expected.abs().max()


@torch.inference_mode()
def passes(network: DiffusionGemma, prompt: int, canvas: int, rows: list[int]) -> list[torch.Tensor]:
    """Every kind of pass, one after the other on one cache."""
    cache = KVCache(network.config, max_length=120, dtype=network.dtype)
    soft = torch.randn(1, canvas, network.config.hidden_size, generator=torch.Generator().manual_seed(5))
    soft = soft.bfloat16().to(network.dtype)
    results = [network.encode(ids(prompt), cache)]
    results += [network.denoise(ids(canvas, 1), cache), network.denoise(ids(canvas, 2), cache, soft)]
    results += [network.denoise(ids(canvas, 3), cache, soft, torch.tensor(rows))]
    results += network.encode_and_denoise(ids(3, 4), ids(canvas, 5), cache)
    network.encode(ids(5, 6), cache, keys_only=True)
    cache.truncate(cache.length - 2)
    results.append(network.encode(ids(1, 7), cache))
    length = cache.length
    return results + [keys[:, :, :length] for keys in (*cache.keys, *cache.values)]


KINDS = st.tuples(st.sampled_from(["sliding_attention", "full_attention"]), st.sampled_from([2, 8, 18, 32, 64]))


@settings(max_examples=25)
@given(
    st.lists(KINDS.flatmap(lambda kind: st.sampled_from([(*kind, 1), (*kind, 2), (*kind, 4)])), min_size=1, max_size=3),
    st.integers(1, 12),
    st.sampled_from([1, 17, 36, 64]),
    st.integers(1, 40),
    st.integers(1, 21),
    st.data(),
)
def test_fused_layers_equal_the_modules(kinds, num_experts, hidden_size, prompt, canvas, data) -> None:
    """Few experts and many."""
    top_k = data.draw(st.integers(1, num_experts))
    rows = sorted(data.draw(st.sets(st.integers(0, canvas - 1), min_size=1)))
    network = make_network(tuple(kinds), num_experts, top_k, hidden_size)
    actual = passes(network, prompt, canvas, rows)
    assert network._fused.last[0] is not None
    with network.unfused():
        expected = passes(network, prompt, canvas, rows)
    # Scores grow with the head size, and the softmax turns their absolute rounding error into a relative one.
    near = 2e-5 * max(1, max(size for _, size, _ in kinds) / 16)
    if hidden_size == 1:
        # A single number is its own root mean square: near zero its norm multiplies errors by up to 1 / sqrt(eps).
        near *= network.config.rms_norm_eps**-0.5 / 16
    for result, reference in zip(actual, expected, strict=True):
        assert_close(result, reference, near)


@torch.inference_mode()
def encoded(network: DiffusionGemma, tokens: torch.Tensor, cache: KVCache | None = None) -> torch.Tensor:
    return network.encode(tokens, KVCache(network.config, max_length=120) if cache is None else cache)


def test_weights_kept_in_bfloat16_give_bit_identical_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only weights that bfloat16 represents exactly are kept in it; others stay float32."""
    from dgemma.ops.native import panels

    network = make_network()
    for parameter in network.parameters():
        parameter.copy_(parameter.bfloat16())
    twin, hidden = copy.deepcopy(network), torch.randn(1, 11, 36, generator=torch.Generator().manual_seed(2))

    @torch.inference_mode()
    def computed(network: DiffusionGemma) -> list[torch.Tensor]:
        reading = head.read(network, hidden, 0.7, [torch.Generator().manual_seed(1)])
        return [*passes(network, 30, 12, [3, 4]), reading.soft_BLD, reading.entropy_BL]

    actual = computed(network)
    assert network._fused.last[0].panel_format == BFLOAT16 and network._fused.last[1].is_bfloat16
    network.layers[0].get_submodule("mlp.up_proj").get_parameter("weight")[0, 0] += 2**-12
    computed(network)
    assert network._fused.last[0].panel_format == FLOAT32 and network._fused.last[1].is_bfloat16
    for module in (panels, native.load("head")):
        monkeypatch.setattr(module, "fits_bfloat16", lambda weight: False)
    assert all(torch.equal(one, two) for one, two in zip(actual, computed(twin), strict=True))
    assert twin._fused.last[0].panel_format == FLOAT32 and not twin._fused.last[1].is_bfloat16


def test_experts_kept_in_bfloat16_give_bit_identical_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each product is decided separately; for many rows a panel is widened to float32."""
    from dgemma.ops.native import panels

    network = make_network(num_experts=12)
    for parameter in network.parameters():
        parameter.copy_(parameter.bfloat16())
    network.layers[1].get_submodule("experts").get_parameter("down_proj")[0, 0, 0] = 0.1
    twin = copy.deepcopy(network)
    actual = passes(network, 50, 40, [3, 4])
    fits_bfloat16 = [
        {name: weight.panel_format == BFLOAT16 for name, weight in laid_out.items()}
        for laid_out in network._fused.last[0]._laid_out
    ]
    assert [name for layer in fits_bfloat16 for name, fits in layer.items() if not fits] == ["routed_down"]
    monkeypatch.setattr(panels, "fits_bfloat16", lambda weight: False)
    assert all(torch.equal(one, two) for one, two in zip(actual, passes(twin, 50, 40, [3, 4]), strict=True))
    formats = {weight.panel_format for laid_out in twin._fused.last[0]._laid_out for weight in laid_out.values()}
    assert formats == {FLOAT32}


def test_experts_in_24_bits_give_nearly_the_results_of_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    from dgemma.ops.native import panels

    network, twin = make_network(num_experts=12), make_network(num_experts=12)
    expected = passes(network, 50, 40, [3, 4])
    monkeypatch.setattr(panels, "_FEWEST_INPUTS", 1)
    for actual, reference in zip(passes(twin, 50, 40, [3, 4]), expected, strict=True):
        assert_close(actual, reference)
        assert not torch.equal(actual, reference)
    formats = {weight.panel_format for laid_out in twin._fused.last[0]._laid_out for weight in laid_out.values()}
    assert formats == {FIXED24}


def test_unfused_passes_of_few_experts_see_every_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    from dgemma.ops.native import panels

    network, twin = (make_network(hidden_size=320, expert_width=300) for _ in range(2))
    with network.unfused(), twin.unfused():
        actual = passes(network, 20, 12, [3, 4])
        monkeypatch.setattr(panels, "fits_24_bits", lambda weight: False)
        assert all(map(torch.equal, actual, passes(twin, 20, 12, [3, 4])))


def test_bfloat16_panels_need_a_buffer_only_if_they_are_converted() -> None:
    from dgemma.ops.native.machine import UNPACK_FROM_ROWS

    network = make_network(num_experts=12)
    passes(network, 20, 12, [3, 4])
    assert bool(network._fused.last[0]._extra_sizes(256, 2)["panel_buffer"]) == bool(UNPACK_FROM_ROWS)


def test_few_experts_are_routed_if_they_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Running all experts on every row pays only in small networks."""
    network = make_network()
    expected = passes(network, 30, 12, [3, 4])
    monkeypatch.setattr(experts, "_FEW_UP_TO_ENTRIES", 1000)
    twin = make_network()
    for result, reference in zip(passes(twin, 30, 12, [3, 4]), expected, strict=True):
        assert_close(result, reference)
    assert type(network._fused.last[0]) is not type(twin._fused.last[0])
    with twin.unfused():
        passes(twin, 30, 12, [3, 4])
    dispatch = twin.all_layers()[0].experts.dispatch
    assert dispatch._routed.value is not None and dispatch._dense.value is None, "one layout for both paths"


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
@pytest.mark.parametrize("num_experts", [4, 12])
def test_non_finite_router_weights_reach_the_output(num_experts: int, broken: float) -> None:
    network = make_network(num_experts=num_experts)
    network.layers[0].get_submodule("router.proj").get_parameter("weight")[3] = broken
    actual = encoded(network, ids(20))
    with network.unfused():
        expected = encoded(network, ids(20))
    assert torch.equal(actual.isfinite(), expected.isfinite()) and not actual.isfinite().all()


@pytest.mark.parametrize("num_experts", [4, 12])
def test_layers_are_fused_once_no_weight_is_trained(num_experts: int) -> None:
    network = make_network(num_experts=num_experts)
    expert = network.layers[1].get_submodule("experts").get_parameter("down_proj").requires_grad_(True)
    before = encoded(network, ids(9))
    assert network.are_fused[0] is False
    expert.requires_grad_(False)
    assert_close(encoded(network, ids(9)), before)
    assert network.are_fused[0] is True


def test_quantising_a_network_in_use_replaces_its_head_everywhere() -> None:
    network = make_network(WIDE, hidden_size=64, width=96, expert_width=32)
    hidden = torch.randn(3, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        floats = network.products(hidden), network.fused_head().read(hidden).logits_NV
        quantise_network(network, "int8")
        twin = copy.deepcopy(network)
        actual = network.products(hidden), network.fused_head().read(hidden).logits_NV
        expected = twin.products(hidden), twin.fused_head().read(hidden).logits_NV
    assert all(torch.equal(one, two) for one, two in zip(actual, expected, strict=True))
    assert not any(torch.equal(one, two) for one, two in zip(actual, floats, strict=True))


def test_nothing_is_compiled_or_laid_out_for_layers_that_are_not_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    network, requested = make_network(num_experts=12), []
    monkeypatch.setattr(linear, "_has_room", lambda num_bytes: requested.append(num_bytes))
    monkeypatch.setattr(native, "load_for", lambda name, entries: pytest.fail(f"{name} was asked for"))
    with torch.inference_mode():
        assert network.fused_layers(KVCache(network.config, max_length=9)) is None
    assert len(requested) <= 2 * 12 + 2, "one layer's experts, and no further"
    small = make_network(WIDE, 12, hidden_size=64, width=96, expert_width=32)
    quantise_network(small, "fp8")
    with torch.inference_mode():
        assert small.fused_layers(KVCache(small.config, max_length=9)) is None


WIDE = (("sliding_attention", 32, 2), ("full_attention", 64, 1))
"""Head sizes that are multiples of a panel: many rows attend to many keys in tiles."""


NARROW = (("sliding_attention", 8, 2), ("full_attention", 24, 1))
"""Head sizes that are not: one row attends to keys as many rows do."""


def make_quantised(kind: Kind, seed: int = 0, num_experts: int = 4, kinds=WIDE) -> DiffusionGemma:
    """A quantised network whose widths are all whole groups."""
    network = make_network(kinds, num_experts, hidden_size=64, seed=seed, width=96, expert_width=32)
    quantise_network(network, kind)
    return network


KINDS_OF_WEIGHTS: tuple[Kind, ...] = ("int8", "int4")


def known_kinds(num_experts: int = 4) -> list[Kind]:
    """The kinds whose layers this machine can fuse."""
    kinds, modules = KINDS_OF_WEIGHTS, ("layers_quantised", "layers_routed_quantised")
    if any(native.load(name, wait=True) is None for name in modules):
        return []
    networks = {kind: make_quantised(kind, num_experts=num_experts) for kind in kinds}
    with torch.inference_mode():
        return [
            kind for kind, network in networks.items() if network.fused_layers(KVCache(network.config, max_length=9))
        ]


MAKERS = st.one_of(
    st.sampled_from(
        [make_network, partial(make_network, WIDE), partial(make_network, NARROW, num_experts=12, top_k=3)]
    ),
    st.deferred(lambda: st.sampled_from([partial(make_quantised, kind) for kind in known_kinds()] or [make_network])),
    st.deferred(
        lambda: st.sampled_from(
            [partial(make_quantised, kind, num_experts=12, kinds=NARROW) for kind in known_kinds(12)] or [make_network]
        )
    ),
)


@settings(max_examples=30)
@given(MAKERS, st.lists(st.integers(1, 23), min_size=1, max_size=4), st.integers(1, 3))
def test_a_token_is_bit_identical_whichever_tokens_share_its_pass(
    make: Callable[[], DiffusionGemma], chunks: list[int], threads: int
) -> None:
    network, tokens = make(), ids(sum(chunks))
    whole, parts = KVCache(network.config, max_length=120), KVCache(network.config, max_length=120)
    expected = encoded(network, tokens, whole)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        actual = [encoded(network, part, parts) for part in tokens.split(chunks, dim=1)]
        with torch.inference_mode():
            canvas = network.denoise(ids(9, 1), parts)
    finally:
        torch.set_num_threads(before)
    with torch.inference_mode():
        assert torch.equal(torch.cat(actual, dim=1), expected)
        assert torch.equal(canvas, network.denoise(ids(9, 1), whole))


@pytest.mark.parametrize("num_experts", [4, 12])
@pytest.mark.parametrize("kind", ["int8", "int4"])
@torch.inference_mode()
def test_fused_quantised_layers_equal_float_layers_with_rounded_rows(
    kind: Kind, num_experts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the float network of the same weights, with rows rounded to int8 before each product; the inner rows of
    few experts are rounded jointly."""
    if kind not in known_kinds(num_experts):
        pytest.skip("this processor has no such instruction")
    network = make_quantised(kind, num_experts=num_experts)
    plain = make_network(WIDE, num_experts, hidden_size=64, width=96, expert_width=32)
    state = network.state_dict()
    for name, parameter in plain.named_parameters():
        if is_weight(name):
            parameter.copy_(dequantise(state[name], state[f"{name}_scale"]))
    exact = encoded(plain, ids(70))

    def rounding(values: torch.Tensor, _scale: None = None, **_: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda hidden: rounded(hidden, kind) @ values.T

    for module in (linear, experts):
        monkeypatch.setattr(module, "matrix", rounding)
    monkeypatch.setattr(experts, "panels", lambda weights, rows: None)
    plain = copy.deepcopy(plain)  # with nothing laid out
    with plain.unfused():
        expected = encoded(plain, ids(70))
    actual = encoded(network, ids(70))
    assert network._fused.last[0].quantised
    # A number between two steps may be rounded to either; without rounding the difference is a hundred times as large.
    near, far = (actual - expected).norm() / expected.norm(), (actual - exact).norm() / exact.norm()
    assert near < 0.2 * far and far < 0.2
    # One row alone is computed as several are.
    cache, other = (KVCache(network.config, max_length=120) for _ in range(2))
    encoded(network, ids(70), cache)
    encoded(network, ids(69), other)
    assert_close(encoded(network, ids(70)[:, 69:], other), actual[:, 69:], 0.02)


@torch.inference_mode()
def test_a_fused_int8_head_equals_its_dequantised_products() -> None:
    if "int8" not in known_kinds():
        pytest.skip("this processor has no such instruction")
    network = make_quantised("int8")
    hidden = torch.randn(1, 19, 64, generator=torch.Generator().manual_seed(3))
    # On the grid of int8 rows, so that neither path has anything to round.
    hidden = rounded(hidden, "int8")
    compiled = network.fused_head()
    assert compiled is not None and compiled.quantised
    weight = dequantise(*quantise(network.embed_tokens.weight, "int8"))
    cap = network.config.final_logit_softcapping
    logits = torch.tanh(hidden[0] @ weight.T / cap) * cap / 0.7
    actual = compiled.read(hidden[0], 0.7, torch.full((19,), 0.5), soft=True)
    assert torch.equal(actual.likeliest_N, logits.argmax(-1))
    entropy = torch.distributions.Categorical(logits=logits).entropy()
    torch.testing.assert_close(actual.entropy_N, entropy, rtol=1e-4, atol=1e-5)
    # Soft embeddings are means of the float embedding, not of its int8 copy.
    assert_close(actual.soft_ND, network.expect(logits.softmax(-1)))


def test_which_quantised_layers_can_be_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers with inputs in multiples of four, experts of whole groups, and one kind of weights."""
    layers = native.load("layers_quantised", wait=True)
    assert layers is not None

    def set_dots(kind: str) -> None:
        for module in (layers, native.load("head"), native.load("quantised", wait=True)):
            monkeypatch.setattr(module, "DOTS", kind)

    set_dots("vnni")

    def by_name(network: DiffusionGemma) -> list[dict[str, torch.Tensor]]:
        return [{**dict(layer.named_parameters()), **dict(layer.named_buffers())} for layer in network.layers]

    def fusable(network: DiffusionGemma) -> bool:
        return layers.takes(by_name(network))

    def routed_fusable(network: DiffusionGemma) -> bool:
        module = native.load("layers_routed_quantised", wait=True)
        return module is not None and module.takes(by_name(network), network.dtype)

    assert fusable(make_network()) and fusable(make_quantised("int8")) and fusable(make_quantised("int4"))
    for sizes in ({"width": 98}, {"expert_width": 36}, {"hidden_size": 62}):
        network = make_network(WIDE, **{"hidden_size": 64, "width": 96, "expert_width": 32, **sizes})
        quantise_network(network, "int8")
        assert not fusable(network), sizes
    mixed = make_quantised("int8")
    mixed.layers[0].get_submodule("mlp.up_proj").register_parameter(
        "weight", torch.nn.Parameter(torch.randn(96, 64), requires_grad=False)
    )
    assert not fusable(mixed)
    # Scales that were converted to another type.
    assert not fusable(make_quantised("int8").bfloat16())
    assert (
        routed_fusable(make_network())
        and routed_fusable(make_quantised("int8"))
        and routed_fusable(make_quantised("int4"))
    )
    assert not routed_fusable(mixed) and not routed_fusable(make_quantised("int4").bfloat16())
    set_dots("short")
    assert fusable(make_quantised("int4")) and fusable(make_quantised("int8"))
    assert routed_fusable(make_quantised("int4")) and routed_fusable(make_quantised("int8"))
    set_dots("")
    assert fusable(make_network()) and not fusable(make_quantised("int4")) and not fusable(make_quantised("int8"))
    assert (
        routed_fusable(make_network())
        and not routed_fusable(make_quantised("int4"))
        and not routed_fusable(make_quantised("int8"))
    )


def test_two_threads_may_use_one_network() -> None:
    network = make_network()
    expected = passes(network, 30, 12, [3, 4])
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            actual = passes(network, 30, 12, [3, 4])
            wrong.extend(not torch.equal(one, other) for one, other in zip(actual, expected, strict=True))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(wrong) == 40 * len(expected) and not any(wrong)


def test_changed_weights_are_used_from_the_next_prompt_on() -> None:
    network, other = make_network(), make_network(seed=1)
    first = encoded(network, ids(6))
    network.layers[0].get_submodule("mlp.gate_proj").get_parameter("weight").mul_(1.5)
    second = encoded(network, ids(6))
    network.load_state_dict(other.state_dict())
    cache = KVCache(network.config, max_length=20)
    third = encoded(network, ids(6), cache)
    network.layers[1].get_submodule("router").register_parameter("scale", torch.nn.Parameter(torch.full((36,), 2.0)))
    network.requires_grad_(False)
    cache.truncate(0)
    fourth = encoded(network, ids(6), cache)
    actual = [first, second, third, fourth]
    assert not any(torch.equal(one, two) for one, two in pairwise(actual))
    assert torch.equal(third, encoded(other, ids(6)))
    with network.unfused():
        assert_close(fourth, encoded(network, ids(6)))


def test_changed_scales_are_used_by_the_next_cache() -> None:
    network = make_quantised("int8")
    first = encoded(network, ids(6))
    scale = network.layers[0].get_submodule("mlp.down_proj").get_buffer("weight_scale")
    scale.mul_(4)
    second = encoded(network, ids(6))
    assert not torch.equal(first, second) and torch.equal(second, encoded(copy.deepcopy(network), ids(6)))
    with network.unfused():
        plain = encoded(network, ids(6))
        network.layers[0].get_submodule("mlp.down_proj").register_buffer("weight_scale", scale / 4)
        assert not torch.equal(plain, encoded(network, ids(6)))


@torch.inference_mode()
def test_results_do_not_depend_on_where_buffers_are_allocated() -> None:
    """Buffers of other sizes come and go between passes over few short rows."""
    network = make_network(hidden_size=17)
    expected, buffers = encoded(network, ids(1)), []
    for size in range(1, 400):
        buffers.append(torch.empty(size * 3))
        if size % 3 == 0:
            del buffers[:: size % 7 + 1]
        assert torch.equal(encoded(network, ids(1)), expected)


def test_a_deep_copy_has_its_own_weights() -> None:
    network = make_network()
    before = encoded(network, ids(6))
    twin = copy.deepcopy(network)
    network.layers[0].get_submodule("mlp.gate_proj").get_parameter("weight").mul_(1.5)
    assert torch.equal(encoded(twin, ids(6)), before)
    twin.load_state_dict(network.state_dict())
    assert torch.equal(encoded(twin, ids(6)), encoded(network, ids(6)))


def test_the_reference_path_uses_the_modules() -> None:
    llm = dgemma.load("tiny")
    arguments = {"token_ids": [2, 17, 5], "max_new_tokens": 8, "seed": 7}
    plain = llm.generate(**arguments, reference=True)
    assert plain.token_ids and llm.network._fused.last[0] is None
    assert llm.generate(**arguments).token_ids and llm.network._fused.last[0] is not None


def test_fused_layers_read_a_resized_cache() -> None:
    network = make_network()
    cache, plain = KVCache(network.config, max_length=20), KVCache(network.config, max_length=200)
    encoded(network, ids(10), cache)
    encoded(network, ids(10), plain)
    cache.resize(60, 30)
    assert torch.equal(encoded(network, ids(40, 1), cache), encoded(network, ids(40, 1), plain))


def test_what_ran_fused_is_that_of_the_last_pass() -> None:
    network = make_network()

    def are_fused() -> tuple[bool, bool]:
        hidden = encoded(network, ids(3))
        with torch.inference_mode():
            head.read(network, hidden, 0.7, [torch.Generator().manual_seed(1)])
        return network.are_fused

    assert are_fused() == (True, True)
    with network.unfused():
        assert are_fused() == (False, False)
    assert are_fused() == (True, True)
    network.requires_grad_(True)
    assert are_fused() == (False, False)


def test_which_passes_are_not_fused() -> None:
    network = make_network()
    cache = KVCache(network.config, max_length=20)
    assert network.fused_layers(cache) is None, "gradients may be needed"
    with torch.no_grad():
        assert network.fused_layers(cache) is not None
        assert network.fused_layers(KVCache(network.config, batch_size=2, max_length=20)) is None
        assert network.fused_layers(KVCache(network.config, max_length=20, dtype=torch.bfloat16)) is None
        assert make_network(num_experts=9).fused_layers(cache) is not None
        trained = make_network().requires_grad_(True)
        assert trained.fused_layers(cache) is None and trained.fused_head() is None
        bfloat16_network, half = make_network().bfloat16(), make_network().half()
        assert bfloat16_network.fused_layers(cache) is None, "the cache has another type"
        assert bfloat16_network.fused_layers(KVCache(network.config, max_length=20, dtype=torch.bfloat16)) is not None
        half_cache = KVCache(network.config, max_length=20, dtype=torch.float16)
        assert half.fused_layers(half_cache) is None and half.fused_head() is None
        small = make_network(hidden_size=32)
        mlp = small.layers[0].get_submodule("mlp.gate_proj")
        values, scale = quantise(mlp.get_parameter("weight"), "int8")
        mlp.register_parameter("weight", torch.nn.Parameter(values, requires_grad=False))
        mlp.register_buffer("weight_scale", scale)
        assert small.fused_layers(KVCache(small.config, max_length=20)) is None


@given(st.integers(1, 20), st.floats(0.01, 3.0), st.sets(st.integers(0, VOCABULARY - 1), max_size=4))
def test_the_fused_head_reads_a_small_vocabulary_as_the_dense_path_does(
    rows: int, temperature: float, forbidden: set[int]
) -> None:
    network = make_network()
    hidden = torch.randn(1, rows, 36, generator=torch.Generator().manual_seed(rows))
    first, anywhere = tuple(forbidden)[:2], tuple(forbidden)[2:]

    def generators() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(3)]

    with torch.inference_mode():
        actual = head.read(network, hidden, temperature, generators(), 0, first, anywhere)
        expected = head.read_dense(network, hidden, temperature, generators(), 0, first, anywhere)
    assert torch.equal(actual.argmax_BL, expected.argmax_BL)
    assert torch.equal(actual.sample_BL, expected.sample_BL)
    # A low temperature magnifies the rounding errors of the logits.
    near = 1e-5 * max(1, 1 / temperature)
    torch.testing.assert_close(actual.entropy_BL, expected.entropy_BL, rtol=1e-4, atol=near)
    assert (actual.soft_BLD - expected.soft_BLD).abs().max() <= near * expected.soft_BLD.abs().max()


@pytest.mark.parametrize("pair", [(0, VOCABULARY), (0, -1), (2, 0), (-2, 0)])
def test_an_id_outside_the_vocabulary_is_refused_and_not_written_to(pair: tuple[int, int]) -> None:
    with torch.inference_mode():
        compiled = make_network().fused_head()
        assert compiled is not None
        with pytest.raises(IndexError):
            compiled.read(torch.zeros(2, 36), forbidden_pairs=[pair])


@given(st.integers(0, 9), st.integers(0, 3), st.floats(0.0, 1.0), st.integers(0, 50))
def test_verification_agrees_with_and_without_fusing(count: int, known: int, accept_ratio: float, seed: int) -> None:
    network = make_network()

    def checked() -> tuple[Verified, int]:
        cache = KVCache(network.config, max_length=60)
        last = network.encode(ids(7), cache)[0, -1]
        draft = ids(count, seed)[0].tolist()
        forbidden = {"forbidden_first": (1, 2), "forbidden": (3,)}
        certain = min(known, count)
        actual = verify(network, cache, draft, last, certain, end_ids=(4,), accept_ratio=accept_ratio, **forbidden)
        return actual, cache.length

    with torch.inference_mode():
        actual, length = checked()
        with network.unfused():
            expected, other_length = checked()
    assert actual.token_ids == expected.token_ids and length == other_length
    assert actual.entropies == pytest.approx(expected.entropies, abs=1e-4)
    assert_close(actual.last_hidden_D, expected.last_hidden_D)


def test_greedy_tokens_agree_with_and_without_fusing() -> None:
    network = make_network()

    def written() -> list[tuple[int, float]]:
        cache = KVCache(network.config, max_length=60)
        last = network.encode(ids(7), cache)[0, -1]
        tokens = autoregressive(network, cache, last, TokenSampler(), torch.Generator(), forbidden_first=(1,))
        return [(actual.token, actual.entropy) for (actual,), _ in zip(tokens, range(12), strict=False)]

    with torch.inference_mode():
        actual = written()
        with network.unfused():
            expected = written()
    assert [token for token, _ in actual] == [token for token, _ in expected]
    assert [entropy for _, entropy in actual] == pytest.approx([entropy for _, entropy in expected], abs=1e-4)


@pytest.mark.parametrize("num_experts", [4, 12])
def test_the_timed_shares_of_a_pass_add_up_to_one(num_experts: int) -> None:
    network = make_network(num_experts=num_experts)
    cache = KVCache(network.config, max_length=120)
    with torch.inference_mode():
        layers = network.fused_layers(cache)
        if not layers.counts_cycles:
            pytest.skip("this processor keeps its count of cycles")
        with layers.timed() as shares:
            timed = network.encode(ids(90), cache)
        assert set(shares) == {"attention", "dense", "experts", "rest"}
        assert min(shares.values()) > 0 and sum(shares.values()) == pytest.approx(1)
        before = dict(shares)
        cache.truncate(0)
        assert torch.equal(network.encode(ids(90), cache), timed) and shares == before


CONDITIONINGS: dict[str, Callable[[DiffusionGemma], object]] = {
    "trained": lambda network: network.self_conditioning.requires_grad_(True),
    "quantised": lambda network: [
        place_quantised(network, name, weight, "int8")
        for name, weight in list(network.named_parameters())
        if is_weight(name) and name.startswith("self_conditioning")
    ],
}


@pytest.mark.parametrize("num_experts", [4, 12])
@pytest.mark.parametrize("kind", CONDITIONINGS)
def test_trained_or_quantised_self_conditioning_is_not_fused(kind, num_experts) -> None:
    """The layers themselves are still fused."""
    network = make_network(num_experts=num_experts, hidden_size=64, width=64, expert_width=64)
    CONDITIONINGS[kind](network)
    actual = passes(network, 20, 12, [3, 4])
    assert network._fused.last[0] is not None and not network._fused.last[0].conditions
    with network.unfused():
        expected = passes(network, 20, 12, [3, 4])
    for result, reference in zip(actual, expected, strict=True):
        assert_close(result, reference)


@pytest.mark.parametrize("num_experts", [4, 12])
def test_changed_self_conditioning_is_used_with_an_existing_cache(num_experts) -> None:
    network = make_network(num_experts=num_experts)
    cache, soft = KVCache(network.config, max_length=40), torch.randn(1, 8, 36)
    with torch.inference_mode():
        network.encode(ids(9), cache)
        before = network.denoise(ids(8, 1), cache, soft)
        assert network._fused.last[0].conditions
    network.self_conditioning.mlp.down_proj.weight.mul_(-3)
    with torch.inference_mode():
        after = network.denoise(ids(8, 1), cache, soft)
        with network.unfused():
            assert_close(after, network.denoise(ids(8, 1), cache, soft))
    assert not torch.allclose(before, after, atol=1e-2)
