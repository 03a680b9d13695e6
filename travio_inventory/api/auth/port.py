"""The port of authentication: what a call shows of its caller, and who says whose call it is."""

from typing import NamedTuple, Protocol

from travio_inventory.api.auth.identity import Identity


class Credentials(NamedTuple):
    """What a call shows of its caller, empty for what it does not show. A face fills in what it has."""

    token: str = ""
    """The bearer token, without the word before it."""
    certificate_names: tuple[str, ...] = ()
    """The names in the client certificate that the TLS layer has verified."""
    organization: str = ""
    user: str = ""
    """Who the caller says it is; believed only where nobody is authenticated."""
    address: str = ""
    """Who has connected."""
    forwarded_for: str = ""
    """What proxies say where the call comes from: the value of X-Forwarded-For."""


class Authentication(Protocol):
    """Says whose call it is."""

    async def identify(self, credentials: Credentials) -> Identity:
        """The identity. Raises Unauthenticated; and BackendUnavailable, if what it needs for that is down."""
        ...

    def known(self, credentials: Credentials) -> Identity | None:
        """The same identity, if it is known without waiting and nothing is counted for it; else None."""
        ...


def bearer_token(authorization: str) -> str:
    """The token in the value of an Authorization header, "" if there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
