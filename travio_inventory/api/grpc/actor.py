"""On whose behalf a request is made: the one place where a message makes an Actor."""

from travio_inventory.api.grpc.fields import Fields
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.trip import TripKey


def actor_of(request: Fields) -> Actor:
    """The tenant and its user; both must be named."""
    return Actor(request.id("organization_id"), request.id("user_id"))


def trip_of(request: Fields) -> TripKey:
    """The trip that the tenant asks about; both must be named."""
    return TripKey(request.id("organization_id"), request.id("trip_id"))


def holder_of(request: Fields) -> str:
    """The user alone, where a request names no tenant."""
    return request.id("user_id")
