"""A venue of very many seats at a running service: its plan in parts, the trip opened as a job, read and sold."""

from pathlib import Path
from secrets import token_hex
from time import monotonic

import pytest

from tests.typed import Type
from travio_inventory.client import BlockingInventoryClient, SeatPlanNotFound, TripOnPlan
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Trip, TripKey
from verification.kit.service_process import ServiceProcess
from verification.kit.trips import row_of

SEATS = 5_010
OPENED_WITHIN_S = 60
HALL = f"""
[trip]
id = "show"
currency = "EUR"
vehicle = "hall"
[[stops]]
station = "doors"
[[stops]]
station = "end"
[[sections]]
id = "stalls"
rows = "1-{SEATS // 10}"
columns = "ABCDEFGHIJ"
class = "stalls"
price_minor = 4500
"""
PLAN = "[plan]\nname = 'small hall'\n[[sections]]" + HALL.partition("[[sections]]")[2].replace(str(SEATS // 10), "3")


@pytest.fixture
def organization() -> str:
    """A new one."""
    return token_hex(4)


@pytest.fixture
def terminal(server: ServiceProcess, typed: Type, organization: str) -> Type:
    """Types a command for that organization."""
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": organization}
    return lambda *words: typed(*words, **environment)


@pytest.mark.once
def test_a_large_trip_is_followed_until_it_is_on_sale(terminal: Type, tmp_path: Path) -> None:
    (tmp_path / "hall.toml").write_text(HALL)
    opened = terminal("trip", "open", str(tmp_path / "hall.toml"))
    assert (opened.status, opened.err) == (0, "")
    assert opened.out.startswith(f"show is open: {SEATS} seats on 1 segment")
    shown = terminal("trip", "show", "show", "--json").plain
    assert len(shown["seats"]) == SEATS
    assert terminal("hold", "show", "doors", "end", shown["seats"][0]["seat"], shown["seats"][-1]["seat"]).status == 0
    again = terminal("trip", "open", str(tmp_path / "hall.toml"), "--json").plain
    assert (again["cells"], again["cells_done"]) == (SEATS, SEATS)
    (tmp_path / "hall.toml").write_text(HALL.replace("price_minor = ", "price_minor = 1"))
    assert terminal("trip", "open", str(tmp_path / "hall.toml")).err.startswith(
        "this trip is already open with other prices"
    )
    assert terminal("plan", "list", "--json").plain == {"plans": []}


@pytest.mark.once
def test_a_large_trip_is_shown_while_it_is_opened(terminal: Type, tmp_path: Path) -> None:
    (tmp_path / "hall.toml").write_text(HALL)
    opened = terminal("trip", "open", str(tmp_path / "hall.toml"), "--detach", "--json").plain
    assert opened["cells"] == SEATS
    assert opened["cells_done"] < SEATS
    shown = terminal("trip", "show", "show")
    assert shown.status == 0, shown.err
    assert "show is being opened: [" in shown.out or f"{SEATS} in " in shown.out


def test_stored_plans_are_listed_and_deleted(terminal: Type, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    assert terminal("plan", "put", str(tmp_path / "plan.toml"), "hall").out == "hall is stored: 30 seats\n"
    (listed,) = terminal("plan", "list", "--json").plain["plans"]
    assert (listed["plan"], listed["seats"]) == ("hall", 30)
    assert terminal("plan", "list").out.splitlines()[1].split()[:2] == ["hall", "30"]
    assert terminal("plan", "delete", "hall").out == "hall is deleted\n"
    gone = terminal("plan", "delete", "hall")
    assert gone.status == 1
    assert gone.err.startswith("seat plan not found: ")
    assert terminal("plan", "put", str(tmp_path / "none.toml"), "hall").status == 2


def test_a_trip_file_names_a_stored_plan(terminal: Type, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    stops = HALL.partition("[[sections]]")[0]
    (tmp_path / "show.toml").write_text(stops)
    (tmp_path / "named.toml").write_text(stops.replace('"show"', '"gala"\nstored_plan = "hall"'))
    refused = terminal("trip", "open", str(tmp_path / "named.toml"))
    assert (refused.status, refused.err.partition(":")[0]) == (1, "seat plan not found")
    assert terminal("plan", "put", str(tmp_path / "plan.toml"), "hall").status == 0
    opened = terminal("trip", "open", str(tmp_path / "named.toml"))
    assert opened.out.startswith("gala is open: 30 seats on 1 segment"), opened.err
    asked = terminal("trip", "open", str(tmp_path / "show.toml"), "--stored-plan", "hall", "--json").plain
    assert (asked["trip"], asked["seats"], asked["cells"]) == ("show", 30, 30)
    assert terminal("trip", "show", "show", "--json").plain["vehicle"] == "hall"


@pytest.mark.once
def test_a_client_opens_trips_with_a_stored_plan(server: ServiceProcess, organization: str) -> None:
    seats = row_of(SEATS)
    layout = Trip(TripKey(organization, "any"), (Segment("A", "B"),), seats, vehicle="hall", currency="EUR")
    with BlockingInventoryClient(server.target, organization=organization, user="u1") as client:
        sent: list[tuple[int, int]] = []
        told = client.put_seat_plan("hall", layout, sent=lambda *count: sent.append(count))
        assert told == client.put_seat_plan("hall", layout) == SEATS
        assert (sent[0], sent[-1]) == ((500, SEATS), (SEATS, SEATS))
        (listed,) = client.seat_plans()
        assert (listed.plan, listed.seats) == ("hall", SEATS)
        opening = client.open_trip(TripOnPlan(TripKey(organization, "show"), (Segment("A", "B"),), "hall"))
        assert opening.cells == SEATS
        with pytest.raises(SeatPlanNotFound):
            client.open_trip(TripOnPlan(TripKey(organization, "show"), (Segment("A", "B"),), "none"))
        client.delete_seat_plan("hall")
        ends = monotonic() + OPENED_WITHIN_S
        while not client.trip_opening("show").is_over:
            assert monotonic() < ends
        trip = client.trip("show")
        assert (trip.seats, trip.vehicle, trip.currency) == (seats, "hall", "EUR")
