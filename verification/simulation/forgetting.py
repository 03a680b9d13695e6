"""Follows what is written and judges what the store has forgotten: nothing too early, nothing by halves, all in time.

What lives, and what has ended for less than its lifetime, is never gone (I11), nor is what another row rests on (I12);
what has ended is gone in the end (L5).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from travio_inventory.protocol.batches import Index, IndexEntry, Kind, Partition, Row, RowKey, Rows
from travio_inventory.protocol.hold import read_title
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rows import hold_key
from travio_inventory.protocol.slice_leases import KEPT_S as LEASES_KEPT_S
from travio_inventory.seats.hold import base_id, late_id
from travio_inventory.store.memory import Change
from verification.simulation.oracle import LIVE, Violated, seconds_of

KEPT_FOR_EVER = (Kind.CELL, Kind.TRIP, Kind.CURSOR, Kind.TAIL, Kind.PLACES)
"""What goes with its trip: so many rows of these there are, and never more."""
_NOWHERE: Row = {}
OF_WHAT_LIVES = (Index.TRIPS, Index.DEPARTURES, Index.HOLDS, Index.ORDERS, Index.WAITLISTS)
"""The indexes in which something is left: of a trip, a booking, a place on a list."""


@dataclass(slots=True)
class Forgetting:
    """`applied` and `judge` raise Violated. `apart_s` is how much earlier than asked a row may be forgotten."""

    retention: Retention
    apart_s: float
    rows: dict[Partition, dict[RowKey, Row]] = field(default_factory=lambda: defaultdict(dict))
    """Every row as it was last written, but for those that are rightly gone."""
    written_s: dict[tuple[Partition, RowKey], float] = field(default_factory=dict)
    gone: Counter[Kind] = field(default_factory=Counter)
    """How many rows of each kind were forgotten."""

    def applied(self, at_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """One batch took effect: what it found must be what was written, or may be gone."""
        try:
            for key, before, _ in changes:
                self._compare(at_s, partition, key, before)
        finally:
            for key, _, after in changes:
                self.rows[partition][key] = after
                self.written_s[partition, key] = at_s

    def judge(self, at_s: float, standing: Mapping[Partition, Rows]) -> None:
        """What stands now is what was written, whole; what is missing may be gone (I11, I12)."""
        for partition, rows in standing.items():
            for key, row in rows.items():
                self._compare(at_s, partition, key, row)
        for partition, written in self.rows.items():
            for key in list(written):
                if key not in standing.get(partition, _NOWHERE):
                    self._compare(at_s, partition, key, _NOWHERE)

    def judge_end(self, standing: Mapping[Partition, Rows], entries: Sequence[IndexEntry]) -> None:
        """When all that can end has ended and its time is over, only what lives is left (L5)."""
        for partition, rows in standing.items():
            for key, row in rows.items():
                if not self._lives(partition, key, row):
                    raise Violated(f"L5 {key} in {partition} is kept for ever: {row}")
        for entry in entries:
            if entry.of not in OF_WHAT_LIVES:
                raise Violated(f"L5 {entry} is kept for ever")

    def _compare(self, at_s: float, partition: Partition, key: RowKey, row: Row) -> None:
        written = self.rows[partition].get(key, _NOWHERE)
        if row == written:
            return
        if row:
            raise Violated(f"I11 part of a row: {key} in {partition} is {row}, written was {written}")
        if not self._may_be_gone(at_s, partition, key, written):
            since_s = self.written_s[partition, key]
            promise = "I12" if self._is_kept_for_another(partition, key, written) else "I11"
            raise Violated(f"{promise} forgotten too early: {key} in {partition}, written at {since_s:.2f}: {written}")
        self.gone[key.kind] += 1
        del self.rows[partition][key]

    def _may_be_gone(self, at_s: float, partition: Partition, key: RowKey, row: Row) -> bool:
        """Whether no answer rests on the row any more."""
        age_s = at_s - self.written_s[partition, key] + self.apart_s
        match key.kind:
            case Kind.HOLD:
                ended_s = self._age_s(at_s, partition, key.id)
                return self._has_ended(partition, key.id) and ended_s >= self.retention.holds_s
            case Kind.KEY:
                return age_s >= self.retention.keys_s
            case Kind.EVENT:
                return age_s >= self.retention.events_s
            case Kind.SLOT:
                return not self._is_held(at_s, str(row.get("hold")))
            case Kind.ENTRY:
                return row.get("status") != "waiting"
            case Kind.LEASE:
                return age_s >= LEASES_KEPT_S
            case _:
                return False

    def _is_kept_for_another(self, partition: Partition, key: RowKey, row: Row) -> bool:
        """Whether the row is kept only because another rests on it: a hold's slot, or a hold with a late booking."""
        if key.kind is Kind.HOLD:
            return row.get("status") not in LIVE and not self._has_ended(partition, key.id)
        return key.kind is Kind.SLOT

    def _is_held(self, at_s: float, hold_id: str) -> bool:
        """Whether the hold is held, and has not run out so long ago that somebody ought to have ended it."""
        row = self._row(hold_id)
        lapsed_s = at_s - seconds_of(int(row.get("expires_at_ms") or 0))
        return row.get("status") == "held" and lapsed_s + self.apart_s < self.retention.holds_s

    def _has_ended(self, partition: Partition, hold_id: str) -> bool:
        """Whether neither the hold nor its late booking lives."""
        both = (self.rows[partition].get(hold_key(name), _NOWHERE) for name in _both(hold_id))
        return not any(row.get("status") in LIVE for row in both)

    def _age_s(self, at_s: float, partition: Partition, hold_id: str) -> float:
        """For how long both have ended, at most; a late id that was fenced is no booking."""
        own, late = hold_key(hold_id), hold_key(late_id(base_id(hold_id)))
        is_booking = self.rows[partition].get(late, _NOWHERE).get("status") not in (None, "aborted")
        written = (self.written_s[partition, key] for key in ((own, late) if is_booking else (own,)))
        return at_s - max(written) + self.apart_s

    def _row(self, hold_id: str) -> Row:
        """A hold's row, in whatever partition."""
        key = hold_key(hold_id)
        return next((rows[key] for rows in self.rows.values() if key in rows), _NOWHERE)

    def _lives(self, partition: Partition, key: RowKey, row: Row) -> bool:
        match key.kind:
            case Kind.HOLD:
                return not self._has_ended(partition, key.id)
            case Kind.CELL:
                owner = read_title(str(row.get("owner") or "")).hold_id
                return not owner or self._row(owner).get("status") in LIVE
            case Kind.SLOT:
                return self._row(str(row.get("hold"))).get("status") == "held"
            case Kind.ENTRY:
                return row.get("status") == "waiting"
            case _:
                return key.kind in KEPT_FOR_EVER


def _both(hold_id: str) -> Iterator[str]:
    """A hold and its late booking."""
    yield base_id(hold_id)
    yield late_id(base_id(hold_id))
