"""The auditor of stock as a background job: it counts what is wrong, goes on after an error, and repairs nothing."""

import logging
from collections import Counter
from pathlib import Path
from random import Random

import anyio
import pytest

from tests.cli.test_audits import shelved
from travio_inventory.app.background import StockAuditJob
from travio_inventory.app.background.unchecked import What
from travio_inventory.app.service import running
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.stock.audit.findings import AuditedStock, StockFault, StockFinding
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.use_cases.audit_stock import AuditStock
from verification.kit.in_process import settings_of
from verification.simulation.virtual_loop import run_virtually

AT = stock_rows.place("acme", "cup", 1)
WRONG = StockFinding(StockFault.RESERVED, AT, "", "2, its reservations have 0")


class Auditor:
    """Finds the same fault in every round, but for the first, in which the store is away; cannot read all, until it is
    `well`.
    """

    well = False

    def __init__(self) -> None:
        self.rounds = 0

    async def due(self) -> list[Partition]:
        self.rounds += 1
        if self.rounds == 1:
            raise BackendUnavailable
        return [AT]

    async def entry(self, at: Partition, *, repair: bool, in_short: bool) -> AuditedStock:
        assert (repair, in_short) == (False, True)
        return AuditedStock(at, left=[WRONG, WRONG], unread="" if self.well else "no answer")


def test_each_fault_of_stock_is_counted_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    counted: list[StockFault] = []
    missed: Counter[What] = Counter()
    auditor, waits = Auditor(), StoreWaits()

    async def some_rounds() -> None:
        job = StockAuditJob(
            AuditStock(auditor),
            count=counted.append,
            missed=lambda what, count: missed.update({what: count}),
            waits=waits,
            jitter=Random(1),
        )
        with anyio.move_on_after(40):
            await job.run()
        auditor.well = True
        with anyio.move_on_after(5):
            await job.run()

    run_virtually(1, some_rounds())
    assert auditor.rounds > 3
    assert 3 < missed[What.STOCK] < auditor.rounds
    assert counted == [StockFault.RESERVED] * 2 * (auditor.rounds - 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"audit: {WRONG}: run `travio-inventory audit` to see all of it, with --repair to repair it",
    ]
    assert waits.take() == "audit stock: BackendUnavailable: the store is unavailable; retry"


@pytest.mark.once
async def test_the_service_counts_a_fault_of_its_stock(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, audit_seconds=1)
    await shelved(settings, reserved=2)
    async with running(settings) as app:
        with anyio.fail_after(60):
            found = False
            while not found:
                await anyio.sleep(0.1)
                figures = {(each.use_case, each.outcome) for each in app.figures.snapshot()}
                found = ("audit", "wrong reserved") in figures
