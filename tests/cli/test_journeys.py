"""Journeys on a route that comes to a station twice, and what is free on them."""

from pathlib import Path
from secrets import token_hex

import pytest

from tests.typed import Type
from verification.kit.service_process import ServiceProcess

LOOP = """
[trip]
id = "loop"
currency = "EUR"
[[stops]]
station = "centre"
[[stops]]
station = "park"
[[stops]]
station = "harbour"
[[stops]]
station = "park"
[[stops]]
station = "centre"
[[sections]]
id = "tram"
rows = "1-3"
columns = "AB"
class = "standing"
seat_id = "{row}{column}"
price_minor = 250
"""


@pytest.fixture
def on_the_loop(server: ServiceProcess, typed: Type, tmp_path: Path) -> Type:
    """Types commands for an organization that runs a loop."""
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": token_hex(4)}
    path = tmp_path / "loop.toml"
    path.write_text(LOOP)
    assert typed("trip", "open", str(path), **environment).status == 0
    return lambda *words: typed(*words, **environment)


def test_segments_say_which_of_two_rides_is_meant(on_the_loop: Type) -> None:
    """From the park to the centre: past the harbour, or at once."""
    which = on_the_loop("hold", "loop", "park", "centre", "1A")
    assert which.status == 2
    assert which.err.rstrip().endswith("or 3 to 3: say which: --segments 1-3, or --segments 3-3")
    later = on_the_loop("hold", "loop", "park", "centre", "1A", "--segments", "3")
    assert later.status == 0, later.err
    long = on_the_loop("hold", "loop", "park", "centre", "1B", "--segments", "1-3")
    assert long.status == 0, long.err
    free = on_the_loop("map", "loop", "park", "centre", "--segments", "3-3", "--json").plain
    assert [seat["seat"] for seat in free["seats"] if seat["status"] == "held"] == ["1A", "1B"]
    before = on_the_loop("map", "loop", "park", "harbour", "--segments", "1", "--json").plain
    assert [seat["seat"] for seat in before["seats"] if seat["status"] == "held"] == ["1B"]
    assert on_the_loop("map", "loop", "park", "centre", "--segments", "0-3").status == 2


def test_availability_says_whether_a_party_finds_seats_and_what_it_pays(on_the_loop: Type) -> None:
    words = ("availability", "loop", "park", "centre", "--segments", "3")
    assert on_the_loop(*words, "--passengers", "0").out.startswith("yes: 6 free; 1 passenger would pay 250")
    assert on_the_loop(*words, "--passengers", "6").out.startswith("yes: 6 free; 6 passengers would pay 1500")
    on_the_loop("hold", "loop", "park", "centre", "1A", "--segments", "3")
    assert on_the_loop(*words, "--passengers", "6").out.startswith("no: 5 free, too few for 6 passengers")
    found = on_the_loop(*words, "--class", "standing", "--json").plain
    assert (found["available"], found["free"], found["price_minor"]) == (True, 5, 250)
    assert [seat["seat"] for seat in found["seats"]] == ["1B", "2A", "2B", "3A", "3B"]
    listed = on_the_loop(*words, "--seats").out
    assert "1B" in listed
    assert "1A" not in listed


def test_a_train_is_drawn_and_counted_by_car(server: ServiceProcess, typed: Type, tmp_path: Path) -> None:
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": token_hex(4)}
    path = tmp_path / "train.toml"
    path.write_text(typed("trip", "example", "shinkansen").out)
    assert typed("trip", "open", str(path), **environment).status == 0
    ride = ("nozomi-1", "tokyo", "nagoya")
    assert typed("hold", *ride, "g33-7-12-A", **environment).status == 0
    drawn = typed("map", *ride, "--section", "7", **environment).out
    assert "Car 7" in drawn
    assert ". 74 free   h 1 held" in drawn
    assert "Car 8" in typed("map", *ride, **environment).out
    plain = typed("map", *ride, "--section", "7", "--json", **environment).plain
    assert (plain["first_segment"], plain["last_segment"]) == (0, 2)
    assert (plain["currency"], plain["time_zone"]) == ("JPY", "Asia/Tokyo")
    [held] = [seat for seat in plain["seats"] if seat["status"] == "held"]
    assert held["label"] == "Car 7, row 12, seat 12A, window"
    offered = typed("availability", *ride, "--section", "7", "--json", **environment).plain
    assert (offered["free"], {seat["section"] for seat in offered["seats"]}) == (74, {"7"})
    assert offered["seats"][0]["label"] == "Car 7, row 1, seat 1A, window"
    lines = typed("summary", *ride, "--json", **environment).plain["classes"]
    assert len(lines) == 16
    car = lines[6]
    assert (car["label"], car["free"], car["held"], car["largest_run"]) == ("Car 7", 74, 1, 3)


def test_a_summary_says_how_many_seats_are_free(on_the_loop: Type) -> None:
    words = ("summary", "loop", "park", "centre", "--segments", "3")
    on_the_loop("hold", "loop", "park", "centre", "1A", "--segments", "3")
    [line] = on_the_loop(*words, "--json").plain["classes"]
    assert (line["class"], line["free"], line["held"], line["largest_run"]) == ("standing", 5, 1, 2)
    shown = on_the_loop(*words).out.splitlines()
    assert shown[0].split("  ")[0] == "section"
    assert shown[1].split() == ["-", "standing", "5", "1", "0", "0", "2", "250", "EUR"]
    wrong = on_the_loop(*words, "--section", "car")
    assert (wrong.status, "this trip has no section 'car'" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("map", "loop", "park", "moon"), "to_station_id: no journey of this trip ends at 'moon'"),
        (("map", "loop", "moon", "park"), "from_station_id: no journey of this trip begins at 'moon'"),
        (("map", "loop", "park", "centre", "--segments", "9"), "segment 9 of this trip does not begin at 'park'"),
        (
            ("map", "loop", "park", "centre", "--segments", "3-1"),
            "segment 1 of this trip does not end at 'centre'",
        ),
        (("hold", "loop", "park", "harbour", "1A", "2B", "2B"), "seat_ids: seat '2B' is named twice\n"),
        (("block", "loop", "1A", "2B", "2B"), "updates: seat '2B' is named twice"),
    ],
)
def test_an_impossible_journey_is_refused_with_the_wrong_value(
    on_the_loop: Type, words: tuple[str, ...], said: str
) -> None:
    answer = on_the_loop(*words)
    assert answer.status == 2
    assert said in answer.err


def test_availability_of_a_class_names_the_class(on_the_loop: Type) -> None:
    """A class that no seat has is wrong input, not one that is sold out."""
    words = ("availability", "loop", "park", "harbour", "--class")
    wrong = on_the_loop(*words, "sitting")
    assert (wrong.status, wrong.out) == (2, "")
    assert wrong.err == "no seat of the trip is of class 'sitting': its classes are 'standing'\n"
    assert on_the_loop(*words, "standing").out.startswith("yes: 6 free of class 'standing'; 1 passenger would pay")
