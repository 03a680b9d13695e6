"""Finds holds that may have run out, by the expiry index, and ends them; finishes what others left half done."""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from travio_inventory.domain.errors import BackendUnavailable
from travio_inventory.domain.hold import Aborted, Confirmed, Hold, parse_hold_id
from travio_inventory.engine.ports import BlockKey
from travio_inventory.store import rows
from travio_inventory.store.batches import Index, Kind, Row, RowKey, Rows, StoreUnavailable
from travio_inventory.store.minutes import OpenMinutes
from travio_inventory.store.owners import Owners, Verdict

ROWS_TOGETHER_MAX = 160
"""So many rows of lapsed holds are written in one batch, where one hold has not more."""
AT_ONCE = 4
HOLDS_READ_TOGETHER = 1_000
LOOK_EVERY_MS = 4_000
"""How often a block is read while something may fall due in it that another process began."""


@dataclass(slots=True)
class _Look:
    """When a block was last read, and when the next of its holds runs out."""

    at_ms: int
    due_ms: int


class LapseFinder:
    """Implements `engine.ports.Lapses`. One process may run several; they do no harm, only more work.

    What its own process began it knows to the millisecond; the index tells of what others did.
    """

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self._minutes = OpenMinutes(owners.batches, Index.EXPIRY)
        self._looks: dict[BlockKey, _Look] = {}
        self._round_ms = 0
        self._settling: dict[int, set[BlockKey]] = {}
        self._again: set[BlockKey] = set()

    async def due_blocks(self) -> Sequence[BlockKey]:
        """See Lapses."""
        now_ms = self._round_ms = self._owners.clock.now_ms()
        self._again |= self._owners.news.take_due(now_ms)
        try:
            await self._minutes.load(now_ms)
            live = set().union(*(await self._minutes.blocks(self._minutes.live(now_ms))).values())
            self._settling = await self._minutes.blocks(list(self._minutes.settling(now_ms)))
        except StoreUnavailable:
            raise BackendUnavailable from None
        self._looks = {block: look for block, look in self._looks.items() if block in live}
        due, self._again = self._again.union(*self._settling.values()), set()
        return sorted(due | {block for block in live if self._is_due(block, now_ms)})

    async def sweep(self, block: BlockKey) -> None:
        """See Lapses."""
        now_ms = self._owners.clock.now_ms()
        try:
            cells = await self._owners.batches.read(rows.block_partition(*block), Kind.CELL)
            await self._end_lapsed(block, _owned_here(block, cells, now_ms - self._owners.rules.clock_bound_ms))
            await self._settle_foreign(block, cells)
        except StoreUnavailable:
            raise BackendUnavailable from None
        untils = [rows.number(cell, "until") for cell in cells.values() if cell["status"] == "held"]
        ahead = (until + self._owners.rules.clock_bound_ms for until in untils)
        self._looks[block] = _Look(now_ms, min((due for due in ahead if due > now_ms), default=now_ms + LOOK_EVERY_MS))

    async def close_due(self, failed: Collection[BlockKey]) -> None:
        """See Lapses."""
        self._again |= set(failed)
        finished = [minute for minute, named in self._settling.items() if named.isdisjoint(failed)]
        try:
            await self._minutes.settled(finished, self._round_ms)
        except StoreUnavailable:
            raise BackendUnavailable from None

    def _is_due(self, block: BlockKey, now_ms: int) -> bool:
        look = self._looks.get(block)
        return look is None or now_ms >= look.due_ms or now_ms - look.at_ms >= LOOK_EVERY_MS

    async def _end_lapsed(self, block: BlockKey, hold_ids: Sequence[str]) -> None:
        """End those of the block's own holds whose row says that they ran out: many in one batch, a few batches at
        once. One that cannot be ended keeps no other batch from its end.
        """
        for start in range(0, len(hold_ids), HOLDS_READ_TOGETHER):
            lapsed = await self._lapsed(block, hold_ids[start : start + HOLDS_READ_TOGETHER])
            await _a_few_at_once(map(self._owners.expire_together, _together(lapsed, block.block)))

    async def _lapsed(self, block: BlockKey, hold_ids: Sequence[str]) -> list[Hold]:
        keys = [rows.hold_key(hold_id) for hold_id in hold_ids]
        standing = await self._owners.batches.get(rows.block_partition(*block), keys)
        return [
            rows.read_hold(block.trip.organization, key.id, row)
            for key, row in standing.items()
            if row.get("status") == "held" and self._owners.has_lapsed(row)
        ]

    async def _settle_foreign(self, block: BlockKey, cells: Rows) -> None:
        """Bring cells of other blocks' holds in line with their home rows, sold ones included: a booking may have
        been cancelled since.
        """
        now_ms = self._owners.clock.now_ms()
        suspects: dict[str, dict[RowKey, Row]] = {}
        for key, cell in cells.items():
            owner = rows.text(cell, "owner")
            if owner and parse_hold_id(owner).home != block.block:
                suspects.setdefault(owner, {})[key] = cell
        await _a_few_at_once(
            self._settle(block, owner, owned)
            for owner, owned in suspects.items()
            if any(self._is_suspect(cell, now_ms) for cell in owned.values())
        )

    def _is_suspect(self, cell: Row, now_ms: int) -> bool:
        """Whether it is time to look; a sold cell has no `until`, so it always is."""
        return (
            rows.number(cell, "until") <= now_ms or now_ms - rows.number(cell, "since") >= self._owners.rules.grace_ms
        )

    async def _settle(self, block: BlockKey, owner: str, owned: dict[RowKey, Row]) -> None:
        since_ms = min(rows.number(cell, "since") for cell in owned.values())
        judged = await self._owners.judge(block.trip.organization, owner, since_ms=since_ms)
        if judged.verdict is Verdict.DEAD:
            await self._owners.roll_block(owner, block.trip, block.block, list(owned), Aborted(""))
        elif judged.row.get("status") == "confirmed" and any(cell["status"] != "sold" for cell in owned.values()):
            await self._owners.roll_block(owner, block.trip, block.block, list(owned), Confirmed(""))


async def _a_few_at_once(works: Iterable[Awaitable[object]]) -> None:
    """Do all of them, AT_ONCE at a time. One that fails keeps no other from its end; the first failure is raised."""
    failures: list[Exception] = []
    left = iter(works)

    async def work() -> None:
        for one in left:
            try:
                await one
            except Exception as failed:  # noqa: BLE001 - it is raised when the others are done
                failures.append(failed)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    if failures:
        raise failures[0]


def _together(holds: Iterable[Hold], block: int) -> Iterator[list[Hold]]:
    """The holds of this home in groups, each for one batch."""
    group: list[Hold] = []
    rows_count = 0
    for hold in holds:
        needs = 2 + len(hold.seats_by_block[block]) * len(hold.journey.segments)
        if group and rows_count + needs > ROWS_TOGETHER_MAX:
            yield group
            group, rows_count = [], 0
        group.append(hold)
        rows_count += needs
    if group:
        yield group


def _owned_here(block: BlockKey, cells: Rows, lapsed_ms: int) -> list[str]:
    """The block's own holds that, by the time on a cell, ran out by then: a hint, to be read in their rows."""
    owners = dict.fromkeys(
        rows.text(cell, "owner")
        for cell in cells.values()
        if cell["status"] == "held" and rows.number(cell, "until") <= lapsed_ms
    )
    return [owner for owner in owners if parse_hold_id(owner).home == block.block]
