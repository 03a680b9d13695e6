"""How to reach the cluster that keeps the record, and what it must provide."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Literal

from pydantic import FilePath, SecretStr, field_validator

from travio_inventory.settings.component import Component, setting
from travio_inventory.settings.environment import names
from travio_inventory.store.addresses import FORMS, KEYSPACE, parse_cluster


class ScyllaSettings(Component):
    """The scylla store."""

    forms = MappingProxyType(
        {"hosts": FORMS, "keyspace": "lower-case letters, digits and _, a letter first, 48 at most"}
    )

    environment: Literal["production", "development"] = setting(
        "ENVIRONMENT", "production", "development allows a scylla store with fewer than three copies"
    )
    hosts: str = setting("SCYLLA_HOSTS", "localhost", "some of the servers: host,host or host:port,host:port")
    keyspace: str = setting(
        "SCYLLA_KEYSPACE", "travio_inventory", "keyspace; `travio-inventory schema apply` creates it"
    )
    serial: Literal["home", "global"] = setting(
        "SCYLLA_SERIAL",
        "home",
        "which copies decide, the same for all processes: home = those of TRAVIO_SCYLLA_DATACENTER; global = those of "
        "all datacenters together, at a round trip between them for each step",
    )
    datacenter: str = setting(
        "SCYLLA_DATACENTER",
        "",
        "home datacenter, whose copies decide; unset = the only one with copies of the keyspace",
    )
    user: str = setting("SCYLLA_USER", "", "user; unset = no authentication")
    password: SecretStr = setting("SCYLLA_PASSWORD", SecretStr(""), "password of the user; unset = no authentication")
    password_file: FilePath | None = setting(
        "SCYLLA_PASSWORD_FILE",
        None,
        "file whose first line is the password, read again when it changes; unset = no file",
    )
    tls: bool = setting("SCYLLA_TLS", False, "whether to connect with TLS")
    ca_file: FilePath | None = setting(
        "SCYLLA_CA_FILE", None, "CA certificates that signed the servers' (PEM); unset = the system's"
    )
    group_commit_max: int = setting(
        "GROUP_COMMIT_MAX",
        32,
        "steps on one seat group that may share a conditional batch; 1 = each goes alone",
        ge=1,
        le=128,
    )

    @field_validator("hosts")
    @classmethod
    def _names_a_cluster(cls, value: str) -> str:
        parse_cluster(value)
        return value

    @field_validator("keyspace")
    @classmethod
    def _names_a_keyspace(cls, value: str) -> str:
        if not KEYSPACE.fullmatch(value):
            raise ValueError("is not the name of a keyspace")
        return value

    def incomplete(self) -> Iterator[str]:
        """A user needs a password, a home datacenter a home, a CA file TLS."""
        if self.password and self.password_file:
            yield f"{self.said('password_file')} and {names('scylla_password')[0]}: set only one"
        if not self.password_file:
            yield from self.both_or_neither("user", "password")
        elif not self.user:
            yield f"{self.said('password_file')} needs {names('scylla_user')[0]}"
        if self.datacenter and self.serial == "global":
            yield f"{self.said('datacenter')}: with {names('scylla_serial')[0]}=global no datacenter is home"
        if self.ca_file and not self.tls:
            yield f"{self.said('ca_file')} needs {names('scylla_tls')[0]}=on"
