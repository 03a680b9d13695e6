"""Events to publish."""

from travio_inventory.seats.events import Event, EventType
from travio_inventory.seats.trip import Journey, TripKey


def event(event_id: str, *, holder: str = "u1", order: str = "", expires_at_ms: int = 1_700_000_600_000) -> Event:
    """A hold of A1 and A2 on the second and third segment."""
    return Event(
        id=event_id,
        type=EventType.HOLD_CREATED,
        at_ms=1_700_000_000_000,
        trip=TripKey("acme", "t1"),
        hold_id="t1~0~d",
        holder=holder,
        seats=("A1", "A2"),
        journey=Journey(1, 2),
        expires_at_ms=expires_at_ms,
        order=order,
        ordinal=0,
    )
