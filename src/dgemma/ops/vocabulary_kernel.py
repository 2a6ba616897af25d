"""The Triton kernel of the vocabulary head: one program reads one block of one row's products, once.

Imported by `ops.cuda` when it is first launched, since importing triton takes half a second and not every machine has
it. Knows nothing of slabs or of what is made of its results.

Shapes: N rows, S products of a slab, P blocks of the whole vocabulary, G groups of a slab, U uniform numbers of a row.
"""

# triton has wheels for Linux only; the type checker must pass without it.
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]


@triton.jit
def read_block(
    products_NS,
    uniforms_NU,
    groups_NG,
    maximum_NP,
    sum_NP,
    moment_NP,
    choice_NP,
    products_stride,
    uniforms_stride,
    groups_stride,
    blocks_stride,
    first_block,
    cap,
    scale,
    lowest,
    floor,
    BLOCK: tl.constexpr,  # pyright: ignore[reportInvalidTypeForm]
    GROUP: tl.constexpr,  # pyright: ignore[reportInvalidTypeForm]
):
    """Writes what is left of the block, with logits = scale * tanh(product / cap).

    groups_NG   the largest product of each group {i, i + BLOCK / GROUP, i + 2 BLOCK / GROUP, ..} of the block
    maximum_NP  of the logits         sum_NP, moment_NP  of exp(logit - maximum), and of that times (logit - maximum)
    choice_NP   the place in the block of an entry drawn by its weight, with the uniform number 2 * block + 1

    A product of `lowest` stands for an id without probability, -inf for an entry behind the vocabulary's end.
    """
    row, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    place = tl.arange(0, BLOCK)
    products = tl.load(products_NS + row * products_stride + block * BLOCK + place).to(tl.float32)

    width: tl.constexpr = BLOCK // GROUP  # pyright: ignore[reportInvalidTypeForm]
    best = tl.max(tl.reshape(products, (GROUP, width)), axis=0)
    tl.store(groups_NG + row * groups_stride + block * width + tl.arange(0, width), best)

    # tanh by way of exp(-2 |x|), which cannot overflow; `floor` keeps infinities out of it.
    decay = tl.exp(-2.0 * tl.abs(tl.maximum(products, floor)) / cap)
    capped = tl.where(products < 0, -scale, scale) * (1.0 - decay) / (1.0 + decay)
    outside = tl.where(products < lowest, 2.0 * floor, floor)
    logits = tl.where(products > lowest, capped, outside)

    maximum = tl.max(logits, axis=0)
    shifted = logits - maximum
    weights = tl.exp(shifted)
    at = row * blocks_stride + first_block + block
    tl.store(maximum_NP + at, maximum)
    tl.store(sum_NP + at, tl.sum(weights, axis=0))
    tl.store(moment_NP + at, tl.sum(weights * shifted, axis=0))

    uniform = tl.load(uniforms_NU + row * uniforms_stride + 2 * (first_block + block) + 1)
    cumulative = tl.cumsum(weights, axis=0)
    # Sums by a tree need not rise evenly in their last bit, so a weight of zero is ruled out by itself.
    beyond = (cumulative > uniform * tl.sum(weights, axis=0)) & (weights > 0)
    choice = tl.min(tl.where(beyond, place, BLOCK), axis=0)
    tl.store(choice_NP + at, tl.where(choice < BLOCK, choice, tl.argmax(logits, axis=0)))
