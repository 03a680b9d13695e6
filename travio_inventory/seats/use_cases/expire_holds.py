"""Ends the holds whose time ran out, and finishes steps that others left unfinished."""

from collections.abc import Sequence

import anyio
from anyio.abc import TaskGroup

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.ports import Lapses
from travio_inventory.seats.use_cases.visited import Visited

GROUPS_AT_ONCE = 32


JOIN_EVERY_S = 0.1


class ExpireHolds:
    """One round over all seat groups in which something may be due. Several sweepers at once do no harm."""

    def __init__(self, lapses: Lapses) -> None:
        self._lapses = lapses

    async def __call__(self, actor: Actor) -> Visited[Partition]:
        """A seat group that fails never stops the others; the next round visits it again. A slow one delays no hold
        that runs out meanwhile: its seat group joins the round.

        Raises PermissionDenied, and BackendUnavailable if even the index could not be read.
        """
        actor.needs(Scope.HOUSE_WORK)
        due = await self._lapses.due_partitions()
        swept: Visited[Partition] = Visited(0)
        at_once = anyio.CapacityLimiter(GROUPS_AT_ONCE)
        under_way: set[Partition] = set()

        async def sweep(group: Partition) -> None:
            async with at_once:
                try:
                    await self._lapses.sweep(group)
                except Exception as error:  # noqa: BLE001 - one poison seat group must not stop the round; it is reported
                    swept.failures[group] = error
            under_way.discard(group)

        def start(tasks: TaskGroup, groups: Sequence[Partition]) -> None:
            under_way.update(groups)
            swept.count += len(groups)
            for group in groups:
                tasks.start_soon(sweep, group)

        async def let_join(tasks: TaskGroup) -> None:
            while True:
                await anyio.sleep(JOIN_EVERY_S)
                start(tasks, self._lapses.due_meanwhile(under_way))

        async with anyio.create_task_group() as joined, anyio.create_task_group() as joining:
            joining.start_soon(let_join, joined)
            async with anyio.create_task_group() as round_:
                start(round_, due)
            joining.cancel_scope.cancel()
        await self._lapses.close_due(swept.failures)
        return swept
