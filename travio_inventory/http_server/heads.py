"""The head of a request, beyond what its parser refuses: one host, one framing, a version that we speak (RFC 9112)."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from travio_inventory.http_server.limits import HttpRefusals, OwnAnswer

NEWEST, OLDER = "1.1", "1.0"
CHUNKED: Final = b"chunked"
FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_HOST: Final = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]{0,5})?")
"""RFC 3986, 3.2.2: an address or a name, which may be empty; and a port."""


def refusal_of(
    version: str, url: bytes, headers: Iterable[tuple[bytes, bytes]], refusals: HttpRefusals
) -> OwnAnswer | None:
    """What answers a request that others on its way may understand otherwise than we do; None for what is one."""
    if version not in (NEWEST, OLDER):
        return refusals.other_version
    if b"#" in url:
        return refusals.not_http
    hosts, coding = [], None
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            coding = value.lower()
    if len(hosts) > 1 or (version == NEWEST and not hosts) or not all(map(_HOST.fullmatch, hosts)):
        return refusals.no_host
    if coding is not None and version == OLDER:
        return refusals.not_http
    return None if coding in (None, CHUNKED) else refusals.other_coding


def body_of(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A head that frames a body as that one does; b"" if there is none."""
    framing = [b"%b: %b\r\n" % (name, value) for name, value in headers if name in FRAMING]
    return b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing) if framing else b""
