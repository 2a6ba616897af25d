"""The server's configuration: address, API key and limits.

Promises that a server which other machines can reach has an API key. Knows nothing of models or HTTP.
"""

import ipaddress
from dataclasses import dataclass

from dgemma.errors import ConfigError

MAX_TEXT_BODY_BYTES, MAX_IMAGE_BODY_BYTES = 4 << 20, 32 << 20

_POSITIVE = (
    "max_body_bytes",
    "default_max_tokens",
    "max_choices",
    "max_connections",
    "send_timeout_s",
    "keep_alive_s",
)
"""Options that must be positive, where they are set."""


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Options of the server. The numbers of active and queued requests are limited by `EngineConfig`.

    host, port          address to listen on; port 0 picks a free port
    api_key             the key that clients must send; required unless `host` is a loopback address
    model_name          the model id that clients send
    max_body_bytes      larger bodies get a 413; None: 32 MiB if the model reads images, otherwise 4 MiB
    max_prompt_tokens   longer prompts get a 400; None: the model's context
    default_max_tokens  new tokens for a request that sets no limit; less if the context or the cache budget is smaller
    max_choices         choices that one request may ask for
    max_connections     open connections; further ones get a 503
    send_timeout_s      seconds that a client may stop reading before its stream is closed
    keep_alive_s        seconds without an event after which a stream sends a keep-alive
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
    keep_alive_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be between 0 and 65535, not {self.port}.")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable() and self.api_key):
            raise ConfigError("The API key must consist of one or more printable ASCII characters.")
        if not self.local and self.api_key is None:
            raise ConfigError(f"Other machines can reach {self.host}; set an API key, or listen on 127.0.0.1.")
        if not self.model_name:
            raise ConfigError("The model name must not be empty.")
        for name in _POSITIVE:
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ConfigError(f"{name} must be positive, not {value}.")
        if self.max_prompt_tokens is not None and self.max_prompt_tokens < 1:
            raise ConfigError(f"max_prompt_tokens must be at least 1, not {self.max_prompt_tokens}.")

    def largest_body(self, reads_images: bool) -> int:
        """Size limit of a request body in bytes."""
        if self.max_body_bytes is not None:
            return self.max_body_bytes
        return MAX_IMAGE_BODY_BYTES if reads_images else MAX_TEXT_BODY_BYTES

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host is `localhost` or a loopback address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
