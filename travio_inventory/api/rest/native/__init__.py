"""The native HTTP face: everything that gRPC can do, and what the web clients of the system before it use."""

from collections.abc import Iterator
from typing import Final

from fastapi import APIRouter

from travio_inventory.api.rest.native.bookings import BookingRoutes
from travio_inventory.api.rest.native.deeds import DeedRoutes
from travio_inventory.api.rest.native.hold_models import NotHeld
from travio_inventory.api.rest.native.holds import HoldRoutes
from travio_inventory.api.rest.native.maps import MapRoutes
from travio_inventory.api.rest.native.selling import SellingRoutes
from travio_inventory.api.rest.native.trips import TripRoutes
from travio_inventory.api.rest.native.waitlists import WaitlistRoutes
from travio_inventory.kernel.clock import Clock
from travio_inventory.seats.use_cases import Inventory

PROBLEM_FORMS: Final = (NotHeld,)
"""The problems of the face that say more than others."""


def native_routers(inventory: Inventory, clock: Clock) -> Iterator[APIRouter]:
    """All routes of the face."""
    yield MapRoutes(inventory, clock).router()
    yield HoldRoutes(inventory).router()
    yield BookingRoutes(inventory).router()
    yield TripRoutes(inventory).router()
    yield SellingRoutes(inventory).router()
    yield WaitlistRoutes(inventory).router()
    yield DeedRoutes(inventory).router()
