"""What sinks get of each event, in every shape; the older shapes tell the state of every seat of one segment."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from tests.events.described import must_be_documented
from tests.events.test_documented_events import DOCUMENT, EXAMPLES, event_of
from travio_inventory.events.shapes import SHAPES, Shape
from travio_inventory.events.shapes.cloudevents import cloud_type
from travio_inventory.events.shapes.equivalents import EQUIVALENTS, ShowtimesType, TripsType
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.shapes.native import line_of
from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import Hold
from travio_inventory.store.memory import MemoryBatches
from verification.kit.sale import TTL_S, Market, Sale

STEPS = 120
SEEDS = (1, 2)
MORE = [pytest.param(first, marks=pytest.mark.thorough) for first in range(20, 220, 10)]
TOLD = {kind.value for kind in EventType if kind.startswith(("hold.", "booking."))} | {"seats.purchased"}
ENDS = "A-B"
OLDER = (Shape.TRIPS, Shape.SHOWTIMES)
STATES = {"HELD": "held", "AVAILABLE": "available", "BOOKED": "sold"}
STATE_AFTER = {
    ShowtimesType.HELD: "held",
    ShowtimesType.EXTENDED: "held",
    ShowtimesType.RELEASED: "available",
    ShowtimesType.EXPIRED: "available",
    ShowtimesType.BOOKED: "sold",
    ShowtimesType.CANCELLED: "available",
    ShowtimesType.BLOCKED: "blocked",
    ShowtimesType.UNBLOCKED: "available",
}


def example(kind: str, **data: object) -> Event:
    """The documented event of that type, with other data in part."""
    documented = EXAMPLES[kind]
    return event_of(documented | {"data": documented["data"] | data})


def bodies(shape: Shape, event: Event) -> list[dict[str, Any]]:
    return [json.loads(message.body) for message in SHAPES[shape](event)]


def short(shape: Shape, event: Event) -> list[tuple[str, list[str], str]]:
    """The type, the seats and the rest of the id after that of the event, of each message."""
    seats = {Shape.TRIPS: lambda body: body["payload"]["seat_ids"], Shape.SHOWTIMES: lambda body: body["seatIds"]}
    return [(body["type"], seats[shape](body), body["id"].removeprefix(event.id)) for body in bodies(shape, event)]


def test_every_shape_has_a_function_and_every_type_a_line_in_the_table() -> None:
    assert SHAPES.keys() == set(Shape)
    assert EQUIVALENTS.keys() == set(EventType)
    assert {part.trips for parts in EQUIVALENTS.values() for part in parts} == {*TripsType, None}
    assert {part.showtimes for parts in EQUIVALENTS.values() for part in parts} == {*ShowtimesType}


def test_the_document_has_the_same_table() -> None:
    written = DOCUMENT.partition("## Shapes")[2].partition("\n\n")[0].splitlines()[3:]
    told = {
        kind: [", ".join(f"`{name}`" for name in names if name) or "-" for names in list(zip(*parts, strict=True))[1:]]
        for kind, parts in EQUIVALENTS.items()
        if parts
    }
    assert written == [f"| `{kind}` | {' | '.join(told.get(kind, ['-', '-']))} |" for kind in EQUIVALENTS]


@pytest.mark.parametrize("kind", EventType)
@pytest.mark.parametrize("shape", Shape)
def test_every_message_has_the_key_of_its_trip_and_an_id_of_its_own(shape: Shape, kind: EventType) -> None:
    event = example(kind)
    messages = SHAPES[shape](event)
    assert messages == SHAPES[shape](event)
    assert {message.key for message in messages} <= {"coach-7"}
    assert len({message.id for message in messages}) == len(messages)
    assert all(message.id.startswith(event.id) for message in messages)


def test_natively_the_body_is_the_whole_envelope() -> None:
    event = example("hold.created", user_id="änn")
    [message] = SHAPES[Shape.NATIVE](event)
    assert message.body.decode() == line_of(event)
    assert message.headers == {"event_type": "hold.created", "event_id": event.id}
    assert json.loads(message.body)["data"]["user_id"] == "änn"


def test_a_cloud_event_has_the_data_as_its_body_and_the_rest_as_attributes() -> None:
    event = example("hold.created")
    [message] = SHAPES[Shape.CLOUDEVENTS](event)
    assert json.loads(message.body) == EXAMPLES["hold.created"]["data"]
    assert (message.content_type, message.headers) == ("application/json", {})
    assert message.attributes == {
        "specversion": "1.0",
        "id": event.id,
        "source": "/travio-inventory/organizations/acme",
        "type": "travio.inventory.hold.created.v1",
        "subject": event.subject,
        "time": "2027-01-15T08:00:00.000Z",
        "partitionkey": "coach-7",
        "organization": "acme",
        "actor": "user",
        "ordinal": "0",
    }
    assert message.type == message.attributes["type"]
    assert message.all_headers(prefix="ce_")["ce_id"] == event.id


def test_a_source_is_a_reference_whatever_the_organization_is_called() -> None:
    documented = EXAMPLES["hold.created"] | {"organization": "a/b ö?"}
    [message] = SHAPES[Shape.CLOUDEVENTS](event_of(documented))
    assert message.attributes["source"] == "/travio-inventory/organizations/a%2Fb%20%C3%B6%3F"


def test_an_attribute_of_a_cloud_event_has_a_name_of_small_letters_and_digits() -> None:
    for kind in EventType:
        [message] = SHAPES[Shape.CLOUDEVENTS](example(kind))
        assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in message.attributes)
        assert message.type == cloud_type(kind, 1)


def test_trips_are_told_in_the_shape_that_their_readers_know() -> None:
    event = example("hold.created")
    [message] = SHAPES[Shape.TRIPS](event)
    assert message.headers == {"event_type": "inventory.seats_held", "event_id": event.id}
    at = datetime.fromtimestamp(event.at_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert json.loads(message.body) == {
        "id": event.id,
        "type": "inventory.seats_held",
        "aggregate_id": "coach-7",
        "timestamp": at,
        "version": 1,
        "payload": {"trip_id": "coach-7", "seat_ids": ["A1", "A2"], "status": "HELD", "updated_at": at},
    }


def test_showtimes_are_told_in_the_shape_that_their_readers_know() -> None:
    event = example("seats.purchased")
    [message] = SHAPES[Shape.SHOWTIMES](event)
    assert (message.type, message.headers["event_type"]) == ("seats.purchased", "seats.purchased")
    assert json.loads(message.body) == {
        "id": event.id,
        "type": "seats.purchased",
        "occurredAt": "2027-01-15T08:06:40.000Z",
        "showtimeId": "coach-7",
        "seatIds": ["A1", "A2"],
        "holdId": event.subject,
        "userId": "ann",
        "orderId": "order-7",
    }
    assert bodies(Shape.SHOWTIMES, example("hold.extended"))[0]["expiresAt"] == "2027-01-15T08:20:00.000Z"


@pytest.mark.parametrize(
    ("event", "trips", "showtimes"),
    [
        (
            example("hold.changed", seats=["A1", "A3"]),
            [("inventory.seats_released", ["A2"], ""), ("inventory.seats_held", ["A3"], "~2")],
            [("hold.released", ["A2"], ""), ("hold.created", ["A3"], "~2")],
        ),
        (
            example("hold.changed", seats=["A1", "A2", "A3"]),
            [("inventory.seats_held", ["A3"], "~2")],
            [("hold.created", ["A3"], "~2")],
        ),
        (example("hold.changed", seats=["A2", "A1"], first_segment=1), [], []),
        (
            example("seats.purchased", seats=["A1"], given_back=["A2"]),
            [("inventory.seats_booked", ["A1"], ""), ("inventory.seats_released", ["A2"], "~2")],
            [("seats.purchased", ["A1"], ""), ("hold.released", ["A2"], "~2")],
        ),
        (
            example("booking.changed", seats=["A4"]),
            [("inventory.seats_released", ["A1", "A2"], ""), ("inventory.seats_booked", ["A4"], "~2")],
            [("purchase.cancelled", ["A1", "A2"], ""), ("seats.purchased", ["A4"], "~2")],
        ),
        (
            example("booking.cancelled"),
            [("inventory.seats_released", ["A1", "A2"], "")],
            [("purchase.cancelled", ["A1", "A2"], "")],
        ),
        (
            example("hold.expired"),
            [("inventory.seats_released", ["A1", "A2"], "")],
            [("hold.expired", ["A1", "A2"], "")],
        ),
        (example("hold.extended"), [], [("hold.extended", ["A1", "A2"], "")]),
        (example("seats.blocked"), [], [("seats.blocked", ["C4"], "")]),
        (example("seats.unblocked"), [], [("seats.unblocked", ["C4"], "")]),
        (example("passengers.erased"), [], []),
        (example("payment.refund_required"), [], []),
        (example("trip.cancelled"), [], []),
        (example("trip.vehicle_swapped"), [], []),
    ],
    ids=lambda value: value.type if isinstance(value, Event) else "",
)
def test_the_older_shapes_tell_what_became_of_which_seats(
    event: Event, trips: list[tuple[str, list[str], str]], showtimes: list[tuple[str, list[str], str]]
) -> None:
    assert short(Shape.TRIPS, event) == trips
    assert short(Shape.SHOWTIMES, event) == showtimes


@pytest.mark.parametrize("shape", [Shape.TRIPS, Shape.SHOWTIMES])
@pytest.mark.parametrize("newer", [{"version": 2}, {"type": "hold.swapped"}])
def test_an_older_shape_of_a_newer_event_is_not_known_and_the_others_pass_it_on(
    shape: Shape, newer: dict[str, object]
) -> None:
    event = event_of(EXAMPLES["hold.created"] | newer)
    with pytest.raises(ValueError, match="is not known here"):
        SHAPES[shape](event)
    for own in (Shape.NATIVE, Shape.CLOUDEVENTS):
        assert len(SHAPES[own](event)) == 1


class Board:
    """What a reader of one of the older shapes knows of each seat."""

    def __init__(self, shape: Shape, sale: Sale) -> None:
        self.shape = shape
        self.states = dict.fromkeys((seat.id for seat in sale.trip.seats), "available")

    def read(self, messages: Sequence[Message]) -> None:
        for message in messages:
            body = json.loads(message.body)
            if self.shape is Shape.TRIPS:
                self.states |= dict.fromkeys(body["payload"]["seat_ids"], STATES[body["payload"]["status"]])
            else:
                self.states |= dict.fromkeys(body["seatIds"], STATE_AFTER[ShowtimesType(body["type"])])


async def a_step(sale: Sale, random: Random, holds: list[Hold]) -> None:
    """Anything that anybody may do; refusals change nothing."""
    seats = [seat.id for seat in sale.trip.seats]
    if not holds or random.random() < 0.3:
        holds.append(await sale.hold(" ".join(random.sample(seats, random.randint(1, 4))), ENDS))
        return
    place = random.randrange(len(holds))
    hold = holds[place]
    some = random.choice(["", random.choice(hold.seats)])
    match random.randrange(7):
        case 0:
            holds[place] = await sale.confirm(hold, f"order-{place}", seats=some)
        case 1:
            holds[place] = await sale.release(hold, some)
        case 2:
            holds[place] = await sale.cancel(hold, some)
        case 3:
            holds[place] = await sale.extend(hold)
        case 4:
            holds[place] = await sale.move(hold, f"{random.choice(hold.seats)}>{random.choice(seats)}")
        case 5:
            sale.clock.pass_s(random.choice([1, TTL_S // 2]))
        case _:
            sale.clock.pass_s(TTL_S + 1)
            await sale.sweep()
            holds[place] = await sale.confirm(hold, f"order-{place}")


async def day(seed: int) -> set[str]:
    """Sell at random; after each step the boards are what the map shows. The types of what was told."""
    random = Random(seed)
    store = MemoryBatches(None, random, lambda _: anyio.lowlevel.checkpoint())
    async with Market(store) as market:
        sale = await market.open(stops="AB", seats=12, seats_per_group=4)
        boards, holds, told = [Board(shape, sale) for shape in OLDER], list[Hold](), set[str]()
        for _ in range(STEPS):
            try:
                await a_step(sale, random, holds)
            except Refusal:
                continue
            await sale.settled()
            await sale.sweep()
            for event in await sale.relay():
                told.add(event.type)
                must_be_documented(event)
                for board in boards:
                    board.read(SHAPES[board.shape](event))
            shown = await sale.map(ENDS)
            assert {board.shape: board.states for board in boards} == dict.fromkeys(OLDER, shown)
        return told


async def test_whoever_reads_an_older_shape_knows_the_state_of_every_seat_of_a_segment() -> None:
    told = set().union(*[await day(seed) for seed in SEEDS])
    assert told >= TOLD, f"choose other seeds: {sorted(TOLD - told)} did not happen"


@pytest.mark.parametrize("first", [pytest.param(10, marks=pytest.mark.once), *MORE])
async def test_what_was_given_back_is_told_before_it_is_taken_again_on_every_day(first: int) -> None:
    for seed in range(first, first + 10):
        await day(seed)


def test_the_older_shapes_tell_nothing_of_stock() -> None:
    """They know seats alone; a sink of theirs must not refuse the event, or it would be handed over for ever."""
    event = replace(example("hold.created"), type="inventory.stock_updated", data='{"sku":"cup"}')
    told = {shape: SHAPES[shape](event) for shape in SHAPES}
    [flat] = told[Shape.STOCK]
    assert json.loads(flat.body) == {
        "eventId": event.id, "type": event.type, "sku": "cup", "organizationId": event.organization,
        "timestamp": "2027-01-15T08:00:00.000Z",
    }  # fmt: skip
    assert (flat.key, SHAPES[Shape.STOCK](example("hold.created"))) == (event.partition_key, ())
    assert [*told[Shape.TRIPS], *told[Shape.SHOWTIMES]] == []
    assert told[Shape.CLOUDEVENTS][0].type == "travio.inventory.inventory.stock_updated.v1"
    assert json.loads(told[Shape.NATIVE][0].body)["data"] == {"sku": "cup"}
