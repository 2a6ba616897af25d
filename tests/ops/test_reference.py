"""Each operation against a slow, literal version of its definition."""

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from dgemma.ops import cpu_norms, experts
from dgemma.ops import reference as ops
from dgemma.ops.linear import matrix


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_rms_norm_is_computed_in_float32():
    hidden = draw(3, 16).to(torch.bfloat16)
    expected = hidden.float() / (hidden.float().square().mean(-1, keepdim=True) + 1e-6).sqrt()
    assert torch.equal(ops.rms_norm(hidden, None, 1e-6), expected.to(torch.bfloat16))
    weight = torch.linspace(0.5, 2, 16)
    assert torch.allclose(ops.rms_norm(hidden.float(), weight, 1e-6), expected * weight)
    mixed = ops.rms_norm(hidden, weight, 1e-6)
    assert torch.equal(mixed, (expected * weight).to(torch.bfloat16))


def test_rotation_keeps_lengths_and_depends_on_distance_only():
    angles = torch.arange(12.0)[:, None] * torch.tensor([1.0, 0.3, 0.0])
    query, key = draw(1, 1, 1, 6).expand(1, 1, 12, 6), draw(1, 1, 1, 6, seed=1).expand(1, 1, 12, 6)
    tables = ops.rotary_tables(angles, torch.float32)
    turned, other = ops.rotate(query, *tables), ops.rotate(key, *tables)
    first, second = query.chunk(2, dim=-1)
    halves = (first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin())
    assert torch.allclose(turned, torch.cat(halves, dim=-1))
    assert torch.allclose(turned.norm(dim=-1), query.norm(dim=-1))
    scores = (turned @ other.transpose(-1, -2))[0, 0]
    for distance in range(12):
        assert torch.allclose(scores.diagonal(distance), scores[0, distance].expand(12 - distance), atol=1e-5)


@given(st.integers(1, 3), st.sampled_from([1, 2, 4]), st.integers(1, 5), st.integers(1, 9),
       st.sampled_from(["none", "row", "key", "shared"]))  # fmt: skip
def test_grouped_attention_equals_repeated_heads(batch, key_heads, count, keys, kind):
    query, key, value = draw(batch, 4, count, 8), draw(batch, key_heads, keys, 8), draw(batch, key_heads, keys, 6)
    shape = {"row": (batch, 1, count, keys), "key": (batch, 1, 1, keys), "shared": (1, 1, count, keys)}.get(kind)
    mask = None
    if shape is not None:
        mask = draw(*shape, seed=2) > 0
        mask[..., 0] = True
    value = torch.nn.functional.pad(value, (0, 2))
    wide = [tensor.repeat_interleave(4 // key_heads, dim=1) for tensor in (key, value)]
    scores = query @ wide[0].transpose(-1, -2)
    scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    assert torch.allclose(ops.attention(query, key, value, mask), scores.softmax(-1) @ wide[1], atol=1e-5)


@given(st.integers(0, 99), st.integers(1, 5))
def test_the_router_renormalises_and_then_scales(seed, top_k):
    hidden, scale, weight = draw(4, 8, seed=seed), draw(8, seed=1), draw(5, 8, seed=2)
    each = torch.rand(5, generator=torch.Generator().manual_seed(3)) + 0.5
    weights, chosen = ops.route(
        ops.rms_norm(hidden, None, 1e-6), scale, lambda rows: F.linear(rows, weight), each, top_k
    )
    assert torch.allclose((weights / each[chosen]).sum(-1), torch.ones(4), atol=1e-5)
    assert all(len(set(row)) == top_k for row in chosen.tolist())


@given(st.integers(0, 99), st.integers(1, 4), st.integers(4, 12))
def test_both_expert_implementations_equal_a_loop_over_tokens(seed, top_k, count):
    hidden, scores = draw(7, 16, seed=seed), draw(7, count, seed=seed + 1)
    weights, chosen = scores.topk(top_k)
    gate_up, down = draw(count, 12, 16, seed=2), draw(count, 16, 6, seed=3)
    expected = torch.zeros_like(hidden)
    for row in range(7):
        for weight, expert in zip(weights[row], chosen[row], strict=True):
            gate, up, out = gate_up[expert, :6], gate_up[expert, 6:], down[expert]
            gated = F.gelu(F.linear(hidden[row], gate), approximate="tanh") * F.linear(hidden[row], up)
            expected[row] += weight * F.linear(gated, out)
    for run in (ops.experts, ops.experts_dense):
        assert (run(hidden, weights, chosen, gate_up, down) - expected).abs().max() <= 2e-5 * expected.abs().max()


@given(st.integers(0, 99), st.sampled_from([1, 2, 4]))
def test_attention_by_products_equals_attention(seed, key_heads):
    query, key, value = draw(2, 4, 5, 8, seed=seed), draw(2, key_heads, 5, 8), draw(2, key_heads, 5, 8, seed=1)
    mask = (draw(2, 1, 5, 5, seed=seed) > 0) | torch.eye(5, dtype=torch.bool)
    assert torch.allclose(
        ops.attention_by_products(query, key, value, mask), ops.attention(query, key, value, mask), atol=1e-5
    )


@given(st.integers(0, 99), st.sampled_from([(3,), (2, 5, 64), (1, 4, 3, 16)]), st.sampled_from([1e-6, 0.1]))
def test_norms_of_one_input_equal_each_alone_and_the_formula(seed, shape, eps):
    hidden, weights = draw(*shape, seed=seed), (draw(shape[-1], seed=1), None, draw(shape[-1], seed=2))
    expected = hidden / (hidden.square().mean(-1, keepdim=True) + eps).sqrt()
    for some in (weights, weights[:1], weights[1:2]):
        for run in (ops.rms_norms, cpu_norms.rms_norms):
            for weight, actual in zip(some, run(hidden, some, eps), strict=True):
                torch.testing.assert_close(actual, expected if weight is None else expected * weight)
    assert torch.equal(cpu_norms.rms_norms(torch.zeros(2, 4), (None,), eps)[0], torch.zeros(2, 4))


@given(st.integers(0, 99), st.integers(1, 3), st.integers(1, 9))
def test_laid_out_dense_experts_equal_plain_ones(seed, top_k, rows):
    hidden = draw(rows, 16, seed=seed)
    weights, chosen = draw(rows, 4, seed=seed + 1).topk(top_k)
    gate_up, down = draw(4, 12, 16, seed=2), draw(4, 16, 6, seed=3)
    laid_out = matrix(gate_up.flatten(0, 1)), matrix(down.transpose(0, 1).flatten(1))
    expected = ops.experts_dense(hidden, weights, chosen, gate_up, down)
    torch.testing.assert_close(experts.experts_dense(hidden, weights, chosen, *laid_out, 4), expected)


@given(st.integers(0, 99), st.sampled_from([1e-6, 0.1]))
def test_add_normed_equals_norm_then_add(seed, eps):
    residual, hidden, weight = draw(2, 3, 8, seed=seed), draw(2, 3, 8, seed=1), draw(8, seed=2)
    expected = residual + ops.rms_norm(hidden, weight, eps)
    torch.testing.assert_close(cpu_norms.add_normed(residual, hidden, weight, eps), expected)
