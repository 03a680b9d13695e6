"""Entries: found by id, by stock keeping unit, by product and by warehouse, and changed one batch at a time."""

import asyncio
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import FOR_EVER, Index, IndexEntry, Kind, Partition, StoreUnavailable
from travio_inventory.protocol.sending import Sender
from travio_inventory.stock import changes, sharing
from travio_inventory.stock.commands import (
    PAGE_MAX,
    AddEntry,
    AdjustStock,
    ChangeEntry,
    DeleteEntry,
    EntriesQuery,
    MovementsQuery,
    SetStock,
)
from travio_inventory.stock.entry import InventoryEntry, inventory_id
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.changing import Change, Changed, Changing
from travio_inventory.stock.records.known_stock import KnownStock
from travio_inventory.stock.records.shard_stock import ShardStock, shard_stock
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.stock_rows import STOCK, VERSIONS_MAX, shard_of
from travio_inventory.stock.refusals import StockNotFound, StockSharded, VersionConflict
from travio_inventory.stock.warehouse import Warehouse

READS_AT_ONCE = 16
LISTED_MAX = 1_000
"""What is looked at for one page."""
ORGANIZATIONS: Final = rows.SEPARATOR.join(("", "organizations"))
"""The list of the organizations that have stock; no organization's list is called so."""


class EntryPage(NamedTuple):
    """Some entries of a list; `after` leads to the next ones, "" if there are none."""

    entries: Sequence[InventoryEntry]
    after: str


class Entries:
    """The entries of every organization."""

    def __init__(self, sender: Sender, known: KnownStock) -> None:
        self._sender = sender
        self._known = known
        self._changing = Changing(sender)
        self.shards = Shards(sender)

    async def add(self, actor: Actor, command: AddEntry, warehouse: Warehouse) -> Changed:
        """See KeepStock."""
        at = stock_rows.place(actor.organization, command.sku, warehouse.number)
        make = partial(_added, organization=actor.organization, command=command)
        cause = self._changing.cause_of(command.cause)
        listed = _listed(actor.organization, command, warehouse)
        change = Change(actor, make, cause, command.fingerprint, MovementType.INBOUND, "opening stock", listed=listed)
        return await self._whole(at, await self._changing.change(at, change))

    async def adjust(self, actor: Actor, command: AdjustStock) -> Changed:
        """See AdjustsStock."""
        at, why = await self.place(actor.organization, command.inventory_id), command.why
        cause = self._changing.cause_of(why.cause)

        def adjusting(alone_at: int) -> Change:
            make = _of_standing(lambda entry, now_ms: changes.adjusted(entry, command, now_ms, alone_at=alone_at))
            return Change(actor, make, cause, command.fingerprint, command.type, why.reason, why.reference)

        if command.version:
            return await self._alone(at, adjusting)
        return await self._whole(at, await self.shards.having(at, lambda: self._changing.change(at, adjusting(0))))

    async def set(self, actor: Actor, command: SetStock, *, most: int | None) -> Changed:
        """See AdjustsStock. Raises NeedsApproval where the total would change by more than `most`."""
        at, why = await self.place(actor.organization, command.inventory_id), command.why
        cause = self._changing.cause_of(why.cause)

        def counting(alone_at: int) -> Change:
            make = _of_standing(lambda entry, now_ms: changes.counted(entry, command, now_ms, most, alone_at=alone_at))
            return Change(actor, make, cause, command.fingerprint, reason=why.reason, reference=why.reference)

        return await self._alone(at, counting)

    async def redefine(self, actor: Actor, command: ChangeEntry) -> InventoryEntry:
        """See KeepStock."""
        at = await self.place(actor.organization, command.inventory_id)
        make = _of_standing(lambda entry, now_ms: changes.redefined(entry, command, now_ms))
        changed: Changed | None = None
        try:
            changed = await self._changing.change(at, Change(actor, make, self._changing.cause_of(""), ""))
        except VersionConflict:
            if not changes.is_redefined(await self.find(actor.organization, command.inventory_id), command):
                raise
        if command.shards is not None:
            await self.shards.bring_home(at, command.shards)
        if changed is None:
            return await self.find(actor.organization, command.inventory_id)
        return (await self._whole(at, changed)).entry

    async def delete(self, actor: Actor, command: DeleteEntry) -> InventoryEntry:
        """See KeepStock."""
        at = await self.place(actor.organization, command.inventory_id)
        cause = self._changing.cause_of("")

        def deleting(alone_at: int) -> Change:
            make = _of_standing(lambda entry, now_ms: changes.deleted(entry, command, now_ms, alone_at=alone_at))
            return Change(actor, make, cause, "")

        try:
            return (await self._alone(at, deleting)).entry
        except StockNotFound:
            found = await self.find(actor.organization, command.inventory_id)
            if found.is_deleted and found.version == command.version + 1:
                return found  # by an earlier attempt
            raise

    async def _alone(self, at: Partition, changing: Callable[[int], Change]) -> Changed:
        """A change that compares a total or a version, which needs all in one row. Raises StockSharded, and as it."""
        try:
            changed = await self._changing.change(at, changing(0))
        except StockSharded:
            changed = await self._changing.change(at, changing(await self.shards.alone_at(at)))
        return await self._whole(at, changed)

    async def _whole(self, at: Partition, changed: Changed) -> Changed:
        """What was changed in the first row, told of all rows."""
        try:
            return replace(changed, entry=await self.shards.summed(at, changed.entry))
        except BackendUnavailable:
            raise OutcomeUnknown from None  # it is changed: that it is not must not be said

    async def find(self, organization: str, inventory: str) -> InventoryEntry:
        """The entry, a deleted one too. Raises StockNotFound, BackendUnavailable."""
        found = await self._read(await self.place(organization, inventory))
        if found is None or found.id != inventory:
            raise StockNotFound
        return found

    async def in_shards(self, organization: str, inventory: str) -> tuple[InventoryEntry, Sequence[ShardStock]]:
        """The entry, a deleted one too, and what each shard of it has. Raises StockNotFound, BackendUnavailable."""
        found = await self.shards.rows(await self.place(organization, inventory))
        first, _ = found
        if first.id != inventory:
            raise StockNotFound
        return first if first.sharing is None else sharing.summed(found), shard_stock(found)

    async def page(self, organization: str, query: EntriesQuery, *, numbers: Container[int] | None = None) -> EntryPage:
        """Entries that are not deleted, in the order of stock keeping unit and warehouse; only those in warehouses of
        these numbers, if some are given. Fewer than a page where LISTED_MAX were looked at. Raises BackendUnavailable.
        """
        bucket, after, begun = bucket_of(organization, *_which(query)), query.after, self._known.begun
        entries: list[InventoryEntry] = []
        for _ in range(LISTED_MAX // PAGE_MAX):
            named = await self._named(bucket, after, PAGE_MAX)
            wanted = [each for each in named if numbers is None or number_named(each) in numbers]
            for start in range(0, len(wanted), READS_AT_ONCE):
                some = wanted[start : start + READS_AT_ONCE]
                for name, entry in zip(some, await self._read_all(organization, some), strict=True):
                    if entry is not None and not entry.is_deleted and _fits(entry, query):
                        if len(entries) == query.page_size:
                            return EntryPage(entries, after)
                        entries.append(entry)
                    after = name
            if len(named) < PAGE_MAX:
                if query.sku and not query.after and numbers is None:
                    places = [place_named(organization, each) for each in named]
                    self._known.listed(organization, query.sku, places, begun=begun)
                return EntryPage(entries, "")
            after = named[-1]
        return EntryPage(entries, after)

    def remembered(self, organization: str, wanted: Mapping[str, int]) -> Mapping[str, Sequence[InventoryEntry]] | None:
        """All entries of these stock keeping units, of which so many are wanted, if they were seen so lately that an
        order can be planned by them.
        """
        found: dict[str, Sequence[InventoryEntry]] = {}
        for sku, count in wanted.items():
            known = self._known.for_order(organization, sku, count)
            if known is None:
                return None
            entries = [stock_rows.read_entry(at, row) for at, row in known.items()]
            found[sku] = [each for each in entries if not each.is_deleted]
        return found

    async def _named(self, bucket: str, after: str, most: int) -> Sequence[str]:
        try:
            return await self._sender.batches.read_index(Index.STOCK, bucket, after=after, most=most)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _read_all(self, organization: str, named: Sequence[str]) -> Sequence[InventoryEntry | None]:
        return await asyncio.gather(*(self._read(place_named(organization, each)) for each in named))

    async def movements(self, organization: str, query: MovementsQuery) -> Sequence[Movement]:
        """The movements of an entry that are kept, in their order. Raises StockNotFound, BackendUnavailable."""
        home = await self.place(organization, query.inventory_id)
        shard, after = divmod(query.after_version, VERSIONS_MAX)
        found: list[Movement] = []
        while True:
            at, start = shard_of(home, shard), stock_rows.movement_key(after + 1).id
            try:
                page = await self._sender.batches.read(
                    at, Kind.MOVEMENT, start=start, most=query.page_size - len(found)
                )
            except StoreUnavailable:
                raise BackendUnavailable from None
            found += [stock_rows.read_movement(query.inventory_id, key, row, shard) for key, row in page.items()]
            if len(found) == query.page_size or not await self._has_shard(home, shard + 1):
                return found
            shard, after = shard + 1, 0

    async def _has_shard(self, home: Partition, number: int) -> bool:
        first = await self.shards.first(home)
        return first is not None and first.sharing is not None and number < first.sharing.rows

    async def _read(self, at: Partition) -> InventoryEntry | None:
        try:
            found = await self._sender.batches.get(at, [STOCK])
        except StoreUnavailable:
            raise BackendUnavailable from None
        return await self.shards.summed(at, stock_rows.read_entry(at, found[STOCK])) if STOCK in found else None

    async def place(self, organization: str, inventory: str) -> Partition:
        """Where the entry of that id is. Raises StockNotFound, BackendUnavailable."""
        try:
            named = await self._sender.batches.read_index(Index.STOCK, bucket_of(organization, "id", inventory), most=1)
        except StoreUnavailable:
            raise BackendUnavailable from None
        if not named:
            raise StockNotFound
        return place_named(organization, named[0])


def _of_standing(
    make: Callable[[InventoryEntry, int], InventoryEntry],
) -> Callable[[InventoryEntry | None, int], InventoryEntry]:
    """The same for an entry that must be there."""

    def checked(entry: InventoryEntry | None, now_ms: int) -> InventoryEntry:
        if entry is None or entry.is_deleted:
            raise StockNotFound
        return make(entry, now_ms)

    return checked


def _added(standing: InventoryEntry | None, now_ms: int, *, organization: str, command: AddEntry) -> InventoryEntry:
    return changes.added(standing, organization, command, now_ms)


def bucket_of(organization: str, which: str, of: str = "") -> str:
    """One of the lists of an organization: all of its entries, or those of a stock keeping unit and the like."""
    return rows.SEPARATOR.join((organization, which, of))


def _listed(organization: str, command: AddEntry, warehouse: Warehouse) -> Sequence[IndexEntry]:
    named = rows.SEPARATOR.join((command.sku, f"{warehouse.number:04d}"))
    inventory = inventory_id(organization, command.sku, warehouse.id)
    lists = (
        ("all", ""),
        ("sku", command.sku),
        ("product", command.product_id),
        ("warehouse", warehouse.id),
        ("id", inventory),
    )
    entries = [IndexEntry(Index.STOCK, bucket_of(organization, *each), named, FOR_EVER) for each in lists]
    return [*entries, IndexEntry(Index.STOCK, ORGANIZATIONS, organization, FOR_EVER)]


def place_named(organization: str, named: str) -> Partition:
    """Where the entry is that a list names so."""
    return stock_rows.place(organization, named.rpartition(rows.SEPARATOR)[0], number_named(named))


def _which(query: EntriesQuery) -> tuple[str, str]:
    if query.sku:
        return "sku", query.sku
    if query.product_id:
        return "product", query.product_id
    return ("warehouse", query.warehouse_id) if query.warehouse_id else ("all", "")


def number_named(named: str) -> int:
    """The number of the warehouse in which an entry is that a list names so."""
    return int(named.rpartition(rows.SEPARATOR)[2])


def _fits(entry: InventoryEntry, query: EntriesQuery) -> bool:
    """One list cannot tell all that is asked for; and an entry that was deleted and added again may be of another
    product than a list says.
    """
    return (
        query.sku in ("", entry.sku)
        and query.product_id in ("", entry.product_id)
        and query.warehouse_id in ("", entry.warehouse_id)
        and (entry.is_low or not query.low_stock)
    )
