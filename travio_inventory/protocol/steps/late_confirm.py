"""Late confirm: books what an expired hold had claimed under its late id, by the protocol of a hold."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Generic, assert_never

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import FOR_EVER, Row, RowKey, StoreUnavailable
from travio_inventory.protocol.claims import AlreadyThere, Contended, Lost, NotMade, Unanswered, Won
from travio_inventory.protocol.fencing import REFUSED, Fencing
from travio_inventory.protocol.hold import Aborted, Confirmed, Expired
from travio_inventory.protocol.refusals import HoldExpired
from travio_inventory.protocol.resource import H, Hold, Resource, Taken
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps.aims import has_more
from travio_inventory.protocol.steps.deciding import Deciding, ended

CLAIMS_MAX: Final = 5
"""So often what is contended is asked for, before the caller is told to ask again."""


@dataclass(frozen=True, slots=True)
class _Contended:
    """Others were at these rows; whether a copy of one of the batches could still land."""

    keys: Sequence[RowKey]
    in_doubt: bool


class LateConfirming(Generic[H]):
    """Books expired holds."""

    def __init__(
        self,
        sender: Sender,
        resource: Resource[H],
        *,
        attempts: Attempts[H],
        fencing: Fencing[H],
        deciding: Deciding[H],
        rolling: RollingForward[H],
    ) -> None:
        self._sender = sender
        self._resource = resource
        self._attempts = attempts
        self._fencing = fencing
        self._deciding = deciding
        self._rolling = rolling

    async def confirm(self, hold: H, asked: Confirmed, parts: Collection[str] | None = None) -> H | None:
        """Book an expired hold, or these parts of it, under its late id, if all that it claimed there is still free;
        None: read again.

        If others have a claim, the late id is fenced, and that fence is the final refusal.
        """
        if parts is not None and (lost := {*parts}.difference(hold.parts)):
            raise hold.never_had(lost)
        contended = _Contended((), in_doubt=False)
        for _ in range(CLAIMS_MAX):
            try:
                booked = await self._confirm(hold, asked, parts)
            except (BackendUnavailable, Overloaded):
                if contended.in_doubt:
                    raise OutcomeUnknown from None
                raise
            if not isinstance(booked, _Contended):
                return booked
            contended = _Contended(booked.keys, in_doubt=contended.in_doubt or booked.in_doubt)
            await self._sender.pause()
        raise OutcomeUnknown if contended.in_doubt else self._resource.contended(contended.keys)

    async def _confirm(self, hold: H, asked: Confirmed, parts: Collection[str] | None) -> "H | _Contended | None":
        as_of_ms = self._sender.clock.now_ms()
        late, row = await self._deciding.late(hold)
        if row is not None:
            booking = self._late_booking(hold, late, row, asked, parts)
            await self._rolling.settled(booking, as_of_ms=as_of_ms)
            return booking
        wanted = (hold if parts is None else hold.keeping(parts, asked)).booked_late(late, asked)
        sold_still = await self._sold_still(wanted)
        if sold_still is None:
            await self._refused(hold, late, ())
            return None
        booking = sold_still
        kept = self._deciding.kept_as_expired(hold, late, self._resource.books.bookings_kept_s or FOR_EVER)
        now_ms = self._sender.clock.now_ms()
        claimed, others_sent = await self._attempts.claim([booking], now_ms, kept)
        match claimed.result:
            case Won():
                await self._rolling.settled(booking, as_of_ms=claimed.as_of_ms)
                return booking.stepped_at(now_ms)
            case AlreadyThere(row=row):
                if others_sent and row.get("status") == "aborted":
                    await self._rolling.given_back(booking.with_state(Aborted(REFUSED)))
                return None
            case Unanswered():
                raise OutcomeUnknown if claimed.in_doubt else BackendUnavailable
            case Contended(keys=keys) if not self._resource.refuses_contended_late:
                return _Contended(keys, in_doubt=claimed.in_doubt)
            case Lost() | Contended() | NotMade() as why:
                taken = why.taken if isinstance(why, Lost) else ()
            case _:
                assert_never(claimed.result)
        sent = (booking, claimed.as_of_ms) if others_sent else None
        await self._refused(hold, late, taken, sent)
        return None

    async def _sold_still(self, booking: H) -> H | None:
        """See `Resource.late`. Raises BackendUnavailable."""
        try:
            return await self._resource.late(self._sender.batches, booking, self._sender.clock.now_ms())
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _refused(self, hold: H, late: str, taken: Sequence[Taken], sent: tuple[H, int] | None = None) -> None:
        """Fence the late id, and say so; return if a booking stands there instead, or others gave the attempt up.
        `sent` is the late booking with claims elsewhere, and when they were sent.
        """
        kept = self._resource.kept(taken, hold)
        fenced = await self._fencing.fence(hold.organization, late, REFUSED, kept)
        if fenced.get("status") != "aborted":
            return
        if sent is not None:
            await self._rolling.settled(sent[0].with_state(Aborted(REFUSED)), as_of_ms=sent[1])
        if not self._deciding.was_given_up(late, fenced):
            raise HoldExpired(_at_ms(hold))

    def _late_booking(self, hold: H, late: str, row: Row, asked: Confirmed, parts: Collection[str] | None) -> H:
        """The answer to this confirm from the row of the late id. Raises HoldExpired if the late id was fenced."""
        if row.get("status") == "aborted":
            raise HoldExpired(_at_ms(hold))
        booking = self._resource.read(hold.organization, late, row)
        if booking.state != asked or has_more(booking, parts):
            raise ended(booking)
        return booking


def _at_ms(hold: Hold) -> int:
    return hold.state.expires_at_ms if isinstance(hold.state, Expired) else 0
