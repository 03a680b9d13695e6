"""Follows the store and judges every batch, at the moment it takes effect, by what the service promises."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table, Value
from travio_inventory.protocol.fencing import ABANDONED
from travio_inventory.protocol.hold import Title, read_title
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.hold import NEVER_MS, base_id, parse_hold_id
from travio_inventory.seats.ports import Cell
from travio_inventory.store.memory import Change

START_MS = 1_800_000_000_000
"""The time of day at which every run begins."""
ORGANIZATION = "o"

GRACE_MS = Rules().grace_ms
LIVE = ("held", "confirmed")
HALTS = ("swap", "freeze", "unfreeze", "cancel_trip")
"""The calls that end what is under way on a trip."""
LEGAL = {
    (None, "held"), (None, "confirmed"), (None, "aborted"), ("held", "held"), ("held", "confirmed"),
    ("held", "released"), ("held", "expired"), ("confirmed", "cancelled"), ("confirmed", "confirmed"),
}  # fmt: skip
EVENTS = {
    "held": "hold.created", "confirmed": "seats.purchased", "released": "hold.released",
    "expired": "hold.expired", "cancelled": "booking.cancelled",
}  # fmt: skip
EVENTS_OF_HOUSE = {"held": "seats.blocked", "released": "seats.unblocked"}

OF_TRIP = "trip."
"""How the events of trips begin, which are of no hold."""

FIXED = ("holder", "claimant", "created_at_ms")
"""What no step of a hold changes."""
FIXED_OF_BOOKING = (*FIXED, "order_id", "expires_at_ms")

C = TypeVar("C")
"""Whoever caused a step."""


class Violated(AssertionError):
    """A promise does not hold."""


def seconds_of(at_ms: int) -> float:
    """A time of day in seconds since the run began."""
    return (at_ms - START_MS) / 1_000


def places_of(row: Row) -> list[tuple[int, Cell]]:
    """The cells of a hold's row, each with its seat group; none if it never existed."""
    if row.get("holder") is None:
        return []
    segments = range(int(row.get("first_segment") or 0), int(row.get("last_segment") or 0) + 1)
    named = (place.split(" ") for place in str(row["seats"]).split("\n"))
    return [(int(group), Cell(seat, segment)) for group, seat in named for segment in segments]


@dataclass(frozen=True, slots=True)
class Step(Generic[C]):
    """One change of a hold's row: when, on whose behalf, from which status to which, and the rows after and before."""

    at_s: float
    call: C | None
    hold_id: str
    was: str | None
    status: str
    row: Row
    before: Row = field(default_factory=dict, repr=False)

    @property
    def places(self) -> list[tuple[int, Cell]]:
        """The hold's cells, each with its seat group; none if it never existed."""
        return places_of(self.row)

    @property
    def has(self) -> set[Cell]:
        """The cells that are the hold's after it."""
        return {cell for _, cell in self.places} if self.status in LIVE else set()

    @property
    def had(self) -> set[Cell]:
        """The cells that were the hold's before it."""
        return {cell for _, cell in places_of(self.before)} if self.was in LIVE else set()

    @property
    def touched(self) -> set[Cell]:
        """The cells that it can have changed."""
        return {cell for _, cell in self.places} | self.had

    def __str__(self) -> str:
        return f"{self.hold_id} {self.was} -> {self.status} at {self.at_s:.2f}"

    __repr__ = __str__


@dataclass(slots=True)
class Span:
    """The time in which a hold had a cell; in seconds since the run began."""

    hold_id: str
    from_s: float
    to_s: float = inf


@dataclass(frozen=True, slots=True)
class Landed(Generic[C]):
    """One batch as it took effect."""

    at_s: float
    call: C | None
    partition: Partition
    changes: Sequence[Change]


@dataclass(slots=True)
class Oracle(Generic[C]):
    """Raises Violated from `applied`. `skew_ms` is how far clocks are off: no hold expires earlier than that."""

    skew_ms: int
    holds_max: int
    overdue_s: float = inf
    halts: bool = False
    rows: dict[Partition, dict[RowKey, Row]] = field(default_factory=lambda: defaultdict(dict))
    landed: list[Landed[C]] = field(default_factory=list)
    steps: list[Step[C]] = field(default_factory=list)
    timelines: dict[str, list[Step[C]]] = field(default_factory=lambda: defaultdict(list))
    spans: dict[Cell, list[Span]] = field(default_factory=lambda: defaultdict(list))
    _held_by: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _moves: dict[str, int] = field(default_factory=dict)
    """When something was first taken under each title, by the clock of its process."""
    _began_ms: dict[str, int] = field(default_factory=dict)
    """When the running attempts began, by the clocks of their processes."""

    def applied(self, at_s: float, call: C | None, partition: Partition, changes: Sequence[Change]) -> None:
        """One batch took effect: judge the state it leaves."""
        self.landed.append(Landed(at_s, call, partition, changes))
        for key, _, after in changes:
            self.rows[partition][key] = after
            if key.kind is Kind.CELL and after.get("owner"):
                self._moves.setdefault(str(after["owner"]), int(after.get("since_ms") or 0))
            if key.kind in (Kind.CELL, Kind.KEY, Kind.SLOT):
                self._attempted(after.get("owner") or after.get("hold"), after.get("since_ms"))
        if partition.table is not Table.SEAT_GROUPS:
            return
        due: Counter[tuple[str, str, str]] = Counter()
        told: Counter[tuple[str, str, str]] = Counter()
        for key, before, after in changes:
            match key.kind:
                case Kind.HOLD if before != after:
                    due.update(self._hold_changed(at_s, call, key.id, before, after))
                case Kind.CELL:
                    self._cell_changed(key, before, after)
                case Kind.EVENT if not str(after["type"]).startswith(OF_TRIP):
                    told[str(after["subject"]), str(after["type"]), str(after["actor"])] += 1
                case _:
                    pass
        if due != told:
            raise Violated(f"I8 events differ from steps: {dict(due)} {dict(told)}")

    def row(self, hold_id: str) -> Row:
        """The hold's own row, empty where there is none."""
        parsed = parse_hold_id(hold_id)
        partition = Partition(Table.SEAT_GROUPS, ORGANIZATION, parsed.name, parsed.home)
        return self.rows[partition].get(RowKey(Kind.HOLD, hold_id), {})

    def is_live(self, hold_id: str) -> bool:
        """Whether the hold has its cells, as its own row says."""
        return self.row(hold_id).get("status") in LIVE

    def has(self, hold_id: str, key: RowKey) -> bool:
        """Whether the cell is the hold's, as the hold's own row says."""
        row = self.row(hold_id)
        return row.get("status") in LIVE and (key.id, key.segment) in {cell for _, cell in places_of(row)}

    def began_s(self) -> dict[str, list[float]]:
        """When each status of each hold began, by base id; its late booking's after its own."""
        began: dict[str, list[float]] = defaultdict(list)
        for step in self.steps:
            if step.status not in (step.was, "aborted"):
                began[base_id(step.hold_id)].append(step.at_s)
        return began

    def _hold_changed(
        self, at_s: float, call: C | None, hold_id: str, before: Row, after: Row
    ) -> list[tuple[str, str, str]]:
        """Judge the step; the events that are due for it. An id may be fenced that ended and was forgotten."""
        if not before and after["status"] == "aborted" and self._has_ended(hold_id):
            return []
        if before and {**before, "moves": None} == {**after, "moves": None}:
            self._fenced_move(at_s, hold_id, call, after)
            return []
        was = before.get("status")
        step = Step(at_s, call, hold_id, None if was is None else str(was), str(after["status"]), after, before)
        self.steps.append(step)
        self.timelines[hold_id].append(step)
        if step.was is None and step.status in LIVE and len(self.timelines[hold_id]) > 1:
            raise Violated(f"I4 {hold_id} came to be twice: {self.timelines[hold_id]}")
        if (step.was, step.status) not in LEGAL:
            raise Violated(f"I4 {hold_id} went from {step.was} to {step.status}")
        fixed = FIXED_OF_BOOKING if step.was == step.status == "confirmed" else FIXED if before else ()
        if changed := [name for name in fixed if before.get(name) != after.get(name)]:
            raise Violated(f"I4 {hold_id} is {step.status}, and {changed} are others: {before}")
        if step.status == "expired" and at_s < seconds_of(int(before.get("expires_at_ms") or 0) - self.skew_ms):
            raise Violated(f"I10 {hold_id} expired early: {before.get('expires_at')}")
        if after.get("reason") == ABANDONED and at_s < seconds_of(self._began_ms[hold_id] + GRACE_MS - self.skew_ms):
            raise Violated(f"I10 {hold_id} was given up for abandoned at {at_s:.2f}, a young attempt")
        self._trace(step)
        if step.status in LIVE:
            self._owns_its_cells(step)
        self._count(step)
        return list(_events_of(step, by_house=self.halts and step.was is not None and _is_of_house(call)))

    def _fenced_move(self, at_s: float, hold_id: str, call: C | None, after: Row) -> None:
        """A move that is young is fenced by nobody but a call that moves the same hold, or ends the trip's sale."""
        began_ms = self._moves.get(str(Title(hold_id, int(after["moves"] or 0))), 0)
        is_own = (getattr(call, "op", ""), getattr(call, "subject", "")) == ("move", base_id(hold_id))
        is_own = is_own or (self.halts and _is_of_house(call))
        if not is_own and at_s < seconds_of(began_ms + GRACE_MS - self.skew_ms):
            raise Violated(f"I10 move {after['moves']} of {hold_id} was given up for abandoned at {at_s:.2f}")

    def _has_ended(self, hold_id: str) -> bool:
        passed = self.timelines.get(hold_id, [])
        return any(step.status not in LIVE for step in passed[-1:])

    def _attempted(self, hold_id: Value, began_ms: Value) -> None:
        if isinstance(hold_id, str) and isinstance(began_ms, int):
            self._began_ms[hold_id] = min(began_ms, self._began_ms.get(hold_id, began_ms))

    def _trace(self, step: Step[C]) -> None:
        """Record who had which cell when."""
        for cell in sorted(step.has - step.had):
            self.spans[cell].append(Span(step.hold_id, step.at_s))
        for cell in step.had - step.has:
            for span in self.spans[cell]:
                if span.hold_id == step.hold_id:
                    span.to_s = min(span.to_s, step.at_s)

    def _owns_its_cells(self, step: Step[C]) -> None:
        trip = parse_hold_id(step.hold_id).name
        for group, cell in step.places:
            rows = self.rows[Partition(Table.SEAT_GROUPS, ORGANIZATION, trip, group)]
            owner = rows.get(RowKey(Kind.CELL, *cell), {}).get("owner")
            if read_title(str(owner)).hold_id != step.hold_id:
                raise Violated(f"I2 {step.hold_id} is {step.status} without {cell}, whose owner is {owner}")

    def _cell_changed(self, key: RowKey, before: Row, after: Row) -> None:
        owner = before.get("owner")
        hold_id = read_title(str(owner)).hold_id
        if owner is not None and owner != after.get("owner") and self.has(hold_id, key):
            raise Violated(f"I1 {key.id}/{key.segment} taken from live {owner}: {after}")

    def _count(self, step: Step[C]) -> None:
        holder = str(step.row.get("holder") or "")
        if not self.holds_max or not holder or int(step.row.get("expires_at_ms") or 0) == NEVER_MS:
            return
        live = self._held_by[holder]
        (live.add if step.status == "held" else live.discard)(step.hold_id)
        if sum(1 for hold_id in live if not self._is_overdue(hold_id, step.at_s)) > self.holds_max:
            raise Violated(f"I9 {holder} has {len(live)} holds")

    def _is_overdue(self, hold_id: str, at_s: float) -> bool:
        """Whether it ran out so long ago that its slot may be forgotten, though nobody has ended it yet."""
        expires_ms = int(self.row(hold_id).get("expires_at_ms") or 0)
        return at_s - seconds_of(expires_ms) > self.overdue_s


def _is_of_house(call: object) -> bool:
    """Whether the call, or the job, does steps in the place of holders."""
    return getattr(call, "op", "swap") in HALTS


def _events_of(step: Step[C], *, by_house: bool) -> Iterator[tuple[str, str, str]]:
    """The event that a step must have: its subject, its type, and who caused it."""
    by_user = bool(step.row.get("holder"))
    events = EVENTS if by_user else EVENTS_OF_HOUSE
    actor = "system" if step.status == "expired" else "user" if by_user and not by_house else "house"
    if step.was == step.status and step.has != step.had and not by_user:
        yield base_id(step.hold_id), "seats.blocked", actor
    elif step.was == step.status and step.has != step.had:
        yield base_id(step.hold_id), "hold.changed" if step.status == "held" else "booking.changed", actor
    elif step.was == step.status == "confirmed":
        yield base_id(step.hold_id), "passengers.erased", actor
    elif step.was == step.status == "held":
        yield step.hold_id, "hold.extended", actor
    elif step.status in events:
        yield base_id(step.hold_id), events[step.status], actor
