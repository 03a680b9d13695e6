"""What a call over gRPC shows of its caller: its metadata, who has connected, and the names in a certificate."""

import asyncio
from typing import Any

import pytest
from grpclib.protocol import Peer
from multidict import MultiDict

from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.auth.off import ANYBODY
from travio_inventory.api.auth.port import Credentials
from travio_inventory.api.grpc.callers import Callers, shown_by


class Shown:
    """Authentication that notes what it is shown."""

    def __init__(self) -> None:
        self.credentials: list[Credentials] = []

    async def identify(self, credentials: Credentials) -> Identity:
        self.credentials.append(credentials)
        return ANYBODY

    def known(self, credentials: Credentials) -> Identity:
        self.credentials.append(credentials)
        return ANYBODY


class Connected(asyncio.Transport):
    """A connection; counts how often it is asked who has connected."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's
        if name != "peername":
            return default
        self.asked += 1
        return ("192.0.2.7", 1)


class Call:
    """What a handler gets, as far as callers are told by it."""

    def __init__(self, transport: Connected, *metadata: tuple[str, str]) -> None:
        self.peer = Peer(transport)
        self.metadata = MultiDict(metadata)


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        ([], Credentials(address="192.0.2.7")),
        ([("authorization", "Bearer abc")], Credentials("abc", address="192.0.2.7")),
        ([("authorization", "Basic abc")], Credentials(address="192.0.2.7")),
        (
            [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.9")],
            Credentials(address="192.0.2.7", forwarded_for="6.6.6.6,203.0.113.9"),
        ),
    ],
    ids=["nothing", "a token", "another scheme", "what each of two proxies wrote"],
)
async def test_a_call_shows_its_metadata_and_who_has_connected(
    metadata: list[tuple[str, str]], shown: Credentials
) -> None:
    authentication = Shown()
    call: Any = Call(Connected(), *metadata)
    await Callers(authentication).of(call, Grant.READ)
    assert authentication.credentials == [shown]


async def test_a_connection_is_read_once_and_forgotten_when_it_is_gone() -> None:
    transport, callers = Connected(), Callers(Shown())
    call: Any = Call(transport)
    for _ in range(3):
        await callers.of(call, Grant.READ)
    assert transport.asked == 1
    assert len(callers._connections) == 1
    del call
    assert len(callers._connections) == 0


async def test_health_is_asked_by_nobody() -> None:
    authentication = Shown()
    call: Any = Call(Connected())
    assert (await Callers(authentication).of(call, Grant.HEALTH)).is_anonymous
    assert authentication.credentials == []


def test_a_connection_without_an_address_shows_none() -> None:
    assert shown_by(Peer(asyncio.Transport())) == Credentials()
