"""What the tests of training share: vocabularies made of little text, which takes no time."""

import pytest

from dgemma.train import vocabulary


@pytest.fixture(autouse=True)
def little_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty examples instead of forty thousand."""
    sample = vocabulary.sample
    monkeypatch.setattr(vocabulary, "sample", lambda recipe, texts: sample(recipe, texts, count=50))
