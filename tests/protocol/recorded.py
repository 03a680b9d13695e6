"""Events in a store, as the steps of several processes record them, and a sink's journal that reads them."""

from collections.abc import Iterable

from travio_inventory.kernel.events import Event
from travio_inventory.protocol import event_rows, index_entries, rows
from travio_inventory.protocol.batches import FOR_EVER, Index, Kind, Partition, RowKey, Table, Write
from travio_inventory.protocol.epochs import KNOWN_MS
from travio_inventory.protocol.hold import DIGEST_CHARS
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.minute_cursor import Place
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.hold import Held, Hold, HoldId, Recorded
from travio_inventory.seats.records.seats import Seats
from travio_inventory.seats.trip import Journey
from verification.kit.clocks import START_MS
from verification.kit.sale import Sale

OPEN = 20
"""The open epoch, when a journal begins."""
JOURNAL = Partition(Table.CURSORS, "", "journal of told")
EPOCHS = Partition(Table.CURSORS, "", Index.JOURNAL)


async def opens(sale: Sale, epoch: int) -> None:
    """That epoch is the open one."""
    key = RowKey(Kind.CURSOR, "open")
    opened = Write(key, {}, {"reached": epoch}, FOR_EVER)
    await sale.store.apply(EPOCHS, [opened])


def subject(sale: Sale, seat: str, number: int) -> str:
    """The id of that hold on the seat."""
    group = sale.group_partition(seat).number
    return str(HoldId(sale.trip.key.trip, group, f"{number:0{DIGEST_CHARS}}", is_late=False))


def event(sale: Sale, seat: str, number: int, ordinal: int, *, epoch: int, after_ms: int = 0, before: int = 0) -> Write:
    """The event of that hold on the seat, recorded so long after the start. The one before it is in the epoch `before`,
    at the start.
    """
    hold = Hold(
        subject(sale, seat, number), sale.trip.key, "u", (seat,), (sale.group_partition(seat).number,), Journey(0, 0),
        START_MS, "", Held(START_MS), extensions=ordinal, recorded=Recorded(before, START_MS),
    )  # fmt: skip
    return Seats().event(hold, Recorded(epoch, START_MS + after_ms))._replace(keep_s=1_000_000)


async def record(
    sale: Sale, seat: str, number: int, ordinal: int = 0, *, epoch: int, after_ms: int = 0, before: int = 0
) -> str:
    """Another process recorded the event, and no index names it; its id."""
    write = event(sale, seat, number, ordinal, epoch=epoch, after_ms=after_ms, before=before)
    await sale.market.store.apply(sale.group_partition(seat), [write])
    return event_rows.stable_id(write.values)


def single(sale: Sale, seat: str, number: int, ordinal: int, *, epoch: int) -> Place:
    """The event alone, as it is carried on when it is set aside."""
    key = event(sale, seat, number, ordinal, epoch=epoch).key
    return Place(epoch, f"{rows.partition_entry(sale.group_partition(seat))}{rows.SEPARATOR}{key.id}")


async def indexed(sale: Sale, seat: str, epoch: int) -> None:
    """The index names the seat's partition in that epoch."""
    group = sale.group_partition(seat)
    await sale.store.apply(group, [], [index_entries.recorded(group, epoch, Retention())])


def ids(events: Iterable[Event]) -> list[str]:
    """The ids of these events."""
    return [event.id for event in events]


async def begun(sale: Sale, *, epoch: int = OPEN, is_alone: bool = False) -> EventJournal:
    """The journal of a sink, in its process, after its first round."""
    await opens(sale, epoch)
    begun = EventJournal(sale.process.sender, "told", is_alone=is_alone)
    assert await published(begun) == []
    return begun


async def published(journal: EventJournal) -> list[str]:
    """What a round publishes."""
    events = await journal.unpublished()
    await journal.mark_published(events)
    return ids(events)


async def turned(sale: Sale, epoch: int) -> None:
    """That epoch is open now, and the process will notice."""
    await opens(sale, epoch)
    sale.clock.pass_ms(KNOWN_MS)


async def own(
    sale: Sale, seat: str, number: int, ordinal: int = 0, *, epoch: int = OPEN, after_ms: int = 0, before: int = 0
) -> str:
    """This process records the event; its id."""
    group = sale.group_partition(seat)
    write = event(sale, seat, number, ordinal, epoch=epoch, after_ms=after_ms, before=before)
    await sale.process.sender.apply(group, [write], [index_entries.recorded(group, epoch, Retention())])
    return f"{subject(sale, seat, number)}~{ordinal}"


async def recorded(
    sale: Sale, seat: str, number: int, ordinal: int = 0, *, epoch: int = OPEN, after_ms: int = 0, before: int = 0
) -> str:
    """Another process recorded the event, and the index names its partition; its id."""
    await indexed(sale, seat, epoch)
    return await record(sale, seat, number, ordinal, epoch=epoch, after_ms=after_ms, before=before)


async def stored(sale: Sale, row_id: str) -> int | str | None:
    """What is stored as reached by the journal."""
    key = RowKey(Kind.CURSOR, row_id)
    return (await sale.store.get(JOURNAL, [key]))[key]["reached"]


async def rounds(sale: Sale, reader: EventJournal, *epochs: int) -> list[str]:
    """What is published in a round in each of these epochs."""
    told = []
    for epoch in epochs:
        await turned(sale, epoch)
        told += await published(reader)
    return told
