"""Ends the holds whose time ran out, and finishes what others left half done."""

from dataclasses import dataclass

import anyio

from travio_inventory.seats.ports import BlockKey, Lapses

BLOCKS_AT_ONCE = 32


@dataclass(slots=True)
class Swept:
    """What one round did: blocks looked at, and the errors by block where one could not be finished."""

    blocks: int
    failures: dict[BlockKey, Exception]


class ExpireHolds:
    """One round over all blocks in which something may be due. Several sweepers at once do no harm."""

    def __init__(self, lapses: Lapses) -> None:
        self._lapses = lapses

    async def __call__(self) -> Swept:
        """A block that fails never stops the others; it is looked at again in the next round.

        Raises BackendUnavailable where not even the index could be read.
        """
        due = await self._lapses.due_blocks()
        swept = Swept(len(due), {})
        at_once = anyio.CapacityLimiter(BLOCKS_AT_ONCE)

        async def sweep(block: BlockKey) -> None:
            async with at_once:
                try:
                    await self._lapses.sweep(block)
                except Exception as error:  # noqa: BLE001 - one poison block must not stop the round; it is reported
                    swept.failures[block] = error

        async with anyio.create_task_group() as round_:
            for block in due:
                round_.start_soon(sweep, block)
        await self._lapses.close_due(swept.failures)
        return swept
