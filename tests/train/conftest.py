"""Shared by the tests of training: vocabularies are made from little text, to save time."""

import pytest

from dgemma.train import vocabulary


@pytest.fixture(autouse=True)
def little_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vocabularies are made from fifty examples instead of forty thousand."""
    sample = vocabulary.sample
    monkeypatch.setattr(vocabulary, "sample", lambda recipe, texts: sample(recipe, texts, count=50))
