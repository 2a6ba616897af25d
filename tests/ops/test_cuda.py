"""CUDA variants: grouped experts against a loop over experts, the vocabulary kernel against plain PyTorch.

Without a GPU the grouped products run on torch's CPU path, and the kernel in Triton's interpreter.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgemma.decode.vocabulary import BLOCK
from dgemma.ops import cuda
from dgemma.ops import reference as ops
from dgemma.quant import dequantise, quantise
from tests.ops import kernel_checks

ROOT = Path(__file__).parents[2]
GPU = pytest.mark.gpu
TRITON = pytest.mark.skipif(find_spec("triton") is None, reason="triton has no wheel for this system")


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def compare_experts(rows: int, top_k: int, count: int, width: int, dtype: torch.dtype, device: str, seed: int) -> None:
    hidden, scores = draw(rows, 16, seed=seed), draw(rows, count, seed=seed + 1)
    weights, chosen = scores.topk(top_k)
    gate_up, down = draw(count, 2 * width, 16, seed=2), draw(count, 16, width, seed=3)
    floats = [tensor.to(device, dtype) for tensor in (hidden, weights, gate_up, down)]
    chosen = chosen.to(device)
    actual = cuda.experts(floats[0], floats[1], chosen, *floats[2:])
    expected = ops.experts(floats[0].float(), floats[1].float(), chosen, floats[2].float(), floats[3].float())
    assert actual.dtype == dtype and actual.shape == hidden.shape
    tolerance = 2e-5 if dtype == torch.float32 else 2e-2
    assert (actual.float() - expected).abs().max() <= tolerance * expected.abs().max()


# A width of 6 is not aligned to 16 bytes in either type. Usually some experts are chosen by no row.
@given(st.integers(0, 99), st.integers(1, 4), st.integers(4, 12), st.integers(1, 9), st.sampled_from([6, 8]),
       st.sampled_from([torch.float32, torch.bfloat16]))  # fmt: skip
def test_grouped_experts_equal_the_loop_over_experts(seed, top_k, count, rows, width, dtype):
    compare_experts(rows, top_k, count, width, dtype, "cpu", seed)


def test_grouped_experts_read_no_value_back_to_the_host():
    """Tensors on the meta device have no values, so reading one back would fail."""
    options = {"dtype": torch.bfloat16, "device": "meta"}
    hidden, weights = torch.empty(5, 16, **options), torch.empty(5, 2, **options)
    chosen = torch.empty(5, 2, dtype=torch.long, device="meta")
    matrices = torch.empty(9, 16, 16, **options), torch.empty(9, 16, 8, **options)
    assert cuda.experts(hidden, weights, chosen, *matrices).shape == hidden.shape


def compare_fp8(rows: int, dtype: torch.dtype, device: str, seed: int) -> None:
    """Four bits of mantissa lose at most one part in sixteen of each factor; over a sum much of it cancels."""
    values, scale = (part.to(device) for part in quantise(draw(48, 32, seed=seed), "fp8"))
    hidden = draw(2, rows, 32, seed=seed + 1).to(device, dtype)
    actual = cuda.fp8_linear(hidden, values, scale)
    expected = hidden.float() @ dequantise(values, scale).T
    assert actual.dtype == dtype and actual.shape == expected.shape
    assert (actual.float() - expected).abs().max() <= 0.05 * expected.abs().max()


def compare_fp8_experts(rows: int, top_k: int, count: int, dtype: torch.dtype, device: str, seed: int) -> None:
    hidden, scores = draw(rows, 32, seed=seed), draw(rows, count, seed=seed + 1)
    weights, chosen = scores.topk(top_k)
    gate_up, down = (quantise(draw(count, *shape, seed=2), "fp8") for shape in ((96, 32), (32, 48)))
    hidden, weights = hidden.to(device, dtype), weights.to(device, dtype)
    matrices = [part.to(device) for part in (gate_up[0], down[0], gate_up[1], down[1])]
    actual = cuda.experts(hidden, weights, chosen.to(device), *matrices[:2], scales=(matrices[2], matrices[3]))
    plain = dequantise(matrices[0], matrices[2]), dequantise(matrices[1], matrices[3])
    expected = ops.experts(hidden.float(), weights.float(), chosen.to(device), *plain)
    assert actual.dtype == dtype and actual.shape == hidden.shape
    # Rows are rounded to fp8 twice; with a wrong expert or scale the error would be as large as the answer.
    assert (actual.float() - expected).norm() <= 0.15 * expected.norm()


@given(st.integers(0, 99), st.integers(1, 9), st.sampled_from([torch.float32, torch.bfloat16]))
def test_an_fp8_product_is_near_that_of_the_dequantised_weight(seed, rows, dtype):
    compare_fp8(rows, dtype, "cpu", seed)


@given(st.integers(0, 99), st.integers(1, 4), st.integers(4, 12), st.integers(1, 9),
       st.sampled_from([torch.float32, torch.bfloat16]))  # fmt: skip
def test_grouped_fp8_experts_are_near_those_of_the_dequantised_weights(seed, top_k, count, rows, dtype):
    compare_fp8_experts(rows, top_k, count, dtype, "cpu", seed)


def test_grouped_fp8_experts_read_no_value_back_to_the_host():
    options = {"dtype": torch.bfloat16, "device": "meta"}
    hidden, weights = torch.empty(5, 32, **options), torch.empty(5, 2, **options)
    chosen = torch.empty(5, 2, dtype=torch.long, device="meta")
    shapes = {"dtype": torch.float8_e4m3fn, "device": "meta"}
    matrices = torch.empty(9, 96, 32, **shapes), torch.empty(9, 32, 48, **shapes)
    scales = torch.empty(9, 96, device="meta"), torch.empty(9, 32, device="meta")
    assert cuda.experts(hidden, weights, chosen, *matrices, scales=scales).shape == hidden.shape


@GPU
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 256])
def test_fp8_products_and_experts_on_a_gpu_are_near_those_of_dequantised_weights(rows, dtype):
    weight = torch.empty(48, 32, dtype=torch.float8_e4m3fn, device="cuda")
    if not cuda.multiplies_fp8(weight):
        pytest.skip("this GPU has no fp8 products")
    compare_fp8(rows, dtype, "cuda", 0)
    if cuda.never_synchronises(weight):
        compare_fp8_experts(rows, 4, 128, dtype, "cuda", 0)


@GPU
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("rows", "top_k", "count"), [(1, 4, 128), (256, 8, 128)])
def test_grouped_experts_on_a_gpu_equal_the_loop_over_experts(rows, top_k, count, dtype):
    compare_experts(rows, top_k, count, 24, dtype, "cuda", 0)


@TRITON
def test_the_vocabulary_kernel_compiles_for_ampere_and_hopper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling to machine code needs no GPU."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    from triton import compile
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from dgemma.ops.vocabulary_kernel import read_block

    floats = ("uniforms_NU", "maximum_NP", "sum_NP", "moment_NP")
    types = {name: "*fp32" for name in floats} | {"products_NS": "*bf16", "groups_NG": "*bf16", "choice_NP": "*i32"}
    types |= dict.fromkeys(("cap", "scale", "lowest", "floor"), "fp32")
    types |= dict.fromkeys(("BLOCK", "GROUP"), "constexpr")
    signature = {name: types.get(name, "i32") for name in read_block.arg_names}
    for capability in (80, 90):
        source = ASTSource(read_block, signature, {"BLOCK": BLOCK, "GROUP": 16})
        assert compile(source, target=GPUTarget("cuda", capability, 32)).asm["cubin"]


@TRITON
def test_the_vocabulary_kernel_passes_its_checks_in_tritons_interpreter() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.ops.kernel_checks"]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@GPU
@pytest.mark.parametrize("case", kernel_checks.CASES)
def test_the_vocabulary_kernel_on_a_gpu_equals_plain_pytorch(case):
    kernel_checks.check_parity("cuda", *case)


@GPU
def test_the_vocabulary_kernel_on_a_gpu_samples_the_distribution():
    kernel_checks.check_bfloat16("cuda")
    kernel_checks.check_distribution("cuda", 4096)


@GPU
def test_a_large_vocabulary_takes_little_memory_on_a_gpu():
    """256 positions at 262,144 entries: less than 128 MB on top of weights and uniform numbers."""
    hidden, drawn = torch.randn(256, 64, device="cuda").bfloat16(), torch.rand(256, 256, device="cuda")
    embedding = torch.randn(262_144, 64, device="cuda").bfloat16()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    cuda.summarise(hidden, embedding, cap=30.0, temperature=0.8, uniforms_NU=drawn, block=2048, top_k=256)
    assert torch.cuda.max_memory_allocated() - before < 128 << 20
