"""The command that audits trips: on the store and the edge themselves, not through a service."""

import asyncio
import sys
from collections.abc import AsyncIterator, Container
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.app.auditing import Auditing, auditing
from travio_inventory.app.backends import StartFailed
from travio_inventory.app.deeds import Ending, one_deed, operator_here
from travio_inventory.cli.connection_options import AsJson, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none
from travio_inventory.cli.starting import cannot_start
from travio_inventory.cli.stock_audits import tell_stock
from travio_inventory.client.client import ORGANIZATION_DEFAULT
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import StoreUnavailable
from travio_inventory.seats.audit.auditing import GROUPS_PER_SECOND, AuditRules
from travio_inventory.seats.audit.findings import ADVICE, Audited, Fault, Finding, Skipped, Sums
from travio_inventory.seats.records.listed_trips import SHARDS
from travio_inventory.seats.trip import TripKey
from travio_inventory.settings import Settings
from travio_inventory.stock.audit.findings import ADVICE as STOCK_ADVICE
from travio_inventory.stock.audit.findings import AuditedStock, StockFault
from travio_inventory.stock.use_cases.audit_stock import AuditStock

TRIPS_PER_READ = 100
PACE_MAX = 10_000.0


@dataclass(slots=True)
class _Total:
    """What came of all trips so far."""

    trips: int = 0
    skipped: int = 0
    groups: int = 0
    entries: int = 0
    unread: int = 0
    edge_unseen: int = 0
    left: int = 0
    repaired: int = 0
    sums: Sums = field(default_factory=Sums)
    why_skipped: Skipped = Skipped.NO
    """Of the last trip."""
    faults: dict[Fault | StockFault, None] = field(default_factory=dict)
    """Those that were left, in the order in which they were found."""

    def add(self, audited: Audited) -> None:
        self.trips += 1
        self.skipped += bool(audited.skipped)
        self.why_skipped = audited.skipped
        self.groups += audited.groups
        self.unread += len(audited.unread)
        self.edge_unseen += audited.edge_unseen
        self.left += len(audited.left) + audited.more
        self.repaired += len(audited.repaired)
        self.sums = self.sums.plus(audited.sums)
        self.faults |= dict.fromkeys(finding.fault for finding in audited.left)

    def add_stock(self, audited: AuditedStock) -> None:
        self.entries += 1
        self.unread += bool(audited.unread)
        self.left += len(audited.left) + audited.more
        self.repaired += len(audited.repaired)
        self.faults |= dict.fromkeys(finding.fault for finding in audited.left)

    @property
    def status(self) -> Exit:
        if self.left:
            return Exit.NO
        return Exit.ASK_AGAIN if self.unread or self.edge_unseen else Exit.DONE


def audit(
    trip: str = "",
    *,
    organization: Annotated[
        str, Parameter(env_var="TRAVIO_ORGANIZATION", help="The organization that runs the trips.")
    ] = ORGANIZATION_DEFAULT,
    repair: Annotated[bool, Parameter(negative="", help="Repair what the protocol has a step for.")] = False,
    groups_per_second: Annotated[
        float, Parameter(help="Seat groups to look at in a second.", validator=Number(gt=0, lte=PACE_MAX))
    ] = GROUPS_PER_SECOND,
    from_shard: Annotated[
        int,
        Parameter(
            help=f"Go on with this one of {SHARDS} shards of the list of trips.", validator=Number(gte=0, lt=SHARDS)
        ),
    ] = 0,
    only: Annotated[
        Literal["trips", "stock"] | None, Parameter(help="Trips alone, or stock alone; by default both.")
    ] = None,
    as_json: AsJson = False,
) -> Exit:
    """Compare what is recorded of all trips, or of one, and of all stock with what must be true, beside a sale too.

    It works on the store and the edge that the settings name, not through a service. What it finds is looked at again
    before it is told. With --json one line for each trip, and for each entry of stock of which there is something to
    tell, then one for all. Status 0: nothing is wrong, or all of it is repaired; 1: something is left; 3: something
    could not be read, or the edge did not answer.
    """
    screen = Screen(as_json=as_json)
    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    key = TripKey(organization, trip) if trip else None
    parts = {"trips", "stock"} if only is None else {only}
    work = _Work(screen, settings, AuditRules(groups_per_second=groups_per_second), repair=repair)
    try:
        return asyncio.run(work.run(key, from_shard, parts={"trips"} if key else parts))
    except StartFailed as failed:
        return fail(screen, cannot_start(failed))
    except KeyboardInterrupt:
        advice = "" if key else work.goes_on
        return fail(screen, Failure(Exit.INTERRUPTED, "INTERRUPTED", "interrupted", advice))


class _Work:
    """One run of the command; `shard` is how far it is."""

    def __init__(self, screen: Screen, settings: Settings, rules: AuditRules, *, repair: bool) -> None:
        self.shard = 0
        self._screen = screen
        self._progress = Screen(out=sys.stderr)
        self._settings = settings
        self._rules = rules
        self._repair = repair
        self._total = _Total()
        self._is_at_stock = False

    @property
    def goes_on(self) -> str:
        """How to go on from here."""
        return "--only stock goes on with it" if self._is_at_stock else f"--from-shard {self.shard} goes on from here"

    async def run(self, only: TripKey | None, from_shard: int, *, parts: Container[str]) -> Exit:
        """Audit that trip, or all from that shard on, and stock. Raises StartFailed."""
        async with auditing(self._settings, self._rules, repair=self._repair) as opened:
            try:
                if "trips" in parts:
                    async for key in self._trips(opened, only, from_shard):
                        await self._one(opened, key)
                if "stock" in parts and opened.stock is not None:
                    self._is_at_stock = True
                    await self._all_stock(opened, opened.stock)
            except (BackendUnavailable, StoreUnavailable) as failed:
                advice = "" if only else self.goes_on
                return fail(self._screen, Failure(Exit.ASK_AGAIN, BackendUnavailable.reason, str(failed), advice))
            finally:
                self._progress.over("")
            if only is not None and self._total.why_skipped:
                return fail(self._screen, _not_audited(only, self._total.why_skipped))
            self._tell_total(opened)
        return self._total.status

    async def _trips(self, opened: Auditing, only: TripKey | None, from_shard: int) -> AsyncIterator[TripKey]:
        if only is not None:
            yield only
            return
        for self.shard in range(from_shard, SHARDS):
            after, before = "", None
            while found := await opened.audits.listed(HOUSE, self.shard, after=after, most=TRIPS_PER_READ):
                after = found[-1][0]
                for _, listed in found:
                    if listed.key != before:  # it may be listed twice, with the times that it had and has
                        yield listed.key
                    before = listed.key

    async def _all_stock(self, opened: Auditing, audits: AuditStock) -> None:
        async for at in opened.places(""):
            self._progress.over(f"entry {self._total.entries + 1}: {at.name} of {at.organization}")
            about = f"{at.name} {at.number}"
            async with self._deed(opened, at.organization, "repair stock", about) as ending:
                audited = await audits.one(HOUSE, at, repair=self._repair)
                ending.outcome = f"{len(audited.repaired)} repaired"
            self._total.add_stock(audited)
            self._progress.over("")
            tell_stock(self._screen, audited)

    def _deed(self, opened: Auditing, organization: str, verb: str, about: str) -> AbstractAsyncContextManager[Ending]:
        """Records a repair; to look is none."""
        if not self._repair:
            return nullcontext(Ending())
        return one_deed(opened.deeds, operator_here(organization), verb, about)

    async def _one(self, opened: Auditing, key: TripKey) -> None:
        def told(done: int, groups: int) -> None:
            of = f"{key.trip} of {key.organization}: {done} of {groups} seat groups"
            self._progress.over(f"shard {self.shard} of {SHARDS}, trip {self._total.trips + 1}, {of}")

        async with self._deed(opened, key.organization, "repair trip", key.trip) as ending:
            audited = await opened.audits.one(HOUSE, key, repair=self._repair, told=told)
            ending.outcome = f"{len(audited.repaired)} repaired"
        self._total.add(audited)
        self._progress.over("")
        if self._screen.as_json:
            self._screen.line(_plain(audited))
            return
        for finding in audited.repaired:
            self._screen.say(f"repaired: {finding}", "green")
        for finding in audited.left:
            self._screen.say(str(finding), "red")
        if audited.more:
            self._screen.say(f"and {audited.more} more of trip {key.trip} of {key.organization}", "red")
        for group, why in audited.unread.items():
            self._screen.say(f"cannot read: trip {key.trip} of {key.organization}, group {group}: {why}", "yellow")

    def _tell_total(self, opened: Auditing) -> None:
        total = self._total
        if self._screen.as_json:
            names = ("trips", "skipped", "groups", "entries", "unread", "left", "repaired")
            counts = {name: getattr(total, name) for name in names}
            sees_edge = opened.sees_edge and not total.edge_unseen
            self._screen.line({**counts, "cells": total.sums._asdict(), "edge_seen": sees_edge})
            return
        free, held, sold, blocked, cells = total.sums
        of = f"{total.trips - total.skipped} trips, {total.groups} seat groups, {cells} cells"
        self._screen.say(f"{of}: {free} free, {held} held, {sold} sold, {blocked} blocked")
        if total.entries:
            self._screen.say(f"{total.entries} entries of stock")
        if not opened.sees_edge:
            self._screen.say("the edge was not looked at: it is in the service's process, or there is none")
        if total.edge_unseen:
            said = f"the edge did not answer: what it remembers of {total.edge_unseen} seat groups was not looked at"
            self._screen.say(said, "yellow")
        outcome = f"{total.repaired} repaired, {total.left} left" if self._repair else f"{total.left} found"
        self._screen.say(outcome, "red" if total.left else "green")
        for fault in total.faults:
            if self._repair or fault in _NEVER_REPAIRED:
                self._screen.say(f"{fault}: {ADVICE[fault] if isinstance(fault, Fault) else STOCK_ADVICE[fault]}")
        if total.left and not self._repair:
            self._screen.say("--repair repairs what the protocol has a step for")


_NEVER_REPAIRED = (
    Fault.TWO_OWNERS, Fault.ODD_CELL, Fault.MISSING_CELL, StockFault.MISSING_MOVEMENT, StockFault.TWO_RESERVATIONS,
)  # fmt: skip


def _not_audited(key: TripKey, why: Skipped) -> Failure:
    said = f"trip {key.trip} of {key.organization} was not audited: {why}"
    if why is Skipped.GONE:
        return Failure(Exit.NO, "TRIP_NOT_FOUND", said, "name its --organization")
    return Failure(Exit.ASK_AGAIN, "TRIP_NOT_AUDITED", said, "run the same command again when that is done")


def _plain(audited: Audited) -> dict[str, object]:
    """What came of a trip, for programs."""
    return {
        "organization": audited.trip.organization,
        "trip": audited.trip.trip,
        "skipped": str(audited.skipped),
        "groups": audited.groups,
        "cells": audited.sums._asdict(),
        "left": [_finding(each) for each in audited.left],
        "repaired": [_finding(each) for each in audited.repaired],
        "more": audited.more,
        "unread": {str(group): why for group, why in audited.unread.items()},
    }


def _finding(finding: Finding) -> dict[str, object]:
    named = finding._asdict()
    return {
        name: str(named[name]) if name == "fault" else named[name] for name in named if name not in ("trip", "seen")
    }
