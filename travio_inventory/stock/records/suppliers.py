"""Suppliers: one partition for those of an organization, each with a version; one that is deleted keeps its code."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.json_text import encode
from travio_inventory.kernel.refusals import BackendUnavailable, InvalidRequest, Overloaded, Violation
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Batches,
    Kind,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.until_known import until_known
from travio_inventory.stock.records.additions import Addition
from travio_inventory.stock.refusals import StockExists, StockNotFound, VersionConflict
from travio_inventory.stock.supplier import (
    SUPPLIERS_MAX,
    AddSupplier,
    ChangeSupplier,
    Contact,
    DeleteSupplier,
    Supplier,
    supplier_id,
)

TRIES_MAX = 8
NUMBERS = RowKey(Kind.NUMBERS, "")


class Suppliers:
    """The suppliers of every organization."""

    def __init__(self, batches: Batches, clock: Clock, retention: Retention) -> None:
        self._batches = batches
        self._clock = clock
        self._retention = retention

    async def add(self, organization: str, command: AddSupplier) -> Supplier:
        """The new supplier, the one that stands if it says the same or was added with the same key, or one that was
        deleted and begins again. Raises StockExists, IdempotencyKeyReused, InvalidRequest, Overloaded,
        BackendUnavailable, OutcomeUnknown.
        """
        key, asked = _key(supplier_id(organization, command.code)), Addition(command.key, command.fingerprint)
        for _ in range(TRIES_MAX):
            standing = await self._get(organization, [NUMBERS, key, *asked.keys])
            now_ms, last = self._clock.now_ms(), rows.number(standing.get(NUMBERS, {}), "warehouses")
            found = _read(key, standing[key]) if key in standing else None
            writes = [*asked.writes(self._retention, at_ms=now_ms)]
            if found is not None and asked.was_made(standing):
                return found
            if found is not None and not found.is_deleted:
                made = _same(found, command)
            elif found is not None:
                made = replace(
                    found, contact=command.contact, is_deleted=False, version=found.version + 1, updated_at_ms=now_ms
                )
                writes += [Write(key, {"version": found.version}, _row(made))]
            elif last >= SUPPLIERS_MAX:
                raise InvalidRequest([Violation("code", f"there are {SUPPLIERS_MAX} suppliers already, the most")])
            else:
                made = Supplier(key.id, last + 1, command.code, command.contact, False, 1, now_ms, now_ms)
                counted = Write(
                    NUMBERS, {"warehouses": last} if NUMBERS in standing else ABSENT, {"warehouses": last + 1}
                )
                writes += [counted, Write(key, ABSENT, _row(made))]
            if not writes or await until_known(self._batches, _partition(organization), writes) is None:
                return made
        raise Overloaded

    async def change(self, organization: str, command: ChangeSupplier) -> Supplier:
        """The supplier as it is now. A repetition is answered alike. Raises StockNotFound, VersionConflict,
        BackendUnavailable, OutcomeUnknown.
        """
        found = await self.kept(organization, command.supplier_id)
        return await self._write(organization, found, replace(found, contact=command.contact), command.version)

    async def delete(self, organization: str, command: DeleteSupplier) -> Supplier:
        """The supplier that is kept no more; the same otherwise."""
        found = await self.find(organization, command.supplier_id)
        return await self._write(organization, found, replace(found, is_deleted=True), command.version)

    async def find(self, organization: str, supplier: str) -> Supplier:
        """The supplier, a deleted one too. Raises StockNotFound, BackendUnavailable."""
        key = _key(supplier)
        standing = await self._get(organization, [key])
        if key not in standing:
            raise StockNotFound("supplier")
        return _read(key, standing[key])

    async def kept(self, organization: str, supplier: str) -> Supplier:
        """The supplier, if it is not deleted. Raises StockNotFound, BackendUnavailable."""
        found = await self.find(organization, supplier)
        if found.is_deleted:
            raise StockNotFound("supplier")
        return found

    async def all(self, organization: str) -> Sequence[Supplier]:
        """Those that are not deleted, by code. Raises BackendUnavailable."""
        try:
            standing = await self._batches.read(_partition(organization), Kind.SUPPLIER)
        except StoreUnavailable:
            raise BackendUnavailable from None
        found = (_read(*each) for each in standing.items())
        return sorted((each for each in found if not each.is_deleted), key=lambda each: each.code)

    async def _write(self, organization: str, before: Supplier, wanted: Supplier, seen: int) -> Supplier:
        """As it was wanted, if it is at the version that was seen, or was brought to it from there before."""
        after = replace(wanted, version=seen + 1, updated_at_ms=self._clock.now_ms())
        if before.version != seen:
            return _same_change(before, after)
        key = _key(before.id)
        write = Write(key, {"version": seen}, _row(after))
        standing = await until_known(self._batches, _partition(organization), [write])
        return after if standing is None else _same_change(_read(key, standing[key]), after)

    async def _get(self, organization: str, keys: Sequence[RowKey]) -> Rows:
        try:
            return await self._batches.get(_partition(organization), keys)
        except StoreUnavailable:
            raise BackendUnavailable from None


def _partition(organization: str) -> Partition:
    return Partition(Table.WAREHOUSES, organization, "suppliers")


def _key(supplier: str) -> RowKey:
    return RowKey(Kind.SUPPLIER, supplier)


def _same(standing: Supplier, command: AddSupplier) -> Supplier:
    if standing.contact != command.contact:
        raise StockExists("supplier")
    return standing


def _same_change(standing: Supplier, wanted: Supplier) -> Supplier:
    """What stands, if it is this change that led to it."""
    said = (wanted.version, wanted.contact, wanted.is_deleted)
    if (standing.version, standing.contact, standing.is_deleted) != said:
        raise VersionConflict(standing.version)
    return standing


def _row(supplier: Supplier) -> Row:
    return {
        "number": supplier.number,
        "code": supplier.code,
        "definition": encode({"contact": asdict(supplier.contact), "deleted": supplier.is_deleted}),
        "version": supplier.version,
        "created_at_ms": supplier.created_at_ms,
        "updated_at_ms": supplier.updated_at_ms,
    }


def _read(key: RowKey, row: Row) -> Supplier:
    said = json.loads(rows.text(row, "definition"))
    return Supplier(
        key.id,
        rows.number(row, "number"),
        rows.text(row, "code"),
        Contact(**said["contact"]),
        said["deleted"],
        rows.number(row, "version"),
        rows.number(row, "created_at_ms"),
        rows.number(row, "updated_at_ms"),
    )
