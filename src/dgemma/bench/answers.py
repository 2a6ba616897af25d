"""Speed of whole answers in each mode, and the upper bound for parallel decoding on this machine.

The bound is an answer with every token right in a single pass, which also encodes the prompt: no draft, check or second
step can be faster. Knows nothing of how results are shown.
"""

import time
from dataclasses import dataclass

import torch

from dgemma import chat
from dgemma.api import LLM
from dgemma.bench.machine import synchronise
from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode.denoise import denoise
from dgemma.decode.graphs import passes_of
from dgemma.evals.run import Score, evaluate, examples

TASKS = ("extract", "fix", "edit", "sudoku4", "math")
MODES = ("diffusion", "autoregressive", "auto")
_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class AnswerSpeed:
    """Tokens per second of one task, prompt included: by mode, and of answers that take a single pass."""

    task: str
    by_mode: dict[str, float]
    in_one_pass: float

    @property
    def ratio(self) -> float:
        """Diffusion's speed over autoregressive speed."""
        return self.by_mode["diffusion"] / self.by_mode["autoregressive"]

    @property
    def max_ratio(self) -> float:
        """The same for a model that needs only one pass."""
        return self.in_one_pass / self.by_mode["autoregressive"]

    @property
    def auto_ratio(self) -> float:
        """The speed of `auto`, which chooses a mode for each request, over that of the faster mode."""
        return self.by_mode["auto"] / max(self.by_mode["diffusion"], self.by_mode["autoregressive"])


def measure_answers(llm: LLM, n: int) -> tuple[list[Score], list[AnswerSpeed]]:
    """Answers `n` held-out requests of each task in each mode, alternating between modes."""
    llm.engine.choose(1)  # the first choice measures the machine; keep that out of the answers' times
    if llm.network.device.type == "cuda":
        # The same for the recording of CUDA graphs.
        list(evaluate(llm, TASKS, min(n, 2), seed=1, modes=MODES))
    scores = list(evaluate(llm, TASKS, n, modes=MODES))
    speeds = []
    for task in TASKS:
        own = {score.mode: score for score in scores if score.task == task}
        tokens = max(1, round(own["autoregressive"].tokens))
        by_mode = {mode: score.tokens_per_second for mode, score in own.items()}
        speeds.append(AnswerSpeed(task=task, by_mode=by_mode, in_one_pass=_in_one_pass(llm, task, n, tokens)))
    return scores, speeds


@torch.inference_mode()
def _in_one_pass(llm: LLM, task: str, n: int, tokens: int) -> float:
    """Tokens per second of answers of `tokens` tokens to a task's prompts, each the fastest of `_TRIES`."""
    assert llm.tokenizer is not None, "the model has just answered in text"
    network, seconds = llm.network, 0.0
    passes, sampler = passes_of(network), SamplerConfig(max_denoising_steps=1)
    generator = torch.Generator(device=network.device).manual_seed(0)
    for example in examples(task, n, seed=0):
        messages = [{"role": "user", "content": example.prompt}]
        prompt = chat.render(messages, llm.tokenizer, template=llm.model.chat_template)
        prompt_BT = torch.tensor([prompt], device=network.device)
        best = float("inf")
        for _ in range(_TRIES):
            cache = KVCache(
                network.config,
                max_length=len(prompt),
                dtype=network.dtype,
                device=network.device,
                scratch_length=tokens,
            )
            synchronise(network.device)
            start = time.perf_counter()
            next(denoise(network, cache, sampler, [generator], tokens, passes=passes, commit_BT=prompt_BT))
            synchronise(network.device)
            best = min(best, time.perf_counter() - start)
        seconds += best
    return n * tokens / seconds
