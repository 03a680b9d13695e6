"""Repairs what the auditor of stock found by the protocol's own steps, each on condition that it is as it was found.

    overdue reservation    expire IF held until the same moment
    orphan line            the attempt is fenced; then given back IF reserved
    leftover line          given back, or taken out, as its home row says, IF reserved
    without its units      reserved again IF so many are available, beside its unchanged home row
    wrong reserved         what the lines say, IF the entry is at the version that was seen
    wrong total            the smaller of the two, where that is the entry's with a movement and its event, IF as it
                           was seen
    wrong received         what the movements say, and on order what is outstanding then, IF both are as they were seen
    lost line of an order  placed again, with what came of it; likewise
    line of no order       closed; likewise
    unfinished order       gone on with, as whoever meets it does
    wrong on order         what the line has outstanding, IF both are as they were seen
    unbooked reservation   the slot names it IF it names what was seen
    unfinished move        gone on with, as whoever meets it does
    lost in a move         come to the first shard, with a cause of their own
    doubled by a move      leave a shard to which they came, with a cause of their own, if they are available there
    untold crossing        told
    unpublished events     given to the relay again

Nothing is taken from somebody, and nothing is offered that may not be there: who counts afterwards knows better.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import ABSENT, FOR_EVER, Partition, Row, Rows, StoreUnavailable, Write
from travio_inventory.protocol.hold import Confirmed, Recorded
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.judging import Verdict
from travio_inventory.protocol.unpublished import Unpublished
from travio_inventory.stock.audit.comparing import movements, reserved_in
from travio_inventory.stock.audit.findings import StockFault, StockFinding
from travio_inventory.stock.audit.mending_moves import MoveRepairs
from travio_inventory.stock.audit.mending_orders import OrderRepairs
from travio_inventory.stock.entry import InventoryEntry, Quantities
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.records import movement_days, reservation_rows, stock_rows
from travio_inventory.stock.records.entry_steps import EntryStep, entry_writes, with_events
from travio_inventory.stock.records.order_books import SLOT, OrderBooks
from travio_inventory.stock.records.reservation_rows import ENDED, line_key, sold_key
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.records.stock_units import still
from travio_inventory.stock.reservation import Reservation, ReservedLine, holder_of

REASON = "the audit found the total to differ from its movements"
CAUSE = "audit"
ORDER: Sequence[StockFault] = (
    StockFault.OVERDUE,
    StockFault.ORPHAN,
    StockFault.LEFTOVER,
    StockFault.TOTAL,
    StockFault.RESERVED,
    StockFault.WITHOUT_UNITS,
    StockFault.UNFINISHED_MOVE,
    StockFault.LOST_IN_MOVE,
    StockFault.DOUBLED_BY_MOVE,
    StockFault.UNTOLD,
    StockFault.UNBOOKED,
    StockFault.RECEIVED,
    StockFault.LOST_LINE,
    StockFault.STRAY_LINE,
    StockFault.UNFINISHED,
    StockFault.ON_ORDER,
    StockFault.UNPUBLISHED,
)
"""What is given back first may be what another reservation lacks. Other faults are not repaired."""


class StockRepairs:
    """Repairs faults, as far as the protocol has a step for them."""

    def __init__(self, protocol: HoldProtocol[Reservation], outbox: Unpublished) -> None:
        self._sender = protocol.sender
        self._batches = protocol.sender.batches
        self._retention = protocol.sender.rules.retention
        self._judging = protocol.judging
        self._rolling = protocol.rolling
        self._resource = protocol.resource
        self._outbox = outbox
        orders, moves = OrderRepairs(protocol.sender), MoveRepairs(protocol.sender)
        self._by_fault: Mapping[StockFault, Callable[[StockFinding], Awaitable[None]]] = MappingProxyType(
            {
                StockFault.OVERDUE: self._expire,
                StockFault.ORPHAN: self._end_line,
                StockFault.LEFTOVER: self._end_line,
                StockFault.TOTAL: self._bring_in_line,
                StockFault.RESERVED: self._bring_in_line,
                StockFault.WITHOUT_UNITS: self._take_again,
                StockFault.UNFINISHED_MOVE: moves.go_on,
                StockFault.LOST_IN_MOVE: moves.put_right,
                StockFault.DOUBLED_BY_MOVE: moves.put_right,
                StockFault.UNTOLD: moves.tell,
                StockFault.UNBOOKED: self._book,
                StockFault.RECEIVED: orders.bring_in_line,
                StockFault.LOST_LINE: orders.bring_in_line,
                StockFault.STRAY_LINE: orders.bring_in_line,
                StockFault.UNFINISHED: orders.go_on,
                StockFault.ON_ORDER: orders.bring_in_line,
                StockFault.UNPUBLISHED: self._give_again,
            }
        )

    async def repair(self, findings: Sequence[StockFinding]) -> None:
        """Try each once. Whether it is repaired, only another look can tell."""
        for fault in ORDER:
            for finding in findings:
                if finding.fault is fault:
                    try:
                        await self._by_fault[fault](finding)
                    except (Refusal, StoreUnavailable):
                        continue  # the next look tells that it is there still

    async def _expire(self, finding: StockFinding) -> None:
        now_ms = self._sender.clock.now_ms()
        await self._judging.judge(finding.at.organization, finding.owner, since_ms=now_ms)

    async def _end_line(self, finding: StockFinding) -> None:
        """Fence the attempt if it has no row; then let the line follow what its home row says."""
        at, owner = finding.at, finding.owner
        keys = [line_key(owner), sold_key(owner)]
        row = (await self._batches.get(at, keys)).get(keys[0], {})
        judged = await self._judging.judge(at.organization, owner, since_ms=rows.number(row, "since_ms"))
        if judged.verdict is Verdict.CONTENDED:
            return
        state = rows.read_state(judged.row)
        names = self._resource.names(judged.row, at, keys[0], 0)
        if judged.verdict is Verdict.DEAD or (isinstance(state, Confirmed) and names):
            await self._rolling.roll(owner, at, keys, state)

    async def _bring_in_line(self, finding: StockFinding) -> None:
        """What is reserved is what the lines say. Of two totals the smaller one stands, so that nothing is sold that
        may not be there; where it is not that of the movements, another one says the difference.
        """
        at = finding.at
        seen = await still(self._batches, at)
        before, lines = stock_rows.read_entry(at, seen[STOCK]), reserved_in(seen)
        balance = before.quantities.total
        async for _, movement in movements(self._batches, at, seen[STOCK], 0):
            balance = rows.number(movement, "balance")
        total = balance if before.quantities.total == balance else min(before.quantities.available + lines, balance)
        if total < lines or (Quantities(total - lines, lines) == before.quantities and total == balance):
            return
        now = await self._sender.now()
        available = before.quantities.available
        told = replace(before, quantities=Quantities(available, balance - available))
        after = replace(_next(before, now), quantities=Quantities(total - lines, lines))
        after, writes = with_events(told, after, now, self._retention.events_s)
        writes.append(Write(STOCK, _as_seen(seen[STOCK]), stock_rows.entry_row(after)))
        listed = [index_entries.recorded(at, now.epoch, self._retention)]
        if total != balance:
            made = Movement(
                after.id, after.version, MovementType.ADJUSTMENT, total - balance, total, REASON, "", "", now.at_ms
            )
            row, kept_s = stock_rows.movement_row(made, CAUSE), stock_rows.MOVEMENTS_KEPT_S
            writes.append(Write(stock_rows.movement_key(after.version), ABSENT, row, kept_s))
            listed.append(movement_days.listed(at, made))
        await self._sender.apply(at, writes, listed, at_ms=now.at_ms)

    async def _take_again(self, finding: StockFinding) -> None:
        """Reserve the line again where so many are available, for a reservation that is held still."""
        organization, owner = finding.at.organization, finding.owner
        home = await self._judging.home(organization, owner)
        if home is None or home.get("status") != "held":
            return
        reservation = self._resource.read(organization, owner, home)
        for line in reservation.lines:
            at = Partition(finding.at.table, organization, line.sku, line.place)
            seen = await self._batches.get(at, [STOCK, line_key(owner), sold_key(owner)])
            is_gone = seen.get(line_key(owner), {}).get("status") in (None, ENDED) and sold_key(owner) not in seen
            if STOCK in seen and is_gone:
                await self._take_line(reservation, line, at, seen, home)

    async def _take_line(
        self, reservation: Reservation, line: ReservedLine, at: Partition, seen: Rows, home: Row
    ) -> None:
        now, before = await self._sender.now(), stock_rows.read_entry(at, seen[STOCK])
        if before.is_deleted or before.quantities.available < line.quantity:
            return
        until_ms, key = reservation.expires_at_ms, line_key(reservation.id)
        row = reservation_rows.line_of(reservation, line, at_ms=now.at_ms, until_ms=until_ms)
        taken = EntryStep(-line.quantity, line.quantity)
        entry, *told = entry_writes(before, [taken], now, self._retention.events_s)
        writes = [
            entry._replace(condition=_as_seen(seen[STOCK])),
            *told,
            Write(key, {"status": ENDED} if key in seen else ABSENT, row, FOR_EVER),
        ]
        if self._is_home(reservation, at):
            said: Row = {name: home.get(name) for name in ("status", "extensions", "expires_at_ms")}
            writes.append(Write(rows.hold_key(reservation.id), said, {"status": home.get("status")}))
        listed = [index_entries.due(at, until_ms, self._retention)]
        listed.append(index_entries.recorded(at, now.epoch, self._retention))
        await self._sender.apply(at, writes, listed, at_ms=now.at_ms)
        if not self._is_home(reservation, at):
            await self._end_line(StockFinding(StockFault.LEFTOVER, at, reservation.id))

    def _is_home(self, reservation: Reservation, at: Partition) -> bool:
        return self._resource.partitions(reservation)[0] == at

    async def _book(self, finding: StockFinding) -> None:
        """Let the order's slot name its reservation, if it names what was seen."""
        home = await self._judging.home(finding.at.organization, finding.owner)
        if home is None or home.get("status") not in rows.LIVE:
            return
        ledger = OrderBooks().ledger(holder_of(finding.at.organization, rows.text(home, "holder")))
        values: Row = {"hold": finding.owner, "since_ms": self._sender.clock.now_ms()}
        keep_s = OrderBooks().slots_s(self._sender.rules.retention)
        write = Write(SLOT, {"hold": finding.other or None}, values, keep_s)
        await self._sender.apply(ledger, [write], ())

    async def _give_again(self, finding: StockFinding) -> None:
        for lacking in await self._outbox.of(finding.at):
            if lacking.sink == finding.other:
                await self._outbox.give_again(finding.at, lacking)


def _as_seen(entry: Row) -> Row:
    """The condition that nothing has changed the entry, not even what changes no version."""
    return {name: entry.get(name) for name in ("version", "available", "reserved")}


def _next(entry: InventoryEntry, now: Recorded) -> InventoryEntry:
    return replace(entry, version=entry.version + 1, updated_at_ms=now.at_ms)
