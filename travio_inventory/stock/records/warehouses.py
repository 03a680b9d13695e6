"""Warehouses: one partition for those of an organization, in which each has a number."""

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
from travio_inventory.stock.commands import AddWarehouse, ChangeWarehouse
from travio_inventory.stock.records.additions import Addition
from travio_inventory.stock.refusals import StockExists, StockNotFound, VersionConflict
from travio_inventory.stock.warehouse import WAREHOUSES_MAX, Site, Warehouse, warehouse_id

TRIES_MAX = 8
NUMBERS = RowKey(Kind.NUMBERS, "")


class Warehouses:
    """The warehouses of every organization."""

    def __init__(self, batches: Batches, clock: Clock, retention: Retention) -> None:
        self._batches = batches
        self._clock = clock
        self._retention = retention

    async def add(self, organization: str, command: AddWarehouse) -> Warehouse:
        """The new warehouse, or the one that stands if it says the same, or was added with the same key. Raises
        StockExists, IdempotencyKeyReused, InvalidRequest, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        key, asked = _key(warehouse_id(organization, command.code)), Addition(command.key, command.fingerprint)
        for _ in range(TRIES_MAX):
            standing = await self._get(organization, [NUMBERS, key, *asked.keys])
            now_ms = self._clock.now_ms()
            writes = [*asked.writes(self._retention, at_ms=now_ms)]
            if asked.was_made(standing):
                return _read(key, standing[key])
            if key in standing:
                made = _same(_read(key, standing[key]), command)
            else:
                numbers = standing.get(NUMBERS)
                last = rows.number(numbers or {}, "warehouses")
                if last >= WAREHOUSES_MAX:
                    said = f"there are {WAREHOUSES_MAX} warehouses already, the most"
                    raise InvalidRequest([Violation("code", said)])
                made = Warehouse(key.id, last + 1, command.code, command.site, 1, now_ms, now_ms)
                counted = Write(NUMBERS, ABSENT if numbers is None else {"warehouses": last}, {"warehouses": last + 1})
                writes += [counted, Write(key, ABSENT, _row(made))]
            if not writes or await until_known(self._batches, _partition(organization), writes) is None:
                return made
        raise Overloaded

    async def change(self, organization: str, command: ChangeWarehouse) -> Warehouse:
        """The warehouse as it is now. A repetition is answered alike. Raises StockNotFound, VersionConflict,
        BackendUnavailable, OutcomeUnknown.
        """
        found = await self.find(organization, command.warehouse_id)
        if found.version != command.version:
            return _same_change(found, command)
        key = _key(found.id)
        changed = replace(found, site=command.site, version=found.version + 1, updated_at_ms=self._clock.now_ms())
        write = Write(key, {"version": found.version}, _row(changed))
        standing = await until_known(self._batches, _partition(organization), [write])
        return changed if standing is None else _same_change(_read(key, standing[key]), command)

    async def find(self, organization: str, warehouse: str, called: str = "warehouse") -> Warehouse:
        """The warehouse. Raises StockNotFound, of what it is `called`, and BackendUnavailable."""
        key = _key(warehouse)
        standing = await self._get(organization, [key])
        if key not in standing:
            raise StockNotFound(called)
        return _read(key, standing[key])

    async def all(self, organization: str) -> Sequence[Warehouse]:
        """Every warehouse, those first that are first in order, then by code. Raises BackendUnavailable."""
        try:
            found = await self._batches.read(_partition(organization), Kind.WAREHOUSE)
        except StoreUnavailable:
            raise BackendUnavailable from None
        return sorted((_read(*each) for each in found.items()), key=lambda each: (each.site.priority, each.code))

    async def _get(self, organization: str, keys: Sequence[RowKey]) -> Rows:
        try:
            return await self._batches.get(_partition(organization), keys)
        except StoreUnavailable:
            raise BackendUnavailable from None


def _partition(organization: str) -> Partition:
    return Partition(Table.WAREHOUSES, organization, "")


def _key(warehouse: str) -> RowKey:
    return RowKey(Kind.WAREHOUSE, warehouse)


def _same(standing: Warehouse, command: AddWarehouse) -> Warehouse:
    if standing.site != command.site:
        raise StockExists("warehouse")
    return standing


def _same_change(standing: Warehouse, command: ChangeWarehouse) -> Warehouse:
    """What stands, if it is this change that led to it."""
    if (standing.version, standing.site) != (command.version + 1, command.site):
        raise VersionConflict(standing.version)
    return standing


def _row(warehouse: Warehouse) -> Row:
    return {
        "number": warehouse.number,
        "code": warehouse.code,
        "definition": encode(asdict(warehouse.site)),
        "version": warehouse.version,
        "created_at_ms": warehouse.created_at_ms,
        "updated_at_ms": warehouse.updated_at_ms,
    }


def _read(key: RowKey, row: Row) -> Warehouse:
    return Warehouse(
        key.id,
        rows.number(row, "number"),
        rows.text(row, "code"),
        Site(**json.loads(rows.text(row, "definition"))),
        rows.number(row, "version"),
        rows.number(row, "created_at_ms"),
        rows.number(row, "updated_at_ms"),
    )
