"""Image preparation: budgets, upright pictures of any mode, and a one-sentence error for everything else."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dgemma import images
from dgemma.errors import PromptError, UsageError
from dgemma.images import (
    BUDGETS,
    FORMATS,
    MAX_PIXELS,
    MAX_RATIO,
    MAX_SCANS,
    as_image,
    image_size,
    open_image,
    prepare_image,
    stack_images,
    target_size,
)


def as_file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def colour(image: Image.Image) -> list[float]:
    """The one colour of a picture, 0 to 255, once it is prepared."""
    patches_PC = prepare_image(image, 70).patches_PC
    colours = patches_PC.reshape(-1, 3).unique(dim=0)
    assert len(colours) == 1
    return (colours[0] * 255).round().tolist()


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from(BUDGETS))
def test_sizes_keep_the_budget_and_nearly_the_aspect_ratio(width, height, budget):
    rows, columns = (side / 48 for side in target_size(height, width, budget))
    assert rows == int(rows) >= 1 and columns == int(columns) >= 1 and rows * columns <= budget
    # Rounding down loses less than one row and one column.
    assert (rows + 1) * (columns + 1) > budget or 1 in (rows, columns)
    if min(rows, columns) > 1:
        assert rows / (columns + 1) < height / width < (rows + 1) / columns


def test_positions_and_patches_are_in_reading_order():
    image = Image.new("RGB", (96, 48))
    image.putpixel((95, 0), (255, 0, 51))
    prepared = prepare_image(image, 70, patch_size=16)
    columns = int(prepared.positions_P2[:, 0].max()) + 1
    assert prepared.positions_P2[: columns + 1].tolist() == [*([x, 0] for x in range(columns)), [0, 1]]
    corner = prepared.patches_PC[columns - 1].reshape(16, 16, 3)
    assert corner[0, 15].argmax() == 0 and float(corner[0, 15, 0]) > 0.9
    assert prepared.num_soft_tokens * 9 == len(prepared.patches_PC)
    assert not prepared.patches_PC[columns:].any()


def test_stacked_images_are_padded_at_negative_positions():
    images = [prepare_image(Image.new("RGB", size, "white"), 70) for size in ((90, 30), (40, 40))]
    lengths = [len(image.patches_PC) for image in images]
    patches, positions = stack_images(images)
    assert patches.shape == (2, max(lengths), 768) and positions.shape == (2, max(lengths), 2)
    for row, length in enumerate(lengths):
        assert patches[row, :length].eq(1).all() and not patches[row, length:].any()
        assert positions[row, :length].ge(0).all() and positions[row, length:].eq(-1).all()
    with pytest.raises(UsageError, match="does not fit into 9"):
        stack_images(images, 9)
    with pytest.raises(UsageError, match="at least one"):
        stack_images([])


@pytest.mark.parametrize(("image", "expected"), [
    (Image.new("RGB", (9, 9), (10, 20, 30)), [10, 20, 30]),
    (Image.new("L", (9, 9), 77), [77, 77, 77]),
    (Image.new("1", (9, 9), 1), [255, 255, 255]),
    (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), [255, 0, 0]),
    (Image.new("RGBA", (9, 9), (0, 0, 0, 0)), [255, 255, 255]),
    (Image.new("RGBA", (9, 9), (255, 0, 0, 255)), [255, 0, 0]),
    (Image.new("RGBA", (9, 9), (0, 0, 0, 0)).convert("RGBa"), [255, 255, 255]),
    (Image.new("LA", (9, 9), (0, 0)), [255, 255, 255]),
    (Image.new("LA", (9, 9), (80, 255)).convert("La"), [80, 80, 80]),
    (Image.new("I;16", (9, 9), 0x8000), [128, 128, 128]),
    (Image.new("I;16B", (9, 9), 0x8000), [128, 128, 128]),
    (Image.new("I", (9, 9), 0x4000), [64, 64, 64]),
    (Image.new("I", (9, 9), 200), [200, 200, 200]),
])  # fmt: skip
def test_every_mode_shows_its_colour(image, expected):
    assert colour(image) == expected


def test_sixteen_bits_survive_a_file():
    values = np.full((20, 20), 0xC0FF, dtype=np.uint16)
    assert colour(open_image(as_file(Image.fromarray(values)))) == [192, 192, 192]


@pytest.mark.parametrize("kind", FORMATS)
def test_files_of_every_kind_are_read(kind, tmp_path):
    content = as_file(Image.new("RGB", (30, 20), "white"), kind)
    (tmp_path / "image").write_bytes(content)
    for source in (content, tmp_path / "image", str(tmp_path / "image"), io.BytesIO(content)):
        image = open_image(source)
        assert image.size == (30, 20) and colour(image) == [255, 255, 255]


def test_the_first_frame_of_an_animation_is_used():
    frames = [Image.new("RGB", (9, 9), shade) for shade in ("red", "blue")]
    content = as_file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert colour(open_image(content)) == [255, 0, 0]


def test_broken_exif_data_is_ignored():
    content = as_file(Image.new("RGB", (30, 20), "white"), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert open_image(content).size == (30, 20)


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header declares that many pixels and which holds none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def strip(height: int) -> bytes:
    return as_file(Image.new("L", (1, height)))


@pytest.mark.parametrize("source", [strip(MAX_RATIO + 1), Image.new("L", (3 * MAX_RATIO + 1, 3))])
def test_extremely_long_images_are_refused(source):
    with pytest.raises(PromptError, match="more than 10,000 times as long as wide; cut it"):
        prepare_image(as_image(source))


def test_the_longest_allowed_image_is_prepared():
    assert prepare_image(open_image(strip(MAX_RATIO)), 280).num_soft_tokens == 280


def test_an_image_too_large_for_memory_is_refused(monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "resize", full)
    with pytest.raises(PromptError, match="does not fit into this machine's memory"):
        prepare_image(Image.new("RGB", (99, 9)))


def jpeg_of_scans(count: int, suffix: bytes = b"") -> bytes:
    """A progressive JPEG of `count` scans, the last of which is repeated as often as needed."""
    written = as_file(Image.fromarray(NOISE), "JPEG", progressive=True)
    last = written.rindex(b"\xff\xda")
    missing = count - written.count(b"\xff\xda")
    return written[:-2] + written[last:-2] * missing + b"\xff\xd9" + suffix


def test_jpegs_of_too_many_scans_are_refused():
    whole = open_image(jpeg_of_scans(MAX_SCANS, suffix=b"\xff\xda" * 999))
    assert whole.size == (60, 60)
    for read in (open_image, image_size):
        with pytest.raises(PromptError, match="a JPEG of 101 scans, more than the 100 allowed"):
            read(jpeg_of_scans(MAX_SCANS + 1))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_pixels_are_shown_on_white_in_bands(mode, monkeypatch):
    shades = np.random.default_rng(1).integers(0, 256, (50, 40, 4), dtype=np.uint8)
    image = Image.fromarray(shades)
    image = image.quantize(16).convert("PA") if mode == "PA" else image.convert(mode)
    whole = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
    monkeypatch.setattr(images, "_BAND", 130)
    assert torch.equal(prepare_image(image).pixels_PC, prepare_image(whole).pixels_PC)


NOISE = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
WHOLE = {kind: as_file(Image.fromarray(NOISE), kind) for kind in FORMATS}


@pytest.mark.parametrize(("source", "message"), [
    (b"", "none of PNG, JPEG"),
    (b"not an image at all", "none of PNG, JPEG"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "none of PNG, JPEG"),
    ("no/such/file.png", "No such file"),
    ("/", "directory"),
    ("a\0b", "null"),
    (bomb(10**5, 10**5), "million pixels"),
    (bomb(9_500, 9_500), "million"),
    (bomb(30, 30), "damaged or truncated"),
    *((data[: len(data) // 2], "damaged or truncated|none of") for data in WHOLE.values()),
])  # fmt: skip
def test_damaged_and_oversized_images_are_refused_in_one_sentence(source, message):
    with pytest.raises(PromptError, match=message) as raised:
        open_image(source)
    assert str(raised.value).count("\n") == 0 and len(str(raised.value)) < 300


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damaged_files_are_read_or_refused(kind, data):
    written = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        written[data.draw(st.integers(0, min(200, len(written) - 1)))] = data.draw(st.integers(0, 255))
    try:
        prepared = prepare_image(open_image(bytes(written)), 70)
    except PromptError:
        return
    assert prepared.patches_PC.isfinite().all() and 1 <= prepared.num_soft_tokens <= 70


@pytest.mark.parametrize(("image", "error", "message"), [
    (Image.new("RGB", (0, 5)), PromptError, "shows nothing"),
    (Image.new("I", (0, 5)), PromptError, "shows nothing"),
    (Image.new("F", (5, 5)), PromptError, "mode F"),
    (Image.new("I", (5, 5), 1 << 20), PromptError, "mode I"),
    (Image.new("I", (5, 5), -1), PromptError, "mode I"),
    (Image.new("1", (MAX_PIXELS // 8 + 1, 8)), PromptError, "million"),
    (NOISE, UsageError, "ndarray"),
    ("photo.png", UsageError, "str"),
])  # fmt: skip
def test_unsupported_images_are_refused(image, error, message):
    with pytest.raises(error, match=message):
        prepare_image(image)


@pytest.mark.parametrize("budget", [0, 71, 2240])
def test_other_budgets_are_refused(budget):
    with pytest.raises(UsageError, match="70, 140, 280, 560, 1120"):
        prepare_image(Image.new("RGB", (9, 9)), budget)


def test_invalid_sources_and_truncated_lazy_images_are_refused():
    with pytest.raises(UsageError, match="int"):
        open_image(5)  # pyright: ignore[reportArgumentType]
    lazy = Image.open(io.BytesIO(WHOLE["PNG"][:3000]))
    with pytest.raises(PromptError, match="truncated"):
        prepare_image(lazy)


def test_preparing_does_not_change_the_image():
    image = Image.open(io.BytesIO(WHOLE["PNG"]))
    before = (image.mode, image.size)
    first, second = prepare_image(image), prepare_image(image)
    assert (image.mode, image.size) == before and torch.equal(first.patches_PC, second.patches_PC)
