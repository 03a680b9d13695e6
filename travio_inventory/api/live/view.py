"""A part of a trip's map as a feed has seen it last: the state of each seat, and the offset of its last change."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from travio_inventory.api.live.told import Because, Delta, Heartbeat, Position, SeatChange, Snapshot
from travio_inventory.seats.seat import SeatState
from travio_inventory.seats.seat_map import SeatMap

DELTAS_KEPT_MAX = 64
"""Watchers who are as far behind as each other share a delta; nearly all are, so few differ."""


class View:
    """Whoever watches the part is told from here, at whatever position they are: a view keeps no messages, only which
    seats have changed since which offset. So a slow watcher costs nothing, and is told each seat once, as it is now.
    """

    def __init__(self, seat_map: SeatMap, position: Position, now_ms: int) -> None:
        places = seat_map.trip.places_in(seat_map.section)
        self.position = position
        """That of its last change. What is told is the same for all who were told the same before."""
        self._since = position
        """From here on it knows what has changed."""
        self._map = seat_map
        self._seen_at_ms = now_ms
        self._seats = seat_map.trip.seats[places.start : places.stop]
        self._states = list(seat_map.states())
        self._versions = [position.offset] * len(self._states)
        self._changed: OrderedDict[int, SeatState] = OrderedDict()
        """The places of seats that have changed, the latest last, and what they were before."""
        self._snapshots: dict[Because, Snapshot] = {}
        self._deltas: dict[int, Delta] = {}
        self._beat = Heartbeat(position, seat_map.trip.key.trip, seat_map.as_of_ms)

    def differences(self, seat_map: SeatMap) -> Mapping[int, SeatState]:
        """The seats that are not as they were, in what the map of the same trip shows now, by their places."""
        found: dict[int, SeatState] = {}
        for index in self._different_groups(seat_map):
            start, states = seat_map.part(index)
            before = self._states[start : start + len(states)]
            if states != before:
                both = enumerate(zip(states, before, strict=True), start)
                found |= {place: new for place, (new, old) in both if new != old}
        return found

    def much(self, seat_map: SeatMap) -> int:
        """In how many seats differences must be looked for."""
        return len(self._different_groups(seat_map)) * seat_map.trip.seats_per_group

    def _different_groups(self, seat_map: SeatMap) -> list[int]:
        groups = enumerate(zip(self._map.groups, seat_map.groups, strict=True))
        all_differ = seat_map.is_sold != self._map.is_sold
        return [index for index, (old, new) in groups if all_differ or old != new]

    def update(self, seat_map: SeatMap, changed: Mapping[int, SeatState], position: Position, now_ms: int) -> None:
        """Take what the map shows now, with these differences, under that position."""
        self._map = seat_map
        if changed:
            self._snapshots.clear()
            self._deltas.clear()
            self.position, self._seen_at_ms = position, now_ms
            for place, state in changed.items():
                self._changed[place] = self._states[place]
                self._changed.move_to_end(place)
                self._states[place], self._versions[place] = state, position.offset
        self._beat = Heartbeat(self.position, seat_map.trip.key.trip, seat_map.as_of_ms)

    def begin(self, position: Position | None) -> Snapshot | Delta | Heartbeat:
        """What a watcher is told first who was at that position: nothing was missed, what was, or that this is not
        known, and everything.
        """
        if position is None:
            return self.snapshot(Because.BEGIN)
        if position.epoch != self.position.epoch or not self._since.offset <= position.offset <= self.position.offset:
            return self.snapshot(Because.GAP)
        return self.since(position) or self._beat

    def since(self, position: Position) -> Delta | None:
        """What has changed since that position of this epoch, None if nothing."""
        if position.offset >= self.position.offset:
            return None
        delta = self._deltas.get(position.offset)
        if delta is None:
            changes = tuple(reversed([*self._changed_since(position.offset)]))
            shown = self._map
            delta = Delta(position, self.position, shown.trip, shown.journey, changes, shown.as_of_ms, self._seen_at_ms)
            if len(self._deltas) >= DELTAS_KEPT_MAX:
                self._deltas.clear()
            self._deltas[position.offset] = delta
        return delta

    def snapshot(self, because: Because) -> Snapshot:
        """Everything as it is now."""
        snapshot = self._snapshots.get(because)
        if snapshot is None:
            snapshot = self._snapshots[because] = Snapshot(
                self.position,
                because,
                self._map.trip,
                self._map.section,
                self._map.journey,
                self._seats,
                tuple(self._states),
                tuple(self._versions),
                self._map.as_of_ms,
                self._seen_at_ms,
            )
        return snapshot

    def heartbeat(self) -> Heartbeat:
        """That nothing has changed."""
        return self._beat

    def _changed_since(self, offset: int) -> Iterator[SeatChange]:
        for place, before in reversed(self._changed.items()):
            version = self._versions[place]
            if version <= offset:
                return
            yield SeatChange(self._seats[place], self._states[place], before, version)
