"""Reads all paths of a constrained canvas in one kernel call, on a CPU.

Same results, up to rounding, as `decode.constrain` in numpy and PyTorch, which the tests compare it with.

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
from dgemma.ops.native.sizes import PATH_ARGUMENTS, POSITION

Indices = NDArray[np.int64]


class Step(Protocol):
    """One position's transitions, sorted by state: `first_S` holds the first transition of each state, and the end. The
    first `num_single` states have a single transition."""

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
    """For L positions: the ids of the best path, and of each position's marginal distribution a sample, the entropy in
    nats, and the probabilities or, if requested, their logs. Probabilities below e^-86 of the largest are zero."""

    best_L: Tensor
    sample_L: Tensor
    entropy_L: Tensor
    probabilities_LV: Tensor


class PathReader:
    """Reads canvases of one length that start in one state of an automaton."""

    def __init__(
        self, steps: Sequence[Step], used_LU: NDArray[np.bool_], group_V: Indices, set_M: Indices, group_M: Indices
    ) -> None:
        """`set_M` and `group_M` are the pairs of a set and a group in it; `group_V` is each id's group, G for ids on no
        path; `used_LU` marks the sets that the transitions of a position take."""
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
        self._arrays = [np.ascontiguousarray(array, dtype=np.int64) for array in arrays.values()]
        self._used_LU, self._steps = np.ascontiguousarray(used_LU), [_index_arrays(step) for step in steps]
        self._position_table = np.zeros((len(counts), len(POSITION)), dtype=np.int64)
        self._position_table[:, 0], self._position_table[:, 2] = counts, counts.cumsum() - counts
        self._position_table[:-1, 1] = [step.num_single for step in steps]
        self._position_table[:-1, 3:] = [[array.ctypes.data for array in step] for step in self._steps]
        addresses = [array.ctypes.data for array in self._arrays]
        self._constants = {
            **dict(zip(arrays, addresses, strict=True)),
            **{"used": self._used_LU.ctypes.data, "positions": self._position_table.ctypes.data},
            **{"num_positions": len(steps), "vocabulary": len(group_V), "num_ids": len(ids), "num_groups": num_groups},
            **{"num_sets": num_sets, "num_members": len(set_M)},
            **{"num_states": int(counts.sum()), "most_states": int(counts.max())},
        }

    def read(
        self,
        products_LV: Tensor,
        cap: float,
        temperature: float,
        uniforms_L: Tensor,
        forbidden_pairs: Sequence[tuple[int, int]] = (),
        logs: bool = False,
    ) -> PathReading | None:
        """Reads all paths over the logits cap * tanh(product / cap) / temperature. Products are float32 and contiguous;
        they are overwritten.

        `uniforms_L` in [0, 1) decide the samples; `forbidden_pairs` are (position or -1 for all, id) pairs without
        probability. None if weights differ so much that products of them underflow; the tensor of products then holds
        the logits. Raises ValueError for tensors of the wrong shape or type, and IndexError for an id outside the
        vocabulary: the kernel would write outside its buffers.
        """
        constants = self._constants
        rows, sets, groups = constants["num_positions"], constants["num_sets"], constants["num_groups"]
        self._check(products_LV, uniforms_L, forbidden_pairs)
        threads, states = torch.get_num_threads(), constants["num_states"]
        float64s = np.empty(4 * rows * sets + 2 * states + 2 * constants["most_states"] + rows)
        float32s = np.empty(threads * (constants["num_ids"] + groups + 1) + rows * groups, dtype=np.float32)
        int64s = np.zeros(rows + 2, dtype=np.int64)
        result_ids_L2, entropy_L = torch.empty(rows, 2, dtype=torch.long), torch.empty(rows)
        uniforms_L, pairs = uniforms_L.float().contiguous(), np.array(forbidden_pairs, dtype=np.int64)
        settings = np.array([2 / cap, cap / temperature], dtype=np.float32)
        float64_address, float32_address = float64s.ctypes.data, float32s.ctypes.data
        int64_address = int64s.ctypes.data
        by_set = ("set_log_sums", "set_largest", "set_weights", "marginals")
        args = {
            **constants,
            **{"settings": settings.ctypes.data, "forbidden": pairs.ctypes.data},
            **{"num_forbidden": len(pairs), "as_logs": int(logs)},
            **{"logits": products_LV.data_ptr(), "uniforms": uniforms_L.data_ptr()},
            **{name: float64_address + 8 * rows * sets * number for number, name in enumerate(by_set)},
            "backward": float64_address + 32 * rows * sets,
            "forward": float64_address + 32 * rows * sets + 16 * states,
            "scales": float64_address + 32 * rows * sets + 16 * states + 16 * constants["most_states"],
            **{"group_largest": float32_address, "scratch": float32_address + 4 * rows * groups},
            **{"best_sets": int64_address, "failed": int64_address + 8 * rows, "barrier": int64_address + 8 * rows + 8},
            **{"result_ids": result_ids_L2.data_ptr(), "entropy": entropy_L.data_ptr()},
        }
        run("paths", *(args[name] for name in PATH_ARGUMENTS))
        if int64s[rows]:
            return None
        return PathReading(
            best_L=result_ids_L2[:, 0], sample_L=result_ids_L2[:, 1], entropy_L=entropy_L, probabilities_LV=products_LV
        )

    def _check(self, products_LV: Tensor, uniforms_L: Tensor, forbidden_pairs: Sequence[tuple[int, int]]) -> None:
        rows, vocabulary = self._constants["num_positions"], self._constants["vocabulary"]
        if products_LV.shape != (rows, vocabulary) or len(uniforms_L) != rows:
            raise ValueError(
                f"The automaton is read over {rows} positions of {vocabulary} ids, not {tuple(products_LV.shape)}."
            )
        if products_LV.dtype != torch.float32 or not products_LV.is_contiguous() or products_LV.device.type != "cpu":
            raise ValueError("Products must be float32, contiguous and on the CPU.")
        refuse_outside(forbidden_pairs, rows, vocabulary)


def _index_arrays(step: Step) -> tuple[Indices, ...]:
    arrays = (step.first_S, step.target_E, step.set_E)
    return tuple(np.ascontiguousarray(array, dtype=np.int64) for array in arrays)
