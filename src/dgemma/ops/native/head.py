"""The head of a small vocabulary in one kernel call: logits, samples, entropies and expected embeddings.

Shapes: N rows, D hidden, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dgemma.ops.native.machine import DOTS, refuse_outside, run
from dgemma.ops.native.panels import fits_bfloat16, padded, panels, quantised_panels
from dgemma.ops.native.sizes import BFLOAT16, FLOAT32, QUAD
from dgemma.quant import quantise


def takes_int8(weight: Tensor) -> bool:
    """Whether int8 products with this weight [.., O, I] are supported: the processor has the instructions, and I is a
    multiple of QUAD."""
    return bool(DOTS) and weight.shape[-1] % QUAD == 0


@dataclass(frozen=True, kw_only=True)
class VocabularyReading:
    """N distributions over the whole vocabulary.

    ids_N2      the likeliest id, the sample
    summary_N4  the largest logit, the log of the sum of exp(logit - maximum), and the entropy in nats, which is nan if
                the logits are; one unused
    logits_NV   soft-capped and divided by the temperature; overwritten if the expected embedding was requested
    soft_ND     the expected embedding, if it was requested
    """

    ids_N2: Tensor
    summary_N4: Tensor
    logits_NV: Tensor
    soft_ND: Tensor | None

    # Views are made only when used: making one takes as long as the kernel takes for some rows.
    @property
    def likeliest_N(self) -> Tensor:
        """The likeliest ids."""
        return self.ids_N2[:, 0]

    @property
    def sample_N(self) -> Tensor:
        """The sampled ids."""
        return self.ids_N2[:, 1]

    @property
    def maximum_N(self) -> Tensor:
        """The largest logits."""
        return self.summary_N4[:, 0]

    @property
    def log_sum_N(self) -> Tensor:
        """The logs of the sums of exp(logit - maximum)."""
        return self.summary_N4[:, 1]

    @property
    def entropy_N(self) -> Tensor:
        """The entropies, in nats."""
        return self.summary_N4[:, 2]


class Head:
    """The tied head of a small vocabulary. The embedding [V, D] is copied into panels twice, once transposed. If
    `quantised`, logits use an int8 copy; expected embeddings always use the float values."""

    def __init__(self, embedding_VD: Tensor, cap: float, embed_scale: float, quantised: bool = False) -> None:
        self.vocab_size, self.size = embedding_VD.shape
        self.is_bfloat16, self.quantised = fits_bfloat16(embedding_VD), quantised
        self._panel_format = BFLOAT16 if self.is_bfloat16 else FLOAT32
        self.back = panels(embedding_VD.T, panel_format=self._panel_format)
        if quantised:
            values_VD, scale_V = quantise(embedding_VD, "int8")
            self.embedding = quantised_panels([values_VD], [scale_V])
        else:
            self.embedding = panels(embedding_VD, panel_format=self._panel_format)
        self.cap, self.embed_scale = cap, embed_scale

    def read(
        self,
        hidden_ND: Tensor,
        temperature: float = 1.0,
        uniforms_N: Tensor | None = None,
        forbidden_pairs: Sequence[tuple[int, int]] = (),
        soft: bool = False,
    ) -> VocabularyReading:
        """Reads the distribution of every row of `hidden_ND`. `forbidden_pairs` are (row or -1 for all, id)
        pairs without probability.

        `uniforms_N` in [0, 1) decide the samples, which are meaningless without them. Raises IndexError for a pair
        outside the rows or the vocabulary: the kernel would write outside its buffers.
        """
        rows, width, soft_width = len(hidden_ND), padded(self.vocab_size), padded(self.size)
        hidden_ND, pairs = hidden_ND.float().contiguous(), np.array(forbidden_pairs, dtype=np.int64)
        refuse_outside(forbidden_pairs, rows, self.vocab_size)
        uniforms = np.zeros(rows, dtype=np.float32) if uniforms_N is None else uniforms_N.float().contiguous().numpy()
        settings = np.array([2 / self.cap, self.cap / temperature, self.embed_scale], dtype=np.float32)
        logits_NW, summary_N4 = torch.empty(rows, width), torch.empty(rows, 4)
        ids_N2, soft_NX = torch.empty(rows, 2, dtype=torch.long), torch.empty(rows, soft_width) if soft else None
        # The barrier's counter, and workspace for quantised rows with their sums and scales.
        counter = np.zeros(1, dtype=np.int64)
        workspace = np.empty(rows * (self.size + 8) * self.quantised, dtype=np.int8)
        values, sums = workspace.ctypes.data, workspace.ctypes.data + rows * self.size
        run(
            "head",
            *(hidden_ND, self.embedding, self.back, pairs.ctypes.data, settings.ctypes.data, uniforms.ctypes.data),
            *(logits_NW, summary_N4, ids_N2, 0 if soft_NX is None else soft_NX),
            *(rows, self.size, self.vocab_size, len(pairs), width, soft_width, int(soft), self._panel_format),
            *(counter.ctypes.data, int(self.quantised), values, sums, sums + 4 * rows),
        )
        return VocabularyReading(
            ids_N2=ids_N2,
            summary_N4=summary_N4,
            logits_NV=logits_NW[:, : self.vocab_size],
            soft_ND=None if soft_NX is None else soft_NX[:, : self.size],
        )
