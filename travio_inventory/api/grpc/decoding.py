"""Checks of a message before it becomes a value: the only checks that belong to the wire."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from travio_inventory.api.events import RESERVATION_ID_BYTES_MAX
from travio_inventory.api.page_tokens import after
from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.commands import SeatUpdate
from travio_inventory.seats.route import Direction, Segment, StationName
from travio_inventory.wire.inventory.v1 import DirectionOfTravel, SalesAction, SeatStatus

T = TypeVar("T")
V = TypeVar("V")
_MOST = {
    "segments": limits.SEGMENTS_MAX,
    "seat_config.seats": limits.SEATS_MAX,
    "seat_config.sections": limits.SECTIONS_MAX,
    "seat_config.features": limits.FEATURES_MAX,
    "part.seats": limits.SEATS_PER_PART_MAX,
    "part.sections": limits.SECTIONS_MAX,
    "part.features": limits.FEATURES_MAX,
    "updates": limits.UPDATES_MAX,
    "passengers": limits.SEATS_PER_HOLD_MAX,
    "moves": limits.SEATS_PER_HOLD_MAX,
    "reservation_ids": limits.SEATS_PER_HOLD_MAX,
    "station_names": limits.SEGMENTS_MAX + 1,
    "class_prices": limits.SEATS_MAX,
    "seat_prices": limits.SEATS_MAX,
    "seat_mapping": limits.SEATS_MAX,
}
"""Items of a list of messages, entries of a map."""
_SALES_ACTIONS = {int(wire): wire.name or "" for wire in SalesAction if wire}
DIRECTIONS = {int(wire): Direction[wire.name] for wire in DirectionOfTravel if wire.name}


def no_message() -> InvalidRequest:
    """The call ended before there was a message."""
    return InvalidRequest([Violation("", "there is no message")])


def optional(message: Any, field: str) -> int | None:  # noqa: ANN401 - messages have their fields at run time
    """The number in the field, None if it is not set."""
    return int(getattr(message, field)) if message.HasField(field) else None


def limited(field: str, items: Sequence[Any]) -> Sequence[Any]:
    """The items of the field. Raises InvalidRequest for more than there may be: to read millions of them would stop all
    other calls.
    """
    return _counted(field, items, 0)


def some_of(field: str, items: Sequence[T]) -> Sequence[T]:
    """The same; there must be one."""
    return _counted(field, items, 1)


def reservation_ids(field: str, texts: Sequence[str]) -> Sequence[str]:
    """Texts that may be ids of reservations."""
    found = Faults()
    for text in texts:
        found.text(field, text, RESERVATION_ID_BYTES_MAX, required=True)
    found.finish()
    return texts


def _counted(field: str, items: Sequence[T], least: int) -> Sequence[T]:
    found = Faults()
    found.count(field, items, least, _MOST[field])
    found.finish()
    return items


def mapping(field: str, entries: Mapping[str, V]) -> dict[str, V]:
    """The entries of the field. Raises InvalidRequest for more than there may be, as `limited`."""
    found = Faults()
    found.count(field, entries, 0, _MOST[field])
    found.finish()
    return dict(entries)


def station_names(entries: Mapping[str, str]) -> tuple[StationName, ...]:
    """What people call the stations. Raises InvalidRequest for more than there may be."""
    return tuple(StationName(*name) for name in mapping("station_names", entries).items())


def questions(found: Faults, batch: Any) -> Iterator[tuple[Faults, Message]]:  # noqa: ANN401 - see above
    """The questions of a batch, each with its own collection of violations; none if there are too many."""
    if found.count("requests", batch.requests, 0, limits.CHECKS_PER_BATCH_MAX):
        for index, question in enumerate(batch.requests):
            yield found.at(f"requests[{index}]."), question


def segments(found: Faults, parts: Sequence[Any]) -> tuple[Segment, ...]:
    """The segments in the order of their numbers, which must be 0, 1, 2 and so on. Raises InvalidRequest."""
    numbered: dict[int, Segment] = {}
    for index, part in enumerate(limited("segments", parts)):
        each = found.at(f"segments[{index}].")
        each.number("segment_index", part.segment_index, 0, len(parts) - 1)
        each.number("direction", part.direction, 0, len(DIRECTIONS) - 1)
        if part.segment_index in numbered:
            each.wrong("segment_index", f"{part.segment_index} is used twice")
        numbered[part.segment_index] = _segment(part)
    return tuple(segment for _, segment in sorted(numbered.items()))


def _segment(part: Any) -> Segment:  # noqa: ANN401 - see above
    direction = DIRECTIONS.get(part.direction, Direction.UNSPECIFIED)
    return Segment(part.from_station_id, part.to_station_id, part.departure_time, part.arrival_time, direction)


def times(found: Faults, parts: Sequence[Any]) -> dict[int, tuple[int, int]]:
    """The times of segments by their numbers; none if there are too many."""
    if not found.count("times", parts, 0, limits.SEGMENTS_MAX):
        return {}
    by_number = {part.segment_index: (part.departure_time, part.arrival_time) for part in parts}
    if len(by_number) < len(parts):
        found.wrong("times", "a segment is named twice")
    return by_number


def sales_action(value: int) -> str:
    """The name of the action, "" for one that is not known here."""
    return _SALES_ACTIONS.get(value, "")


def announced_seats(found: Faults, config: Any) -> None:  # noqa: ANN401 - see above
    """If a message says how many seats it lists, it must list as many."""
    total, listed = config.total_seats, len(config.seats)
    if total and listed and total != listed:
        found.wrong("seat_config.total_seats", f"is {total}, but {listed} seats are listed")


def no_seats(found: Faults, config: Any) -> None:  # noqa: ANN401 - see above
    """A message that names a seat plan lists no seats."""
    if config.seats:
        found.wrong("seat_config", "must be empty: seat_plan has the seats")


def seat_updates(found: Faults, parts: Sequence[Any]) -> tuple[SeatUpdate, ...]:
    """The updates, each to one of the two statuses that a seat can be given. Raises InvalidRequest for too many."""
    for index, part in enumerate(limited("updates", parts)):
        if part.new_status not in (SeatStatus.BLOCKED, SeatStatus.AVAILABLE):
            said = "must be SEAT_STATUS_BLOCKED or SEAT_STATUS_AVAILABLE"
            found.wrong(f"updates[{index}].new_status", said)
    return tuple(SeatUpdate(part.seat_id, part.new_status == SeatStatus.BLOCKED, part.reason) for part in parts)


def paged(message: Any, query: Callable[[str], T]) -> T:  # noqa: ANN401 - see above
    """The query of a message with a page token, made with the position after which its page begins."""
    found = Faults()
    position = after(found, message.page_token)
    with found:
        made = query(position)
    found.finish()
    return made
