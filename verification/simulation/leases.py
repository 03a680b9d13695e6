"""What is seen of relays that share a sink: leases are taken when they are over, and fence what they are for (I8)."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import NamedTuple

from travio_inventory.kernel.events import Event
from travio_inventory.protocol.batches import Index, Kind, Partition, Row, RowKey
from travio_inventory.protocol.event_rows import stable_id
from travio_inventory.protocol.rows import partition_entry
from travio_inventory.protocol.slice_leases import LEASE_MS
from travio_inventory.protocol.slices import slice_of
from travio_inventory.store.memory import Change
from verification.simulation.oracle import Violated

RELAYING: ContextVar[str] = ContextVar("RELAYING", default="")
"""Whose relay hands events over; steps that are published at once are nobody's."""


class HandedOver(NamedTuple):
    """A relay hands events over at that moment, seconds after the run began."""

    at_s: float
    relay: str
    ids: Sequence[str]


class Leases:
    """Those of all sinks. Raises Violated from `applied`.

    `has_copies`: late copies of batches arrive, and one of an older renewal may hide a newer one, so leases end early.
    """

    def __init__(self, *, has_copies: bool) -> None:
        self._has_copies = has_copies
        self._renewed_s: dict[tuple[Partition, RowKey], float] = {}
        """When each one was written last; who moves a position writes it as it stands."""
        self._passed_s: defaultdict[int, list[float]] = defaultdict(list)
        """When each slice got another owner, in any sink."""

    def applied(self, at_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """A batch took effect."""
        if not partition.name.startswith(f"{Index.JOURNAL} of "):
            return
        kept = {
            key.id for key, before, row in changes if key.kind is Kind.LEASE and before.get("owner") == row["owner"]
        }
        for key, before, row in changes:
            if key.kind is Kind.CURSOR and key.id.isdigit() and key.id not in kept:
                raise Violated(f"I8 the position of slice {key.id} is moved without its lease")
            if key.kind is Kind.LEASE and key.id.isdigit():
                self._judge_taken(at_s, (partition, key), before, row)

    def _judge_taken(self, at_s: float, lease: tuple[Partition, RowKey], before: Row, row: Row) -> None:
        renewed_s = self._renewed_s.get(lease, at_s)
        if row != before:
            self._renewed_s[lease] = at_s
        if row["owner"] == before.get("owner"):
            return
        self._passed_s[int(lease[1].id)].append(at_s)
        was_left = not before.get("owner") or not row["owner"]
        if not (was_left or self._has_copies) and at_s - renewed_s < LEASE_MS / 1_000:
            raise Violated(f"I8 slice {lease[1].id} was leased until {renewed_s + LEASE_MS / 1_000:.2f}")

    def judge(self, handed: Collection[HandedOver], rows: Mapping[Partition, Mapping[RowKey, Row]]) -> None:
        """No two relays handed over events of a slice without its lease passing from one to the other; these rows say
        where events are recorded. Raises Violated.
        """
        slices = dict(_slices(rows))
        last: dict[int, HandedOver] = {}
        for one in handed:
            for part in {slices[name] for name in one.ids if name in slices}:
                before = last.get(part, one)
                last[part] = one
                has_passed = any(before.at_s <= at_s <= one.at_s for at_s in self._passed_s[part])
                if one.relay != before.relay and not has_passed:
                    raise Violated(f"I8 {before.relay} and {one.relay} relay slice {part} at {one.at_s:.2f}")


def _slices(rows: Mapping[Partition, Mapping[RowKey, Row]]) -> Iterator[tuple[str, int]]:
    for partition, found in rows.items():
        part = slice_of(partition_entry(partition))
        for key, row in found.items():
            if key.kind is Kind.EVENT:
                yield stable_id(row), part


def handed_over(at_s: float, events: Sequence[Event]) -> Iterator[HandedOver]:
    """What a relay hands over now, if one does."""
    if relay := RELAYING.get():
        yield HandedOver(at_s, relay, [event.id for event in events])
