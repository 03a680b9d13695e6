"""The same wrong request is refused in the same words, whatever the face: directly, over gRPC, on the command line."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from anyio.from_thread import BlockingPortal
from grpclib.exceptions import GRPCError

from tests.typed import Type
from travio_inventory.api.refusals import MESSAGE_CHARS_MAX
from travio_inventory.client import InventoryClient
from travio_inventory.client.refusals import refusal_from
from travio_inventory.kernel.actor import Actor, service_of
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.commands import (
    AvailabilityQuery,
    BlockSeatsCommand,
    ConfirmHoldCommand,
    ExtendHoldCommand,
    HoldSeatsCommand,
    HoldsQuery,
    SeatMapQuery,
    SeatUpdate,
    WaitlistPlace,
    hold_ref,
    trip_id,
)
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.queries import ManifestQuery, SeatQuery
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Ends, Trip, TripKey
from travio_inventory.wire.inventory import v1
from verification.kit.service_process import ServiceProcess

LONG, SPACED, SPLIT, UNSEEN, CONTROL = "x" * 129, " a", "e\N{COMBINING ACUTE ACCENT}", "\N{ZERO WIDTH SPACE}", "a\nb"
REASON = "x" * 257
FIFTY_ONE = tuple(f"seat-{number}" for number in range(51))


IN_FILE = (
    "trip.id",
    "stops[0].station",
    "sections[0].seat_id",
    "sections[0].class",
    "sections[0].price_minor",
    "trip.currency",
    "trip.vehicle",
)


class Wrong(NamedTuple):
    """One request: the value that it makes, the message that carries it, the words that are typed for it."""

    rpc: str
    value: Callable[[], object]
    message: Any
    words: Sequence[str]
    organization: str = "org"
    user: str | None = "ann"


WRONG = {
    "hold": Wrong(
        "hold_seats",
        lambda: HoldSeatsCommand(trip_id=SPACED, ends=Ends("", SPLIT, 511, 512), seat_ids=("1A", UNSEEN), key=CONTROL),
        v1.HoldSeatsRequest(
            trip_id=SPACED,
            from_station_id="",
            to_station_id=SPLIT,
            from_segment_index=511,
            to_segment_index=512,
            seat_ids=["1A", UNSEEN],
            idempotency_key=CONTROL,
            user_id=LONG,
        ),
        ["hold", SPACED, "", SPLIT, "1A", UNSEEN, "--segments", "511-512", "--key", CONTROL],
        user=LONG,
    ),
    "too many seats": Wrong(
        "hold_seats",
        lambda: HoldSeatsCommand(trip_id="t", ends=Ends("a", "b"), seat_ids=FIFTY_ONE, key="k"),
        v1.HoldSeatsRequest(
            trip_id="t", from_station_id="a", to_station_id="b", seat_ids=[*FIFTY_ONE], idempotency_key="k"
        ),
        ["hold", "t", "a", "b", *FIFTY_ONE],
    ),
    "confirm": Wrong(
        "confirm_booking",
        lambda: ConfirmHoldCommand(hold_id=CONTROL, order_id=SPACED),
        v1.ConfirmBookingRequest(hold_id=CONTROL, order_id=SPACED),
        ["confirm", CONTROL, SPACED],
    ),
    "extend": Wrong(
        "extend_hold",
        lambda: ExtendHoldCommand(hold_id="x" * 500),
        v1.ExtendHoldRequest(hold_id="x" * 500),
        ["extend", "x" * 500],
        organization=CONTROL,
    ),
    "release": Wrong("release_seats", lambda: hold_ref(""), v1.ReleaseSeatsRequest(hold_id=""), ["release", ""]),
    "cancel": Wrong(
        "cancel_booking",
        lambda: hold_ref(CONTROL, "booking_id"),
        v1.CancelBookingRequest(booking_id=CONTROL),
        ["cancel", CONTROL],
    ),
    "holds show": Wrong("get_hold", lambda: hold_ref(""), v1.GetHoldRequest(hold_id=""), ["holds", "show", ""]),
    "holds list": Wrong(
        "list_holds",
        lambda: HoldsQuery(trip_id=LONG),
        v1.ListHoldsRequest(trip_id=LONG),
        ["holds", "list", "--trip", LONG],
    ),
    "availability": Wrong(
        "check_availability",
        lambda: AvailabilityQuery(trip_id=LONG, ends=Ends("a", SPACED), passengers=-1, seat_class=UNSEEN),
        v1.CheckAvailabilityRequest(
            trip_id=LONG, from_station_id="a", to_station_id=SPACED, passengers=-1, seat_class=UNSEEN
        ),
        ["availability", LONG, "a", SPACED, "--passengers", "-1", "--class", UNSEEN],
        user=None,
    ),
    "map": Wrong(
        "get_seat_map",
        lambda: SeatMapQuery(trip_id="", ends=Ends(CONTROL, "b", 512, 999)),
        v1.GetSeatMapRequest(
            trip_id="", from_station_id=CONTROL, to_station_id="b", from_segment_index=512, to_segment_index=999
        ),
        ["map", "", CONTROL, "b", "--segments", "512-999"],
        organization=SPLIT,
        user=None,
    ),
    "summary": Wrong(
        "get_trip_summary",
        lambda: SeatMapQuery(trip_id=LONG, ends=Ends("a", SPACED), section=CONTROL),
        v1.GetTripSummaryRequest(trip_id=LONG, from_station_id="a", to_station_id=SPACED, section_id=CONTROL),
        ["summary", LONG, "a", SPACED, "--section", CONTROL],
        user=None,
    ),
    "trip show": Wrong(
        "get_trip", lambda: trip_id(UNSEEN), v1.GetTripRequest(trip_id=UNSEEN), ["trip", "show", UNSEEN], user=None
    ),
    "explain": Wrong(
        "explain_seat",
        lambda: SeatQuery(trip_id=SPACED, seat_id=CONTROL),
        v1.ExplainSeatRequest(trip_id=SPACED, seat_id=CONTROL),
        ["explain", SPACED, CONTROL],
        user=None,
    ),
    "trip manifest": Wrong(
        "get_manifest",
        lambda: ManifestQuery(trip_id=SPACED, boarding=LONG, alighting=CONTROL),
        v1.GetManifestRequest(trip_id=SPACED, boarding_station_id=LONG, alighting_station_id=CONTROL),
        ["trip", "manifest", SPACED, "--boarding", LONG, "--alighting", CONTROL],
        user=None,
    ),
    "block": Wrong(
        "update_inventory",
        lambda: BlockSeatsCommand(trip_id=SPACED, updates=(SeatUpdate(LONG, is_blocked=True, reason=REASON),)),
        v1.UpdateInventoryRequest(
            trip_id=SPACED,
            updates=[v1.SeatUpdate(seat_id=LONG, new_status=v1.SeatStatus.BLOCKED, reason=REASON)],
        ),
        ["block", SPACED, LONG, "--reason", REASON],
        user=None,
    ),
    "waitlist join": Wrong(
        "join_waitlist",
        lambda: WaitlistPlace(trip_id=SPACED, seat_class=CONTROL, seats=11),
        v1.JoinWaitlistRequest(trip_id=SPACED, seat_class=CONTROL, requested_seats=11),
        ["waitlist", "join", SPACED, "--class", CONTROL, "--seats", "11"],
    ),
    "waitlist leave": Wrong(
        "leave_waitlist",
        lambda: WaitlistPlace(trip_id=SPACED, seat_class=CONTROL),
        v1.LeaveWaitlistRequest(trip_id=SPACED, seat_class=CONTROL),
        ["waitlist", "leave", SPACED, "--class", CONTROL],
        user="",
    ),
}
FILE = f"""
[trip]
organization = "org"
id = " a"
currency = "Taka"
vehicle = "{LONG}"
[[stops]]
station = ""
[[stops]]
station = "b"
[[sections]]
id = "s"
rows = "1"
columns = "A"
seat_id = " {{row}}"
class = " first"
price_minor = -1
"""
TRIP_MESSAGE = v1.InitializeTripInventoryRequest(
    organization_id="org",
    trip_id=" a",
    currency="Taka",
    vehicle_id=LONG,
    segments=[v1.SegmentDefinition(from_station_id="", to_station_id="b")],
    seat_config=v1.SeatConfiguration(
        seats=[v1.SeatDefinition(seat_id=" 1", seat_number="1A", row=1, column=1, seat_class=" first", price_paisa=-1)]
    ),
)


def directly(make: Callable[[], object], *, wrong: Wrong | None = None) -> InvalidRequest:
    """What the values say themselves."""
    found = Faults()
    if wrong is not None:
        with found:
            service_of(wrong.organization) if wrong.user is None else Actor(wrong.organization, wrong.user)
    with found:
        make()
    with pytest.raises(InvalidRequest) as refused:
        found.finish()
    return refused.value


def over_grpc(portal: BlockingPortal, server: ServiceProcess, rpc: str, message: object) -> InvalidRequest:
    """What the service says of the message."""

    async def ask() -> InvalidRequest:
        async with InventoryClient(server.target) as client:
            call = cast("Callable[[object], Awaitable[object]]", getattr(client.stub, rpc))
            with pytest.raises(GRPCError) as failed:
                await call(message)
        refusal = refusal_from(failed.value, writes=False)
        assert isinstance(refusal, InvalidRequest)
        return refusal

    return portal.call(ask)


@pytest.mark.parametrize("name", WRONG)
def test_each_face_refuses_in_the_same_words(
    typed: Type, portal: BlockingPortal, server: ServiceProcess, name: str
) -> None:
    wrong = WRONG[name]
    said = directly(wrong.value, wrong=wrong)
    message = wrong.message
    message.organization_id = wrong.organization
    if wrong.user is not None:
        message.user_id = wrong.user
    told = over_grpc(portal, server, wrong.rpc, message)
    assert (type(told), told.violations) == (type(said), said.violations)
    words = ["--json", "--organization", wrong.organization, "--target", server.target]
    words += [] if wrong.user is None else ["--user", wrong.user]
    answer = typed(*wrong.words, *words)
    error = answer.plain["error"]
    assert (error["reason"], error["message"]) == (said.reason, str(said)[:MESSAGE_CHARS_MAX])


def test_a_trip_is_refused_in_the_same_words_with_the_names_of_its_file(
    typed: Type, portal: BlockingPortal, server: ServiceProcess, tmp_path: Path
) -> None:
    seat = Seat(" 1", "1A", 1, 1, " first", "window", -1)
    said = directly(lambda: Trip(TripKey("org", " a"), (Segment("", "b"),), (seat,), vehicle=LONG, currency="Taka"))
    assert len(said.violations) == 7
    told = over_grpc(portal, server, "initialize_trip_inventory", TRIP_MESSAGE)
    assert (type(told), told.violations) == (type(said), said.violations)
    file = tmp_path / "trip.toml"
    file.write_text(FILE)
    named = "; ".join(f"{field}: {wrong.description}" for field, wrong in zip(IN_FILE, said.violations, strict=True))
    assert typed("trip", "open", str(file), "--json").plain["error"]["message"] == f"{file}: {named}"
