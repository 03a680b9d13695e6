"""Judges late commits of stock: none is refused for good while all that it needs is there all the time, nor because
an attempt was cut off.

What an entry has is counted over all of its shards, with what is on its way between them.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.fencing import REFUSED
from travio_inventory.protocol.hold import base_id
from travio_inventory.protocol.rows import number
from travio_inventory.stock.records.reservation_rows import read_lines
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.reservation import ReservedLine
from travio_inventory.store.memory import Change
from verification.simulation.shard_judge import home_of, on_the_way, shards_of
from verification.simulation.sold_out_judge import Shelves, Told

AllRows = Mapping[Partition, Mapping[RowKey, Row]]


class LateJudge:
    """Knows what every entry had at each moment, and when late commits were decided."""

    def __init__(self) -> None:
        self._wholes = Shelves()
        self._fenced_s: dict[str, float] = {}
        self._lines: dict[str, Sequence[ReservedLine]] = {}
        self.booked: set[str] = set()
        self.given_up: set[str] = set()
        """Late ids whose attempts were cut off."""

    def applied(self, now_s: float, at: Partition, changes: Sequence[Change], rows: AllRows) -> None:
        """A batch was applied."""
        home = home_of(at)
        if any(key == STOCK for key, *_ in changes):
            there = sum(number(rows[each][STOCK], "available") for each in shards_of(home, rows))
            self._wholes.noted(now_s, home, there + on_the_way(home, rows))
        for key, before, after in changes:
            if key.kind is not Kind.HOLD or before:
                continue
            if after.get("status") == "held":
                self._lines[key.id] = read_lines(after)
            elif key.id != base_id(key.id) and after.get("status") == "confirmed":
                self.booked.add(key.id)
            elif after.get("reason") == REFUSED:
                self._fenced_s[base_id(key.id)] = now_s
            elif key.id != base_id(key.id):
                self.given_up.add(key.id)

    def judged(self, calls: Sequence[Told], organization: str) -> Iterator[str]:
        """What is wrong with refusals that were decided while somebody asked, and nobody reserved anew."""
        begun: dict[str, float] = {}
        anew_s = _reserved_anew_s(calls)
        for call in (each for each in calls if each.what.startswith("commit")):
            begin_s = begun.setdefault(call.order, call.begun_s)
            named = base_id(call.reservation_id)
            fenced_s = self._fenced_s.get(named)
            if call.answer == "ReservationExpired" and fenced_s is None:
                yield f"S8 {call.order} was refused for good, and its late commit was only given up"
            if call.answer != "ReservationExpired" or fenced_s is None or fenced_s < begin_s:
                continue
            if anew_s.get(call.order, inf) <= fenced_s:
                continue
            lines = self._lines[named]
            homes = [home_of(Partition(Table.STOCK, organization, line.sku, line.place)) for line in lines]
            least = [self._wholes.least_at(home, begin_s, fenced_s) for home in homes]
            if all(count >= line.quantity for count, line in zip(least, lines, strict=True)):
                yield f"S8 {call.order} was refused for good, and of its {lines} there were {least} all the time"


def _reserved_anew_s(calls: Sequence[Told]) -> Mapping[str, float]:
    """Since when another reservation was asked for, under another key than the first one of its order."""
    first: dict[str, str] = {}
    anew_s: dict[str, float] = {}
    for call in sorted(calls, key=lambda each: each.begun_s):
        if call.what == "reserve" and first.setdefault(call.order, call.key) != call.key:
            anew_s.setdefault(call.order, call.begun_s)
    return anew_s
