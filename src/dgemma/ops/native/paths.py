"""All paths of a constrained canvas read in one call, on a CPU.

Same results as `decode.constrain` in numpy and PyTorch, which is the oracle, but for rounding.

Shapes: L positions, V vocabulary, N ids on some path, G groups of ids, U sets of groups, M members of sets; of one
position S states and E transitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgemma.ops.native.machine import refuse_outside, run
from dgemma.ops.native.sizes import PATHS, STEP

Indices = NDArray[np.int64]


class Step(Protocol):
    """One position's transitions, ascending by state: `first_S` says where each state's begin, and the last end. The
    first `num_single` states have one each."""

    @property
    def num_states(self) -> int: ...
    @property
    def num_single(self) -> int: ...
    @property
    def num_ahead(self) -> int: ...
    @property
    def first_S(self) -> Indices: ...
    @property
    def target_E(self) -> Indices: ...
    @property
    def set_E(self) -> Indices: ...


@dataclass(frozen=True, kw_only=True)
class PathReading:
    """Of L positions: the heaviest path's ids, a sample and the entropy (nats) of each one's marginal distribution, and
    its probabilities, or their logs where those were asked for: probabilities end at e^-86 of the largest."""

    best_L: Tensor
    sample_L: Tensor
    entropy_L: Tensor
    probabilities_LV: Tensor


class PathReader:
    """Reads canvases of one length from one place in an automaton."""

    def __init__(
        self, steps: Sequence[Step], used_LU: NDArray[np.bool_], group_V: Indices, set_M: Indices, group_M: Indices
    ) -> None:
        """`set_M` and `group_M` are the pairs of a set and a group in it, `group_V` is G for ids on no path; `used_LU`
        tells which sets the transitions of a position take."""
        num_sets, num_groups = used_LU.shape[1], int(group_M.max()) + 1
        by_set, by_group = np.lexsort((group_M, set_M)), np.lexsort((set_M, group_M))
        ids = np.argsort(group_V, kind="stable")[: int((group_V < num_groups).sum())]
        counts = np.array([*(step.num_states for step in steps), steps[-1].num_ahead])
        arrays = {
            "ids": ids,
            "group_of_id": group_V,
            "first_id": np.searchsorted(group_V[ids], np.arange(num_groups + 1)),
            "groups": group_M[by_set],
            "first_group": np.searchsorted(set_M[by_set], np.arange(num_sets + 1)),
            "sets": set_M[by_group],
            "first_set": np.searchsorted(group_M[by_group], np.arange(num_groups + 1)),
        }
        self._kept = [np.ascontiguousarray(array, dtype=np.int64) for array in arrays.values()]
        self._used_LU, self._steps = np.ascontiguousarray(used_LU), [_whole(step) for step in steps]
        self._table = np.zeros((len(counts), len(STEP)), dtype=np.int64)
        self._table[:, 0], self._table[:, 2] = counts, counts.cumsum() - counts
        self._table[:-1, 1] = [step.num_single for step in steps]
        self._table[:-1, 3:] = [[array.ctypes.data for array in step] for step in self._steps]
        addresses = [array.ctypes.data for array in self._kept]
        self._settled = {
            **dict(zip(arrays, addresses, strict=True)),
            **{"used": self._used_LU.ctypes.data, "steps": self._table.ctypes.data},
            **{"rows": len(steps), "vocabulary": len(group_V), "num_ids": len(ids), "num_groups": num_groups},
            **{"num_sets": num_sets, "num_members": len(set_M)},
            **{"num_states": int(counts.sum()), "most_states": int(counts.max())},
        }

    def read(
        self,
        products_LV: Tensor,
        cap: float,
        temperature: float,
        uniforms_L: Tensor,
        barred: Sequence[tuple[int, int]] = (),
        logs: bool = False,
    ) -> PathReading | None:
        """All paths over the logits cap * tanh(product / cap) / temperature; float32 products, contiguous, are used up.

        `uniforms_L` in [0, 1) decide the samples; `barred` are (position or -1 for all, id) pairs without probability.
        None where weights lie so far apart that products of them underflow; the logits then lie where products were.
        Raises ValueError for tensors of another shape or kind, and IndexError for an id outside the vocabulary: a
        kernel would write there.
        """
        settled = self._settled
        rows, sets, groups = settled["rows"], settled["num_sets"], settled["num_groups"]
        self._check(products_LV, uniforms_L, barred)
        threads, states = torch.get_num_threads(), settled["num_states"]
        doubles = np.empty(4 * rows * sets + 2 * states + 2 * settled["most_states"] + rows)
        singles = np.empty(threads * (settled["num_ids"] + groups + 1) + rows * groups, dtype=np.float32)
        words = np.zeros(rows + 2, dtype=np.int64)
        found_L2, entropy_L = torch.empty(rows, 2, dtype=torch.long), torch.empty(rows)
        uniforms_L, pairs = uniforms_L.float().contiguous(), np.array(barred, dtype=np.int64)
        settings = np.array([2 / cap, cap / temperature], dtype=np.float32)
        double, single, word = doubles.ctypes.data, singles.ctypes.data, words.ctypes.data
        given = {
            **settled,
            **{
                "settings": settings.ctypes.data,
                "forbidden": pairs.ctypes.data,
                "barred": len(pairs),
                "logs": int(logs),
            },
            **{"logits": products_LV.data_ptr(), "uniforms": uniforms_L.data_ptr()},
            **{name: double + 8 * rows * sets * at for at, name in enumerate(("sums", "best", "weights", "shares"))},
            "behind": double + 32 * rows * sets,
            "ahead": double + 32 * rows * sets + 16 * states,
            "scales": double + 32 * rows * sets + 16 * states + 16 * settled["most_states"],
            **{"largest": single, "gathered": single + 4 * rows * groups},
            **{"chosen": word, "failed": word + 8 * rows, "meeting": word + 8 * rows + 8},
            **{"found": found_L2.data_ptr(), "entropy": entropy_L.data_ptr()},
        }
        run("paths", *(given[name] for name in PATHS))
        if words[rows]:
            return None
        return PathReading(
            best_L=found_L2[:, 0], sample_L=found_L2[:, 1], entropy_L=entropy_L, probabilities_LV=products_LV
        )

    def _check(self, products_LV: Tensor, uniforms_L: Tensor, barred: Sequence[tuple[int, int]]) -> None:
        rows, vocabulary = self._settled["rows"], self._settled["vocabulary"]
        if products_LV.shape != (rows, vocabulary) or len(uniforms_L) != rows:
            raise ValueError(
                f"The automaton is read over {rows} positions of {vocabulary} ids, not {tuple(products_LV.shape)}."
            )
        if products_LV.dtype != torch.float32 or not products_LV.is_contiguous() or products_LV.device.type != "cpu":
            raise ValueError("Products are float32, contiguous and on the CPU.")
        refuse_outside(barred, rows, vocabulary)


def _whole(step: Step) -> tuple[Indices, ...]:
    arrays = (step.first_S, step.target_E, step.set_E)
    return tuple(np.ascontiguousarray(array, dtype=np.int64) for array in arrays)
