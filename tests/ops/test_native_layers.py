"""A small network in one call against the same network an operation at a time."""

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
    """Random weights; kinds are (layer type, head dim, key heads), with four query heads. Few sizes are a vector's."""
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


def assert_close(found: torch.Tensor, expected: torch.Tensor, near: float = 2e-5) -> None:
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= near * expected.abs().max()


@torch.inference_mode()
def passes(network: DiffusionGemma, prompt: int, canvas: int, rows: list[int]) -> list[torch.Tensor]:
    """Every kind of pass, one behind the other in one cache."""
    cache = KVCache(network.config, max_length=120)
    soft = torch.randn(1, canvas, network.config.hidden_size, generator=torch.Generator().manual_seed(5))
    found = [network.encode(ids(prompt), cache)]
    found += [network.denoise(ids(canvas, 1), cache), network.denoise(ids(canvas, 2), cache, soft)]
    found += [network.denoise(ids(canvas, 3), cache, soft, torch.tensor(rows))]
    found += network.encode_and_denoise(ids(3, 4), ids(canvas, 5), cache)
    network.encode(ids(5, 6), cache, keys_only=True)
    cache.truncate(cache.length - 2)
    found.append(network.encode(ids(1, 7), cache))
    length = cache.length
    return found + [keys[:, :, :length] for keys in (*cache.keys, *cache.values)]


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
def test_one_call_equals_the_modules(kinds, num_experts, hidden_size, prompt, canvas, data) -> None:
    """Few experts and many."""
    top_k = data.draw(st.integers(1, num_experts))
    rows = sorted(data.draw(st.sets(st.integers(0, canvas - 1), min_size=1)))
    network = make_network(tuple(kinds), num_experts, top_k, hidden_size)
    found = passes(network, prompt, canvas, rows)
    assert network._fused.kept[0] is not None
    with network.unfused():
        expected = passes(network, prompt, canvas, rows)
    # Scores reach the head's size, and a softmax makes of their rounding's length a relative one.
    near = 2e-5 * max(1, max(size for _, size, _ in kinds) / 16)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, near)


@torch.inference_mode()
def encoded(network: DiffusionGemma, tokens: torch.Tensor, cache: KVCache | None = None) -> torch.Tensor:
    return network.encode(tokens, KVCache(network.config, max_length=120) if cache is None else cache)


def test_weights_kept_in_half_the_memory_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """bfloat16 holds them exactly; where it does not, they stay as they are."""
    layers = native.load("layers")
    assert layers is not None
    network = make_network()
    for parameter in network.parameters():
        parameter.copy_(parameter.bfloat16())
    twin, hidden = copy.deepcopy(network), torch.randn(1, 11, 36, generator=torch.Generator().manual_seed(2))

    @torch.inference_mode()
    def computed(network: DiffusionGemma) -> list[torch.Tensor]:
        reading = head.read(network, hidden, 0.7, [torch.Generator().manual_seed(1)])
        return [*passes(network, 30, 12, [3, 4]), reading.soft_BLD, reading.entropy_BL]

    found = computed(network)
    assert network._fused.kept[0].is_bfloat16 and network._fused.kept[1].is_bfloat16
    network.layers[0].get_submodule("mlp.up_proj").get_parameter("weight")[0, 0] += 2**-12
    computed(network)
    assert not network._fused.kept[0].is_bfloat16 and network._fused.kept[1].is_bfloat16
    for module in (layers, native.load("head")):
        monkeypatch.setattr(module, "fits_bfloat16", lambda weight: False)
    assert all(torch.equal(one, two) for one, two in zip(found, computed(twin), strict=True))
    assert not twin._fused.kept[0].is_bfloat16 and not twin._fused.kept[1].is_bfloat16


def test_experts_kept_in_half_the_memory_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each product for itself; a panel of them is made float32 for many rows."""
    from dgemma.ops.native import panels

    network = make_network(num_experts=12)
    for parameter in network.parameters():
        parameter.copy_(parameter.bfloat16())
    network.layers[1].get_submodule("experts").get_parameter("down_proj")[0, 0, 0] = 0.1
    twin = copy.deepcopy(network)
    found = passes(network, 50, 40, [3, 4])
    halves = [{name: one.is_bfloat16 for name, one in laid.items()} for laid in network._fused.kept[0]._laid_out]
    assert [name for own in halves for name, half in own.items() if not half] == ["routed_down"]
    monkeypatch.setattr(panels, "fits_bfloat16", lambda weight: False)
    assert all(torch.equal(one, two) for one, two in zip(found, passes(twin, 50, 40, [3, 4]), strict=True))
    assert not any(one.is_bfloat16 for laid in twin._fused.kept[0]._laid_out for one in laid.values())


def test_few_large_experts_are_routed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Running all of them on every row pays in small networks alone."""
    network = make_network()
    expected = passes(network, 30, 12, [3, 4])
    monkeypatch.setattr(experts, "_FEW_UP_TO_ENTRIES", 1000)
    twin = make_network()
    for one, other in zip(passes(twin, 30, 12, [3, 4]), expected, strict=True):
        assert_close(one, other)
    assert type(network._fused.kept[0]) is not type(twin._fused.kept[0])
    with twin.unfused():
        passes(twin, 30, 12, [3, 4])
    dispatch = twin.all_layers()[0].experts.dispatch
    assert dispatch._routed.value is not None and dispatch._dense.value is None, "one layout for both ways"


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
@pytest.mark.parametrize("num_experts", [4, 12])
def test_what_is_no_number_in_a_router_is_not_lost(num_experts: int, broken: float) -> None:
    network = make_network(num_experts=num_experts)
    network.layers[0].get_submodule("router.proj").get_parameter("weight")[3] = broken
    found = encoded(network, ids(20))
    with network.unfused():
        expected = encoded(network, ids(20))
    assert torch.equal(found.isfinite(), expected.isfinite()) and not found.isfinite().all()


@pytest.mark.parametrize("num_experts", [4, 12])
def test_weights_that_are_trained_no_more_are_laid_out(num_experts: int) -> None:
    network = make_network(num_experts=num_experts)
    expert = network.layers[1].get_submodule("experts").get_parameter("down_proj").requires_grad_(True)
    before = encoded(network, ids(9))
    assert network.are_fused[0] is False
    expert.requires_grad_(False)
    assert_close(encoded(network, ids(9)), before)
    assert network.are_fused[0] is True


def test_a_network_that_is_quantised_in_use_is_quantised_all_through() -> None:
    network = make_network(WIDE, hidden_size=64, width=96, expert_width=32)
    hidden = torch.randn(3, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        floats = network.products(hidden), network.fused_head().read(hidden).logits_NV
        quantise_network(network, "int8")
        twin = copy.deepcopy(network)
        found = network.products(hidden), network.fused_head().read(hidden).logits_NV
        expected = twin.products(hidden), twin.fused_head().read(hidden).logits_NV
    assert all(torch.equal(one, two) for one, two in zip(found, expected, strict=True))
    assert not any(torch.equal(one, two) for one, two in zip(found, floats, strict=True))


def test_nothing_is_compiled_or_laid_out_for_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network, asked = make_network(num_experts=12), []
    monkeypatch.setattr(linear, "_has_room", lambda num_bytes: asked.append(num_bytes))
    monkeypatch.setattr(native, "load_for", lambda name, entries: pytest.fail(f"{name} was asked for"))
    with torch.inference_mode():
        assert network.fused_layers(KVCache(network.config, max_length=9)) is None
    assert len(asked) <= 2 * 12 + 2, "one layer's experts, and no further"
    small = make_network(WIDE, 12, hidden_size=64, width=96, expert_width=32)
    quantise_network(small, "fp8")
    with torch.inference_mode():
        assert small.fused_layers(KVCache(small.config, max_length=9)) is None


WIDE = (("sliding_attention", 32, 2), ("full_attention", 64, 1))
"""Heads whose size is a multiple of a panel: many rows look at many keys in tiles."""


NARROW = (("sliding_attention", 8, 2), ("full_attention", 24, 1))
"""Heads whose size is none: one row looks at keys as many do."""


def make_quantised(kind: Kind, seed: int = 0, num_experts: int = 4, kinds=WIDE) -> DiffusionGemma:
    """Every product of whole groups."""
    network = make_network(kinds, num_experts, hidden_size=64, seed=seed, width=96, expert_width=32)
    quantise_network(network, kind)
    return network


KINDS_OF_WEIGHTS: tuple[Kind, ...] = ("int8", "int4")


def known_kinds(num_experts: int = 4) -> list[Kind]:
    """Those whose layers this machine runs in one call."""
    kinds, both = KINDS_OF_WEIGHTS, ("layers_quantised", "layers_routed_quantised")
    if any(native.load(name, wait=True) is None for name in both):
        return []
    networks = {kind: make_quantised(kind, num_experts=num_experts) for kind in kinds}
    with torch.inference_mode():
        return [kind for kind, one in networks.items() if one.fused_layers(KVCache(one.config, max_length=9))]


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
def test_a_token_is_the_same_to_the_last_bit_in_any_company(
    make: Callable[[], DiffusionGemma], chunks: list[int], threads: int
) -> None:
    network, tokens = make(), ids(sum(chunks))
    whole, parts = KVCache(network.config, max_length=120), KVCache(network.config, max_length=120)
    expected = encoded(network, tokens, whole)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = [encoded(network, part, parts) for part in tokens.split(chunks, dim=1)]
        with torch.inference_mode():
            canvas = network.denoise(ids(9, 1), parts)
    finally:
        torch.set_num_threads(before)
    with torch.inference_mode():
        assert torch.equal(torch.cat(found, dim=1), expected)
        assert torch.equal(canvas, network.denoise(ids(9, 1), whole))


@pytest.mark.parametrize("num_experts", [4, 12])
@pytest.mark.parametrize("kind", ["int8", "int4"])
@torch.inference_mode()
def test_quantised_layers_in_one_call_are_those_of_rounded_rows(
    kind: Kind, num_experts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The float network of the same weights, whose rows are rounded to int8 before each product, the inner rows of few
    experts all together."""
    if kind not in known_kinds(num_experts):
        pytest.skip("this processor has no such instruction")
    network = make_quantised(kind, num_experts=num_experts)
    plain = make_network(WIDE, num_experts, hidden_size=64, width=96, expert_width=32)
    state = network.state_dict()
    for name, parameter in plain.named_parameters():
        if is_weight(name):
            parameter.copy_(dequantise(state[name], state[f"{name}_scale"]))
    exact = encoded(plain, ids(70))

    def rounding(values: torch.Tensor, _scale: None = None) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda hidden: rounded(hidden, kind) @ values.T

    for module in (linear, experts):
        monkeypatch.setattr(module, "matrix", rounding)
    monkeypatch.setattr(experts, "panels", lambda weights: None)
    plain = copy.deepcopy(plain)  # with nothing laid out
    with plain.unfused():
        expected = encoded(plain, ids(70))
    found = encoded(network, ids(70))
    assert network._fused.kept[0].quantised
    # A number between two steps may be rounded to either; without rounding the difference is a hundred times as large.
    near, far = (found - expected).norm() / expected.norm(), (found - exact).norm() / exact.norm()
    assert near < 0.2 * far and far < 0.2
    # One row for itself, as several.
    cache, other = (KVCache(network.config, max_length=120) for _ in range(2))
    encoded(network, ids(70), cache)
    encoded(network, ids(69), other)
    assert_close(encoded(network, ids(70)[:, 69:], other), found[:, 69:], 0.02)


@torch.inference_mode()
def test_an_int8_head_in_one_call_reads_what_its_products_say() -> None:
    if "int8" not in known_kinds():
        pytest.skip("this processor has no such instruction")
    network = make_quantised("int8")
    hidden = torch.randn(1, 19, 64, generator=torch.Generator().manual_seed(3))
    # On the grid of int8 rows, so that neither way has anything to round.
    hidden = rounded(hidden, "int8")
    compiled = network.fused_head()
    assert compiled is not None and compiled.quantised
    weight = dequantise(*quantise(network.embed_tokens.weight, "int8"))
    cap = network.config.final_logit_softcapping
    logits = torch.tanh(hidden[0] @ weight.T / cap) * cap / 0.7
    found = compiled.read(hidden[0], 0.7, torch.full((19,), 0.5), soft=True)
    assert torch.equal(found.likeliest_N, logits.argmax(-1))
    entropy = torch.distributions.Categorical(logits=logits).entropy()
    torch.testing.assert_close(found.entropy_N, entropy, rtol=1e-4, atol=1e-5)
    # What is expected is the embedding itself, not its int8 copy.
    assert_close(found.soft_ND, network.expect(logits.softmax(-1)))


def test_what_quantised_layers_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of four inputs, experts of whole groups, one kind of weights."""
    layers = native.load("layers_quantised", wait=True)
    assert layers is not None

    def dots(kind: str) -> None:
        for module in (layers, native.load("head"), native.load("quantised", wait=True)):
            monkeypatch.setattr(module, "DOTS", kind)

    dots("vnni")

    def by_name(network: DiffusionGemma) -> list[dict[str, torch.Tensor]]:
        return [{**dict(one.named_parameters()), **dict(one.named_buffers())} for one in network.layers]

    def taken(network: DiffusionGemma) -> bool:
        return layers.takes(by_name(network))

    def routed(network: DiffusionGemma) -> bool:
        module = native.load("layers_routed_quantised", wait=True)
        return module is not None and module.takes(by_name(network))

    assert taken(make_network()) and taken(make_quantised("int8")) and taken(make_quantised("int4"))
    for sizes in ({"width": 98}, {"expert_width": 36}, {"hidden_size": 62}):
        network = make_network(WIDE, **{"hidden_size": 64, "width": 96, "expert_width": 32, **sizes})
        quantise_network(network, "int8")
        assert not taken(network), sizes
    mixed = make_quantised("int8")
    mixed.layers[0].get_submodule("mlp.up_proj").register_parameter(
        "weight", torch.nn.Parameter(torch.randn(96, 64), requires_grad=False)
    )
    assert not taken(mixed)
    # Scales that were moved to another type.
    assert not taken(make_quantised("int8").bfloat16())
    assert routed(make_network()) and routed(make_quantised("int8")) and routed(make_quantised("int4"))
    assert not routed(mixed) and not routed(make_quantised("int4").bfloat16())
    dots("short")
    assert taken(make_quantised("int4")) and taken(make_quantised("int8"))
    assert routed(make_quantised("int4")) and routed(make_quantised("int8"))
    dots("")
    assert taken(make_network()) and not taken(make_quantised("int4")) and not taken(make_quantised("int8"))
    assert routed(make_network()) and not routed(make_quantised("int4")) and not routed(make_quantised("int8"))


def test_two_threads_in_one_network() -> None:
    network = make_network()
    expected = passes(network, 30, 12, [3, 4])
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            found = passes(network, 30, 12, [3, 4])
            wrong.extend(not torch.equal(one, other) for one, other in zip(found, expected, strict=True))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(wrong) == 40 * len(expected) and not any(wrong)


def test_changed_weights_are_seen_by_the_next_cache() -> None:
    network, other = make_network(), make_network(seed=1)
    first = encoded(network, ids(6))
    network.layers[0].get_submodule("mlp.gate_proj").get_parameter("weight").mul_(1.5)
    second = encoded(network, ids(6))
    network.load_state_dict(other.state_dict())
    kept = KVCache(network.config, max_length=20)
    third = encoded(network, ids(6), kept)
    network.layers[1].get_submodule("router").register_parameter("scale", torch.nn.Parameter(torch.full((36,), 2.0)))
    network.requires_grad_(False)
    kept.truncate(0)
    fourth = encoded(network, ids(6), kept)
    found = [first, second, third, fourth]
    assert not any(torch.equal(one, two) for one, two in pairwise(found))
    assert torch.equal(third, encoded(other, ids(6)))
    with network.unfused():
        assert_close(fourth, encoded(network, ids(6)))


def test_changed_scales_are_seen_by_the_next_cache() -> None:
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
def test_bits_do_not_depend_on_where_memory_was_free() -> None:
    """Buffers of other sizes come and go between passes over few short rows."""
    network = make_network(hidden_size=17)
    expected, kept = encoded(network, ids(1)), []
    for size in range(1, 400):
        kept.append(torch.empty(size * 3))
        if size % 3 == 0:
            del kept[:: size % 7 + 1]
        assert torch.equal(encoded(network, ids(1)), expected)


def test_a_copy_has_weights_of_its_own() -> None:
    network = make_network()
    before = encoded(network, ids(6))
    twin = copy.deepcopy(network)
    network.layers[0].get_submodule("mlp.gate_proj").get_parameter("weight").mul_(1.5)
    assert torch.equal(encoded(twin, ids(6)), before)
    twin.load_state_dict(network.state_dict())
    assert torch.equal(encoded(twin, ids(6)), encoded(network, ids(6)))


def test_the_reference_path_goes_through_the_modules() -> None:
    llm = dgemma.load("tiny")
    arguments = {"token_ids": [2, 17, 5], "max_new_tokens": 8, "seed": 7}
    plain = llm.generate(**arguments, reference=True)
    assert plain.token_ids and llm.network._fused.kept[0] is None
    assert llm.generate(**arguments).token_ids and llm.network._fused.kept[0] is not None


def test_a_resized_cache_is_read_where_it_lies() -> None:
    network = make_network()
    cache, plain = KVCache(network.config, max_length=20), KVCache(network.config, max_length=200)
    encoded(network, ids(10), cache)
    encoded(network, ids(10), plain)
    cache.resize(60, 30)
    assert torch.equal(encoded(network, ids(40, 1), cache), encoded(network, ids(40, 1), plain))


def test_what_goes_through_the_modules() -> None:
    network = make_network()
    cache = KVCache(network.config, max_length=20)
    assert network.fused_layers(cache) is None, "gradients may be asked for"
    with torch.no_grad():
        assert network.fused_layers(cache) is not None
        assert network.fused_layers(KVCache(network.config, batch_size=2, max_length=20)) is None
        assert network.fused_layers(KVCache(network.config, max_length=20, dtype=torch.bfloat16)) is None
        assert make_network(num_experts=9).fused_layers(cache) is not None
        trained = make_network().requires_grad_(True)
        assert trained.fused_layers(cache) is None and trained.fused_head() is None
        half = make_network().bfloat16()
        assert half.fused_layers(KVCache(network.config, max_length=20)) is None and half.fused_head() is None
        small = make_network(hidden_size=32)
        mlp = small.layers[0].get_submodule("mlp.gate_proj")
        values, scale = quantise(mlp.get_parameter("weight"), "int8")
        mlp.register_parameter("weight", torch.nn.Parameter(values, requires_grad=False))
        mlp.register_buffer("weight_scale", scale)
        assert small.fused_layers(KVCache(small.config, max_length=20)) is None


@given(st.integers(1, 20), st.floats(0.01, 3.0), st.sets(st.integers(0, VOCABULARY - 1), max_size=4))
def test_a_small_vocabulary_is_read_as_densely(rows: int, temperature: float, forbidden: set[int]) -> None:
    network = make_network()
    hidden = torch.randn(1, rows, 36, generator=torch.Generator().manual_seed(rows))
    first, anywhere = tuple(forbidden)[:2], tuple(forbidden)[2:]

    def generators() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(3)]

    with torch.inference_mode():
        found = head.read(network, hidden, temperature, generators(), 0, first, anywhere)
        expected = head.read_dense(network, hidden, temperature, generators(), 0, first, anywhere)
    assert torch.equal(found.argmax_BL, expected.argmax_BL)
    assert torch.equal(found.sample_BL, expected.sample_BL)
    # A low temperature magnifies what rounding makes of the logits.
    near = 1e-5 * max(1, 1 / temperature)
    torch.testing.assert_close(found.entropy_BL, expected.entropy_BL, rtol=1e-4, atol=near)
    assert (found.soft_BLD - expected.soft_BLD).abs().max() <= near * expected.soft_BLD.abs().max()


@pytest.mark.parametrize("pair", [(0, VOCABULARY), (0, -1), (2, 0), (-2, 0)])
def test_an_id_outside_the_vocabulary_is_refused_and_not_written_to(pair: tuple[int, int]) -> None:
    with torch.inference_mode():
        compiled = make_network().fused_head()
        assert compiled is not None
        with pytest.raises(IndexError):
            compiled.read(torch.zeros(2, 36), forbidden_pairs=[pair])


@given(st.integers(0, 9), st.integers(0, 3), st.floats(0.0, 1.0), st.integers(0, 50))
def test_checks_agree(count: int, known: int, accept_ratio: float, seed: int) -> None:
    network = make_network()

    def checked() -> tuple[Verified, int]:
        cache = KVCache(network.config, max_length=60)
        last = network.encode(ids(7), cache)[0, -1]
        draft = ids(count, seed)[0].tolist()
        forbidden = {"forbidden_first": (1, 2), "forbidden": (3,)}
        certain = min(known, count)
        found = verify(network, cache, draft, last, certain, end_ids=(4,), accept_ratio=accept_ratio, **forbidden)
        return found, cache.length

    with torch.inference_mode():
        found, length = checked()
        with network.unfused():
            expected, other_length = checked()
    assert found.token_ids == expected.token_ids and length == other_length
    assert found.entropies == pytest.approx(expected.entropies, abs=1e-4)
    assert_close(found.last_hidden_D, expected.last_hidden_D)


def test_greedy_tokens_agree() -> None:
    network = make_network()

    def written() -> list[tuple[int, float]]:
        cache = KVCache(network.config, max_length=60)
        last = network.encode(ids(7), cache)[0, -1]
        tokens = autoregressive(network, cache, last, TokenSampler(), torch.Generator(), forbidden_first=(1,))
        return [(found.token, found.entropy) for found, _ in zip(tokens, range(12), strict=False)]

    with torch.inference_mode():
        found = written()
        with network.unfused():
            expected = written()
    assert [token for token, _ in found] == [token for token, _ in expected]
    assert [entropy for _, entropy in found] == pytest.approx([entropy for _, entropy in expected], abs=1e-4)


@pytest.mark.parametrize("num_experts", [4, 12])
def test_the_clock_of_a_pass(num_experts: int) -> None:
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
def test_self_conditioning_of_another_kind_stays_outside(kind, num_experts) -> None:
    """The layers are one call all the same."""
    network = make_network(num_experts=num_experts, hidden_size=64, width=64, expert_width=64)
    CONDITIONINGS[kind](network)
    found = passes(network, 20, 12, [3, 4])
    assert network._fused.kept[0] is not None and not network._fused.kept[0].conditions
    with network.unfused():
        expected = passes(network, 20, 12, [3, 4])
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("num_experts", [4, 12])
def test_self_conditioning_that_changes_while_a_cache_is_in_use_is_seen(num_experts) -> None:
    network = make_network(num_experts=num_experts)
    cache, soft = KVCache(network.config, max_length=40), torch.randn(1, 8, 36)
    with torch.inference_mode():
        network.encode(ids(9), cache)
        before = network.denoise(ids(8, 1), cache, soft)
        assert network._fused.kept[0].conditions
    network.self_conditioning.mlp.down_proj.weight.mul_(-3)
    with torch.inference_mode():
        after = network.denoise(ids(8, 1), cache, soft)
        with network.unfused():
            assert_close(after, network.denoise(ids(8, 1), cache, soft))
    assert not torch.allclose(before, after, atol=1e-2)
