"""One server on the embedded model for all tests of a session."""

import pytest

import dgemma
from tests.server.serving import running


@pytest.fixture(scope="session")
def llm():
    llm = dgemma.load("tiny")
    yield llm
    llm.engine.close()


@pytest.fixture(scope="session")
def server(llm):
    with running(llm) as server:
        yield server
