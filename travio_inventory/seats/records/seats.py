"""Seats as the protocol reserves them: a cell is taken IF status='available' and moved IF owner is the hold."""

from collections.abc import Iterable, Mapping, Sequence

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Batches, Kind, Partition, Row, RowKey, Rows, Table, Write
from travio_inventory.protocol.books import HolderBooks
from travio_inventory.protocol.resource import Claim, Decision, Findings, InTheWay, Obstacle, OwnShare, Standing, Taken
from travio_inventory.seats.events import step_to
from travio_inventory.seats.hold import (
    Confirmed,
    Held,
    Hold,
    HoldState,
    Recorded,
)
from travio_inventory.seats.offer import check_sale
from travio_inventory.seats.records import seat_rows, trip_rows
from travio_inventory.seats.records.trip_rows import TRIP, Stage, TripRow
from travio_inventory.seats.refusals import NotOnSale, SeatContended, SeatTaken, TakenCell, TripOpening
from travio_inventory.seats.taken import fit_to_keep, refusal_of

CONTENDED_RETRY_MS = 300
_GONE: Row = {"status": rows.FORGOTTEN}


class Seats:
    """Implements `protocol.resource.Resource`: the seats of trips, segment by segment."""

    table = Table.SEAT_GROUPS
    kind = Kind.CELL
    refuses_contended_late = True
    books = HolderBooks()

    def __init__(self, *, sells_departed: bool = False) -> None:
        self._sells_departed = sells_departed

    def partitions(self, hold: Hold) -> Sequence[Partition]:
        """See Resource."""
        return [seat_rows.group_partition(hold.trip, group) for group in hold.seats_by_group]

    def keys(self, hold: Hold, partition: Partition) -> Sequence[RowKey]:
        """See Resource."""
        return seat_rows.cell_keys(hold.seats_by_group.get(partition.number, ()), hold.journey)

    def read(self, organization: str, hold_id: str, row: Row, *, by: ActorKind = ActorKind.USER) -> Hold:
        """See Resource."""
        hold = seat_rows.read_hold(organization, hold_id, row)
        return hold.by_house() if by is ActorKind.HOUSE else hold

    def columns(self, hold: Hold) -> Row:
        """See Resource."""
        return seat_rows.hold_row(hold)

    def names(self, home: Row, partition: Partition, key: RowKey, move: int) -> bool:
        """See Resource."""
        return seat_rows.names(home, partition.number, key, move)

    def changes(self, before: Hold, after: Hold) -> Row:
        """See Resource."""
        cleared: Row = {"passengers": seat_rows.NOBODY} if before.passengers and not after.passengers else {}
        return {**seat_rows.hold_row(after), **cleared}

    def booking(self, state: Confirmed) -> Row:
        """See Resource."""
        return seat_rows.booking_columns(state)

    def event(self, hold: Hold, at: Recorded) -> Write:
        """See Resource."""
        return event_rows.event_of(hold, step_to(hold), at)

    async def late(self, batches: Batches, booking: Hold, now_ms: int) -> Hold | None:
        """See Resource. What is known of the trip may be old, so its row is read."""
        standing = await batches.get(trip_rows.partition(booking.trip), [TRIP])
        row = TripRow.read(standing.get(TRIP, {}))
        if row.stage is not Stage.ON_SALE or not row.about:
            return None
        departs_at_s = row.departs_at_s(booking.journey.first)
        try:
            check_sale(row.state, departs_at_s, now_ms, sells_departed=self._sells_departed)
        except NotOnSale:
            return None
        return booking.in_period(row.period)

    def beside(self, _hold_id: str) -> Sequence[RowKey]:
        """See Resource."""
        return ()

    @property
    def depends_on(self) -> Sequence[RowKey]:
        """A cell says all that is asked of it in the batch's own conditions."""
        return ()

    def remembered(self, _partition: Partition) -> Rows | None:
        """See Resource: a cell depends on nothing."""
        return None

    async def glance(self, _home: Partition, _hold_id: str) -> Rows | None:
        """See Resource: a booking is answered from its row as often as it is changed."""
        return None

    def take(self, claim: Claim[Hold], _seen: Rows) -> Sequence[Write] | None:
        """See Resource."""
        values: Row = {"status": _status(claim), "since_ms": claim.at_ms}
        if claim.until_ms is not None:
            values = {**values, "until_ms": claim.until_ms}
        return [
            Write(cell, free, own)
            for owner, cells, period in self._taken(claim)
            for free, own in ((seat_rows.if_available(period), {**values, "owner": owner}),)
            for cell in cells
        ]

    def _taken(self, claim: Claim[Hold]) -> Sequence[tuple[str, Sequence[RowKey], int]]:
        """The cells that the claim takes, by the title under which, and in which period of the trip's sale."""
        if claim.stake is not None:
            return [(claim.stake.owner, claim.stake.keys, claim.holds[0].period)]
        return [(hold.id, self.keys(hold, claim.partition), hold.period) for hold in claim.holds]

    def extend(self, owned: Mapping[str, Sequence[RowKey]], until_ms: int) -> Sequence[Write]:
        """See Resource."""
        values: Row = {"until_ms": until_ms}
        return [Write(cell, {"owner": owner}, values) for owner, cells in owned.items() for cell in cells]

    def move(
        self,
        owned: Mapping[str, Sequence[RowKey]],
        state: HoldState,
        _partition: Partition,
        _seen: Rows,
        _now: Recorded,
    ) -> Sequence[Write]:
        """See Resource."""
        values: Row = {"status": "sold", "until_ms": None} if isinstance(state, Confirmed) else seat_rows.FREE
        return [
            Write(cell, condition, values)
            for owner, cells in owned.items()
            for condition in ({"owner": owner},)
            for cell in cells
        ]

    def left(self, owner: str, keys: Sequence[RowKey], _state: HoldState, standing: Rows) -> Sequence[RowKey]:
        """See Resource."""
        return [cell for cell in keys if standing.get(cell, {}).get("owner") == owner]

    async def in_the_way(self, _batches: Batches, claim: Claim[Hold], standing: Rows) -> InTheWay:
        """See Resource."""
        cells = {cell: owner for owner, taken, _ in self._taken(claim) for cell in taken}
        periods = {cell: period for _, taken, period in self._taken(claim) for cell in taken}
        owned = sum(1 for cell, owner in cells.items() if standing.get(cell, {}).get("owner") == owner)
        own = OwnShare.NONE if not owned else OwnShare.ALL if owned == len(cells) else OwnShare.SOME
        obstacles = [
            Obstacle(cell, rows.text(row, "owner"), rows.number(row, "since_ms"))
            for cell, owner in cells.items()
            if (row := standing.get(cell, {})).get("owner") not in (None, owner)
        ]
        is_made = all(_is_made(standing.get(cell, _GONE), period) for cell, period in periods.items())
        return InTheWay(own, is_made, obstacles, standing)

    def decide(self, findings: Findings[Hold], _before: Findings[Hold] | None) -> Decision:
        """Whoever has one of the cells is in the way, whatever became of the others."""
        if findings.taken:
            return Decision.LOST
        return Decision.CONTENDED if findings.contended else Decision.TRY_AGAIN

    def standing(self, row: Row) -> Standing | None:
        """See Resource."""
        owner = rows.text(row, "owner")
        if not owner:
            return None
        status = row["status"]
        return Standing(
            owner, rows.number(row, "since_ms"), rows.number(row, "until_ms"), status == "held", status == "sold"
        )

    def contended(self, keys: Sequence[RowKey]) -> SeatContended:
        """See Resource."""
        return contended(dict.fromkeys(cell.id for cell in keys))

    def not_made(self) -> TripOpening:
        """See Resource."""
        return TripOpening()

    def no(self, taken: Sequence[Taken], claimant: str) -> SeatTaken:
        """See Resource."""
        return refusal_of(taken_cells(taken), claimant)

    def kept(self, taken: Sequence[Taken], refused: Hold) -> Row:
        """See Resource."""
        return seat_rows.refusal_row(refused, fit_to_keep(taken_cells(taken), refused.claimant))

    def no_again(self, fenced: Row, claimant: str) -> SeatTaken:
        """See Resource."""
        return refusal_of(seat_rows.read_taken(fenced), claimant)


def _is_made(cell: Row, period: int) -> bool:
    """Whether the cell is one of that period of the trip's sale."""
    return cell.get("status") not in seat_rows.OFF_SALE and rows.number(cell, "period") == period


def contended(seats: Iterable[str]) -> SeatContended:
    """The refusal that says that others are at these seats now."""
    return SeatContended(tuple(seats), retry_after_ms=CONTENDED_RETRY_MS)


def taken_cells(taken: Iterable[Taken]) -> list[TakenCell]:
    """The seats that others have, as their home rows say."""
    return [_taken_cell(*each) for each in taken]


def _taken_cell(cell: RowKey, owner: str, home: Row) -> TakenCell:
    status = seat_rows.cell_status(home)
    until_ms = rows.number(home, "expires_at_ms") if status == "held" else 0
    return TakenCell(cell.id, cell.segment, status, rows.text(home, "claimant"), owner, until_ms)


def _status(claim: Claim[Hold]) -> str:
    """What the cells say of the holds that take them."""
    hold = claim.holds[0]
    if not hold.holder:
        return "blocked"
    return "held" if claim.is_intent or isinstance(hold.state, Held) else "sold"
