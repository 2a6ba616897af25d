"""The vocabulary of a run: the one in its folder, or one that is made of what the recipe's tasks show.

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

_CHARACTERS_A_TOKEN = 16
"""Of a text that fits a row. Longer ones are cut for the vocabulary, which would take minutes over megabytes."""


def known_vocabulary(path: Path) -> Tokenizer:
    """The vocabulary of a run that goes on. Raises DataError where it is gone: its weights know no other."""
    if not path.is_file():
        raise DataError(f"{path} is gone, and the weights beside it know no other vocabulary; choose another folder.")
    return Tokenizer.from_file(path)


def make_vocabulary(path: Path, recipe: Recipe, texts: Texts) -> Tokenizer:
    """A vocabulary for the recipe, written to `path` whatever lay there."""
    backend: tokenizers.Tokenizer = train_tokenizer(sample(recipe, texts), recipe.model.vocab_size)
    write_vocabulary(backend, path)
    return Tokenizer.from_file(path)


def write_vocabulary(backend: tokenizers.Tokenizer, path: Path) -> None:
    """Writes a tokenizer.json, replacing the old one only when complete."""
    with replacing(path) as temporary:
        temporary.write_text(backend.to_str(pretty=True), encoding="utf-8")


def sample(recipe: Recipe, texts: Texts, count: int = 40_000) -> Iterator[str]:
    """Text as the tasks show it."""
    random = Random(f"{recipe.run.seed}/vocabulary")
    names, weights = zip(*recipe.data.tasks.items(), strict=True)
    tasks = find_tasks(names)
    most = _CHARACTERS_A_TOKEN * recipe.data.clean_length
    for _ in range(count):
        example = tasks[random.choices(names, weights)[0]].generate(random, "train", texts)
        yield example.prompt[:most]
        yield example.answer[:most]
    yield from texts.sentences[: count // 2]
