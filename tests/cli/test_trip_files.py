"""Trip files: what the examples are, and what is said of a file that is wrong."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.typed import EXAMPLES, ROOT
from travio_inventory.cli import examples
from travio_inventory.cli.trip_files import parse_trip, read_trip, read_trip_to_open, trip_from_toml
from travio_inventory.imports.documents import FILE_BYTES_MAX, WrongFile
from travio_inventory.imports.seat_plans import read_plan
from travio_inventory.kernel import limits
from travio_inventory.seats.layout import Feature, spoken_label
from travio_inventory.seats.refusals import InvalidTrip
from travio_inventory.seats.route import Direction, Segment
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import Ends, Trip, TripKey

SEATS_BY_CAR = [65, 100, 85, 100, 90, 100, 75, 68, 64, 68, 63, 100, 90, 100, 80, 75]

BUS = """
[trip]
id = "bus-1"
asset = "bus"
[[stops]]
station = "a"
departs = 2027-01-15T22:30:00+06:00
[[stops]]
station = "b"
arrives = 2027-01-16T00:30:00+06:00
[[sections]]
id = "s"
rows = "A-B"
columns = "12 3"
price_minor = 100
"""


def bus(text: str = BUS) -> Trip:
    return trip_from_toml(tomllib.loads(text), source="bus.toml")


def wrong(text: str) -> str:
    with pytest.raises(WrongFile) as said:
        bus(text)
    return str(said.value)


def test_the_train_has_its_1323_seats_car_by_car() -> None:
    train = read_trip(EXAMPLES / "shinkansen.toml")
    cars = Counter(int(seat.id.split("-")[1]) for seat in train.seats)
    assert [cars[car] for car in range(1, 17)] == SEATS_BY_CAR
    assert len(train.seats) == 1_323
    assert [section.label for section in train.sections] == [f"Car {car}" for car in range(1, 17)]
    assert {seat.section for seat in train.seats} == {section.id for section in train.sections}
    seat = train.seat("g33-7-12-A")
    assert (seat.row, spoken_label(seat, train.sections[6])) == (12, "Car 7, row 12, seat 12A, window")
    assert (train.time_zone, train.station_names[0]) == ("Asia/Tokyo", ("kyoto", "Kyoto"))
    assert {segment.direction for segment in train.segments} == {Direction.FIRST_ROW_AHEAD}
    assert len(train.segments) == 5


def test_the_green_cars_have_two_seats_on_each_side_and_the_others_three_and_two() -> None:
    train = read_trip(EXAMPLES / "shinkansen.toml")
    green = {seat.id.split("-")[1] for seat in train.seats if seat.seat_class == "green"}
    assert green == {"8", "9", "10"}
    widths = Counter((seat.section, seat.row) for seat in train.seats if seat.seat_class == "green")
    assert set(widths.values()) == {4}
    middle = {seat.number[-1] for seat in train.seats if seat.seat_type == "middle"}
    assert middle == {"B"}


def test_the_coach_has_the_seat_that_the_hot_seat_bench_asks_for() -> None:
    coach = read_trip(EXAMPLES / "coach.toml")
    assert len(coach.seats) == 40
    assert coach.seat("seat-A1").price_minor == 230_000
    assert coach.journey(Ends("dhaka", "chattogram")) == (0, 1)


def test_the_launch_has_decks_cabins_and_no_seat_where_the_stairs_are() -> None:
    launch = read_trip(EXAMPLES / "launch.toml")
    assert Counter(seat.seat_class for seat in launch.seats) == {
        "seat": 58, "cabin-single": 28, "cabin-double": 36, "vip": 6,
    }  # fmt: skip
    assert launch.has_seat("kirtonkhola-1-10-2")
    assert not launch.has_seat("kirtonkhola-1-10-3")
    assert [section.label for section in launch.sections] == ["Deck 1", "Deck 2", "Deck 3"]
    assert launch.features == (Feature("stairs", 10, 3, "1", columns=3),)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.stem)
def test_every_example_says_when_it_stops(file: Path) -> None:
    assert all(segment.departs_at_s < segment.arrives_at_s for segment in read_trip(file).segments)


def test_seats_stand_at_their_place_with_the_aisle_between() -> None:
    assert [(seat.id, seat.row, seat.column, seat.seat_type) for seat in bus().seats] == [
        ("bus-s-A-1", 1, 1, "window"),
        ("bus-s-A-2", 1, 2, "aisle"),
        ("bus-s-A-3", 1, 4, "window"),
        ("bus-s-B-1", 2, 1, "window"),
        ("bus-s-B-2", 2, 2, "aisle"),
        ("bus-s-B-3", 2, 4, "window"),
    ]


def test_a_trip_is_opened_under_another_id_and_organization_where_they_are_given() -> None:
    document = tomllib.loads(BUS.replace("[trip]", '[trip]\norganization = "line"'))
    assert trip_from_toml(document, source="bus.toml").key == ("line", "bus-1")
    assert trip_from_toml(document, source="bus.toml", organization="other", trip_id="2").key == ("other", "2")


def test_times_keep_their_offset() -> None:
    assert bus().segments[0].departs_at_s == 1_800_030_600
    assert bus().segments[0].arrives_at_s == 1_800_030_600 + 7_200


def test_seats_are_chosen_by_name_row_column_or_all() -> None:
    trip = bus(BUS + 'missing = ["A3"]\naccessible = ["row A"]\npower = ["column 1", "B2"]\nexit = true\n')
    assert not trip.has_seat("bus-s-A-3")
    assert [seat.number for seat in trip.seats if seat.is_accessible] == ["A1", "A2"]
    assert [seat.number for seat in trip.seats if seat.has_power] == ["A1", "B1", "B2"]
    assert all(seat.is_exit_row for seat in trip.seats)


def test_a_vehicle_that_turns_goes_on_with_its_other_end_ahead() -> None:
    text = (
        BUS.replace('id = "bus-1"', 'id = "bus-1"\nahead = "last row"')
        + """
        [[stops]]
        station = "c"
        name = "Chur"
        turns = true
        [[stops]]
        station = "d"
    """
    )
    trip = bus(text)
    assert [segment.direction.value for segment in trip.segments] == ["last row", "last row", "first row"]
    assert trip.station_names == (("c", "Chur"),)
    with pytest.raises(WrongFile, match="station 'c' has another name above: 'Chur'"):
        bus(text + '[[stops]]\nstation = "c"\nname = "C"\n')


def test_all_seats_can_be_in_one_seat_group() -> None:
    trip = bus(BUS.replace('id = "bus-1"', 'id = "bus-1"\nseats_per_group = "all"'))
    assert (trip.seats_per_group, trip.group_count) == (6, 1)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('id = "bus-1"', "", "bus.toml: trip.id: is missing"),
        ('id = "bus-1"', "id = 7", "bus.toml: trip.id: must be text, not 7"),
        ('asset = "bus"', 'colour = "red"', "bus.toml: trip.colour: no such field"),
        ('station = "a"', "", "bus.toml: stops[0].station: is missing"),
        ("+06:00", "", "bus.toml: stops[0].departs: 2027-01-15T22:30:00 has no offset from UTC; end it with Z for UTC"),
        ("2027-01-15T22:30:00+06:00", "2027-01-15", "stops[0].departs: must be a date and time, not 2027-01-15"),
        (
            "arrives = 2027-01-16T00:30:00+06:00",
            'arrives = 2027-01-16T00:30:00+06:00\ndeparts = 2027-01-16T00:29:59+06:00\n[[stops]]\nstation = "c"',
            "bus.toml: stops[1].departs: the departure from 'b' is before the arrival at 'b'",
        ),
        (
            "2027-01-16T00:30:00+06:00",
            "2027-01-15T00:30:00+06:00",
            "bus.toml: stops[1].arrives: the arrival at 'b' is before the departure from 'a'",
        ),
        ('rows = "A-B"', 'rows = "B-A"', 'bus.toml: sections[0].rows: must be like "1-13" or "A-J"'),
        ('columns = "12 3"', 'columns = "11"', "bus.toml: sections[0].columns: must be letters or digits"),
        ("price_minor = 100", "price_minor = true", "sections[0].price_minor: must be a whole number"),
        ("price_minor = 100", 'price_minor = 100\nmissing = ["C9"]', "sections[0].missing: 'C9' is not a seat here"),
        ("price_minor = 100", 'price_minor = 100\nexit = "A1"', "sections[0].exit: must be true or a list"),
        ("price_minor = 100", 'price_minor = 1\nseat_id = "{car}"', "sections[0].seat_id: may contain {asset}"),
        ("price_minor = 100", 'price_minor = 1\nseat_id = "x"', "bus.toml: sections: seat 'x' is defined twice"),
        ('id = "bus-1"', 'id = "bus-1"\ncurrency = "taka"', "bus.toml: trip.currency: must be three capital letters"),
        ('station = "a"', 'station = ""', "bus.toml: stops[0].station: "),
        ("price_minor = 100", 'price_minor = 1\nclass = "\\t"', "bus.toml: sections[0].class: "),
        ('id = "bus-1"', 'id = "b"\nseats_per_group = 0', "bus.toml: trip.seats_per_group: must be at least 1"),
        ("[[sections]]", "[[trains]]", "bus.toml: sections: is missing"),
        ('id = "bus-1"', 'id = "b"\nahead = "left"', "bus.toml: trip.ahead: must be \"first row\" or \"last row\""),
        ('id = "bus-1"', 'id = "b"\ntime_zone = "a b"', "bus.toml: trip.time_zone: must be a name of the time zone"),
        ('station = "a"', 'station = "a"\nname = "\\t"', "bus.toml: stops.name: must not have control characters"),
        ("price_minor = 100", 'price_minor = 1\nlabel = "\\t"', "bus.toml: sections.label: must not have control"),
        ("price_minor = 100", 'price_minor = 1\nfeatures = [{}]', "bus.toml: sections[0].features[0].kind: is missing"),
        (
            "price_minor = 100",
            'price_minor = 1\nfeatures = [{ kind = "door", row = -1, column = 1 }]',
            "bus.toml: sections.features.row: must be 0 to 100000, not -1",
        ),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_table_and_field(before: str, after: str, said: str) -> None:
    assert BUS.count(before)
    assert said in wrong(BUS.replace(before, after))


def test_what_all_seats_of_a_section_share_is_wrong_once() -> None:
    second = '[[sections]]\nid = "t"\nrows = "A-J"\ncolumns = "1234"\nprice_minor = -1\n'
    said = "price_minor: must be 0 to 1000000000000, not -1"
    assert wrong(BUS + second) == f"bus.toml: sections[1].{said}"
    both = wrong(BUS.replace("price_minor = 100", "price_minor = -1") + second)
    assert both == f"bus.toml: sections[0].{said}; sections[1].{said}"


@pytest.mark.parametrize("plain", [{"trip": 1}, {"trip": {"id": "x"}, "sections": [1]}])
def test_a_value_that_is_no_table_is_reported(plain: dict[str, Any]) -> None:
    with pytest.raises(WrongFile, match="must be a table"):
        trip_from_toml(plain, source="x.toml")


def test_a_file_that_is_not_there_or_not_toml_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(WrongFile, match=r"none\.toml: No such file"):
        read_trip(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[trip]\nid = \n\n")
    with pytest.raises(WrongFile, match=r"broken.toml: not TOML: .*line 2"):
        read_trip(broken)
    broken.write_bytes(b"[trip]\xff")
    with pytest.raises(WrongFile, match="not UTF-8 text: byte 7"):
        read_trip(broken)


@pytest.mark.parametrize("text", ["x = " + "9" * 5_000, "x = " + "[" * 5_000, "x = 2027-02-30T00:00:00Z"])
def test_text_that_the_toml_reader_cannot_read_is_reported(text: str) -> None:
    with pytest.raises(WrongFile, match=r"^x\.toml: not TOML: "):
        parse_trip(text, source="x.toml")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "bus.toml"
    path.write_text(BUS, encoding="utf-8-sig")
    assert read_trip(path) == bus()


def test_times_that_are_known_never_go_back_along_the_route() -> None:
    route = (("a", "b", 100, 0), ("b", "c", 0, 90), ("c", "d", 90, 80), ("d", "e", 80, 0))
    seats = bus().seats
    with pytest.raises(InvalidTrip) as refused:
        Trip(TripKey("o", "t"), tuple(Segment(*each) for each in route), seats)
    assert [(found.field, found.description) for found in refused.value.violations] == [
        ("segments[1].arrival_time", "the arrival at 'c' is before the departure from 'a'"),
        ("segments[2].arrival_time", "the arrival at 'd' is before the departure from 'c'"),
    ]


def test_the_sample_in_the_reference_is_right() -> None:
    page = (ROOT / "docs" / "trip-file.md").read_text()
    sample, *_ = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    ferry = parse_trip(sample, source="docs/trip-file.md")
    assert [seat.id for seat in ferry.seats][:2] == ["ferry-1-1-A", "ferry-1-1-B"]
    assert (ferry.seats[0].number, ferry.seats[-1].id) == ("1A", "cabin-B")
    assert len(ferry.seats) == 4 * 5 - 1 + 2
    assert [seat.number for seat in ferry.seats if seat.has_power] == ["1A", "2A", "2E", "3A", "A", "B"]


def test_the_reference_has_every_field_and_no_other() -> None:
    page = (ROOT / "docs" / "trip-file.md").read_text()
    named = {name for cell in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)}
    parts = ("layouts", "sections", "listed_rows", "seat_plans")
    read = ("cli/trip_files.py", *(f"imports/{part}.py" for part in parts))
    source = "\n".join((ROOT / "travio_inventory" / file).read_text() for file in read)
    asked = r'(?:take|take_any|_time|_template|_chosen|_whole|_texts|tables)\((?:\w+, )?"(\w+)"'
    assert named == set(re.findall(asked, source)) - {"stops", "sections", "trip", "plan"}


def test_a_trip_on_a_stored_plan_has_the_plans_vehicle_where_it_does_not_say(tmp_path: Path) -> None:
    path = tmp_path / "trip.toml"
    path.write_text(BUS.partition("[[sections]]")[0].replace('asset = "bus"', 'stored_plan = "bus"'))
    trip = read_trip_to_open(path)
    assert isinstance(trip, TripOnPlan)
    assert (trip.plan, trip.key, trip.segments) == ("bus", bus().key, bus().segments)
    assert (trip.vehicle, trip.currency) == ("", "")
    with pytest.raises(WrongFile, match=r"trip\.stored_plan: only a service has its seats"):
        read_trip(path)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ('asset = "bus"', 'stored_plan = "bus"', "sections: the stored plan has the seats"),
        ("[[sections]]", "[[rest]]", "trip.asset: the stored plan has the seats"),
        ('asset = "bus"', 'seat_plan = "bus.toml"', "sections: the stored plan has the seats"),
    ],
)
def test_a_trip_has_one_plan(tmp_path: Path, before: str, now: str, said: str) -> None:
    path = tmp_path / "trip.toml"
    path.write_text(BUS.replace(before, now))
    with pytest.raises(WrongFile, match=said):
        read_trip_to_open(path, stored_plan="other")


def test_a_wrong_stored_plan_or_route_is_named_as_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "trip.toml"
    path.write_text(BUS.partition("[[sections]]")[0].replace('asset = "bus"', ""))
    with pytest.raises(WrongFile, match=r"trip\.toml: trip\.stored_plan: "):
        read_trip_to_open(path, stored_plan="a\n")
    path.write_text('trip = {id = "t"}\n' + '[[stops]]\nstation = "a"\n' * 2)
    with pytest.raises(WrongFile, match=r"trip\.toml: .*: starts and ends at the same station"):
        read_trip_to_open(path, stored_plan="bus")


def test_a_trip_has_the_seats_of_the_plan_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "bus.toml").write_text(examples.plan_text("bus"))
    path = tmp_path / "trip.toml"
    path.write_text(BUS.partition("[[sections]]")[0].replace('asset = "bus"', 'seat_plan = "bus.toml"'))
    trip = read_trip(path)
    assert (trip.key.trip, trip.currency, trip.vehicle, len(trip.seats)) == ("bus-1", "EUR", "City bus, 36 seats", 36)
    assert trip.seats == read_plan(tmp_path / "bus.toml").seats
    path.write_text(BUS.replace('asset = "bus"', 'seat_plan = "bus.toml"'))
    with pytest.raises(WrongFile, match=r"trip\.toml: trip\.seat_plan: this file has sections of its own"):
        read_trip(path)
    path.write_text(
        'trip = {id = "long", seat_plan = "bus.toml"}\n'
        + "".join(f'[[stops]]\nstation = "s{at % 2}"\n' for at in range(514))
    )
    with pytest.raises(WrongFile, match=r"trip\.toml: stops: must have 1 to 512 items"):
        read_trip(path)
    path.write_text(BUS.replace('asset = "bus"', 'seat_plan = "none.toml"'))
    with pytest.raises(WrongFile, match=r"none\.toml: No such file"):
        read_trip(path)


def test_a_trip_may_begin_the_ids_of_the_plan_with_its_own_asset(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("[plan]\nname = 'p'\n[[sections]]" + BUS.partition("[[sections]]")[2])
    path = tmp_path / "trip.toml"
    path.write_text(BUS.partition("[[sections]]")[0].replace('asset = "bus"', 'asset = "x"\nseat_plan = "plan.toml"'))
    assert read_trip(path).seats[0].id == "x-s-A-1"
    assert read_plan(tmp_path / "plan.toml").seats[0].id == "p-s-A-1"


def test_the_limits_in_the_reference_are_the_real_ones() -> None:
    page = " ".join((ROOT / "docs" / "trip-file.md").read_text().split())
    assert f"at most {limits.SEATS_MAX:,} seats and {limits.CELLS_MAX:,} cells" in page
    assert f"2 to {limits.SEGMENTS_MAX + 1};" in page
    assert f"by default {limits.SEATS_PER_GROUP_DEFAULT};" in page
    assert FILE_BYTES_MAX == 1_000_000
    assert "at most 1 MB" in page
