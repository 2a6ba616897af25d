"""Where the service listens, who may use it, and how much it takes on.

Promises that a service which others can reach has a key. Knows nothing of models or of HTTP.
"""

import ipaddress
from dataclasses import dataclass

from dgemma.errors import ConfigError

LARGEST_OF_TEXT, LARGEST_WITH_IMAGES = 4 << 20, 32 << 20


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Every number and name of the service. How many replies run and wait is the engine's to limit (`EngineConfig`).

    host, port         where it listens; port 0 takes a free one
    api_key            what clients must send; needed when `host` is not this machine alone
    model_name         the id under which clients ask for the model
    max_body_bytes     larger bodies are answered with 413; None: what the model's usual requests take, images or texts
    max_prompt_tokens  longer prompts are answered with 400; None: what the model's context holds
    default_max_tokens new tokens for a request that names no limit of its own, or as many as context and memory hold
    max_choices        replies that one request may ask for
    max_connections    open connections; the next one is answered with 503
    send_timeout_s     seconds that a client may refuse to read before its stream is cut off
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = None
    model_name: str = "tiny"
    max_body_bytes: int | None = None
    max_prompt_tokens: int | None = None
    default_max_tokens: int = 2048
    max_choices: int = 16
    max_connections: int = 512
    send_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be between 0 and 65535, not {self.port}.")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable() and self.api_key):
            raise ConfigError("The API key must be printable ASCII characters, at least one.")
        if not self.local and self.api_key is None:
            raise ConfigError(f"Listening on {self.host} lets others in; set an API key, or listen on 127.0.0.1.")
        if not self.model_name:
            raise ConfigError("The model needs a name.")
        for name in ("max_body_bytes", "default_max_tokens", "max_choices", "max_connections", "send_timeout_s"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ConfigError(f"{name} must be positive, not {value}.")
        if self.max_prompt_tokens is not None and self.max_prompt_tokens < 1:
            raise ConfigError(f"max_prompt_tokens must be at least 1, not {self.max_prompt_tokens}.")

    def largest_body(self, reads_images: bool) -> int:
        """Bytes of the largest body that is taken."""
        if self.max_body_bytes is not None:
            return self.max_body_bytes
        return LARGEST_WITH_IMAGES if reads_images else LARGEST_OF_TEXT

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine and no other."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
