"""Who is refused at once is refused in the bytes in which the handler would refuse them, and only then."""

import asyncio
from random import Random
from typing import Any

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.test_cheap_calls import Call
from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.auth.limits import Limited, LimitedAuthentication
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.auth.port import Authentication, Credentials
from travio_inventory.api.grpc.at_once import Worth
from travio_inventory.api.grpc.service import InventoryService, Refusals
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.app.assemble import Assembly, InventoryRules, Ports, assemble
from travio_inventory.bench.bench_trips import wide
from travio_inventory.bench.calls import ORGANIZATION, SERVICE, write
from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.edge.local_rates import LocalRates
from travio_inventory.edge.remembering import GateMemory, RememberingGate
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.telemetry.metrics import Figures
from travio_inventory.telemetry.watched import CallWatch
from verification.kit.clocks import START_MS, Clock

HOLD = f"{SERVICE}/HoldSeats"


class Same(Random):
    """Retries are all told to wait equally long."""

    def randint(self, a: int, b: int) -> int:
        return (a + b) // 2


class Selling:
    """A trip of four seats on two segments in seat groups of three, sold by a service."""

    def __init__(self, *, remembered: bool = False, authentication: Authentication | None = None) -> None:
        self.figures = Figures()
        local = LocalGate(lambda: 1, lambda: START_MS, entries_max=1_000)
        gate = RememberingGate(local, GateMemory(lambda: 1)) if remembered else local
        maps = LocalSeatMapCache(lambda: 1, trips_max=8)
        store = MemoryBatches(None, Same(0), asyncio.sleep)
        ports = Ports(store, gate, gate, maps, {"told": InProcess()}, memory=gate)
        rules = InventoryRules(HoldTimes(60, 600, 900))
        self.assembly: Assembly = assemble(ports, Clock(), Same(0), rules, watch=CallWatch(self.figures))
        self.trip: Trip = wide(4, seats_per_group=3)
        self.authentication = authentication or AuthenticationOff()

    def service(self, *, refusals: Refusals = "status") -> InventoryService:
        feeds = Feeds(self.assembly.inventory.follow_maps, MapSignals(), Clock())
        return InventoryService(
            self.assembly.inventory,
            feeds,
            authentication=self.authentication,
            refusals=refusals,
            clock=Clock(),
            turn_away=self.assembly.turn_away,
        )

    async def open(self) -> None:
        await self.assembly.inventory.open_trip(Actor(ORGANIZATION, "admin"), self.trip)

    def asked(self, **fields: object) -> bytes:
        """HoldSeatsRequest of the trip: of the first seat for ann unless others are named."""
        ends = {"from_station_id": "a", "to_station_id": "c"}
        named = {"trip_id": self.trip.key.trip, "organization_id": ORGANIZATION, "user_id": "ann", "seat_ids": ["s0"]}
        return write("HoldSeatsRequest", **named | ends | fields)

    def call(self, request: bytes) -> Call:
        return Call(self.service().__mapping__()[HOLD], request)

    async def hold(self, **fields: object) -> None:
        await self.call(self.asked(**fields)).made()

    def at_once(self, request: bytes) -> GRPCError | None:
        call = self.call(request)
        return self.service().at_once()[HOLD](call.peer, call.metadata, request)


async def later(call: Call) -> tuple[Status, str | None, Any] | None:
    """How the handler refuses; None if it does not."""
    try:
        await call.made()
    except GRPCError as refusal:
        return told(refusal)
    return None


def told(refusal: GRPCError) -> tuple[Status, str | None, Any]:
    return refusal.status, refusal.message, refusal.details


REQUESTS = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["ann", "bob", "cyd", ""]),
        "seat_ids": st.lists(st.sampled_from(["s0", "s1", "s2", "s3", "s9", " "]), max_size=3),
    },
    optional={
        "from_station_id": st.sampled_from(["a", "b", "c", "x"]),
        "to_station_id": st.sampled_from(["a", "b", "c"]),
        "from_segment_index": st.sampled_from([0, 1, 7]),
        "hold_duration_seconds": st.sampled_from([-1, 30, 5_000]),
        "idempotency_key": st.sampled_from(["", "key-1", " "]),
        "settle": st.booleans(),
        "session_id": st.sampled_from(["", "session", "\n"]),
        "organization_id": st.sampled_from(["", "other"]),
        "trip_id": st.sampled_from(["", "none"]),
    },
)


@given(st.lists(REQUESTS, min_size=1, max_size=25), st.booleans())
@settings(max_examples=30, deadline=None)
def test_whatever_is_refused_at_once_the_handler_refuses_in_the_same_bytes(
    asked: list[dict[str, Any]],
    remembered: bool,
) -> None:
    async def ask_both() -> None:
        selling = Selling(remembered=remembered)
        await selling.open()
        await selling.hold(user_id="ann")
        for fields in [{"user_id": "bob"}, {"user_id": "bob"}, {"user_id": "ann"}, *asked]:
            request = selling.asked(**fields)
            at_once, again = selling.at_once(request), selling.at_once(request)
            said = await later(selling.call(request))
            for refusal in (at_once, again):
                assert refusal is None or told(refusal) == said

    asyncio.run(ask_both())


@pytest.mark.parametrize("remembered", [False, True], ids=["local", "remembered"])
async def test_a_seat_that_another_has_is_refused_at_once_and_counted_as_ever(*, remembered: bool) -> None:
    selling = Selling(remembered=remembered)
    await selling.open()
    await selling.hold(user_id="ann")
    assert await later(selling.call(selling.asked(user_id="bob"))) is not None  # a gate that asks has been told
    before = {figure.use_case + figure.outcome: figure.calls for figure in selling.figures.snapshot()}
    refusal = selling.at_once(selling.asked(user_id="bob"))
    assert refusal is not None
    assert "s0 held" in str(refusal.message)
    after = {figure.use_case + figure.outcome: figure.calls for figure in selling.figures.snapshot()}
    counted = {name: calls - before.get(name, 0) for name, calls in after.items() if calls != before.get(name, 0)}
    assert counted == {"hold_seatsSEAT_HELD": 1, "gate.enterheld": 1}


async def test_the_holder_is_told_of_the_own_hold_and_nobody_else_is() -> None:
    selling = Selling()
    await selling.open()
    await selling.hold(user_id="ann")
    own, others = (selling.at_once(selling.asked(user_id=user)) for user in ("ann", "bob"))
    assert own is not None
    assert others is not None
    assert "in your own hold" in str(own.message)
    assert "own" not in str(others.message)


@pytest.mark.parametrize(
    "fields",
    [
        {"idempotency_key": "key-1"},
        {"idempotency_key": "key-1", "settle": True},
        {"seat_ids": ["s1"]},
        {"seat_ids": ["s0", "s3"]},
        {"hold_duration_seconds": 5_000},
    ],
    ids=["with a key", "to settle", "free", "of two seat groups", "for too long"],
)
async def test_what_the_memory_cannot_decide_goes_to_the_handler(fields: dict[str, Any]) -> None:
    selling = Selling()
    await selling.open()
    await selling.hold(user_id="ann")
    assert selling.at_once(selling.asked(user_id="bob")) is not None
    assert selling.at_once(selling.asked(**{"user_id": "bob", **fields})) is None


async def test_nobody_is_refused_at_once_whose_requests_are_counted_or_who_may_not_ask() -> None:
    rates = LocalRates(lambda: 1, names_max=9)
    limited = LimitedAuthentication(AuthenticationOff(), rates, {Limited.ADDRESS: (5, 5)}, trusted_hops=0)
    viewer = Identity(frozenset({Grant.VIEW}), names_organization=True, names_user=True)
    for authentication, answers in ((AuthenticationOff(), True), (limited, False), (_Only(viewer), False)):
        selling = Selling(authentication=AuthenticationOff())
        await selling.open()
        await selling.hold(user_id="ann")
        selling.authentication = authentication
        assert (selling.at_once(selling.asked(user_id="bob")) is not None) is answers


def test_where_seats_are_free_few_requests_are_read_for_nothing_until_one_is_refused() -> None:
    worth = Worth()

    def tried(count: int) -> int:
        made = 0
        for _ in range(count):
            if worth.trying():
                made += 1
                worth.note(is_refused=False)
        return made

    assert tried(Worth.TRIES) == Worth.TRIES
    assert tried(10 * Worth.ONE_OF) == 10
    worth.note(is_refused=True)
    assert tried(Worth.TRIES) == Worth.TRIES


async def test_a_service_with_the_legacy_form_refuses_nothing_at_once() -> None:
    assert Selling().service(refusals="legacy").at_once() == {}


class _Only:
    """Authentication: everybody is that one."""

    def __init__(self, who: Identity) -> None:
        self._who = who

    async def identify(self, _credentials: Credentials) -> Identity:
        return self._who

    def known(self, _credentials: Credentials) -> Identity:
        return self._who
