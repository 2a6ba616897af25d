"""Products with float panels on all threads, and the barrier between threads.

Shapes: P outputs of a panel, I inputs.
"""

from typing import Any

import numpy as np

from dgemma.ops.native.arithmetic import floats, thread_range
from dgemma.ops.native.compiler import (
    array_at,
    atomic_increment,
    atomic_load,
    from_bfloat16,
    inlined,
    jitted,
    jitted_in_order,
    prefetch_at,
    thread_count,
    thread_number,
    to_bfloat16,
    uint16_pointer,
    yield_processor,
)
from dgemma.ops.native.machine import PANEL, TILE_ROWS, UNPACK_FROM_ROWS
from dgemma.ops.native.panel_tiles import TILES
from dgemma.ops.native.sizes import BFLOAT16, BFLOAT16_PAIRS, FIXED24, FLOAT32

# A thread that has waited this many turns, some microseconds, yields its processor.
_SPINS_BEFORE_YIELD = 4000


@jitted
def spin_barrier(counter: Any) -> None:
    """A barrier: waits until every thread has arrived as often as this one. `counter` is an address; it begins at zero.

    OpenMP's own barrier spins without yielding. If another process has taken a core, it keeps the processor from the
    thread that it waits for: a pass with ninety barriers took 350 ms instead of 2.
    """
    threads = np.int64(thread_count())
    if threads == 1:
        return
    target = (atomic_increment(counter) + threads - 1) // threads * threads
    spins = 0
    while atomic_load(counter) < target:
        spins += 1
        if spins > _SPINS_BEFORE_YIELD:
            yield_processor()


def tile_by_rows(tiles: Any) -> Any:
    """The product of a few rows with one panel: takes the number of rows and the arguments of a tile, and calls the
    tile for that many rows."""
    most_rows = len(tiles)
    one, two, three = tiles[:3]
    four, five, six, seven, eight = (tiles[min(rows, most_rows) - 1] for rows in (4, 5, 6, 7, 8))

    @jitted_in_order
    def product(rows: Any, *args: Any) -> None:
        if rows == 1:
            one(*args)
        elif rows == 2:
            two(*args)
        elif rows == 3:
            three(*args)
        elif rows == 4:
            four(*args)
        elif rows == 5:
            five(*args)
        elif rows == 6:
            six(*args)
        elif rows == 7:
            seven(*args)
        else:
            eight(*args)

    return product


product, bfloat16_product = tile_by_rows(TILES[FLOAT32]), tile_by_rows(TILES[BFLOAT16])
_fixed24_product, _pairs_product = tile_by_rows(TILES[FIXED24]), tile_by_rows(TILES[BFLOAT16_PAIRS])


@inlined
def panel_bytes(panel_format: Any, size: Any) -> Any:
    """Bytes of a panel of `size` inputs."""
    if panel_format == FIXED24:
        return PANEL * (3 * size + 4)
    if panel_format == BFLOAT16_PAIRS:
        return PANEL * bfloat16_row_bytes(size)
    return PANEL * size * (4 if panel_format == FLOAT32 else 2)


@inlined
def bfloat16_row_bytes(size: Any) -> Any:
    """Bytes of a row of `size` bfloat16 numbers in whole pairs."""
    return 4 * ((size + 1) // 2)


@inlined
def halves(address: Any, size: Any) -> Any:
    """The bits of the bfloat16 numbers at an address (uint16), as an array."""
    return array_at(uint16_pointer(address), size)


@jitted
def round_numbers(source: Any, target: Any, size: Any) -> None:
    """Rounds the float32 numbers at `source` to bfloat16 at `target`."""
    numbers, rounded = floats(source, size), halves(target, size)
    for at in range(size):
        rounded[at] = to_bfloat16(numbers[at])


@jitted
def round_row(source: Any, target: Any, size: Any) -> None:
    """`round_numbers` of a product's input, in whole pairs: an odd number is followed by zero."""
    round_numbers(source, target, size)
    if size % 2:
        halves(target, size + 1)[size] = 0


@jitted
def _unpack(source: Any, size: Any, out: Any) -> None:
    """Converts the bfloat16 numbers at `source` to float32 at `out`."""
    numbers, target = halves(source, size), floats(out, size)
    for at in range(size):
        target[at] = from_bfloat16(numbers[at])


@jitted
def multiply(
    hidden: Any,
    stride: Any,
    rows: Any,
    panels: Any,
    panel_format: Any,
    size: Any,
    outputs: Any,
    out: Any,
    out_stride: Any,
    panel_buffer: Any,
) -> None:
    """out = hidden @ weight for this thread's panels; rows of `out` hold whole panels. hidden is float32, for
    BFLOAT16_PAIRS bfloat16 (`round_row`). With a `panel_buffer` (this thread's, for one float32 panel), BFLOAT16 panels
    are converted once from UNPACK_FROM_ROWS rows on."""
    first, last = thread_range((outputs + PANEL - 1) // PANEL if rows else 0)
    panel_stride = panel_bytes(panel_format, size)
    unpacks = 0 < UNPACK_FROM_ROWS <= rows and panel_format == BFLOAT16 and panel_buffer
    # Tiles of nearly equal size: a tile of a single row would be bound by the latency of its sums.
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    for number in range(first, last):
        panel, target, source = panels + panel_stride * number, out + 4 * PANEL * number, hidden
        if unpacks:
            _unpack(panel, PANEL * size, panel_buffer)
            panel = panel_buffer
        for tile in range(tiles):
            count = (rows - tile + tiles - 1) // tiles
            if unpacks or panel_format == FLOAT32:
                product(count, source, stride, panel, 4 * PANEL, size, target, out_stride)
            elif panel_format == BFLOAT16:
                bfloat16_product(count, source, stride, panel, 2 * PANEL, size, target, out_stride)
            elif panel_format == BFLOAT16_PAIRS:
                _pairs_product(count, source, stride, panel, 4 * PANEL, (size + 1) // 2, target, out_stride)
            else:
                _fixed24_product(count, source, stride, panel, 3 * PANEL, size, target, out_stride)
            if unpacks:
                # Prefetches a part of the next panel.
                for offset in range(panel_stride * tile // tiles, panel_stride * (tile + 1) // tiles, 64):
                    prefetch_at(panels + panel_stride * (number + 1) + offset)
            source, target = source + count * stride, target + count * out_stride


def product_panels(arguments: Any) -> None:
    """out_NO = hidden_NI @ weight (`multiply`): hidden and its stride, N, the panels, their format, I, O, out and its
    stride (rows hold whole panels), the panel buffers of all threads (or 0) and their stride."""
    args = array_at(arguments, 11)
    panel_buffer = args[9] + args[10] * thread_number() if args[9] else 0
    multiply(args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7], args[8], panel_buffer)


KERNELS = (product_panels,)
