"""What an organization reads of its trips, whoever booked: manifests, orders, who had a seat; and its stock."""

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from travio_inventory.client import messages
from travio_inventory.client.answers import HoldRecord, SeatExplanation
from travio_inventory.client.connection import Connection, Rpc
from travio_inventory.client.explanations import explanation
from travio_inventory.client.holds import Account
from travio_inventory.wire.inventory import v1 as wire

if TYPE_CHECKING:
    from travio_inventory.client.stock import StockCalls

BOOKINGS_MOST_DEFAULT = 100_000
TRACES_MOST_DEFAULT = 10_000
Request = TypeVar("Request", wire.ListHoldsRequest, wire.GetManifestRequest, wire.GetOrderBookingsRequest)
Reply = TypeVar("Reply", wire.ListHoldsResponse, wire.GetManifestResponse, wire.GetOrderBookingsResponse)


async def hold_records(
    connection: Connection, rpc: Rpc[Request, Reply], request: Request, most: int
) -> tuple[HoldRecord, ...]:
    """The holds of all pages, at most so many."""
    records: list[HoldRecord] = []
    while True:
        reply = await connection.read(rpc, request)
        records += map(messages.hold_record, reply.holds)
        if len(records) >= most or not reply.next_page_token:
            return tuple(records[:most])
        request = replace(request, page_token=reply.next_page_token)


class OrganizationReads:
    """Reads on behalf of the organization; no user is named."""

    _connection: Connection
    _account: Account

    @property
    def stock(self) -> "StockCalls":
        """Stock, on the same connection and on behalf of the same user."""
        from travio_inventory.client.stock import StockCalls  # noqa: PLC0415 - who sells seats need not import it

        return StockCalls(self._connection, self._account)

    async def manifest(
        self,
        trip: str,
        *,
        boarding: str = "",
        alighting: str = "",
        include_held: bool = False,
        national_ids: bool = False,
        only_without_place: bool = False,
        most: int = BOOKINGS_MOST_DEFAULT,
    ) -> tuple[HoldRecord, ...]:
        """The trip's bookings in the order of their seats, whoever made them, with passengers: those that begin or end
        at a station where one is named, or that were left without a place when the vehicle was swapped. At most so
        many, read page by page. Raises TripNotFound, TripOpening, InvalidJourney.
        """
        request = wire.GetManifestRequest(
            trip_id=trip,
            organization_id=self._account.organization,
            boarding_station_id=boarding,
            alighting_station_id=alighting,
            include_held=include_held,
            include_national_ids=national_ids,
            only_without_place=only_without_place,
        )
        return await hold_records(self._connection, self._connection.stub.get_manifest, request, most)

    async def order_bookings(
        self,
        order: str,
        *,
        include_cancelled: bool = False,
        national_ids: bool = False,
        most: int = BOOKINGS_MOST_DEFAULT,
    ) -> tuple[HoldRecord, ...]:
        """The bookings of an order, whoever made them, newest first: at most so many, read page by page."""
        request = wire.GetOrderBookingsRequest(
            order_id=order,
            organization_id=self._account.organization,
            include_cancelled=include_cancelled,
            include_national_ids=national_ids,
        )
        return await hold_records(self._connection, self._connection.stub.get_order_bookings, request, most)

    async def explain_seat(self, trip: str, seat: str, *, most: int = TRACES_MOST_DEFAULT) -> SeatExplanation:
        """Who has a seat, who had it, and who was refused it, as far as that is kept: at most so many traces, read page
        by page. Raises TripNotFound, InvalidSeats.
        """
        request = wire.ExplainSeatRequest(trip_id=trip, organization_id=self._account.organization, seat_id=seat)
        pages = [await self._connection.read(self._connection.stub.explain_seat, request)]
        while pages[-1].next_page_token and sum(len(page.traces) for page in pages) < most:
            request = replace(request, page_token=pages[-1].next_page_token)
            pages.append(await self._connection.read(self._connection.stub.explain_seat, request))
        return explanation(pages)
