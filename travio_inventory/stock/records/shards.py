"""The rows of an entry that lies in several: units go from one to another, and home.

A move takes three batches, as a receipt of a transfer does. The row that gives announces it, with a number that is
never used again: the units have left it. The row that takes them writes their movement with a cause named by giver and
number, IF there is none. The giver's row forgets the move. Whoever meets an announced move goes on with it, so a crash
anywhere neither loses nor doubles a unit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from travio_inventory.kernel.actor import house_of
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Refusal
from travio_inventory.protocol import index_entries
from travio_inventory.protocol.batches import (
    Applied,
    IndexEntry,
    Kind,
    NotDone,
    Partition,
    Refused,
    RowKey,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.sending import Sender
from travio_inventory.stock import sharing
from travio_inventory.stock.entry import QUANTITY_MAX, InventoryEntry, ShardMove
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.changing import Change, Changing
from travio_inventory.stock.records.stock_rows import MOVEMENTS_KEPT_S, STOCK, number_of_shard, shard_of
from travio_inventory.stock.refusals import InsufficientStock, StockContended, StockFull, StockNotFound, StockSharded

T = TypeVar("T")

LOOKS_MAX: Final = 5
GATHERS_MAX: Final = 5
SETTLES_MAX: Final = 4
WHY: Final = "between shards"
_LOOK_AGAIN: Final = (StockContended, OutcomeUnknown)
"""Of a move. Whoever looks at the rows again goes on with one of which nothing is known, or finds that it never was."""


def cause_of_move(giver: int, number: int) -> str:
    """What units of that move have in common where they come to: the cause of their movement."""
    return f"shard {giver} {number}"


def move_of_cause(cause: str) -> tuple[int, int] | None:
    """The shard that gave units away, and the number of the move, of such a cause."""
    said = cause.split(" ")
    return (int(said[1]), int(said[2])) if said[0] == "shard" else None


class Shards:
    """The rows of entries of every organization."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._changing = Changing(sender)

    async def first(self, home: Partition) -> InventoryEntry | None:
        """The first row. Raises BackendUnavailable."""
        return await self._read(home)

    async def bring_home(self, home: Partition, shards: int) -> None:
        """What is available in other rows than the first so many goes to the first one, as far as it can now: that so
        many take orders is so already, whatever comes of it, and no refusal. What stays is sold where it lies.
        """
        for _ in range(GATHERS_MAX):
            try:
                await self._bring_home(home, shards)
            except _LOOK_AGAIN:
                await self._sender.pause()
            except Refusal:
                break
            else:
                break

    async def _bring_home(self, home: Partition, shards: int) -> None:
        """Raises as `move`."""
        rows = await self.rows(home)
        if await self._go_on_with(home, rows):
            rows = await self.rows(home)
        for number, row in enumerate(rows[1][shards - 1 :], shards):
            if row is not None and row.quantities.available > 0:
                await self.move(home, number, 0, row.quantities.available)

    async def rows(self, home: Partition) -> sharing.Rows:
        """Every row, as it is read, the first one first. Raises StockNotFound, BackendUnavailable."""
        first = await self._read(home)
        if first is None:
            raise StockNotFound
        return first, await self.others(home, first)

    async def others(self, home: Partition, first: InventoryEntry) -> Sequence[InventoryEntry | None]:
        """The rows beside the first one. Raises BackendUnavailable."""
        number = 1 if first.sharing is None else first.sharing.rows
        return await asyncio.gather(*(self._read(shard_of(home, each)) for each in range(1, number)))

    async def summed(self, home: Partition, first: InventoryEntry) -> InventoryEntry:
        """The entry whose first row was read, with all that lies in its rows. Raises BackendUnavailable."""
        return first if first.sharing is None else sharing.summed((first, await self.others(home, first)))

    async def still(self, home: Partition) -> InventoryEntry:
        """The whole entry at one moment, nothing of it on the way between its rows. Raises StockNotFound,
        StockContended, Overloaded, BackendUnavailable.
        """
        before: sharing.Rows | None = None
        for _ in range(LOOKS_MAX):
            rows = await self.rows(home)
            try:
                was_moving = await self._go_on_with(home, rows)
            except OutcomeUnknown:  # of what is found again by the next look
                await self._sender.pause()
                was_moving = True
            if was_moving:
                before = None
            elif before is not None and sharing.versions(before) == sharing.versions(rows):
                return sharing.summed(rows)
            else:
                before = rows
        raise StockContended

    async def move(self, home: Partition, giver: int, taker: int, units: int) -> None:
        """Bring at most so many available units from one row to another. Raises StockContended where the giver has
        none, or another move under way; Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        at, now_ms = shard_of(home, giver), self._sender.clock.now_ms()
        due = index_entries.due(  # named by the one of both that is not the first: only there moves are looked for
            shard_of(home, giver or taker), now_ms + self._sender.rules.grace_ms, self._sender.rules.retention
        )
        make = partial(sharing.given, to=taker, units=units)
        announced = await self._changing.change(at, self._internal(home, make, self._changing.cause_of(""), [due]))
        await self._go_on(home, announced.entry)

    async def gather(self, home: Partition, taker: int, units: int) -> None:
        """Have at least so many available units in one row, if all rows together have them: from the fullest first.
        Raises StockNotFound, Overloaded, BackendUnavailable; StockContended where others were at these units each time.
        """
        for attempt in range(GATHERS_MAX):
            if attempt:
                await self._sender.pause()
            with suppress(*_LOOK_AGAIN):
                await self._gather(home, taker, units)
                return
        raise StockContended

    async def _gather(self, home: Partition, taker: int, units: int) -> None:
        """Raises as `move`, StockNotFound."""
        rows = await self.rows(home)
        if await self._go_on_with(home, rows):
            rows = await self.rows(home)
        there = sharing.available(rows)
        missing = units - there[taker]
        for giver in sorted(range(len(there)), key=lambda each: -there[each]):
            if missing > 0 and giver != taker and there[giver]:
                await self.move(home, giver, taker, min(there[giver], missing))
                missing -= there[giver]

    async def refill(self, home: Partition, taker: int) -> None:
        """Bring half of what the fullest row has to one that runs dry, where that is worth while. Raises as `move`."""
        rows = await self.rows(home)
        if await self._go_on_with(home, rows):
            return
        there = sharing.available(rows)
        fullest = max(range(len(there)), key=there.__getitem__)
        units = sharing.worth_moving(there[fullest], there[taker])
        if fullest != taker and units:
            await self.move(home, fullest, taker, units)

    async def having(self, home: Partition, step: Callable[[], Awaitable[T]]) -> T:
        """The step, which takes units of the first row, or adds some: what it takes is brought there where it lies in
        others, and what it adds is judged with them. Raises what it raises, and as `gather`.
        """
        for _ in range(GATHERS_MAX):
            try:
                return await step()
            except (InsufficientStock, StockFull) as refused:
                if not refused.wanted:
                    raise
                refusal = refused
            try:
                match refusal:
                    case StockFull():
                        await self._reckon(home, refusal.wanted)
                    case InsufficientStock():
                        await self._check_whole(home, refusal)
                        await self.gather(home, 0, refusal.wanted)
            except _LOOK_AGAIN:
                await self._sender.pause()
        raise StockContended

    async def _reckon(self, home: Partition, wanted: int) -> None:
        """Have the first row know how many lie in others, where so many may be added. Raises StockFull, and as
        `still`.
        """
        whole = await self.still(home)
        if whole.quantities.total + wanted > QUANTITY_MAX:
            raise StockFull(max(QUANTITY_MAX - whole.quantities.total, 0))
        make = partial(sharing.reckoned, whole=whole)
        await self._changing.change(home, self._internal(home, make, self._changing.cause_of("")))

    async def _check_whole(self, home: Partition, few: InsufficientStock) -> None:
        """Raises InsufficientStock where all rows together have fewer than one lacked, and as `still`."""
        if sum(sharing.available(await self.rows(home))) < few.wanted:
            whole = await self.still(home)
            if whole.quantities.available < few.wanted:
                raise InsufficientStock(whole.quantities.available, few.sku)

    async def alone_at(self, home: Partition) -> int:
        """The version of the first row at which nothing is in others. Raises StockSharded, and as `still`."""
        whole = await self.still(home)
        if whole.shards > 1 or whole.quantities.total != whole.first_total:
            raise StockSharded(whole.shards)
        return whole.version

    async def note_marks(self, home: Partition) -> None:
        """Tell that the entry is low, or out of stock, where that is so and was not told; and forget that it was told
        where it is so no more. Raises BackendUnavailable, OutcomeUnknown, Overloaded, StockNotFound; StockContended
        where units went about between its rows whenever they were read.
        """
        for _ in range(LOOKS_MAX):
            rows = await self.rows(home)
            if not sharing.moving(rows) and sharing.marked(sharing.summed(rows)) is None:
                return
            with suppress(StockContended):
                await self._mark(home, sharing.summed(await self._at_once(home, rows)))
        raise StockContended

    async def _mark(self, home: Partition, whole: InventoryEntry) -> None:
        """Raises as `note_marks`."""
        marked = sharing.marked(whole)
        if marked is not None:
            make = partial(sharing.with_marks, seen=whole, marks=marked.marks)
            cause = self._changing.cause_of("")
            change = Change(house_of(home.organization), make, cause, "", said=marked.said, is_internal=True)
            await self._changing.change(home, change)

    async def _at_once(self, home: Partition, before: sharing.Rows) -> sharing.Rows:
        """All rows at one moment; where they are changed all the time, at moments between which no units went from one
        to another. Raises StockContended, BackendUnavailable, StockNotFound.
        """
        unmoved: sharing.Rows | None = None
        for _ in range(LOOKS_MAX):
            after = await self.rows(home)
            if not sharing.moving(before) and sharing.moves(before) == sharing.moves(after):
                if sharing.versions(before) == sharing.versions(after):
                    return after
                unmoved = after
            before = after
        if unmoved is None:
            raise StockContended
        return unmoved

    async def sweep(self, at: Partition) -> None:
        """Go on with each move of the entry that was announced and not finished; of its first row, tell what is to be
        told. Raises as `move`, and as `note_marks`.
        """
        number = number_of_shard(at)
        home = shard_of(at, -number)
        first = await self._read(home)
        if first is None or first.sharing is None:
            return
        await self._go_on_with(home, (first, await self.others(home, first)))
        if not number:
            await self.note_marks(home)

    async def _go_on_with(self, home: Partition, rows: sharing.Rows) -> bool:
        """Go on with every move that these rows announce; whether there was one."""
        moving = sharing.moving(rows)
        for row in moving:
            await self._go_on(home, row)
        return bool(moving)

    async def _go_on(self, home: Partition, giver: InventoryEntry) -> None:
        """With the move that the row announces."""
        if giver.sharing is None or giver.sharing.move is None:
            return
        move, number = giver.sharing.move, sharing.number_of(giver)
        cause = RowKey(Kind.CAUSE, cause_of_move(number, move.number))
        make = partial(sharing.taken, giver=giver, to=move.to, units=move.units)
        await self._changing.change(shard_of(home, move.to), self._internal(home, make, cause))
        await self._settle(shard_of(home, number), move)

    async def put_right(self, at: Partition, giver: int, number: int, units: int) -> None:
        """Where units were lost in a move, or doubled, so many come to a row, or leave it, as those of that move: once.
        Raises StockContended where it has too few; Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        home = shard_of(at, -number_of_shard(at))
        make = partial(sharing.put_right, units=units)
        cause = RowKey(Kind.CAUSE, f"{cause_of_move(giver, number)} audit")
        await self._changing.change(at, self._internal(home, make, cause))

    def _internal(
        self,
        home: Partition,
        make: sharing.Make,
        cause: RowKey,
        listed: Sequence[IndexEntry] = (),
    ) -> Change:
        return Change(
            house_of(home.organization), make, cause, "", MovementType.TRANSFER, WHY, listed=listed,
            kept_s=MOVEMENTS_KEPT_S, is_internal=True,
        )  # fmt: skip

    async def _settle(self, at: Partition, move: ShardMove) -> None:
        """The giver's row forgets the move, which has arrived. Where that does not succeed the next one to meet it
        does so.
        """
        for _ in range(SETTLES_MAX):
            row = await self._read(at)
            if row is None or row.sharing is None or row.sharing.move != move:
                return
            now_ms = self._sender.clock.now_ms()
            after = replace(row, version=row.version + 1, updated_at_ms=now_ms, sharing=replace(row.sharing, move=None))
            write = Write(STOCK, {"version": row.version}, stock_rows.entry_row(after))
            match await self._sender.apply(at, [write], [], at_ms=now_ms):
                case Applied():
                    return
                case Refused() | Unknown() | NotDone():
                    await self._sender.pause()

    async def _read(self, at: Partition) -> InventoryEntry | None:
        try:
            found = await self._sender.batches.get(at, [STOCK])
        except StoreUnavailable:
            raise BackendUnavailable from None
        return stock_rows.read_entry(at, found[STOCK]) if STOCK in found else None
