"""Many at once through gRPC: one winner for every seat and segment, one hold for every key."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from travio_inventory.client import InventoryClient, Journey, SeatContended, SeatStatus, SeatTaken
from travio_inventory.seats.refusals import CONTENTION
from travio_inventory.wire.inventory import v1 as wire
from verification.kit.service_process import ORGANIZATION, ServiceProcess, serving
from verification.kit.trips import cells, cells_by_status, ends, trip_of

CONTENDERS = 200
SEGMENTS = 6
ROUNDS = 20
RIVALS = 50


@pytest.fixture(scope="module", params=["local", "absent"])
async def racecourse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceProcess]:
    """The service, with an edge that turns most contenders away, and without one, so that all reach the store."""
    async with serving(tmp_path_factory.mktemp("races"), TRAVIO_EDGE=request.param) as service:
        yield service
        assert await service.stop() == 0


async def test_overlapping_journeys_have_one_winner_each(racecourse: ServiceProcess) -> None:
    """Two hundred ask for journeys on the same two seats; then whatever is left can be won."""
    trip = trip_of("overlaps", seats=2, segments=SEGMENTS, seats_per_group=1)
    random = Random(7)
    firsts = [random.randrange(SEGMENTS) for _ in range(CONTENDERS)]
    journeys = [Journey(first, random.randrange(first, SEGMENTS)) for first in firsts]
    async with racecourse.client() as one, racecourse.client() as other:
        await one.open_trip(trip)
        clients = [(one, other)[n % 2].acting_for(f"u{n}") for n in range(CONTENDERS)]

        async def contend(client: InventoryClient, journey: Journey, seats: tuple[str, ...]) -> tuple[str, ...]:
            try:
                return (await client.hold("overlaps", *ends(journey), seats)).seats
            except (SeatContended, SeatTaken):
                return ()

        asked = [(("seat-1",), ("seat-2",), ("seat-1", "seat-2"))[n % 3] for n in range(CONTENDERS)]
        won = await asyncio.gather(*map(contend, clients, journeys, asked))
        owned = [
            cell for seats, journey in zip(won, journeys, strict=True) for cell in cells("overlaps", seats, journey)
        ]
        assert owned
        assert len(set(owned)) == len(owned)
        found = await cells_by_status(one, trip)
        assert found[SeatStatus.HELD] == set(owned)
        for _, seat, segment in found[SeatStatus.AVAILABLE]:
            assert await contend(one, Journey(segment, segment), (seat,)) == (seat,)


@pytest.mark.once
async def test_a_key_sent_twenty_times_at_once_is_one_hold(racecourse: ServiceProcess) -> None:
    trip = trip_of("keys", seats=40, seats_per_group=1)
    async with racecourse.client("sender") as one, racecourse.client("sender") as other:
        await one.open_trip(trip)
        for n in range(1, 20, 2):
            seats = [f"seat-{n}", f"seat-{n + 1}"]
            answers = await asyncio.gather(
                *(client.hold("keys", "S0", "S2", seats, key=f"k{n}") for client in (one, other) * 10)
            )
            assert len({answer.id for answer in answers}) == 1
        assert len(await one.list_holds()) == 10
        assert len((await cells_by_status(one, trip))[SeatStatus.HELD]) == 40


async def test_one_of_fifty_wins_a_seat_and_all_others_are_told_of_contention(racecourse: ServiceProcess) -> None:
    async with racecourse.client() as one, racecourse.client() as other:
        await one.open_trip(trip_of("hot", seats=ROUNDS))
        for round_ in range(1, ROUNDS + 1):
            said = await asyncio.gather(
                *(rival(client, f"u{n}", f"seat-{round_}") for n, client in enumerate((one, other) * (RIVALS // 2)))
            )
            losers = [failed for failed in said if failed is not None]
            assert len(losers) == RIVALS - 1
            assert {failed.status for failed in losers} <= {Status.ABORTED, Status.FAILED_PRECONDITION}
            assert all((failed.message or "").startswith(CONTENTION) for failed in losers)


async def rival(client: InventoryClient, user: str, seat: str) -> GRPCError | None:
    """The rival's refusal."""
    request = wire.HoldSeatsRequest(
        trip_id="hot",
        from_station_id="S0",
        to_station_id="S3",
        seat_ids=[seat],
        user_id=user,
        organization_id=ORGANIZATION,
    )
    try:
        reply = await client.stub.hold_seats(request)
    except GRPCError as failed:
        return failed
    assert reply.success
    return None
