"""A part of a trip's map as a feed has seen it last: the state of each seat, and the offset of its last change."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

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
        self._changed: OrderedDict[int, tuple[int, SeatState]] = OrderedDict()
        """The places of seats that have changed, the latest last: at which offset, and what they were before."""
        self._snapshots: dict[Because, Snapshot] = {}
        self._deltas: dict[int, Delta] = {}
        self._beat = Heartbeat(position, seat_map.trip.key.trip, seat_map.as_of_ms)

    def update(self, seat_map: SeatMap, position: Position, now_ms: int) -> bool:
        """Take what the map shows now, of the same trip, under that position; returns whether anything has changed."""
        changed = {place: state for place, state in self._differences(seat_map) if state != self._states[place]}
        self._map = seat_map
        if changed:
            self._snapshots.clear()
            self._deltas.clear()
            self.position, self._seen_at_ms = position, now_ms
            for place, state in changed.items():
                self._changed[place] = position.offset, self._states[place]
                self._changed.move_to_end(place)
                self._states[place] = state
        self._beat = Heartbeat(self.position, seat_map.trip.key.trip, seat_map.as_of_ms)
        return bool(changed)

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
                tuple(self._versions()),
                self._map.as_of_ms,
                self._seen_at_ms,
            )
        return snapshot

    def heartbeat(self) -> Heartbeat:
        """That nothing has changed."""
        return self._beat

    def _versions(self) -> Iterable[int]:
        first = self._since.offset
        return (self._changed[place][0] if place in self._changed else first for place in range(len(self._seats)))

    def _changed_since(self, offset: int) -> Iterator[SeatChange]:
        for place, (version, before) in reversed(self._changed.items()):
            if version <= offset:
                return
            yield SeatChange(self._seats[place], self._states[place], before, version)

    def _differences(self, seat_map: SeatMap) -> Iterator[tuple[int, SeatState]]:
        """The seats of the groups that are not as they were, with their states now."""
        all_differ = seat_map.is_sold != self._map.is_sold
        for index, (old, new) in enumerate(zip(self._map.groups, seat_map.groups, strict=True)):
            if all_differ or old != new:
                start, states = seat_map.part(index)
                yield from enumerate(states, start)
