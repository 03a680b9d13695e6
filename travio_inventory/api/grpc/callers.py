"""Who makes a call: what its metadata and its connection show becomes an identity, which may make that call."""

from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from grpclib.protocol import Peer
from grpclib.server import Stream
from multidict import MultiMapping

from travio_inventory.api.auth.certificate_names import names_in
from travio_inventory.api.auth.identity import ANYONE, Grant, Identity
from travio_inventory.api.auth.port import Authentication, Credentials, bearer_token
from travio_inventory.kernel.refusals import InvalidRequest, Violation

Metadata: TypeAlias = MultiMapping[str | bytes]
"""What came with a call."""


class Callers:
    """The callers of a server. What a connection shows is read once."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication
        self._connections: WeakKeyDictionary[Peer, Credentials] = WeakKeyDictionary()

    async def of(self, stream: Stream[Any, Any], grant: Grant) -> Identity:
        """The caller of a call that needs the grant. Raises Unauthenticated, PermissionDenied, InvalidRequest."""
        if grant is Grant.HEALTH:
            return ANYONE
        caller = await self._authentication.identify(self._credentials(stream.peer, stream.metadata))
        caller.needs(grant)
        return caller

    def known(self, peer: Peer, metadata: Metadata, grant: Grant) -> Identity | None:
        """The same if it is known at once, and nothing is to be counted for it. Raises as `of`."""
        caller = self._authentication.known(self._credentials(peer, metadata))
        if caller is not None:
            caller.needs(grant)
        return caller

    def _credentials(self, peer: Peer, metadata: Metadata | None) -> Credentials:
        shown = self._connections.get(peer)
        if shown is None:
            shown = self._connections[peer] = shown_by(peer)
        if not metadata:
            return shown
        token, forwarded_for = _single(metadata, "authorization"), metadata.getall("x-forwarded-for", ())
        if not token and not forwarded_for:
            return shown
        return shown._replace(token=bearer_token(str(token)), forwarded_for=",".join(map(str, forwarded_for)))


def _single(metadata: Metadata, name: str) -> str | bytes:
    """The value of what must be said once. Raises InvalidRequest."""
    value, *others = metadata.getall(name, ("",))
    if any(other != value for other in others):
        raise InvalidRequest([Violation(name, "is given twice, with different values")])
    return value


def shown_by(peer: Peer) -> Credentials:
    """What the connection itself shows."""
    address = peer.addr()
    return Credentials(
        certificate_names=tuple(names_in(peer.cert() or {})),
        address=str(address[0]) if isinstance(address, tuple) else "",
    )
