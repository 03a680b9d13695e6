"""Draws the seat map of a journey, with its title and its legend."""

from travio_inventory.cli.screen import Screen
from travio_inventory.cli.seat_drawing import DrawnSeat, DrawnState, draw, legend
from travio_inventory.cli.vehicles import DRAWN_STATES, drawn_seat, drawn_vehicle
from travio_inventory.client import SeatMap, SeatStatus


def drawn_state(status: SeatStatus) -> DrawnState:
    """The state as it is drawn; a newer service may have others."""
    return DRAWN_STATES.get(status.name or "", DrawnState.UNKNOWN)


def show_drawing(screen: Screen, seat_map: SeatMap, title: str, *, marked: str = "") -> None:
    """Draw a seat map with its title and its legend."""
    vehicle = drawn_vehicle(drawn(seat_map), seat_map.vehicle_type, seat_map.sections, seat_map.features)
    screen.say(title, "bold")
    screen.raw("")
    screen.draw(draw(vehicle, width=screen.width, fancy=screen.fancy, marked=marked))
    screen.raw("")
    screen.draw([legend(vehicle, fancy=screen.fancy)])


def drawn(seat_map: SeatMap) -> list[DrawnSeat]:
    """The seats of a map as they are drawn."""
    return [drawn_seat(seat, drawn_state(status)) for seat, status, _ in seat_map.seats]
