"""Following the events file: complete lines only, and on with a file that replaces it."""

import re
from pathlib import Path

from tests.typed import Type
from travio_inventory.cli.events import _lines
from travio_inventory.events.shapes.native import line_of
from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event
from travio_inventory.seats.events import EventType, HoldReleased, TripCancelled, data_text


def test_following_yields_complete_lines_also_of_a_file_that_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"n":1}\n{"n"')
    lines = _lines(path, follow=True)
    assert next(lines) == '{"n":1}'
    with path.open("a") as file:
        file.write(':2}\n{"n":3}\n')
    assert [next(lines), next(lines)] == ['{"n":2}', '{"n":3}']
    path.rename(tmp_path / "old.jsonl")
    path.write_text('{"n":4}\n')
    assert next(lines) == '{"n":4}'
    lines.close()


def test_without_following_it_stops_at_the_end_and_omits_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"n":1}\n{"n"')
    assert list(_lines(path, follow=False)) == ['{"n":1}']


def test_a_folder_without_events_is_said_so(typed: Type, tmp_path: Path) -> None:
    answer = typed("events", "--data", str(tmp_path))
    assert (answer.status, answer.out) == (2, "")
    assert answer.err == f"no events at {tmp_path}/events.jsonl: name the service's folder with --data\n"


def test_the_cancellation_of_a_trip_is_a_row_though_it_names_no_seats(typed: Type, tmp_path: Path) -> None:
    event = Event(
        "c~0", EventType.TRIP_CANCELLED, 1, 0, ActorKind.HOUSE, "org", "c", 0, "t1", data_text(TripCancelled("c", "t1"))
    )
    (tmp_path / "events.jsonl").write_text(line_of(event) + "\n")
    assert re.search(r"  trip\.cancelled +t1 ", typed("events", "--data", str(tmp_path)).out)


def test_seats_with_spaces_in_their_names_stay_apart(typed: Type, tmp_path: Path) -> None:
    """As a shell would split them."""
    data = data_text(HoldReleased("h", "t1", "ann", ("A 1", "A2"), 0, 0))
    event = Event("h~1", EventType.HOLD_RELEASED, 1, 0, ActorKind.USER, "org", "h", 1, "t1", data)
    (tmp_path / "events.jsonl").write_text(line_of(event) + "\n")
    assert "  'A 1' A2" in typed("events", "--data", str(tmp_path)).out
