"""Audits stock: whether what is recorded of it is as it must be."""

from collections.abc import Sequence
from typing import Protocol

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.protocol.batches import Partition
from travio_inventory.stock.audit.findings import AuditedStock


class StockAudits(Protocol):
    """Audits entries of stock."""

    async def entry(self, at: Partition, *, repair: bool, in_short: bool) -> AuditedStock:
        """Look at the entry there; what is found is looked at again before it counts, repaired if that is asked for,
        and looked at once more. In short, what nothing has changed for long is not looked at.
        """
        ...

    async def due(self) -> Sequence[Partition]:
        """The next entries of the round over all of them; asking says that the last ones are done. Raises
        BackendUnavailable.
        """
        ...


class AuditStock:
    """For the house. It only reads, unless a repair is asked for."""

    def __init__(self, auditor: StockAudits) -> None:
        self._auditor = auditor

    async def one(self, actor: Actor, at: Partition, *, repair: bool = False, in_short: bool = False) -> AuditedStock:
        """Audit the entry there; in short, only what changed lately. Raises PermissionDenied."""
        actor.needs(Scope.HOUSE_WORK)
        return await self._auditor.entry(at, repair=repair, in_short=in_short)

    async def due(self, actor: Actor) -> Sequence[Partition]:
        """The next entries that are to be audited in the round over all of them, which processes share; asking says
        that the last ones were. Raises PermissionDenied, BackendUnavailable.
        """
        actor.needs(Scope.HOUSE_WORK)
        return await self._auditor.due()
