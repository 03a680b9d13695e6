"""A service that is killed between a POST to its webhook and the note of it: at least once, in order, nothing lost."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from travio_inventory.client import Refusal
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.store.sqlite import SqliteView
from verification.kit.service_process import ServiceProcess, eventually, serving
from verification.kit.trips import trip_of
from verification.servers.webhook_receiver import SECRET, WebhookReceiver, webhook_receiver

HOLDS, KILLS = 40, 5
PATH = "/x"

pytestmark = pytest.mark.thorough


async def test_killed_between_a_post_and_its_note_nothing_is_lost_or_out_of_order(tmp_path: Path) -> None:
    """Each answer takes a while, so a kill is often in the middle of one. Every tenth hold is refused for good."""
    (tmp_path / "secrets").write_text(f"{SECRET}\n")
    with webhook_receiver(tmp_path) as receiver:
        receiver.plan(PATH, {"delay_s": 0.1})
        events = f"shop={receiver.url}{PATH}#secret_file={tmp_path}/secrets"
        async with serving(tmp_path, TRAVIO_EVENTS=events, TRAVIO_RELAY_INTERVAL_MS="50") as service:
            async with service.client() as client:
                await client.open_trip(trip_of("t1", seats=HOLDS, segments=1, seats_per_group=4))
            held: list[str] = []
            for at in range(HOLDS):
                async with service.client() as client:
                    with suppress(Refusal, OSError):
                        hold = await client.hold("t1", "S0", "S1", [f"seat-{at + 1}"])
                        held.append(hold.id)
                        await client.release(hold.id)
                if at % (HOLDS // KILLS) == 5:
                    service.kill()
                    await service.start()
                if at == HOLDS // 2:
                    refused = {"about": held[-1], "status": 410, "delay_s": 0.1}
                    receiver.plan(PATH, refused, {"delay_s": 0.1})  # type: ignore[arg-type]  # a rule
                    dead = held[-1]
            await eventually(lambda: has_all(receiver, held, dead), within_s=90)
            for hold_id in held:
                if hold_id != dead:
                    came = [json.loads(got["body"]) for got in receiver.got(PATH) if hold_id in got["body"]]
                    first = list(dict.fromkeys(each["ordinal"] for each in came))
                    assert first == sorted(first), hold_id
            assert len(await letters_of(service)) == len({*await letters_of(service)})
            assert {each for each in await letters_of(service) if dead in each}
            assert await service.stop() == 0


async def has_all(receiver: WebhookReceiver, held: list[str], dead: str) -> bool:
    """Whether the creation and the release of each hold were taken, but for those of the one that is refused."""
    taken = [json.loads(got["body"]) for got in await asyncio.to_thread(receiver.got, PATH) if got["status"] < 300]
    known = {(each["subject"], each["type"]) for each in taken}
    return all((hold, "hold.created") in known for hold in held if hold != dead)


async def letters_of(service: ServiceProcess) -> list[str]:
    """The subjects of its dead letters with their types."""
    async with SqliteView.open(service.data) as store:
        letters = DeadLetters(store, SystemClock())
        with anyio.fail_after(60):
            return [
                f"{each.letter.place} {each.letter.topic}"
                for of in await letters.lists()
                async for each in letters.each(of)
            ]
