"""Commands about the life of a trip: close its sales and open them again, freeze and unfreeze them."""

from travio_inventory.cli.arguments import TripId
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.client.client import InventoryClient
from travio_inventory.seats.commands import SalesAction


def close(trip: TripId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Close the sales of a trip: no new holds. What is held goes on. Every process goes by it within seconds."""
    return _control(trip, SalesAction.CLOSE, reach)


def reopen(trip: TripId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Open closed sales again."""
    return _control(trip, SalesAction.REOPEN, reach)


def freeze(trip: TripId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Close the sales of a trip for every process at once. What is held goes on."""
    return _control(trip, SalesAction.FREEZE, reach)


def unfreeze(trip: TripId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """End a freeze. Sales that were closed stay closed."""
    return _control(trip, SalesAction.UNFREEZE, reach)


def _control(trip: str, action: SalesAction, reach: ConnectionOptions) -> Exit:
    async def work(client: InventoryClient, screen: Screen) -> None:
        sale = await client.control_sales(trip, action)
        state = (sale.state.name or "").lower()
        screen.answer(
            {"trip": trip, "state": state, "version": sale.version}, lambda: screen.say(f"{trip} is {state}", "bold")
        )

    return ask(reach, work)
