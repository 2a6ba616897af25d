"""The images of a request: where they stand in its prompt, what tells prompts with other images apart, and their soft
tokens, which the tower makes when they are needed.

Knows no chunks' ends and no caches.
"""

from collections.abc import Iterator, Sequence

import torch

from dgemma.errors import PromptError, UsageError
from dgemma.image_spans import ImageSpan
from dgemma.images import PreparedImage, stack_images
from dgemma.vision import VisionTower


class Pictures:
    """The images of one prompt, each in the place of a run of image tokens as long as it has soft tokens.

    Raises UsageError for a model without a tower or for patches of another size than its own, PromptError where images
    and image tokens do not fit each other.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        images: Sequence[PreparedImage],
        tower: VisionTower | None,
        image_token_id: int | None,
    ) -> None:
        self._prompt, self._tower = prompt, tower
        if images and (tower is None or image_token_id is None):
            raise PromptError("This model has no image tower: it reads text only. Leave the images out.")
        places = [place for place, token in enumerate(prompt) if token == image_token_id] if images else []
        self._starts: list[tuple[int, PreparedImage]] = []
        taken = 0
        for image in images:
            here = places[taken : taken + image.num_soft_tokens]
            taken += len(here)
            if len(here) < image.num_soft_tokens or here[-1] - here[0] != len(here) - 1:
                told = f"tokens at {here[0]} to {here[-1]}" if here else "no tokens"
                raise PromptError(
                    f"An image of {image.num_soft_tokens} soft tokens needs as many image tokens ({image_token_id}) in "
                    f"a row, and the prompt has {told} for it."
                )
            self._starts.append((here[0], image))
        if taken != len(places):
            raise PromptError(f"The prompt has {len(places)} image tokens, and its images {taken} soft tokens.")
        if tower is not None and any(image.patches_PC.shape[1] != 3 * tower.config.patch_size**2 for image in images):
            raise UsageError(
                f"This model's images are cut into patches of {tower.config.patch_size} by as many pixels."
            )

    def keys(self) -> tuple[int, ...]:
        """The prompt with a number below zero for each of its soft tokens, the same for the same image alone."""
        keys = list(self._prompt)
        for start, image in self._starts:
            keys[start : start + image.num_soft_tokens] = [-1 - image.digest] * image.num_soft_tokens
        return tuple(keys)

    def spans(self, start: int, stop: int) -> Iterator[ImageSpan | None]:
        """The images between two places of the prompt as spans behind the first; None before each, which is slow to
        come, so that others may have a turn."""
        for place, image in self._starts:
            if start <= place < stop and self._tower is not None:
                yield None
                (soft_SD,) = self._tower(*stack_images([image]))
                yield ImageSpan(soft_SD=soft_SD, start=place - start)

    def ids(self, start: int, stop: int, device: torch.device) -> torch.Tensor:
        """Ids of the prompt [1, T]."""
        return torch.tensor([self._prompt[start:stop]], device=device)
