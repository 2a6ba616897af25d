"""Products with panels by all threads, and where threads wait for each other.

Shapes: P outputs of a panel, I inputs.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import (
    TILES,
    TILES_OF_HALVES,
    array_at,
    arrive,
    arrived,
    ask_for,
    called,
    from_bfloat16,
    half_pointer,
    in_order,
    thread_count,
    thread_number,
    yield_processor,
)
from dgemma.ops.native.kernels import floats, share
from dgemma.ops.native.machine import PANEL, TILE_ROWS

# Turns of waiting, some microseconds, after which a thread lets others have its processor.
_PATIENCE = 4000
# Rows from which on a panel of bfloat16 is made float32 before they meet it.
_UNPACKED_FROM = 32


@called
def meet(counter: Any) -> None:
    """Waits until all threads have come here as often as this one; `counter` begins at zero.

    OpenMP's own barrier would keep the processor from the very thread that it waits for, where another process has
    taken one of the cores: a pass has ninety of these, and took 350 ms instead of 2.
    """
    threads = np.int64(thread_count())
    if threads == 1:
        return
    everyone = (arrive(counter) + threads - 1) // threads * threads
    turns = 0
    while arrived(counter) < everyone:
        turns += 1
        if turns > _PATIENCE:
            yield_processor()


def by_rows(tiles: Any) -> Any:
    """The product of some rows with one panel, by the tile of as many: takes their number, then what tiles take."""
    most = len(tiles)
    one, two, three = tiles[:3]
    four, five, six, seven, eight = (tiles[min(rows, most) - 1] for rows in (4, 5, 6, 7, 8))

    @in_order
    def product(rows: Any, *given: Any) -> None:
        if rows == 1:
            one(*given)
        elif rows == 2:
            two(*given)
        elif rows == 3:
            three(*given)
        elif rows == 4:
            four(*given)
        elif rows == 5:
            five(*given)
        elif rows == 6:
            six(*given)
        elif rows == 7:
            seven(*given)
        else:
            eight(*given)

    return product


product, _product_of_halves = by_rows(TILES), by_rows(TILES_OF_HALVES)


@called
def _unpack(halves: Any, size: Any, out: Any) -> None:
    """bfloat16 numbers as float32 ones; addresses."""
    source, target = array_at(half_pointer(halves), size), floats(out, size)
    for at in range(size):
        target[at] = from_bfloat16(source[at])


@called
def multiply(
    hidden: Any,
    step: Any,
    rows: Any,
    panels: Any,
    halves: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_step: Any,
    room: Any,
) -> None:
    """out = hidden @ weight for this thread's panels; steps are bytes from one row to the next, and out has room for
    whole panels. With `room`, this thread's for a panel of float32, many rows meet bfloat16 made float32 once."""
    first, last = share((outputs + PANEL - 1) // PANEL if rows else 0)
    panel_step = (2 if halves else 4) * PANEL * size
    unpacks = halves and room and rows >= _UNPACKED_FROM
    # Tiles of nearly the same size: one of a single row would wait for its sums.
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    for number in range(first, last):
        panel, target, source = panels + panel_step * number, out + 4 * PANEL * number, hidden
        if unpacks:
            _unpack(panel, PANEL * size, room)
            panel = room
        for tile in range(tiles):
            count = (rows - tile + tiles - 1) // tiles
            if halves and not unpacks:
                _product_of_halves(count, source, step, panel, 2 * PANEL, size, target, out_step)
            else:
                product(count, source, step, panel, 4 * PANEL, size, target, out_step)
            if unpacks:
                # A part of the next panel, which is then there when its turn comes.
                for offset in range(panel_step * tile // tiles, panel_step * (tile + 1) // tiles, 64):
                    ask_for(panels + panel_step * (number + 1) + offset)
            source, target = source + count * step, target + count * out_step


def product_panels(arguments: Any) -> None:
    """out_NO = hidden_NI @ weight, which is laid out in panels: hidden and its bytes from row to row, N, the panels,
    whether they are bfloat16, I, O, out and its bytes from row to row, with room for whole panels; room for each thread
    (or 0) and the bytes of one."""
    given = array_at(arguments, 11)
    room = given[9] + given[10] * thread_number() if given[9] else 0
    multiply(given[0], given[1], given[2], given[3], given[4], given[5], given[6], given[7], given[8], room)


KERNELS = (product_panels,)
