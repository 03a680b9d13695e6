"""The hold protocol: hold, confirm, release, extend, cancel, block and unblock, written once for all stores.

A step is one conditional batch on the hold's home seat group, and that batch is its only commit point. Cells are taken
IF status='available' and given back IF owner=hold; an ended hold never lives again.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable, FinalNo, OutcomeUnknown, Overloaded
from travio_inventory.protocol import index_entries, ledger, rows
from travio_inventory.protocol.attempts import Attempts, contended
from travio_inventory.protocol.batches import (
    Applied,
    NotDone,
    Refused,
    Row,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.claims import (
    Contended,
    Lost,
    Standing,
    Stuck,
    Unseeded,
    Won,
)
from travio_inventory.protocol.doubts import Doubts
from travio_inventory.protocol.holder_pages import HolderPages
from travio_inventory.protocol.house import House
from travio_inventory.protocol.owners import REFUSED, RETRY, TRIES_MAX, Owners
from travio_inventory.protocol.snapshots import snapshot
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Held,
    Hold,
    HoldId,
    HoldPage,
    HoldRequest,
    HoldState,
    Passenger,
    Released,
    base_id,
    late_id,
)
from travio_inventory.seats.refusals import (
    BookingCancelled,
    ExtensionTooLong,
    HoldConfirmed,
    HoldExpired,
    HoldNotFound,
    HoldReleased,
    TripOpening,
)
from travio_inventory.seats.taken import refusal_of
from travio_inventory.seats.trip import Trip

GENERATIONS_MAX = 3


class HoldProtocol:
    """Implements `seats.ports.Holds` over conditional batches."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self._clock = owners.clock
        self._attempts = Attempts(owners)
        self._house = House(owners, self._attempts, self._decide)

    # ---- hold

    async def hold(self, request: HoldRequest) -> Hold:
        """See Holds."""
        home = request.trip.group_of(request.seats[0])
        for _ in range(GENERATIONS_MAX):
            as_of_ms = self._clock.now_ms()
            hold_id = str(HoldId(request.trip.key.trip, home, self._owners.new_digest(), is_late=False))
            is_private = request.key is None and not self._owners.rules.holds_per_holder_max
            if not is_private:
                match await ledger.enter(self._owners, request, hold_id, home):
                    case ledger.Answered(hold_id=bound, row=row):
                        return await self._answer(request, bound, row, as_of_ms)
                    case ledger.Go(hold_id=bound):
                        hold_id = bound
            hold = await self._attempt(request, hold_id, is_private=is_private)
            if hold is not None:
                return hold
        raise contended(request.seats)

    async def _attempt(self, request: HoldRequest, hold_id: str, *, is_private: bool) -> Hold | None:
        """Claim the cells under this id; None where the id was fenced as retryable: try under another."""
        now_ms = self._clock.now_ms()
        hold = _new_hold(request, hold_id, now_ms)
        claimed, others_sent = await self._attempts.claim([hold], now_ms)
        match claimed.result:
            case Won():
                await self._owners.settled(hold, as_of_ms=claimed.as_of_ms)
                return hold
            case Standing(row=row):
                return await self._standing(request, hold, row, claimed.as_of_ms)
            case Lost() | Contended() | Unseeded() | Stuck() as why:
                pass
            case _:
                assert_never(claimed.result)
        if isinstance(why, Lost):
            await self._owners.watch.refused(hold, why.cells, as_of_ms=claimed.as_of_ms)
        fenced: Row = {}
        if not is_private or claimed.in_doubt:
            as_of_ms = self._clock.now_ms()
            try:
                fenced = await self._attempts.fence(hold, why)
            except OutcomeUnknown:
                if claimed.in_doubt:
                    raise
                raise BackendUnavailable from None  # only the fence itself is unknown, and no seat hangs on it
            if fenced.get("status") != "aborted":
                return await self._standing(request, hold, fenced, as_of_ms)
        if others_sent:
            await self._owners.given_back(hold.with_state(Aborted(RETRY)))
        raise _no(request, why, fenced)

    async def _standing(self, request: HoldRequest, hold: Hold, row: Row, as_of_ms: int) -> Hold | None:
        """The id's own row stood already: it is the answer, also where another call wrote it."""
        if row.get("status") != "aborted":
            return await self._answer(request, hold.id, row, as_of_ms)
        await self._owners.settled(hold.with_state(Aborted(RETRY)), as_of_ms=as_of_ms)
        if row.get("reason") == REFUSED:
            raise refusal_of(rows.read_taken(row), request.claimant)
        return None

    async def _answer(self, request: HoldRequest, hold_id: str, row: Row, as_of_ms: int) -> Hold:
        """What a hold request is told of a row that stood at that moment, as it stands now."""
        organization = request.actor.organization
        if row.get("status") == "aborted":
            raise refusal_of(rows.read_taken(row), request.claimant)
        hold = rows.read_hold(organization, hold_id, row)
        if isinstance(hold.state, Expired):
            late = await self._late_row(hold)
            if late is not None and _is_booking(late):
                hold = rows.read_hold(organization, late_id(hold_id), late)
        await self._owners.settled(hold, as_of_ms=as_of_ms)
        if not hold.is_live:
            raise _ended(hold)
        await self._owners.list_again(hold)
        return hold

    # ---- confirm, release, cancel

    async def confirm(self, actor: Actor, hold_id: str, order: str, passengers: tuple[Passenger, ...] = ()) -> Hold:
        """See Holds."""
        for attempt in range(TRIES_MAX):
            try:
                booking = await self._confirm(actor, base_id(hold_id), Confirmed(order, passengers))
            except (BackendUnavailable, Overloaded):
                if attempt:
                    raise OutcomeUnknown from None
                raise
            if booking is not None:
                return booking
        raise OutcomeUnknown

    async def _confirm(self, actor: Actor, hold_id: str, asked: Confirmed) -> Hold | None:
        """The booking, or None where a late one may have come to be meanwhile: look again."""
        hold = await self._decide(actor, hold_id, asked)
        match hold.state:
            case Confirmed() as booked:
                if booked != asked:
                    raise HoldConfirmed
                return hold
            case Expired():
                return await self._confirm_late(hold, asked)
            case _:
                raise _ended(hold)

    async def release(self, actor: Actor, hold_id: str) -> Hold:
        """See Holds."""
        hold = await self._decide(actor, hold_id, Released())
        if not isinstance(hold.state, Released):
            raise await self._over(hold)
        return hold

    async def cancel(self, actor: Actor, hold_id: str) -> Hold:
        """See Holds."""
        hold = await self._decide(actor, base_id(hold_id), Cancelled(""))
        if isinstance(hold.state, Expired) and _is_booking(await self._late_row(hold)):
            hold = await self._decide(actor, late_id(base_id(hold_id)), Cancelled(""))
        if not isinstance(hold.state, Cancelled):
            raise _ended(hold)
        return hold

    async def _decide(self, actor: Actor, hold_id: str, state: HoldState) -> Hold:
        """Take the hold to `state` where it can still get there; the hold as it stands afterwards, whoever took it
        there. Raises HoldNotFound, BackendUnavailable, OutcomeUnknown.
        """
        doubts = Doubts()
        for _ in range(TRIES_MAX):
            as_of_ms = self._clock.now_ms()
            try:
                hold = await self._own(actor, hold_id)
            except StoreUnavailable:
                await self._owners.pause()
                continue
            if not _leads(hold.state, state):
                if doubts.was_sent or type(hold.state) is type(state):
                    # whoever took it there may have died before telling
                    await self._owners.settled(hold, as_of_ms=as_of_ms)
                    if isinstance(hold.state, Confirmed):
                        await self._owners.list_again(hold)
                return hold
            state = Cancelled(hold.state.order) if isinstance(hold.state, Confirmed) else state
            as_of_ms = self._clock.now_ms()
            outcome = await self._owners.step(hold, state, _as_seen(hold), at_ms=as_of_ms)
            if isinstance(outcome, Applied):
                decided = hold.with_state(state)
                await self._owners.settled(decided, as_of_ms=as_of_ms)
                return decided
            doubts.hear(outcome)
            await self._owners.pause()
        raise doubts.refusal()

    async def _own(self, actor: Actor, hold_id: str) -> Hold:
        """The caller's hold. Raises HoldNotFound where it is somebody else's, never was, or was fenced."""
        row = await self._owners.home(actor.organization, hold_id)
        if row is None or row.get("holder") != actor.user:
            raise HoldNotFound
        return rows.read_hold(actor.organization, hold_id, row)

    # ---- late confirm

    async def _confirm_late(self, hold: Hold, asked: Confirmed) -> Hold | None:
        """Book the seats of an expired hold under its late id, if all are still free; None: look again.

        A taken seat fences the late id, and that fence is the final no.
        """
        as_of_ms = self._clock.now_ms()
        row = await self._late_row(hold)
        if row is not None:
            booking = _late_booking(hold, row, asked)
            await self._owners.settled(booking, as_of_ms=as_of_ms)
            return booking
        booking = replace(hold, id=late_id(hold.id), state=asked, extensions=hold.extensions + 1)
        claimed, others_sent = await self._attempts.claim([booking], self._clock.now_ms())
        match claimed.result:
            case Won():
                await self._owners.settled(booking, as_of_ms=claimed.as_of_ms)
                return booking
            case Standing():
                return None
            case Stuck():
                raise OutcomeUnknown if claimed.in_doubt else BackendUnavailable
            case Lost() | Contended() | Unseeded() as why:
                taken = why.cells if isinstance(why, Lost) else ()
            case _:
                assert_never(claimed.result)
        fenced = await self._owners.fence(hold.trip.organization, booking.id, REFUSED, taken)
        if fenced.get("status") != "aborted":
            return None
        if others_sent:
            await self._owners.settled(booking.with_state(Aborted(REFUSED)), as_of_ms=claimed.as_of_ms)
        raise HoldExpired(_at_ms(hold))

    async def _over(self, hold: Hold) -> FinalNo:
        """The refusal that says how the hold ended, its late booking included."""
        late = await self._late_row(hold) if isinstance(hold.state, Expired) else None
        if late is not None and _is_booking(late):
            hold = rows.read_hold(hold.trip.organization, late_id(hold.id), late)
        return _ended(hold)

    async def _late_row(self, hold: Hold) -> Row | None:
        try:
            return await self._owners.home(hold.trip.organization, late_id(base_id(hold.id)))
        except StoreUnavailable:
            raise BackendUnavailable from None

    # ---- extend

    async def extend(self, actor: Actor, hold_id: str, *, expires_at_ms: int, total_ms_max: int) -> Hold:
        """See Holds."""
        doubts = Doubts()
        for _ in range(TRIES_MAX):
            as_of_ms = self._clock.now_ms()
            try:
                hold = await self._own(actor, hold_id)
            except StoreUnavailable:
                await self._owners.pause()
                continue
            if not isinstance(hold.state, Held):
                raise await self._over(hold)
            if hold.state.expires_at_ms >= expires_at_ms:
                await self._owners.settled(hold, as_of_ms=as_of_ms)
                return hold
            if expires_at_ms > hold.created_at_ms + total_ms_max:
                raise ExtensionTooLong(hold.created_at_ms + total_ms_max)
            outcome = await self._extend(hold, hold.state.expires_at_ms, expires_at_ms)
            if isinstance(outcome, Applied):
                extended = replace(hold, state=Held(expires_at_ms), extensions=hold.extensions + 1)
                await self._owners.settled(extended, as_of_ms=as_of_ms)
                return extended
            doubts.hear(outcome)
            await self._owners.pause()
        raise doubts.refusal()

    async def _extend(self, hold: Hold, seen_ms: int, until_ms: int) -> Applied | Refused | Unknown | NotDone:
        now_ms = self._clock.now_ms()
        ordinal = hold.extensions + 1
        home = rows.group_partition(hold.trip, hold.home)
        event, now = EventType.HOLD_EXTENDED, await self._owners.now(now_ms)
        writes = [
            Write(
                rows.hold_key(hold.id),
                {"status": "held", "expires_at": seen_ms},
                {"expires_at": until_ms, "generation": ordinal, **rows.recorded(now)},
            ),
            rows.event_write(hold, event, now, ordinal=ordinal, expires_at_ms=until_ms),
            *(
                Write(cell, {"owner": hold.id}, {"until": until_ms})
                for cell in rows.cell_keys(hold.seats_by_group.get(hold.home, ()), hold.journey)
            ),
        ]
        due = [index_entries.due(rows.group_partition(hold.trip, group), until_ms) for group in hold.seats_by_group]
        return await self._owners.apply(home, writes, [index_entries.recorded(home, now.epoch), *due], at_ms=now_ms)

    # ---- read

    async def find(self, actor: Actor, hold_id: str) -> Hold:
        """See Holds."""
        try:
            hold = await self._own(actor, hold_id)
        except StoreUnavailable:
            raise BackendUnavailable from None
        if isinstance(hold.state, Aborted):
            raise HoldNotFound
        if isinstance(hold.state, Expired):
            late = await self._late_row(hold)
            if late is not None and _is_booking(late):
                return rows.read_hold(actor.organization, late_id(hold_id), late)
        return hold

    async def page(self, actor: Actor, *, trip: str, ended: bool, after: str, most: int) -> HoldPage:
        """See Holds."""
        return await HolderPages(self._owners.batches, self.find).page(
            actor, trip=trip, ended=ended, after=after, most=most
        )

    async def snapshot(self, trip: Trip, group: int) -> bytes:
        """See Holds."""
        try:
            return await snapshot(self._owners, trip, group)
        except StoreUnavailable:
            raise BackendUnavailable from None

    # ---- block and unblock

    async def block(self, trip: Trip, reasons: Mapping[str, str]) -> None:
        """See Holds."""
        await self._house.block(trip, reasons)

    async def unblock(self, trip: Trip, seat: str) -> bool:
        """See Holds."""
        return await self._house.unblock(trip, seat)


def _new_hold(request: HoldRequest, hold_id: str, now_ms: int) -> Hold:
    trip = request.trip
    return Hold(
        hold_id,
        trip.key,
        request.actor.user,
        request.seats,
        tuple(map(trip.group_of, request.seats)),
        request.journey,
        now_ms,
        request.claimant,
        Held(now_ms + request.ttl_ms),
    )


def _leads(state: HoldState, to: HoldState) -> bool:
    """Whether a hold in `state` can still be taken to `to`."""
    return isinstance(state, Confirmed if isinstance(to, Cancelled) else Held)


def _as_seen(hold: Hold) -> Row:
    """The condition of a step: confirm and the like carry no clock, so they win on a lapsed row that says held."""
    if isinstance(hold.state, Confirmed):
        return {"status": "confirmed"}
    return {"status": "held", "generation": hold.extensions}


def _is_booking(row: Row | None) -> bool:
    return row is not None and row.get("status") in ("confirmed", "cancelled")


def _ended(hold: Hold) -> FinalNo:
    """The refusal that says how the hold ended."""
    match hold.state:
        case Released():
            return HoldReleased()
        case Expired():
            return HoldExpired(_at_ms(hold))
        case Confirmed():
            return HoldConfirmed()
        case Cancelled():
            return BookingCancelled()
        case Held() | Aborted():
            return HoldNotFound()
        case _:
            assert_never(hold.state)


def _late_booking(hold: Hold, row: Row, asked: Confirmed) -> Hold:
    """What the row of a late id says to this confirm. Raises HoldExpired where the late id was fenced."""
    if row.get("status") == "aborted":
        raise HoldExpired(_at_ms(hold))
    booking = rows.read_hold(hold.trip.organization, late_id(hold.id), row)
    if booking.state != asked:
        raise _ended(booking)
    return booking


def _at_ms(hold: Hold) -> int:
    return hold.state.expires_at_ms if isinstance(hold.state, Expired) else 0


def _no(request: HoldRequest, why: Lost | Contended | Unseeded | Stuck, fenced: Row) -> Exception:
    """The fenced row decides the answer, where there is one: its reason may be that of another call with the same
    key.
    """
    if fenced.get("reason") == REFUSED:
        return refusal_of(rows.read_taken(fenced), request.claimant)
    match why:
        case Lost(cells=cells):
            return refusal_of(cells, request.claimant) if not fenced else contended(request.seats)
        case Contended(seats=seats):
            return contended(seats)
        case Unseeded():
            return TripOpening()
        case Stuck():
            return BackendUnavailable()
        case _:
            assert_never(why)
