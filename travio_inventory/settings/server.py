"""Where the gRPC server listens, and how it answers."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Literal

from pydantic import FilePath, field_validator

from travio_inventory.kernel.addresses import HOST_FORM, plain_host
from travio_inventory.kernel.ids import fault_of
from travio_inventory.settings.component import Component, setting


class ServerSettings(Component):
    """The gRPC server's address, its certificate, and the form of its refusals."""

    forms = MappingProxyType({"host": HOST_FORM})

    host: str = setting("GRPC_HOST", "0.0.0.0", "address to listen on; :: is every address, IPv6 and IPv4")  # noqa: S104 - callers are on other machines; TRAVIO_GRPC_HOST narrows it
    port: int = setting("GRPC_PORT", 9083, "port to listen on; 0 = any free one", ge=0, le=65_535)
    reuse_port: bool = setting(
        "GRPC_REUSE_PORT", False, "whether other processes of this machine may listen on the same port"
    )
    tls_cert: FilePath | None = setting("TLS_CERT", None, "certificate chain (PEM); unset = no TLS, set = TLS only")
    tls_key: FilePath | None = setting("TLS_KEY", None, "private key of the certificate (PEM); unset = no TLS")
    engine: Literal["grpclib", "lean"] = setting(
        "SERVER",
        "lean",
        "what reads and writes HTTP/2: lean = our own code, ten times the empty calls a second; grpclib = the library",
    )
    loop: Literal["asyncio", "uvloop"] = setting(
        "LOOP", "asyncio", "whose event loop runs the process; uvloop needs travio-inventory[uvloop]"
    )
    refusals: Literal["status", "legacy"] = setting(
        "REFUSALS",
        "status",
        "form of a refusal: status = gRPC status with details; legacy = OK with success=false",
    )

    default_organization: str = setting(
        "DEFAULT_ORGANIZATION",
        "default",
        "the organization of calls that name none and whose caller is in none: those about events and showtimes",
    )

    @field_validator("default_organization")
    @classmethod
    def _an_id(cls, value: str) -> str:
        if said := fault_of(value):
            raise ValueError(said)
        return value

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, value: str) -> str:
        return plain_host(value)

    def incomplete(self) -> Iterator[str]:
        """A certificate needs its key."""
        yield from self.both_or_neither("tls_cert", "tls_key")
