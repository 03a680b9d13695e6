"""Units of a counter, reserved by the protocol: a second resource, to show that the protocol knows nothing of seats.

A partition has one counter (available, reserved, version) and a line for each hold that claims units there. The counter
is compared and set as it was seen; a line is written if there is none, and moved from the status that was seen. So a
batch that arrives twice changes nothing, whatever the counter says then.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import cast

from travio_inventory.kernel.actor import Actor, ActorKind
from travio_inventory.kernel.refusals import FinalRefusal, RetryableRefusal
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
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
from travio_inventory.protocol.books import HolderBooks
from travio_inventory.protocol.hold import Confirmed, Held, HoldId, HoldState, Recorded, claimant_of
from travio_inventory.protocol.resource import Claim, Decision, Findings, InTheWay, Obstacle, OwnShare, Standing, Taken

STILL_READS_MAX = 5
NAME = "units"


class UnitKind(StrEnum):
    """The rows of a partition of units, beside holds and events."""

    __hash__ = str.__hash__

    COUNTER = "counter"
    LINE = "line"


LINES = cast("Kind", UnitKind.LINE)
COUNTER = RowKey(cast("Kind", UnitKind.COUNTER), "")
HAS_UNITS = ("reserved", "committed")


class NotEnough(FinalRefusal):
    """Others have so many units that not enough are left."""


class UnitsContended(RetryableRefusal):
    """Other attempts are running on these units, or the units do not exist yet."""


@dataclass(frozen=True)
class UnitHold:
    """Units of several partitions, kept for one holder."""

    id: str
    organization: str
    holder: str
    units: tuple[tuple[int, int], ...]
    """The partitions, the home first: the number of each, and how many units there."""
    created_at_ms: int
    claimant: str
    state: HoldState
    extensions: int = 0
    recorded: Recorded = field(default=Recorded(0, 0), compare=False)
    given_up: tuple[str, ...] = ()
    """The partitions of which it has no units any more."""

    moves: int = 0
    """None: a line has no title, and a hold of units stays where it is."""

    @property
    def given_back(self) -> tuple[str, ...]:
        """See Hold."""
        return self.given_up

    @property
    def parts(self) -> tuple[str, ...]:
        """See Hold: all of its units in a partition are one part."""
        return tuple(str(number) for number, _ in self.units)

    def keeping(self, parts: Collection[str], state: HoldState) -> "UnitHold":
        """See Hold."""
        return replace(
            self,
            units=tuple(unit for unit in self.units if str(unit[0]) in parts),
            state=state,
            extensions=self.extensions + (type(state) is type(self.state)),
            given_up=(*self.given_up, *(part for part in self.parts if part not in parts)),
        )

    def unnamed(self) -> "UnitHold":
        """See Hold: a booking of units names nobody."""
        return self

    def never_had(self, parts: Collection[str]) -> NotEnough:
        """See Hold."""
        return NotEnough(f"the hold has no units in {sorted(parts)}")

    def stepped_at(self, _at_ms: int) -> "UnitHold":
        """See Hold: it does not say when."""
        return self

    def with_state(self, state: HoldState) -> "UnitHold":
        """See Hold."""
        return replace(self, state=state)

    def extended(self, until_ms: int) -> "UnitHold":
        """See Hold."""
        return replace(self, state=Held(until_ms), extensions=self.extensions + 1)

    def booked_late(self, late: str, state: HoldState) -> "UnitHold":
        """See Hold."""
        return replace(self, id=late, state=state, extensions=self.extensions + 1)


@dataclass(frozen=True)
class UnitRequest:
    """A request for units, all or none."""

    actor: Actor
    units: tuple[tuple[int, int], ...]
    ttl_ms: int
    key: str | None

    @property
    def fingerprint(self) -> str:
        """See Request."""
        return str(self.units)

    @property
    def claimant(self) -> str:
        """See Request."""
        return claimant_of(self.actor, self.key)

    @property
    def some(self) -> tuple[str, ...]:
        """One of the parts that the hold will have: the last partition, or the home if there is no other."""
        return (str(self.units[-1][0]),)

    def new_id(self, digest: str) -> str:
        """See Request."""
        return str(HoldId(NAME, self.units[0][0], digest, is_late=False))

    def hold(self, hold_id: str, now_ms: int) -> UnitHold:
        """See Request."""
        organization, holder = self.actor.organization, self.actor.user
        state = Held(now_ms + self.ttl_ms)
        return UnitHold(hold_id, organization, holder, self.units, now_ms, self.claimant, state)


class Units:
    """Implements `protocol.resource.Resource`."""

    table = Table.SEAT_GROUPS
    """Its store has no other table."""
    kind = LINES
    refuses_contended_late = True
    books = HolderBooks()

    def partitions(self, hold: UnitHold) -> Sequence[Partition]:
        """See Resource."""
        return [partition_of(hold.organization, number) for number, _ in hold.units]

    def keys(self, hold: UnitHold, partition: Partition) -> Sequence[RowKey]:
        """See Resource."""
        return [RowKey(LINES, hold.id)] if quantity(hold, partition) else []

    def read(self, organization: str, hold_id: str, row: Row, *, by: ActorKind = ActorKind.USER) -> UnitHold:
        """See Resource."""
        return UnitHold(
            hold_id,
            organization,
            rows.text(row, "holder"),
            read_units(row),
            rows.number(row, "created_at_ms"),
            rows.text(row, "claimant"),
            rows.read_state(row),
            rows.number(row, "extensions"),
            Recorded(rows.number(row, "event_epoch"), rows.number(row, "event_at_ms")),
            tuple(given_up.split(",")) if (given_up := rows.text(row, "given_up")) else (),
        )

    def columns(self, hold: UnitHold) -> Row:
        """See Resource."""
        given_up: Row = {"given_up": ",".join(hold.given_up)} if hold.given_up else {}
        units = ",".join(f"{number}:{count}" for number, count in hold.units)
        return {**rows.of_hold(hold), "units": units, **given_up}

    def names(self, home: Row, partition: Partition, _key: RowKey, _move: int) -> bool:
        """See Resource."""
        return partition.number in dict(read_units(home))

    def changes(self, _before: UnitHold, after: UnitHold) -> Row:
        """See Resource."""
        return self.columns(after)

    def booking(self, _state: Confirmed) -> Row:
        """See Resource."""
        return {}

    def event(self, hold: UnitHold, at: Recorded) -> Write:
        """See Resource."""
        name = f"{at.epoch:010d}~{at.at_ms:015d}~{hold.id}~{type(hold.state).__name__}~{hold.extensions}"
        return Write(RowKey(Kind.EVENT, name), {}, {"type": type(hold.state).__name__, "hold": hold.id})

    def beside(self, _hold_id: str) -> Sequence[RowKey]:
        """See Resource: the counter is read after the hold, as it may be."""
        return ()

    @property
    def depends_on(self) -> Sequence[RowKey]:
        """See Resource."""
        return [COUNTER]

    def remembered(self, _partition: Partition) -> Rows | None:
        """See Resource: nothing is."""
        return None

    async def glance(self, _home: Partition, _hold_id: str) -> Rows | None:
        """See Resource."""
        return None

    def take(self, claim: Claim[UnitHold], seen: Rows) -> Sequence[Write] | None:
        """See Resource."""
        counter = seen.get(COUNTER)
        lines = {hold: count for hold in claim.holds if (count := quantity(hold, claim.partition))}
        wanted = sum(lines.values())
        if counter is None or rows.number(counter, "available") < wanted:
            return None
        is_kept = claim.is_intent or isinstance(claim.holds[0].state, Held)
        status = "reserved" if is_kept else "committed"
        values: Row = {"status": status, "since_ms": claim.at_ms, "until_ms": claim.until_ms}
        return [
            counted(counter, available=-wanted, reserved=wanted if is_kept else 0),
            *(
                Write(RowKey(LINES, hold.id), ABSENT, {**values, "owner": hold.id, "quantity": count})
                for hold, count in lines.items()
            ),
        ]

    def extend(self, owned: Mapping[str, Sequence[RowKey]], until_ms: int) -> Sequence[Write]:
        """See Resource."""
        return [Write(key, {"status": "reserved"}, {"until_ms": until_ms}) for keys in owned.values() for key in keys]

    def move(
        self, owned: Mapping[str, Sequence[RowKey]], state: HoldState, _partition: Partition, seen: Rows, _now: Recorded
    ) -> Sequence[Write]:
        """See Resource."""
        available = reserved = 0
        writes = []
        for key in (key for keys in owned.values() for key in keys):
            line = seen.get(key, {})
            if not is_to_be_moved(line, state):
                continue
            is_settled, count = isinstance(state, Confirmed), rows.number(line, "quantity")
            available += 0 if is_settled else count
            reserved -= count if line["status"] == "reserved" else 0
            after: Row = {"status": "committed" if is_settled else "ended", "until_ms": None}
            writes.append(Write(key, {"status": line["status"]}, after))
        return [counted(seen[COUNTER], available=available, reserved=reserved), *writes] if writes else []

    def left(self, _owner: str, keys: Sequence[RowKey], state: HoldState, standing: Rows) -> Sequence[RowKey]:
        """See Resource."""
        return [key for key in keys if is_to_be_moved(standing.get(key, {}), state)]

    async def in_the_way(self, batches: Batches, claim: Claim[UnitHold], standing: Rows) -> InTheWay:
        """See Resource. If there are too few units, every line that may be returned is in the way."""
        lines = [
            standing.get(key, {}).get("status") for hold in claim.holds for key in self.keys(hold, claim.partition)
        ]
        own = OwnShare.NONE
        if all(status in HAS_UNITS for status in lines):
            own = OwnShare.ALL
        elif any(lines):
            own = OwnShare.SOME
        counter = standing.get(COUNTER)
        if counter is None or own is not OwnShare.NONE or not is_short(claim, counter):
            return InTheWay(own, counter is not None, (), standing)
        found = await still(batches, claim.partition)
        obstacles = [
            Obstacle(key, rows.text(line, "owner"), rows.number(line, "since_ms"))
            for key, line in found.items()
            if line.get("status") in HAS_UNITS
        ]
        return InTheWay(own, True, obstacles, {**standing, **found})

    def decide(self, findings: Findings[UnitHold], before: Findings[UnitHold] | None) -> Decision:
        """No single line is in the way: all together are, if all of them live and too few units are left."""
        if findings.met.own is OwnShare.SOME:
            return Decision.CONTENDED
        if findings.were_freed or findings.errors or not is_short(findings.claim, findings.met.rows[COUNTER]):
            return Decision.TRY_AGAIN
        if findings.contended:
            return Decision.CONTENDED
        return Decision.LOST if before is not None and _are_alike(findings, before) else Decision.TRY_AGAIN

    def standing(self, row: Row) -> Standing | None:
        """See Resource."""
        status = row["status"]
        if status not in HAS_UNITS:
            return None
        since_ms, until_ms = rows.number(row, "since_ms"), rows.number(row, "until_ms")
        return Standing(rows.text(row, "owner"), since_ms, until_ms, status == "reserved", status == "committed")

    def contended(self, _keys: Sequence[RowKey]) -> UnitsContended:
        """See Resource."""
        return UnitsContended("others are at these units", retry_after_ms=300)

    def not_made(self) -> UnitsContended:
        """See Resource."""
        return UnitsContended("the units are not there yet", retry_after_ms=500)

    def no(self, _taken: Sequence[Taken], _claimant: str) -> NotEnough:
        """See Resource."""
        return NotEnough("not enough units")

    def kept(self, _taken: Sequence[Taken], _refused: UnitHold) -> Row:
        """See Resource."""
        return {}

    async def late(self, _batches: Batches, booking: UnitHold, _now_ms: int) -> UnitHold | None:
        """See Resource."""
        return booking

    def no_again(self, _fenced: Row, _claimant: str) -> NotEnough:
        """See Resource."""
        return NotEnough("not enough units")


class Unheard:
    """A HoldWatch that tells nobody."""

    async def changed(self, hold: UnitHold, *, as_of_ms: int) -> None:
        """See HoldWatch."""

    async def refused(self, hold: UnitHold, taken: Sequence[Taken], *, as_of_ms: int) -> None:
        """See HoldWatch."""


def partition_of(organization: str, number: int) -> Partition:
    """A partition of the counter."""
    return Partition(Units.table, organization, NAME, number)


def quantity(hold: UnitHold, partition: Partition) -> int:
    """How many units the hold claims there."""
    return dict(hold.units).get(partition.number, 0)


def read_units(row: Row) -> tuple[tuple[int, int], ...]:
    """What the row of a hold claims, partition by partition."""
    pairs = (pair.split(":") for pair in rows.text(row, "units").split(",") if pair)
    return tuple((int(number), int(count)) for number, count in pairs)


def counted(counter: Row, *, available: int, reserved: int) -> Write:
    """The counter, changed by these numbers, if it is as it was seen."""
    version = rows.number(counter, "version")
    after = {
        "available": rows.number(counter, "available") + available,
        "reserved": rows.number(counter, "reserved") + reserved,
        "version": version + 1,
    }
    return Write(COUNTER, {"version": version}, after)


def is_to_be_moved(line: Row, state: HoldState) -> bool:
    """Whether a line must still follow its hold to that state."""
    return line.get("status") in (("reserved",) if isinstance(state, Confirmed) else HAS_UNITS)


def is_short(claim: Claim[UnitHold], counter: Row) -> bool:
    """Whether there are fewer units than the claim is for."""
    return rows.number(counter, "available") < sum(quantity(hold, claim.partition) for hold in claim.holds)


async def still(batches: Batches, partition: Partition) -> dict[RowKey, Row]:
    """The counter and all lines at one moment. Raises StoreUnavailable."""
    found: Rows = await batches.get(partition, [COUNTER])
    for _ in range(STILL_READS_MAX):
        lines = await batches.read(partition, LINES)
        after = await batches.get(partition, [COUNTER])
        if after == found:
            return {**lines, **after}
        found = after
    raise StoreUnavailable("the counter does not stand still")


def _are_alike(findings: Findings[UnitHold], before: Findings[UnitHold]) -> bool:
    """Whether the same holds live at both reads, and nothing changed between them: then all of them lived at once."""
    is_still = findings.met.rows.get(COUNTER) == before.met.rows.get(COUNTER)
    return is_still and {taken.owner for taken in findings.taken} == {taken.owner for taken in before.taken}
