"""What is asked all the time is cheap: how many functions a map that nobody has changed calls, and a refusal."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import pytest
from grpclib.const import Handler
from grpclib.exceptions import GRPCError
from grpclib.protocol import Peer
from multidict import MultiDict

from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.grpc.service import InventoryService
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.app.service import open_inventory
from travio_inventory.bench.bench_trips import coach
from travio_inventory.bench.calls import ORGANIZATION, SERVICE, Contest, contest_for
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.map_signals import MapSignals
from verification.kit.in_process import settings_of

MAP_CALLS_MAX, REFUSAL_CALLS_MAX = 88, 225
"""In the first release that was measured: 99 and 292."""

CONNECTION = Peer(asyncio.Transport())


class Call:
    """One call of a method, in process; `answer` is its reply, `functions` how many functions it called."""

    def __init__(self, handler: Handler, request: bytes) -> None:
        self._handler = handler
        self._request = request
        self.metadata: MultiDict[str] = MultiDict()
        self.peer = CONNECTION
        self.answer: Any = None
        self.functions = 0

    async def recv_message(self) -> Any:  # noqa: ANN401 - a message of protobuf
        return self._handler.request_type.FromString(self._request)

    async def send_message(self, answer: Any) -> None:  # noqa: ANN401 - see above
        self.answer = answer

    async def made(self) -> "Call":
        sys.setprofile(self._count)
        try:
            await self._handler.func(self)
        finally:
            sys.setprofile(None)
        return self

    def _count(self, _frame: FrameType, event: str, _of: object) -> None:
        self.functions += event in ("call", "c_call")


@asynccontextmanager
async def selling() -> AsyncIterator[tuple[dict[str, Handler], Contest]]:
    """The methods of a service, and a seat that it sells."""
    async with open_inventory(settings_of()) as inventory:
        trip = coach()
        await inventory.open_trip(Actor(ORGANIZATION, "admin"), trip)
        feeds = Feeds(inventory.follow_maps, MapSignals(), SystemClock())
        service = InventoryService(
            inventory, feeds, authentication=AuthenticationOff(), refusals="status", clock=SystemClock()
        )
        yield dict(service.__mapping__()), contest_for(trip, trip.seats[0].id)


async def test_a_map_that_nobody_has_changed_calls_few_functions() -> None:
    async with selling() as (methods, contest):
        made = [await Call(methods[f"{SERVICE}/GetSeatMap"], contest.map()).made() for _ in range(5)]
    assert len({call.answer for call in made}) <= 2  # two where a second has ended
    assert min(call.functions for call in made) <= MAP_CALLS_MAX


async def test_a_refusal_calls_few_functions() -> None:
    async with selling() as (methods, contest):
        hold = methods[f"{SERVICE}/HoldSeats"]
        await Call(hold, contest.hold("first")).made()
        late = [Call(hold, contest.hold(f"late-{number}")) for number in range(5)]
        for call in late:
            with pytest.raises(GRPCError, match="held"):
                await call.made()
    assert min(call.functions for call in late) <= REFUSAL_CALLS_MAX
