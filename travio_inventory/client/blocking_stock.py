"""Calls about stock for programs without asyncio."""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Concatenate, ParamSpec, TypeVar

from anyio.from_thread import BlockingPortal

from travio_inventory.client.stock import StockCalls

_P = ParamSpec("_P")
_Answer = TypeVar("_Answer")


def _waiting(
    method: Callable[Concatenate[StockCalls, _P], Awaitable[_Answer]],
) -> "Callable[Concatenate[BlockingStock, _P], _Answer]":
    """The same method, which waits for its answer."""

    @wraps(method)
    def call(self: "BlockingStock", /, *args: _P.args, **kwargs: _P.kwargs) -> _Answer:
        return self._portal.call(partial(method, self._stock, *args, **kwargs))

    return call


class BlockingStock:
    """`StockCalls`, whose methods wait for their answers: what `BlockingInventoryClient.stock` gives."""

    def __init__(self, portal: BlockingPortal, stock: StockCalls) -> None:
        self._portal = portal
        self._stock = stock

    entry = _waiting(StockCalls.entry)
    entries = _waiting(StockCalls.entries)
    add = _waiting(StockCalls.add)
    change = _waiting(StockCalls.change)
    delete = _waiting(StockCalls.delete)
    update = _waiting(StockCalls.update)
    update_many = _waiting(StockCalls.update_many)
    approvals = _waiting(StockCalls.approvals)
    approval = _waiting(StockCalls.approval)
    approve = _waiting(StockCalls.approve)
    reject = _waiting(StockCalls.reject)
    movements = _waiting(StockCalls.movements)
    warehouses = _waiting(StockCalls.warehouses)
    add_warehouse = _waiting(StockCalls.add_warehouse)
    change_warehouse = _waiting(StockCalls.change_warehouse)
    availability = _waiting(StockCalls.availability)
    availabilities = _waiting(StockCalls.availabilities)
    reserve = _waiting(StockCalls.reserve)
    preview = _waiting(StockCalls.preview)
    reservation = _waiting(StockCalls.reservation)
    commit = _waiting(StockCalls.commit)
    cancel = _waiting(StockCalls.cancel)
    report = _waiting(StockCalls.report)
    draft_transfer = _waiting(StockCalls.draft_transfer)
    ship_transfer = _waiting(StockCalls.ship_transfer)
    receive_transfer = _waiting(StockCalls.receive_transfer)
    cancel_transfer = _waiting(StockCalls.cancel_transfer)
    transfer = _waiting(StockCalls.transfer)
    transfers = _waiting(StockCalls.transfers)
    suppliers = _waiting(StockCalls.suppliers)
    add_supplier = _waiting(StockCalls.add_supplier)
    change_supplier = _waiting(StockCalls.change_supplier)
    delete_supplier = _waiting(StockCalls.delete_supplier)
    place_purchase = _waiting(StockCalls.place_purchase)
    receive_purchase = _waiting(StockCalls.receive_purchase)
    cancel_purchase = _waiting(StockCalls.cancel_purchase)
    purchase = _waiting(StockCalls.purchase)
    purchases = _waiting(StockCalls.purchases)
    suggestions = _waiting(StockCalls.suggestions)
