"""The places in which an index says that events are: a partition in an epoch, or a single event of it."""

from typing import NamedTuple

from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Partition, Row, RowKey
from travio_inventory.protocol.minute_cursor import Place


class FoundEvent(NamedTuple):
    """An event row, where it is."""

    partition: Partition
    key: RowKey
    row: Row


def place_of(found: FoundEvent) -> Place:
    """A single event as an index names it."""
    entry = rows.partition_entry(found.partition)
    epoch = event_rows.epoch_of(found.key)
    return Place(epoch, f"{entry}{rows.SEPARATOR}{found.key.id}")


def partition_in(place: Place) -> Partition | None:
    """The partition in a place; None if this release cannot read it."""
    try:
        return rows.read_partition_entry(rows.SEPARATOR.join(place.entry.split(rows.SEPARATOR)[:4]))
    except ValueError:
        return None


def unit_of(place: Place) -> object:
    """The unit that is read in order: a partition; a single event, or something unreadable, is its own unit."""
    return place if row_id_in(place) is not None else partition_in(place) or place


def row_id_in(place: Place) -> str | None:
    """The single event row in a place, None if the place is a partition."""
    return next(iter(place.entry.split(rows.SEPARATOR)[4:]), None)
