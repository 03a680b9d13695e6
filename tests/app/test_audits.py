"""The auditor as a background job: it counts and logs what is wrong, goes on after an error, and repairs nothing."""

import logging
from pathlib import Path
from random import Random

import anyio
import pytest

from tests.cli.test_audits import ORPHAN, opened, plant
from travio_inventory.app.background import AuditJob
from travio_inventory.app.service import running
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.seats.audit.findings import Audited, Fault, Finding
from travio_inventory.seats.ports import ListedTrip
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.audit_trips import AuditTrips
from verification.kit.asking import open_trip
from verification.kit.in_process import settings_of
from verification.kit.trips import a_trip
from verification.simulation.virtual_loop import run_virtually

TRIP = TripKey("acme", "t1")
ODD = Finding(Fault.ODD_CELL, TRIP, 0, "A1", 0)


class Audits:
    """Finds the same fault of one trip in every round, but for the first, in which the store is away."""

    def __init__(self) -> None:
        self.rounds = 0

    async def due(self) -> list[TripKey]:
        self.rounds += 1
        if self.rounds == 1:
            raise BackendUnavailable
        return [TRIP]

    async def trip(self, key: TripKey, *, repair: bool, told: object) -> Audited:
        assert not repair
        return Audited(key, left=[ODD, ODD], unread={3: "no answer"})

    async def listed(self, shard: int, *, after: str, most: int) -> list[tuple[str, ListedTrip]]:
        raise NotImplementedError


def test_each_fault_is_counted_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    counted: list[Fault] = []
    audits = Audits()

    async def some_rounds() -> None:
        job = AuditJob(AuditTrips(audits), count=counted.append, jitter=Random(1))
        with anyio.move_on_after(40):
            await job.run()

    run_virtually(1, some_rounds())
    assert audits.rounds > 3
    assert counted == [Fault.ODD_CELL] * 2 * (audits.rounds - 1)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "cannot audit trips now: the store is unavailable; retry",
        f"audit: {ODD}: run `travio-inventory audit` to see all of it, with --repair to repair it",
        "audit: trip t1 of acme, group 3 cannot be read: no answer",
    ]


@pytest.mark.parametrize("seconds", [1, 0])
async def test_the_service_audits_its_trips_unless_told_not_to(seconds: int) -> None:
    """With another interval than a day's, of which a shard of the list has a 75th."""
    async with running(settings_of(audit_seconds=seconds)) as app:
        await open_trip(app.inventory, a_trip())
        names = {figure.use_case for figure in app.figures.snapshot()}
        with anyio.fail_after(60):
            while seconds and "audit_trips.due" not in names:
                await anyio.sleep(0.05)
                names = {figure.use_case for figure in app.figures.snapshot()}
    assert ("audit_trips.due" in names) is bool(seconds)


@pytest.mark.once
async def test_the_service_counts_a_fault_of_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round is about one of sixty shards of the list of trips, so rounds follow each other quickly here."""
    monkeypatch.setattr("travio_inventory.app.background.audits.LOOK_EVERY_MS", 10)
    settings = settings_of(tmp_path, audit_seconds=1)
    trip = await opened(settings)
    await plant(settings, trip, ORPHAN)
    async with running(settings) as app:
        with anyio.fail_after(60):
            found = False
            while not found:
                await anyio.sleep(0.1)
                found = any(
                    (each.use_case, each.outcome) == ("audit", "orphan intent") for each in app.figures.snapshot()
                )
