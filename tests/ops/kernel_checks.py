"""Checks of the Triton kernel against plain PyTorch, on any device that can run it.

`python -m tests.ops.kernel_checks` runs all of them in Triton's interpreter, on a CPU; TRITON_INTERPRET must be 1
before triton is imported, hence a process of its own. `test_cuda.py` starts it, and runs the same checks on a GPU.
"""

import torch

from dgemma.decode.vocabulary import BLOCK, Summary, summarise_in_blocks, uniforms_per_row
from dgemma.model import DiffusionGemma
from dgemma.ops import cuda
from tests.decode.test_head import make_network

TEMPERATURE = 0.6


def draw(*shape: int, device: str, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(device)


def uniforms(rows: int, vocab_size: int, device: str) -> torch.Tensor:
    numbers = torch.rand(rows, uniforms_per_row(vocab_size), generator=torch.Generator().manual_seed(3))
    return numbers.to(device)


def by_kernel(network: DiffusionGemma, hidden: torch.Tensor, drawn: torch.Tensor, top_k: int, **options) -> Summary:
    sample, entropy, ids, logprobs = cuda.summarise(
        hidden,
        network.embed_tokens.weight,
        cap=network.config.final_logit_softcapping,
        temperature=TEMPERATURE,
        uniforms_NU=drawn,
        block=BLOCK,
        top_k=top_k,
        **options,
    )
    return Summary(sample_N=sample, entropy_N=entropy, top_ids_NK=ids, top_logprobs_NK=logprobs, mean_ND=None)


def check_parity(device: str, vocab_size: int, spread: float, top_k: int) -> None:
    """Argmax, ids and samples exactly, entropy and log probabilities to float32; several slabs, forbidden ids. A GPU
    sums in another order: there ids after the first may swap places if float32 cannot distinguish them.
    """
    network = make_network(vocab_size, spread=spread).to(device)
    hidden, drawn = draw(4, 16, device=device, seed=2), uniforms(4, vocab_size, device)
    forbidden = {"forbidden": (7, vocab_size - 2), "forbidden_rows": ((0, 3), (3, vocab_size - 1))}
    plain = summarise_in_blocks(network, hidden, TEMPERATURE, drawn, top_k, **forbidden)
    actual = by_kernel(network, hidden, drawn, top_k, slab=2 * BLOCK, **forbidden)
    possible = plain.top_logprobs_NK > -1e6
    assert actual.top_ids_NK.shape == plain.top_ids_NK.shape and actual.top_ids_NK.max() < vocab_size
    assert torch.equal(actual.top_logprobs_NK > -1e6, possible)
    if device == "cpu":
        assert torch.equal(actual.top_ids_NK[possible], plain.top_ids_NK[possible])
    assert torch.equal(actual.top_ids_NK[:, 0], plain.top_ids_NK[:, 0])
    assert all(
        len(set(ids[some].tolist())) == some.sum() for ids, some in zip(actual.top_ids_NK, possible, strict=True)
    )
    logits_NV = network.logits(hidden) / TEMPERATURE
    by_actual, by_plain = (logits_NV.gather(1, summary.top_ids_NK)[possible] for summary in (actual, plain))
    torch.testing.assert_close(by_actual, by_plain, rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(actual.top_logprobs_NK[possible], plain.top_logprobs_NK[possible], rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(actual.entropy_N, plain.entropy_N, rtol=1e-5, atol=2e-5)
    assert torch.equal(actual.sample_N, plain.sample_N)


def check_bfloat16(device: str) -> None:
    """Products are rounded as in plain PyTorch, so equal logits stay equal."""
    network = make_network(BLOCK + 9).to(device, torch.bfloat16)
    hidden, drawn = draw(4, 16, device=device, seed=2).bfloat16(), uniforms(4, BLOCK + 9, device)
    plain = summarise_in_blocks(network, hidden, TEMPERATURE, drawn, 20)
    actual = by_kernel(network, hidden, drawn, 20)
    assert torch.equal(actual.sample_N, plain.sample_N)
    torch.testing.assert_close(actual.top_logprobs_NK, plain.top_logprobs_NK, rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(actual.entropy_N, plain.entropy_N, rtol=1e-5, atol=2e-5)


def check_distribution(device: str, rows: int) -> None:
    """Evenly spaced numbers give each id its share of the rows, and a forbidden one none."""
    network = make_network(16, spread=0.5).to(device)
    hidden = draw(1, 16, device=device, seed=2)
    weights = network.logits(hidden)[0] / TEMPERATURE
    weights[5] = -torch.inf
    drawn = ((torch.arange(rows, device=device) + 0.5) / rows)[:, None].expand(rows, 2).contiguous()
    sample = by_kernel(network, hidden.expand(rows, -1), drawn, 1, forbidden=(5,)).sample_N
    shares = sample.bincount(minlength=16) / rows
    assert (shares - weights.softmax(0)).abs().max() <= 1.01 / rows + 1e-5
    assert shares[5] == 0


CASES = [(40, 1.0, 40), (BLOCK, 6.0, 20), (3 * BLOCK - 5, 0.1, 200), (4 * BLOCK + 1, 1.0, 1)]


def main() -> None:
    for case in CASES:
        check_parity("cpu", *case)
    check_bfloat16("cpu")
    check_distribution("cpu", 64)


if __name__ == "__main__":
    main()
