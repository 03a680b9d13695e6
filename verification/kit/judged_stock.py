"""Judges stock at the port of a store: a quantity changes on condition, in one batch with its movement and its event.

That an entry is low, or out of stock, is told with the batch that crosses the mark, and with no other.

It knows no use case and no store, so none is forgotten. There are three exceptions, by what they are:

- what is reserved is available no more, or is again: that is no movement; the lines of the same batch say whose it is
- between the shards of an entry units move untold: their movements say so
- the auditor brings an entry in line with its movements and lines, on condition of the very quantities that it saw
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Rows,
    Table,
    Unknown,
    Write,
)
from travio_inventory.protocol.rows import number
from travio_inventory.stock.records.reservation_rows import ENDED, RESERVED
from travio_inventory.stock.records.shards import WHY
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.records.transfer_rows import marked
from verification.kit.passing import Batch, Passing, Send

UPDATED, LOW, OUT = (f"inventory.{each}" for each in ("stock_updated", "low_stock", "out_of_stock"))


class StockJudge:
    """Remembers each version of an entry that anybody saw, and says what is wrong with a batch."""

    def __init__(self) -> None:
        self._versions: defaultdict[Partition, dict[int, Row]] = defaultdict(dict)

    def saw(self, at: Partition, rows: Rows) -> None:
        """These rows were read, or written, there."""
        if at.table is Table.STOCK and STOCK in rows:
            self._versions[at][number(rows[STOCK], "version")] = rows[STOCK]

    def applied(self, batch: Batch) -> None:
        """The batch was."""
        write = _of_entry(batch.writes)
        before = None if write is None else self._before(batch.partition, write)
        if write is not None and before is not None:
            self.saw(batch.partition, {STOCK: {**before, **write.values}})

    def wrong(self, batch: Batch) -> Iterator[str]:
        """What is wrong with the batch, wherever it ends."""
        at, writes = batch.partition, batch.writes
        if at.table is not Table.STOCK:
            return
        for each in chain(_unconditional(writes), self._miscounted(at, writes)):
            yield f"{at}: {each} in {writes}"

    def _before(self, at: Partition, write: Write) -> Row | None:
        """The entry that the write is about; None where nobody saw it."""
        if write.condition is ABSENT:
            return {}
        return self._versions[at].get(number(write.condition, "version"))

    def _miscounted(self, at: Partition, writes: Sequence[Write]) -> Iterator[str]:
        write = _of_entry(writes)
        if write is None:
            if _kept(writes) or any(each.key.kind is Kind.MOVEMENT for each in writes):
                yield "units move without their entry"
            return
        before = self._before(at, write)
        if before is None:
            yield "a version that nobody saw"
            return
        after = {**before, **write.values}
        if number(after, "version") <= number(before, "version"):
            yield "no new version"
        yield from _untold(before, after, writes, is_repair="available" in (write.condition or {}))


def _of_entry(writes: Sequence[Write]) -> Write | None:
    """What changes the entry; one without values only has it as it was."""
    return next((write for write in writes if write.key == STOCK and write.values), None)


def _unconditional(writes: Sequence[Write]) -> Iterator[str]:
    """An event, and the mark of a transfer that it is on the way, are written whatever is there: they are no quantity,
    and their batch has other conditions.
    """
    for key, condition, _, _ in writes:
        is_said = key.kind is Kind.EVENT or (key.kind is Kind.TRANSFER and marked(key))
        if condition is not ABSENT and not condition and not is_said:
            yield f"no condition for {key}"
        if key.kind in (Kind.MOVEMENT, Kind.CAUSE) and condition is not ABSENT:
            yield f"{key} is written again"


def _untold(before: Row, after: Row, writes: Sequence[Write], *, is_repair: bool) -> Iterator[str]:
    made = sorted((write.key.id, write.values) for write in writes if write.key.kind is Kind.MOVEMENT)
    balance = _total(after) - sum(number(row, "quantity") for _, row in made) if is_repair else _total(before)
    told = []
    for _, row in made:
        balance += number(row, "quantity")
        if number(row, "balance") != balance or not row.get("cause") or not row.get("reason"):
            yield f"{balance} is not what the movement says"
        if row.get("reason") != WHY:  # of those between shards nothing is told
            told.append((balance - number(row, "quantity"), balance))
    if balance != _total(after):
        yield f"the total becomes {_total(after)}, by movements {balance}"
    if _events(writes) != told:
        yield f"events tell {_events(writes)}, and movements {told}"
    if (marks := _marks(before, after)) is not None and _told(writes, *marks) != marks:
        yield f"of marks that are crossed {_told(writes, *marks)} is told, and not {marks}"
    kept = number(after, "reserved") - number(before, "reserved")
    if kept != _kept(writes) and not is_repair:
        yield f"{kept} more are reserved, and of lines {_kept(writes)}"


def _marks(before: Row, after: Row) -> dict[str, int] | None:
    """How often it is to be told that an entry is low, or out of stock: once per crossing; None where nobody tells it
    with the batch, as of an entry that is new, that is no more, or that is the sum of several rows.
    """
    if not before or "deleted" in (before["status"], after["status"]) or after.get("definition"):
        return None
    was, available = number(before, "available"), number(after, "available")
    was_low, is_low = (number(row, "available") <= number(row, "reorder_point") for row in (before, after))
    return {LOW: int(is_low and not was_low), OUT: int(was != 0 and not available)}


def _told(writes: Sequence[Write], *types: str) -> dict[str, int]:
    """How many events of these types there are."""
    told = [write.values.get("type") for write in writes if write.key.kind is Kind.EVENT]
    return {each: told.count(each) for each in types}


def _events(writes: Sequence[Write]) -> list[tuple[int, int]]:
    """The totals that are told, before and after each change."""
    rows = [write.values for write in writes if write.key.kind is Kind.EVENT and write.values.get("type") == UPDATED]
    said: list[Mapping[str, int]] = [json.loads(str(row["data"])) for row in rows]
    return [(each["oldStock"], each["newStock"]) for each in said]


def _kept(writes: Sequence[Write]) -> int:
    """How many more units lines keep."""
    return sum(map(_kept_by, (write for write in writes if write.key.kind is Kind.LINE)))


def _kept_by(write: Write) -> int:
    was, becomes = (write.condition or {}).get("status"), write.values.get("status")
    if becomes == RESERVED and was in (None, ENDED):
        return number(write.values, "quantity")
    return -number(write.values, "quantity") if (was, becomes) == (RESERVED, ENDED) else 0


def _total(row: Row) -> int:
    return number(row, "available") + number(row, "reserved")


class JudgedStock(Passing):
    """Any store; `wrong` says what was wrong with batches."""

    def __init__(self, store: Batches) -> None:
        super().__init__(store)
        self.wrong: list[str] = []
        self._judge = StockJudge()

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        found = await super().get(partition, keys)
        self._judge.saw(partition, found)
        return found

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Reads."""
        found = await super().read(partition, kind, start=start, end=end, most=most)
        self._judge.saw(partition, found)
        return found

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """See Passing."""
        self.wrong += self._judge.wrong(batch)
        outcome = await send(batch)
        match outcome:
            case Applied():
                self._judge.applied(batch)
            case Refused(rows):
                self._judge.saw(batch.partition, rows)
            case Unknown() | NotDone():
                pass
        return outcome


def unjudged(store: Batches) -> Batches:
    """The store itself, for writes that no use case makes."""
    return store.store if isinstance(store, JudgedStock) else store
