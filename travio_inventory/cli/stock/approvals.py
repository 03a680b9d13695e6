"""Commands about changes that wait for another person: list, approve and reject them."""

from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import stamp
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock.entries import codes_of
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import StockApproval

ApprovalName = Annotated[str, Parameter(help="The id of the approval: `stock approvals` lists them.")]
Note = Annotated[str, Parameter(help="What there is to say about the decision.")]
COLUMNS = ("asked at", "by", "sku", "warehouse", "quantity", "type", "reason", "status", "decided by", "id")


def show_all(
    *,
    every: Annotated[bool, Parameter(name="--all", negative="", help="Those that are decided too.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """List the changes of stock that wait for another person, oldest first."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        codes = codes_of(await client.stock.warehouses())
        found = await client.stock.approvals(every=every)
        rows = [
            (
                stamp(each.requested_at), each.requested_by, each.sku, codes.get(each.warehouse_id, each.warehouse_id),
                f"{each.quantity:+}", each.type.value, each.reason, each.status.value, each.decided_by, each.id,
            )
            for each in found
        ]  # fmt: skip

        def show() -> None:
            if rows:
                screen.table(COLUMNS, rows)
            else:
                screen.say("nothing waits for an approval")

        screen.answer({"approvals": list(map(plain_approval, found))}, show)

    return ask(reach, work)


def show(approval: ApprovalName, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Show a change that waits for another person, or did, as it is now."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        said = plain_approval(await client.stock.approval(approval))
        shown = {name.replace("_", " "): value for name, value in said.items() if value}
        screen.answer(said, lambda: screen.fields(shown))

    return ask(reach, work)


def approve(approval: ApprovalName, /, *, note: Note = "", reach: ConnectionOptions = HERE) -> Exit:
    """Do what another person asked for. Nobody approves what they asked for themselves: see --user."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        _tell(screen, await client.stock.approve(approval, note=note))

    return ask(reach, work)


def reject(approval: ApprovalName, /, *, note: Note = "", reach: ConnectionOptions = HERE) -> Exit:
    """Refuse what another person asked for; nothing moves."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        _tell(screen, await client.stock.reject(approval, note=note))

    return ask(reach, work)


def plain_approval(approval: StockApproval) -> dict[str, object]:
    """The approval for --json."""
    return {
        "id": approval.id,
        "sku": approval.sku,
        "warehouse_id": approval.warehouse_id,
        "quantity": approval.quantity,
        "type": approval.type.value,
        "reason": approval.reason,
        "reference": approval.reference,
        "status": approval.status.value,
        "requested_by": approval.requested_by,
        "requested_at": stamp(approval.requested_at),
        "expires_at": stamp(approval.expires_at),
        "decided_by": approval.decided_by,
        "decided_at": approval.decided_at and stamp(approval.decided_at),
        "note": approval.note,
        "movement": approval.movement,
        "entry": approval.entry,
    }


def _tell(screen: Screen, approval: StockApproval) -> None:
    def show() -> None:
        what = f"{approval.quantity:+} of {approval.sku}"
        screen.say(f"{what}: {approval.status.value.lower()} by {approval.decided_by}", "bold")

    screen.answer(plain_approval(approval), show)
