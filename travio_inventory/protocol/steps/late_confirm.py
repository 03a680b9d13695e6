"""Late confirm: books the seats of an expired hold under its late id, by the protocol of a hold."""

from dataclasses import replace
from typing import assert_never

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import Row
from travio_inventory.protocol.claims import Contended, Lost, Standing, Stuck, Unseeded, Won
from travio_inventory.protocol.fencing import REFUSED, Fencing
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps.deciding import Deciding, ended
from travio_inventory.seats.hold import Aborted, Confirmed, Expired, Hold, late_id
from travio_inventory.seats.refusals import HoldExpired


class LateConfirming:
    """Makes bookings of expired holds."""

    def __init__(
        self, sender: Sender, *, attempts: Attempts, fencing: Fencing, deciding: Deciding, rolling: RollingForward
    ) -> None:
        self._sender = sender
        self._attempts = attempts
        self._fencing = fencing
        self._deciding = deciding
        self._rolling = rolling

    async def confirm(self, hold: Hold, asked: Confirmed) -> Hold | None:
        """Book the seats of an expired hold under its late id, if all are still free; None: look again.

        A taken seat fences the late id, and that fence is the final no.
        """
        as_of_ms = self._sender.clock.now_ms()
        row = await self._deciding.late_row(hold)
        if row is not None:
            booking = _late_booking(hold, row, asked)
            await self._rolling.settled(booking, as_of_ms=as_of_ms)
            return booking
        booking = replace(hold, id=late_id(hold.id), state=asked, extensions=hold.extensions + 1)
        claimed, others_sent = await self._attempts.claim([booking], self._sender.clock.now_ms())
        match claimed.result:
            case Won():
                await self._rolling.settled(booking, as_of_ms=claimed.as_of_ms)
                return booking
            case Standing():
                return None
            case Stuck():
                raise OutcomeUnknown if claimed.in_doubt else BackendUnavailable
            case Lost() | Contended() | Unseeded() as why:
                taken = why.cells if isinstance(why, Lost) else ()
            case _:
                assert_never(claimed.result)
        fenced = await self._fencing.fence(hold.trip.organization, booking.id, REFUSED, taken)
        if fenced.get("status") != "aborted":
            return None
        if others_sent:
            await self._rolling.settled(booking.with_state(Aborted(REFUSED)), as_of_ms=claimed.as_of_ms)
        raise HoldExpired(_at_ms(hold))


def _late_booking(hold: Hold, row: Row, asked: Confirmed) -> Hold:
    """What the row of a late id says to this confirm. Raises HoldExpired where the late id was fenced."""
    if row.get("status") == "aborted":
        raise HoldExpired(_at_ms(hold))
    booking = rows.read_hold(hold.trip.organization, late_id(hold.id), row)
    if booking.state != asked:
        raise ended(booking)
    return booking


def _at_ms(hold: Hold) -> int:
    return hold.state.expires_at_ms if isinstance(hold.state, Expired) else 0
