"""What the kernels of small networks share: products with panels by all threads, and where threads wait for each other.

Shapes: P outputs of a panel, I inputs.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.compiler import (
    TILES,
    TILES_OF_HALVES,
    arrive,
    arrived,
    called,
    in_order,
    thread_count,
    yield_processor,
)
from dgemma.ops.native.kernels import share
from dgemma.ops.native.machine import PANEL, TILE_ROWS

# Turns of waiting, some microseconds, after which a thread lets others have its processor.
_PATIENCE = 4000


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
def multiply(
    hidden: Any, step: Any, rows: Any, panels: Any, halves: Any, size: Any, outputs: Any, out: Any, out_step: Any
) -> None:
    """out = hidden @ weight for this thread's panels; steps are bytes from one row to the next."""
    first, last = share((outputs + PANEL - 1) // PANEL)
    input_step = (2 if halves else 4) * PANEL
    # Tiles of nearly the same size: one of a single row would wait for its sums.
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    for number in range(first, last):
        panel, target, source = panels + input_step * size * number, out + 4 * PANEL * number, hidden
        for tile in range(tiles):
            count = (rows - tile + tiles - 1) // tiles
            if halves:
                _product_of_halves(count, source, step, panel, input_step, size, target, out_step)
            else:
                product(count, source, step, panel, input_step, size, target, out_step)
            source, target = source + count * step, target + count * out_step
