"""The commands that replay events and show how far sinks are, on the data of a service that runs."""

import json
import sys
from io import StringIO
from pathlib import Path

import anyio
import pytest

from tests.typed import Type, Typed
from travio_inventory.app.replaying import Progress
from travio_inventory.app.service import open_inventory
from travio_inventory.events.choice import parse_sink
from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.recorded_events import Position, Wanted
from travio_inventory.seats.trip import Ends
from verification.kit.asking import hold_seats, open_trip
from verification.kit.in_process import settings_of
from verification.kit.trips import a_trip
from verification.servers.webhook_receiver import SECRET, webhook_receiver

ANN = Actor("default", "ann")


@pytest.mark.once
def test_beside_the_service_events_are_replayed_to_a_sink_that_is_named_or_written(typed: Type, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    data = {"TRAVIO_DATA": str(tmp_path / "data"), "TRAVIO_EDGE": "local", "TRAVIO_EVENTS": "json-lines"}
    trip = a_trip(organization="default")
    copy = tmp_path / "copy.jsonl"

    async def beside() -> list[Typed]:
        async with open_inventory(settings) as inventory:
            await open_trip(inventory, trip)
            for seat in ("A1", "A2"):
                await hold_seats(inventory, ANN, trip.key.trip, Ends("A", "D"), [seat])

            def ask(*words: str) -> Typed:
                return typed("events", *words, **data)

            asked = (
                ["replay", "--from", "2020-01-01", "--to-sink", f"copy=json-lines:{copy}", "--json"],
                ["replay", "--from", "2020-01-01", "--to-sink", "json-lines", "--trip", "another"],
                ["lag", "--json"],
                ["lag"],
            )
            return [await anyio.to_thread.run_sync(ask, *words) for words in asked]

    whole, none, lag, table = anyio.run(beside)
    assert (whole.status, json.loads(whole.out)["published"]) == (0, 2)
    assert [json.loads(line)["type"] for line in copy.read_text().splitlines()] == ["hold.created"] * 2
    assert (none.status, none.out) == (0, "0 events published to json-lines\n")
    assert (json.loads(lag.out)["sink"], json.loads(lag.out)["behind"]) == ("json-lines", 0)
    assert table.out.splitlines()[1].startswith("json-lines")
    assert [*(tmp_path / "data" / "replays").iterdir()] == []


@pytest.mark.once
@pytest.mark.parametrize("how", ["variable", "standard input"])
def test_a_sink_with_a_password_need_not_be_typed(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What is typed is in the list of processes."""

    async def open_and_close() -> None:
        async with open_inventory(settings_of(tmp_path)):
            pass

    anyio.run(open_and_close)
    data = {"TRAVIO_DATA": str(tmp_path / "data"), "TRAVIO_EVENTS": "none"}
    sink, words = f"copy=json-lines:{tmp_path}/copy.jsonl", ["events", "replay", "--from", "2020-01-01"]
    if how == "variable":
        answer = typed(*words, **data, TRAVIO_TO_SINK=sink)
        assert (typed("settings", TRAVIO_TO_SINK=sink).status, sink in typed("settings").out) == (0, False)
    else:
        monkeypatch.setattr(sys, "stdin", StringIO(f"{sink}\n"))
        answer = typed(*words, "--to-sink", "-", **data)
    assert (answer.status, answer.out) == (0, "0 events published to copy\n")


def test_nothing_on_standard_input_is_no_sink(typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO())
    answer = typed("events", "replay", "--from", "2020-01-01", "--to-sink", "-", TRAVIO_DATA=str(tmp_path))
    assert (answer.status, "names no sink of TRAVIO_EVENTS" in answer.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "yesterday", "--to-sink", "json-lines"], "--from yesterday: write a moment"),
        (["--from", "2020-06-01", "--to", "2020-05-01", "--to-sink", "json-lines"], "--to: it must be later"),
        (
            ["--from", "2020-06-01", "--to", "1970-01-01", "--to-sink", "json-lines"],
            "--to 1970-01-01: it must be after",
        ),
        (["--from", "0001-01-01", "--to-sink", "json-lines"], "--from 0001-01-01: it must be after 1970"),
        (["--from", "9999-12-31T23:59:59-23:59", "--to-sink", "json-lines"], "write a moment as"),
        (["--from", "3027-06-01T10:00:00+06:00", "--to-sink", "json-lines"], "--from 3027-06-01 04:00:00 UTC is still"),
        (["--from", "2020-06-01", "--to-sink", "shop"], "names no sink of TRAVIO_EVENTS, which has json-lines"),
        (["--from", "2020-06-01", "--to-sink", "ftp://x"], "has a sink of no known kind"),
    ],
)
def test_what_cannot_be_replayed_is_said_at_once(typed: Type, tmp_path: Path, words: list[str], said: str) -> None:
    answer = typed("events", "replay", *words, TRAVIO_DATA=str(tmp_path), TRAVIO_EVENTS="json-lines")
    assert answer.status == 2
    assert said in answer.err


@pytest.mark.once
def test_what_a_webhook_refuses_for_good_is_not_told_as_published(typed: Type, tmp_path: Path) -> None:
    """It is a dead letter, once however often it is refused, and the status tells of it."""
    settings, trip = settings_of(tmp_path), a_trip(organization="default")
    (tmp_path / "secrets").write_text(f"{SECRET}\n")

    async def sell() -> None:
        async with open_inventory(settings) as inventory:
            await open_trip(inventory, trip)
            for seat in ("A1", "A2"):
                await hold_seats(inventory, ANN, trip.key.trip, Ends("A", "D"), [seat])

    anyio.run(sell)
    data = {"TRAVIO_DATA": str(tmp_path / "data"), "TRAVIO_EDGE": "local", "TRAVIO_EVENTS": "none"}
    with webhook_receiver(tmp_path) as receiver:
        receiver.plan("/x", {"status": 422})
        words = ("--from", "2020-01-01", "--to-sink", f"shop={receiver.url}/x#secret_file={tmp_path}/secrets")
        refused = typed("events", "replay", *words, **data)
        counted = typed("events", "replay", *words, "--json", **data)
        receiver.plan("/x")
        taken = typed("events", "replay", *words, **data)
    assert (refused.status, refused.out.splitlines()) == (
        1,
        [
            "0 events published to shop",
            "2 refused for good: see `travio-inventory events dead-letters --of shop`",
        ],
    )
    assert (counted.status, counted.plain["published"], counted.plain["dead_letters"]) == (1, 0, 2)
    assert (taken.status, taken.out) == (0, "2 events published to shop\n")
    assert len(typed("events", "dead-letters", "--of", "shop", "--json", **data).out.splitlines()) == 2


def test_a_replay_goes_on_only_where_the_same_one_was_stopped(tmp_path: Path) -> None:
    """One that was begun in a wrong shape is begun anew in the right one."""
    written = [
        "shop=kafka://broker?topic=t&shape=native",
        "shop=kafka://broker?topic=t&shape=trips",
        "shop=kafka://broker?topic=u&shape=trips",
        "copy=json-lines:a.jsonl",
    ]
    begun = [Progress(tmp_path, parse_sink(sink), wanted) for sink in written for wanted in (Wanted(1), Wanted(1, 2))]
    begun[0].path.parent.mkdir()
    for number, progress in enumerate(begun, 1):
        assert progress.read() == Position()
        progress.write(Position(number))
    again = Progress(tmp_path, parse_sink("shop=kafka://broker?topic=t&shape=trips&compression=gzip"), Wanted(1))
    assert again.read() == Position(3)


def test_the_lag_of_no_sink_is_no_table(typed: Type, tmp_path: Path) -> None:
    answer = typed("events", "lag", TRAVIO_DATA=str(tmp_path), TRAVIO_EVENTS="none")
    assert (answer.status, answer.err) == (2, "TRAVIO_EVENTS has no sink\n")
