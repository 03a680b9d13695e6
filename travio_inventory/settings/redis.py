"""How to reach the edge's Redis, and what happens without it."""

from collections.abc import Iterator
from types import MappingProxyType

from pydantic import FilePath, SecretStr, field_validator

from travio_inventory.edge.redis_options import FORMS, parse_redis_address
from travio_inventory.settings.component import Component, setting
from travio_inventory.settings.environment import names


class RedisSettings(Component):
    """The redis edge."""

    forms = MappingProxyType({"addr": FORMS})

    addr: str = setting("REDIS_ADDR", "localhost:6379", f"address: {FORMS}")
    user: str = setting("REDIS_USER", "", "user; unset = the default user")
    password: SecretStr = setting("REDIS_PASSWORD", SecretStr(""), "password; unset = no authentication")
    password_file: FilePath | None = setting(
        "REDIS_PASSWORD_FILE",
        None,
        "file whose first line is the password, read again when it changes; unset = no file",
    )
    tls: bool = setting("REDIS_TLS", False, "whether to connect with TLS")
    ca_file: FilePath | None = setting(
        "REDIS_CA_FILE", None, "CA certificates that signed the servers' (PEM); unset = the system's"
    )
    reply_ms_max: int = setting(
        "REDIS_REPLY_MS_MAX", 50, "how long a call waits for an answer before it goes on without", ge=1, le=5_000
    )
    unguarded_claims_max: int = setting(
        "UNGUARDED_CLAIMS_MAX", 64, "concurrent claims that one process allows while redis is down", ge=1, le=100_000
    )

    @field_validator("addr")
    @classmethod
    def _names_a_redis(cls, value: str) -> str:
        parse_redis_address(value)
        return value

    def incomplete(self) -> Iterator[str]:
        """A user needs a password, a CA file TLS."""
        if self.password and self.password_file:
            yield f"{self.said('password_file')} and {names('redis_password')[0]}: set only one"
        if self.user and not (self.password or self.password_file):
            yield f"{self.said('user')} needs {names('redis_password')[0]}"
        if self.ca_file and not self.tls:
            yield f"{self.said('ca_file')} needs {names('redis_tls')[0]}=on"
