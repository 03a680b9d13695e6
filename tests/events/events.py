"""Events to publish."""

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event
from travio_inventory.seats.events import HoldCreated, data_text


def event(event_id: str, *, user: str = "u1") -> Event:
    """A hold of A1 and A2 on the second and third segment."""
    seats, price = ("A1", "A2"), 1_500
    data = HoldCreated("t1~0~d", "t1", user, seats, 1, 2, 1_700_000_600_000, prices=(price, price), currency="BDT")
    return Event(
        id=event_id,
        type=data.type,
        version=1,
        at_ms=1_700_000_000_000,
        actor=ActorKind.USER,
        organization="acme",
        subject="t1~0~d",
        ordinal=0,
        partition_key="t1",
        data=data_text(data),
    )
