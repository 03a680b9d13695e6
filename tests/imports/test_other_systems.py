"""Seat plans of other systems: what becomes of their rows and seats, and what is left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from travio_inventory.cli import examples
from travio_inventory.imports.documents import WrongFile
from travio_inventory.imports.hall_rows import Converted, Prices, natural
from travio_inventory.imports.pretix import read_pretix
from travio_inventory.imports.seatsio import read_seatsio
from travio_inventory.seats.layout import Feature, spoken_label


def places(found: Converted) -> dict[str, tuple[str, int, int]]:
    return {seat.id: (seat.number, seat.row, seat.column) for seat in found.plan.seats}


@pytest.fixture
def pretix() -> dict[str, Any]:
    return dict(json.loads(examples.plan_text("hall-pretix")))


@pytest.fixture
def seatsio() -> dict[str, Any]:
    return dict(json.loads(examples.plan_text("hall-seatsio")))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hall.json"


def test_a_plan_of_pretix_keeps_its_ids_rows_numbers_and_classes(file: Path, pretix: dict[str, Any]) -> None:
    file.write_text(json.dumps(pretix))
    found = read_pretix(file, Prices("EUR", {"Floor": 4500}))
    assert (found.plan.name, found.plan.currency, found.left_out) == ("Little hall", "EUR", {"area": 1})
    assert found.plan.features == (Feature("stage", 0, 1, "Floor", label="Stage"),)
    where = places(found)
    assert len(where) == 16
    assert where["floor-A3"] == ("3", 1, 3)
    assert where["floor-A4"] == ("4", 1, 5), "a wide gap is an aisle"
    assert where["gallery-A1"] == ("1", 1, 1), "rows are counted within each zone"
    assert [(section.id, section.label) for section in found.plan.sections] == [
        ("Floor", "Floor"),
        ("Gallery", "Gallery"),
    ]
    seat = next(seat for seat in found.plan.seats if seat.id == "gallery-A1")
    assert spoken_label(seat, found.plan.sections[1]) == "Gallery, row A, seat 1"
    assert {(seat.seat_class, seat.price_minor) for seat in found.plan.seats} == {("Floor", 4500), ("Gallery", 0)}


def test_a_plan_of_pretix_with_one_zone_has_no_sections(file: Path, pretix: dict[str, Any]) -> None:
    pretix["zones"] = pretix["zones"][:1]
    file.write_text(json.dumps(pretix))
    found = read_pretix(file, Prices())
    assert (found.plan.sections, places(found)["floor-A3"]) == ((), ("A-3", 1, 3))


def test_a_text_of_pretix_is_before_or_behind_the_rows(file: Path, pretix: dict[str, Any]) -> None:
    bar = {"shape": "circle", "position": {"x": 0, "y": 900}, "text": {"text": "Bar"}}
    pretix["zones"][0]["areas"].append(bar)
    pretix["zones"].append({"name": "Foyer", "rows": [], "areas": [bar]})
    file.write_text(json.dumps(pretix))
    found = read_pretix(file, Prices())
    assert [(each.label, each.section, each.row) for each in found.plan.features] == [
        ("Stage", "Floor", 0),
        ("Bar", "Floor", 3),
    ]
    assert found.left_out == {"area": 2}
    pretix["zones"][0]["areas"][1]["text"] = {"text": "x" * 200}
    file.write_text(json.dumps(pretix))
    assert read_pretix(file, Prices()).left_out == {"area": 2, "text": 1}
    bar["position"] = {"x": 0, "y": None}
    file.write_text(json.dumps(pretix))
    with pytest.raises(WrongFile, match=r"areas\[2\].position.y: must be a number, not None"):
        read_pretix(file, Prices())


def test_a_zone_without_a_name_is_a_section_among_others(file: Path, pretix: dict[str, Any]) -> None:
    pretix["zones"][0]["name"] = ""
    file.write_text(json.dumps(pretix))
    assert [section.id for section in read_pretix(file, Prices()).plan.sections] == ["hall", "Gallery"]


def test_seats_of_pretix_are_ordered_by_their_positions_not_as_they_are_listed(
    file: Path, pretix: dict[str, Any]
) -> None:
    pretix["zones"][0]["rows"][0]["seats"].reverse()
    file.write_text(json.dumps(pretix))
    assert places(read_pretix(file, Prices()))["floor-A1"] == ("1", 1, 1)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("seat_guid", None, r"zones\[0\].rows\[0\].seats\[0\].seat_guid: must be text, not None"),
        ("position", {"x": "1", "y": 2}, r"seats\[0\].position.x: must be a number, not '1'"),
        ("position", {"x": True, "y": 2}, r"seats\[0\].position.x: must be a number, not True"),
        ("seat_guid", "floor-A2", r"seat 'floor-A2' is defined twice"),
        ("seat_number", "x" * 200, r"seat_number: must have at most"),
    ],
)
def test_a_wrong_plan_of_pretix_is_named_with_field_and_value(
    file: Path, pretix: dict[str, Any], field: str, value: object, said: str
) -> None:
    pretix["zones"][0]["rows"][0]["seats"][0][field] = value
    file.write_text(json.dumps(pretix))
    with pytest.raises(WrongFile, match=rf"hall\.json: .*{said}"):
        read_pretix(file, Prices())


def test_a_price_for_a_class_that_no_seat_has_is_a_mistake(file: Path, pretix: dict[str, Any]) -> None:
    file.write_text(json.dumps(pretix))
    with pytest.raises(WrongFile, match="no seat has class 'Flor'; the classes are Floor, Gallery"):
        read_pretix(file, Prices(by_class={"Flor": 1}))


def test_a_chart_report_keeps_labels_sections_and_neighbours(file: Path, seatsio: dict[str, Any]) -> None:
    file.write_text(json.dumps(seatsio))
    found = read_seatsio(file, Prices())
    assert found.left_out == {"generalAdmission": 1, "table": 1}
    where = places(found)
    assert len(where) == 16
    assert where["Floor-A-1"] == ("1", 1, 1), "rows are sorted by their labels"
    assert where["Floor-A-4"] == ("4", 1, 5), "where neighbours end is an aisle"
    assert where["Gallery-A-4"] == ("4", 1, 4)
    assert [seat.id for seat in found.plan.seats if seat.is_accessible] == ["Floor-B-1", "Floor-B-6"]


def test_neighbours_decide_the_order_of_seats_even_from_right_to_left(file: Path, seatsio: dict[str, Any]) -> None:
    for each in (seats[0] for label, seats in seatsio.items() if label.startswith("Gallery")):
        left, right = each.pop("leftNeighbour", None), each.pop("rightNeighbour", None)
        each |= {"leftNeighbour": right, "rightNeighbour": left}
    file.write_text(json.dumps(seatsio))
    where = places(read_seatsio(file, Prices()))
    assert [where[f"Gallery-A-{seat}"][2] for seat in range(1, 5)] == [4, 3, 2, 1]


def test_neighbours_in_a_circle_lose_no_seat(file: Path, seatsio: dict[str, Any]) -> None:
    seatsio["Gallery-A-1"][0]["leftNeighbour"] = "Gallery-A-4"
    seatsio["Gallery-A-4"][0]["rightNeighbour"] = "Gallery-A-1"
    file.write_text(json.dumps(seatsio))
    assert len(places(read_seatsio(file, Prices()))) == 16


def test_two_seats_of_a_chart_with_one_label_are_reported(file: Path, seatsio: dict[str, Any]) -> None:
    seatsio["Gallery-A-1"] *= 2
    file.write_text(json.dumps(seatsio))
    with pytest.raises(WrongFile, match=r"hall\.json: Gallery-A-1: two seats have this label"):
        read_seatsio(file, Prices())


def test_a_chart_without_rows_and_sections_is_one_row(file: Path, seatsio: dict[str, Any]) -> None:
    seat = seatsio["Gallery-A-1"][0]
    seat["labels"] = {"own": {"label": "1"}, "section": None}
    file.write_text(json.dumps({"1": [seat]}))
    assert places(read_seatsio(file, Prices())) == {"Gallery-A-1": ("1", 1, 1)}


def test_the_drawing_of_a_chart_is_refused_with_what_to_bring_instead(file: Path) -> None:
    file.write_text(json.dumps({"name": "x", "subChart": {"rows": []}}))
    with pytest.raises(WrongFile, match="save the chart report byLabel instead"):
        read_seatsio(file, Prices())


def test_labels_are_sorted_as_people_do() -> None:
    assert sorted(["10", "2", "A10", "A2", "", "B", "²"], key=natural) == ["", "2", "10", "A2", "A10", "B", "²"]
