"""Fast operations for CUDA: routed experts as grouped GEMMs, fp8 weights, the vocabulary head with a Triton kernel.

Avoids synchronising with the device where possible, so that a pass can be captured as a CUDA graph. Everything also
runs on a CPU, the kernel in Triton's interpreter, which is how the tests check it. Knows nothing of networks or
decoding.

Shapes: N rows, D hidden, k experts of a row, P = N * k pairs of a row and one of its experts (in the head: blocks of
the vocabulary), E experts, M expert width, I inputs and O outputs of a product, V vocabulary, S products of a slab, G
groups of a slab, C candidates, K best entries.
"""

import logging
import shutil
import sysconfig
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma.ops import reference
from dgemma.ops.native.sizes import IMPOSSIBLE
from dgemma.quant import FP8, quantise

# Products of a row that are computed at once. For 256 rows they are 16 MB in bfloat16, which stay in the GPU's cache.
SLAB = 32_768
# The kernel reports the maximum of each group of this size, so that top-k sorts few entries.
_GROUP = 16


@cache
def has_kernels() -> bool:
    """Whether Triton kernels can be launched here; if not, the reason is logged once."""
    missing = ""
    if find_spec("triton") is None:
        missing = "triton is not installed"
    elif not (shutil.which("gcc") or shutil.which("clang")):
        missing = "triton needs gcc or clang to build its launcher"
    elif not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        missing = "triton needs Python's header files (python3-dev) to build its launcher"
    if missing:
        logging.getLogger(__name__).warning("The vocabulary head runs without Triton, far slower: %s.", missing)
    return not missing


def never_synchronises(weight: Tensor) -> bool:
    """Whether `experts` with this weight never synchronises. torch has grouped kernels for bfloat16 on compute
    capability 9 and 10, and for fp8 on 9; elsewhere it copies the row counts to the host and loops over experts."""
    majors = {torch.bfloat16: (9, 10), FP8: (9,)}.get(weight.dtype, ())
    if not weight.is_cuda or not _aligned(weight):
        return False
    return torch.cuda.get_device_capability(weight.device)[0] in majors


def multiplies_fp8(weight: Tensor) -> bool:
    """Whether `fp8_linear` supports this weight [O, I]: compute capability from 8.9 on, both sizes multiples of 16."""
    if not weight.is_cuda or any(size % 16 for size in weight.shape):
        return False
    return torch.cuda.get_device_capability(weight.device) >= (8, 9)


def fp8_linear(hidden: Tensor, weight_OI: Tensor, scale_O: Tensor) -> Tensor:
    """The product with an fp8 weight, [.., I] -> [.., O]. Rows of `hidden` are quantised to fp8, each with a scale."""
    rows_NI, scale_N = quantise(hidden.flatten(0, -2), "fp8")
    return _fp8_product(rows_NI, scale_N, weight_OI, scale_O, hidden.dtype).unflatten(0, hidden.shape[:-1])


def _fp8_product(rows_NI: Tensor, scale_N: Tensor, weight_OI: Tensor, scale_O: Tensor, dtype: torch.dtype) -> Tensor:
    # With a scale for each row and column, CUDA supports only bfloat16 output.
    out_dtype = dtype if rows_NI.is_cpu else torch.bfloat16
    product = torch._scaled_mm(  # pyright: ignore[reportPrivateImportUsage]
        rows_NI, weight_OI.T, scale_a=scale_N[:, None], scale_b=scale_O[None], out_dtype=out_dtype
    )
    return product.to(dtype)


def experts(
    hidden_ND: Tensor,
    weights_Nk: Tensor,
    ids_Nk: Tensor,
    gate_up_E2MD: Tensor,
    down_EDM: Tensor,
    *,
    scales: Sequence[Tensor] = (),
) -> Tensor:
    """Routed experts: rows are gathered once, sorted by expert, go through two grouped products, and are put back once.

    `scales` are those of fp8 weights, [E, 2 M] and [E, D]; fp8 weights must be aligned (`_aligned`).
    """
    if not scales and not (_aligned(gate_up_E2MD) and _aligned(down_EDM)):
        return reference.experts(hidden_ND, weights_Nk, ids_Nk, gate_up_E2MD, down_EDM)
    rows, top_k = ids_Nk.shape
    sorted_P, slots_P = ids_Nk.flatten().sort(stable=True)
    # The end of each expert's rows. bincount would synchronise.
    every_E = torch.arange(len(gate_up_E2MD), device=ids_Nk.device)
    ends_E = torch.searchsorted(sorted_P, every_E, right=True, out_int32=True)
    gathered_PD = hidden_ND.index_select(0, slots_P // top_k)
    scale_gate_up, scale_down = scales or (None, None)
    gate, up = _grouped(gathered_PD, gate_up_E2MD, ends_E, scale_gate_up).chunk(2, dim=-1)
    inner_PM = F.gelu(gate, approximate="tanh") * up
    out_PD = _grouped(inner_PM, down_EDM, ends_E, scale_down)
    pair_of_slot_P = torch.empty_like(slots_P).scatter_(0, slots_P, torch.arange(rows * top_k, device=slots_P.device))
    out_NkD = out_PD.index_select(0, pair_of_slot_P).view(rows, top_k, -1)
    return torch.bmm(weights_Nk[:, None].to(out_NkD.dtype), out_NkD).squeeze(1)


def _grouped(inputs_PI: Tensor, weight_EOI: Tensor, ends_E: Tensor, scale_EO: Tensor | None) -> Tensor:
    """The product of each group of rows with its expert's weight -> [P, O]; group e ends at `ends_E[e]`."""
    if scale_EO is not None:
        return _grouped_fp8(inputs_PI, weight_EOI, ends_E, scale_EO)
    # torch has a public name for it only since 2.10.
    return torch._grouped_mm(  # pyright: ignore[reportPrivateImportUsage]
        inputs_PI, weight_EOI.transpose(1, 2), offs=ends_E
    )


def _grouped_fp8(inputs_PI: Tensor, weight_EOI: Tensor, ends_E: Tensor, scale_EO: Tensor) -> Tensor:
    rows_PI, scale_P = quantise(inputs_PI, "fp8")
    if not inputs_PI.is_cpu:
        product = torch._scaled_grouped_mm(  # pyright: ignore[reportPrivateImportUsage]
            rows_PI, weight_EOI.transpose(1, 2), scale_P, scale_EO, offs=ends_E, out_dtype=torch.bfloat16
        )
        return product.to(inputs_PI.dtype)
    # torch has the grouped fp8 product on CUDA only.
    sizes = torch.diff(ends_E, prepend=ends_E.new_zeros(1)).tolist()
    groups = zip(rows_PI.split(sizes), scale_P.split(sizes), weight_EOI, scale_EO, strict=True)
    return torch.cat([_fp8_product(*group, inputs_PI.dtype) for group in groups])


def _aligned(weight: Tensor) -> bool:
    """Whether rows start at multiples of 16 bytes, as grouped products require."""
    return weight.is_contiguous() and weight.shape[-1] * weight.itemsize % 16 == 0


@torch.inference_mode()
def summarise(
    hidden_ND: Tensor,
    embedding_VD: Tensor,
    *,
    cap: float,
    temperature: float,
    uniforms_NU: Tensor,
    block: int,
    top_k: int,
    forbidden: Sequence[int] = (),
    forbidden_rows: Sequence[tuple[int, int]] = (),
    slab: int = SLAB,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One pass over the vocabulary -> (sample_N, entropy_N, top_ids_NK, top_logprobs_NK), the best entries first.

    Logits are `cap * tanh(product / cap) / temperature`. Results and draws are those of `decode.vocabulary.summarise`,
    whose blocks have the width `block` (a power of two) and each use two of the `uniforms_NU`. The products with `slab`
    ids at a time are a plain GEMM; the kernel reads them once.
    """
    assert block & (block - 1) == 0 and block >= _GROUP and slab % block == 0, (block, slab)
    size = len(embedding_VD)
    num_blocks = -(-size // block)
    partials = _Partials(len(hidden_ND), num_blocks, uniforms_NU, hidden_ND.device)
    width = min(slab, num_blocks * block)
    slab_NS = torch.empty(len(hidden_ND), width, dtype=hidden_ND.dtype, device=hidden_ND.device)
    lowest = torch.finfo(slab_NS.dtype).min
    values, ids = [], []
    for start in range(0, size, width):
        stop = min(start + width, size)
        torch.mm(hidden_ND, embedding_VD[start:stop].T, out=slab_NS[:, : stop - start])
        slab_NS[:, stop - start :] = -torch.inf
        for token in forbidden:
            if start <= token < stop:
                slab_NS[:, token - start] = lowest
        for row, token in forbidden_rows:
            if start <= token < stop:
                slab_NS[row, token - start] = lowest
        groups_NG = partials.read(slab_NS, start // block, block, cap, cap / temperature)
        best_NK, at_NK = _best(slab_NS, groups_NG, block, top_k)
        values.append(best_NK)
        ids.append(at_NK + start)
    sample_N, entropy_N, log_sum_N1 = partials.finish(block)
    best_NK, chosen_NK = torch.cat(values, dim=1).topk(min(top_k, size), dim=-1)
    logits_NK = (best_NK.float() / cap).tanh() * (cap / temperature)
    logits_NK = torch.where(best_NK > lowest, logits_NK, IMPOSSIBLE)
    return sample_N, entropy_N, torch.cat(ids, dim=1).gather(1, chosen_NK), logits_NK - log_sum_N1


class _Partials:
    """The kernel's results for every block, and their reduction over all blocks."""

    def __init__(self, rows: int, num_blocks: int, uniforms_NU: Tensor, device: torch.device) -> None:
        self.uniforms_NU = uniforms_NU
        self.maximum_NP, self.sum_NP, self.moment_NP = torch.empty(3, rows, num_blocks, device=device)
        self.choice_NP = torch.empty(rows, num_blocks, dtype=torch.int32, device=device)

    def read(self, slab_NS: Tensor, first_block: int, block: int, cap: float, scale: float) -> Tensor:
        """Runs the kernel over a slab, whose last blocks may be past the end of the vocabulary -> its groups'
        maxima."""
        from dgemma.ops.vocabulary_kernel import read_block

        rows, width = slab_NS.shape
        num_blocks = min(width // block, self.sum_NP.shape[1] - first_block)
        groups_NG = slab_NS.new_full((rows, width // _GROUP), -torch.inf)
        # Triton launches on the current device, which need not be the tensors'.
        with torch.cuda.device_of(slab_NS):
            read_block[(rows, num_blocks)](
                slab_NS,
                self.uniforms_NU,
                groups_NG,
                self.maximum_NP,
                self.sum_NP,
                self.moment_NP,
                self.choice_NP,
                slab_NS.stride(0),
                self.uniforms_NU.stride(0),
                groups_NG.stride(0),
                self.sum_NP.stride(0),
                first_block,
                cap,
                scale,
                torch.finfo(slab_NS.dtype).min,
                IMPOSSIBLE,
                BLOCK=block,  # pyright: ignore[reportArgumentType]
                GROUP=_GROUP,  # pyright: ignore[reportArgumentType]
            )
        return groups_NG

    def finish(self, block: int) -> tuple[Tensor, Tensor, Tensor]:
        """(sample_N, entropy_N, log_sum_N1). Samples by a weighted reservoir of size one: block i replaces the earlier
        choice with the probability of its share in the sums so far (Chao 1982)."""
        maximum_N1 = self.maximum_NP.amax(dim=1, keepdim=True)
        shift_NP = self.maximum_NP - maximum_N1
        decay_NP = shift_NP.exp()
        sums_NP = decay_NP * self.sum_NP
        total_N1 = sums_NP.sum(dim=1, keepdim=True)
        # A block's moment is relative to its own maximum; this one is relative to the overall maximum.
        moment_N1 = (decay_NP * self.moment_NP + shift_NP * sums_NP).sum(dim=1, keepdim=True)
        entropy_N1 = total_N1.log() - moment_N1 / total_N1
        replaces_NP = self.uniforms_NU[:, 0::2] * sums_NP.cumsum(dim=1) < sums_NP
        block_numbers_P = torch.arange(sums_NP.shape[1], device=sums_NP.device)
        last_N1 = (replaces_NP * block_numbers_P).amax(dim=1, keepdim=True)
        sample_N1 = last_N1 * block + self.choice_NP.gather(1, last_N1)
        return sample_N1.squeeze(1), entropy_N1.squeeze(1).clamp(min=0), maximum_N1 + total_N1.log()


def _best(slab_NS: Tensor, groups_NG: Tensor, block: int, top_k: int) -> tuple[Tensor, Tensor]:
    """The K largest products of the slab (or all of them) and their indices. They are in the K groups with the largest
    maxima."""
    width = block // _GROUP
    group_NK = groups_NG.topk(min(top_k, groups_NG.shape[1]), dim=-1, sorted=False).indices
    first_NK = group_NK // width * block + group_NK % width
    members = torch.arange(0, block, width, device=slab_NS.device)
    at_NC = (first_NK[:, None] + members[:, None]).flatten(1)
    best_NK, chosen_NK = slab_NS.gather(1, at_NC).topk(min(top_k, at_NC.shape[1]), dim=-1, sorted=False)
    return best_NK, at_NC.gather(1, chosen_NK)
