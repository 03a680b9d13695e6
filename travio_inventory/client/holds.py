"""A hold as the caller uses it: requested once, confirmed, extended, or released when its block ends."""

import asyncio
import logging
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from types import TracebackType
from typing import Any, NamedTuple

import anyio
from grpclib.const import Status

from travio_inventory.client import messages
from travio_inventory.client.answers import Booking, HoldRecord
from travio_inventory.client.connection import Connection
from travio_inventory.client.refusals import ClientError, legacy_refusal
from travio_inventory.kernel.refusals import FinalRefusal, OutcomeUnknown, WrongRequest
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.refusals import BY_STORE, SeatTaken
from travio_inventory.seats.trip import Journey
from travio_inventory.wire.inventory import v1 as wire

log = logging.getLogger(__name__)


class Account(NamedTuple):
    """The user and organization of a client. The service checks them."""

    organization: str
    user: str


class HoldSteps:
    """The steps on a hold, by its id, on behalf of one caller. All of them are safe to repeat."""

    def __init__(self, connection: Connection, account: Account) -> None:
        self.connection = connection
        self.account = account

    async def confirm(
        self, hold_id: str, order: str, passengers: Sequence[Passenger] = (), *, seats: Sequence[str] = ()
    ) -> Booking:
        """Turn the hold into a booking of `order`; a repeated call returns the same booking. Of these seats alone if
        they are named: the others are given back by the same step.

        Passengers, where there are any, name exactly the seats to book. Raises HoldEnded, HoldNotFound,
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
            seat_ids=list(seats),
        )
        reply = await self.connection.write(self.connection.stub.confirm_booking, request)
        if not reply.success:
            raise legacy_refusal(reply.failure_reason, ())
        return messages.booking(reply)

    async def release(self, hold_id: str, *, seats: Sequence[str] = ()) -> int:
        """Release the seats, or these of them; returns how many were released, 0 if there was nothing to release.

        Raises InvalidSeats for seats that the hold never had, OutcomeUnknown, BackendUnavailable.
        """
        request = wire.ReleaseSeatsRequest(
            hold_id=hold_id,
            user_id=self.account.user,
            organization_id=self.account.organization,
            seat_ids=list(seats),
        )
        reply = await self.connection.write(self.connection.stub.release_seats, request)
        return reply.released_count if reply.success else 0

    async def extend(self, hold_id: str, seconds: int = 0) -> datetime:
        """Extend the hold to so many seconds from now (0: the service's default); never shortens it.

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

    async def move(
        self,
        hold_id: str,
        moves: Mapping[str, str],
        *,
        ends: tuple[str, str] = ("", ""),
        segments: Journey | None = None,
        version: int | None = None,
    ) -> HoldRecord:
        """See InventoryClient."""
        first, last = segments or (None, None)
        request = wire.MoveHoldRequest(
            hold_id=hold_id,
            user_id=self.account.user,
            organization_id=self.account.organization,
            moves=[wire.SeatMove(from_seat_id=old, to_seat_id=new) for old, new in moves.items()],
            from_station_id=ends[0],
            to_station_id=ends[1],
            from_segment_index=first,
            to_segment_index=last,
            expected_version=version,
        )

        def settle() -> None:
            request.settle = True

        reply = await self.connection.write(self.connection.stub.move_hold, request, on_unknown=settle)
        if reply.hold is None:
            raise ClientError(Status.UNKNOWN, "answered OK without a hold")
        return messages.hold_record(reply.hold)

    async def erase(self, booking_id: str) -> None:
        """See InventoryClient."""
        request = wire.ErasePassengersRequest(
            booking_id=booking_id, user_id=self.account.user, organization_id=self.account.organization
        )
        await self.connection.write(self.connection.stub.erase_passengers, request)


class Hold:
    """Seats held until `expires_at`, at these prices, which it keeps. Its methods raise what those of `HoldSteps`
    raise.
    """

    def __init__(self, steps: HoldSteps, reply: wire.HoldSeatsResponse) -> None:
        self._steps = steps
        self.id = reply.hold_id
        self.seats = tuple(reply.held_seat_ids)
        self.expires_at = messages.moment(reply.expires_at)
        self.prices = tuple(reply.seat_prices_minor)
        self.price_minor = reply.price_minor
        self.currency = reply.currency
        self._is_settled = False
        """Whether this object confirmed or released it, so that nothing is left to release."""

    async def confirm(self, order: str, passengers: Sequence[Passenger] = (), *, seats: Sequence[str] = ()) -> Booking:
        """Turn it, or these of its seats, into a booking of `order`; a repeated call returns the same booking."""
        booking = await self._steps.confirm(self.id, order, passengers, seats=seats)
        self._is_settled = True
        return booking

    async def release(self, *, seats: Sequence[str] = ()) -> int:
        """Release the seats, or these of them; returns how many were released. `seats` and `prices` go on to say what
        it was made with.
        """
        released = await self._steps.release(self.id, seats=seats)
        self._is_settled = not seats
        return released

    async def extend(self, seconds: int = 0) -> datetime:
        """Extend the hold to so many seconds from now, 0 for the service's default; returns when it runs out."""
        self.expires_at = await self._steps.extend(self.id, seconds)
        return self.expires_at

    async def give_back(self) -> None:
        """Release it unless it is settled, within one deadline, even while the caller is being cancelled.

        A release that fails is logged, not raised; the hold expires by itself.
        """
        if self._is_settled:
            return
        try:
            with anyio.CancelScope(shield=True):  # for one deadline, as every call
                await self.release()
        except Exception:
            log.warning("hold %s was not released; it runs out at %s", self.id, self.expires_at, exc_info=True)


class HoldAttempt:
    """A request for a hold: `hold = await attempt`, or `async with attempt as hold`.

    One attempt is one idempotency key: awaited again, it returns the same hold. After an unknown outcome the store
    settles it. A block that ends without a confirm, also by an exception or a cancellation, releases the seats.
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
        return Hold(self._steps, reply)

    def _settle(self) -> None:
        """The call may have happened or may still happen: from now on only the store can answer."""
        self._request.settle = True

    async def _give_back_unanswered(self) -> None:
        """Cancelled during the request: the seats may be held already. The key finds the hold, which is released."""
        self._settle()
        try:
            with anyio.CancelScope(shield=True):  # for one deadline, as every call
                hold = await self._ask()
        except (FinalRefusal, WrongRequest):
            return  # so nothing stands
        except Exception:
            log.warning("a cancelled hold of %s may last until it expires", self._request.seat_ids, exc_info=True)
            return
        await hold.give_back()
