"""A replay that is killed again and again, whose broker dies, and that is begun anew each time: the broker has all."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.system.test_shared_relays_brokers import MakeBroker, kafka, nats, rabbitmq
from travio_inventory.app.service import open_inventory
from travio_inventory.cli.exits import Exit
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.commands import GiveBackCommand
from travio_inventory.seats.trip import Ends
from verification.kit.asking import hold_seats, open_trip
from verification.kit.in_process import settings_of
from verification.kit.service_process import ServiceProcess
from verification.kit.trips import a_trip

DIES = ("1", "2", "3", "1")
"""At which piece after the second note of its position a replay is killed."""
SAVED_EVERY, PIECE = 10, 4
"""Events between two notes of the position, and events of a piece."""
SEATS = 60
RUN_S_MAX = 120
REPLAY = f"""
import asyncio, os, random, signal, sys
from travio_inventory.app import replaying
from travio_inventory.cli import main
from travio_inventory.events import replay
from travio_inventory.protocol import recorded_events
replaying.SAVE_EVERY, recorded_events.EVENTS_PER_READ, replaying.DOWN_S_MAX = {SAVED_EVERY}, {PIECE}, 1.0
write, publish, dies_at = replaying.Progress.write, replay.Replay._publish, int(sys.argv[1])
notes = pieces = 0
def noting(self, position):
    global notes
    write(self, position)
    notes += 1
async def publish_or_die(self, events):
    global pieces
    pieces += notes >= 2
    if not dies_at or pieces < dies_at:
        return await publish(self, events)
    if dies_at > 1:
        on_its_way = asyncio.ensure_future(publish(self, events))
        await asyncio.sleep(random.uniform(0, 0.02))
    os.kill(os.getpid(), signal.SIGKILL)
replaying.Progress.write, replay.Replay._publish = noting, publish_or_die
main(sys.argv[2:])
"""
"""The command, whose process is killed before it publishes such a piece, or while that is on its way; 0: never."""


class Ran(NamedTuple):
    """How a command ended, and what it showed on its terminal."""

    status: int
    out: str
    shown: str


def replayed(service: ServiceProcess, sink: str, *, dies_at: str = "0") -> Ran:
    """Type the command on a terminal; the sink, which has a password, is in a variable."""
    command = [sys.executable, "-c", REPLAY, dies_at, "events", "replay", "--from", "2020-01-01"]
    environment = service.environment | {"TRAVIO_TO_SINK": f"shop={sink}", "TERM": "xterm"}
    ours, its = pty.openpty()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=its, text=True) as running:
        os.close(its)
        shown = b""
        with suppress(OSError):  # so ends a terminal whose last program has ended
            while part := os.read(ours, 4_096):
                shown += part
        out, _ = running.communicate(timeout=RUN_S_MAX)
    os.close(ours)
    return Ran(running.returncode, out, shown.decode())


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(kafka, id="kafka", marks=pytest.mark.kafka),
        pytest.param(rabbitmq, id="rabbitmq", marks=pytest.mark.rabbitmq),
        pytest.param(nats, id="nats", marks=pytest.mark.nats),
    ],
)
async def test_a_replay_that_is_killed_goes_on_and_the_broker_has_all_in_order(
    make: MakeBroker, tmp_path: Path
) -> None:
    service = ServiceProcess(tmp_path, TRAVIO_EVENTS="json-lines")
    await sell(tmp_path)
    told = {event["id"]: event for event in service.events()}
    assert len(told) == 3 * SEATS
    (tmp_path / "broker").mkdir()
    async with make(tmp_path / "broker") as broker:
        sink = broker.receiver.sink
        for dies_at in DIES:
            killed = await asyncio.to_thread(replayed, service, sink, dies_at=dies_at)
            assert killed.status == -signal.SIGKILL, killed
            assert "events to shop, the last of 20" in killed.shown
        had = {event["id"] for event in await broker.receiver.arrived()}
        assert 2 * len(DIES) * SAVED_EVERY <= len(had) < len(told), "each goes on where the last one was"

        broker.server.kill()
        down = await asyncio.to_thread(replayed, service, sink)
        assert down.status == Exit.ASK_AGAIN
        assert "the same command goes on from here" in down.shown

        await asyncio.to_thread(broker.restart)
        rest = await asyncio.to_thread(replayed, service, sink)
        assert rest.status == Exit.DONE, rest
        assert "events published to shop" in rest.out
        assert "100 %" in rest.shown

        arrived = await broker.receiver.arrived()
    assert {event["id"]: event for event in arrived} == told
    in_order_per_key(arrived)
    assert len(arrived) - len(told) <= (len(DIES) + 1) * (SAVED_EVERY + 2 * PIECE)


async def sell(folder: Path) -> None:
    """Holds on three trips, in many seat groups, each of which is released."""
    async with open_inventory(settings_of(folder, events="json-lines")) as inventory:
        actor = Actor("acme", "ann")
        for name in ("t1", "t2", "t3"):
            trip = a_trip(name, organization="acme", seats=SEATS // 2, seats_per_group=5)
            await open_trip(inventory, trip)
            for seat in trip.seats:
                hold = await hold_seats(inventory, actor, name, Ends("A", "D"), [seat.id])
                await inventory.release_hold(actor, GiveBackCommand(hold_id=hold.id))


def in_order_per_key(arrived: list[dict[str, object]]) -> None:
    """The first copies of what happened to each hold count up from 0."""
    first = {event["id"]: event for event in arrived}
    known: Counter[object] = Counter()
    for event in first.values():
        assert event["ordinal"] == known[event["subject"]], event
        known[event["subject"]] += 1
