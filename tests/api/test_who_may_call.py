"""Every call of the contract with every kind of caller that may not make it; and with the one that may."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import betterproto2
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.testing import ChannelFor

from tests.api.requests import VALID
from travio_inventory.api.auth.identity import ANYONE, Grant, Identity
from travio_inventory.api.auth.keys import SharedSecret
from travio_inventory.api.auth.tokens import WORDS, TokenAuthentication, TokenRules
from travio_inventory.api.grpc import descriptors
from travio_inventory.api.grpc.refusals import SerializedDetails
from travio_inventory.api.grpc.service import SERVICE, STOCK_SERVICE, InventoryService, services
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.app.service import open_inventory
from travio_inventory.app.serving import SERVICES
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.wire.inventory import v1
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token, unsigned

CALLS = {method.name: method.input_type.name for method in descriptors.pool().FindServiceByName(SERVICE).methods}
STREAMS = {"WatchSeatMap"}
EXPECTED = {
    Grant.HEALTH: {"HealthCheck"},
    Grant.VIEW: {"CheckAvailability", "BatchCheckAvailability", "GetSeatMap", "GetTripSummary", "GetAvailableSeats"}
    | STREAMS,
    Grant.READ: {"GetHold", "ListHolds", "GetTrip", "ListTrips", "ListTripSeats", "GetUserWaitlist", "GetReservation"},
    Grant.HOLD: {"HoldSeats", "ReleaseSeats", "ExtendHold", "MoveHold", "JoinWaitlist", "LeaveWaitlist"}
    | {"ReserveSeats", "CancelReservations"},
    Grant.CONFIRM: {"ConfirmBooking", "CancelBooking", "ErasePassengers", "ConfirmReservations"},
}
"""All others are for ADMIN: a call that is added is denied to all but its operators until it is named here."""
NEEDS = {name: next((grant for grant, names in EXPECTED.items() if name in names), Grant.ADMIN) for name in CALLS}
EVERY_WORD = " ".join(sorted(WORDS))
NOW = int(time.time())
NOT_BELIEVED = {
    "no token": "",
    "not a bearer": f"Basic {token(org='org', sub='user', scope=EVERY_WORD)}",
    "expired": f"Bearer {token(exp=NOW - 60, org='org', sub='user', scope=EVERY_WORD)}",
    "wrong key": f"Bearer {token(secret='x' * 32, org='org', sub='user', scope=EVERY_WORD)}",
    "wrong audience": f"Bearer {token(aud='another', org='org', sub='user', scope=EVERY_WORD)}",
    "wrong issuer": f"Bearer {token(iss='another', org='org', sub='user', scope=EVERY_WORD)}",
    "alg none": f"Bearer {unsigned(org='org', sub='user', scope=EVERY_WORD)}",
}
each_call = pytest.mark.parametrize("name", [name for name in CALLS if NEEDS[name] is not Grant.HEALTH])


@asynccontextmanager
async def serving(anonymous: Identity | None = None) -> AsyncIterator[v1.InventoryServiceStub]:
    rules = TokenRules(ISSUER, AUDIENCE, organization_claim="org", organization_default="default", leeway_s=10)
    clock = SystemClock()
    authentication = TokenAuthentication(SharedSecret(SECRET.encode()), rules, clock=clock, anonymous=anonymous)
    signals = MapSignals()
    async with open_inventory(settings_of(), signals=signals) as inventory:
        feeds = Feeds(inventory.follow_maps, signals, clock)
        service = InventoryService(inventory, feeds, authentication=authentication, refusals="status", clock=clock)
        served = ChannelFor(services(service), codec=PassThroughCodec(), status_details_codec=SerializedDetails())
        async with served as channel:
            yield v1.InventoryServiceStub(channel)
        await feeds.close()


@pytest.fixture(scope="module")
async def stub() -> AsyncIterator[v1.InventoryServiceStub]:
    async with serving() as made:
        yield made


@pytest.fixture(scope="module")
async def open_stub() -> AsyncIterator[v1.InventoryServiceStub]:
    """Of a service where anybody may look."""
    async with serving(ANYONE) as made:
        yield made


def request_of(name: str) -> betterproto2.Message:
    """A valid request, in the organization "org", of the user "user" if it has one."""
    return VALID[getattr(v1, CALLS[name])][0]


def names_an_organization(request: betterproto2.Message) -> bool:
    return any(hasattr(part, "organization_id") for part in [request, *getattr(request, "requests", [])])


async def refusal(
    stub: v1.InventoryServiceStub, name: str, authorization: str, request: betterproto2.Message | None = None
) -> tuple[Status, str, dict[str, str]]:
    """The status of the call, its reason and metadata; OK without them."""
    call = getattr(stub, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    shown = {"authorization": authorization} if authorization else {}
    answer = call(request or request_of(name), metadata=shown)
    try:
        await (anext(answer) if name in STREAMS else answer)
    except GRPCError as refused:
        return refused.status, *told_of(refused.details)
    return Status.OK, "", {}


def told_of(details: Any) -> tuple[str, dict[str, str]]:  # noqa: ANN401 - a google.rpc.Status, which has no stubs
    """The reason and its metadata."""
    info = ErrorInfo()
    details.details[0].Unpack(info)
    return info.reason, dict(info.metadata)


def unnamed(request: betterproto2.Message) -> betterproto2.Message:
    """The same request, without the names of its organization and its user."""
    same = type(request).FromString(bytes(request))
    for part in [same, *getattr(same, "requests", [])]:
        for field in ("organization_id", "user_id"):
            if hasattr(part, field):
                setattr(part, field, "")
    return same


def test_every_service_has_a_table_of_its_calls() -> None:
    """This one, and that of stock."""
    assert {*SERVICES} == {SERVICE, STOCK_SERVICE}


def test_every_call_has_an_example_and_names_what_its_caller_needs() -> None:
    assert {kind.__name__ for kind in VALID} == set(CALLS.values())
    assert set().union(*EXPECTED.values()) <= set(CALLS)
    assert set(NEEDS.values()) == {grant for grant in Grant if not grant.startswith("stock:")} - {Grant.DELEGATE}


@pytest.mark.parametrize("shown", NOT_BELIEVED.values(), ids=NOT_BELIEVED)
@each_call
async def test_a_caller_who_is_not_believed_is_unauthenticated(
    stub: v1.InventoryServiceStub, name: str, shown: str
) -> None:
    status, reason, told = await refusal(stub, name, shown)
    assert (status, reason) == (Status.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert told == ({"error": "invalid_token"} if shown.startswith("Bearer") else {})


@each_call
async def test_a_caller_needs_the_scope_of_the_call(stub: v1.InventoryServiceStub, name: str) -> None:
    needs = Grant.READ if NEEDS[name] is Grant.VIEW else NEEDS[name]
    others = " ".join(sorted(WORDS - {needs}))
    status, reason, told = await refusal(stub, name, f"Bearer {token(org='org', sub='user', scope=others)}")
    assert (status, reason, told) == (Status.PERMISSION_DENIED, "PERMISSION_DENIED", {"scope": needs})


@each_call
async def test_a_caller_with_that_scope_alone_may_make_it(stub: v1.InventoryServiceStub, name: str) -> None:
    needs = Grant.READ if NEEDS[name] is Grant.VIEW else NEEDS[name]
    status, _, _ = await refusal(stub, name, f"Bearer {token(org='org', sub='user', scope=needs)}")
    assert status not in {Status.UNAUTHENTICATED, Status.PERMISSION_DENIED}


@pytest.mark.parametrize("name", [name for name in CALLS if names_an_organization(request_of(name))])
async def test_a_caller_asks_nothing_of_another_organization(stub: v1.InventoryServiceStub, name: str) -> None:
    request = type(request_of(name)).FromString(bytes(request_of(name)))
    if hasattr(request, "organization_id"):
        request.organization_id = "org"
    shown = f"Bearer {token(org='other', sub='user', scope=EVERY_WORD)}"
    status, reason, told = await refusal(stub, name, shown, request)
    assert (status, reason, told) == (Status.PERMISSION_DENIED, "PERMISSION_DENIED", {"scope": ""})


@pytest.mark.parametrize("name", [name for name in CALLS if hasattr(request_of(name), "user_id")])
async def test_a_caller_asks_nothing_for_another_user_unless_it_is_a_delegate(
    stub: v1.InventoryServiceStub, name: str
) -> None:
    words = "read hold confirm admin"
    refused = await refusal(stub, name, f"Bearer {token(org='org', sub='other', scope=words)}")
    assert refused == (Status.PERMISSION_DENIED, "PERMISSION_DENIED", {"scope": "delegate"})
    status, _, _ = await refusal(stub, name, f"Bearer {token(org='org', sub='shop', scope=EVERY_WORD)}")
    assert status is not Status.PERMISSION_DENIED


@each_call
async def test_a_caller_need_not_repeat_what_its_token_says(stub: v1.InventoryServiceStub, name: str) -> None:
    request = unnamed(request_of(name))
    shown = f"Bearer {token(org='org', sub='user', scope='read hold confirm admin')}"
    told, told_in_full = await refusal(stub, name, shown, request), await refusal(stub, name, shown)
    assert told[0] is not Status.INVALID_ARGUMENT or told == told_in_full


async def test_health_needs_no_caller(stub: v1.InventoryServiceStub) -> None:
    for shown in NOT_BELIEVED.values():
        assert (await refusal(stub, "HealthCheck", shown))[0] is Status.OK


@each_call
async def test_where_anybody_may_look_nobody_does_more_without_a_token(
    open_stub: v1.InventoryServiceStub, name: str
) -> None:
    status, _, _ = await refusal(open_stub, name, "")
    assert (status is not Status.UNAUTHENTICATED) == (NEEDS[name] is Grant.VIEW)
    assert status is not Status.PERMISSION_DENIED
