"""Adds, changes, deletes and reads the suppliers of an organization."""

from collections.abc import Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.stock.records.suppliers import Suppliers
from travio_inventory.stock.supplier import AddSupplier, ChangeSupplier, DeleteSupplier, Supplier


class KeepSuppliers:
    """A supplier's code never changes. One that is deleted is in no list, and still told by its id."""

    def __init__(self, suppliers: Suppliers) -> None:
        self._suppliers = suppliers

    async def add(self, actor: Actor, command: AddSupplier) -> Supplier:
        """The new one; a repetition is answered alike. Raises PermissionDenied, StockExists, InvalidRequest,
        Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADMIN)
        return await self._suppliers.add(actor.organization, command)

    async def change(self, actor: Actor, command: ChangeSupplier) -> Supplier:
        """What it is now. Raises PermissionDenied, StockNotFound, VersionConflict, BackendUnavailable,
        OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADMIN)
        return await self._suppliers.change(actor.organization, command)

    async def delete(self, actor: Actor, command: DeleteSupplier) -> Supplier:
        """The one that is kept no more; its open orders may still be received. Raises as `change`."""
        actor.needs(Scope.STOCK_ADMIN)
        return await self._suppliers.delete(actor.organization, command)

    async def one(self, actor: Actor, supplier: str) -> Supplier:
        """A deleted one too. Raises PermissionDenied, StockNotFound, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        return await self._suppliers.find(actor.organization, supplier)

    async def all(self, actor: Actor) -> Sequence[Supplier]:
        """Those that are not deleted, by code. Raises PermissionDenied, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        return await self._suppliers.all(actor.organization)
