"""Prepares images for the image tower: decodes, resizes and cuts them into patches.

An image keeps its aspect ratio and is scaled, up or down, to the largest size that its budget of soft tokens allows;
then it is cut into square patches in reading order. The patches equal those of transformers 5.23
`Gemma4ImageProcessorPil` bit for bit, with two differences: photos are turned upright by their EXIF data, and 16-bit
channels keep their upper eight bits (there every value above 255 turns white).

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
"""The allowed budgets of soft tokens for one image: those that the model was trained with."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""The formats that are read. Pillow knows more, but some of its readers start other programs, which an untrusted file
must not do."""

MAX_PIXELS = 89_478_485
"""The most pixels of one image: Pillow's own bound against files that decode to more than memory holds."""
MAX_RATIO = 10_000
"""The greatest ratio of the longer side to the shorter one. The largest budget shows a strip of 1120 to 1, and
shrinking a longer one takes many times its length in memory."""
MAX_SCANS = 100
"""The most scans (passes over the whole picture) of a progressive JPEG. About ten are usual; each must be decoded."""
MAX_IMAGES, MAX_PIXELS_OF_ALL = 256, 1_000_000_000
"""The most images and pixels of one conversation: all are decoded again for each answer."""
Source = str | os.PathLike[str] | bytes | BinaryIO
# The EXIF tag, and its values for pictures that are rotated by 90 degrees.
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)
# Warning filters are process-wide: only one thread at a time may change them while Pillow decodes.
_WARNINGS = threading.Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedImage:
    """An image as patches, ready for the image tower.

    pixels_PC        0 to 255, uint8, or in [0, 1], float32; row by row, the three colours of a pixel together
    positions_P2     column and row of each patch, int64
    num_soft_tokens  the number of soft tokens that the tower makes of it
    """

    pixels_PC: Tensor
    positions_P2: Tensor
    num_soft_tokens: int

    @property
    def patches_PC(self) -> Tensor:
        """The pixels in [0, 1], float32."""
        if self.pixels_PC.dtype != torch.uint8:
            return self.pixels_PC.float()
        # Rounded as in transformers: once, from float64.
        return torch.from_numpy((np.arange(256) * (1 / 255)).astype(np.float32))[self.pixels_PC.long()]

    @cached_property
    def digest(self) -> int:
        """The first 64 bits of the SHA-256 of the patches and positions: identifies the image."""
        hashed = hashlib.sha256()
        for tensor in (self.pixels_PC, self.positions_P2):
            hashed.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            hashed.update(tensor.contiguous().numpy().tobytes())
        return int.from_bytes(hashed.digest()[:8])


def open_image(source: Source) -> "Image":
    """Opens the image in a file, a file's bytes or an open binary file: decoded, upright, the first frame only.

    Raises PromptError if the file does not exist, cannot be decoded completely, or exceeds `MAX_PIXELS`, `MAX_RATIO`
    or `MAX_SCANS`.
    """
    with _opened(source) as (image, name):
        with _pillow_errors(name):
            image.load()
        return _upright(image)


def image_size(source: "Source | Image") -> tuple[int, int]:
    """(width, height) of the upright image, from its header alone. Raises PromptError if that cannot be read."""
    if _is_pil(source):
        return _upright_size(source)  # pyright: ignore[reportArgumentType]
    with _opened(source) as (image, _):  # pyright: ignore[reportArgumentType]
        return _upright_size(image)


def as_image(source: "Source | Image") -> "Image":
    """Returns a PIL image unchanged and opens anything else by `open_image`."""
    return source if _is_pil(source) else open_image(source)  # pyright: ignore[reportArgumentType, reportReturnType]


@contextmanager
def _opened(source: Source) -> Iterator[tuple["Image", str]]:
    """The image with only its header read, and the name that error messages give it."""
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
        # For a PNG `getexif` would decode the whole picture, to find data that follows it.
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        turned = (exif if image.format == "PNG" else image.getexif()).get(_ORIENTATION) in _ON_ITS_SIDE
    except Exception:  # as in `_upright`
        turned = False
    return (image.height, image.width) if turned else image.size


def _is_pil(source: object) -> bool:
    # If Pillow was never imported, the source cannot be a PIL image.
    return "PIL.Image" in sys.modules and isinstance(source, sys.modules["PIL.Image"].Image)


def target_size(
    height: int, width: int, max_soft_tokens: int, patch_size: int = 16, pooling_kernel_size: int = 3
) -> tuple[int, int]:
    """(height, width) in pixels to which an image of the given size is resized.

    The largest size with the same aspect ratio, rounded down to whole soft tokens: at most `max_soft_tokens`, at least
    one. Raises UsageError for a budget not in `BUDGETS`, PromptError for a size of zero.
    """
    if max_soft_tokens not in BUDGETS:
        budgets = ", ".join(map(str, BUDGETS))
        raise UsageError(f"The most tokens of an image must be one of {budgets}, not {max_soft_tokens}.")
    if height < 1 or width < 1:
        raise PromptError(f"An image of {width} by {height} pixels shows nothing; give another.")
    side = patch_size * pooling_kernel_size
    factor = math.sqrt(max_soft_tokens * side**2 / (height * width))
    rows, columns = int(factor * height / side), int(factor * width / side)
    # A strip narrower than one soft token is made that wide, and as long as its aspect ratio and the budget allow.
    if rows == 0:
        rows, columns = 1, min(width // height, max_soft_tokens)
    elif columns == 0:
        rows, columns = min(height // width, max_soft_tokens), 1
    return rows * side, columns * side


def prepare_image(
    image: "Image", max_soft_tokens: int = 280, *, patch_size: int = 16, pooling_kernel_size: int = 3
) -> PreparedImage:
    """Cuts a PIL image, of any mode, into at most `max_soft_tokens * pooling_kernel_size^2` patches.

    Transparent images are composited on white. Raises UsageError for anything but a PIL image and for a budget not in
    `BUDGETS`. Raises PromptError for an image without pixels, beyond `MAX_PIXELS` or `MAX_RATIO`, from a truncated
    file, or with values of unknown range (mode F, and mode I beyond 16 bits).
    """
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise UsageError(f"prepare_image takes a PIL image, as `open_image` returns it, not {type(image).__name__}.")
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
    """Prepares all images of a conversation, each given as (source, budget of soft tokens).

    Decodes none of them before the headers have shown that all fit. Raises ImageError with the number of an image that
    cannot be read, UsageError for a budget not in `BUDGETS`, and PromptError for more than `MAX_IMAGES` images, more
    than `MAX_PIXELS_OF_ALL` pixels, or `most_tokens` soft tokens and more.
    """
    if len(wanted) > MAX_IMAGES:
        raise PromptError(f"The conversation has {len(wanted)} images; at most {MAX_IMAGES} are allowed.")
    sizes = {"patch_size": patch_size, "pooling_kernel_size": pooling_kernel_size}
    num_pixels = num_tokens = 0
    sources: list[Source | Image] = []
    for number, (source, budget) in enumerate(wanted):
        with _numbered(number):
            # Each source is read twice, which a pipe or an HTTP response does not allow.
            if not _is_pil(source) and hasattr(source, "read"):
                source = _bytes_of(source)  # pyright: ignore[reportArgumentType]
            sources.append(source)
            width, height = image_size(source)
            rows, columns = target_size(height, width, budget, **sizes)
        num_pixels += width * height
        num_tokens += rows * columns // (patch_size * pooling_kernel_size) ** 2
        if num_pixels > MAX_PIXELS_OF_ALL:
            most = f"{MAX_PIXELS_OF_ALL / 1e6:,.0f} million pixels"
            raise PromptError(f"The images of the conversation have more than {most} together; make them smaller.")
    if num_tokens >= most_tokens:
        raise PromptError(
            f"The images take {num_tokens} tokens, and the context has {most_tokens}; send fewer images, or send them "
            "with less detail."
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
    """Stacks images of different sizes into one batch for the image tower -> patches [N, P, C], positions [N, P, 2].

    Each is padded to `num_patches`, by default those of the largest image, with zeros at the position (-1, -1). Raises
    UsageError for an empty sequence, for patches of different sizes and for an image of more than `num_patches`.
    """
    lengths, widths = [len(image.pixels_PC) for image in images], {image.pixels_PC.shape[1] for image in images}
    if len(widths) != 1:
        raise UsageError("stack_images takes at least one image, all with patches of the same size.")
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
    if image.width * image.height > MAX_PIXELS:
        raise PromptError(
            f"{name} has {image.width} by {image.height} pixels, more than {MAX_PIXELS / 1e6:.0f} million; make it "
            "smaller (the model sees less than three million)."
        )
    if max(image.size) > MAX_RATIO * min(image.size):
        raise PromptError(
            f"{name} has {image.width} by {image.height} pixels and is more than {MAX_RATIO:,} times as long as wide; "
            "cut it into parts."
        )


# The end of a scan's coded pixels: a marker that is not an escaped byte, padding or a restart.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SCAN, _END = 0xDA, 0xD9
_MAX_READ = 1 << 28


def _check_scans(image: "Image", name: str) -> None:
    """Raises PromptError for a JPEG of more than `MAX_SCANS` scans.

    Ignores everything after the end marker, such as the video of a motion photo.
    """
    file: BinaryIO = image.fp  # pyright: ignore[reportAttributeAccessIssue]
    place = file.tell()
    file.seek(0)
    data = file.read(_MAX_READ)
    file.seek(place)
    scans, at = 0, 2
    while (found := _MARKER.search(data, at)) and data[found.start() + 1] != _END:
        scans += data[found.start() + 1] == _SCAN
        # A segment states its length, not counting its marker.
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    if scans > MAX_SCANS:
        raise PromptError(f"{name} is a JPEG of {scans} scans, more than the {MAX_SCANS} allowed; save it as a PNG.")


@contextmanager
def _pillow_errors(name: str) -> Iterator[None]:
    """Turns everything that decoding raises into a PromptError about the image `name`; suppresses warnings."""
    from PIL import Image, UnidentifiedImageError

    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PromptError(f"{name} has more than {MAX_PIXELS / 1e6:.0f} million pixels; make it smaller.") from error
    except UnidentifiedImageError as error:
        raise PromptError(f"{name} is none of {', '.join(FORMATS)}; save it as one of them.") from error
    except PromptError:
        raise
    except MemoryError as error:
        raise PromptError(f"{name} does not fit into this machine's memory; make it smaller.") from error
    # Decoders raise almost anything: OSError, SyntaxError, struct.error, IndexError, ZeroDivisionError.
    except Exception as error:
        raise PromptError(f"{name} is damaged or truncated ({error}); use an intact copy.") from error


def _upright(image: "Image") -> "Image":
    """The image turned upright by its EXIF data; unreadable EXIF data is ignored, as viewers do."""
    from PIL import ImageOps

    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            return ImageOps.exif_transpose(image)
    # EXIF readers raise almost anything, too.
    except Exception:
        return image


_BAND = 1 << 20  # pixels


def _rgb(image: "Image") -> "Image":
    """The image in mode RGB (8 bits a channel), composited on white if it has transparency."""
    from PIL import Image

    if image.mode.startswith("I"):
        image = _eight_bits(image)
    elif image.mode == "F":
        raise PromptError("The image holds values of unknown range (mode F); save it with 8 bits a channel.")
    elif image.mode == "La":  # premultiplied grey, which Pillow converts to LA only
        image = image.convert("LA")
    with _pillow_errors("The image"):
        transparent = image.mode in ("LA", "PA", "RGBA", "RGBa") or image.info.get("transparency") is not None
        if not transparent:
            return image.convert("RGB")
        # Band by band: copies of the whole image would take several times its memory.
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
        raise PromptError("The image holds values of unknown range (mode I); save it with 8 bits a channel.")
    # Mode I is used for 8-bit pictures as well as 16-bit ones.
    shift = 8 if image.mode != "I" or values.max() > 255 else 0
    return Image.fromarray((values.astype(np.uint16) >> shift).astype(np.uint8))
