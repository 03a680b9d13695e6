"""Audits entries, one after the other, beside a sale: what is found is told only when a second look finds it too."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Partition, StoreUnavailable
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.unpublished import Unpublished
from travio_inventory.stock.audit import moves
from travio_inventory.stock.audit.comparing import Bounds, Look
from travio_inventory.stock.audit.findings import AuditedStock, StockFault, StockFinding
from travio_inventory.stock.audit.repairing import StockRepairs
from travio_inventory.stock.audit.rounds import StockRound
from travio_inventory.stock.records.stock_rows import shard_of
from travio_inventory.stock.records.stock_units import StockUnits
from travio_inventory.stock.reservation import Reservation

PLACES_PER_SECOND = 20.0
PLACES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class StockAuditRules:
    """How the auditor goes about it: how late a background job may be before it is a fault, how long after the first
    look the second one follows, how many entries it looks at in a second, how many findings of an entry it keeps. In
    short it looks at what changed within `unchanged_ms`, and at the movements of so many last versions.
    """

    late_ms: int = 60_000
    second_look_ms: int = 3_000
    places_per_second: float = PLACES_PER_SECOND
    findings_max: int = 1_000
    unchanged_ms: int = 2 * 86_400_000
    versions: int = 20_000


class StockAuditor:
    """Audits the entries of every organization."""

    def __init__(
        self, protocol: HoldProtocol[Reservation], outbox: Unpublished, round_: StockRound, rules: StockAuditRules
    ) -> None:
        self._sender = protocol.sender
        self._judging = protocol.judging
        self._units = StockUnits(protocol.sender.rules.retention, None)
        self._outbox = outbox
        self._repairs = StockRepairs(protocol, outbox)
        self._round = round_
        self._rules = rules

    async def entry(self, at: Partition, *, repair: bool = False, in_short: bool = False) -> AuditedStock:
        """Look at the entry there: once, and again if there was anything; a third time after a repair. In short, what
        nothing has changed for long is not looked at.
        """
        audited = AuditedStock(at)
        began_s = asyncio.get_running_loop().time()
        try:
            await self._audit(at, audited, repair=repair, in_short=in_short)
        except (StoreUnavailable, BackendUnavailable) as error:
            audited.unread = str(error)
        spent_s = asyncio.get_running_loop().time() - began_s
        await asyncio.sleep(max(1 / self._rules.places_per_second - spent_s, 0))
        return audited

    async def due(self) -> Sequence[Partition]:
        """The next entries of the round over all of them, which processes share; asking says that the last ones were
        visited. Raises BackendUnavailable.
        """
        try:
            return await self._round.next(PLACES_AT_ONCE)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _audit(self, at: Partition, audited: AuditedStock, *, repair: bool, in_short: bool) -> None:
        found = await self._look(at, in_short=in_short)
        if found:
            await asyncio.sleep(self._rules.second_look_ms / 1_000)
            known = set(found)
            found = [each for each in await self._look(at, in_short=in_short) if each in known]
        left = found
        if found and repair:
            await self._repairs.repair(found)
            left = await self._look(at, in_short=in_short)
        remaining = {each.place for each in left}
        for each in found:
            if len(audited.left) + len(audited.repaired) >= self._rules.findings_max:
                audited.more += 1
            elif each.place in remaining:
                audited.left.append(each)
            else:
                audited.repaired.append(each)

    async def _look(self, at: Partition, *, in_short: bool) -> list[StockFinding]:
        rules = self._rules
        short = (rules.unchanged_ms, rules.versions) if in_short else (0, 0)
        bounds = Bounds(self._sender.rules.grace_ms, rules.late_ms, *short)
        found, number, rows, seen = list[StockFinding](), 0, 1, list[moves.Seen]()
        while number < rows:
            place = shard_of(at, number)
            look = Look(self._sender.batches, self._units, self._judging, place, bounds)
            found += await look.findings(self._sender.clock.now_ms())
            for sink, events in await self._outbox.of(place):
                found.append(StockFinding(StockFault.UNPUBLISHED, place, events[0].event.id, sink))
            if look.seen is not None:
                seen.append(look.seen)
            number, rows = number + 1, max(rows, look.rows)
        found += moves.findings(seen, self._sender.clock.now_ms(), rules.late_ms)
        return list(dict.fromkeys(found))
