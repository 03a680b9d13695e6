"""Hold: takes every cell of a request or none, under an id that its key stands for or that nobody else has."""

from typing import assert_never

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.attempts import Attempts, contended
from travio_inventory.protocol.batches import Row
from travio_inventory.protocol.claims import Contended, Lost, Standing, Stuck, Unseeded, Won
from travio_inventory.protocol.fencing import REFUSED, RETRY
from travio_inventory.protocol.ledger import Answered, Go, Ledger
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import writing
from travio_inventory.protocol.steps.deciding import Deciding, ended
from travio_inventory.seats.hold import Aborted, Held, Hold, HoldId, HoldRequest
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.taken import refusal_of

GENERATIONS_MAX = 3


class Holding:
    """Makes holds."""

    def __init__(
        self, sender: Sender, *, ledger: Ledger, attempts: Attempts, deciding: Deciding, rolling: RollingForward
    ) -> None:
        self._sender = sender
        self._clock = sender.clock
        self._ledger = ledger
        self._attempts = attempts
        self._deciding = deciding
        self._rolling = rolling

    async def hold(self, request: HoldRequest) -> Hold:
        """See Holds."""
        home = request.trip.group_of(request.seats[0])
        for _ in range(GENERATIONS_MAX):
            as_of_ms = self._clock.now_ms()
            hold_id = str(HoldId(request.trip.key.trip, home, self._sender.new_digest(), is_late=False))
            is_private = request.key is None and not self._sender.rules.holds_per_holder_max
            if not is_private:
                match await self._ledger.enter(request, hold_id, home):
                    case Answered(hold_id=bound, row=row):
                        return await self._answer(request, bound, row, as_of_ms)
                    case Go(hold_id=bound):
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
                await self._rolling.settled(hold, as_of_ms=claimed.as_of_ms)
                return hold
            case Standing(row=row):
                return await self._standing(request, hold, row, claimed.as_of_ms)
            case Lost() | Contended() | Unseeded() | Stuck() as why:
                pass
            case _:
                assert_never(claimed.result)
        if isinstance(why, Lost):
            await self._rolling.watch.refused(hold, why.cells, as_of_ms=claimed.as_of_ms)
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
            await self._rolling.given_back(hold.with_state(Aborted(RETRY)))
        raise _no(request, why, fenced)

    async def _standing(self, request: HoldRequest, hold: Hold, row: Row, as_of_ms: int) -> Hold | None:
        """The id's own row stood already: it is the answer, also where another call wrote it."""
        if row.get("status") != "aborted":
            return await self._answer(request, hold.id, row, as_of_ms)
        await self._rolling.settled(hold.with_state(Aborted(RETRY)), as_of_ms=as_of_ms)
        if row.get("reason") == REFUSED:
            raise refusal_of(rows.read_taken(row), request.claimant)
        return None

    async def _answer(self, request: HoldRequest, hold_id: str, row: Row, as_of_ms: int) -> Hold:
        """What a hold request is told of a row that stood at that moment, as it stands now."""
        if row.get("status") == "aborted":
            raise refusal_of(rows.read_taken(row), request.claimant)
        hold = await self._deciding.as_booked(rows.read_hold(request.actor.organization, hold_id, row))
        await self._rolling.settled(hold, as_of_ms=as_of_ms)
        if not hold.is_live:
            raise ended(hold)
        await writing.list_again(self._sender, hold)
        return hold


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
