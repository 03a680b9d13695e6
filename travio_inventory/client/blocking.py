"""The same client for programs without asyncio: its event loop runs in its own thread; thread-safe."""

import copy
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from travio_inventory.client.answers import Booking
from travio_inventory.client.client import (
    ATTEMPTS_MAX_DEFAULT,
    TARGET_DEFAULT,
    InventoryClient,
)
from travio_inventory.client.holds import Hold, HoldAttempt
from travio_inventory.client.tokens import Token
from travio_inventory.seats.hold import Passenger

if TYPE_CHECKING:
    from travio_inventory.client.blocking_stock import BlockingStock

_P = ParamSpec("_P")
_Answer = TypeVar("_Answer")


def _waiting(
    method: Callable[Concatenate[InventoryClient, _P], Awaitable[_Answer]],
) -> "Callable[Concatenate[BlockingInventoryClient, _P], _Answer]":
    """The same method, which waits for its answer."""

    @wraps(method)
    def call(self: "BlockingInventoryClient", /, *args: _P.args, **kwargs: _P.kwargs) -> _Answer:
        return self._portal.call(partial(method, self._client, *args, **kwargs))

    return call


def _asking(
    method: Callable[Concatenate[InventoryClient, _P], HoldAttempt],
) -> "Callable[Concatenate[BlockingInventoryClient, _P], BlockingHold]":
    """The same method, which waits for the hold."""

    @wraps(method)
    def call(self: "BlockingInventoryClient", /, *args: _P.args, **kwargs: _P.kwargs) -> BlockingHold:
        attempt = method(self._client, *args, **kwargs)
        return BlockingHold(self._portal, self._portal.call(_awaited, attempt))

    return call


def _one_by_one(
    method: Callable[Concatenate[InventoryClient, _P], AsyncGenerator[_Answer]],
) -> "Callable[Concatenate[BlockingInventoryClient, _P], Generator[_Answer]]":
    """The same method, which waits for each of its answers."""

    @wraps(method)
    def call(self: "BlockingInventoryClient", /, *args: _P.args, **kwargs: _P.kwargs) -> Generator[_Answer]:
        portal = self._portal
        answers = method(self._client, *args, **kwargs)
        try:
            while True:
                yield portal.call(anext, answers)
        except StopAsyncIteration:
            return
        finally:
            portal.call(answers.aclose)

    return call


async def _awaited(attempt: HoldAttempt) -> Hold:
    return await attempt


class BlockingHold:
    """Seats held until `expires_at`; leaving the `with` block without a confirm releases them.

    Its methods raise what those of `Hold` raise.
    """

    def __init__(self, portal: BlockingPortal, hold: Hold) -> None:
        self._portal = portal
        self._hold = hold

    def __enter__(self) -> "BlockingHold":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._portal.call(self._hold.give_back)

    @property
    def id(self) -> str:
        """The hold's id."""
        return self._hold.id

    @property
    def seats(self) -> tuple[str, ...]:
        """The seats it keeps."""
        return self._hold.seats

    @property
    def expires_at(self) -> datetime:
        """When it runs out."""
        return self._hold.expires_at

    @property
    def prices(self) -> tuple[int, ...]:
        """What each seat costs, in the order of `seats`; the hold keeps it."""
        return self._hold.prices

    @property
    def price_minor(self) -> int:
        """What the seats cost together."""
        return self._hold.price_minor

    @property
    def currency(self) -> str:
        """The currency of the prices."""
        return self._hold.currency

    def confirm(self, order: str, passengers: Sequence[Passenger] = (), *, seats: Sequence[str] = ()) -> Booking:
        """Turn it, or these of its seats, into a booking of `order`; a repeated call returns the same booking."""
        return self._portal.call(partial(self._hold.confirm, order, passengers, seats=seats))

    def release(self, *, seats: Sequence[str] = ()) -> int:
        """Release the seats, or these of them; returns how many were released."""
        return self._portal.call(partial(self._hold.release, seats=seats))

    def extend(self, seconds: int = 0) -> datetime:
        """Extend the hold to so many seconds from now, 0 for the service's default; returns when it runs out."""
        return self._portal.call(self._hold.extend, seconds)


class BlockingInventoryClient:
    """`InventoryClient` for programs without asyncio, which any number of threads may share.

        with BlockingInventoryClient("localhost:9083", user="u1") as inventory:
            with inventory.hold(trip, "A", "C", ["1A"]) as hold:
                hold.confirm(order)

    Its methods take and raise what those of `InventoryClient` do; `hold` waits until the seats are held.
    Outside `with` they raise RuntimeError: leave it when the threads are done.
    """

    def __init__(
        self,
        target: str = TARGET_DEFAULT,
        *,
        organization: str | None = None,
        user: str = "",
        token: Token = "",
        deadline_s: float | None = None,
        attempts_max: int = ATTEMPTS_MAX_DEFAULT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._client = InventoryClient(
            target,
            organization=organization,
            user=user,
            token=token,
            deadline_s=deadline_s,
            attempts_max=attempts_max,
            tls=tls,
        )
        self._opened: BlockingPortal | None = None
        self._closing = ExitStack()

    def __enter__(self) -> "BlockingInventoryClient":
        with ExitStack() as stack:
            self._opened = stack.enter_context(start_blocking_portal(name="travio-inventory-client"))
            stack.enter_context(self._opened.wrap_async_context_manager(self._client))
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened = None
        self._closing.__exit__(kind, error, trace)

    def acting_for(self, user: str, *, organization: str | None = None) -> "BlockingInventoryClient":
        """The same connection on behalf of another user; it lives as long as this client is open."""
        other = copy.copy(self)
        other._client = self._client.acting_for(user, organization=organization)
        return other

    @property
    def stock(self) -> "BlockingStock":
        """Stock, on the same connection and on behalf of the same user."""
        from travio_inventory.client.blocking_stock import BlockingStock  # noqa: PLC0415 - as the client's own

        return BlockingStock(self._portal, self._client.stock)

    serves = _waiting(InventoryClient.serves)
    hold = _asking(InventoryClient.hold)
    find_hold = _waiting(InventoryClient.find_hold)
    list_holds = _waiting(InventoryClient.list_holds)
    confirm = _waiting(InventoryClient.confirm)
    release = _waiting(InventoryClient.release)
    extend = _waiting(InventoryClient.extend)
    cancel = _waiting(InventoryClient.cancel)
    move = _waiting(InventoryClient.move)
    erase_passengers = _waiting(InventoryClient.erase_passengers)
    seat_map = _waiting(InventoryClient.seat_map)
    trip_summary = _waiting(InventoryClient.trip_summary)
    watch = _one_by_one(InventoryClient.watch)
    check_availability = _waiting(InventoryClient.check_availability)
    check_availabilities = _waiting(InventoryClient.check_availabilities)
    open_trip = _waiting(InventoryClient.open_trip)
    trip_opening = _waiting(InventoryClient.trip_opening)
    put_seat_plan = _waiting(InventoryClient.put_seat_plan)
    seat_plans = _waiting(InventoryClient.seat_plans)
    delete_seat_plan = _waiting(InventoryClient.delete_seat_plan)
    trip = _waiting(InventoryClient.trip)
    manifest = _waiting(InventoryClient.manifest)
    order_bookings = _waiting(InventoryClient.order_bookings)
    explain_seat = _waiting(InventoryClient.explain_seat)
    control_sales = _waiting(InventoryClient.control_sales)
    trip_sale = _waiting(InventoryClient.trip_sale)
    change_trip = _waiting(InventoryClient.change_trip)
    cancel_trip = _waiting(InventoryClient.cancel_trip)
    swap_vehicle = _waiting(InventoryClient.swap_vehicle)
    list_trips = _waiting(InventoryClient.list_trips)
    block_seats = _waiting(InventoryClient.block_seats)
    unblock_seats = _waiting(InventoryClient.unblock_seats)
    join_waitlist = _waiting(InventoryClient.join_waitlist)
    leave_waitlist = _waiting(InventoryClient.leave_waitlist)
    waitlist = _waiting(InventoryClient.waitlist)

    @property
    def _portal(self) -> BlockingPortal:
        if self._opened is None:
            raise RuntimeError("the client is not open: use it inside `with`")
        return self._opened
