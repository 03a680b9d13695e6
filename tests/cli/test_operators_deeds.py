"""What operators do by commands on the store itself is among the deeds of the house, on each store."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from pwd import getpwuid
from typing import Any
from uuid import uuid4

import anyio
import pytest

from tests.events.kept_letters import SHOP_IN, memory
from tests.rest.test_description import AT_THE_MACHINE
from tests.typed import ROOT, Type, Typed
from travio_inventory.app import replaying
from travio_inventory.app.backends import open_guest
from travio_inventory.app.deeds import STOPPED, one_deed, operator_here
from travio_inventory.app.letter_desk import CHANGED, LetterDesk
from travio_inventory.app.service import open_inventory
from travio_inventory.cli.commands import COMMANDS
from travio_inventory.events.inbound.letters import SourceLetters
from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.kernel.actor import Actor, ActorKind, Scope, operator
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.dead_letter_rows import Status
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.seats.deed import BEGAN, DONE
from travio_inventory.seats.records.deeds import TEXT_MAX, Deeds
from travio_inventory.seats.trip import Ends
from travio_inventory.settings import load_settings
from travio_inventory.store.scylla.schema import ours
from verification.kit.asking import hold_seats, open_trip
from verification.kit.faulty_batches import FaultyBatches, Spoil
from verification.kit.in_process import settings_of
from verification.kit.trips import a_trip
from verification.servers.cassandra import Cassandra

ANN = Actor("default", "ann")
PACKAGE = "travio_inventory"


def at(cassandra: Cassandra) -> dict[str, str]:
    """The environment that leads to a keyspace of the test's own."""
    return {
        "SCYLLA_HOSTS": f"{cassandra.hosts[0]}:{cassandra.port}",
        "TRAVIO_SCYLLA_KEYSPACE": f"deeds_{uuid4().hex[:12]}",
        "TRAVIO_ENVIRONMENT": "development",
    }


@pytest.fixture(params=["embedded", pytest.param("cluster", marks=[pytest.mark.once, pytest.mark.scylla])])
def where(request: pytest.FixtureRequest, tmp_path: Path, typed: Type) -> dict[str, str]:
    """The environment of a service, and of the commands beside it, on each store."""
    shared = {"TRAVIO_EVENTS": "none", "TRAVIO_EDGE": "local", "TRAVIO_DATA": str(tmp_path / "data")}
    if request.param == "embedded":
        return shared
    cluster = shared | at(request.getfixturevalue("cassandra_node"))
    assert typed("schema", "apply", "--replication", "1", **cluster).status == 0
    return cluster


@pytest.fixture
def beside(where: dict[str, str], typed: Type, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Typed]]:
    """Types commands beside a process that is on the store, and has sold two seats and kept two dead letters there."""
    for name, value in where.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(background=False)

    async def run(*commands: tuple[str, ...]) -> list[Typed]:
        async with open_inventory(settings) as inventory:
            trip = a_trip(organization="default")
            await open_trip(inventory, trip)
            for seat in ("A1", "A2"):
                await hold_seats(inventory, ANN, trip.key.trip, Ends("A", "D"), [seat])
            async with open_guest(settings) as store:
                letters = SourceLetters(DeadLetters(store.batches, SystemClock()), "shop", SystemClock())
                for number in (1, 2):
                    await letters.put(Message("tea", f"tea/0@{number}", b"%d" % number, ()), Unfit("NOT_JSON", "no"))
            return [await anyio.to_thread.run_sync(partial(typed, *words)) for words in commands]

    return lambda *commands: anyio.run(run, *commands)


def deeds(typed: Typed, *verbs: str) -> list[dict[str, Any]]:
    """The deeds with these verbs, of the command's lines."""
    return [deed for deed in map(json.loads, typed.out.splitlines()) if deed["verb"] in verbs]


def test_who_requeued_or_discarded_which_dead_letter_is_in_the_record(beside: Callable[..., list[Typed]]) -> None:
    ids = "dead-letters", "--of", "shop", "--json"
    found, requeued, discarded, told, of_acme = beside(
        ("events", *ids),
        ("events", "requeue", "--all", "--wait", "0"),
        ("events", "discard", "--all", "--yes"),
        ("deeds", "--json"),
        ("deeds", "--organization", "acme", "--json"),
    )
    assert (requeued.status, discarded.status) == (3, 0)
    letters = [json.loads(line)["letter"] for line in found.out.splitlines()]
    assert len(letters) == 2
    done = deeds(told, "requeue dead letter", "discard dead letter")
    assert sorted((deed["verb"], deed["about"], deed["outcome"]) for deed in done) == sorted(
        (verb, f"{letter} in shop NOT_JSON", "done")
        for verb in ("requeue dead letter", "discard dead letter")
        for letter in letters
    )
    assert {deed["who"] for deed in done} == {f"house {operator_here().user}"}
    assert deeds(told, "open trip")[0]["at_ms"] <= done[0]["at_ms"] <= done[-1]["at_ms"]
    assert deeds(of_acme, "requeue dead letter", "discard dead letter", "open trip") == done


def test_who_replayed_which_events_to_where_is_in_the_record_without_a_password(
    beside: Callable[..., list[Typed]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "DOWN_S_MAX", 0)
    copy = f"copy=json-lines:{tmp_path}/copy.jsonl"
    whole, stopped, told = beside(
        ("events", "replay", "--from", "2020-01-01", "--to", "2099-01-01", "--trip", "t1", "--to-sink", copy),
        ("events", "replay", "--from", "2020-01-01", "--to-sink", "redis://ann:s3cret@127.0.0.1:1"),
        ("deeds", "--json"),
    )
    assert (whole.status, stopped.status) == (0, 3)
    done = deeds(told, "replay events")
    times = "2020-01-01T00:00:00.000Z..2099-01-01T00:00:00.000Z"
    assert [(deed["about"], deed["outcome"]) for deed in done] == [
        (f"{times} t1 to copy: file {tmp_path}/copy.jsonl"[:TEXT_MAX], "2 published, 0 refused"),
        (
            "2020-01-01T00:00:00.000Z.. to redis: stream inventory:events of 0 at 127.0.0.1:1",
            "stopped, 0 published",
        ),
    ]
    assert "s3cret" not in told.out


@pytest.mark.once
def test_who_applied_the_tables_is_in_the_record_the_first_time_too(typed: Type, cassandra_node: Cassandra) -> None:
    where = at(cassandra_node)
    for _ in range(2):
        assert typed("schema", "apply", "--replication", "1", **where).status == 0
    told = deeds(typed("deeds", "--json", **where), "apply schema")
    said = f"version {ours().version} in {where['TRAVIO_SCYLLA_KEYSPACE']}"
    assert [(deed["who"], deed["about"], deed["outcome"]) for deed in told] == [
        (f"house {operator_here().user}", said, "done")
    ] * 2


@pytest.mark.once
def test_an_application_of_the_tables_that_fails_on_the_way_has_begun(typed: Type, cassandra_node: Cassandra) -> None:
    where = at(cassandra_node)
    assert typed("schema", "apply", "--replication", "1", **where).status == 0
    assert typed("schema", "apply", "--replication", "1", TRAVIO_SCYLLA_SERIAL="global", **where).status == 1
    told = deeds(typed("deeds", "--json", **where), "apply schema")
    assert [deed["outcome"] for deed in told] == ["done", "began"]


def test_who_restored_a_backup_is_in_the_record_of_what_was_restored(typed: Type, tmp_path: Path) -> None:
    data = {"TRAVIO_DATA": str(tmp_path / "data"), "TRAVIO_EDGE": "local"}
    anyio.run(opened_and_closed, tmp_path)
    file = tmp_path / "copy.db"
    assert typed("backup", str(file), **data).status == 0
    assert typed("restore", str(file), "--replace", **data).status == 0
    (done,) = deeds(typed("deeds", "--json", **data), "restore backup")
    assert (done["about"], done["outcome"]) == (str(file)[:TEXT_MAX], "done")


async def opened_and_closed(folder: Path) -> None:
    """A record in the folder, which no process has."""
    async with open_inventory(settings_of(folder)):
        pass


async def test_without_a_record_nothing_is_done_with_a_letter() -> None:
    store = FaultyBatches(memory(), "")
    letters = DeadLetters(store, SystemClock())
    await SourceLetters(letters, "shop", SystemClock()).put(Message("tea", "tea/0@1", b"1", ()), Unfit("NO", "no"))
    desk = LetterDesk(letters, Deeds(store, SystemClock()))
    [told] = [each async for each in letters.each(SHOP_IN)]
    store.spoil(Spoil.NOT_DONE, lambda _partition, writes: not writes)
    for handle in (desk.requeue, desk.discard):
        with pytest.raises(BackendUnavailable):
            await handle(SHOP_IN, told)
    assert [each.status async for each in letters.each(SHOP_IN)] == [Status.KEPT]


async def test_a_letter_that_has_changed_meanwhile_is_told_as_that() -> None:
    store = memory()
    letters, deeds_ = DeadLetters(store, SystemClock()), Deeds(store, SystemClock())
    await SourceLetters(letters, "shop", SystemClock()).put(Message("tea", "tea/0@1", b"1", ()), Unfit("NO", "no"))
    [told] = [each async for each in letters.each(SHOP_IN)]
    desk = LetterDesk(letters, deeds_)
    assert await desk.discard(SHOP_IN, told)
    assert not await desk.requeue(SHOP_IN, told)
    page = await deeds_.page("", "", after="", most=10)
    assert {deed.verb: deed.outcome for deed in page.deeds} == {
        "discard dead letter": DONE,
        "requeue dead letter": CHANGED,
    }


@pytest.mark.parametrize(
    ("raised", "outcome"), [(KeyboardInterrupt(), STOPPED), (ValueError(), STOPPED), (OutcomeUnknown(), BEGAN)]
)
async def test_a_deed_that_is_cut_short_says_so_unless_nobody_knows(raised: BaseException, outcome: str) -> None:
    deeds_ = Deeds(memory(), SystemClock())
    with pytest.raises(type(raised)):
        async with one_deed(deeds_, operator("ann"), "replay events", "all"):
            raise raised
    page = await deeds_.page("", "", after="", most=10)
    assert [(deed.who, deed.outcome) for deed in page.deeds] == [("house ann", outcome)]


def test_an_operator_is_named_as_they_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ann")
    assert operator_here("acme") == Actor("acme", "ann", frozenset({Scope.HOUSE_WORK}), ActorKind.HOUSE)
    monkeypatch.setenv("SUDO_USER", " no name ")
    assert operator_here().user == f"uid-{os.getuid()}"
    monkeypatch.delenv("SUDO_USER")
    assert operator_here().user == getpwuid(os.getuid()).pw_name


RECORDED = {
    "schema apply": {"apply schema"},
    "events requeue": {"requeue dead letter"},
    "events discard": {"discard dead letter"},
    "events replay": {"replay events"},
    "restore": {"restore backup"},
    "audit": {"repair trip", "repair stock"},
}
"""Commands that change what is in a store without a service, and what their deeds are called."""
CHANGES_NO_STORE = {
    "serve", "work", "settings", "token", "completion", "demo", "verify", "backup",
    "schema check", "events show", "events dead-letters", "events lag",
    "trip example", "plan example", "plan show", "plan convert", "import example",
}  # fmt: skip
"""Commands at the machine that read, write files alone, or have a store of their own."""


def test_each_command_at_the_machine_that_changes_a_store_has_its_deed() -> None:
    """All others ask a service, whose calls have theirs: `test_house_record`, `test_description`. A bench has a service
    of its own, or asks one.
    """
    at_machine = {each.words for each in COMMANDS if {each.words, each.words.split()[0]} & AT_THE_MACHINE}
    benches = {words for words in at_machine if words.startswith("bench ")}
    assert at_machine - benches == RECORDED.keys() | CHANGES_NO_STORE
    written = "".join(path.read_text() for part in ("app", "cli") for path in (ROOT / PACKAGE / part).rglob("*.py"))
    unsaid = {verb for verbs in RECORDED.values() for verb in verbs if f'"{verb}"' not in written}
    assert unsaid == set()
