"""Which web pages may send requests that do something."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

EVERY_ORIGIN: Final = "*"


class Origins:
    """Pages of these origins, and of the service's own host. A caller that is no page names no origin."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = frozenset(allowed)

    def may_call(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether a request with these headers comes from such a page, or from none."""
        said = {name: value for name, value in headers if name in (b"origin", b"host")}
        if b"origin" not in said or EVERY_ORIGIN in self._allowed:
            return True
        origin, host = said[b"origin"].decode("latin1"), said.get(b"host", b"").decode("latin1")
        return origin in self._allowed or (bool(host) and _host_of(origin) == host)


def _host_of(origin: str) -> str:
    """Host and port of the origin; "" where it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # as of `http://[`
        return ""
