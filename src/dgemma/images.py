"""Images -> patches: what an image is before the image tower sees it.

An image keeps its aspect ratio and is made as large as a budget of soft tokens lets it be, a small one is enlarged;
then it is cut into square patches in reading order. Bit for bit what transformers 5.23 `Gemma4ImageProcessorPil` gives
where that sees the picture: photos are turned upright as their EXIF data says, and of 16 bits a channel the upper eight
are kept (there everything above 255 turns white).

Knows nothing of models but the sizes of a patch and of a soft token. Pillow is imported when an image is opened.

Shapes: N images, P patches, C = 3 * patch_size^2 values of a patch.
"""

import hashlib
import io
import math
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from dgemma.errors import ImageError, PromptError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

BUDGETS = (70, 140, 280, 560, 1120)
"""How many soft tokens an image may become: the choices that the model was trained with."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""What is read. Not all that Pillow knows: some of it starts other programs, which no stranger's file shall."""

MOST_PIXELS = 89_478_485
"""Pixels of the largest image that is decoded, Pillow's own bound against files that unpack to more than memory."""
MOST_RATIO = 10_000
"""Times that an image may be as long as wide. The largest budget shows a strip of 1120 to 1, and shrinking a longer one
takes its length in memory many times over."""
MOST_SCANS = 100
"""Passes over the whole picture of a progressive JPEG; ten or so are usual, and each is decoded."""
MOST_IMAGES, MOST_PIXELS_OF_ALL = 256, 1_000_000_000
"""What the images of one conversation may be together: they are decoded anew for each answer."""
Source = str | os.PathLike[str] | bytes | BinaryIO
# What EXIF says of a picture that stands on its side.
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)
# Pillow's warnings are held back while it decodes, which is a setting of the whole process.
_WARNINGS = threading.Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedImage:
    """An image as the image tower takes it.

    pixels_PC     0 to 255, uint8, or in [0, 1], float32; row by row, the three colours of a pixel together
    positions_P2  column and row of each patch, int64
    num_soft_tokens  how many soft tokens the tower makes of it
    """

    pixels_PC: Tensor
    positions_P2: Tensor
    num_soft_tokens: int

    @property
    def patches_PC(self) -> Tensor:
        """The pixels in [0, 1], float32."""
        if self.pixels_PC.dtype != torch.uint8:
            return self.pixels_PC.float()
        # As transformers rounds them: through float64, once.
        return torch.from_numpy((np.arange(256) * (1 / 255)).astype(np.float32))[self.pixels_PC.long()]

    @cached_property
    def digest(self) -> int:
        """The same for the same patches in the same places, and for no others: 64 bits of their SHA-256."""
        told = hashlib.sha256()
        for tensor in (self.pixels_PC, self.positions_P2):
            told.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            told.update(tensor.contiguous().numpy().tobytes())
        return int.from_bytes(told.digest()[:8])


def open_image(source: Source) -> "Image":
    """The image in a file, in a file's bytes or in an open binary file: decoded, upright, the first of several frames.

    Raises PromptError for what is not there, cannot be decoded to its end, or is larger than `MOST_PIXELS`.
    """
    with _opened(source) as (image, name):
        with _pillow_errors(name):
            image.load()
        return _upright(image)


def image_size(source: "Source | Image") -> tuple[int, int]:
    """(width, height) of an image as it is shown, from its header alone. Raises what `open_image` raises of that."""
    if _is_pil(source):
        return _upright_size(source)  # pyright: ignore[reportArgumentType]
    with _opened(source) as (image, _):  # pyright: ignore[reportArgumentType]
        return _upright_size(image)


def as_image(source: "Source | Image") -> "Image":
    """A PIL image as it is, anything else opened by `open_image`."""
    return source if _is_pil(source) else open_image(source)  # pyright: ignore[reportArgumentType, reportReturnType]


@contextmanager
def _opened(source: Source) -> Iterator[tuple["Image", str]]:
    """An image of which the header is read, and what errors call it."""
    from PIL import Image

    is_path = isinstance(source, str | os.PathLike)
    if not is_path and not isinstance(source, bytes) and not hasattr(source, "read"):
        raise UsageError(f"An image is a path, bytes or an open file, not {type(source).__name__}.")
    name = f"The image {source}" if is_path else "The image"
    with ExitStack() as files:
        try:
            stream: Any = source
            if isinstance(source, str | os.PathLike):
                stream = files.enter_context(open(source, "rb"))
            elif isinstance(source, bytes):
                stream = io.BytesIO(source)
        # A path with a null character is a ValueError.
        except (OSError, ValueError) as error:
            raise PromptError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
        with _pillow_errors(name):
            image = Image.open(stream, formats=FORMATS)
            _check_size(image, name)
            if image.format in ("JPEG", "MPO"):
                _check_scans(image, name)
        yield image, name


def _upright_size(image: "Image") -> tuple[int, int]:
    from PIL import Image

    try:
        # Of a PNG `getexif` decodes all to look behind it.
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        turned = (exif if image.format == "PNG" else image.getexif()).get(_ORIENTATION) in _ON_ITS_SIDE
    except Exception:  # as in `_upright`
        turned = False
    return (image.height, image.width) if turned else image.size


def _is_pil(source: object) -> bool:
    # Without it there is no such image.
    return "PIL.Image" in sys.modules and isinstance(source, sys.modules["PIL.Image"].Image)


def target_size(
    height: int, width: int, max_soft_tokens: int, patch_size: int = 16, pooling_kernel_size: int = 3
) -> tuple[int, int]:
    """(height, width) in pixels that an image of that size is brought to: the largest with its aspect ratio, rounded
    down to whole soft tokens, of which there are at most `max_soft_tokens` and at least one.

    Raises UsageError for a budget that is none of `BUDGETS`, PromptError for a size of zero.
    """
    if max_soft_tokens not in BUDGETS:
        raise UsageError(f"An image takes one of {', '.join(map(str, BUDGETS))} tokens at most, not {max_soft_tokens}.")
    if height < 1 or width < 1:
        raise PromptError(f"An image of {width} by {height} pixels shows nothing; give another.")
    side = patch_size * pooling_kernel_size
    factor = math.sqrt(max_soft_tokens * side**2 / (height * width))
    rows, columns = int(factor * height / side), int(factor * width / side)
    # A strip narrower than one soft token becomes one that wide, as long as its aspect ratio and the budget let it be.
    if rows == 0:
        rows, columns = 1, min(width // height, max_soft_tokens)
    elif columns == 0:
        rows, columns = min(height // width, max_soft_tokens), 1
    return rows * side, columns * side


def prepare_image(
    image: "Image", max_soft_tokens: int = 280, *, patch_size: int = 16, pooling_kernel_size: int = 3
) -> PreparedImage:
    """Cuts a PIL image, of any mode, into at most `max_soft_tokens * pooling_kernel_size^2` patches.

    What is transparent is shown on white. Raises UsageError for what is no PIL image and for a budget that is none of
    `BUDGETS`, PromptError for an image without pixels, with more than `MOST_PIXELS`, of a truncated file, or whose
    values have no known range (mode F, and I beyond 16 bits).
    """
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise UsageError(f"An image is a PIL image, as `open_image` gives it, not {type(image).__name__}.")
    _check_size(image, "The image")
    with _pillow_errors("The image"):
        image.load()
    image = _rgb(_upright(image))
    height, width = target_size(image.height, image.width, max_soft_tokens, patch_size, pooling_kernel_size)
    if (image.width, image.height) != (width, height):
        with _pillow_errors("The image"):
            image = image.resize((width, height), resample=Image.Resampling.BICUBIC)
    rows, columns = height // patch_size, width // patch_size
    patches = np.array(image).reshape(rows, patch_size, columns, patch_size, 3).transpose(0, 2, 1, 3, 4)
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return PreparedImage(
        pixels_PC=torch.from_numpy(patches.reshape(rows * columns, -1)),
        positions_P2=torch.stack((x, y), dim=-1).reshape(-1, 2),
        num_soft_tokens=rows * columns // pooling_kernel_size**2,
    )


def prepare_images(
    wanted: Sequence[tuple["Source | Image", int]], patch_size: int, pooling_kernel_size: int, most_tokens: int
) -> tuple[PreparedImage, ...]:
    """(source, most soft tokens) of each image -> the images, those of a whole conversation, none of them decoded
    before all are known to fit.

    Raises ImageError with the number of the one that cannot be read, PromptError for more than `MOST_IMAGES`, than
    `MOST_PIXELS_OF_ALL`, or than `most_tokens` soft tokens, UsageError for a budget that is none of `BUDGETS`.
    """
    if len(wanted) > MOST_IMAGES:
        raise PromptError(f"The conversation shows {len(wanted)} images; at most {MOST_IMAGES} are taken.")
    sizes = {"patch_size": patch_size, "pooling_kernel_size": pooling_kernel_size}
    num_pixels = num_tokens = 0
    sources: list[Source | Image] = []
    for number, (source, budget) in enumerate(wanted):
        with _numbered(number):
            # Each is read twice, which pipes and replies cannot be.
            if not _is_pil(source) and hasattr(source, "read"):
                source = _bytes_of(source)  # pyright: ignore[reportArgumentType]
            sources.append(source)
            width, height = image_size(source)
            rows, columns = target_size(height, width, budget, **sizes)
        num_pixels += width * height
        num_tokens += rows * columns // (patch_size * pooling_kernel_size) ** 2
        if num_pixels > MOST_PIXELS_OF_ALL:
            most = f"{MOST_PIXELS_OF_ALL / 1e6:,.0f} million pixels"
            raise PromptError(f"The images of the conversation have more than {most} together; make them smaller.")
    if num_tokens >= most_tokens:
        raise PromptError(
            f"The images take {num_tokens} tokens, and the context has {most_tokens}; show fewer, or with less detail."
        )
    prepared: list[PreparedImage] = []
    for number, (source, (_, budget)) in enumerate(zip(sources, wanted, strict=True)):
        with _numbered(number):
            prepared.append(prepare_image(as_image(source), budget, **sizes))
    return tuple(prepared)


def _bytes_of(file: BinaryIO) -> bytes:
    try:
        return file.read()
    except (OSError, ValueError) as error:
        raise PromptError(f"The image cannot be read: {error}.") from error


@contextmanager
def _numbered(number: int) -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    except PromptError as error:
        raise ImageError(str(error), number=number) from error


def stack_images(images: Sequence[PreparedImage], num_patches: int | None = None) -> tuple[Tensor, Tensor]:
    """Images of different sizes as one batch for the image tower -> patches [N, P, C] and positions [N, P, 2].

    Shorter ones are padded with zeros at the positions (-1, -1), up to `num_patches` or the longest. Raises UsageError
    for no images, for patches of different sizes and for an image of more than `num_patches`.
    """
    lengths, widths = [len(image.pixels_PC) for image in images], {image.pixels_PC.shape[1] for image in images}
    if len(widths) != 1:
        raise UsageError("Images are stacked that are at least one and have patches of one size.")
    most = max(lengths) if num_patches is None else num_patches
    if max(lengths) > most:
        raise UsageError(f"An image of {max(lengths)} patches does not fit into {most}.")
    patches_NPC = torch.zeros(len(images), most, widths.pop())
    positions_NP2 = torch.full((len(images), most, 2), -1)
    for index, (image, length) in enumerate(zip(images, lengths, strict=True)):
        patches_NPC[index, :length], positions_NP2[index, :length] = image.patches_PC, image.positions_P2
    return patches_NPC, positions_NP2


def _check_size(image: "Image", name: str) -> None:
    if image.width < 1 or image.height < 1:
        raise PromptError(f"{name} has {image.width} by {image.height} pixels and shows nothing; give another.")
    if image.width * image.height > MOST_PIXELS:
        raise PromptError(
            f"{name} has {image.width} by {image.height} pixels, more than {MOST_PIXELS / 1e6:.0f} million; make it "
            "smaller, it is shrunk to less than two million anyway."
        )
    if max(image.size) > MOST_RATIO * min(image.size):
        raise PromptError(
            f"{name} has {image.width} by {image.height} pixels and is more than {MOST_RATIO:,} times as long as wide; "
            "cut it into parts."
        )


# What ends the coded pixels of a scan: a marker that is no escaped byte, no padding and no restart.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SCAN, _END = 0xDA, 0xD9
_MOST_READ = 1 << 28


def _check_scans(image: "Image", name: str) -> None:
    """Refuses a JPEG of more than `MOST_SCANS`. What follows its end may be anything, as the film of a motion photo."""
    file: BinaryIO = image.fp  # pyright: ignore[reportAttributeAccessIssue]
    place = file.tell()
    file.seek(0)
    data = file.read(_MOST_READ)
    file.seek(place)
    scans, at = 0, 2
    while (found := _MARKER.search(data, at)) and data[found.start() + 1] != _END:
        scans += data[found.start() + 1] == _SCAN
        # A segment is as long as it says, without its marker.
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    if scans > MOST_SCANS:
        raise PromptError(f"{name} is a JPEG of {scans} scans, more than the {MOST_SCANS} allowed; save it as a PNG.")


@contextmanager
def _pillow_errors(name: str) -> Iterator[None]:
    """What decoding raises as a PromptError about the image of that name; what it warns of is not shown."""
    from PIL import Image, UnidentifiedImageError

    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PromptError(f"{name} has more than {MOST_PIXELS / 1e6:.0f} million pixels; make it smaller.") from error
    except UnidentifiedImageError as error:
        raise PromptError(f"{name} is none of {', '.join(FORMATS)}; save it as one of them.") from error
    except PromptError:
        raise
    except MemoryError as error:
        raise PromptError(f"{name} does not fit into this machine's memory; make it smaller.") from error
    # Decoders raise whatever they stumble over: OSError, SyntaxError, struct.error, IndexError, ZeroDivisionError.
    except Exception as error:
        raise PromptError(f"{name} is damaged or truncated ({error}); take a whole copy.") from error


def _upright(image: "Image") -> "Image":
    """The image turned as its EXIF data says; data that cannot be read say nothing, as in every viewer."""
    from PIL import ImageOps

    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            return ImageOps.exif_transpose(image)
    # The readers of EXIF raise whatever they stumble over, too.
    except Exception:
        return image


_BAND = 1 << 20  # pixels


def _rgb(image: "Image") -> "Image":
    """The image in eight bits for each of three colours, what is transparent on white."""
    from PIL import Image

    if image.mode.startswith("I"):
        image = _eight_bits(image)
    elif image.mode == "F":
        raise PromptError("The image holds numbers of no known range (mode F); save it with 8 bits a channel.")
    elif image.mode == "La":  # grey that is multiplied by its alpha already, for which Pillow has one way out
        image = image.convert("LA")
    with _pillow_errors("The image"):
        transparent = image.mode in ("LA", "PA", "RGBA", "RGBa") or image.info.get("transparency") is not None
        if not transparent:
            return image.convert("RGB")
        # Band by band: whole copies on the way would take several times the memory of the image.
        shown, height = Image.new("RGB", image.size), max(1, _BAND // image.width)
        for top in range(0, image.height, height):
            band = image.crop((0, top, image.width, min(top + height, image.height))).convert("RGBA")
            white = Image.new("RGBA", band.size, (255, 255, 255, 255))
            shown.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
        return shown


def _eight_bits(image: "Image") -> "Image":
    from PIL import Image

    values = np.asarray(image)
    if values.min() < 0 or values.max() >= 1 << 16:
        raise PromptError("The image holds numbers of no known range (mode I); save it with 8 bits a channel.")
    # Mode I holds 8-bit pictures as well as 16-bit ones.
    shift = 8 if image.mode != "I" or values.max() > 255 else 0
    return Image.fromarray((values.astype(np.uint16) >> shift).astype(np.uint8))
