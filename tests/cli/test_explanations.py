"""A seat is explained on the command line, to people and to programs."""

from secrets import token_hex

import pytest

from tests.typed import Type
from travio_inventory.client import BlockingInventoryClient, Journey, Passenger, SeatUnavailable
from verification.kit.service_process import ServiceProcess

COACH = "coach-dhaka-coxs-bazar"


def test_a_seat_is_explained_without_its_passengers(server: ServiceProcess, typed: Type) -> None:
    name = token_hex(4)
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": name}
    opened = typed("trip", "open", "travio_inventory/cli/examples/coach.toml", **environment)
    assert opened.status == 0, opened.err
    with BlockingInventoryClient(server.target, organization=name, user="u1") as client:
        hold = client.hold(COACH, "dhaka", "chattogram", ["seat-A1"])
        hold.confirm("order-1", [Passenger("seat-A1", "Ada", "N-1815")])
    with BlockingInventoryClient(server.target, organization=name, user="u2") as client:
        with pytest.raises(SeatUnavailable):
            client.hold(COACH, "dhaka", "chattogram", ["seat-A1"], settle=True)
        refused = client.explain_seat(COACH, "seat-A1").traces[-1]
    assert (refused.source, refused.user, refused.journey) == ("refusal", "u2", Journey(0, 1))
    shown = typed("explain", COACH, "seat-A1", **environment)
    assert (shown.status, shown.err) == (0, "")
    assert "Ada" not in shown.out
    now, before = shown.out.split("before\n")
    assert [line.split()[:3] for line in now.splitlines()[2:3]] == [["0-1", "sold", hold.id]]
    assert [line.split()[1:3] for line in before.splitlines()[1:5]] == [
        ["hold", "confirmed"],
        ["event", "hold.created"],
        ["event", "seats.purchased"],
        ["refusal", "refused"],
    ]
    assert "leaves no trace" in before
    assert "kept for 24 h" in before
    plain = typed("explain", COACH, "seat-A1", "--json", **environment).plain
    assert [trace["order"] for trace in plain["traces"]] == ["order-1", "", "order-1", ""]
    assert (plain["traces"][-1]["user"], plain["traces"][-1]["segments"]) == ("u2", "0-1")
    assert before.splitlines()[4].split()[4:7] == ["u2", "seat-A1", "0-1"]
    untouched = typed("explain", COACH, "seat-A2", **environment).out
    assert "nothing that is kept names the seat" in untouched
