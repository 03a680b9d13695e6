"""A broker as an operator writes it, in one URL: servers, login, TLS and options. No message ever has a value of it."""

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, unquote

from travio_inventory.kernel.addresses import Address, parse_address
from travio_inventory.kernel.key_files import FileVersion, show_certificate, version_of

BETWEEN_SERVERS = ";"
"""A comma begins the next sink."""
SERVERS_MAX = 16
SECRET_BYTES_MAX = 4_096
SWITCH = {"on": True, "off": False}

W = TypeVar("W", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file with a secret in it, which is read at each new connection: a new secret needs no restart."""

    path: Path
    option: str
    """What names the file."""

    def read(self) -> str:
        """What it says now, without the end of its line. Raises OSError, which names a path that begins with / alone:
        anything else may be the secret itself, so the option is named.
        """
        try:
            with self.path.open("rb") as file:
                return file.read(SECRET_BYTES_MAX).decode(errors="replace").rstrip("\r\n")
        except OSError as failed:
            if not self.path.is_absolute():
                failed.filename = f"{self.option} (not shown, as it does not begin with /)"
            raise


@dataclass(frozen=True, slots=True)
class Login:
    """A user and its password, which is never shown."""

    user: str
    password: str | SecretFile = field(repr=False)

    def versions(self) -> tuple[FileVersion, ...]:
        """What changes when the password is renewed."""
        return (version_of(self.password.path),) if isinstance(self.password, SecretFile) else ()

    def secret(self) -> str:
        """The password as it is now. Raises OSError."""
        return self.password.read() if isinstance(self.password, SecretFile) else self.password


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom we trust (None: the system's authorities), and what we show of ourselves, if anything."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def versions(self) -> tuple[FileVersion, ...]:
        """What changes when a file is renewed."""
        return tuple(version_of(file) for file in (self.ca_file, self.cert_file, self.key_file) if file)

    def context(self) -> ssl.SSLContext:
        """With the files as they are now. Raises OSError."""
        made = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file:
            show_certificate(made, self.cert_file, self.key_file)
        return made


class BrokerUrl:
    """The parts of a URL. Each option is taken once by name; `end` refuses those that nobody took."""

    def __init__(self, text: str, *, port_default: int, tls_default: bool = False) -> None:
        """Raises ValueError."""
        self._tls_default = tls_default
        _, _, rest = text.partition("://")
        rest, _, query = rest.partition("?")
        authority, _, self.path = rest.partition("/")
        logged_in, _, servers = authority.rpartition("@")
        self.servers = _servers(servers, port_default)
        self._user, self._has_password, self._password = logged_in.partition(":")
        self._options = _options(query)

    def login(self) -> Login | None:
        """`user:password@` before the servers, or `user@` and the option `password_file`. Raises ValueError."""
        file = self.path_of("password_file")
        user = unquote(self._user)
        if not user and (self._has_password or file):
            raise ValueError("has a password and no user: write USER:PASSWORD@ or USER@ before the servers")
        if not user:
            return None
        if bool(self._has_password) == bool(file):
            raise ValueError("needs the password of its user once: as USER:PASSWORD@ or in password_file")
        return Login(user, SecretFile(file, "password_file") if file else unquote(self._password))

    def tls(self) -> Tls | None:
        """The options `tls`, `ca_file`, `cert_file` and `key_file`. Raises ValueError."""
        is_on = self.switch("tls", default=self._tls_default)
        ca, cert, key = (self.path_of(name) for name in ("ca_file", "cert_file", "key_file"))
        if not is_on and (ca or cert or key):
            raise ValueError("has files for TLS, which need tls=on")
        if bool(cert) != bool(key):
            raise ValueError("needs cert_file and key_file, or neither")
        return Tls(ca, cert, key) if is_on else None

    def text(self, name: str, default: str) -> str:
        """The option as it is."""
        return self._options.pop(name, default)

    def path_of(self, name: str) -> Path | None:
        """The option as the path of a file."""
        said = self._options.pop(name, "")
        return Path(said) if said else None

    def switch(self, name: str, *, default: bool) -> bool:
        """The option as on or off. Raises ValueError."""
        said = self._options.pop(name, "on" if default else "off")
        if said not in SWITCH:
            raise ValueError(f"has a wrong {name}: allowed is {' or '.join(SWITCH)}")
        return SWITCH[said]

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """The option as a whole number. Raises ValueError."""
        said = self._options.pop(name, str(default))
        if not (said.isascii() and said.isdigit() and len(said) <= 12 and least <= int(said) <= most):
            raise ValueError(f"has a wrong {name}: allowed is a whole number from {least} to {most}")
        return int(said)

    def word(self, name: str, default: W) -> W:
        """The option as one of the words of the default's kind. Raises ValueError."""
        said = self._options.pop(name, default.value)
        words = [each.value for each in type(default)]
        if said not in words:
            raise ValueError(f"has a wrong {name}: allowed is {' or '.join(words)}")
        return type(default)(said)

    def end(self, *, with_path: bool = False) -> None:
        """Raises ValueError for an option that nobody took, and for a path where there is none."""
        if self._options:
            raise ValueError(f"has an option {min(self._options)!r}, which is not known")
        if self.path and not with_path:
            raise ValueError("has a path after its servers")


def _servers(text: str, port_default: int) -> tuple[Address, ...]:
    try:
        found = tuple(parse_address(one.strip(), port_default=port_default) for one in text.split(BETWEEN_SERVERS))
    except ValueError:
        raise ValueError(
            "names no servers, or one wrongly: write HOST:PORT with a port from 1 to 65535,"
            f" several with {BETWEEN_SERVERS} between them, and a comma in it as %2C"
        ) from None
    if len(found) > SERVERS_MAX:
        raise ValueError(f"names more than {SERVERS_MAX} servers")
    return found


def _options(query: str) -> dict[str, str]:
    try:
        found = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("has options that are not NAME=VALUE&NAME=VALUE") from None
    made = dict(found)
    if len(made) < len(found):
        raise ValueError("has an option twice")
    return made
