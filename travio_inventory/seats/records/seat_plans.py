"""Stored seat plans: parts of a revision, and a row that says which revision the plan is.

Parts are written with an end, and kept once the plan is whole; then one write makes their revision the plan. What was
the plan before is remembered in that row until its parts are forgotten, so that a killed call leaves nothing for ever.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import chain

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.limits import PLANS_MAX
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, InvalidRequest, Overloaded, Violation
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    FOR_EVER,
    Batches,
    Kind,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.until_known import until_known
from travio_inventory.seats.definition import write_each
from travio_inventory.seats.records.trip_rows import FORGOTTEN_S
from travio_inventory.seats.records.trip_seats import READ_TOGETHER, WAITS_S
from travio_inventory.seats.seat_plan import MISSING_NAMED_MAX, PlanKey, PlanProgress, SeatPlanPart, StoredPlan
from travio_inventory.seats.trip import Trip, read_definition

PART_CHARS_MAX = 256 * 1_024
TRIES_MAX = 4
_WAITING, _KEPT, _STORED, _DELETED = "waiting", "kept", "stored", "deleted"


class SeatPlans:
    """Implements `seats.ports.SeatPlans` over conditional batches."""

    def __init__(self, batches: Batches, clock: Clock) -> None:
        self._batches = batches
        self._clock = clock

    async def put(self, part: SeatPlanPart) -> PlanProgress:
        """See SeatPlans."""
        await self._put_part(part)
        if part.index < part.count - 1:
            return PlanProgress(is_stored=False)
        found = await self._parts(part.key, part.revision, part.count)
        missing = [at for at in range(part.count) if _part(part.revision, at) not in found]
        if missing:
            return PlanProgress(is_stored=False, missing=tuple(missing[:MISSING_NAMED_MAX]))
        whole = await self._whole(found, part.count)
        await self._keep(part.key, found)
        await self._become(part, len(whole.seats))
        return PlanProgress(is_stored=True, seats=len(whole.seats))

    async def find(self, key: PlanKey) -> Trip | None:
        """See SeatPlans. A plan that is replaced at this moment is read again."""
        for _ in range(TRIES_MAX):
            head = (await self._heads(key.organization, key.plan)).get(_head(key.plan))
            if head is None or head["status"] != _STORED:
                return None
            count = rows.number(head, "parts")
            found = await self._parts(key, rows.text(head, "revision"), count)
            if len(found) == count:
                return await _joined(list(found.values()))
        raise BackendUnavailable

    async def of(self, organization: str) -> Sequence[StoredPlan]:
        """See SeatPlans."""
        return [
            StoredPlan(
                key.id, rows.text(row, "revision"), rows.number(row, "seat_count"), rows.number(row, "stored_at_ms")
            )
            for key, row in (await self._heads(organization)).items()
            if row["status"] == _STORED
        ]

    async def delete(self, key: PlanKey) -> bool:
        """See SeatPlans. While its parts go its row says so: a repeated call ends what was begun."""
        head = (await self._heads(key.organization, key.plan)).get(_head(key.plan))
        if head is None or head["status"] == rows.FORGOTTEN:
            return False
        deleted = {**head, "status": _DELETED}
        if head["status"] == _STORED and not await self._write_head(key, head, deleted):
            raise Overloaded  # somebody else changes it
        await self._forget_previous(key, head)
        await self._forget(key, rows.text(head, "revision"), rows.number(head, "parts"))
        await self._write_head(key, deleted, {"status": rows.FORGOTTEN}, FORGOTTEN_S)
        return head["status"] == _STORED

    async def _put_part(self, part: SeatPlanPart) -> None:
        key = _part(part.revision, part.index)
        definition = part.layout.written(write_each(part.layout.seats), as_asked=True)
        if len(definition) > PART_CHARS_MAX:
            said = f"its text has {len(definition)} characters as JSON; at most {PART_CHARS_MAX}: send smaller parts"
            raise InvalidRequest([Violation("part", said)])
        row: Row = {"definition": definition, "parts": part.count, "status": _WAITING}
        standing = await self._write(part.key, Write(key, ABSENT, row, WAITS_S))
        now = {} if standing is None else standing.get(key, {})
        if standing is None or now.get("status") == rows.FORGOTTEN:
            if standing is not None and await self._write(
                part.key, Write(key, {"status": rows.FORGOTTEN}, row, WAITS_S)
            ):
                raise Overloaded
            return
        if (now.get("definition"), now.get("parts")) != (definition, part.count):
            said = f"part {part.index} of revision {part.revision!r} was sent otherwise before: use another revision"
            raise InvalidRequest([Violation("part", said)])
        if now["status"] == _WAITING:
            await self._write(part.key, Write(key, {"status": _WAITING}, row, WAITS_S))

    async def _whole(self, found: Rows, count: int) -> Trip:
        """The plan that these parts make. Raises InvalidRequest."""
        if any(rows.number(row, "parts") != count for row in found.values()):
            said = "other parts of this revision say another number: use another revision"
            raise InvalidRequest([Violation("part_count", said)])
        joined = await _joined(list(found.values()))
        return await off_loop(len(joined.seats), _checked, joined)

    async def _keep(self, key: PlanKey, found: Rows) -> None:
        for part, row in found.items():
            if row["status"] == _WAITING:
                kept = Write(part, {"status": _WAITING}, {**row, "status": _KEPT}, FOR_EVER)
                standing = await self._write(key, kept)
                if standing is not None and standing.get(part, {}).get("status") != _KEPT:
                    raise BackendUnavailable

    async def _become(self, part: SeatPlanPart, seats: int) -> None:
        """Make the revision the plan, in place of another one."""
        key = part.key
        heads = await self._heads(key.organization)
        head = heads.get(_head(key.plan))
        is_new = head is None or head["status"] == rows.FORGOTTEN
        if is_new and sum(row["status"] != rows.FORGOTTEN for row in heads.values()) >= PLANS_MAX:
            raise InvalidRequest([Violation("plan_id", f"there are {PLANS_MAX} plans already, the most: delete one")])
        row: dict[str, str | int | None] = {
            "revision": part.revision,
            "parts": part.count,
            "seat_count": seats,
            "stored_at_ms": self._clock.now_ms(),
            "status": _STORED,
        }
        if head is not None and head.get("revision") not in (None, part.revision):
            await self._forget_previous(key, head)
            row |= {"previous": head["revision"], "previous_parts": head["parts"]}
        elif head is not None and head.get("status") == _STORED:
            await self._forget_previous(key, head)
            return
        if not await self._write_head(key, head, row):
            raise Overloaded  # somebody else stores another revision
        await self._forget_previous(key, row)

    async def _forget_previous(self, key: PlanKey, head: Row) -> None:
        if previous := rows.text(head, "previous"):
            await self._forget(key, previous, rows.number(head, "previous_parts"))

    async def _forget(self, key: PlanKey, revision: str, count: int) -> None:
        for at in range(count):
            await self._write(key, Write(_part(revision, at), {}, {"status": rows.FORGOTTEN}, FORGOTTEN_S))

    async def _heads(self, organization: str, plan: str = "") -> Rows:
        partition = plan_partition(PlanKey(organization, ""))
        try:
            if plan:
                return await self._batches.get(partition, [_head(plan)])
            return await self._batches.read(partition, Kind.PLAN)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _write_head(self, key: PlanKey, seen: Row | None, row: Row, keep_s: int = FOR_EVER) -> bool:
        partition, write = plan_partition(PlanKey(key.organization, "")), Write(_head(key.plan), seen, row, keep_s)
        standing = await until_known(self._batches, partition, [write])
        return standing is None or standing.get(_head(key.plan)) == row

    async def _parts(self, key: PlanKey, revision: str, count: int) -> Rows:
        """Those of a revision that are there, in order."""
        found: dict[RowKey, Row] = {}
        names = [_part(revision, at) for at in range(count)]
        for start in range(0, count, READ_TOGETHER):
            some = names[start : start + READ_TOGETHER]
            try:
                standing = await self._batches.get(plan_partition(key), some)
            except StoreUnavailable:
                raise BackendUnavailable from None
            found |= {name: standing[name] for name in some if standing.get(name, {}).get("definition")}
        return found

    async def _write(self, key: PlanKey, write: Write) -> Rows | None:
        return await until_known(self._batches, plan_partition(key), [write])


def plan_partition(key: PlanKey) -> Partition:
    """Where a stored plan is; with no plan's id, where an organization's plans are listed."""
    return Partition(Table.SEAT_PLANS, key.organization, key.plan)


def _head(plan: str) -> RowKey:
    return RowKey(Kind.PLAN, plan)


def _part(revision: str, index: int) -> RowKey:
    return RowKey(Kind.PLAN_PART, f"{revision}{rows.SEPARATOR}{index:04d}")


async def _joined(parts: Sequence[Row]) -> Trip:
    """The whole of these parts, unchecked."""
    layouts = [read_definition(rows.text(part, "definition")) async for part in _one_by_one(parts)]
    seats, sections, features = (
        tuple(chain.from_iterable(getattr(layout, name) for layout in layouts))
        for name in ("seats", "sections", "features")
    )
    return await off_loop(
        len(seats),
        replace,
        layouts[0],
        seats=seats,
        sections=sections,
        features=features,
        seats_per_group=layouts[0].seats_per_group_asked,
        is_stored=True,
    )


async def _one_by_one(parts: Sequence[Row]) -> AsyncIterator[Row]:
    """Each in a turn of the event loop of its own."""
    for part in parts:
        await asyncio.sleep(0)
        yield part


def _checked(plan: Trip) -> Trip:
    """Raises InvalidRequest, InvalidTrip."""
    return replace(plan, is_stored=False)
