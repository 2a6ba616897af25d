"""The kernel of constrained canvases: all paths through an automaton weighed, and what a step needs of each position.

Threads share the positions out before and after the dynamic programs, which one of them runs for the marginals and
another for the best path.

Shapes: L positions, V vocabulary, N ids on some path, G groups of ids, U sets of groups, M members of sets, S states.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import (
    array_at,
    called,
    double_pointer,
    inlined,
    largest_at,
    thread_count,
    thread_number,
)
from dgemma.ops.native.kernels import (
    IMPOSSIBLE,
    bytes_at,
    draw,
    floats,
    integers,
    share,
    soft_cap,
    weigh,
    weight_of,
)
from dgemma.ops.native.panel_kernels import meet
from dgemma.ops.native.sizes import FAINT, NEGLIGIBLE, PATHS, STEP

_ZERO, _ONE, _NEVER = np.float32(0.0), np.float32(1.0), np.float64(IMPOSSIBLE)

# The places of `sizes.PATHS` in what a reading is given, and of `sizes.STEP` in a position's entries.
_LOGITS, _SETTINGS, _FORBIDDEN, _UNIFORMS, _IDS, _GROUP_OF_ID, _FIRST_ID = range(0, 7)
_GROUPS, _FIRST_GROUP, _SETS, _FIRST_SET, _USED = range(7, 12)
_STEPS, _GATHERED, _LARGEST, _SUMS, _BEST, _WEIGHTS, _SHARES, _BEHIND, _AHEAD, _SCALES, _CHOSEN = range(12, 23)
_FOUND, _ENTROPY, _FAILED, _MEETING = range(23, 27)
_ROWS, _VOCABULARY, _NUM_IDS, _NUM_GROUPS, _NUM_SETS, _NUM_MEMBERS, _NUM_STATES = range(27, 34)
_MOST_STATES, _BARRED, _LOGS = range(34, 37)
_STATES, _SINGLE, _OFFSET, _FIRST, _TARGETS, _STEP_SETS = range(6)
_PATHS_LENGTH, _STEP_LENGTH = len(PATHS), len(STEP)


@inlined
def _doubles(address: Any, size: Any) -> Any:
    """The float64 numbers at an address, as an array."""
    return array_at(double_pointer(address), size)


@inlined
def _step(given: Any, row: Any) -> Any:
    """A position's entries, and behind them those of the next; behind the canvas there is one more position."""
    return integers(given[_STEPS] + 8 * _STEP_LENGTH * row, 2 * _STEP_LENGTH)


@inlined
def _transitions(own: Any) -> Any:
    """Where each state's transitions begin, the states of the next position that they lead to, and their sets."""
    first = integers(own[_FIRST], own[_STATES] + 1)
    count = first[own[_STATES]]
    return first, integers(own[_TARGETS], count), integers(own[_STEP_SETS], count)


@inlined
def _log_sum(values: Any, begin: Any, end: Any, most: Any) -> Any:
    """log of the sum of e^value, of which the largest is known."""
    total = _ZERO
    for at in range(begin, end):
        total += weight_of(values[at], most)
    return most + np.log(total)


@called
def _cap(arguments: Any, row: Any) -> None:
    """One position's products -> its logits, those of forbidden ids IMPOSSIBLE."""
    given = array_at(arguments, _PATHS_LENGTH)
    size, barred = given[_VOCABULARY], given[_BARRED]
    logits, settings = floats(given[_LOGITS] + 4 * row * size, size), floats(given[_SETTINGS], 2)
    forbidden = integers(given[_FORBIDDEN], 2 * barred)
    soft_cap(logits, size, settings[0], settings[1])
    for number in range(barred):
        if forbidden[2 * number] == row or forbidden[2 * number] < 0:
            logits[forbidden[2 * number + 1]] = IMPOSSIBLE


@called
def _weigh_sets(arguments: Any, row: Any) -> None:
    """One position's logits -> the largest of each group, the log of each set's sum, and its largest."""
    given = array_at(arguments, _PATHS_LENGTH)
    count, groups, sets, members = given[_NUM_IDS], given[_NUM_GROUPS], given[_NUM_SETS], given[_NUM_MEMBERS]
    logits = floats(given[_LOGITS] + 4 * row * given[_VOCABULARY], given[_VOCABULARY])
    ids, first_id = integers(given[_IDS], count), integers(given[_FIRST_ID], groups + 1)
    group_of, first_group = integers(given[_GROUPS], members), integers(given[_FIRST_GROUP], sets + 1)
    room = given[_GATHERED] + 4 * (count + groups + 1) * thread_number()
    values, log_sums = floats(room, count), floats(room + 4 * count, groups)
    most_of = floats(given[_LARGEST] + 4 * row * groups, groups)
    sums, best = _doubles(given[_SUMS] + 8 * row * sets, sets), _doubles(given[_BEST] + 8 * row * sets, sets)
    for at in range(count):
        values[at] = max(logits[ids[at]], IMPOSSIBLE)
    for group in range(groups):
        most = IMPOSSIBLE
        for at in range(first_id[group], first_id[group + 1]):
            most = max(most, values[at])
        most_of[group] = most
        log_sums[group] = _log_sum(values, first_id[group], first_id[group + 1], most)
    for number in range(sets):
        most, most_sum = IMPOSSIBLE, IMPOSSIBLE
        for at in range(first_group[number], first_group[number + 1]):
            most, most_sum = max(most, most_of[group_of[at]]), max(most_sum, log_sums[group_of[at]])
        total = 0.0
        for at in range(first_group[number], first_group[number + 1]):
            total += np.exp(np.float64(log_sums[group_of[at]] - most_sum))
        sums[number], best[number] = most_sum + np.log(total), most


@inlined
def _scale_weights(given: Any, row: Any) -> None:
    """The weights of a position's sets, the largest one that a path may take being 1."""
    sets = given[_NUM_SETS]
    used = bytes_at(given[_USED] + row * sets, sets)
    sums, weights = _doubles(given[_SUMS] + 8 * row * sets, sets), _doubles(given[_WEIGHTS] + 8 * row * sets, sets)
    most = -np.inf
    for number in range(sets):
        if used[number]:
            most = max(most, sums[number])
    for number in range(sets):
        weights[number] = np.exp(sums[number] - most) if used[number] else 0.0


@called
def _look_ahead(arguments: Any) -> bool:
    """What lies behind each state, scaled to a largest of 1; False where too little of it is exact."""
    given = array_at(arguments, _PATHS_LENGTH)
    rows, sets = given[_ROWS], given[_NUM_SETS]
    behind, scales = _doubles(given[_BEHIND], given[_NUM_STATES]), _doubles(given[_SCALES], rows)
    end = _step(given, rows)
    for at in range(end[_STATES]):
        behind[end[_OFFSET] + at] = 1.0
    for back in range(rows):
        row = rows - 1 - back
        own = _step(given, row)
        states, here, following = own[_STATES], own[_OFFSET], own[_STEP_LENGTH + _OFFSET]
        first, targets, taken = _transitions(own)
        weights = _doubles(given[_WEIGHTS] + 8 * row * sets, sets)
        most = 0.0
        for state in range(own[_SINGLE]):
            behind[here + state] = weights[taken[state]] * behind[following + targets[state]]
        for state in range(own[_SINGLE]):
            most = max(most, behind[here + state])
        for state in range(own[_SINGLE], states):
            total = 0.0
            for at in range(first[state], first[state + 1]):
                total += weights[taken[at]] * behind[following + targets[at]]
            behind[here + state] = total
            most = max(most, total)
        if not most > FAINT:
            return False
        scales[row] = most
        for state in range(states):
            behind[here + state] /= most
    return True


@called
def _share_out(arguments: Any) -> bool:
    """The share of all paths' weight that takes each set; False where too much of it comes through faint states."""
    given = array_at(arguments, _PATHS_LENGTH)
    rows, sets, most_states = given[_ROWS], given[_NUM_SETS], given[_MOST_STATES]
    behind, scales = _doubles(given[_BEHIND], given[_NUM_STATES]), _doubles(given[_SCALES], rows)
    reached = _doubles(given[_AHEAD], 2 * most_states)
    now, then = 0, most_states
    reached[now] = 1.0
    for row in range(rows):
        own = _step(given, row)
        states, here, following = own[_STATES], own[_OFFSET], own[_STEP_LENGTH + _OFFSET]
        first, targets, taken = _transitions(own)
        weights = _doubles(given[_WEIGHTS] + 8 * row * sets, sets)
        shares = _doubles(given[_SHARES] + 8 * row * sets, sets)
        for at in range(own[_STEP_LENGTH + _STATES]):
            reached[then + at] = 0.0
        for number in range(sets):
            shares[number] = 0.0
        lost = 0.0
        for state in range(own[_SINGLE]):
            # All that comes here goes on by the one transition.
            own_share = reached[now + state]
            if own_share == 0.0:
                continue
            if behind[here + state] * scales[row] <= FAINT:
                lost += own_share
                continue
            reached[then + targets[state]] += own_share
            shares[taken[state]] += own_share
        for state in range(own[_SINGLE], states):
            own_share = reached[now + state]
            if own_share == 0.0:
                continue
            total = behind[here + state] * scales[row]
            if total <= FAINT:
                lost += own_share
                continue
            own_share /= total
            for at in range(first[state], first[state + 1]):
                part = own_share * weights[taken[at]] * behind[following + targets[at]]
                reached[then + targets[at]] += part
                shares[taken[at]] += part
        if lost > NEGLIGIBLE:
            return False
        now, then = then, now
    return True


@called
def _best_sets(arguments: Any, room: Any) -> None:
    """The sets along the heaviest path; `room` is for a float64 of each state."""
    given = array_at(arguments, _PATHS_LENGTH)
    rows, sets = given[_ROWS], given[_NUM_SETS]
    behind, chosen = _doubles(room, given[_NUM_STATES]), integers(given[_CHOSEN], rows)
    end = _step(given, rows)
    for at in range(end[_STATES]):
        behind[end[_OFFSET] + at] = 0.0
    for back in range(rows - 1):
        row = rows - 1 - back
        own = _step(given, row)
        states, here, following = own[_STATES], own[_OFFSET], own[_STEP_LENGTH + _OFFSET]
        first, targets, taken = _transitions(own)
        values = _doubles(given[_BEST] + 8 * row * sets, sets)
        for state in range(own[_SINGLE]):
            behind[here + state] = values[taken[state]] + behind[following + targets[state]]
        for state in range(own[_SINGLE], states):
            most = -np.inf
            for at in range(first[state], first[state + 1]):
                most = max(most, values[taken[at]] + behind[following + targets[at]])
            behind[here + state] = most
    state = 0
    for row in range(rows):
        own = _step(given, row)
        following = own[_STEP_LENGTH + _OFFSET]
        first, targets, taken = _transitions(own)
        values = _doubles(given[_BEST] + 8 * row * sets, sets)
        most, place = -np.inf, first[state]
        for at in range(first[state], first[state + 1]):
            value = values[taken[at]] + behind[following + targets[at]]
            if value > most:
                most, place = value, at
        chosen[row], state = taken[place], targets[place]


@called
def _best_id(arguments: Any, row: Any) -> Any:
    """The likeliest id of the set that the heaviest path takes at a position."""
    given = array_at(arguments, _PATHS_LENGTH)
    groups, sets = given[_NUM_GROUPS], given[_NUM_SETS]
    logits = floats(given[_LOGITS] + 4 * row * given[_VOCABULARY], given[_VOCABULARY])
    ids, first_id = integers(given[_IDS], given[_NUM_IDS]), integers(given[_FIRST_ID], groups + 1)
    members, first_group = integers(given[_GROUPS], given[_NUM_MEMBERS]), integers(given[_FIRST_GROUP], sets + 1)
    most_of, number = floats(given[_LARGEST] + 4 * row * groups, groups), integers(given[_CHOSEN], row + 1)[row]
    chosen = members[first_group[number]]
    for at in range(first_group[number], first_group[number + 1]):
        group = members[at]
        if most_of[group] > most_of[chosen] or (most_of[group] == most_of[chosen] and group < chosen):
            chosen = group
    best = ids[first_id[chosen]]
    for at in range(first_id[chosen], first_id[chosen + 1]):
        if logits[ids[at]] > logits[best]:
            best = ids[at]
    return best


@called
def _spread(arguments: Any, row: Any) -> Any:
    """What is added to the logits of each group at a position, at the end for ids on no path -> its address.

    A group's is the log of the sum of share / e^sum over the sets that hold it.
    """
    given = array_at(arguments, _PATHS_LENGTH)
    groups, sets, members = given[_NUM_GROUPS], given[_NUM_SETS], given[_NUM_MEMBERS]
    sets_of, first_set = integers(given[_SETS], members), integers(given[_FIRST_SET], groups + 1)
    sums, shares = _doubles(given[_SUMS] + 8 * row * sets, sets), _doubles(given[_SHARES] + 8 * row * sets, sets)
    place = given[_GATHERED] + 4 * (given[_NUM_IDS] + groups + 1) * thread_number()
    added = floats(place, groups + 1)
    for number in range(sets):
        sums[number] = np.log(shares[number]) - sums[number] if shares[number] > 0.0 else _NEVER
    for group in range(groups):
        most = _NEVER
        for at in range(first_set[group], first_set[group + 1]):
            most = max(most, sums[sets_of[at]])
        total = 0.0
        for at in range(first_set[group], first_set[group + 1]):
            total += np.exp(sums[sets_of[at]] - most)
        added[group] = max(most + np.log(total), _NEVER)
    added[groups] = IMPOSSIBLE
    return place


@called
def _read_row(arguments: Any, row: Any) -> None:
    """One position's logits -> probabilities over all paths, the best path's id, a sample and the entropy."""
    given = array_at(arguments, _PATHS_LENGTH)
    size = given[_VOCABULARY]
    logits, group_of = floats(given[_LOGITS] + 4 * row * size, size), integers(given[_GROUP_OF_ID], size)
    found, entropy = integers(given[_FOUND], 2 * row + 2), floats(given[_ENTROPY], row + 1)
    uniform = np.float64(floats(given[_UNIFORMS], row + 1)[row])
    found[2 * row] = _best_id(arguments, row)
    added = floats(_spread(arguments, row), given[_NUM_GROUPS] + 1)
    for at in range(size):
        logits[at] = max(logits[at], IMPOSSIBLE) + added[group_of[at]]
    maximum = largest_at(given[_LOGITS] + 4 * row * size, size)
    total, moment = weigh(logits, size, maximum)
    found[2 * row + 1] = draw(logits, 0, size, maximum, uniform * np.float64(total))
    entropy[row] = max(_ZERO, np.log(total) - moment / total)
    if given[_LOGS]:
        whole = maximum + np.log(total)
        for at in range(size):
            logits[at] -= whole
        return
    scale = _ONE / total
    for at in range(size):
        logits[at] = weight_of(logits[at], maximum) * scale


def paths(arguments: Any) -> None:
    """What a denoise step needs of a constrained canvas: the marginal distributions over all paths, and the best path.

    Given what `sizes.PATHS` names, shapes as there are:
    logits_LV float32: products of hidden states and embeddings, which become probabilities, or with `logs` their logs
    uniforms_L float32: where in the distributions samples are drawn
    settings_2 float32: 2 / cap, cap / temperature; forbidden int64 (row or -1 for all, id), whose probability is zero
    ids_N int64, group by group, group_of_id_V (G for ids on no path), first_id: where each group's begin, and the end
    groups_M set by set, first_group likewise; sets_M, group by group, first_set likewise; used_LU int8: which sets a
    position has at all; steps: `sizes.STEP` of each position and of the end
    room: gathered float32 (N + G + 1) of each thread, largest_LG float32, sums, best, weights, shares [L, U] float64,
    behind float64 2 S, ahead float64 twice the most states of a position, scales_L float64, chosen_L int64
    found_L2 int64 (the best path's id, the sample), entropy_L float32, failed int64: not 0 where products of weights
    underflow, and then logits_LV holds capped logits after temperature; a zero (int64) to meet at
    """
    given = array_at(arguments, _PATHS_LENGTH)
    failed = integers(given[_FAILED], 1)
    first, last = share(given[_ROWS])
    for row in range(first, last):
        _cap(arguments, row)
        _weigh_sets(arguments, row)
        _scale_weights(given, row)
    meet(given[_MEETING])
    if thread_number() == 0 and not (_look_ahead(arguments) and _share_out(arguments)):
        failed[0] = 1
    if thread_number() == thread_count() - 1:
        _best_sets(arguments, given[_BEHIND] + 8 * given[_NUM_STATES])
    meet(given[_MEETING])
    if failed[0] != 0:
        return
    for row in range(first, last):
        _read_row(arguments, row)


KERNELS = (paths,)
