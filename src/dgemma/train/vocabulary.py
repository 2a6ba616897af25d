"""The tokenizer of a run: the one in its folder, or one trained on examples of the recipe's tasks.

Knows nothing of weights.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import tokenizers

from dgemma.errors import DataError
from dgemma.evals.example import Texts
from dgemma.evals.pairs import find_tasks
from dgemma.files import replacing
from dgemma.tokenizer import Tokenizer
from dgemma.train.recipe import Recipe
from dgemma.train.tokenizer import train_tokenizer

_CHARACTERS_PER_TOKEN = 16
"""An upper estimate for a text that fits a row. Longer texts are cut: training on megabytes would take minutes."""


def load_vocabulary(path: Path) -> Tokenizer:
    """The tokenizer of a run that resumes. Raises DataError if its file is gone: the weights need exactly that one."""
    if not path.is_file():
        raise DataError(
            f"{path} is gone, and the saved weights cannot be used with another vocabulary; choose another folder."
        )
    return Tokenizer.from_file(path)


def make_vocabulary(path: Path, recipe: Recipe, texts: Texts) -> Tokenizer:
    """Trains a tokenizer for the recipe and writes it to `path`, replacing any file there."""
    backend: tokenizers.Tokenizer = train_tokenizer(sample(recipe, texts), recipe.model.vocab_size)
    write_vocabulary(backend, path)
    return Tokenizer.from_file(path)


def write_vocabulary(backend: tokenizers.Tokenizer, path: Path) -> None:
    """Writes a tokenizer.json; the old one is replaced only once the new one is complete."""
    with replacing(path) as temporary:
        temporary.write_text(backend.to_str(pretty=True), encoding="utf-8")


def sample(recipe: Recipe, texts: Texts, count: int = 40_000) -> Iterator[str]:
    """Prompts and answers of `count` training examples, and up to half as many natural sentences."""
    random = Random(f"{recipe.run.seed}/vocabulary")
    names, weights = zip(*recipe.data.tasks.items(), strict=True)
    tasks = find_tasks(names)
    limit = _CHARACTERS_PER_TOKEN * recipe.data.clean_length
    for _ in range(count):
        example = tasks[random.choices(names, weights)[0]].generate(random, "train", texts)
        yield example.prompt[:limit]
        yield example.answer[:limit]
    yield from texts.sentences[: count // 2]
