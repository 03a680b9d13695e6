"""What a terminal of 80 columns shows: every column of every table, whole; and what a pipe and --json get."""

import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.typed import EXAMPLES, Type
from travio_inventory.bench.report import Board
from travio_inventory.cli import main
from travio_inventory.cli.bench import ROUND_COLUMNS, SLICE_COLUMNS
from travio_inventory.cli.commands import COMMANDS, build
from travio_inventory.cli.screen import INDENT, Screen
from travio_inventory.seats.events import EventType
from verification.kit.service_process import ServiceProcess

WIDTH = 80
TRIP = "the-night-coach-of-the-fifteenth-of-january-from-dhaka-to-the-beach-of-coxs-bazar"
USER = "somebody-whose-name-takes-more-room-than-most-people-leave-for-it-on-a-form"
ORDER = "order-of-the-fourteenth-of-january-number-one-million-and-seven"
BOUNDED_BY_ITSELF = {("serve", "--workers"), ("schema apply", "--replication")}
"""They say in their own words what is allowed."""
BOUNDED_BY_THE_SERVICE = {("availability", "--passengers"), ("waitlist join", "--seats")}
"""Refused by the service, in the same words whatever the face."""
NO_ANSWER = {"serve", "work", "demo", "completion", "schema apply", "schema check", "backup", "restore"}


class Terminal(io.StringIO):
    """Standard output as a person has it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def shown(server: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Types a command at a terminal, for an organization of its own; what is there then."""
    environment = {
        "TRAVIO_TARGET": server.target,
        "TRAVIO_ORGANIZATION": token_hex(4),
        "TRAVIO_USER": USER,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def show(*words: str) -> str:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert not ended.value.code, words
        return terminal.getvalue()

    return show


def test_no_column_is_missing_from_any_table(shown: Callable[..., str], server: ServiceProcess) -> None:
    coach = str(EXAMPLES / "coach.toml")
    shown("trip", "open", coach, "--id", TRIP)
    held = shown("hold", TRIP, "dhaka", "coxs-bazar", "seat-A1", "seat-A2", "seat-A3", "seat-A4", "--json")
    hold = held.split('"hold": "')[1].split('"')[0]
    listed = shown("holds", "list")
    assert fits(listed)
    for part in (hold, "held", "seat-A1 seat-A2 seat-A3 seat-A4", "dhaka", "coxs-bazar", "expires_at"):
        assert part in listed
    booked = shown("confirm", hold, ORDER)
    assert booked.count("seat-A") == 4
    assert ORDER in shown("holds", "show", hold)
    year = time.strftime("%Y-")
    shown("waitlist", "join", TRIP, "--class", "business", "--seats", "2")
    waits = shown("waitlist", "list")
    assert fits(waits)
    for part in (TRIP, "business", "since"):
        assert part in waits
    assert year in waits or time.strftime("%Y-") in waits  # it may be New Year
    trip = shown("trip", "show", TRIP, "--seats")
    assert fits(trip.partition("\n\n")[2])
    for part in ("segment", "arrives (UTC)", "2027-01-16 01:45", "price (minor units)", "seat-J4", "window"):
        assert part in trip
    free = shown("availability", TRIP, "dhaka", "cumilla", "--seats")
    assert free.count("seat-") == 36
    seen = events_of(shown, server, hold)
    assert fits(seen)
    assert all(line.strip() for line in seen.splitlines())
    assert all(cell_len(line) <= WIDTH for line in shown("trip", "example").splitlines())
    for part in ("hold.created", "seats.purchased", TRIP, USER, ORDER, "seat-A1 seat-A2 seat-A3 seat-A4"):
        assert part in seen


def test_events_of_every_kind_stand_under_the_names_of_their_columns(shown: Callable[..., str], tmp_path: Path) -> None:
    """Of a hold on the trip that help and demo name."""
    data = {"trip": "coach-dhaka-coxs-bazar", "user_id": "me", "seats": ["seat-A1"], "order": "order-1"}
    hold = f"coach-dhaka-coxs-bazar~12~{token_hex(16)}"
    event = {"at_ms": 1, "actor": "user", "subject": hold, "data": data}
    told = [json.dumps(event | {"type": kind}) for kind in EventType]
    (tmp_path / "events.jsonl").write_text("".join(line + "\n" for line in told))
    lines = shown("events", "--data", str(tmp_path)).splitlines()
    a_row = len(lines) // (1 + len(told))
    names = lines[:a_row]
    for at, kind in enumerate(EventType, 1):
        values = lines[at * a_row : (at + 1) * a_row]
        for name, value in {"event": kind, "trip": data["trip"], "user": "me", "subject": hold}.items():
            [(line, column)] = [(n, each.index(name)) for n, each in enumerate(names) if name in each.split()]
            assert values[line][column:].startswith(str(value)), (kind, name)


def events_of(shown: Callable[..., str], server: ServiceProcess, hold: str) -> str:
    """All lines, once it is told that the hold was made and that it was confirmed."""
    for _ in range(100):
        lines = shown("events", "--data", str(server.data))
        if lines.count(hold) > 1:
            return lines
        time.sleep(0.1)
    raise AssertionError("the events were not told")


def fits(text: str) -> bool:
    """Whether a line is too long only where one cell is."""
    return all(cell_len(line) <= WIDTH or "  " not in line.strip() for line in text.splitlines())


TEXTS = st.text("abc xyz-新é", max_size=30)
ROWS = st.integers(1, 7).flatmap(lambda size: st.lists(st.lists(TEXTS, min_size=size, max_size=size), min_size=1))


@given(ROWS)
def test_every_cell_is_shown_whole_on_a_terminal(rows: list[list[str]]) -> None:
    terminal = Terminal()
    columns = [f"column {at}" for at, _ in zip(count(), rows[0], strict=False)]
    Screen(out=terminal).table(columns, rows)
    lines = terminal.getvalue().splitlines()
    for row in [columns, *rows]:
        assert all(any(cell.strip() in line for line in lines) for cell in row)
    assert all(cell_len(line) <= WIDTH for line in lines)


def test_without_a_terminal_a_row_is_one_line() -> None:
    out = io.StringIO()
    Screen(out=out).table(["a", "b"], [["x" * 60, "y" * 60], ["z", "新"]])
    assert [line.split() for line in out.getvalue().splitlines()] == [["a", "b"], ["x" * 60, "y" * 60], ["z", "新"]]
    assert INDENT not in out.getvalue().splitlines()[1]


@pytest.mark.parametrize(("columns", "first"), [(ROUND_COLUMNS, "12"), (SLICE_COLUMNS, "no-op, our server")])
def test_the_table_of_a_bench_has_all_its_columns(
    columns: tuple[str, ...], first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Board("50 want seat-A1 at the same moment", columns) as board:
        board.add(first, *[1_234.5] * (len(columns) - 1))
    text = terminal.getvalue()
    assert "…" not in text
    assert text.count("1234.5") >= len(columns) - 1
    assert all(word in text for column in columns for word in column.split())


def test_answers_in_json_have_names(typed: Type, server: ServiceProcess) -> None:
    """Every list is under a name, and what is in it has names or is text."""
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": token_hex(4)}
    coach, journey = "coach-dhaka-coxs-bazar", ("coach-dhaka-coxs-bazar", "dhaka", "cumilla")
    typed("trip", "open", str(EXAMPLES / "coach.toml"), **environment)
    hold = typed("hold", *journey, "seat-A1", "--json", **environment).plain["hold"]
    for words in (
        ("trip", "show", coach), ("trip", "example"), ("trip", "example", "coach"), ("map", *journey), ("settings",),
        ("summary", *journey), ("availability", *journey), ("holds", "list"), ("holds", "show", hold),
        ("waitlist", "list"),
        ("extend", hold), ("move", hold, "--seats", "seat-A1=seat-A2"), ("confirm", hold, "o", "--seats", "seat-A2"),
        ("erase", hold), ("cancel", hold, "--seats", "seat-A2"), ("block", coach, "seat-B1"),
    ):  # fmt: skip
        assert is_named(typed(*words, "--json", **environment).plain), words


def is_named(value: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    match value:
        case dict():
            return all(map(is_plain, value.values()))
        case _:
            return False


def is_plain(value: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    match value:
        case list():
            return all(isinstance(each, str) or is_named(each) for each in value)
        case dict():
            return is_named(value)
        case _:
            return True


def options() -> Iterator[tuple[str, Any]]:
    """Every option of every command."""
    for command in COMMANDS:
        app = build()
        for word in command.words.split():
            app = app[word]
        for argument in app.assemble_argument_collection():
            yield command.words, argument


def test_every_number_has_bounds() -> None:
    unbounded = [
        (words, argument.name)
        for words, argument in options()
        if argument.hint in (int, float, tuple[int, ...]) and not argument.parameter.validator
    ]
    assert set(unbounded) == BOUNDED_BY_ITSELF | BOUNDED_BY_THE_SERVICE


def test_a_number_that_no_message_can_carry_is_refused(typed: Type) -> None:
    """Else another one would arrive: 60 seconds for 2**32 + 60."""
    value = str(2**31)
    for words, field in (
        (("hold", "t", "a", "b", "s", "--seconds"), "hold_duration_seconds"),
        (("extend", "h", "--seconds"), "hold_duration_seconds"),
        (("availability", "t", "a", "b", "--passengers"), "passengers"),
        (("waitlist", "join", "t", "--seats"), "requested_seats"),
    ):
        answer = typed(*words, value)
        assert (answer.status, answer.err) == (2, f"{field}: must be -2147483648 to 2147483647, not {value}\n")


@pytest.mark.parametrize("value", ["1e3", "nan", ""])
def test_an_invalid_number_of_seconds_is_refused(typed: Type, value: str) -> None:
    for words in (("hold", "t", "a", "b", "s"), ("extend", "h")):
        answer = typed(*words, "--seconds", value)
        assert answer.status == 2
        assert "--seconds" in answer.err
        assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
@pytest.mark.once
def test_help_fits_and_names_what_is_asked_for(command: Any, shown: Callable[..., str]) -> None:  # noqa: ANN401
    text = shown(*command.words.split(), "--help")
    assert "ARGS" not in text
    assert all(cell_len(line) <= WIDTH for line in text.splitlines())
    example = text.partition("Example:\n")[2].strip()
    assert len(example.splitlines()) == 1, example


def test_a_command_that_answers_can_answer_in_json() -> None:
    with_json = {words for words, argument in options() if argument.name == "--json"}
    assert {command.words for command in COMMANDS} - with_json == NO_ANSWER


@pytest.mark.parametrize("shell", ["bash", *(pytest.param(shell, marks=pytest.mark.once) for shell in ("zsh", "fish"))])
def test_a_shell_is_told_every_command(typed: Type, shell: str) -> None:
    said = typed("completion", shell)
    assert (said.status, said.err) == (0, "")
    assert all(word in said.out for command in COMMANDS for word in command.words.split())
    assert "--segments" in said.out
