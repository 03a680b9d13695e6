"""Every refusal survives the wire: what the service refuses with is what the client raises."""

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.client.service import ScriptedService, kinds_of
from travio_inventory.client import InventoryClient
from travio_inventory.client.refusals import KINDS
from travio_inventory.domain import errors
from travio_inventory.domain.errors import HoldEnded, InvalidRequest, Refusal, TakenCell, Violation
from travio_inventory.wire.inventory.v1 import GetHoldRequest, ReleaseSeatsRequest

AT_MS = 1_900_000_000_000


def an_example_of(kind: type[Refusal]) -> Refusal:
    """A refusal of that kind that carries all it can."""
    if issubclass(kind, InvalidRequest):
        return kind([Violation("seat_ids", "a seat is named twice"), Violation("to_station_id", "ö")])
    if issubclass(kind, HoldEnded | errors.ExtensionTooLong):
        return kind(AT_MS)
    if issubclass(kind, errors.SeatUnavailable):
        return kind([TakenCell("1A", 0, "held"), TakenCell("deck/2-B", 12, "sold"), TakenCell("3C", 1, "blocked")])
    if issubclass(kind, errors.SeatContended):
        return kind(["1A", "2B"], retry_after_ms=1_234)
    if issubclass(kind, errors.HoldLimitReached):
        return kind(5)
    return kind()


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


def test_the_client_knows_every_refusal() -> None:
    kinds = list(kinds_of(Refusal))
    assert len(kinds) >= 20
    assert {kind.reason: kind for kind in kinds} == KINDS


@pytest.mark.parametrize(
    "status",
    [Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.RESOURCE_EXHAUSTED, Status.CANCELLED, Status.ABORTED],
)
async def test_a_status_without_a_reason_leaves_a_step_unknown_and_a_question_unanswered(
    service: ScriptedService, target: str, status: Status
) -> None:
    service.next(ReleaseSeatsRequest, GRPCError(status, "said by something in between"))
    service.next(GetHoldRequest, GRPCError(status, "said by something in between"))
    async with InventoryClient(target, attempts_max=1) as inventory:
        with pytest.raises(errors.OutcomeUnknown, match="in between"):
            await inventory.release("h1")
        with pytest.raises(errors.BackendUnavailable, match="in between"):
            await inventory.find_hold("h1")


async def test_an_invalid_argument_without_a_reason_is_an_invalid_request(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(GetHoldRequest, GRPCError(Status.INVALID_ARGUMENT, "malformed message"))
    with pytest.raises(InvalidRequest) as caught:
        await inventory.find_hold("h1")
    assert caught.value.violations == (Violation("request", "malformed message"),)
