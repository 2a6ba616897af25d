"""A loaded model behind HTTP, in the shapes that OpenAI's and Anthropic's clients speak."""

from dgemma.server.app import create_app
from dgemma.server.config import ServerConfig

__all__ = ["ServerConfig", "create_app"]
