"""On whose behalf a request is made: the one place where a message makes a Caller."""

from travio_inventory.api.grpc.fields import Fields
from travio_inventory.seats.hold import Caller
from travio_inventory.seats.trip import TripKey


def caller_of(request: Fields) -> Caller:
    """The tenant and its user; both must be named."""
    return Caller(request.id("organization_id"), request.id("user_id"))


def trip_of(request: Fields) -> TripKey:
    """The trip that the tenant asks about; both must be named."""
    return TripKey(request.id("organization_id"), request.id("trip_id"))


def holder_of(request: Fields) -> str:
    """The user alone, where a request names no tenant."""
    return request.id("user_id")
