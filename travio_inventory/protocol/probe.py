"""Asks the store for what every step needs of it: a small conditional batch, written durably and answered."""

from random import Random

from travio_inventory.protocol.batches import ABSENT, Applied, Batches, Kind, Partition, Refused, RowKey, Table, Write

SPREAD = 16
"""So many rows are written in turn by all processes, lest they all meet at one."""

_ROW = RowKey(Kind.CURSOR, "")


class StoreProbe:
    """One process's question. Its row counts how often it was asked."""

    def __init__(self, batches: Batches, random: Random) -> None:
        self._batches = batches
        self._partition = Partition(Table.CURSORS, "", f"probe {random.randrange(SPREAD):02d}")
        self._seen: int | None = None

    async def problem(self) -> str:
        """Why steps cannot be taken now; "" where they can. A batch that is refused was decided, so that is well."""
        condition = ABSENT if self._seen is None else {"reached": self._seen}
        count = (self._seen or 0) + 1
        outcome = await self._batches.apply(self._partition, [Write(_ROW, condition, {"reached": count})])
        match outcome:
            case Applied():
                self._seen = count
            case Refused(rows=rows):
                seen = rows.get(_ROW, {}).get("reached")
                self._seen = seen if isinstance(seen, int) else None
            case _:
                return outcome.cause
        return ""
