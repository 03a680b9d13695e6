"""Holds the wire package to proto/, and proto/ to the contract that an installed base of clients speaks."""

import runpy
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from verification.pages.architecture import PACKAGE, ROOT

WIRE = PACKAGE / "wire"

# The contract: what old clients send and read. A field is number:name:type, [] means repeated.
RPCS = {
    "CheckAvailability": "CheckAvailabilityRequest -> CheckAvailabilityResponse",
    "BatchCheckAvailability": "BatchCheckRequest -> BatchCheckResponse",
    "HoldSeats": "HoldSeatsRequest -> HoldSeatsResponse",
    "ReleaseSeats": "ReleaseSeatsRequest -> ReleaseSeatsResponse",
    "ConfirmBooking": "ConfirmBookingRequest -> ConfirmBookingResponse",
    "GetSeatMap": "GetSeatMapRequest -> GetSeatMapResponse",
    "InitializeTripInventory": "InitializeTripInventoryRequest -> InitializeTripInventoryResponse",
    "UpdateInventory": "UpdateInventoryRequest -> UpdateInventoryResponse",
    "JoinWaitlist": "JoinWaitlistRequest -> JoinWaitlistResponse",
    "GetUserWaitlist": "GetUserWaitlistRequest -> GetUserWaitlistResponse",
    "GetAvailableSeats": "GetAvailableSeatsRequest -> GetAvailableSeatsResponse",
    "ReserveSeats": "ReserveSeatsRequest -> ReserveSeatsResponse",
    "GetReservation": "GetReservationRequest -> GetReservationResponse",
    "ConfirmReservations": "ConfirmReservationsRequest -> ConfirmReservationsResponse",
    "CancelReservations": "CancelReservationsRequest -> CancelReservationsResponse",
    "HealthCheck": "HealthCheckRequest -> HealthCheckResponse",
}
SEAT_STATUS = (
    "0 SEAT_STATUS_UNSPECIFIED 1 SEAT_STATUS_AVAILABLE 2 SEAT_STATUS_HELD 3 SEAT_STATUS_BOOKED 4 SEAT_STATUS_BLOCKED"
)
MESSAGES = {
    "CheckAvailabilityRequest": (
        "1:trip_id:s 2:from_station_id:s 3:to_station_id:s 4:passengers:i32 5:seat_class:s 6:organization_id:s"
    ),
    "CheckAvailabilityResponse": (
        "1:is_available:b 2:available_seats:i32 3:seats:[]SeatAvailability 4:price_paisa:i64 5:checked_at:i64"
    ),
    "SeatAvailability": (
        "1:seat_id:s 2:seat_number:s 3:seat_class:s 4:status:SeatStatus 5:hold_expires_at:i64 6:seat_type:s"
    ),
    "BatchCheckRequest": "1:requests:[]CheckAvailabilityRequest",
    "BatchCheckResponse": "1:results:[]CheckAvailabilityResponse",
    "HoldSeatsRequest": (
        "1:trip_id:s 2:from_station_id:s 3:to_station_id:s 4:seat_ids:[]s 5:user_id:s 6:session_id:s "
        "7:hold_duration_seconds:i32 8:organization_id:s"
    ),
    "HoldSeatsResponse": (
        "1:hold_id:s 2:success:b 3:held_seat_ids:[]s 4:failed_seat_ids:[]s 5:expires_at:i64 6:failure_reason:s"
    ),
    "ReleaseSeatsRequest": "1:hold_id:s 2:user_id:s 3:organization_id:s",
    "ReleaseSeatsResponse": "1:success:b 2:released_count:i32",
    "ConfirmBookingRequest": ("1:hold_id:s 2:order_id:s 3:user_id:s 4:passengers:[]PassengerSeat 5:organization_id:s"),
    "PassengerSeat": "1:seat_id:s 2:passenger_nid:s 3:passenger_name:s",
    "ConfirmBookingResponse": ("1:success:b 2:booking_id:s 3:confirmed_seats:[]ConfirmedSeat 4:failure_reason:s"),
    "ConfirmedSeat": "1:seat_id:s 2:seat_number:s 3:ticket_id:s",
    "GetSeatMapRequest": "1:trip_id:s 2:from_station_id:s 3:to_station_id:s 4:organization_id:s",
    "GetSeatMapResponse": (
        "1:vehicle_id:s 2:vehicle_type:s 3:total_rows:i32 4:total_columns:i32 5:rows:[]SeatRow 6:legend:SeatMapLegend"
    ),
    "SeatRow": "1:row_number:i32 2:seats:[]SeatCell",
    "SeatCell": (
        "1:seat_id:s 2:seat_number:s 3:column:i32 4:seat_type:s 5:seat_class:s 6:status:SeatStatus "
        "7:price_paisa:i64 8:is_accessible:b 9:has_power:b 10:is_exit_row:b 11:hold_expires_at:i64"
    ),
    "SeatMapLegend": "1:status_colors:map<s,s> 2:class_colors:map<s,s>",
    "InitializeTripInventoryRequest": (
        "1:trip_id:s 2:organization_id:s 3:vehicle_id:s 4:segments:[]SegmentDefinition 5:seat_config:SeatConfiguration"
    ),
    "SegmentDefinition": (
        "1:segment_index:i32 2:from_station_id:s 3:to_station_id:s 4:departure_time:i64 5:arrival_time:i64"
    ),
    "SeatConfiguration": "1:total_seats:i32 2:seats:[]SeatDefinition",
    "SeatDefinition": (
        "1:seat_id:s 2:seat_number:s 3:row:i32 4:column:i32 5:seat_type:s 6:seat_class:s "
        "7:price_paisa:i64 8:is_accessible:b 9:has_power:b"
    ),
    "InitializeTripInventoryResponse": "1:success:b 2:segments_created:i32 3:seats_created:i32",
    "UpdateInventoryRequest": "1:trip_id:s 2:organization_id:s 3:updates:[]SeatUpdate",
    "SeatUpdate": "1:seat_id:s 2:new_status:SeatStatus 3:reason:s",
    "UpdateInventoryResponse": "1:success:b 2:updated_count:i32",
    "JoinWaitlistRequest": "1:trip_id:s 2:user_id:s 3:seat_class:s 4:requested_seats:i32 5:organization_id:s",
    "JoinWaitlistResponse": "1:success:b 2:message:s 3:position:i32",
    "GetUserWaitlistRequest": "1:user_id:s",
    "GetUserWaitlistResponse": "1:entries:[]WaitlistEntry",
    "WaitlistEntry": ("1:trip_id:s 2:organization_id:s 3:seat_class:s 4:requested_seats:i32 5:status:s 6:created_at:s"),
    "Seat": (
        "1:event_id:i64 2:seat_number:s 3:section:s 4:row_number:s 5:seat_type:s 6:price:double 7:status:s "
        "8:version:i64 9:reserved_by:s 10:reserved_until:i64"
    ),
    "Reservation": (
        "1:reservation_id:s 2:event_id:i64 3:user_id:s 4:seats:[]Seat 5:expires_at:i64 6:status:s 7:created_at:i64"
    ),
    "GetAvailableSeatsRequest": "1:event_id:i64",
    "GetAvailableSeatsResponse": "1:seats:[]Seat",
    "ReserveSeatsRequest": "1:event_id:i64 2:seat_numbers:[]s 3:user_id:s",
    "ReserveSeatsResponse": "1:reservation:Reservation",
    "GetReservationRequest": "1:reservation_id:s",
    "GetReservationResponse": "1:reservation:Reservation",
    "ConfirmReservationsRequest": "1:reservation_ids:[]s 2:booking_id:s 3:user_id:s",
    "ConfirmReservationsResponse": "1:reservations:[]Reservation",
    "CancelReservationsRequest": "1:reservation_ids:[]s 2:user_id:s",
    "CancelReservationsResponse": "1:reservations:[]Reservation",
    "HealthCheckRequest": "",
    "HealthCheckResponse": "1:status:s",
}
LETTERS = {
    FieldDescriptorProto.TYPE_STRING: "s",
    FieldDescriptorProto.TYPE_INT32: "i32",
    FieldDescriptorProto.TYPE_INT64: "i64",
    FieldDescriptorProto.TYPE_BOOL: "b",
    FieldDescriptorProto.TYPE_DOUBLE: "double",
}


def described() -> FileDescriptorProto:
    """Our proto file as the committed descriptors tell it."""
    files = FileDescriptorSet.FromString((WIRE / "descriptors.binpb").read_bytes()).file
    return next(file for file in files if file.name == "inventory/v1/inventory.proto")


def messages() -> dict[str, DescriptorProto]:
    return {message.name: message for message in described().message_type}


def notation(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    """A field as the contract writes it."""
    entries = {entry.name: entry for entry in message.nested_type if entry.options.map_entry}
    named = field.type_name.rpartition(".")[2]
    kind = LETTERS.get(field.type, named)
    if named in entries:
        kind = f"map<{','.join(LETTERS[part.type] for part in entries[named].field)}>"
    elif field.label == FieldDescriptorProto.LABEL_REPEATED:
        kind = f"[]{kind}"
    return f"{field.number}:{field.name}:{kind}"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.once
def test_the_wire_package_is_what_the_compiler_writes(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "proto" / "generate.py"))["generate"](tmp_path / "wire")
    committed, generated = contents(WIRE), contents(tmp_path / "wire")
    assert committed.keys() == generated.keys(), "run `make wire`"
    assert [name for name in generated if generated[name] != committed[name]] == [], "run `make wire`"


def test_the_service_keeps_its_name_and_its_calls() -> None:
    (service,) = described().service
    assert (described().package, service.name) == ("inventory.v1", "InventoryService")
    calls = {
        call.name: f"{call.input_type.rpartition('.')[2]} -> {call.output_type.rpartition('.')[2]}"
        for call in service.method
        if not (call.client_streaming or call.server_streaming)
    }
    assert {name: calls.get(name) for name in RPCS} == RPCS


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_keeps_its_fields(name: str) -> None:
    message = messages()[name]
    fields = {notation(field, message) for field in message.field if not field.proto3_optional}
    assert set(MESSAGES[name].split()) - fields == set()


def test_the_seat_statuses_keep_their_numbers() -> None:
    (status,) = (enum for enum in described().enum_type if enum.name == "SeatStatus")
    assert " ".join(f"{value.number} {value.name}" for value in status.value) == SEAT_STATUS
