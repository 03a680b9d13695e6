"""Many holds of one seat group that lapse together end together, except those that have changed."""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import lapses, rows
from travio_inventory.protocol.batches import (
    Applied,
    Kind,
    Outcome,
    RowKey,
    Unknown,
    Write,
)
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import Confirmed, Expired, Held, Hold, HoldRequest
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.trip import Journey
from verification.kit.asking import open_trip
from verification.kit.passing import Batch, PassingMemory, Send
from verification.kit.trips import a_trip, row_of
from verification.simulation.oracle import START_MS
from verification.simulation.process import Process, Sweeper, adopting, steady_process
from verification.simulation.virtual_loop import run_virtually
from verification.simulation.world import KEY

T = TypeVar("T")

SEATS = 400
TTL_MS = 20_000
ROWS_OF_A_HOLD = 3
LAYOUT = row_of(SEATS, seat="s{}", start=0, seat_class="standard")
TRIP = a_trip(KEY.trip, organization=KEY.organization, stops="AB", seats=LAYOUT, seats_per_group="all")
GROUP = seat_rows.group_partition(KEY, 0)


class Store(PassingMemory):
    """Keeps the sizes of the batches that end holds, leaves the first `unanswered` of them without an answer, and
    loses those that would end the hold `lost`.
    """

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.ends: list[int] = []
        self.unanswered = 0
        self.lost = ""

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        ended = sum(1 for write in batch.writes if write.values.get("status") == "expired")
        if ended:
            self.ends.append(ended)
        if any(write.key == rows.hold_key(self.lost) for write in batch.writes):
            return Unknown("lost")
        outcome = await send(batch)
        if ended and self.unanswered:
            self.unanswered -= 1
            return Unknown("no answer")
        return outcome

    async def statuses(self) -> list[str]:
        """The statuses of all seats, in order of their numbers."""
        cells = await self.read(GROUP, Kind.CELL)
        return [str(cells[RowKey(Kind.CELL, seat.id, 0)]["status"]) for seat in TRIP.seats]

    async def expired_events(self) -> list[str]:
        """The holds with an event that says that they expired."""
        events = await self.read(GROUP, Kind.EVENT)
        return [rows.text(row, "subject") for row in events.values() if row["type"] == EventType.HOLD_EXPIRED]


async def all_held() -> tuple[Store, Process, list[Hold]]:
    """Every seat is held by another holder, and all holds have lapsed."""
    asyncio.get_running_loop().set_task_factory(adopting)
    store = Store()
    process = steady_process(store)
    await open_trip(process.inventory, TRIP)
    asked = [HoldRequest(Actor("o", f"u{n}"), TRIP, Journey(0, 0), (f"s{n}",), TTL_MS, None) for n in range(SEATS)]
    holds = [await process.holds.hold(request) for request in asked]
    await asyncio.sleep(TTL_MS / 1_000 + 1)
    return store, process, holds


def run(play: Coroutine[Any, Any, T]) -> T:
    """In virtual time."""
    return run_virtually(0, play)


async def swept() -> tuple[Store, list[Hold]]:
    """Run after one round of the sweeper."""
    store, process, holds = await all_held()
    await Sweeper(process)()
    return store, holds


def test_they_end_in_few_batches_each_with_its_own_event() -> None:
    async def play() -> None:
        store, holds = await swept()
        assert await store.statuses() == ["available"] * SEATS
        assert sorted(await store.expired_events()) == sorted(hold.id for hold in holds)
        assert len(store.ends) <= SEATS * ROWS_OF_A_HOLD / lapses.ROWS_TOGETHER_MAX + 1
        assert max(store.ends) * ROWS_OF_A_HOLD <= lapses.ROWS_TOGETHER_MAX

    run(play())


def test_a_hold_that_was_extended_meanwhile_lives_on_and_does_not_delay_the_others() -> None:
    async def play() -> None:
        store, process, holds = await all_held()
        some = holds[:50]
        longer = await process.holds.extend(
            Actor("o", "u7"), holds[7].id, expires_at_ms=START_MS + 600_000, total_ms_max=10**9
        )
        booked = await process.holds.confirm(Actor("o", "u9"), holds[9].id, Confirmed("order"))
        after = await process.holds.expiring.expire_together(some)
        assert {hold_id: row["status"] for hold_id, row in after.items()} == {hold.id: "expired" for hold in some} | {
            longer.id: "held",
            booked.id: "confirmed",
        }
        assert store.ends == [50, 48]
        assert (await store.statuses())[:10] == [*["available"] * 7, "held", "available", "sold"]
        assert longer.state == Held(START_MS + 600_000)

    run(play())


def test_a_hold_whose_seat_another_has_does_not_delay_the_others() -> None:
    """That is impossible; if it happens, only trying shows which hold makes the store refuse the batch."""

    async def play() -> None:
        store, process, holds = await all_held()
        stolen = Write(RowKey(Kind.CELL, "s5", 0), {}, {"owner": holds[6].id})
        assert isinstance(await store.apply(GROUP, [stolen]), Applied)
        after = await process.holds.expiring.expire_together(holds[:16])
        assert [hold.id for hold in holds[:16] if after[hold.id]["status"] != "expired"] == [holds[5].id]
        assert len(store.ends) <= 10
        assert (await store.statuses())[:16].count("available") == 15

    run(play())


def test_a_lost_answer_is_asked_for_again() -> None:
    async def play() -> None:
        store, process, holds = await all_held()
        store.unanswered = 1
        after = await process.holds.expiring.expire_together(holds[:10])
        assert [row["status"] for row in after.values()] == ["expired"] * 10
        assert sorted(await store.expired_events()) == sorted(hold.id for hold in holds[:10])
        store.unanswered = 100
        with pytest.raises(OutcomeUnknown):
            await process.holds.expiring.expire_together(holds[20:30])

    run(play())


def test_a_batch_that_cannot_be_done_does_not_delay_other_batches() -> None:
    async def play() -> None:
        store, process, holds = await all_held()
        store.lost = holds[0].id
        await Sweeper(process)()
        assert (await store.statuses()).count("held") == max(store.ends)

    run(play())


def test_a_hold_says_when_it_expired() -> None:
    async def play() -> None:
        _, process, holds = await all_held()
        await Sweeper(process)()
        found = await process.holds.find(Actor("o", "u3"), holds[3].id)
        assert found.state == Expired(holds[3].state.expires_at_ms)  # type: ignore[union-attr]

    run(play())
