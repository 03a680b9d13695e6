"""What the system does: one module, one verb."""

from dataclasses import dataclass

from travio_inventory.seats.use_cases.audit_trips import AuditTrips
from travio_inventory.seats.use_cases.block_seats import BlockSeats
from travio_inventory.seats.use_cases.cancel_booking import CancelBooking
from travio_inventory.seats.use_cases.cancel_trip import CancelTrip
from travio_inventory.seats.use_cases.change_trip import ChangeTrip
from travio_inventory.seats.use_cases.check_availability import CheckAvailability
from travio_inventory.seats.use_cases.confirm_hold import ConfirmHold
from travio_inventory.seats.use_cases.control_sales import ControlSales
from travio_inventory.seats.use_cases.erase_passengers import ErasePassengers
from travio_inventory.seats.use_cases.expire_holds import ExpireHolds
from travio_inventory.seats.use_cases.explain_seat import ExplainSeat
from travio_inventory.seats.use_cases.extend_hold import ExtendHold
from travio_inventory.seats.use_cases.follow_maps import FollowMaps
from travio_inventory.seats.use_cases.forget_trips import ForgetTrips
from travio_inventory.seats.use_cases.go_on_opening import GoOnOpening
from travio_inventory.seats.use_cases.hold_seats import HoldSeats
from travio_inventory.seats.use_cases.list_trips import ListTrips
from travio_inventory.seats.use_cases.move_hold import MoveHold
from travio_inventory.seats.use_cases.open_trip import OpenTrip
from travio_inventory.seats.use_cases.read_deeds import ReadDeeds
from travio_inventory.seats.use_cases.read_holds import ReadHolds
from travio_inventory.seats.use_cases.read_manifest import ReadManifest
from travio_inventory.seats.use_cases.read_order import ReadOrder
from travio_inventory.seats.use_cases.read_seat_map import ReadSeatMap
from travio_inventory.seats.use_cases.read_trips import ReadTrips
from travio_inventory.seats.use_cases.release_hold import ReleaseHold
from travio_inventory.seats.use_cases.seat_plans import KeepSeatPlans
from travio_inventory.seats.use_cases.settle_payment import SettlePayment
from travio_inventory.seats.use_cases.summarize_trip import SummarizeTrip
from travio_inventory.seats.use_cases.swap_vehicle import SwapVehicle
from travio_inventory.seats.use_cases.waitlist import Waitlist


@dataclass(frozen=True, slots=True)
class Inventory:
    """All use cases, for callers and background jobs."""

    read_trips: ReadTrips
    open_trip: OpenTrip
    control_sales: ControlSales
    seat_plans: KeepSeatPlans
    cancel_trip: CancelTrip
    change_trip: ChangeTrip
    swap_vehicle: SwapVehicle
    list_trips: ListTrips
    read_deeds: ReadDeeds
    hold_seats: HoldSeats
    confirm_hold: ConfirmHold
    settle_payment: SettlePayment
    release_hold: ReleaseHold
    extend_hold: ExtendHold
    move_hold: MoveHold
    erase_passengers: ErasePassengers
    cancel_booking: CancelBooking
    read_holds: ReadHolds
    read_manifest: ReadManifest
    read_order: ReadOrder
    explain_seat: ExplainSeat
    read_seat_map: ReadSeatMap
    follow_maps: FollowMaps
    check_availability: CheckAvailability
    summarize_trip: SummarizeTrip
    block_seats: BlockSeats
    waitlist: Waitlist
    expire_holds: ExpireHolds
    go_on_opening: GoOnOpening
    forget_trips: ForgetTrips
    audit_trips: AuditTrips
