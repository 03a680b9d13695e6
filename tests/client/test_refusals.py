"""Every refusal survives the wire: what the service refuses with is what the client raises."""

from typing import NamedTuple

import pytest
from grpclib.const import Status
from grpclib.encoding.proto import ProtoStatusDetailsCodec
from grpclib.exceptions import GRPCError
from hypothesis import given
from hypothesis import strategies as st

from tests.client.odd_peer import (
    OddAnswer,
    bad_gateway,
    no_base64,
    not_found_page,
    odd_peer,
    refused_stream,
    reset_stream,
    unreadable_details,
)
from tests.client.service import ScriptedService, kinds_of
from travio_inventory.api.grpc.refusals import SerializedDetails, grpc_error, too_large
from travio_inventory.client import ClientError, InventoryClient
from travio_inventory.client.refusals import KINDS, MEANINGS, refusal_from
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    InvalidRequest,
    OutcomeUnknown,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Refusal,
    Unauthenticated,
    Violation,
)
from travio_inventory.seats import refusals as errors
from travio_inventory.seats.refusals import Decided, HoldEnded, TakenCell
from travio_inventory.wire.inventory.v1 import GetHoldRequest, ReleaseSeatsRequest
from verification.kit.legal_ids import several

AT_MS = 1_900_000_000_000


def an_example_of(kind: type[Refusal]) -> Refusal:
    """A refusal of that kind that carries all it can."""
    if issubclass(kind, errors.InvalidJourney):
        return kind([Violation("from_segment_index", "0 to 2, or 4 to 16")], [(0, 2), (4, 16)])
    if issubclass(kind, errors.ReplyTooLarge):
        return kind([Violation("section_id", "ask by section")], ["car, 1", "car 2"])
    if issubclass(kind, InvalidRequest):
        return kind([Violation("seat_ids", "a seat is named twice"), Violation("to_station_id", "ö")])
    return of_one_word(kind) or of_seats(kind) or kind()


def of_one_word(kind: type[Refusal]) -> Refusal | None:
    """One that carries one thing."""
    if issubclass(kind, HoldEnded | errors.ExtensionTooLong):
        return kind(AT_MS)
    if issubclass(kind, errors.HoldLimitReached | errors.HoldChanged):
        return kind(5)
    if issubclass(kind, errors.SalesClosed):
        return kind("frozen")
    if issubclass(kind, errors.TripDefinedOtherwise):
        return kind(["prices", "station names"], was_changed=True)
    if issubclass(kind, errors.TripChanged):
        return kind(7)
    if issubclass(kind, errors.Departed):
        return kind(AT_MS // 1_000)
    if issubclass(kind, PermissionDenied):
        return kind("seats:hold")
    if issubclass(kind, RateLimited):
        return kind("address", retry_after_ms=1_500)
    if issubclass(kind, Unauthenticated):
        return kind("invalid_token")
    return None


def of_seats(kind: type[Refusal]) -> Refusal | None:
    """One that carries seats."""
    if issubclass(kind, errors.SeatHeld):
        cells = [TakenCell("1A", 0, "held")]
        return kind(cells, held_until_ms=AT_MS, own_hold="t~0~h", decided=Decided("edge", AT_MS + 12))
    if issubclass(kind, errors.SeatUnavailable):
        return kind([TakenCell("1A", 0, "held"), TakenCell("deck/2-B", 12, "sold"), TakenCell("3C", 1, "blocked")])
    if issubclass(kind, errors.SeatContended):
        return kind(["1A", "2B"], retry_after_ms=1_234)
    return None


@pytest.mark.parametrize("kind", list(kinds_of(Refusal)), ids=lambda kind: kind.reason)
async def test_a_refusal_arrives_as_it_was_raised(service: ScriptedService, target: str, kind: type[Refusal]) -> None:
    refusal = an_example_of(kind)
    service.next(ReleaseSeatsRequest, refusal)
    async with InventoryClient(target, attempts_max=1) as inventory:
        with pytest.raises(Refusal) as caught:
            await inventory.release("h1")
    assert type(caught.value) is kind
    assert str(caught.value) == str(refusal)
    assert vars(caught.value) == vars(refusal)


def over_the_wire(refusal: Refusal) -> Refusal | ClientError:
    """What the client makes of what the service sends."""
    error = grpc_error(refusal)
    data = SerializedDetails().encode(error.status, error.message, error.details)
    details = ProtoStatusDetailsCodec().decode(error.status, error.message, data)
    return refusal_from(GRPCError(error.status, error.message, details), writes=True)


@given(several(10), st.integers(0, 63))
def test_seats_of_any_name_arrive_each_as_it_is(seats: list[str], segment: int) -> None:
    contended = over_the_wire(errors.SeatContended(seats, retry_after_ms=50))
    assert isinstance(contended, errors.SeatContended)
    assert contended.seats == tuple(seats)
    cells = tuple(TakenCell(seat, segment, "sold") for seat in seats)
    taken = over_the_wire(errors.SeatUnavailable(cells))
    assert isinstance(taken, errors.SeatUnavailable)
    assert taken.cells == cells


def test_the_client_knows_every_refusal() -> None:
    kinds = list(kinds_of(Refusal))
    assert len(kinds) >= 20
    assert {kind.reason: kind for kind in kinds} == KINDS


def test_every_status_has_a_meaning() -> None:
    assert MEANINGS.keys() == set(Status)
    assert EXPECTED.keys() == {status for status in Status if status is not Status.OK}


class Expected(NamedTuple):
    """What a step and a question raise for a status without a reason, and how often each is sent of two times."""

    step: type[Exception]
    steps_sent: int
    question: type[Exception]
    questions_sent: int


LOST = Expected(OutcomeUnknown, 2, BackendUnavailable, 2)
BROKEN = Expected(OutcomeUnknown, 2, ClientError, 1)
WRONG = Expected(InvalidRequest, 1, InvalidRequest, 1)
NOT_SERVED = Expected(ClientError, 1, ClientError, 1)
EXPECTED = {
    Status.CANCELLED: LOST,
    Status.UNKNOWN: BROKEN,
    Status.INVALID_ARGUMENT: WRONG,
    Status.DEADLINE_EXCEEDED: LOST,
    Status.NOT_FOUND: NOT_SERVED,
    Status.ALREADY_EXISTS: NOT_SERVED,
    Status.PERMISSION_DENIED: NOT_SERVED,
    Status.RESOURCE_EXHAUSTED: Expected(Overloaded, 2, Overloaded, 2),
    Status.FAILED_PRECONDITION: NOT_SERVED,
    Status.ABORTED: LOST,
    Status.OUT_OF_RANGE: WRONG,
    Status.UNIMPLEMENTED: NOT_SERVED,
    Status.INTERNAL: BROKEN,
    Status.UNAVAILABLE: LOST,
    Status.DATA_LOSS: BROKEN,
    Status.UNAUTHENTICATED: NOT_SERVED,
}


@pytest.mark.parametrize("status", EXPECTED)
async def test_a_status_without_a_reason_is_what_the_table_says(
    service: ScriptedService, target: str, status: Status
) -> None:
    expected = EXPECTED[status]
    said = GRPCError(status, "said by something in between")
    service.next(ReleaseSeatsRequest, said, said)
    service.next(GetHoldRequest, said, said)
    async with InventoryClient(target, attempts_max=2) as inventory:
        with pytest.raises(expected.step, match="in between") as caught:
            await inventory.release("h1")
        assert type(caught.value) is expected.step
        with pytest.raises(expected.question, match="in between") as caught:
            await inventory.find_hold("h1")
        assert type(caught.value) is expected.question
    assert len(service.seen(ReleaseSeatsRequest)) == expected.steps_sent
    assert len(service.seen(GetHoldRequest)) == expected.questions_sent


@pytest.mark.parametrize("status", EXPECTED)
async def test_our_reason_counts_with_any_status(
    service: ScriptedService, inventory: InventoryClient, status: Status
) -> None:
    service.next(ReleaseSeatsRequest, grpc_error(errors.TripNotFound(), status=status))
    with pytest.raises(errors.TripNotFound):
        await inventory.release("h1")
    assert len(service.seen(ReleaseSeatsRequest)) == 1


@pytest.mark.parametrize("status", [status for status, expected in EXPECTED.items() if expected is NOT_SERVED])
async def test_a_refusal_of_a_later_attempt_does_not_settle_the_first(
    service: ScriptedService, inventory: InventoryClient, status: Status
) -> None:
    service.next(ReleaseSeatsRequest, GRPCError(Status.UNAVAILABLE, "lost"), GRPCError(status, "not here"))
    with pytest.raises(OutcomeUnknown):
        await inventory.release("h1")
    assert len(service.seen(ReleaseSeatsRequest)) == 2


async def test_a_request_that_is_too_large_is_refused_once(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    with pytest.raises(InvalidRequest, match="bytes") as caught:
        await inventory.release("h" * 70_000)
    assert caught.value.violations[0].field == "request"
    service.next(ReleaseSeatsRequest, too_large("a message of 70000 bytes; 65536 are taken at most"))
    with pytest.raises(InvalidRequest, match="70000 bytes"):
        await inventory.release("h1")
    assert len(service.seen(ReleaseSeatsRequest)) == 1


@pytest.mark.parametrize(
    ("answer", "step", "question"),
    [
        (refused_stream, BackendUnavailable, BackendUnavailable),
        (reset_stream, OutcomeUnknown, BackendUnavailable),
        (unreadable_details, OutcomeUnknown, ClientError),
        (no_base64, OutcomeUnknown, ClientError),
        (not_found_page, ClientError, ClientError),
        (bad_gateway, OutcomeUnknown, BackendUnavailable),
    ],
)
async def test_a_status_that_the_service_never_sends_is_understood(
    answer: OddAnswer, step: type[Exception], question: type[Exception]
) -> None:
    async with odd_peer(answer) as port, InventoryClient(f"127.0.0.1:{port}", attempts_max=1) as inventory:
        with pytest.raises(step):
            await inventory.release("h1")
        with pytest.raises(question):
            await inventory.find_hold("h1")


async def test_an_invalid_argument_without_a_reason_is_an_invalid_request(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(GetHoldRequest, GRPCError(Status.INVALID_ARGUMENT, "malformed message"))
    with pytest.raises(InvalidRequest) as caught:
        await inventory.find_hold("h1")
    assert caught.value.violations == (Violation("request", "malformed message"),)
