"""The images of a request: their places in the prompt, keys that distinguish prompts with different images, and their
soft tokens, which the image tower computes when they are needed.

Knows nothing of chunks and KV caches.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from dgemma.errors import PromptError, UsageError
from dgemma.image_spans import ImageSpan
from dgemma.images import PreparedImage
from dgemma.vision import VisionTower

MAX_KEPT = 16
"""Images whose soft tokens are kept, for several replies to one prompt: 3 MB each for 280 tokens of the released
model's width."""


class SoftTokens:
    """An image tower and a cache of its latest results. Only the thread with the engine's device lock may use it."""

    def __init__(self, tower: VisionTower) -> None:
        self.tower = tower
        self._kept: OrderedDict[int, Tensor] = OrderedDict()
        self._times_forgotten = 0

    def compute(self, image: PreparedImage) -> Iterator[Tensor | None]:
        """Yields None after each part of the work, then the soft tokens [S, D] of the image."""
        soft_SD, begun = self._kept.get(image.digest), self._times_forgotten
        if soft_SD is None:
            for soft_SD in self.tower.steps(image.patches_PC, image.positions_P2):
                if soft_SD is None:
                    yield None
        assert soft_SD is not None
        if begun == self._times_forgotten:
            self._kept[image.digest] = soft_SD
            self._kept.move_to_end(image.digest)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        yield soft_SD

    def forget(self) -> None:
        """Drops all kept soft tokens, since the tower's weights have changed."""
        self._kept.clear()
        self._times_forgotten += 1


class RequestImages:
    """The images of one prompt. Each takes the place of a run of image tokens, one for each of its soft tokens.

    Raises PromptError for a model without an image tower, for images and image tokens that do not match, and for an
    image that is too long for the tower or that ends the prompt; UsageError for patches of the wrong size.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        images: Sequence[PreparedImage],
        soft_tokens: SoftTokens | None,
        image_token_id: int | None,
    ) -> None:
        self._prompt, self._soft_tokens = prompt, soft_tokens
        self._starts: list[tuple[int, PreparedImage]] = []
        if not images:
            return
        if soft_tokens is None or image_token_id is None:
            raise PromptError("This model has no image tower: it reads text only. Leave the images out.")
        places = [place for place, token in enumerate(prompt) if token == image_token_id]
        taken = 0
        for image in images:
            here = places[taken : taken + image.num_soft_tokens]
            taken += len(here)
            if len(here) < image.num_soft_tokens or here[-1] - here[0] != len(here) - 1:
                found = f"tokens at {here[0]} to {here[-1]}" if here else "no tokens"
                raise PromptError(
                    f"An image of {image.num_soft_tokens} soft tokens needs as many image tokens ({image_token_id}) in "
                    f"a row, and the prompt has {found} for it."
                )
            self._starts.append((here[0], image))
        if taken != len(places):
            raise PromptError(f"The prompt has {len(places)} image tokens, and its images have {taken} soft tokens.")
        if places[-1] == len(prompt) - 1:
            raise PromptError("The prompt ends with an image; a token must follow it, such as the end-of-image token.")
        config = soft_tokens.tower.config
        for image in images:
            if image.pixels_PC.shape[1] != 3 * config.patch_size**2:
                raise UsageError(f"This model takes patches of {config.patch_size} by {config.patch_size} pixels.")
            if (longest := int(image.positions_P2.max()) + 1) > config.position_embedding_size:
                most = config.position_embedding_size
                raise PromptError(f"An image of {longest} patches in a row is too long; this model takes {most}.")

    def keys(self) -> tuple[int, ...]:
        """The prompt's ids, with each image token replaced by a negative number that identifies the image."""
        keys = list(self._prompt)
        for start, image in self._starts:
            keys[start : start + image.num_soft_tokens] = [-1 - image.digest] * image.num_soft_tokens
        return tuple(keys)

    def spans(self, start: int, stop: int) -> Iterator[ImageSpan | None]:
        """The images in prompt[start:stop] as spans, counted from `start`. Yields None after each part of the work, so
        that other requests may have a turn in between."""
        for place, image in self._starts:
            if start <= place < stop and self._soft_tokens is not None:
                for soft_SD in self._soft_tokens.compute(image):
                    yield None if soft_SD is None else ImageSpan(soft_SD=soft_SD, start=place - start)

    def ids(self, start: int, stop: int, device: torch.device) -> Tensor:
        """The ids prompt[start:stop] as a tensor [1, T]."""
        return torch.tensor([self._prompt[start:stop]], device=device)
