"""Where the HTTP listener is, and which web pages may call it."""

from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, field_validator

from travio_inventory.kernel.addresses import HOST_FORM, plain_host
from travio_inventory.settings.component import Component, setting

EVERY_ORIGIN = "*"


class HttpSettings(Component):
    """The address of the HTTP listener, which has the gRPC server's certificate, and what may call it."""

    forms = MappingProxyType(
        {
            "host": HOST_FORM,
            "port": "off, or a whole number from 0 to 65535",
            "cors_origin": "*, or origins as https://shop.example,https://other.example:8443",
        }
    )

    host: str = setting("HTTP_HOST", "0.0.0.0", "address to listen on for HTTP; :: is every address, IPv6 and IPv4")  # noqa: S104 - callers are on other machines; TRAVIO_HTTP_HOST narrows it
    port: Annotated[int, Field(ge=0, le=65_535)] | Literal["off"] = setting(
        "HTTP_PORT", 8083, "port to listen on for HTTP; 0 = any free one; off = gRPC alone"
    )
    reuse_port: bool = setting(
        "HTTP_REUSE_PORT", False, "whether other processes of this machine may listen on the same port for HTTP"
    )
    cors_origin: str = setting(
        "CORS_ORIGIN", "", "origins of web pages that may call over HTTP; * = of all; unset = only its own pages"
    )
    connect: Literal["auto", "on", "off"] = setting(
        "CONNECT",
        "auto",
        "whether Connect and gRPC-Web are served over HTTP; auto = where travio-inventory[connect] is installed",
    )
    connections_max: int = setting(
        "HTTP_CONNECTIONS_MAX", 16_384, "open connections for HTTP, WebSockets included", ge=1, le=1_000_000
    )
    idle_connection_seconds: int = setting(
        "HTTP_IDLE_CONNECTION_SECONDS", 75, "how long an HTTP connection without a request stays open", ge=1, le=86_400
    )

    unsent_bytes_max: int = setting(
        "HTTP_UNSENT_BYTES_MAX",
        67_108_864,
        "answers that callers leave unread, together; beyond it the longest stalled caller is cut off",
        ge=1_048_576,
        le=1_073_741_824,
    )

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, value: str) -> str:
        return plain_host(value)

    @field_validator("cors_origin")
    @classmethod
    def _origins(cls, value: str) -> str:
        for origin in origins_in(value):
            scheme, _, rest = origin.partition("://")
            if origin != EVERY_ORIGIN and not (scheme in {"http", "https"} and rest and not set(rest) & set("/?# *")):
                raise ValueError("is wrong")
        return value

    @property
    def is_on(self) -> bool:
        return self.port != "off"


def origins_in(origins: str) -> tuple[str, ...]:
    """The origins in the text."""
    return tuple(origin.strip() for origin in origins.split(",") if origin.strip())
