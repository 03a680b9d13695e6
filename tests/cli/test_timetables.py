"""Seat plans and timetables as an operator brings them: commands typed against a service."""

import json
import re
import shlex
import signal
import sys
from itertools import islice
from pathlib import Path
from secrets import token_hex
from subprocess import PIPE, Popen

import anyio
import pytest

from tests.imports.feeds import PLAN, feed, planned, zipped
from tests.typed import ROOT, Type
from travio_inventory.cli import examples
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.opening import Outcome, Outcomes, open_all
from travio_inventory.cli.trip_files import read_trip
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.gtfs.trips import PlannedTrip
from travio_inventory.imports.plan_text import plan_toml
from travio_inventory.imports.seat_plans import read_plan
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import Trip
from verification.kit.child_process import ended
from verification.kit.service_process import ServiceProcess

LETTERS = 100
"""Of the names of many trips, so that their lines are long."""
PIPE_BYTES = 4_096
"""An import whose lines nobody reads goes no further than this, and what has been read ahead."""
SATURDAY, MONDAY = "2094-06-05", "2094-06-07"
NOBODY = "localhost:1"


@pytest.fixture
def terminal(server: ServiceProcess, typed: Type) -> Type:
    """Types commands for a new organization."""
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": token_hex(4)}
    return lambda *words, **more: typed(*words, **{**environment, **more})


@pytest.fixture
def bus(tmp_path: Path) -> str:
    path = tmp_path / "bus.toml"
    path.write_text(examples.plan_text("bus"))
    return str(path)


@pytest.fixture
def coast(typed: Type, tmp_path: Path) -> str:
    """The example feed, in a folder."""
    path = str(tmp_path / "coast")
    assert typed("import", "example", path).status == 0
    return path


def many(folder: Path, trips: int) -> Path:
    """A feed of so many trips on one day."""
    ids = [f"{'t' * LETTERS}{at}" for at in range(trips)]
    return feed(
        folder,
        trips="route_id,service_id,trip_id\n" + "".join(f"r,daily,{each}\n" for each in ids),
        stop_times="trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        + "".join(f"{each},8:00:00,8:00:00,a,1\n{each},9:00:00,9:00:00,b,2\n" for each in ids),
    )


def test_the_example_feed_is_opened_and_sold(terminal: Type, coast: str, bus: str) -> None:
    words = ("import", "gtfs", coast, "--seat-plan", bus, "--date", SATURDAY)
    opened = terminal(*words)
    assert (opened.status, opened.err) == (0, "")
    assert opened.out.splitlines()[-1] == "2094-06-05: 7 opened; 0 do not run on that date"
    (loop,) = (line for line in opened.out.splitlines() if "ring-0800" in line)
    assert "market is visited 2 times: begins segments 1 and 4, ends segments 0 and 3" in loop
    later = terminal("hold", "ring-0800@2094-06-05", "market", "harbour", "1A", "--segments", "4")
    assert later.status == 0, later.err
    shuttle = terminal("trip", "show", "shuttle@2094-06-05T06:40:00", "--json").plain
    assert [each["arrives_at"] for each in shuttle["segments"]] == ["2094-06-05T04:55:00+00:00"]
    night = terminal("trip", "show", "night-2230@2094-06-05", "--json").plain
    assert [(each["from"], each["departs_at"], each["arrives_at"]) for each in night["segments"]] == [
        ("harbour", "2094-06-05T20:30:00+00:00", "2094-06-05T21:45:00+00:00"),
        ("border", "2094-06-05T22:35:00+00:00", "2094-06-06T00:40:00+00:00"),
    ]


def test_an_import_that_is_repeated_opens_what_is_missing_and_says_what_was_open(
    terminal: Type, coast: str, bus: str
) -> None:
    words = ("import", "gtfs", coast, "--seat-plan", bus, "--date", SATURDAY, "--json")
    assert terminal(*words, "--route", "ring").plain["counts"] == {"opened": 2}
    again = terminal(*words)
    assert (again.status, again.plain["counts"]) == (0, {"was open": 2, "opened": 5})
    assert {row["outcome"] for row in again.plain["trips"] if row["route"] == "ring"} == {"was open"}


def test_a_trip_that_is_open_with_other_seats_is_refused_and_the_others_are_opened(
    terminal: Type, coast: str, bus: str, tmp_path: Path
) -> None:
    words = ("import", "gtfs", coast, "--date", SATURDAY)
    assert terminal(*words, "--seat-plan", bus, "--route", "night").status == 0
    other = tmp_path / "other.toml"
    other.write_text(Path(bus).read_text().replace("price_minor = 1_200", "price_minor = 1_300"))
    refused = terminal(*words, "--seat-plan", str(other), "--json")
    assert (refused.status, refused.plain["counts"]) == (1, {"opened": 6, "refused": 1})
    (row,) = (row for row in refused.plain["trips"] if row["outcome"] == "refused")
    assert row["notes"] == ["this trip is already open with other prices; nothing was changed"]
    assert refused.err == "not every trip can be opened: their lines say why\n"


def test_a_trip_whose_prices_and_times_were_changed_since_was_open(terminal: Type, coast: str, bus: str) -> None:
    words = ("import", "gtfs", coast, "--date", SATURDAY, "--seat-plan", bus, "--route", "night", "--json")
    (row,) = terminal(*words).plain["trips"]
    assert terminal("trip", "times", row["trip"], "0=2094-06-05T20:00/").status == 0
    assert terminal("trip", "prices", row["trip"], "--seat", "1A=77").status == 0
    again = terminal(*words)
    assert (again.status, again.plain["counts"]) == (0, {"was open": 1})
    assert again.plain["trips"][0]["notes"] == ["its times and prices were changed since it was opened, and stay"]


def test_a_trip_that_is_cancelled_or_has_another_vehicle_was_open_and_it_is_said(
    terminal: Type, coast: str, bus: str, tmp_path: Path
) -> None:
    words = ("import", "gtfs", coast, "--date", SATURDAY, "--seat-plan", bus, "--route", "night", "--json")
    (row,) = terminal(*words).plain["trips"]
    small = tmp_path / "small.toml"
    small.write_text(Path(bus).read_text().replace('rows = "1-8"', 'rows = "1-7"'))
    assert terminal("trip", "swap", row["trip"], str(small)).status == 0
    said = "its vehicle (swapped) was changed since it was opened, and stays"
    for command, notes in (((), said), (("trip", "cancel", row["trip"], "--yes"), f"{said}; it is cancelled")):
        assert not command or terminal(*command).status == 0
        again = terminal(*words)
        assert (again.status, again.plain["counts"]) == (0, {"was open": 1})
        assert again.plain["trips"][0]["notes"] == [notes]


def test_the_trips_of_a_feed_have_the_seats_of_a_stored_plan(terminal: Type, coast: str, bus: str) -> None:
    words = ("import", "gtfs", coast, "--stored-plan", "bus", "--date", SATURDAY)
    missing = terminal(*words)
    assert (missing.status, missing.out) == (1, "")
    assert missing.err.startswith("so far: none\nseat plan not found")
    assert terminal("plan", "put", bus, "bus").status == 0
    assert terminal(*words, "--json").plain["counts"] == {"opened": 7}
    ring = terminal("trip", "show", "ring-0800@2094-06-05", "--json").plain
    assert (len(ring["seats"]), ring["vehicle"], ring["time_zone"]) == (36, "City bus, 36 seats", "Europe/Berlin")
    again = terminal("import", "gtfs", coast, "--seat-plan", bus, "--date", SATURDAY, "--json")
    assert again.plain["counts"] == {"was open": 7}


def test_a_dry_run_with_a_stored_plan_checks_what_the_feed_says(typed: Type, tmp_path: Path) -> None:
    path = many(tmp_path, 2)
    text = (path / "stop_times.txt").read_text()
    (path / "stop_times.txt").write_text(text.replace("t1,9:00:00,9:00:00", "t1,7:00:00,7:00:00"))
    said = typed("import", "gtfs", str(path), "--stored-plan", "bus", "--date", SATURDAY, "--dry-run", "--json")
    assert [row["outcome"] for row in said.plain["trips"]] == ["would be opened", "left out"]
    assert "is before the departure from 'a'" in said.plain["trips"][1]["notes"][0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--seat-plan"),
        (("--seat-plan", "bus.toml", "--stored-plan", "bus"), "--stored-plan"),
        (("--stored-plan", "a\n"), "--stored-plan: "),
    ],
)
def test_an_import_has_one_plan(typed: Type, coast: str, words: tuple[str, ...], said: str) -> None:
    answer = typed("import", "gtfs", coast, "--date", SATURDAY, *words)
    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err


def test_a_dry_run_says_what_would_be_opened_and_asks_no_service(typed: Type, coast: str, bus: str) -> None:
    words = ("import", "gtfs", coast, "--seat-plan", bus, "--date", MONDAY, "--dry-run", "--target", NOBODY)
    said = typed(*words)
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[-1] == "2094-06-07: 3 would be opened; 2 do not run on that date"
    shuttles = typed(*words[:-4], SATURDAY, *words[-3:], "--route", "shuttle", "--json").plain["trips"]
    assert [each["trip"].partition("@")[2] for each in shuttles] == [
        f"2094-06-05T06:{minute}:00" for minute in ("00", "20", "40")
    ]
    rows = typed(*words, "--json").plain["trips"]
    assert [(row["trip"], row["departs"], row["segments"], row["outcome"]) for row in rows] == [
        ("ring-0800@2094-06-07", "2094-06-07T08:00:00+02:00", 5, "would be opened"),
        ("night-2230@2094-06-07", "2094-06-07T22:30:00+02:00", 2, "would be opened"),
        ("express-0900@2094-06-07", "2094-06-07T09:00:00+02:00", 2, "would be opened"),
    ]


def test_a_trip_that_cannot_be_opened_is_shown_with_its_reason_and_the_others_are_opened(
    terminal: Type, bus: str, tmp_path: Path
) -> None:
    path = many(tmp_path, 3)
    text = (path / "stop_times.txt").read_text()
    (path / "stop_times.txt").write_text(text.replace("t1,9:00:00,9:00:00", "t1,7:00:00,7:00:00"))
    words = ("import", "gtfs", str(path), "--seat-plan", bus, "--date", SATURDAY)
    planned_only = terminal(*words, "--dry-run")
    assert planned_only.status == 1
    assert "left out" in planned_only.out
    opened = terminal(*words)
    assert (opened.status, opened.err) == (1, "not every trip can be opened: their lines say why\n")
    assert "the arrival at 'b' is before the departure from 'a'" in opened.out
    assert opened.out.splitlines()[-1] == "2094-06-05: 2 opened, 1 left out; 0 do not run on that date"


def test_without_a_service_nothing_is_opened(typed: Type, coast: str, bus: str) -> None:
    said = typed("import", "gtfs", coast, "--seat-plan", bus, "--date", SATURDAY, "--target", NOBODY)
    assert said.status == Exit.NO_SERVICE
    assert said.out == ""
    assert said.err.splitlines()[0] == "so far: none"
    assert "nothing answers at localhost:1" in said.err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--date": "2094-02-30"}, "Must be a date, YYYY-MM-DD, not '2094-02-30'"),
        ({"--at-once": "0"}, "--at-once"),
        ({"--route": "none"}, "routes.txt has no route 'none'"),
        ({"--seat-plan": "none.toml"}, "none.toml: No such file or directory: `travio-inventory plan example`"),
    ],
)
def test_a_wrong_option_is_named(typed: Type, coast: str, bus: str, changed: dict[str, str], said: str) -> None:
    options = {"--seat-plan": bus, "--date": SATURDAY, **changed}
    answer = typed("import", "gtfs", coast, *(word for option in options.items() for word in option))
    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err


def test_what_is_no_feed_is_wrong_input(typed: Type, bus: str) -> None:
    answer = typed("import", "gtfs", bus, "--seat-plan", bus, "--date", SATURDAY)
    assert (answer.status, answer.err) == (2, f"{bus}: not a zip file that can be read: File is not a zip file\n")


def test_the_folder_of_an_example_is_never_one_that_is_there(typed: Type, coast: str) -> None:
    assert typed("import", "example", coast).err == f"{coast}: File exists\n"


class Watched(InventoryClient):
    """A client that counts its calls at the same time."""

    now = most = 0

    async def open_trip(self, trip: Trip | TripOnPlan) -> Opening:
        """Open it, and count."""
        self.now += 1
        self.most = max(self.most, self.now)
        opening = await super().open_trip(trip)
        self.now -= 1
        return opening


def test_no_more_trips_are_opened_at_once_than_asked_for(server: ServiceProcess, tmp_path: Path) -> None:
    found = planned(many(tmp_path, 40)).values()
    outcomes: list[Outcome] = []

    def tell(_each: PlannedTrip, outcome: Outcome, _reason: str) -> None:
        outcomes.append(outcome)

    async def work() -> int:
        client = Watched(server.target, organization="acme")
        async with client:
            await open_all(client, iter(found), at_once=3, tell=tell)
        return client.most

    assert anyio.run(work) == 3
    assert outcomes == [Outcome.OPENED] * 40


def test_a_trip_that_a_retry_may_open_weighs_more_than_a_refused_one() -> None:
    outcomes = Outcomes()
    assert (outcomes.exit, str(outcomes)) == (Exit.DONE, "none")
    outcomes.counts[Outcome.REFUSED] += 1
    assert outcomes.exit == Exit.NO
    outcomes.counts[Outcome.RETRY] += 2
    assert (outcomes.exit, str(outcomes)) == (Exit.ASK_AGAIN, "1 refused, 2 not opened, retry")


@pytest.mark.once
def test_an_interrupted_import_says_how_far_it_came_and_goes_on_where_it_was(
    server: ServiceProcess, terminal: Type, tmp_path: Path
) -> None:
    (tmp_path / "feed").mkdir()
    plan = tmp_path / "plan.toml"
    plan.write_text(plan_toml(PLAN))
    words = ("import", "gtfs", str(zipped(many(tmp_path / "feed", 400))), "--seat-plan", str(plan))
    where = ("--date", SATURDAY, "--target", server.target, "--organization", token_hex(4), "--at-once", "2")
    command = [sys.executable, "-m", "travio_inventory.cli", *words, *where]
    with ended(Popen(command, cwd=ROOT, stdout=PIPE, stderr=PIPE, text=True, pipesize=PIPE_BYTES)) as running:
        assert running.stdout is not None
        before = list(islice(running.stdout, 20))
        running.send_signal(signal.SIGINT)
        rest, said = running.communicate(timeout=30)
    assert running.returncode == Exit.INTERRUPTED
    opened = len(before) + len(rest.splitlines())
    so_far, why = said.splitlines()
    assert so_far in (f"so far: {opened} opened", f"so far: {opened + 1} opened"), "one may be opened and not printed"
    assert why == "interrupted, and the outcome is unknown: run the same command again"
    again = terminal(*words, *where, "--json").plain["counts"]
    assert opened <= again["was open"] <= opened + 2
    assert again["was open"] + again["opened"] == 400


@pytest.mark.parametrize(("system", "kept"), [("pretix", 16), ("seatsio", 16)])
def test_the_plan_of_another_system_is_converted_and_drawn(typed: Type, tmp_path: Path, system: str, kept: int) -> None:
    theirs, ours = tmp_path / "hall.json", tmp_path / "hall.toml"
    theirs.write_text(examples.plan_text(f"hall-{system}"))
    words = ("plan", "convert", str(theirs), str(ours), "--from", system, "--currency", "EUR")
    done = typed(*words, "--price", "Floor=4500")
    assert done.status == 0, done.err
    assert f"{kept} seats" in done.out
    assert "left out       1 " in done.out
    assert "Gallery: they cost 0" in done.out
    shown = typed("plan", "show", str(ours))
    assert "Gallery" in shown.out
    assert "4500 EUR" in shown.out
    assert typed("plan", "show", str(ours), "--json").plain["seats"] == kept
    again = typed(*words)
    assert (again.status, again.err) == (2, f"{ours}: is there already; name another file\n")
    as_json = tmp_path / "ours.json"
    assert typed("plan", "convert", str(theirs), str(as_json), *words[4:], "--price", "Floor=4500").status == 0
    assert read_plan(as_json).seats == read_plan(ours).seats
    assert json.loads(as_json.read_text())["plan"]["currency"] == "EUR"


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_trip_with_the_exported_plan_of_another_is_the_same(terminal: Type, tmp_path: Path, suffix: str) -> None:
    """Opening it once more with that plan changes nothing: it is defined as it was."""
    train = examples.text("shinkansen")
    (tmp_path / "train.toml").write_text(train)
    assert terminal("trip", "open", str(tmp_path / "train.toml")).status == 0
    out = tmp_path / f"plan.{suffix}"
    exported = terminal("plan", "export", "nozomi-1", str(out))
    assert (exported.status, exported.out) == (0, f"{out}: 1323 seats\n")
    head, _, _ = train.partition("[[sections]]")
    with_plan = re.sub(r"^\[trip\]$", f'[trip]\nseat_plan = "{out.name}"', head, flags=re.MULTILINE)
    kept = [line for line in with_plan.splitlines() if not line.startswith(("vehicle", "asset", "currency"))]
    (tmp_path / "train.toml").write_text("\n".join(kept))
    again = terminal("trip", "open", str(tmp_path / "train.toml"))
    assert again.status == 0, again.err
    assert terminal("plan", "export", "nozomi-1", str(out)).err == f"{out}: is there already; name another file\n"


@pytest.mark.parametrize("apart", [False, True])
def test_an_exported_trip_is_opened_as_the_same_trip(terminal: Type, tmp_path: Path, *, apart: bool) -> None:
    """With prices and times as they were changed; under another id it is the same but for that."""
    file, out, seats = (tmp_path / f"{name}.toml" for name in ("launch", "out", "seats"))
    file.write_text(examples.text("launch"))
    trip = read_trip(file).key.trip
    assert terminal("trip", "open", str(file)).status == 0
    assert terminal("trip", "prices", trip, "--class", "vip=777").status == 0
    assert terminal("trip", "times", trip, "0=/").status == 0
    words = ["trip", "export", trip, str(out), *(["--seat-plan", str(seats)] if apart else [])]
    exported = terminal(*words)
    assert (exported.status, exported.err) == (0, "")
    assert exported.out == f"{out}: {len(read_trip(out).stops)} stops, 128 seats\n"
    assert "price_minor = 777" in (seats if apart else out).read_text()
    assert terminal("trip", "open", str(out)).status == 0
    assert terminal("trip", "open", str(out), "--id", "other").status == 0
    first, other = (json.loads(terminal("trip", "show", each, "--json").out) for each in (trip, "other"))
    assert {**first, "trip": "other", "version": 1} == other
    again = terminal(*words)
    assert (again.status, again.err) == (2, f"{seats if apart else out}: is there already; name another file\n")


@pytest.mark.parametrize("price", ["Floor", "Floor=", "=5", "Floor=1.5", "Floor=-1"])
def test_a_price_is_a_class_and_a_number(typed: Type, tmp_path: Path, price: str) -> None:
    answer = typed("plan", "convert", "a.json", str(tmp_path / "b"), "--from", "pretix", "--price", price)
    assert answer.status == 2
    assert "Must be CLASS=PRICE in minor units" in answer.err


@pytest.mark.parametrize("name", examples.plan_names())
def test_every_example_of_a_plan_is_listed_and_printed(typed: Type, name: str) -> None:
    assert f"\n{name} " in f"\n{typed('plan', 'example').out}"
    assert typed("plan", "example", name).out == examples.plan_text(name)
    assert typed("plan", "example", "none").status == 2


def test_the_commands_of_the_page_work_as_they_are_written(
    server: ServiceProcess, typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "timetables.md").read_text()
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": token_hex(4)}
    monkeypatch.chdir(tmp_path)
    lines = block.splitlines()
    assert len(lines) > 4
    for line in lines:
        command, _, out = line.removeprefix("travio-inventory ").partition(" > ")
        said = typed(*shlex.split(command), **environment)
        assert (said.status, said.err) == (0, ""), line
        if out:
            Path(out).write_text(said.out)
