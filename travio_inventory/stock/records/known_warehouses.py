"""Remembers for a moment the warehouses of an organization: every order is planned by them, and they hardly change.

What this process changes is forgotten before anybody is told of it; what others change is known when the moment is
over. So nobody may be refused by what is remembered: whoever finds too little here reads again.

While they are read for one order, others wait for that read: on a cluster it is a serial one of a single partition, and
those of a crowd would stand in each other's way.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from travio_inventory.stock.warehouse import Warehouse

KNOWN_MS = 250
ORGANIZATIONS_MAX = 1_000

Read: TypeAlias = Callable[[str], Awaitable[Sequence[Warehouse]]]
"""Reads all warehouses of an organization."""


class Known(NamedTuple):
    """The warehouses, those first that are first in order, and whether they were read just now."""

    warehouses: Sequence[Warehouse]
    is_fresh: bool


class _Remembered(NamedTuple):
    until_ms: int
    warehouses: Sequence[Warehouse]


class _Reading(NamedTuple):
    forgotten: int
    """How often any were forgotten before it."""
    answer: "asyncio.Future[Sequence[Warehouse] | None]"
    """None if nothing came of it."""


class KnownWarehouses:
    """The warehouses by which orders are planned. `elapsed_ms` is monotonic."""

    def __init__(self, elapsed_ms: Callable[[], int]) -> None:
        self._elapsed_ms = elapsed_ms
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._reading: dict[str, _Reading] = {}
        self._forgotten = 0

    async def of(self, organization: str, read: Read) -> Known:
        """Those that are remembered, or are being read for another order, or as `fresh`."""
        found = self._remembered.get(organization)
        if found is not None and found.until_ms > self._elapsed_ms():
            return Known(found.warehouses, is_fresh=False)
        reading = self._reading.get(organization)
        if reading is not None and reading.forgotten == self._forgotten:
            warehouses = await asyncio.shield(reading.answer)
            if warehouses is not None:
                return Known(warehouses, is_fresh=False)
        return await self.fresh(organization, read)

    async def fresh(self, organization: str, read: Read) -> Known:
        """Those that are read now. Raises what `read` raises."""
        until_ms, forgotten, warehouses = self._elapsed_ms() + KNOWN_MS, self._forgotten, None
        mine = self._reading[organization] = _Reading(forgotten, asyncio.get_running_loop().create_future())
        try:
            warehouses = await read(organization)
        finally:
            mine.answer.set_result(warehouses)
            if self._reading.get(organization) is mine:
                del self._reading[organization]
        if forgotten == self._forgotten:
            self._remembered[organization] = _Remembered(until_ms, warehouses)
            self._remembered.move_to_end(organization)
            if len(self._remembered) > ORGANIZATIONS_MAX:
                self._remembered.popitem(last=False)
        return Known(warehouses, is_fresh=True)

    def forget(self, organization: str) -> None:
        """They have changed; what is being read is not remembered."""
        self._forgotten += 1
        self._remembered.pop(organization, None)
