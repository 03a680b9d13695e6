"""The command that shows whether the service is alive, and whether it should get calls."""

from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.client.client import LIVENESS, READINESS, InventoryClient

QUESTIONS = {"alive": LIVENESS, "ready": READINESS}


def show_health(*, reach: ConnectionOptions = HERE) -> Exit:
    """Show whether the service is alive and ready; exit status 1 unless it is both."""
    found: dict[str, bool] = {}

    async def work(client: InventoryClient, screen: Screen) -> None:
        for name, service in QUESTIONS.items():
            found[name] = await client.serves(service)
        words = ", ".join(name if is_so else f"not {name}" for name, is_so in found.items())
        screen.answer(found, lambda: screen.say(words))

    status = ask(reach, work)
    return Exit.NO if status is Exit.DONE and not all(found.values()) else status
