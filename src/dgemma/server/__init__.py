"""HTTP server for a loaded model, compatible with OpenAI's and Anthropic's APIs."""

from dgemma.server.app import create_app
from dgemma.server.config import ServerConfig

__all__ = ["ServerConfig", "create_app"]
