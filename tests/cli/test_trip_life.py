"""The commands about the life of a trip, from its list to its cancellation."""

import io
import os
import pty
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import pytest

from tests.typed import Type
from travio_inventory.cli import examples
from verification.kit.service_process import ServiceProcess

COACH = "coach-dhaka-coxs-bazar"


@pytest.fixture
def on_the_coach(server: ServiceProcess, typed: Type, tmp_path: Path) -> Type:
    """Types commands for an organization that runs the coach."""
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": token_hex(4), "TRAVIO_USER": "ann"}
    path = tmp_path / "coach.toml"
    path.write_text(examples.text("coach"))
    opened = typed("trip", "open", str(path), **environment)
    assert opened.status == 0, opened.err

    def type_words(*words: str, **more: str) -> object:
        return typed(*words, **environment, **more)

    return type_words  # type: ignore[return-value]


def test_a_trip_is_listed_changed_frozen_and_cancelled(on_the_coach: Type) -> None:
    listed = on_the_coach("trip", "list", "--json")
    (line,) = listed.plain["trips"]
    assert (line["trip"], line["state"], line["version"]) == (COACH, "open", 1)
    assert COACH in on_the_coach("trip", "list").out
    none = on_the_coach("trip", "list", "--date", "2020-02-01", "--days", "2").out
    assert none == "no trips depart in the 2 days from 2020-02-01; see --date, --days, --untimed\n"
    assert on_the_coach("trip", "list", "--untimed", "--json").plain == {"trips": [], "is_all": True}
    changed = on_the_coach("trip", "prices", COACH, "--seat", "seat-A1=77", "--version", "1", "--json")
    assert changed.plain == {"trip": COACH, "version": 2}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert on_the_coach("trip", "times", COACH, f"0={tomorrow}T10:00/", "--json").plain["version"] == 3
    for command, state in (("close", "closed"), ("freeze", "frozen"), ("reopen", "frozen"), ("unfreeze", "open")):
        assert on_the_coach("trip", command, COACH, "--json").plain["state"] == state
    on_the_coach("hold", COACH, "dhaka", "cumilla", "seat-A1")
    assert "whole route  39 free, 1 held, 0 booked, 0 blocked" in on_the_coach("trip", "show", COACH).out
    cancelled = on_the_coach("trip", "cancel", COACH, "--yes", "--json").plain
    assert (cancelled["state"], cancelled["released"], cancelled["cancelled"]) == ("cancelled", 1, 0)
    assert on_the_coach("trip", "show", COACH, "--json").plain["state"] == "cancelled"
    refused = on_the_coach("hold", COACH, "dhaka", "cumilla", "seat-A2")
    assert (refused.status, "cancelled" in refused.err, "reopen" in refused.err) == (1, True, False)
    told = on_the_coach("availability", COACH, "dhaka", "cumilla").out
    assert told.startswith("no: 40 free, but not sold"), told


@pytest.mark.parametrize(
    ("said", "words", "state"),
    [
        ("yes\n", [], "open"), ("\x04", [], "open"), ("\x04", ["--json"], "open"), (f"{COACH}\n", [], "cancelled"),
        ("", ["--yes"], "cancelled"),
    ],
    ids=["not meant", "end of input", "in JSON", "meant", "not asked"],
)  # fmt: skip
def test_on_a_terminal_a_trip_is_cancelled_only_by_who_means_it(
    on_the_coach: Type, monkeypatch: pytest.MonkeyPatch, said: str, words: list[str], state: str
) -> None:
    keyboard, terminal = pty.openpty()
    with open(terminal, closefd=False) as typed_in:
        monkeypatch.setattr(sys, "stdin", typed_in)
        os.write(keyboard, said.encode())
        done = on_the_coach("trip", "cancel", COACH, *words)
    for end in (keyboard, terminal):
        os.close(end)
    assert (done.status, "nothing was done" in done.err) == ((1, True) if state == "open" else (0, False))
    assert "Type its id" not in done.out
    assert on_the_coach("trip", "show", COACH, "--json").plain["state"] == state


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_where_nobody_can_be_asked_a_trip_is_cancelled_only_with_yes(
    on_the_coach: Type, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """What is piped in is no answer: `echo no | travio-inventory trip cancel T` must not cancel it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    asked = on_the_coach("trip", "cancel", COACH, *words)
    assert (asked.status, asked.err) == (2, "nobody is there to be asked: say --yes\n")
    assert on_the_coach("trip", "show", COACH, "--json").plain["state"] == "open"


def test_a_list_that_is_cut_off_says_so(on_the_coach: Type, tmp_path: Path) -> None:
    (tmp_path / "coach.toml").write_text(examples.text("coach"))
    on_the_coach("trip", "open", str(tmp_path / "coach.toml"), "--id", "another")
    words = ("trip", "list")
    assert "there are more: these are the first 1;" in on_the_coach(*words, "--most", "1").out
    assert "more" not in on_the_coach(*words, "--most", "2").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("prices", COACH, "--seat", "seat-A1"), "price"),
        (("prices", COACH), "name a price or a time"),
        (("times", COACH, "0"), "times"),
        (
            ("times", COACH, "0=05.06.2027T08:00/"),
            "as 0=2027-06-05T08:00Z/2027-06-05T09:10Z, not '0=05.06.2027T08:00/'",
        ),
        (("list", "--date", "soon"), "date"),
    ],
)
def test_what_is_typed_wrong_is_named(on_the_coach: Type, words: tuple[str, ...], said: str) -> None:
    answer = on_the_coach("trip", *words)
    assert (answer.status, said in answer.err) == (2, True), answer.err
