"""Seats that the house takes off sale: a hold by the house for each, without expiry, and all with one home."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from travio_inventory.kernel.actor import house_of
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Row, RowKey, StoreUnavailable
from travio_inventory.protocol.claims import AlreadyThere, Contended, Lost, NotMade, Unanswered, Won
from travio_inventory.protocol.fencing import RETRY
from travio_inventory.protocol.hold import read_title
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.judging import Verdict
from travio_inventory.seats.hold import NEVER_MS, Aborted, Held, Hold, HoldId, Released
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.seats import contended, taken_cells
from travio_inventory.seats.refusals import TakenCell, TripOpening
from travio_inventory.seats.taken import refusal_of
from travio_inventory.seats.trip import Journey, Trip

BLOCKINGS_MAX = 8
"""So often a call tries to block its seats: each time without those that turned out to be blocked already."""


class SeatBlocks:
    """Takes seats off sale and puts them back."""

    def __init__(self, holds: HoldProtocol[Hold]) -> None:
        self._sender = holds.sender
        self._attempts = holds.attempts
        self._judging = holds.judging
        self._deciding = holds.deciding
        self._rolling = holds.rolling

    async def block(self, trip: Trip, reasons: Mapping[str, str], *, period: int) -> None:
        """See Holds. A hold by the house for each seat, all of them committed by the home batch of the first: so each
        is unblocked by itself. A seat that turns out to be blocked already is left to whoever blocked it.
        """
        left = dict(reasons)
        for _ in range(BLOCKINGS_MAX):
            holds = [hold.in_period(period) for hold in self._holds(trip, left)]
            match await self._group(holds):
                case None:
                    return
                case Lost(taken=taken):
                    blocked = seats_blocked(taken_cells(taken), segments=len(trip.segments))
                    await self._told_again([hold for hold in holds if hold.seats[0] in blocked])
                    left = {seat: reason for seat, reason in left.items() if seat not in blocked}
                case Contended():
                    await self._sender.pause()
                case NotMade():
                    raise TripOpening
                case Unanswered():
                    raise BackendUnavailable
            if not left:
                return
        raise contended(tuple(left))

    async def _group(self, holds: Sequence[Hold]) -> Lost | Contended | NotMade | Unanswered | None:
        """Commit these holds by the house, all or none: None, or why not; then nothing of them is left."""
        claimed, others_sent = await self._attempts.claim(holds, holds[0].created_at_ms)
        match claimed.result:
            case Won():
                is_done, why = True, None
            case AlreadyThere(row=row):
                is_done, why = row.get("status") != "aborted", Contended(())
            case why:
                is_done = claimed.in_doubt and (await self._attempts.fence(holds[0], why)).get("status") != "aborted"
        if is_done:
            await asyncio.gather(*(self._rolling.settled(hold, as_of_ms=claimed.as_of_ms) for hold in holds))
            return None
        if others_sent:
            await asyncio.gather(*(self._rolling.given_back(hold.with_state(Aborted(RETRY))) for hold in holds))
        return why

    def _holds(self, trip: Trip, reasons: Mapping[str, str]) -> list[Hold]:
        return house_holds(trip, reasons, now_ms=self._sender.clock.now_ms(), new_digest=self._sender.new_digest)

    async def _told_again(self, holds: Iterable[Hold]) -> None:
        """Whoever brought these seats to where they are may have died before telling. The holds never came to be, and
        only say which seats.
        """
        changed = self._rolling.watch.changed
        unmade = [hold.with_state(Aborted(RETRY)) for hold in holds]
        await asyncio.gather(*(changed(hold, as_of_ms=hold.created_at_ms) for hold in unmade))

    async def unblock(self, trip: Trip, seat: str, *, period: int | None) -> bool:
        """See Holds."""
        partition = seat_rows.group_partition(trip.key, trip.group_of(seat))
        first = RowKey(Kind.CELL, seat, 0)
        try:
            cell = (await self._sender.batches.get(partition, [first])).get(first)
            if cell is None or cell.get("status") in seat_rows.OFF_SALE:
                raise TripOpening
            if period is not None and rows.number(cell, "period") > period:
                raise TripOpening
            if cell.get("status") == "blocked" and (ended := await self._unblock(trip, seat, cell)) is not None:
                return ended
        except StoreUnavailable:
            raise BackendUnavailable from None
        if cell.get("status") in ("available", "blocked"):
            await self._told_again(self._holds(trip, {seat: ""}))
        return False

    async def _unblock(self, trip: Trip, seat: str, cell: Row) -> bool | None:
        """End the hold by the house that has the cell; None where it is over, and only its leftovers had to go.

        Raises StoreUnavailable.
        """
        organization, owner = trip.key.organization, rows.text(cell, "owner")
        hold_id = read_title(owner).hold_id
        try:
            judged = await self._judging.judge(organization, hold_id, since_ms=rows.number(cell, "since_ms"))
        except OutcomeUnknown:  # of what somebody else left half done
            raise BackendUnavailable from None
        match judged.verdict:
            case Verdict.TAKEN:
                hold = await self._deciding.decide(house_of(organization), hold_id, Released())
                return isinstance(hold.state, Released)
            case Verdict.CONTENDED:
                raise contended([seat])
            case Verdict.DEAD:
                left = seat_rows.cell_keys([seat], whole_journey(trip))
                await self._rolling.roll(
                    owner, seat_rows.group_partition(trip.key, trip.group_of(seat)), left, Aborted("")
                )
                return None


def house_holds(trip: Trip, reasons: Mapping[str, str], *, now_ms: int, new_digest: Callable[[], str]) -> list[Hold]:
    """A hold for each of these seats, in layout order, from the first stop to the last and for good.

    The home of all of them is the seat group of the first, so that one batch there commits them.
    """
    seats = trip.in_layout_order(list(reasons))
    home = trip.group_of(seats[0])

    def hold(seat: str) -> Hold:
        hold_id = str(HoldId(trip.key.trip, home, new_digest(), is_late=False))
        group, reason = trip.group_of(seat), reasons[seat]
        state = Held(NEVER_MS)
        return Hold(hold_id, trip.key, "", (seat,), (group,), whole_journey(trip), now_ms, "", state, reason=reason)

    return list(map(hold, seats))


def whole_journey(trip: Trip) -> Journey:
    """From the first stop to the last."""
    return Journey(0, len(trip.segments) - 1)


def seats_blocked(cells: Iterable[TakenCell], *, segments: int) -> set[str]:
    """The seats that the house has already, where nobody else is in the way. Raises SeatTaken."""
    if others := [cell for cell in cells if cell.status != "blocked"]:
        raise refusal_of(others, "")
    found = [cell.seat for cell in cells]
    return {seat for seat in found if found.count(seat) == segments}
