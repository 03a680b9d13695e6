"""Places on waiting lists that were left are forgotten, and nobody who waits is."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest

from tests.seats.keeping import ANN, KEPT, TRIP, Keeping
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import FOR_EVER, Index, Kind, NotDone, Outcome, Partition, Table
from travio_inventory.seats.records import places
from travio_inventory.seats.records.list_turns import PLACES_PER_ROW, Join, Leave, entry_key
from travio_inventory.seats.records.waitlists import LEFT_S, listed
from travio_inventory.seats.refusals import NotOnWaitlist
from verification.aging.counting import CountingBatches
from verification.kit.passing import Batch, PassingMemory, Send
from verification.simulation.virtual_loop import run_virtually

LIST = Partition(Table.WAITLISTS, TRIP.key.organization, f"{TRIP.key.trip}\x1f")
HELD_UP_S = 5.0
"""Less than a join has patience."""


class HeldUp(PassingMemory):
    """Holds up the next batch of that sort; lists no place any more once it `is_listing` no longer."""

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.holds_up: Callable[[Batch], bool] | None = None
        self.for_s = HELD_UP_S
        self.reached = asyncio.Event()
        self.is_listing = True

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """See PassingMemory."""
        if not self.is_listing and lists(batch):
            return NotDone("the store is down")
        if self.holds_up is not None and self.holds_up(batch):
            self.holds_up = None
            self.reached.set()
            await asyncio.sleep(self.for_s)
        return await send(batch)


def living(day: Callable[[Keeping, HeldUp], Coroutine[Any, Any, None]]) -> None:
    """Such a day of a process on a trip that people wait for."""

    async def run() -> None:
        store = HeldUp()
        process = Keeping(store)
        await process.open_trip()
        await day(process, store)
        await process.assembly.steps.drain(5)

    run_virtually(0, run())


def joins(batch: Batch) -> bool:
    """A batch that takes a place."""
    return any(write.values.get("status") == "waiting" for write in batch.writes)


def lets_go(batch: Batch) -> bool:
    """An entry for a list that was left."""
    return any(entry.of is Index.WAITLISTS and entry.keep_s for entry in batch.entries)


def lists(batch: Batch) -> bool:
    """An entry alone that lists a place."""
    return not batch.writes and any(entry.of is Index.WAITLISTS and not lets_go(batch) for entry in batch.entries)


def test_a_place_that_was_left_is_forgotten_and_those_who_wait_are_not() -> None:
    async def day(process: Keeping, store: HeldUp) -> None:
        for who in ("ann", "bob", "cid"):
            await process.join(who)
        await process.leave("ann")
        await process.leave("bob")
        await process.pass_s(KEPT.ended_s - 1)
        assert len(await store.read(LIST, Kind.ENTRY)) == 3
        assert await process.join("bob") == 2
        await process.pass_s(2)
        assert [key.id for key in await store.read(LIST, Kind.ENTRY)] == ["bob", "cid"]
        await process.pass_s(100 * 86_400)
        assert await process.join("cid") == 1, "who joins again is told the place of today"
        assert [await process.waits(who) for who in ("ann", "bob", "cid")] == [[], [2], [1]]
        assert await process.join("ann") == 3

    living(day)


def test_a_join_that_saw_a_place_which_is_then_forgotten_takes_one_of_its_own() -> None:
    """Its first batch comes when the row that it saw is gone, and is refused."""

    async def day(process: Keeping, store: HeldUp) -> None:
        await process.join("bob")
        await process.join()
        await process.leave()
        await process.pass_s(KEPT.ended_s - HELD_UP_S / 2)
        store.holds_up = joins
        assert await process.join() == 2
        assert store.reached.is_set()
        assert await process.waits() == [2]

    living(day)


@pytest.mark.parametrize("seen", [0, 5])
def test_a_row_that_is_gone_is_no_place_that_was_taken(seen: int) -> None:
    join = Join(holder="ann", seats=1, listed=listed(TRIP.key, "", "ann", keep_s=FOR_EVER))
    join.look({"status": "left", "sequence": seen} if seen else {})
    join.look({})
    assert not join.is_done
    again = join.write({"status": "left", "sequence": seen}, sequence=9, position=1, now_ms=7)
    assert again.keep_s == FOR_EVER, "the row that it writes over has an end"
    join.look({"status": "left", "sequence": seen + 1})
    assert join.is_done


def test_a_leave_whose_place_is_forgotten_before_it_looks_again_is_done() -> None:
    leave = Leave(holder="ann")
    leave.look({"status": "waiting", "sequence": 5, "position": 2})
    assert leave.write(60) == (
        entry_key("ann"),
        {"status": "waiting", "sequence": 5},
        {"status": "left", "sequence": 5, "position": 2},
        60,
    ), "whole: a join that took the place may still be told of it"
    leave.look({})
    assert (leave.is_done, leave.refusal) == (True, None)


def test_a_leave_of_a_place_that_was_forgotten_is_refused() -> None:
    async def day(process: Keeping, _: HeldUp) -> None:
        await process.join()
        await process.leave()
        await process.pass_s(KEPT.ended_s + 1)
        with pytest.raises(NotOnWaitlist):
            await process.leave()

    living(day)


def test_a_list_is_listed_for_ever_while_its_holder_waits_and_not_for_long_afterwards() -> None:
    async def day(process: Keeping, _: HeldUp) -> None:
        await process.join()
        await process.pass_s(100 * 86_400)
        assert await process.waits() == [1]
        await process.leave()
        await process.pass_s(LEFT_S + 1)
        assert await process.entries(Index.WAITLISTS, ANN.user) == []

    living(day)


def test_a_leave_that_lets_go_late_does_not_hide_the_place_that_was_taken_since() -> None:
    async def day(process: Keeping, store: HeldUp) -> None:
        await process.join()
        store.holds_up = lets_go
        leaving = asyncio.create_task(process.leave())
        await store.reached.wait()
        assert await Keeping(store).join() == 1
        await leaving
        await process.pass_s(10 * LEFT_S)
        assert await process.waits() == [1]

    living(day)


def test_a_join_that_takes_its_place_late_is_listed_though_somebody_let_go_meanwhile() -> None:
    """The leave lets go, and sees that nobody waits, between the entry of the join and its batch."""

    async def day(process: Keeping, store: HeldUp) -> None:
        await process.join()
        store.holds_up, store.for_s = lets_go, 2.0
        leaving = asyncio.create_task(process.leave())
        await store.reached.wait()

        async def late(batch: Batch, send: Send) -> Outcome:
            if joins(batch):
                await send(batch._replace(writes=[]))
                await asyncio.sleep(4.0)
            return await send(batch._replace(entries=[]) if batch.writes else batch)

        store.pass_on = late  # type: ignore[method-assign]  # the line of the other process, and of this one
        assert await Keeping(store).join() == 1
        await leaving
        await process.pass_s(10 * LEFT_S)
        assert await process.waits() == [1]

    living(day)


def test_an_entry_whose_place_is_forgotten_goes_when_a_page_meets_it() -> None:
    """The process that left died before it let go."""

    async def day(process: Keeping, store: HeldUp) -> None:
        await store.apply(LIST, (), [listed(TRIP.key, "", ANN.user, keep_s=FOR_EVER)])
        assert await process.waits() == []
        await process.pass_s(LEFT_S + 1)
        assert await process.entries(Index.WAITLISTS, ANN.user) == []

    living(day)


MANY = 600


@pytest.mark.parametrize("is_forgotten", [True, False], ids=["long ago", "just now"])
def test_a_list_that_many_have_left_costs_about_as_much_as_a_fresh_one(
    monkeypatch: pytest.MonkeyPatch, *, is_forgotten: bool
) -> None:
    """Whether their rows are still there or not: those who wait are counted by rows that stay, 60 places each."""
    monkeypatch.setattr(places, "COUNT_EVERY_S", 0.0)
    monkeypatch.setattr(places, "READ_AT_ONCE", 7)

    async def day(process: Keeping, store: HeldUp) -> None:
        counting = CountingBatches(store)
        reader = Keeping(counting)

        async def cost(place: int) -> int:
            before = counting.rows
            assert await reader.join() == place
            return counting.rows - before

        await process.join("bob")
        await process.join()
        fresh = await cost(2)
        await asyncio.gather(*(process.join(f"u{number}") for number in range(MANY)))
        await asyncio.gather(*(process.leave(f"u{number}") for number in range(MANY)))
        await process.pass_s(KEPT.ended_s + 1 if is_forgotten else 1)
        assert await cost(2) <= fresh + MANY // PLACES_PER_ROW + 1
        for who in ("bob", ANN.user):
            await process.leave(who)
        await process.join("cid")
        await process.join()
        await cost(2)
        assert await cost(2) <= fresh, "what is empty for good is not read again"

    living(day)


def test_a_count_is_right_whoever_joined_and_left_together() -> None:
    async def day(process: Keeping, store: HeldUp) -> None:
        random, waiting = Random(7), list[str]()
        for turn in range(60):
            leaving = random.sample(waiting, min(len(waiting), random.randrange(6)))
            joining = [f"u{turn}-{number}" for number in range(random.randrange(7))]
            await asyncio.gather(*map(process.leave, leaving), *map(process.join, joining))
            waiting = [who for who in waiting if who not in leaving] + joining
        entries = await store.read(LIST, Kind.ENTRY)
        standing = sorted(rows.number(row, "sequence") for row in entries.values() if row["status"] == "waiting")
        order = sorted(waiting, key=lambda who: rows.number(entries[entry_key(who)], "sequence"))
        assert [await Keeping(store).join(who) for who in order] == list(range(1, len(standing) + 1))

    living(day)


def test_who_joins_and_is_not_listed_is_told_that_the_outcome_is_unknown() -> None:
    async def day(process: Keeping, store: HeldUp) -> None:
        store.is_listing = False
        with pytest.raises(OutcomeUnknown):
            await process.join("ann")
        store.is_listing = True
        assert await process.join("ann") == 1

    living(day)


def test_who_leaves_while_they_join_and_is_not_listed_again_is_told_that_the_outcome_is_unknown() -> None:
    async def day(process: Keeping, store: HeldUp) -> None:
        await process.join("ann")
        store.holds_up = lets_go
        leaving = asyncio.ensure_future(process.leave("ann"))
        await store.reached.wait()
        await process.join("ann")
        store.is_listing = False
        with pytest.raises(OutcomeUnknown):
            await leaving

    living(day)
