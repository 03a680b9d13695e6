"""Who sits where on a trip, as a table, as JSON and as CSV."""

import csv
from secrets import token_hex

import pytest

from tests.typed import Type
from travio_inventory.client import BlockingInventoryClient, Passenger
from verification.kit.service_process import ServiceProcess

COACH = "coach-dhaka-coxs-bazar"
HEADER = "seat,number,label,from,to,passenger,order,status,until,price_minor,currency,hold,user"


@pytest.fixture
def organization(server: ServiceProcess, typed: Type) -> str:
    """One with a trip and a booking of two seats, of which one is for Ada."""
    name = token_hex(4)
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": name}
    opened = typed("trip", "open", "travio_inventory/cli/examples/coach.toml", **environment)
    assert opened.status == 0, opened.err
    with BlockingInventoryClient(server.target, organization=name, user="u1") as client:
        passengers = [Passenger("seat-B1", "Ada, C.", "N-1815"), Passenger("seat-B2", "=1", "")]
        client.hold(COACH, "dhaka", "cumilla", ["seat-B1", "seat-B2"]).confirm("order-1", passengers)
        client.hold(COACH, "dhaka", "coxs-bazar", ["seat-A1"])
    return name


@pytest.fixture
def terminal(server: ServiceProcess, typed: Type, organization: str) -> Type:
    """Types `trip manifest` for that organization."""
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": organization}
    return lambda *words: typed("trip", "manifest", COACH, *words, **environment)


def test_bookings_are_shown_seat_by_seat(terminal: Type) -> None:
    shown = terminal().out.splitlines()
    assert [line.split()[0] for line in shown] == ["seat", "seat-B1", "seat-B2"]
    assert "Ada, C." in shown[1]
    assert "N-1815" not in terminal().out
    assert "N-1815" in terminal("--national-ids").out
    assert [line.split()[0] for line in terminal("--held").out.splitlines()] == [
        "seat",
        "seat-A1",
        "seat-B1",
        "seat-B2",
    ]
    assert terminal("--alighting", "coxs-bazar").out == "no bookings\n"
    assert terminal("--alighting", "nowhere").err.startswith(
        "alighting_station_id: this trip does not stop at 'nowhere'"
    )


def test_programs_read_json_and_csv(terminal: Type) -> None:
    seats = terminal("--json").plain["seats"]
    assert [(seat["seat"], seat["passenger"], seat["order"]) for seat in seats] == [
        ("seat-B1", "Ada, C.", "order-1"),
        ("seat-B2", "=1", "order-1"),
    ]
    assert "national_id" not in seats[0]
    assert {(seat["price_minor"].isdigit(), seat["currency"]) for seat in seats} == {(True, "BDT")}
    header, *lines = csv.reader(terminal("--csv").out.splitlines())
    assert header == HEADER.split(",")
    assert [line[5] for line in lines] == ["Ada, C.", "'=1"]
    assert terminal("--csv", "--alighting", "coxs-bazar").out == HEADER + "\n"
    assert terminal("--csv", "--national-ids").out.splitlines()[0] == HEADER.replace(
        "passenger", "passenger,national_id"
    )


def test_the_bookings_of_an_order_are_listed_whoever_made_them(
    server: ServiceProcess, typed: Type, organization: str
) -> None:
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": organization}
    words = ("holds", "list", "--order", "order-1", "--user", "somebody-else", "--json")
    (listed,) = typed(*words, **environment).plain["holds"]
    assert (listed["user"], listed["order"], listed["seats"]) == ("u1", "order-1", ["seat-B1", "seat-B2"])
    assert [passenger["national_id"] for passenger in listed["passengers"]] == ["", ""]
    assert typed(*words, "--trip", "another", **environment).plain["holds"] == []
    assert typed("holds", "list", "--order", "order-2", **environment).out == "no holds\n"
    assert {"u1", listed["trip"]} < set(typed(*words[:-1], **environment).out.split())
    refused = typed("holds", "list", "--order", " o", **environment)
    assert (refused.status, refused.err.split(":")[0]) == (2, "order_id")
