"""Ends the holds whose time ran out, and finishes steps that others left unfinished."""

import anyio

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.ports import Lapses
from travio_inventory.seats.use_cases.visited import Visited

GROUPS_AT_ONCE = 32


class ExpireHolds:
    """One round over all seat groups in which something may be due. Several sweepers at once do no harm."""

    def __init__(self, lapses: Lapses) -> None:
        self._lapses = lapses

    async def __call__(self, actor: Actor) -> Visited[Partition]:
        """A seat group that fails never stops the others; the next round visits it again.

        Raises PermissionDenied, and BackendUnavailable if even the index could not be read.
        """
        actor.needs(Scope.HOUSE_WORK)
        due = await self._lapses.due_partitions()
        swept: Visited[Partition] = Visited(len(due))
        at_once = anyio.CapacityLimiter(GROUPS_AT_ONCE)

        async def sweep(group: Partition) -> None:
            async with at_once:
                try:
                    await self._lapses.sweep(group)
                except Exception as error:  # noqa: BLE001 - one poison seat group must not stop the round; it is reported
                    swept.failures[group] = error

        async with anyio.create_task_group() as round_:
            for group in due:
                round_.start_soon(sweep, group)
        await self._lapses.close_due(swept.failures)
        return swept
