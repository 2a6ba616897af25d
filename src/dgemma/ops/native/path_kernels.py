"""The kernel of constrained canvases: forward-backward and Viterbi over all paths of an automaton, then the marginal
distribution of each position.

The work before and after the dynamic programs is split over positions. One thread runs forward-backward for the
marginals while another runs Viterbi for the best path.

Shapes: L positions, V vocabulary, N ids on some path, G groups of ids, U sets of groups, M members of sets, S states.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.arithmetic import (
    IMPOSSIBLE,
    bytes_at,
    draw,
    floats,
    integers,
    soft_cap,
    softmax_sums,
    thread_range,
    weight_of,
)
from dgemma.ops.native.compiler import (
    array_at,
    float64_pointer,
    inlined,
    jitted,
    largest_at,
    thread_count,
    thread_number,
)
from dgemma.ops.native.panel_kernels import spin_barrier
from dgemma.ops.native.sizes import FAINT, NEGLIGIBLE, PATH_ARGUMENTS, POSITION

_ZERO, _ONE, _NEVER = np.float32(0.0), np.float32(1.0), np.float64(IMPOSSIBLE)

# Indices into `sizes.PATH_ARGUMENTS`, and columns of `sizes.POSITION`.
_LOGITS, _SETTINGS, _FORBIDDEN, _UNIFORMS, _IDS, _GROUP_OF_ID, _FIRST_ID = range(0, 7)
_GROUPS, _FIRST_GROUP, _SETS, _FIRST_SET, _USED = range(7, 12)
_POSITIONS, _SCRATCH, _GROUP_LARGEST, _SET_LOG_SUMS, _SET_LARGEST, _SET_WEIGHTS, _MARGINALS = range(12, 19)
_BACKWARD_WEIGHTS, _FORWARD_MASS, _SCALES, _BEST_SETS = range(19, 23)
_RESULT_IDS, _ENTROPY, _FAILED, _BARRIER = range(23, 27)
_NUM_POSITIONS, _VOCABULARY, _NUM_IDS, _NUM_GROUPS, _NUM_SETS, _NUM_MEMBERS, _NUM_STATES = range(27, 34)
_MOST_STATES, _NUM_FORBIDDEN, _AS_LOGS = range(34, 37)
_POSITION_STATES, _NUM_SINGLE, _STATE_OFFSET, _FIRST_TRANSITION, _TARGETS, _TRANSITION_SETS = range(6)
_ARGUMENTS_LENGTH, _POSITION_LENGTH = len(PATH_ARGUMENTS), len(POSITION)


@inlined
def _doubles(address: Any, size: Any) -> Any:
    """The float64 numbers at an address, as an array."""
    return array_at(float64_pointer(address), size)


@inlined
def _position(args: Any, row: Any) -> Any:
    """A position's row of the position table, followed by that of the next; the end of the canvas has a row too."""
    return integers(args[_POSITIONS] + 8 * _POSITION_LENGTH * row, 2 * _POSITION_LENGTH)


@inlined
def _transitions(position: Any) -> Any:
    """The first transition of each state (and the end), the target of each transition, a state of the next position,
    and its set."""
    first = integers(position[_FIRST_TRANSITION], position[_POSITION_STATES] + 1)
    count = first[position[_POSITION_STATES]]
    return first, integers(position[_TARGETS], count), integers(position[_TRANSITION_SETS], count)


@inlined
def _log_sum(values: Any, begin: Any, end: Any, largest: Any) -> Any:
    """log(sum(e^value)), given the largest value."""
    total = _ZERO
    for at in range(begin, end):
        total += weight_of(values[at], largest)
    return largest + np.log(total)


@jitted
def _soft_cap_row(arguments: Any, row: Any) -> None:
    """A position's products -> its logits, IMPOSSIBLE for forbidden ids."""
    args = array_at(arguments, _ARGUMENTS_LENGTH)
    size, num_forbidden = args[_VOCABULARY], args[_NUM_FORBIDDEN]
    logits, settings = floats(args[_LOGITS] + 4 * row * size, size), floats(args[_SETTINGS], 2)
    forbidden = integers(args[_FORBIDDEN], 2 * num_forbidden)
    soft_cap(logits, size, settings[0], settings[1])
    for number in range(num_forbidden):
        if forbidden[2 * number] == row or forbidden[2 * number] < 0:
            logits[forbidden[2 * number + 1]] = IMPOSSIBLE


@jitted
def _reduce_sets(arguments: Any, row: Any) -> None:
    """A position's logits -> the largest of each group, and the log-sum-exp and the largest of each set."""
    args = array_at(arguments, _ARGUMENTS_LENGTH)
    count, groups, sets, members = args[_NUM_IDS], args[_NUM_GROUPS], args[_NUM_SETS], args[_NUM_MEMBERS]
    logits = floats(args[_LOGITS] + 4 * row * args[_VOCABULARY], args[_VOCABULARY])
    ids, first_id = integers(args[_IDS], count), integers(args[_FIRST_ID], groups + 1)
    group_of, first_group = integers(args[_GROUPS], members), integers(args[_FIRST_GROUP], sets + 1)
    scratch = args[_SCRATCH] + 4 * (count + groups + 1) * thread_number()
    values, log_sums = floats(scratch, count), floats(scratch + 4 * count, groups)
    group_largest = floats(args[_GROUP_LARGEST] + 4 * row * groups, groups)
    sums = _doubles(args[_SET_LOG_SUMS] + 8 * row * sets, sets)
    best = _doubles(args[_SET_LARGEST] + 8 * row * sets, sets)
    for at in range(count):
        values[at] = max(logits[ids[at]], IMPOSSIBLE)
    for group in range(groups):
        largest = IMPOSSIBLE
        for at in range(first_id[group], first_id[group + 1]):
            largest = max(largest, values[at])
        group_largest[group] = largest
        log_sums[group] = _log_sum(values, first_id[group], first_id[group + 1], largest)
    for number in range(sets):
        largest, largest_sum = IMPOSSIBLE, IMPOSSIBLE
        for at in range(first_group[number], first_group[number + 1]):
            largest, largest_sum = max(largest, group_largest[group_of[at]]), max(largest_sum, log_sums[group_of[at]])
        total = 0.0
        for at in range(first_group[number], first_group[number + 1]):
            total += np.exp(np.float64(log_sums[group_of[at]] - largest_sum))
        sums[number], best[number] = largest_sum + np.log(total), largest


@inlined
def _scale_weights(args: Any, row: Any) -> None:
    """The weights of a position's sets, relative to the largest among those that its transitions use."""
    sets = args[_NUM_SETS]
    used = bytes_at(args[_USED] + row * sets, sets)
    sums = _doubles(args[_SET_LOG_SUMS] + 8 * row * sets, sets)
    weights = _doubles(args[_SET_WEIGHTS] + 8 * row * sets, sets)
    largest = -np.inf
    for number in range(sets):
        if used[number]:
            largest = max(largest, sums[number])
    for number in range(sets):
        weights[number] = np.exp(sums[number] - largest) if used[number] else 0.0


@jitted
def _backward(arguments: Any) -> bool:
    """The backward pass: the weight of all paths from each state to the end, the largest of each position scaled to 1.
    False if a position's largest weight underflows."""
    args = array_at(arguments, _ARGUMENTS_LENGTH)
    rows, sets = args[_NUM_POSITIONS], args[_NUM_SETS]
    backward, scales = _doubles(args[_BACKWARD_WEIGHTS], args[_NUM_STATES]), _doubles(args[_SCALES], rows)
    end = _position(args, rows)
    for at in range(end[_POSITION_STATES]):
        backward[end[_STATE_OFFSET] + at] = 1.0
    for back in range(rows):
        row = rows - 1 - back
        position = _position(args, row)
        states, offset = position[_POSITION_STATES], position[_STATE_OFFSET]
        next_offset = position[_POSITION_LENGTH + _STATE_OFFSET]
        first, targets, transition_sets = _transitions(position)
        weights = _doubles(args[_SET_WEIGHTS] + 8 * row * sets, sets)
        largest = 0.0
        for state in range(position[_NUM_SINGLE]):
            backward[offset + state] = weights[transition_sets[state]] * backward[next_offset + targets[state]]
        for state in range(position[_NUM_SINGLE]):
            largest = max(largest, backward[offset + state])
        for state in range(position[_NUM_SINGLE], states):
            total = 0.0
            for at in range(first[state], first[state + 1]):
                total += weights[transition_sets[at]] * backward[next_offset + targets[at]]
            backward[offset + state] = total
            largest = max(largest, total)
        if not largest > FAINT:
            return False
        scales[row] = largest
        for state in range(states):
            backward[offset + state] /= largest
    return True


@jitted
def _forward(arguments: Any) -> bool:
    """The forward pass: each set's share of all paths' weight. False if too much of it passes through faint states."""
    args = array_at(arguments, _ARGUMENTS_LENGTH)
    rows, sets, most_states = args[_NUM_POSITIONS], args[_NUM_SETS], args[_MOST_STATES]
    backward, scales = _doubles(args[_BACKWARD_WEIGHTS], args[_NUM_STATES]), _doubles(args[_SCALES], rows)
    forward = _doubles(args[_FORWARD_MASS], 2 * most_states)
    current, following = 0, most_states
    forward[current] = 1.0
    for row in range(rows):
        position = _position(args, row)
        states, offset = position[_POSITION_STATES], position[_STATE_OFFSET]
        next_offset = position[_POSITION_LENGTH + _STATE_OFFSET]
        first, targets, transition_sets = _transitions(position)
        weights = _doubles(args[_SET_WEIGHTS] + 8 * row * sets, sets)
        marginals = _doubles(args[_MARGINALS] + 8 * row * sets, sets)
        for at in range(position[_POSITION_LENGTH + _POSITION_STATES]):
            forward[following + at] = 0.0
        for number in range(sets):
            marginals[number] = 0.0
        lost = 0.0
        for state in range(position[_NUM_SINGLE]):
            # The whole mass of the state takes its one transition.
            mass = forward[current + state]
            if mass == 0.0:
                continue
            if backward[offset + state] * scales[row] <= FAINT:
                lost += mass
                continue
            forward[following + targets[state]] += mass
            marginals[transition_sets[state]] += mass
        for state in range(position[_NUM_SINGLE], states):
            mass = forward[current + state]
            if mass == 0.0:
                continue
            total = backward[offset + state] * scales[row]
            if total <= FAINT:
                lost += mass
                continue
            mass /= total
            for at in range(first[state], first[state + 1]):
                part = mass * weights[transition_sets[at]] * backward[next_offset + targets[at]]
                forward[following + targets[at]] += part
                marginals[transition_sets[at]] += part
        if lost > NEGLIGIBLE:
            return False
        current, following = following, current
    return True


@jitted
def _find_best_path(arguments: Any, scratch: Any) -> None:
    """Viterbi: the sets along the best path; `scratch` holds a float64 for each state."""
    args = array_at(arguments, _ARGUMENTS_LENGTH)
    rows, sets = args[_NUM_POSITIONS], args[_NUM_SETS]
    best_weight, best_sets = _doubles(scratch, args[_NUM_STATES]), integers(args[_BEST_SETS], rows)
    end = _position(args, rows)
    for at in range(end[_POSITION_STATES]):
        best_weight[end[_STATE_OFFSET] + at] = 0.0
    for back in range(rows - 1):
        row = rows - 1 - back
        position = _position(args, row)
        states, offset = position[_POSITION_STATES], position[_STATE_OFFSET]
        next_offset = position[_POSITION_LENGTH + _STATE_OFFSET]
        first, targets, transition_sets = _transitions(position)
        values = _doubles(args[_SET_LARGEST] + 8 * row * sets, sets)
        for state in range(position[_NUM_SINGLE]):
            best_weight[offset + state] = values[transition_sets[state]] + best_weight[next_offset + targets[state]]
        for state in range(position[_NUM_SINGLE], states):
            largest = -np.inf
            for at in range(first[state], first[state + 1]):
                largest = max(largest, values[transition_sets[at]] + best_weight[next_offset + targets[at]])
            best_weight[offset + state] = largest
    state = 0
    for row in range(rows):
        position = _position(args, row)
        next_offset = position[_POSITION_LENGTH + _STATE_OFFSET]
        first, targets, transition_sets = _transitions(position)
        values = _doubles(args[_SET_LARGEST] + 8 * row * sets, sets)
        largest, best_transition = -np.inf, first[state]
        for at in range(first[state], first[state + 1]):
            value = values[transition_sets[at]] + best_weight[next_offset + targets[at]]
            if value > largest:
                largest, best_transition = value, at
        best_sets[row], state = transition_sets[best_transition], targets[best_transition]


@jitted
def _best_id(arguments: Any, row: Any) -> Any:
    """The likeliest id in the set that the best path takes at a position."""
    args = array_at(arguments, _ARGUMENTS_LENGTH)
    groups, sets = args[_NUM_GROUPS], args[_NUM_SETS]
    logits = floats(args[_LOGITS] + 4 * row * args[_VOCABULARY], args[_VOCABULARY])
    ids, first_id = integers(args[_IDS], args[_NUM_IDS]), integers(args[_FIRST_ID], groups + 1)
    members, first_group = integers(args[_GROUPS], args[_NUM_MEMBERS]), integers(args[_FIRST_GROUP], sets + 1)
    group_largest = floats(args[_GROUP_LARGEST] + 4 * row * groups, groups)
    number = integers(args[_BEST_SETS], row + 1)[row]
    chosen = members[first_group[number]]
    for at in range(first_group[number], first_group[number + 1]):
        group = members[at]
        if group_largest[group] > group_largest[chosen] or (
            group_largest[group] == group_largest[chosen] and group < chosen
        ):
            chosen = group
    best = ids[first_id[chosen]]
    for at in range(first_id[chosen], first_id[chosen + 1]):
        if logits[ids[at]] > logits[best]:
            best = ids[at]
    return best


@jitted
def _group_offsets(arguments: Any, row: Any) -> Any:
    """What to add to the logits of each group at a position; the last entry is for ids on no path -> its address.

    For a group it is log(sum(marginal / e^log_sum)) over the sets that contain it.
    """
    args = array_at(arguments, _ARGUMENTS_LENGTH)
    groups, sets, members = args[_NUM_GROUPS], args[_NUM_SETS], args[_NUM_MEMBERS]
    sets_of, first_set = integers(args[_SETS], members), integers(args[_FIRST_SET], groups + 1)
    sums = _doubles(args[_SET_LOG_SUMS] + 8 * row * sets, sets)
    marginals = _doubles(args[_MARGINALS] + 8 * row * sets, sets)
    offsets_address = args[_SCRATCH] + 4 * (args[_NUM_IDS] + groups + 1) * thread_number()
    offsets = floats(offsets_address, groups + 1)
    for number in range(sets):
        sums[number] = np.log(marginals[number]) - sums[number] if marginals[number] > 0.0 else _NEVER
    for group in range(groups):
        largest = _NEVER
        for at in range(first_set[group], first_set[group + 1]):
            largest = max(largest, sums[sets_of[at]])
        total = 0.0
        for at in range(first_set[group], first_set[group + 1]):
            total += np.exp(sums[sets_of[at]] - largest)
        offsets[group] = max(largest + np.log(total), _NEVER)
    offsets[groups] = IMPOSSIBLE
    return offsets_address


@jitted
def _read_row(arguments: Any, row: Any) -> None:
    """A position's logits -> marginal probabilities over all paths, the best path's id, a sample and the entropy."""
    args = array_at(arguments, _ARGUMENTS_LENGTH)
    size = args[_VOCABULARY]
    logits, group_of = floats(args[_LOGITS] + 4 * row * size, size), integers(args[_GROUP_OF_ID], size)
    result_ids, entropy = integers(args[_RESULT_IDS], 2 * row + 2), floats(args[_ENTROPY], row + 1)
    uniform = np.float64(floats(args[_UNIFORMS], row + 1)[row])
    result_ids[2 * row] = _best_id(arguments, row)
    offsets = floats(_group_offsets(arguments, row), args[_NUM_GROUPS] + 1)
    for at in range(size):
        logits[at] = max(logits[at], IMPOSSIBLE) + offsets[group_of[at]]
    maximum = largest_at(args[_LOGITS] + 4 * row * size, size)
    total, moment = softmax_sums(logits, size, maximum)
    result_ids[2 * row + 1] = draw(logits, 0, size, maximum, uniform * np.float64(total))
    entropy[row] = max(_ZERO, np.log(total) - moment / total)
    if args[_AS_LOGS]:
        log_total = maximum + np.log(total)
        for at in range(size):
            logits[at] -= log_total
        return
    scale = _ONE / total
    for at in range(size):
        logits[at] = weight_of(logits[at], maximum) * scale


def paths(arguments: Any) -> None:
    """What a denoise step needs of a constrained canvas: the marginal distributions over all paths, and the best path.

    Arguments (`sizes.PATH_ARGUMENTS`; index arrays are int64):
    logits_LV      float32: products of hidden states and embeddings; become probabilities, or with `as_logs` their logs
    uniforms_L     float32 in [0, 1), which decide the samples
    settings_2     float32: 2 / cap, cap / temperature
    forbidden_F2   (row or -1 for all, id) pairs without probability
    ids_N          the ids, sorted by group; first_id: where each group's begin, and the end
    group_of_id_V  the group of each id, G for ids on no path
    groups_M       the groups of each set, sorted by set; first_group: where each set's begin, and the end
    sets_M         the sets of each group, sorted by group; first_set: where each group's begin, and the end
    used_LU        int8: whether a transition of the position takes the set
    positions      the position table (`sizes.POSITION`)
    workspace      scratch float32 [N + G + 1] for each thread, group_largest_LG float32; set_log_sums, set_largest,
                   set_weights and marginals [L, U] float64; backward [2 S] (S: states of all positions), forward [twice
                   the most states of a position] and scales_L float64; best_sets_L
    result_ids_L2  the best path's id, the sample; entropy_L float32
    failed         not 0 if products of weights underflow; logits_LV then holds capped logits divided by temperature
    barrier        the barrier's counter, zero
    """
    args = array_at(arguments, _ARGUMENTS_LENGTH)
    failed = integers(args[_FAILED], 1)
    first, last = thread_range(args[_NUM_POSITIONS])
    for row in range(first, last):
        _soft_cap_row(arguments, row)
        _reduce_sets(arguments, row)
        _scale_weights(args, row)
    spin_barrier(args[_BARRIER])
    if thread_number() == 0 and not (_backward(arguments) and _forward(arguments)):
        failed[0] = 1
    if thread_number() == thread_count() - 1:
        _find_best_path(arguments, args[_BACKWARD_WEIGHTS] + 8 * args[_NUM_STATES])
    spin_barrier(args[_BARRIER])
    if failed[0] != 0:
        return
    for row in range(first, last):
        _read_row(arguments, row)


KERNELS = (paths,)
