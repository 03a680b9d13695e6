"""The hold protocol: hold, confirm, release, extend, cancel, block and unblock, written once for all stores.

A step is one conditional batch on the hold's home block, and that batch is its only commit point. Cells are taken
IF status='available' and given back IF owner=hold; an ended hold never lives again.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from travio_inventory.domain.errors import (
    BackendUnavailable,
    BookingCancelled,
    ExtensionTooLong,
    FinalNo,
    HoldConfirmed,
    HoldExpired,
    HoldNotFound,
    HoldReleased,
    OutcomeUnknown,
    Overloaded,
    SeatContended,
    TripOpening,
)
from travio_inventory.domain.events import EventType
from travio_inventory.domain.hold import (
    NEVER_MS,
    Aborted,
    Caller,
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
    Recorded,
    Released,
    base_id,
    late_id,
)
from travio_inventory.domain.taken import fit_to_keep, refusal_of
from travio_inventory.domain.trip import Trip
from travio_inventory.store import hints, ledger, listings, rows
from travio_inventory.store.batches import (
    ABSENT,
    Applied,
    Hint,
    Kind,
    NotDone,
    Refused,
    Row,
    RowKey,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.store.claims import (
    Claim,
    Claimed,
    Contended,
    Lost,
    Standing,
    Stuck,
    Unseeded,
    Won,
    look,
    take,
)
from travio_inventory.store.doubts import Doubts
from travio_inventory.store.holder_pages import HolderPages
from travio_inventory.store.house import house_holds, seats_blocked, whole_journey
from travio_inventory.store.owners import REFUSED, RETRY, TRIES_MAX, Owners, Verdict
from travio_inventory.store.packing import pack

GENERATIONS_MAX = 3
CONTENDED_RETRY_MS = 300
BLOCKINGS_MAX = 8
"""So often a call tries to block its seats: each time without those that turned out to be blocked already."""


class Transitions:
    """Implements `engine.ports.Holds` over conditional batches."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self._clock = owners.clock

    # ---- hold

    async def hold(self, request: HoldRequest) -> Hold:
        """See Holds."""
        home = request.trip.block_of(request.seats[0])
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
        raise _contended(request.seats)

    async def _attempt(self, request: HoldRequest, hold_id: str, *, is_private: bool) -> Hold | None:
        """Claim the cells under this id; None where the id was burnt as retryable: try under another."""
        now_ms = self._clock.now_ms()
        hold = _new_hold(request, hold_id, now_ms)
        claimed, others_sent = await self._claim([hold], now_ms)
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
        burnt: Row = {}
        if not is_private or claimed.in_doubt:
            as_of_ms = self._clock.now_ms()
            try:
                burnt = await self._burn(hold, why)
            except OutcomeUnknown:
                if claimed.in_doubt:
                    raise
                raise BackendUnavailable from None  # only the burn itself is unknown, and no seat hangs on it
            if burnt.get("status") != "aborted":
                return await self._standing(request, hold, burnt, as_of_ms)
        if others_sent:
            await self._owners.given_back(hold.with_state(Aborted(RETRY)))
        raise _no(request, why, burnt)

    async def _claim(self, holds: Sequence[Hold], now_ms: int) -> tuple[Claimed, bool]:
        """Intents in the other blocks in parallel, then the home batch: the commit of all these holds, which have one
        home. Also says whether any intents were sent.
        """
        others = dict.fromkeys(block for hold in holds for block in hold.seats_elsewhere)
        now = await self._owners.now(now_ms)
        in_doubt = False
        if others:
            results = await asyncio.gather(
                *(take(self._owners, self._intents(holds, block, now_ms)) for block in others)
            )
            in_doubt = any(claimed.in_doubt for claimed in results)
            worst = min(results, key=lambda claimed: _RANK[type(claimed.result)])
            if not isinstance(worst.result, Won):
                return replace(await self._all_in_the_way(holds, results, now), in_doubt=in_doubt), True
        claimed = await take(self._owners, self._home_claim(holds, now))
        return replace(claimed, in_doubt=in_doubt or claimed.in_doubt), bool(others)

    async def _all_in_the_way(self, holds: Sequence[Hold], results: Sequence[Claimed], now: Recorded) -> Claimed:
        """Of a claim that did not win all its other blocks: what decides it, whichever block is asked first."""
        found = list(results)
        if any(isinstance(claimed.result, Lost | Contended) for claimed in results):
            at_home = await look(self._owners, self._home_claim(holds, now))
            found += [at_home] if at_home else []
        lost = [claimed.result for claimed in found if isinstance(claimed.result, Lost)]
        worst = min(found, key=lambda claimed: _RANK[type(claimed.result)])
        if not lost:
            return worst
        as_of_ms = min(claimed.as_of_ms for claimed in found if isinstance(claimed.result, Lost))
        return replace(worst, result=Lost(tuple(cell for each in lost for cell in each.cells)), as_of_ms=as_of_ms)

    def _intents(self, holds: Sequence[Hold], block: int, now_ms: int) -> Claim:
        until_ms = _until(holds[0], now_ms, now_ms + self._owners.rules.grace_ms)
        values: Row = {"status": "held" if holds[0].holder else "blocked", "until": until_ms, "since": now_ms}
        asked = self._hints(holds[0], block, now_ms)
        return Claim(holds[0].trip, block, _cells_in(block, holds), values, now_ms, hints=asked)

    def _home_claim(self, holds: Sequence[Hold], now: Recorded) -> Claim:
        trip, home = holds[0].trip, holds[0].home
        status, until_ms = _cell_status(holds[0])
        return Claim(
            trip,
            home,
            _cells_in(home, holds),
            {"status": status, "since": now.at_ms, **({} if until_ms is None else {"until": until_ms})},
            now.at_ms,
            beside=[write for hold in holds for write in _beginning(hold, now)],
            own=[rows.hold_key(hold.id) for hold in holds],
            hints=[*self._hints(holds[0], home, now.at_ms), *self._notes(holds[0], now)],
        )

    def _hints(self, hold: Hold, block: int, now_ms: int) -> list[Hint]:
        """Where the sweeper must look for this hold."""
        partition = rows.block_partition(hold.trip, block)
        asked = []
        if isinstance(hold.state, Held) and hold.state.expires_at_ms < NEVER_MS:
            asked.append(hints.due(partition, hold.state.expires_at_ms))
        if block != hold.home or hold.seats_elsewhere:
            asked.append(hints.due(partition, now_ms + self._owners.rules.grace_ms))
        return asked

    def _notes(self, hold: Hold, now: Recorded) -> list[Hint]:
        """Where the relay and the holder's list must look for this hold."""
        asked = [hints.recorded(rows.block_partition(hold.trip, hold.home), now.epoch)]
        return asked + listings.of_hold(hold)

    async def _burn(self, hold: Hold, why: Lost | Contended | Unseeded | Stuck) -> Row:
        """Fence the id before any no and before anything is given back."""
        organization = hold.trip.organization
        if isinstance(why, Lost):
            return await self._owners.burn(organization, hold.id, REFUSED, fit_to_keep(why.cells, hold.claimant))
        return await self._owners.burn(organization, hold.id, RETRY)

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
        organization = request.caller.organization
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

    async def confirm(self, caller: Caller, hold_id: str, order: str, passengers: tuple[Passenger, ...] = ()) -> Hold:
        """See Holds."""
        for attempt in range(TRIES_MAX):
            try:
                booking = await self._confirm(caller, base_id(hold_id), Confirmed(order, passengers))
            except (BackendUnavailable, Overloaded):
                if attempt:
                    raise OutcomeUnknown from None
                raise
            if booking is not None:
                return booking
        raise OutcomeUnknown

    async def _confirm(self, caller: Caller, hold_id: str, asked: Confirmed) -> Hold | None:
        """The booking, or None where a late one may have come to be meanwhile: look again."""
        hold = await self._decide(caller, hold_id, asked)
        match hold.state:
            case Confirmed() as booked:
                if booked != asked:
                    raise HoldConfirmed
                return hold
            case Expired():
                return await self._confirm_late(hold, asked)
            case _:
                raise _ended(hold)

    async def release(self, caller: Caller, hold_id: str) -> Hold:
        """See Holds."""
        hold = await self._decide(caller, hold_id, Released())
        if not isinstance(hold.state, Released):
            raise await self._over(hold)
        return hold

    async def cancel(self, caller: Caller, hold_id: str) -> Hold:
        """See Holds."""
        hold = await self._decide(caller, base_id(hold_id), Cancelled(""))
        if isinstance(hold.state, Expired) and _is_booking(await self._late_row(hold)):
            hold = await self._decide(caller, late_id(base_id(hold_id)), Cancelled(""))
        if not isinstance(hold.state, Cancelled):
            raise _ended(hold)
        return hold

    async def _decide(self, caller: Caller, hold_id: str, state: HoldState) -> Hold:
        """Take the hold to `state` where it can still get there; the hold as it stands afterwards, whoever took it
        there. Raises HoldNotFound, BackendUnavailable, OutcomeUnknown.
        """
        doubts = Doubts()
        for _ in range(TRIES_MAX):
            as_of_ms = self._clock.now_ms()
            try:
                hold = await self._own(caller, hold_id)
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

    async def _own(self, caller: Caller, hold_id: str) -> Hold:
        """The caller's hold. Raises HoldNotFound where it is somebody else's, never was, or was burnt."""
        row = await self._owners.home(caller.organization, hold_id)
        if row is None or row.get("holder") != caller.holder:
            raise HoldNotFound
        return rows.read_hold(caller.organization, hold_id, row)

    # ---- late confirm

    async def _confirm_late(self, hold: Hold, asked: Confirmed) -> Hold | None:
        """Book the seats of an expired hold under its late id, if all are still free; None: look again.

        A taken seat burns the late id, and that burn is the final no.
        """
        as_of_ms = self._clock.now_ms()
        row = await self._late_row(hold)
        if row is not None:
            booking = _late_booking(hold, row, asked)
            await self._owners.settled(booking, as_of_ms=as_of_ms)
            return booking
        booking = replace(hold, id=late_id(hold.id), state=asked, extensions=hold.extensions + 1)
        claimed, others_sent = await self._claim([booking], self._clock.now_ms())
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
        burnt = await self._owners.burn(hold.trip.organization, booking.id, REFUSED, taken)
        if burnt.get("status") != "aborted":
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

    async def extend(self, caller: Caller, hold_id: str, *, expires_at_ms: int, total_ms_max: int) -> Hold:
        """See Holds."""
        doubts = Doubts()
        for _ in range(TRIES_MAX):
            as_of_ms = self._clock.now_ms()
            try:
                hold = await self._own(caller, hold_id)
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
        home = rows.block_partition(hold.trip, hold.home)
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
                for cell in rows.cell_keys(hold.seats_by_block.get(hold.home, ()), hold.journey)
            ),
        ]
        due = [hints.due(rows.block_partition(hold.trip, block), until_ms) for block in hold.seats_by_block]
        return await self._owners.apply(home, writes, [hints.recorded(home, now.epoch), *due], at_ms=now_ms)

    # ---- read

    async def find(self, caller: Caller, hold_id: str) -> Hold:
        """See Holds."""
        try:
            hold = await self._own(caller, hold_id)
        except StoreUnavailable:
            raise BackendUnavailable from None
        if isinstance(hold.state, Aborted):
            raise HoldNotFound
        if isinstance(hold.state, Expired):
            late = await self._late_row(hold)
            if late is not None and _is_booking(late):
                return rows.read_hold(caller.organization, late_id(hold_id), late)
        return hold

    async def page(self, caller: Caller, *, trip: str, ended: bool, after: str, most: int) -> HoldPage:
        """See Holds."""
        return await HolderPages(self._owners.batches, self.find).page(
            caller, trip=trip, ended=ended, after=after, most=most
        )

    async def pack(self, trip: Trip, block: int) -> bytes:
        """See Holds."""
        try:
            return await pack(self._owners, trip, block)
        except StoreUnavailable:
            raise BackendUnavailable from None

    # ---- block and unblock

    async def block(self, trip: Trip, reasons: Mapping[str, str]) -> None:
        """See Holds. A hold by the house for each seat, all of them committed by the home batch of the first: so each
        is unblocked by itself. A seat that turns out to be blocked already is left to whoever blocked it.
        """
        left = dict(reasons)
        for _ in range(BLOCKINGS_MAX):
            holds = house_holds(trip, left, now_ms=self._clock.now_ms(), new_digest=self._owners.new_digest)
            match await self._block(holds):
                case None:
                    return
                case Lost(cells=cells):
                    blocked = seats_blocked(cells, segments=len(trip.segments))
                    await self._told_again([hold for hold in holds if hold.seats[0] in blocked])
                    left = {seat: reason for seat, reason in left.items() if seat not in blocked}
                case Contended():
                    await self._owners.pause()
                case Unseeded():
                    raise TripOpening
                case Stuck():
                    raise BackendUnavailable
            if not left:
                return
        raise _contended(tuple(left))

    async def _block(self, holds: Sequence[Hold]) -> Lost | Contended | Unseeded | Stuck | None:
        """Commit these holds by the house, all or none: None, or why not; then nothing of them is left."""
        claimed, others_sent = await self._claim(holds, holds[0].created_at_ms)
        match claimed.result:
            case Won():
                is_done, why = True, None
            case Standing(row=row):
                is_done, why = row.get("status") != "aborted", Contended(tuple(hold.seats[0] for hold in holds))
            case why:
                is_done = claimed.in_doubt and (await self._burn(holds[0], why)).get("status") != "aborted"
        if is_done:
            await asyncio.gather(*(self._owners.settled(hold, as_of_ms=claimed.as_of_ms) for hold in holds))
            return None
        if others_sent:
            await asyncio.gather(*(self._owners.given_back(hold.with_state(Aborted(RETRY))) for hold in holds))
        return why

    async def _told_again(self, holds: Iterable[Hold]) -> None:
        """Whoever brought these seats to where they are may have died before telling. The holds never came to be, and
        only say which seats.
        """
        changed = self._owners.watch.changed
        unmade = [hold.with_state(Aborted(RETRY)) for hold in holds]
        await asyncio.gather(*(changed(hold, as_of_ms=hold.created_at_ms) for hold in unmade))

    async def unblock(self, trip: Trip, seat: str) -> bool:
        """See Holds."""
        partition = rows.block_partition(trip.key, trip.block_of(seat))
        first = RowKey(Kind.CELL, seat, 0)
        try:
            cell = (await self._owners.batches.get(partition, [first])).get(first)
            if cell is None:
                raise TripOpening
            if cell.get("status") == "blocked" and (ended := await self._unblock(trip, seat, cell)) is not None:
                return ended
        except StoreUnavailable:
            raise BackendUnavailable from None
        if cell.get("status") in ("available", "blocked"):
            [hold] = house_holds(trip, {seat: ""}, now_ms=self._clock.now_ms(), new_digest=self._owners.new_digest)
            await self._told_again([hold])
        return False

    async def _unblock(self, trip: Trip, seat: str, cell: Row) -> bool | None:
        """End the hold by the house that has the cell; None where it is over, and only its leftovers had to go.

        Raises StoreUnavailable.
        """
        organization, owner = trip.key.organization, rows.text(cell, "owner")
        try:
            judged = await self._owners.judge(organization, owner, since_ms=rows.number(cell, "since"))
        except OutcomeUnknown:  # of what somebody else left half done
            raise BackendUnavailable from None
        match judged.verdict:
            case Verdict.TAKEN:
                hold = await self._decide(Caller(organization, ""), owner, Released())
                return isinstance(hold.state, Released)
            case Verdict.CONTENDED:
                raise _contended([seat])
            case Verdict.DEAD:
                left = rows.cell_keys([seat], whole_journey(trip))
                await self._owners.roll_block(owner, trip.key, trip.block_of(seat), left, Aborted(""))
                return None


_RANK: dict[type, int] = {Lost: 0, Contended: 1, Unseeded: 1, Stuck: 2, Standing: 2, Won: 3}
"""Which of several blocks' results decides: a no beats "ask again", which beats "unknown", which beats success."""


def _new_hold(request: HoldRequest, hold_id: str, now_ms: int) -> Hold:
    trip = request.trip
    return Hold(
        hold_id,
        trip.key,
        request.caller.holder,
        request.seats,
        tuple(map(trip.block_of, request.seats)),
        request.journey,
        now_ms,
        request.claimant,
        Held(now_ms + request.ttl_ms),
    )


def _until(hold: Hold, now_ms: int, give_up_ms: int) -> int:
    """When to look at the hold's intents: at its expiry, for a late booking at once; those of the house, which have no
    expiry, when the attempt is over.
    """
    if not isinstance(hold.state, Held):
        return now_ms
    return hold.state.expires_at_ms if hold.holder else give_up_ms


def _cells_in(block: int, holds: Iterable[Hold]) -> dict[RowKey, str]:
    """The cells that the holds have in the block, each with the hold that it is for."""
    return {
        cell: hold.id for hold in holds for cell in rows.cell_keys(hold.seats_by_block.get(block, ()), hold.journey)
    }


def _beginning(hold: Hold, now: Recorded) -> tuple[Write, Write]:
    """The hold's own row and the event that says that it came to be."""
    _, until_ms = _cell_status(hold)
    event, ordinal, order = EventType.HOLD_CREATED, 0, None
    if isinstance(hold.state, Confirmed):
        event, ordinal, order = EventType.SEATS_PURCHASED, hold.extensions + 1, hold.state.order
    told = rows.event_write(hold, event, now, ordinal=ordinal, expires_at_ms=until_ms, order=order)
    return Write(rows.hold_key(hold.id), ABSENT, {**rows.hold_row(hold), **rows.recorded(now)}), told


def _cell_status(hold: Hold) -> tuple[str, int | None]:
    if not isinstance(hold.state, Held):
        return "sold", None
    return ("held" if hold.state.expires_at_ms < NEVER_MS else "blocked"), hold.state.expires_at_ms


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
    """What the row of a late id says to this confirm. Raises HoldExpired where the late id was burnt."""
    if row.get("status") == "aborted":
        raise HoldExpired(_at_ms(hold))
    booking = rows.read_hold(hold.trip.organization, late_id(hold.id), row)
    if booking.state != asked:
        raise _ended(booking)
    return booking


def _at_ms(hold: Hold) -> int:
    return hold.state.expires_at_ms if isinstance(hold.state, Expired) else 0


def _no(request: HoldRequest, why: Lost | Contended | Unseeded | Stuck, burnt: Row) -> Exception:
    """The burnt row decides the answer, where there is one: its reason may be that of another call with the same
    key.
    """
    if burnt.get("reason") == REFUSED:
        return refusal_of(rows.read_taken(burnt), request.claimant)
    match why:
        case Lost(cells=cells):
            return refusal_of(cells, request.claimant) if not burnt else _contended(request.seats)
        case Contended(seats=seats):
            return _contended(seats)
        case Unseeded():
            return TripOpening()
        case Stuck():
            return BackendUnavailable()
        case _:
            assert_never(why)


def _contended(seats: Sequence[str]) -> SeatContended:
    return SeatContended(seats, retry_after_ms=CONTENDED_RETRY_MS)
