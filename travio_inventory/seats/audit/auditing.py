"""Audits a trip, seat group by seat group, beside a sale: what is found is told only when a second look finds it too.

The first look reads as maps do, from a majority and without finishing anything. Where it finds something, a second one
follows a moment later, by serial reads, and only what both found alike is a fault: a sale changes rows between two
reads of one look, but then it has changed what a finding says it has `seen`.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.ages import Ages
from travio_inventory.protocol.batches import Reads, Row, StoreUnavailable
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.unpublished import Unpublished
from travio_inventory.seats.audit.comparing import Bounds, Comparing, in_both
from travio_inventory.seats.audit.edge_entries import lasting_entries
from travio_inventory.seats.audit.findings import Audited, Fault, Finding, Skipped, Sums
from travio_inventory.seats.audit.group_rows import GroupRows
from travio_inventory.seats.audit.lists import trip_unlisted, unlisted
from travio_inventory.seats.audit.ports import GateSight
from travio_inventory.seats.audit.repairing import Repairs
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.ports import Cell, ListedTrip, SeatGroupKey, Trips
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.listed_trips import TripRound, listed_in
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.trip import TripKey

GROUPS_PER_SECOND = 20.0
TRIPS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class AuditRules:
    """How the auditor goes about it: how late a background job may be before it is a fault, how long after the first
    look the second one follows, how many seat groups it looks at in a second, how many findings of a trip it keeps, and
    for how long a lock may last.
    """

    late_ms: int = 60_000
    second_look_ms: int = 3_000
    groups_per_second: float = GROUPS_PER_SECOND
    findings_max: int = 1_000
    lock_ms_max: int = 5_000


class _Look(NamedTuple):
    findings: list[Finding]
    sums: Sums
    sees_edge: bool
    """Whether the edge answered, if it is to be looked at."""


class Auditor:
    """Implements `seats.audit.ports.Audits`. `trips_round` visits all trips."""

    def __init__(
        self,
        holds: HoldProtocol[Hold],
        trips: Trips,
        views: Reads,
        repairs: Repairs,
        sight: GateSight | None,
        outbox: Unpublished,
        trips_round: TripRound[TripKey],
        rules: AuditRules,
    ) -> None:
        self._sender = sender = holds.sender
        self._batches = sender.batches
        self._judging = holds.judging
        self._trips = trips
        self._views = views
        self._repairs = repairs
        self._sight = sight
        self._outbox = outbox
        self._round = trips_round
        self._rules = rules
        self._ages = Ages(sender.clock, clock_bound_ms=sender.rules.clock_bound_ms)

    async def trip(
        self, key: TripKey, *, repair: bool, told: Callable[[int, int], None] = lambda _at, _of: None
    ) -> Audited:
        """See Audits."""
        audited = Audited(key)
        offer = await self._offer(audited)
        if offer is None:
            return audited
        await self._audit_lists(offer, audited, repair=repair)
        for group in range(offer.trip.group_count):
            began_s = asyncio.get_running_loop().time()
            try:
                await self._audit_group(offer, group, audited, repair=repair)
            except (StoreUnavailable, BackendUnavailable) as error:
                audited.unread[group] = str(error)
            if audited.skipped:
                break
            audited.groups += 1
            told(audited.groups, offer.trip.group_count)
            spent_s = asyncio.get_running_loop().time() - began_s
            await asyncio.sleep(max(1 / self._rules.groups_per_second - spent_s, 0))
        return audited

    async def due(self) -> Sequence[TripKey]:
        """See Audits."""
        try:
            return await self._round.next(TRIPS_AT_ONCE)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def listed(self, shard: int, *, after: str, most: int) -> Sequence[tuple[str, ListedTrip]]:
        """See Audits."""
        try:
            return await listed_in(self._batches, shard, after=after, most=most)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _offer(self, audited: Audited, known: Offer | None = None) -> Offer | None:
        """The trip as it is offered, None where it is not to be audited now, which is noted."""
        try:
            offer = await self._trips.find(audited.trip, known)
        except TripOpening:
            audited.skipped = Skipped.OPENING
            return None
        if offer is None:
            audited.skipped = Skipped.GONE
        elif offer.state is SalesState.SWAPPING:
            audited.skipped = Skipped.SWAPPING
        return None if audited.skipped else offer

    async def _audit_lists(self, offer: Offer, audited: Audited, *, repair: bool) -> None:
        try:
            findings = await trip_unlisted(self._batches, offer)
            if findings:
                await self._pause()
                findings = in_both(findings, await trip_unlisted(self._batches, offer))
            if findings and repair:
                await self._repairs.repair(offer, findings)
                left = await trip_unlisted(self._batches, offer)
                self._keep(audited, findings, left)
            else:
                self._keep(audited, findings, findings)
        except StoreUnavailable as error:
            audited.unread[0] = str(error)

    async def _audit_group(self, offer: Offer, group: int, audited: Audited, *, repair: bool) -> None:
        """Look once, and again if there was anything; a third time after a repair."""
        look = await self._look(self._views, offer, group)
        if look.findings:
            await self._pause()
            second = await self._look(self._batches, offer, group)
            sees_edge = look.sees_edge and second.sees_edge
            look = _Look(in_both(look.findings, second.findings), second.sums, sees_edge)
        if look.findings and not await self._is_still(offer, audited):
            return
        left = look.findings
        if look.findings and repair:
            await self._repairs.repair(offer, look.findings)
            after = await self._look(self._batches, offer, group)
            left, look = after.findings, _Look(look.findings, after.sums, look.sees_edge and after.sees_edge)
        audited.sums = audited.sums.plus(look.sums)
        audited.edge_unseen += not look.sees_edge
        self._keep(audited, look.findings, left)

    async def _is_still(self, offer: Offer, audited: Audited) -> bool:
        """Whether the trip that was looked at is the one that is there."""
        now = await self._offer(audited, offer)
        if now is not None and (now.opened_at_ms, now.trip.first_group) != (offer.opened_at_ms, offer.trip.first_group):
            audited.skipped = Skipped.SWAPPING
        return not audited.skipped

    async def _look(self, reads: Reads, offer: Offer, group: int) -> _Look:
        """All that can be seen of one seat group. Raises StoreUnavailable."""
        trip, rules = offer.trip, self._rules
        found = await GroupRows.read(reads, trip.key, group)
        bounds = Bounds(self._sender.rules.grace_ms, rules.late_ms)
        comparing = Comparing(trip, group, found, self._judging, bounds)
        findings = [finding async for finding in comparing.findings()]
        settled = {hold_id: row for hold_id, row in found.live.items() if self._is_settled(hold_id, row)}
        findings += await unlisted(self._batches, trip.key, group, settled, self._sender.rules.retention)
        sees_edge = True
        if self._sight is not None:
            cells = [Cell(key.id, key.segment) for key in found.cells]
            of = SeatGroupKey(trip.key, group)
            lasting = await lasting_entries(self._sight, of, cells, lock_ms_max=rules.lock_ms_max)
            sees_edge = lasting is not None
            findings += lasting or ()
        for sink, events in await self._outbox.of(seat_rows.group_partition(trip.key, group)):
            findings.append(Finding(Fault.UNPUBLISHED, trip.key, group, owner=events[0].event.id, other=sink))
        return _Look(findings, comparing.sums(), sees_edge)

    def _is_settled(self, hold_id: str, row: Row) -> bool:
        """Whether its last step is so old that it must be listed by now."""
        changed_ms = row.get("event_at_ms")
        return self._ages.of(hold_id, changed_ms if isinstance(changed_ms, int) else 0) >= self._rules.late_ms

    def _keep(self, audited: Audited, found: list[Finding], left: list[Finding]) -> None:
        """Note what was found, and what of it is still there."""
        remaining = {_place(finding) for finding in left}
        for finding in found:
            if len(audited.left) + len(audited.repaired) >= self._rules.findings_max:
                audited.more += 1
            elif _place(finding) in remaining:
                audited.left.append(finding)
            else:
                audited.repaired.append(finding)

    async def _pause(self) -> None:
        await asyncio.sleep(self._rules.second_look_ms / 1_000)


def _place(finding: Finding) -> Finding:
    """The finding, in whatever state the rows are."""
    says_where = finding.fault in (Fault.UNLISTED, Fault.UNLISTED_TRIP, Fault.UNPUBLISHED)
    return finding._replace(seen="", other=finding.other if says_where else "")


def keys_of(trips: Iterable[ListedTrip], _now_s: int) -> Iterator[TripKey]:
    """What a round over all trips leads to."""
    return (trip.key for trip in trips)
