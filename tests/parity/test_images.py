"""Image preparation equals transformers' PIL processor, bit for bit."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip("transformers")
from transformers.image_utils import load_image
from transformers.models.gemma4.image_processing_pil_gemma4 import (
    Gemma4ImageProcessorPil,
    get_aspect_ratio_preserving_size,
)

from dgemma.images import BUDGETS, open_image, prepare_image, stack_images, target_size

PROCESSOR = Gemma4ImageProcessorPil()


def picture(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture of that mode with noise and edges in it."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    values[: height // 2, : width // 2] //= 4
    image = Image.fromarray(values)
    if mode in ("RGBA", "LA", "PA"):
        image.putalpha(Image.fromarray(values[:, :, 0]))
    return image if mode == "RGB" else image.convert(mode)


def assert_equal(image: Image.Image, budget: int, patch_size: int = 16, pooling: int = 3, theirs=None) -> None:
    sizes = {"patch_size": patch_size, "pooling_kernel_size": pooling}
    expected = PROCESSOR(
        images=image if theirs is None else theirs, max_soft_tokens=budget, return_tensors="pt", **sizes
    )
    prepared = prepare_image(image, budget, **sizes)
    patches, positions = stack_images([prepared], budget * pooling**2)
    assert torch.equal(patches, expected["pixel_values"])
    assert torch.equal(positions, expected["image_position_ids"])
    assert [prepared.num_soft_tokens] == torch.as_tensor(expected["num_soft_tokens_per_image"]).tolist()


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("size", [(640, 480), (97, 311), (48, 48), (1, 1), (2000, 20), (3, 900), (1000, 1000)])
def test_patches_equal_transformers(size, budget):
    assert_equal(picture(*size), budget)


@settings(max_examples=25)
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from(BUDGETS[:3]), st.sampled_from([4, 14, 16]),
       st.sampled_from([1, 2, 3]))  # fmt: skip
def test_patches_of_any_size_equal_transformers(width, height, budget, patch_size, pooling):
    assert_equal(picture(width, height, seed=width), budget, patch_size, pooling)


@settings(max_examples=400)
@given(st.integers(1, 20_000), st.integers(1, 20_000), st.sampled_from(BUDGETS))
def test_sizes_equal_transformers(width, height, budget):
    expected = get_aspect_ratio_preserving_size(height, width, 16, budget * 9, 3)
    assert target_size(height, width, budget) == expected


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "PA", "1", "CMYK", "YCbCr", "HSV"])
def test_modes_equal_transformers(mode):
    assert_equal(picture(150, 100, mode), 70)


@pytest.mark.parametrize("transparency", [3, bytes(range(0, 256, 2)) + b"\xff" * 128])
def test_palettes_with_transparency_equal_transformers(transparency):
    image = picture(150, 100, "P")
    image.info["transparency"] = transparency
    assert_equal(image, 70)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_photos_are_turned_as_transformers_turns_them(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo"
    picture(150, 70).save(path, kind, exif=exif)
    theirs = load_image(str(path))
    assert_equal(open_image(path), 70, theirs=theirs)
    # An image that the caller opened is turned in the same way, and only once.
    unturned = Image.open(io.BytesIO(path.read_bytes()))
    assert torch.equal(prepare_image(unturned, 70).patches_PC, prepare_image(open_image(path), 70).patches_PC)
