"""The auditor as a background job: it counts and logs what is wrong, goes on after an error, and repairs nothing."""

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import anyio
import pytest

from tests.cli.test_audits import ORPHAN, opened, plant
from travio_inventory.app.background import AuditJob
from travio_inventory.app.background.unchecked import EdgeUnseen, What
from travio_inventory.app.service import running
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.audit.findings import Audited, Fault, Finding, Skipped
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
    """Finds the same fault of one trip in every round, but for the first, in which the store is away; cannot see all of
    it, until it is `well`.
    """

    def __init__(self) -> None:
        self.rounds = 0
        self.well = False

    async def due(self) -> list[TripKey]:
        self.rounds += 1
        if self.rounds == 1:
            raise BackendUnavailable
        return [TRIP]

    async def trip(self, key: TripKey, *, repair: bool, told: object) -> Audited:
        assert not repair
        found = Audited(key, left=[ODD, ODD], groups=9)
        return found if self.well else replace(found, unread={3: "no answer", 4: "none"}, edge_unseen=7)

    async def listed(self, shard: int, *, after: str, most: int) -> list[tuple[str, ListedTrip]]:
        raise NotImplementedError


def test_each_fault_is_counted_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    counted: list[Fault] = []
    audits, waits = Audits(), StoreWaits()

    async def some_rounds() -> None:
        job = AuditJob(
            AuditTrips(audits),
            count=counted.append,
            missed=lambda _what, _count: None,
            waits=waits,
            jitter=Random(1),
        )
        with anyio.move_on_after(40):
            await job.run()

    run_virtually(1, some_rounds())
    assert audits.rounds > 3
    assert counted == [Fault.ODD_CELL] * 2 * (audits.rounds - 1)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"audit: {ODD}: run `travio-inventory audit` to see all of it, with --repair to repair it",
        "audit: cannot check: trip t1 of acme: the edge does not say what it remembers",
    ]
    assert [vars(record).get("trip") for record in caplog.records] == [ODD.trip.trip, "t1"]
    assert waits.take() == "audit trips: BackendUnavailable: the store is unavailable; retry"


def test_what_cannot_be_checked_is_counted_and_that_it_is_again_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    missed: Counter[What] = Counter()
    audits = Audits()

    async def an_incident() -> None:
        job = AuditJob(
            AuditTrips(audits),
            count=lambda _: None,
            missed=lambda what, count: missed.update({what: count}),
            waits=StoreWaits(),
            jitter=Random(1),
        )
        for seconds in (300, 90):
            with anyio.move_on_after(seconds):
                await job.run()
            audits.well = True

    run_virtually(1, an_incident())
    rounds = missed[What.EDGE] // 7
    assert missed == {What.EDGE: 7 * rounds, What.GROUP: 2 * rounds}
    assert 50 < rounds < audits.rounds
    assert [line for record in caplog.records if "check" in (line := record.getMessage())] == [
        "audit: cannot check: trip t1 of acme: the edge does not say what it remembers",
        f"audit: checks each edge again; {7 * rounds} were not checked",
    ]


def test_an_incident_is_a_line_and_many_within_a_minute_are_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now_s, missed = 0.0, list[int]()
    unchecked = EdgeUnseen(logging.getLogger("x"), lambda _, count: missed.append(count), now_s=lambda: now_s)
    for at_s, count in ((0, 2), (1, 3), (10, 0), (11, 4), (12, 0), (13, 1), (3_600, 1), (3_601, 0), (3_602, 0)):
        now_s = float(at_s)
        unchecked.note(count, f"at {at_s}")
    assert missed == [2, 3, 4, 1, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "audit: cannot check: at 0",
        "audit: checks each edge again; 5 were not checked",
        "audit: cannot check: at 3600",
        "audit: checks each edge again; 6 were not checked",
    ]


async def test_a_trip_that_is_gone_does_not_end_an_incident(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    class Gone(Audits):
        async def trip(self, key: TripKey, *, repair: bool, told: object) -> Audited:
            if self.rounds % 2:
                return Audited(key, skipped=Skipped.GONE)
            return await super().trip(key, repair=repair, told=told)

    async def some_rounds() -> None:
        job = AuditJob(
            AuditTrips(Gone()),
            count=lambda _: None,
            missed=lambda _what, _count: None,
            waits=StoreWaits(),
            jitter=Random(1),
        )
        with anyio.move_on_after(300):
            await job.run()

    await asyncio.to_thread(run_virtually, 1, some_rounds())
    assert not [record for record in caplog.records if "again" in record.getMessage()]


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
