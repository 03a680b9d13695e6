"""A large message over Connect keeps nobody waiting; with more parts than any has it is refused, not parsed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf.message import DecodeError, Message

from tests.api.large_messages import BODY_BYTES, TURN_S_MAX, longest_turn_s, of_seats
from tests.connect.serving import Both, Refused, serving
from travio_inventory.api.grpc import descriptors
from travio_inventory.api.grpc.large_messages import AT_ONCE, PARTS_MAX, read_large
from travio_inventory.api.rest.guard import BodyLimits
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.wire.inventory import v1

OPENING: type[Message] = descriptors.message_type("InitializeTripInventoryRequest")
BODIES = BodyLimits(usual_max=65_536, large_max=4_194_304, unread_max=16_777_216)


@pytest.mark.parametrize("seat", [b"", b"\x18\x01"], ids=["empty", "short"])
async def test_more_parts_than_any_message_has_are_refused_by_the_field_and_others_have_their_turn(seat: bytes) -> None:
    data = of_seats(seat, BODY_BYTES // (len(seat) + 2))
    reading = asyncio.ensure_future(read_large(data, OPENING))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    with pytest.raises(InvalidRequest) as refused:
        await reading
    assert [violation.field for violation in refused.value.violations] == ["seat_config.seats"]
    assert turns >= PARTS_MAX // AT_ONCE


async def test_a_large_message_is_read_as_it_is() -> None:
    request = OPENING(trip_id="t")
    for number in range(20_000):
        request.seat_config.seats.add(seat_id=f"seat-{number}", row=number)  # type: ignore[attr-defined]
    assert await read_large(request.SerializeToString(), OPENING) == request


@pytest.mark.parametrize(
    "wrong", [b"\x0f", b"\x0a\xff\xff\xff\x7f", b"\x08" + b"\xff" * 20], ids=["kind", "size", "number"]
)
async def test_what_is_no_message_is_none_however_large(wrong: bytes) -> None:
    with pytest.raises(DecodeError):
        await read_large(b"\x0a\x01t" * 30_000 + wrong, OPENING)


class TestOverConnect:
    """What a caller is told."""

    @pytest.fixture
    async def both(self) -> AsyncIterator[Both]:
        async with serving(bodies=BODIES) as made:
            yield made

    async def test_nobody_waits_for_what_is_refused(self, both: Both) -> None:
        data = of_seats(b"", BODY_BYTES // 2)
        asking = asyncio.ensure_future(both.post("InitializeTripInventory", data))
        assert await longest_turn_s(asking) < TURN_S_MAX
        told = Refused.read((await asking).content)
        assert (told.code, "seat_config.seats" in told.message) == ("invalid_argument", True)

    async def test_a_body_that_is_large_is_served(self, both: Both) -> None:
        seats = [v1.SeatDefinition(seat_id=f"s{at}", seat_number="1" * 30, row=at + 1, column=1) for at in range(2_000)]
        segments = [v1.SegmentDefinition(from_station_id="A", to_station_id="B")]
        asked = v1.InitializeTripInventoryRequest(
            trip_id="t", organization_id="default", segments=segments, seat_config=v1.SeatConfiguration(seats=seats)
        )
        assert not isinstance(await both.ask(asked, "InitializeTripInventory"), Refused)
