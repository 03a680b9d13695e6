"""The commands of dead letters: what they list, requeue and discard, in a store alone and beside a running service."""

import asyncio
import json
import sys
from io import StringIO
from pathlib import Path

import anyio
import pytest

from tests.events.kept_letters import SHOP_IN
from tests.typed import Type
from travio_inventory.events.inbound.letters import SourceLetters
from travio_inventory.events.inbound.message import Header, Message, Unfit
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.store.sqlite import SqliteBatches, SqliteView
from verification.kit.service_process import ServiceProcess, serving
from verification.kit.trips import trip_of
from verification.servers.webhook_receiver import SECRET, webhook_receiver


@pytest.fixture
def kept(tmp_path: Path) -> list[str]:
    """Two letters in a store that no process has; their ids."""

    async def keep() -> list[str]:
        async with SqliteBatches.open(tmp_path) as store:
            letters = SourceLetters(DeadLetters(store, SystemClock()), "shop", SystemClock())
            headers = (Header("ce_type", b"tea"),)
            await letters.put(Message("tea", "tea/0@1", b'\xff{"\x1b[2J', headers, key=b"k"), Unfit("NOT_JSON", "no"))
            await letters.put(Message("tea", "tea/0@2", b" " * 600_000), Unfit("TOO_LARGE", "too long"))
            return [each.id async for each in DeadLetters(store, SystemClock()).each(SHOP_IN)]

    return anyio.run(keep)


class Terminal(StringIO):
    """Standard input with somebody at it."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def terminal(typed: Type, tmp_path: Path) -> Type:
    """Types commands of events for the store in the folder."""
    return lambda *words: typed("events", *words, TRAVIO_DATA=str(tmp_path), TRAVIO_EVENTS="none")


def test_letters_are_listed_and_one_is_shown_whole(terminal: Type, kept: list[str]) -> None:
    table = terminal("dead-letters").out.splitlines()
    assert ["NOT_JSON" in table[1], "TOO_LARGE" in table[2], len(table)] == [True, True, 3]
    listed = [json.loads(line) for line in terminal("dead-letters", "--of", "shop", "--json").out.splitlines()]
    assert [(each["letter"], each["way"], each["is_cut"]) for each in listed] == [
        (kept[0], "in", False),
        (kept[1], "in", True),
    ]
    shown = terminal("dead-letters", kept[0][:6])
    assert "ce_type: tea" in shown.out
    assert '\\xff{"' in shown.out
    assert "\x1b" not in shown.out
    whole = json.loads(terminal("dead-letters", kept[0], "--json").out)
    assert (whole["key"], whole["headers"], whole["body"]) == ("k", {"ce_type": "tea"}, '\\xff{"\x1b[2J')


def test_no_letters_is_an_empty_list(terminal: Type, kept: list[str]) -> None:
    assert (terminal("dead-letters", "--of", "other", "--json").out, len(kept)) == ("", 2)


def test_a_requeued_letter_waits_until_a_process_is_there(terminal: Type, kept: list[str]) -> None:
    waits = terminal("requeue", kept[0][:8], "--wait", "0")
    assert (waits.status, waits.out) == (3, f"{kept[0][:12]} of shop: waits: no process has given it again yet\n")
    again = terminal("requeue", kept[0], kept[1], "--wait", "0", "--json")
    said = {line["letter"]: line["said"] for line in map(json.loads, again.out.splitlines())}
    assert again.status == 3
    assert said[kept[1]].startswith("still dead: it was too long to be kept whole")


def test_discarding_asks_and_is_for_ever(terminal: Type, kept: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    unasked = terminal("discard", "--all")
    assert (unasked.status, unasked.err) == (2, "nobody is there to be asked: say --yes\n")
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert terminal("discard", "--all").status == 1
    assert len(terminal("dead-letters", "--json").out.splitlines()) == len(kept)
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert terminal("discard", "--all").status == 1, "the end of the input is no yes"
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    discarded = terminal("discard", kept[0])
    assert (discarded.out, "for ever?" in discarded.err) == (f"{kept[0][:12]} of shop: discarded\n", True)
    assert terminal("discard", "--all", "--yes", "--of", "shop").status == 0
    assert terminal("dead-letters", "--json").out == ""
    for command in ("requeue", "discard"):
        nothing = terminal(command, "--all", "--of", "shpo")
        assert (nothing.status, nothing.out) == (0, "there are no dead letters of shpo\n")
        assert terminal(command, "--all").out == "there are no dead letters\n"
        assert terminal(command, "--all", "--json").out == ""
    gone = terminal("requeue", kept[0])
    assert gone.status == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("requeue",), "name letters, or say --all"),
        (("requeue", "abcdef", "--all"), "name letters, or say --all"),
        (("discard", "abc", "--yes"), "abc: write more of it"),
        (("requeue", "zzzzzz"), "zzzzzz: no dead letter begins with it"),
    ],
)
def test_what_names_no_letter_is_refused(terminal: Type, kept: list[str], words: tuple[str, ...], said: str) -> None:
    answer = terminal(*words)
    assert answer.status == 2
    assert answer.err.startswith(said)
    assert len(terminal("dead-letters", "--json").out.splitlines()) == len(kept)


def test_a_store_that_others_cannot_see_is_refused(typed: Type) -> None:
    answer = typed("events", "dead-letters", TRAVIO_STORE="memory")
    assert answer.status == 2
    assert "TRAVIO_STORE=memory is in the memory of its process alone" in answer.err


def test_events_without_a_command_show_them_and_help_lists_the_commands(typed: Type, tmp_path: Path) -> None:
    alone, whole = typed("events", "--data", str(tmp_path)), typed("events", "show", "--data", str(tmp_path))
    assert alone == whole
    assert "dead-letters" in typed("events", "--help").out


@pytest.mark.once
async def test_letters_of_a_running_service_are_requeued_and_discarded_beside_it(tmp_path: Path, typed: Type) -> None:
    """Embedded, with one process on the folder; its webhook refuses, then takes, then refuses again."""
    (tmp_path / "secrets").write_text(f"{SECRET}\n")
    with webhook_receiver(tmp_path) as receiver:
        receiver.plan("/x", {"status": 410})
        events = f"shop={receiver.url}/x#secret_file={tmp_path}/secrets"
        async with serving(tmp_path, TRAVIO_EVENTS=events, TRAVIO_RELAY_INTERVAL_MS="50") as service:

            def type_it(*words: str) -> tuple[int, list[str]]:
                answer = typed("events", *words, TRAVIO_DATA=str(service.data), TRAVIO_EVENTS=events)
                return answer.status, answer.out.splitlines()

            async with service.client() as client:
                await client.open_trip(trip_of("t1", seats=3, segments=1))
                for seat in ("seat-1", "seat-2", "seat-3"):
                    await client.hold("t1", "S0", "S1", [seat])
                ids = await letters_of(service, 3)
                receiver.plan("/x", {"about": await event_of(service, ids[2]), "status": 422})
                status, said = await asyncio.to_thread(type_it, "requeue", *ids[:2])
                assert (status, said) == (0, [f"{each[:12]} of shop: sent" for each in ids[:2]])
                status, said = await asyncio.to_thread(type_it, "requeue", "--all")
                assert (status, said) == (1, [f"{ids[2][:12]} of shop: still dead: HTTP_422: answer 422"])
                assert (await asyncio.to_thread(type_it, "discard", "--all", "--yes"))[0] == 0
                assert await asyncio.to_thread(type_it, "dead-letters", "--json") == (0, [])
            assert len(receiver.taken("/x")) == 2
            assert await service.stop() == 0
        assert "cannot be written" not in service.log


async def letters_of(service: ServiceProcess, count: int) -> list[str]:
    """The ids of its letters, once there are so many."""
    async with SqliteView.open(service.data) as store:
        letters = DeadLetters(store, SystemClock())
        with anyio.fail_after(60):
            while True:
                found = [each.id for of in await letters.lists() async for each in letters.each(of)]
                if len(found) >= count:
                    return found
                await anyio.sleep(0.1)


async def event_of(service: ServiceProcess, letter_id: str) -> str:
    """The id of the event in the letter."""
    async with SqliteView.open(service.data) as store:
        letters = DeadLetters(store, SystemClock())
        for of in await letters.lists():
            if found := await letters.read(of, letter_id):
                return found.letter.event
    raise AssertionError(letter_id)
