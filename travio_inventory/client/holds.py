"""A hold in the caller's hands: asked for once, confirmed, extended, or given back when its block is left."""

import asyncio
import logging
from collections.abc import Generator, Sequence
from datetime import datetime
from secrets import token_hex
from types import TracebackType
from typing import Any, NamedTuple

import anyio

from travio_inventory.client import messages
from travio_inventory.client.answers import Booking
from travio_inventory.client.connection import Connection
from travio_inventory.client.refusals import legacy_refusal
from travio_inventory.kernel.refusals import FinalRefusal, OutcomeUnknown, WrongRequest
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.refusals import BY_STORE, SeatTaken
from travio_inventory.wire.inventory import v1 as wire

log = logging.getLogger(__name__)


class Account(NamedTuple):
    """On whose behalf a client asks. The service says whether there can be such."""

    organization: str
    user: str


class HoldSteps:
    """The steps on a hold, by its id, on behalf of one caller. All of them are safe to repeat."""

    def __init__(self, connection: Connection, account: Account) -> None:
        self.connection = connection
        self.account = account

    async def confirm(self, hold_id: str, order: str, passengers: Sequence[Passenger] = ()) -> Booking:
        """Turn the hold into a booking of `order`; again is the same booking.

        Passengers, where there are any, name exactly the hold's seats. Raises HoldEnded, HoldNotFound,
        InvalidRequest, OutcomeUnknown, BackendUnavailable.
        """
        request = wire.ConfirmBookingRequest(
            hold_id=hold_id,
            order_id=order,
            user_id=self.account.user,
            organization_id=self.account.organization,
            passengers=[
                wire.PassengerSeat(
                    seat_id=passenger.seat,
                    passenger_nid=passenger.national_id,
                    passenger_name=passenger.name,
                )
                for passenger in passengers
            ],
        )
        reply = await self.connection.write(self.connection.stub.confirm_booking, request)
        if not reply.success:
            raise legacy_refusal(reply.failure_reason, ())
        return messages.booking(reply)

    async def release(self, hold_id: str) -> int:
        """Give the seats back; how many went back, 0 where there was nothing to give back.

        Raises OutcomeUnknown, BackendUnavailable.
        """
        request = wire.ReleaseSeatsRequest(
            hold_id=hold_id, user_id=self.account.user, organization_id=self.account.organization
        )
        reply = await self.connection.write(self.connection.stub.release_seats, request)
        return reply.released_count if reply.success else 0

    async def extend(self, hold_id: str, seconds: int = 0) -> datetime:
        """Keep the hold until so many seconds from now (0: the service's default), never for less than it
        has.

        Returns when it runs out. Raises HoldEnded, HoldNotFound, ExtensionTooLong, InvalidRequest,
        OutcomeUnknown, BackendUnavailable.
        """
        request = wire.ExtendHoldRequest(
            hold_id=hold_id,
            user_id=self.account.user,
            organization_id=self.account.organization,
            hold_duration_seconds=messages.number("hold_duration_seconds", seconds),
        )
        reply = await self.connection.write(self.connection.stub.extend_hold, request)
        if not reply.success:
            raise legacy_refusal(reply.failure_reason, ())
        return messages.moment(reply.expires_at)


class Hold:
    """Seats that are ours until `expires_at`. Its methods raise what those of `HoldSteps` raise."""

    def __init__(self, steps: HoldSteps, hold_id: str, seats: tuple[str, ...], expires_at: datetime) -> None:
        self._steps = steps
        self.id = hold_id
        self.seats = seats
        self.expires_at = expires_at
        self._is_settled = False
        """Whether it was confirmed or released by this object, so that nothing is left to give back."""

    async def confirm(self, order: str, passengers: Sequence[Passenger] = ()) -> Booking:
        """Turn it into a booking of `order`; again is the same booking."""
        booking = await self._steps.confirm(self.id, order, passengers)
        self._is_settled = True
        return booking

    async def release(self) -> int:
        """Give the seats back; how many went back."""
        released = await self._steps.release(self.id)
        self._is_settled = True
        return released

    async def extend(self, seconds: int = 0) -> datetime:
        """Keep it until so many seconds from now, 0 for the service's default; returns when it runs out."""
        self.expires_at = await self._steps.extend(self.id, seconds)
        return self.expires_at

    async def give_back(self) -> None:
        """Release it unless it is settled, within one deadline, though the caller is being cancelled.

        Never raises for a release that fails: that is logged, and the hold runs out by itself.
        """
        if self._is_settled:
            return
        try:
            with anyio.CancelScope(shield=True):  # for one deadline, as every call
                await self.release()
        except Exception:
            log.warning("hold %s was not released; it runs out at %s", self.id, self.expires_at, exc_info=True)


class HoldAttempt:
    """A hold to be asked for: `hold = await attempt`, or `async with attempt as hold`.

    One attempt is one idempotency key: awaited again, it answers the same hold. After an unknown outcome it has the
    store settle what became of it. A block that is left without
    a confirm, by an exception or a cancellation too, gives the seats back.
    """

    def __init__(self, steps: HoldSteps, request: wire.HoldSeatsRequest, *, contended_s: float) -> None:
        self._steps = steps
        self._request = request
        self._contended_s = contended_s
        self._hold: Hold | None = None
        request.idempotency_key = request.idempotency_key or token_hex(16)

    @property
    def key(self) -> str:
        """The idempotency key."""
        return self._request.idempotency_key

    def __await__(self) -> Generator[Any, None, Hold]:
        return self._steps.connection.retries.while_contended(self._ask, for_s=self._contended_s).__await__()

    async def __aenter__(self) -> Hold:
        try:
            self._hold = await self
        except asyncio.CancelledError:
            await self._give_back_unanswered()
            raise
        return self._hold

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._hold is not None:
            await self._hold.give_back()

    async def _ask(self) -> Hold:
        connection = self._steps.connection
        try:
            reply = await connection.write(connection.stub.hold_seats, self._request, on_unknown=self._settle)
        except SeatTaken as refusal:
            if self._request.settle and refusal.decided != BY_STORE:  # so nothing is settled
                raise OutcomeUnknown from refusal
            raise
        self._request.settle = False
        if not reply.success:
            raise legacy_refusal(reply.failure_reason, reply.failed_seat_ids)
        return Hold(self._steps, reply.hold_id, tuple(reply.held_seat_ids), messages.moment(reply.expires_at))

    def _settle(self) -> None:
        """What was sent may have happened or may still: from now on only the store's own word answers."""
        self._request.settle = True

    async def _give_back_unanswered(self) -> None:
        """Cancelled while asking: the seats may be ours already. The key finds the hold, to be released."""
        self._settle()
        try:
            with anyio.CancelScope(shield=True):  # for one deadline, as every call
                hold = await self._ask()
        except (FinalRefusal, WrongRequest):
            return  # so nothing stands
        except Exception:
            log.warning("a cancelled hold of %s may stand until it runs out", self._request.seat_ids, exc_info=True)
            return
        await hold.give_back()
