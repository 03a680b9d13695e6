"""Probes the store with what every step needs: a small conditional batch, written durably and answered."""

from random import Random

from travio_inventory.protocol.batches import ABSENT, Applied, Batches, Kind, Partition, Refused, RowKey, Table, Write

SPREAD = 16
"""All processes write so many rows in turn, so that they do not all contend for one."""

_ROW = RowKey(Kind.CURSOR, "")


class StoreProbe:
    """One process's probe. Its row counts the probes."""

    def __init__(self, batches: Batches, random: Random) -> None:
        self._batches = batches
        self._partition = Partition(Table.CURSORS, "", f"probe {random.randrange(SPREAD):02d}")
        self._seen: int | None = None

    async def problem(self) -> str:
        """Why steps cannot be taken now; "" if they can. A refused batch was decided, so that counts as success."""
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
