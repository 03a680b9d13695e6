"""What the system does: one module, one verb."""

from dataclasses import dataclass

from travio_inventory.engine.block_seats import BlockSeats
from travio_inventory.engine.cancel_booking import CancelBooking
from travio_inventory.engine.check_availability import CheckAvailability
from travio_inventory.engine.confirm_hold import ConfirmHold
from travio_inventory.engine.expire_holds import ExpireHolds
from travio_inventory.engine.extend_hold import ExtendHold
from travio_inventory.engine.hold_seats import HoldSeats
from travio_inventory.engine.open_trip import OpenTrip
from travio_inventory.engine.read_holds import ReadHolds
from travio_inventory.engine.read_seat_map import ReadSeatMap
from travio_inventory.engine.relay_events import RelayEvents
from travio_inventory.engine.release_hold import ReleaseHold
from travio_inventory.engine.trip_catalog import TripCatalog
from travio_inventory.engine.waitlist import Waitlist


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that callers and workers can have done."""

    trips: TripCatalog
    open_trip: OpenTrip
    hold_seats: HoldSeats
    confirm_hold: ConfirmHold
    release_hold: ReleaseHold
    extend_hold: ExtendHold
    cancel_booking: CancelBooking
    read_holds: ReadHolds
    read_seat_map: ReadSeatMap
    check_availability: CheckAvailability
    block_seats: BlockSeats
    waitlist: Waitlist
    expire_holds: ExpireHolds
    relay_events: RelayEvents
