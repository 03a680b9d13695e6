"""A host and a port in one text, read as people write them; an IPv6 address is written in brackets."""

import re
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

HOST_FORM: Final = "a name or an address of this machine"

_ADDRESS: Final = re.compile(
    r"(\[(?P<v6>[0-9a-f]*:[0-9a-f:.]*(%[\w.-]+)?)\]|(?P<name>[\w.-]+))(:(?P<port>\d{1,5}))?", re.ASCII | re.IGNORECASE
)


class Address(NamedTuple):
    """Host and port of a listener."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, *, port_default: int = 0) -> Address:
    """The address in the text: name:port, 10.0.0.1:port, [::1]:port; the port may be left out only if there is a
    default. Raises ValueError.
    """
    found = _ADDRESS.fullmatch(text)
    port = int(found["port"] or port_default) if found else 0
    if found is None or not 0 < port < 65_536 or not _can_be_looked_up(found["name"] or ""):
        raise ValueError("is not an address")
    return Address(found["v6"] or found["name"], port)


def parse_web_address(text: str) -> SplitResult:
    """The parts of an address with http:// or https://, a host, and a port that there is, if any. Raises ValueError."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        is_one = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0 and _can_be_looked_up(host)
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError("is no such address")
    return parts


def plain_host(text: str) -> str:
    """The host without brackets, an IP address in its shortest form. Raises ValueError."""
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ip_address(host))
    except ValueError:
        if not _can_be_looked_up(host):
            raise ValueError("is no host") from None
        return host


def _can_be_looked_up(name: str) -> bool:
    """Whether its labels may be those of a name: Python looks up no other, and says so in its own words."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return True
