"""How far a sink is by its cursor: which epochs are behind, how many events they have, and what was carried on."""

import asyncio
from random import Random

import pytest

from tests.protocol.test_recorded_events import BUS, KEPT_S, OPEN, TRAIN, Journal, entry, journal
from travio_inventory.protocol import backlog
from travio_inventory.protocol.backlog import Backlog, backlog_of
from travio_inventory.protocol.batches import FOR_EVER, Kind, Partition, RowKey, Table, Write
from travio_inventory.protocol.minute_cursor import CARRIED
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import START_MS, Clock

__all__ = ["journal"]
SETTLING = backlog.SETTLING
NAMED = Partition(Table.CURSORS, "", "journal of near")
MANY = 1_000


async def reached(journal: Journal, cursor: int, until_ms: int = START_MS - 5) -> None:
    """So far the sink is, as it stored it."""
    writes = [
        Write(RowKey(Kind.CURSOR, name), {}, {"reached": at}, FOR_EVER)
        for name, at in (("", cursor), ("until", until_ms))
    ]
    await journal.store.apply(NAMED, writes)


async def of_near(journal: Journal, *, events_max: int = MANY) -> Backlog:
    return await backlog_of(journal.store, journal.clock, "near", kept_s=KEPT_S, events_max=events_max)


async def test_a_cursor_stays_so_far_behind_until_late_events_are_settled(journal: Journal) -> None:
    assert SETTLING == 7
    for cursor, behind in ((OPEN - SETTLING, 0), (OPEN - SETTLING - 1, 1), (OPEN, 0)):
        await reached(journal, cursor)
        assert await of_near(journal) == Backlog(cursor, OPEN, START_MS - 5, behind, 0, False, 0)


async def test_the_events_of_the_epochs_behind_are_counted_and_no_others(journal: Journal) -> None:
    until = OPEN - SETTLING
    for epoch in (until - 3, until - 2, until - 1, until):
        for where in (BUS, TRAIN):
            await journal.record(where, f"at {epoch}", epoch=epoch)
    await reached(journal, until - 2)
    assert await of_near(journal) == Backlog(until - 2, OPEN, START_MS - 5, 2, 4, False, 0)


@pytest.mark.parametrize(("events_max", "told"), [(0, (0, False)), (1, (1, True)), (2, (2, True)), (3, (2, False))])
async def test_so_many_are_counted_and_then_it_says_that_there_may_be_more(
    journal: Journal, events_max: int, told: tuple[int, bool]
) -> None:
    for where in (BUS, TRAIN):
        await journal.record(where, "a", epoch=OPEN - SETTLING - 1)
    await reached(journal, OPEN - SETTLING - 1)
    found = await of_near(journal, events_max=events_max)
    assert (found.events, found.is_more) == told


async def test_a_sink_that_never_had_an_event_lacks_all_that_are_kept(journal: Journal) -> None:
    await journal.record(BUS, "a", epoch=1)
    await journal.indexed(f"{CARRIED}near{CARRIED}{entry(BUS)}", OPEN)
    assert await of_near(journal) == Backlog(0, OPEN, 0, OPEN - SETTLING, 1, False, 0)


async def test_a_store_without_events_has_no_backlog() -> None:
    store = MemoryBatches(None, Random(1), asyncio.sleep)
    found = await backlog_of(store, Clock(), "near", kept_s=KEPT_S, events_max=MANY)
    assert found == Backlog(0, 0, 0, 0, 0, False, 0)


async def test_what_was_carried_on_is_counted_once_whatever_epochs_name_it(journal: Journal) -> None:
    await reached(journal, OPEN - 2)
    for epoch in (OPEN - 3, OPEN - 2, OPEN):
        for sink in ("near", "far", "nearer"):
            await journal.indexed(f"{CARRIED}{sink}{CARRIED}{entry(BUS)}", epoch)
    await journal.indexed(f"{CARRIED}near{CARRIED}{entry(TRAIN)}", OPEN - 3)
    assert (await of_near(journal)).carried == 1
    await journal.indexed(f"{CARRIED}near{CARRIED}{entry(TRAIN)}", OPEN - 2)
    await journal.indexed(f"{CARRIED}near{CARRIED}later", OPEN + 1)
    assert (await of_near(journal)).carried == 2


async def test_what_is_carried_into_the_epoch_that_is_open_counts(journal: Journal) -> None:
    await reached(journal, OPEN - SETTLING - 5)
    for epoch in (OPEN - SETTLING - 1, OPEN - SETTLING, OPEN):
        await journal.indexed(f"{CARRIED}near{CARRIED}{epoch}", epoch)
    assert (await of_near(journal)).carried == 2
