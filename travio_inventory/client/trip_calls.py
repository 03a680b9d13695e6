"""The calls of a client about the life of a trip: whether it is sold."""

from travio_inventory.client.answers import TripSale
from travio_inventory.client.connection import Connection
from travio_inventory.client.holds import Account
from travio_inventory.seats.commands import SalesAction
from travio_inventory.wire.inventory import v1 as wire


class TripCalls:
    """What an `InventoryClient` asks of trips; it raises what that does."""

    _connection: Connection
    _account: Account

    async def control_sales(self, trip: str, action: SalesAction) -> TripSale:
        """Close the sales of a trip (other processes do within seconds), reopen them, freeze them (for every process
        from the answer on) or unfreeze them; what is held goes on. A repeated call has the same answer. Raises
        TripNotFound, TripCancelled.
        """
        request = wire.ControlSalesRequest(
            trip_id=trip, organization_id=self._account.organization, action=wire.SalesAction[action.name]
        )
        reply = await self._connection.write(self._connection.stub.control_sales, request)
        return TripSale(reply.state, reply.version)
