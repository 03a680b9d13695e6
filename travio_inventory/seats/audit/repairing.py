"""Repairs what the auditor found by the protocol's own steps, each on condition that it is still as it was found.

    leftover, orphan intent     the attempt is fenced if it has no row; then free IF owner is that title
    overdue hold                expire IF held until the same moment
    wrong status                as the home row says IF owner is that title; in its home beside the row, if unchanged
    without its seat            its hold's again IF available, as an attempt that sends its batch once more
    unlisted                    the entries again
    lasting lock or mark        forgotten IF that attempt's or hold's
    unpublished events          given to the relay again

Nothing is written without such a condition. What no step can undo without taking a seat from somebody is left to a
person.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, StoreUnavailable, Write
from travio_inventory.protocol.hold import Aborted, Released, Title, read_title
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.judging import Verdict
from travio_inventory.protocol.steps.writing import list_again
from travio_inventory.protocol.unpublished import Unpublished
from travio_inventory.seats.audit.edge_entries import forget_entry
from travio_inventory.seats.audit.findings import Fault, Finding
from travio_inventory.seats.audit.group_rows import cells_of
from travio_inventory.seats.audit.lists import trip_entries
from travio_inventory.seats.hold import NEVER_MS, Hold, parse_hold_id
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.ports import Gate, TakenSeats
from travio_inventory.seats.records import seat_rows, trip_rows

ORDER: Sequence[Fault] = (
    Fault.OVERDUE,
    Fault.LEFTOVER,
    Fault.ORPHAN,
    Fault.WRONG_STATUS,
    Fault.WITHOUT_SEAT,
    Fault.UNLISTED,
    Fault.UNLISTED_TRIP,
    Fault.LASTING_LOCK,
    Fault.LASTING_MARK,
    Fault.UNPUBLISHED,
)
"""What is freed first may be what another hold lacks. Other faults are not repaired."""


class Repairs:
    """Repairs faults, as far as the protocol has a step for them."""

    def __init__(self, holds: HoldProtocol[Hold], gate: Gate, taken: TakenSeats, outbox: Unpublished) -> None:
        self._sender = holds.sender
        self._resource = holds.resource
        self._judging = holds.judging
        self._rolling = holds.rolling
        self._gate = gate
        self._taken = taken
        self._outbox = outbox
        self._by_fault: Mapping[Fault, Callable[[Offer, Finding], Awaitable[None]]] = MappingProxyType(
            {
                Fault.OVERDUE: self._expire,
                Fault.LEFTOVER: self._free,
                Fault.ORPHAN: self._fence,
                Fault.WRONG_STATUS: self._bring_in_line,
                Fault.WITHOUT_SEAT: self._take_again,
                Fault.UNLISTED: self._list,
                Fault.UNLISTED_TRIP: self._list_trip,
                Fault.LASTING_LOCK: self._forget,
                Fault.LASTING_MARK: self._forget,
                Fault.UNPUBLISHED: self._give_again,
            }
        )

    async def repair(self, offer: Offer, findings: Sequence[Finding]) -> dict[Finding, str]:
        """Try each once. Whether it is repaired, only another look can tell; returns why some could not be tried."""
        failed: dict[Finding, str] = {}
        for fault in ORDER:
            for finding in findings:
                if finding.fault is fault:
                    try:
                        await self._by_fault[fault](offer, finding)
                    except (Refusal, StoreUnavailable) as error:
                        failed[finding] = error_in_words(error)
        return failed

    async def _expire(self, offer: Offer, finding: Finding) -> None:
        await self._judging.judge(offer.trip.key.organization, finding.owner, since_ms=self._sender.clock.now_ms())

    async def _free(self, _: Offer, finding: Finding) -> None:
        """Free the cell of an owner that has ended, or does not have it under this title: neither can change again."""
        partition, cell = _where(finding)
        title = read_title(finding.owner)
        home = await self._judging.home(partition.organization, title.hold_id)
        is_live = home is not None and home.get("status") in rows.LIVE
        if home is None or (is_live and self._may_have(title, home, partition, cell)):
            return
        await self._rolling.roll(finding.owner, partition, [cell], Released())

    async def _fence(self, _: Offer, finding: Finding) -> None:
        """Make sure that the attempt never commits, then free its cell."""
        partition, cell = _where(finding)
        row = (await self._sender.batches.get(partition, [cell])).get(cell, {})
        if row.get("owner") != finding.owner:
            return
        since_ms = rows.number(row, "since_ms")
        judged = await self._judging.judge_claim(partition, cell, finding.owner, since_ms=since_ms)
        if judged.verdict is Verdict.DEAD:
            await self._rolling.roll(finding.owner, partition, [cell], Aborted(""))

    async def _bring_in_line(self, _: Offer, finding: Finding) -> None:
        """Let the cell say of its owner what the home row says."""
        partition, cell = _where(finding)
        hold_id = read_title(finding.owner).hold_id
        home = await self._judging.home(partition.organization, hold_id)
        if home is not None and home.get("status") in rows.LIVE:
            condition: Row = {"owner": finding.owner, "status": finding.other}
            await self._write_beside_home(hold_id, home, partition, Write(cell, condition, _said_of(home)))

    async def _take_again(self, offer: Offer, finding: Finding) -> None:
        """Give the cell, if it is free, to the hold whose row has named it all the while."""
        trip = offer.trip
        hold_id, cell = finding.owner, _cell_of(finding)
        partition = seat_rows.group_partition(trip.key, finding.group)
        home = await self._judging.home(partition.organization, hold_id)
        row = (await self._sender.batches.get(partition, [cell])).get(cell)
        if row is not None and (other := rows.text(row, "owner")) and read_title(other).hold_id != hold_id:
            await self._free(offer, finding._replace(owner=other))
            row = (await self._sender.batches.get(partition, [cell])).get(cell)
        if home is None or row is None or home.get("status") not in rows.LIVE or row.get("status") != "available":
            return
        if (finding.group, cell) not in cells_of(partition.organization, hold_id, home):
            return
        condition: Row = {name: row.get(name) for name in ("status", "owner", "period")}
        owner = str(Title(hold_id, rows.number(home, "moves")))
        said = {name: value for name, value in _said_of(home).items() if value is not None or name in row}
        values: Row = {**said, "owner": owner, "since_ms": self._sender.clock.now_ms()}
        await self._write_beside_home(hold_id, home, partition, Write(cell, condition, values))
        await self._give_back_unless_live(hold_id, owner, partition, cell)

    async def _write_beside_home(self, hold_id: str, home: Row, partition: Partition, write: Write) -> None:
        """In its home, on condition that the row is as it was read; elsewhere the row decides anyway."""
        writes = [write]
        if parse_hold_id(hold_id).home == partition.number:
            as_read: Row = {name: home.get(name) for name in ("status", "extensions", "moves", "expires_at_ms")}
            writes.append(Write(rows.hold_key(hold_id), as_read, {"status": home.get("status")}))
        await self._sender.apply(partition, writes, ())

    async def _give_back_unless_live(self, hold_id: str, owner: str, partition: Partition, cell: RowKey) -> None:
        """What was taken elsewhere than in its home is given back if the hold has ended meanwhile, or gave it up."""
        home = await self._judging.home(partition.organization, hold_id) or {}
        if home.get("status") not in rows.LIVE or not self._may_have(read_title(owner), home, partition, cell):
            await self._rolling.roll(owner, partition, [cell], Released())

    def _may_have(self, title: Title, home: Row, partition: Partition, cell: RowKey) -> bool:
        """Whether the live hold has the cell, or a move of it that is not decided may still take it."""
        is_named = (partition.number, cell) in cells_of(partition.organization, title.hold_id, home)
        return is_named or title.move > rows.number(home, "moves")

    async def _list(self, offer: Offer, finding: Finding) -> None:
        organization = offer.trip.key.organization
        home = await self._judging.home(organization, finding.owner)
        if home is not None and home.get("status") in rows.LIVE:
            await list_again(self._sender, self._resource, seat_rows.read_hold(organization, finding.owner, home))

    async def _list_trip(self, offer: Offer, _: Finding) -> None:
        await self._sender.apply(trip_rows.partition(offer.trip.key), (), trip_entries(offer))

    async def _forget(self, _: Offer, finding: Finding) -> None:
        await forget_entry(self._gate, self._taken, finding)

    async def _give_again(self, _: Offer, finding: Finding) -> None:
        partition = seat_rows.group_partition(finding.trip, finding.group)
        for lacking in await self._outbox.of(partition):
            if lacking.sink == finding.other:
                await self._outbox.give_again(partition, lacking)


def _cell_of(finding: Finding) -> RowKey:
    return RowKey(Kind.CELL, finding.seat, finding.segment)


def _where(finding: Finding) -> tuple[Partition, RowKey]:
    return seat_rows.group_partition(finding.trip, finding.group), _cell_of(finding)


def _said_of(home: Row) -> Row:
    """What a cell says of a live hold."""
    status = seat_rows.cell_status(home)
    until_ms = rows.number(home, "expires_at_ms")
    return {"status": status, "until_ms": until_ms if status == "held" and until_ms < NEVER_MS else None}
