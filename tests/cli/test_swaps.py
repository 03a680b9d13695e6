"""What would become of bookings in another vehicle is shown, and nothing is done."""

from pathlib import Path
from secrets import token_hex

import pytest

from tests.typed import Type
from travio_inventory.client import BlockingInventoryClient
from verification.kit.service_process import ServiceProcess

COACH = "coach-dhaka-coxs-bazar"
NOT_THERE = "seat-J1: not there"
PLAN = """
[plan]
name = "small"
[[sections]]
id = "main"
rows = "A-C"
columns = "1234"
seat_id = "seat-{row}{column}"
class = "%s"
price_minor = 5
"""


@pytest.fixture
def organization(server: ServiceProcess, typed: Type) -> str:
    """One with a trip, a booking of two seats in front, and one of a seat in the rear."""
    name = token_hex(4)
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": name}
    opened = typed("trip", "open", "travio_inventory/cli/examples/coach.toml", **environment)
    assert opened.status == 0, opened.err
    with BlockingInventoryClient(server.target, organization=name, user="u1") as client:
        client.hold(COACH, "dhaka", "cumilla", ["seat-A1", "seat-A2"]).confirm("order-1")
        client.hold(COACH, "dhaka", "cumilla", ["seat-J1"]).confirm("order-2")
    return name


@pytest.fixture
def terminal(server: ServiceProcess, typed: Type, organization: str) -> Type:
    """Types commands for that organization."""
    return lambda *words: typed(*words, TRAVIO_TARGET=server.target, TRAVIO_ORGANIZATION=organization)


def test_what_keeps_its_seats_and_what_cannot_be_moved_is_shown(
    terminal: Type, organization: str, server: ServiceProcess, tmp_path: Path
) -> None:
    with BlockingInventoryClient(server.target, organization=organization) as client:
        seat_class = client.trip(COACH).seat("seat-A1").seat_class
        before = client.manifest(COACH)
    plan = tmp_path / "small.toml"
    plan.write_text(PLAN % seat_class)
    shown = terminal("trip", "swap", COACH, str(plan), "--dry-run")
    assert (shown.status, shown.err) == (0, "")
    assert "1 holds and bookings keep their seats, 0 get others, 1 cannot be moved" in shown.out
    assert NOT_THERE in shown.out
    plain = terminal("trip", "swap", COACH, str(plan), "--dry-run", "--json").plain
    assert [(hold["order"], hold["new_seats"]) for hold in plain["holds"]] == [
        ("order-1", ["seat-A1", "seat-A2"]),
        ("order-2", []),
    ]
    assert plain["without"]["seat-J1"] == "not there"
    with BlockingInventoryClient(server.target, organization=organization) as client:
        assert client.manifest(COACH) == before


def test_a_trip_gets_another_vehicle(terminal: Type, organization: str, server: ServiceProcess, tmp_path: Path) -> None:
    missing = terminal("trip", "swap", COACH, str(tmp_path / "no.toml"))
    assert missing.status == 2
    with BlockingInventoryClient(server.target, organization=organization) as client:
        seat_class = client.trip(COACH).seat("seat-A1").seat_class
    plan = tmp_path / "small.toml"
    plan.write_text(PLAN % seat_class)
    for wrong, said in (("seat-J1", "OLD=NEW"), ("seat-J1=Z9", "has no seat 'Z9'"), ("Z9=seat-A1", "has no seat 'Z9'")):
        for also in ((), ("--dry-run",)):
            refused = terminal("trip", "swap", COACH, str(plan), "--seat", wrong, *also)
            assert (refused.status, said in refused.err) == (2, True)
    done = terminal("trip", "swap", COACH, str(plan))
    assert (done.status, done.err) == (0, "")
    assert f"{COACH} is open with its new vehicle: 1 moved, 1 left without a seat" in done.out
    assert NOT_THERE in done.out
    again = terminal("trip", "swap", COACH, str(plan), "--json").plain
    assert (again["moved"], again["left"], again["left_holds"][0]["order"]) == (1, 1, "order-2")
    left = terminal("trip", "manifest", COACH, "--without-place", "--json").plain["seats"]
    assert [(line["seat"], line["status"]) for line in left] == [("seat-J1", "confirmed without place")]
    with BlockingInventoryClient(server.target, organization=organization, user="u1") as client:
        assert len(client.trip(COACH).seats) == 12
        moved = client.move(left[0]["hold"], {"seat-J1": "seat-A3"})
        assert not moved.without_place
        assert client.manifest(COACH, only_without_place=True) == ()
