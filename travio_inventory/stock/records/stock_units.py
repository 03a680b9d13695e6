"""Stock as the protocol reserves it: the counters of an entry, compared and set as seen, and a row for each line.

    step        entry IF version=seen        line                          sold                        movement
    reserve     available - n, reserved + n  reserved, IF absent
    commit      reserved - n                 ended, IF reserved            committed, IF absent        OUTBOUND -n
    give back   available + n, reserved - n  ended, IF reserved
    return      available + n                                              returned, IF committed      RETURN +n
    late        available - n                                              committed, IF absent        OUTBOUND -n

Each row of this table is one batch in the partition of the line, with the events of the entry, and in the home with the
row and the event of the reservation. A line says whose it is and how many; what was committed is kept apart, so that
lines are as many as reservations that live, however much was sold. A batch that arrives twice changes nothing: the line
is not there for the second one, and the version is another.

What was committed in another partition than its home comes back in two steps: first the line is opened again as
`returning`, which says to sweepers where to look; then the home row decides. It stays open until that row says that it
is returned: were it closed while the row says committed, a cancel under way would come too late to be found.
"""

from collections.abc import Iterator, Mapping, Sequence

from travio_inventory.kernel.actor import ActorKind
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
from travio_inventory.protocol.event_rows import event_of
from travio_inventory.protocol.hold import Confirmed, Held, HoldState, Recorded
from travio_inventory.protocol.resource import Claim, Decision, Findings, InTheWay, Obstacle, OwnShare, Standing, Taken
from travio_inventory.protocol.retention import Retention
from travio_inventory.stock import reservation_events
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records import reservation_rows, stock_rows
from travio_inventory.stock.records.entry_steps import EntryStep, entry_writes
from travio_inventory.stock.records.known_reservations import KnownReservations, beside
from travio_inventory.stock.records.known_stock import KnownStock
from travio_inventory.stock.records.late_units import LateUnits
from travio_inventory.stock.records.order_books import OrderBooks
from travio_inventory.stock.records.reservation_rows import (
    COMMITTED,
    COMMITTED_KEPT_S,
    ENDED,
    RESERVED,
    RETURNED,
    RETURNING,
    line_key,
    sold_key,
)
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.refusals import InsufficientStock, StockContended
from travio_inventory.stock.reservation import Reservation, ReservedLine

STILL_READS_MAX = 5
ENDED_KEPT_S = 600
"""Longer than any request may wait: what it would do again, it finds done."""
CONTENDED_RETRY_MS = 100
_HAS_UNITS = (RESERVED, RETURNING, COMMITTED)


class StockUnits:
    """Implements `protocol.resource.Resource`: units of entries."""

    table = Table.STOCK
    kind = Kind.LINE

    refuses_contended_late = False

    def __init__(
        self,
        retention: Retention,
        late: LateUnits | None,
        known: KnownStock | None = None,
        made: KnownReservations | None = None,
    ) -> None:
        self._events_s = retention.events_s
        self._late = late
        self._known = known
        self._made = made
        self.books = OrderBooks()

    def partitions(self, hold: Reservation) -> list[Partition]:
        """See Resource."""
        return [Partition(Table.STOCK, hold.organization, line.sku, line.place) for line in hold.lines]

    def keys(self, hold: Reservation, partition: Partition) -> Sequence[RowKey]:
        """See Resource."""
        return [line_key(hold.id), sold_key(hold.id)] if _line(hold.lines, partition) is not None else []

    def read(self, organization: str, hold_id: str, row: Row, *, by: ActorKind = ActorKind.SERVICE) -> Reservation:
        """See Resource."""
        return reservation_rows.read_reservation(organization, hold_id, row, by)

    def columns(self, hold: Reservation) -> Row:
        """See Resource."""
        return reservation_rows.hold_row(hold)

    def names(self, home: Row, partition: Partition, _key: RowKey, _move: int) -> bool:
        """See Resource."""
        return _line(reservation_rows.read_lines(home), partition) is not None

    def changes(self, _before: Reservation, after: Reservation) -> Row:
        """See Resource."""
        return reservation_rows.hold_row(after)

    def booking(self, _state: Confirmed) -> Row:
        """See Resource."""
        return {}

    def event(self, hold: Reservation, at: Recorded) -> Write:
        """See Resource."""
        return event_of(hold, reservation_events.step_to(hold), at)

    async def late(self, _batches: Batches, booking: Reservation, _now_ms: int) -> Reservation | None:
        """See Resource. Units of an entry in shards are brought to the shard of the line."""
        late = self._late
        return booking if late is None or await late.bring(booking, self.partitions(booking)) else None

    def beside(self, hold_id: str) -> Sequence[RowKey]:
        """See Resource."""
        return beside(hold_id)

    @property
    def depends_on(self) -> Sequence[RowKey]:
        """See Resource."""
        return [STOCK]

    def remembered(self, partition: Partition) -> Rows | None:
        """See Resource."""
        row = None if self._known is None else self._known.row(partition)
        return None if row is None else {STOCK: row}

    async def glance(self, home: Partition, hold_id: str) -> Rows | None:
        """See Resource."""
        return None if self._made is None else await self._made.glance(home, hold_id)

    def take(self, claim: Claim[Reservation], seen: Rows) -> Sequence[Write] | None:
        """See Resource."""
        wanted, at = dict(_lines(claim)), claim.partition
        if claim.now is None or STOCK not in seen or _available(seen[STOCK]) < sum(wanted.values()):
            return None
        entry, now = stock_rows.read_entry(at, seen[STOCK]), claim.now
        written = [(hold, line) for hold in claim.holds if (line := _line(hold.lines, at)) is not None]
        made = [
            reservation_rows.line_of(hold, line, at_ms=claim.at_ms, until_ms=_until_ms(claim, hold))
            for hold, line in written
        ]
        if claim.is_intent or isinstance(claim.holds[0].state, Held):
            count = sum(wanted.values())
            steps = [EntryStep(-count, count)]
            writes = [Write(line_key(rows.text(line, "owner")), ABSENT, line) for line in made]
        else:
            steps = [EntryStep(-rows.number(line, "quantity"), 0, MovementType.OUTBOUND, line) for line in made]
            writes = [reservation_rows.sold(line) for line in made]
        return [*entry_writes(entry, steps, now, self._events_s), *writes]

    def extend(self, owned: Mapping[str, Sequence[RowKey]], until_ms: int) -> Sequence[Write]:
        """See Resource."""
        keys = [key for keys in owned.values() for key in keys if key.kind is Kind.LINE]
        return [Write(key, {"status": RESERVED}, {"until_ms": until_ms}) for key in keys]

    def move(
        self,
        owned: Mapping[str, Sequence[RowKey]],
        state: HoldState,
        partition: Partition,
        seen: Rows,
        now: Recorded,
    ) -> Sequence[Write]:
        """See Resource."""
        steps: list[EntryStep] = []
        writes: list[Write] = []
        for key in (key for keys in owned.values() for key in keys):
            row = seen.get(key, {})
            if _is_to_be_moved(key, row, state):
                step, moved = _moved(key, row, is_settled=isinstance(state, Confirmed))
                steps.append(step)
                writes += moved
        if not steps:
            return writes
        entry = stock_rows.read_entry(partition, seen[STOCK])
        return [*entry_writes(entry, _together(steps), now, self._events_s), *writes]

    def left(self, _owner: str, keys: Sequence[RowKey], state: HoldState, standing: Rows) -> Sequence[RowKey]:
        """See Resource."""
        return [key for key in keys if _is_to_be_moved(key, standing.get(key, {}), state)]

    async def in_the_way(self, batches: Batches, claim: Claim[Reservation], standing: Rows) -> InTheWay:
        """See Resource. If there are too few, every line that may be given back is in the way."""
        own = _own(claim, standing)
        entry = standing.get(STOCK)
        if entry is None or own is not OwnShare.NONE or not _is_short(claim, entry) or _is_gone(claim, entry):
            return InTheWay(own, entry is not None, (), standing)
        found = await still(batches, claim.partition)
        obstacles = [
            Obstacle(key, rows.text(line, "owner"), rows.number(line, "since_ms"))
            for key, line in found.items()
            if line.get("status") in (RESERVED, RETURNING)
        ]
        return InTheWay(own, True, obstacles, {**standing, **found})

    def decide(self, findings: Findings[Reservation], before: Findings[Reservation] | None) -> Decision:
        """No single line is in the way: all together are, if all of them live and too few units are left."""
        claim, entry = findings.claim, findings.met.rows[STOCK]
        if findings.met.own is OwnShare.SOME:
            return Decision.CONTENDED
        if findings.were_freed or findings.errors or not _is_short(claim, entry):
            return Decision.TRY_AGAIN
        if findings.contended:
            return Decision.CONTENDED
        if not _is_gone(claim, entry) and (before is None or not _are_alike(findings, before)):
            return Decision.TRY_AGAIN
        if any(hold.is_planned for hold in claim.holds) or _is_shared(entry):  # other rows may have it: plan again
            return Decision.CONTENDED
        findings.taken[:] = [Taken(STOCK, claim.partition.name, entry)]
        return Decision.LOST

    def standing(self, row: Row) -> Standing | None:
        """See Resource."""
        status = row["status"]
        if status not in (RESERVED, RETURNING):
            return None
        since_ms, until_ms = rows.number(row, "since_ms"), rows.number(row, "until_ms")
        return Standing(rows.text(row, "owner"), since_ms, until_ms, status == RESERVED, status == RETURNING)

    def contended(self, _keys: Sequence[RowKey]) -> StockContended:
        """See Resource."""
        return StockContended(CONTENDED_RETRY_MS)

    def not_made(self) -> StockContended:
        """See Resource."""
        return StockContended(CONTENDED_RETRY_MS)

    def no(self, taken: Sequence[Taken], _claimant: str) -> InsufficientStock:
        """See Resource."""
        _, sku, entry = taken[0]
        return InsufficientStock(_available(entry), sku)

    def kept(self, taken: Sequence[Taken], _refused: Reservation) -> Row:
        """See Resource."""
        return {"taken": reservation_rows.taken_row(_available(taken[0].home), taken[0].owner)} if taken else {}

    def no_again(self, fenced: Row, _claimant: str) -> InsufficientStock:
        """See Resource."""
        return reservation_rows.read_taken(fenced)


class Unheard:
    """A HoldWatch that tells nobody: nothing outside the store remembers reservations."""

    async def changed(self, hold: Reservation, *, as_of_ms: int) -> None:
        """See HoldWatch."""

    async def refused(self, hold: Reservation, taken: Sequence[Taken], *, as_of_ms: int) -> None:
        """See HoldWatch."""


def _until_ms(claim: Claim[Reservation], hold: Reservation) -> int | None:
    """When the line is to be looked at: those of one home may run out at different times."""
    return claim.until_ms if claim.is_intent or not isinstance(hold.state, Held) else hold.state.expires_at_ms


def _line(lines: Sequence[ReservedLine], partition: Partition) -> ReservedLine | None:
    """The line that is there."""
    here = (partition.name, partition.number)
    return next((line for line in lines if (line.sku, line.place) == here), None)


def _lines(claim: Claim[Reservation]) -> Iterator[tuple[str, int]]:
    """How many each reservation wants there."""
    for hold in claim.holds:
        line = _line(hold.lines, claim.partition)
        if line is not None:
            yield hold.id, line.quantity


def _available(entry: Row) -> int:
    return 0 if entry["status"] == "deleted" else rows.number(entry, "available")


def _is_short(claim: Claim[Reservation], entry: Row) -> bool:
    """Whether there are fewer than are wanted."""
    return _available(entry) < sum(count for _, count in _lines(claim))


def _is_shared(entry: Row) -> bool:
    """Whether the entry lies in shards, perhaps since the plan was made: one row says nothing of the others."""
    return bool(entry.get("definition"))


def _is_gone(claim: Claim[Reservation], entry: Row) -> bool:
    """Whether there would be too few even if all that is reserved were given back."""
    reserved = rows.number(entry, "reserved")
    return _available(entry) + reserved < sum(count for _, count in _lines(claim))


def _own(claim: Claim[Reservation], standing: Rows) -> OwnShare:
    """How much of the claim is taken already. A line of another quantity is of an attempt that was planned otherwise:
    nothing may come of that id any more. A home in which nothing is claimed says nothing.
    """
    found = [
        [(standing[key], count) for key in (line_key(hold_id), sold_key(hold_id)) if key in standing]
        for hold_id, count in _lines(claim)
    ]
    if found and all(any(_has(row, count) for row, count in lines) for lines in found):
        return OwnShare.ALL
    return OwnShare.SOME if any(found) else OwnShare.NONE


def _has(line: Row, count: int) -> bool:
    return line["status"] in _HAS_UNITS and rows.number(line, "quantity") == count


def _is_to_be_moved(key: RowKey, row: Row, state: HoldState) -> bool:
    """Whether the row must still follow its reservation to that state."""
    status = row.get("status")
    if key.kind is Kind.LINE:
        return status == RESERVED or (status == RETURNING and not isinstance(state, Confirmed))
    return status == COMMITTED and not isinstance(state, Confirmed)


def _moved(key: RowKey, row: Row, *, is_settled: bool) -> tuple[EntryStep, Sequence[Write]]:
    """What becomes of a line, and of its entry."""
    count = rows.number(row, "quantity")
    if key.kind is Kind.SOLD:
        returned = reservation_rows.moved(key, row, {"status": RETURNED}, COMMITTED_KEPT_S)
        return EntryStep(count, 0, MovementType.RETURN, row), [returned]
    ended = reservation_rows.moved(key, row, {"status": ENDED, "until_ms": None}, ENDED_KEPT_S)
    if row["status"] == RETURNING:
        return EntryStep(count, 0, MovementType.RETURN, row), [ended, reservation_rows.returned(row)]
    if is_settled:
        return EntryStep(0, -count, MovementType.OUTBOUND, row), [ended, reservation_rows.sold(row)]
    return EntryStep(count, -count), [ended]


def _together(steps: Sequence[EntryStep]) -> Sequence[EntryStep]:
    """Those that are no movement in one."""
    moving = [step for step in steps if step.type is not None]
    others = [step for step in steps if step.type is None]
    if not others:
        return moving
    return [EntryStep(sum(step.available for step in others), sum(step.reserved for step in others)), *moving]


async def still(batches: Batches, partition: Partition) -> dict[RowKey, Row]:
    """The entry and all lines at one moment. Raises StoreUnavailable."""
    found: Rows = await batches.get(partition, [STOCK])
    for _ in range(STILL_READS_MAX):
        lines = await batches.read(partition, Kind.LINE)
        after = await batches.get(partition, [STOCK])
        if after == found:
            return {**lines, **after}
        found = after
    raise StoreUnavailable("the entry does not stand still")


def _are_alike(findings: Findings[Reservation], before: Findings[Reservation]) -> bool:
    """Whether the same reservations live at both reads, and nothing changed between them: then all lived at once."""
    is_still = findings.met.rows.get(STOCK) == before.met.rows.get(STOCK)
    return is_still and {taken.owner for taken in findings.taken} == {taken.owner for taken in before.taken}
