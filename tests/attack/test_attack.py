"""Each attack, small: legal answers only, nobody else harmed, memory and log bounded, and a clean stop in the end.

One service takes all of them, one after the other, so that the next one would show what one leaves behind.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from verification.attack import floods
from verification.attack.assault import Assault, Attack
from verification.attack.attacks import ATTACKS, NOT_TAKEN
from verification.attack.siege import Outcome, Siege, siege
from verification.kit.frames import asked, opened
from verification.kit.requests import path_of

pytestmark = pytest.mark.long

SCALE = 0.01
QUIET_SECONDS = 0.1
WAIT_SECONDS_MAX = 60
"""Other tests run at the same time."""
CONNECTIONS_MAX = 80
"""Fewer than the idle connections at this scale."""


@pytest.fixture(scope="module", params=["lean", pytest.param("grpclib", marks=pytest.mark.thorough)])
async def besieged(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[Siege]:
    folder, settings = tmp_path_factory.mktemp("siege"), {"TRAVIO_SERVER": request.param}
    settings["TRAVIO_CONNECTIONS_MAX"] = str(CONNECTIONS_MAX)
    async with siege(folder, wait_seconds_max=WAIT_SECONDS_MAX, **settings) as besieged:
        yield besieged


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(attack, id=attack.name, marks=pytest.mark.once if number % 9 else ())
        for number, attack in enumerate(each for each in ATTACKS if not each.with_tokens)
    ],
)
async def test_an_attack_harms_nobody(besieged: Siege, attack: Attack) -> None:
    outcome = await besieged.bear(attack, scale=SCALE, quiet_seconds=QUIET_SECONDS)
    assert outcome.broken == []


@pytest.mark.once
@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.with_tokens], ids=lambda attack: attack.name)
async def test_an_attack_without_a_token_harms_nobody_who_has_one(tmp_path: Path, attack: Attack) -> None:
    async with siege(tmp_path, wait_seconds_max=WAIT_SECONDS_MAX, with_tokens=True) as besieged:
        outcome = await besieged.bear(attack, scale=SCALE, quiet_seconds=QUIET_SECONDS)
    assert (outcome.broken, outcome.told) == ([], {"1008": outcome.facts["sockets"]})


async def test_a_forbidden_answer_to_an_attack_is_noticed(besieged: Siege) -> None:
    async def fill(assault: Assault) -> None:
        async with assault.connections(2 * CONNECTIONS_MAX) as connections:
            for connection in connections:
                connection.write(opened(1, path_of("HoldSeats")))
            await asyncio.wait(
                [asyncio.create_task(connection.end(within_s=20)) for connection in connections],
                return_when="FIRST_COMPLETED",
            )

    outcome = await besieged.bear(Attack("full", fill, frozenset(NOT_TAKEN)), scale=1, quiet_seconds=QUIET_SECONDS)
    assert any("was told closed" in said for said in outcome.broken)


async def test_a_call_that_is_never_answered_is_noticed(besieged: Siege, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of the calls that watch only begins to be made: so it is waited for in vain."""
    monkeypatch.setattr(floods, "BEGIN_SECONDS_MAX", 2.0)
    monkeypatch.setattr(floods, "asked", all_but_the_last)
    [attack] = [each for each in ATTACKS if each.run is floods.watching_calls]
    outcome = await besieged.bear(attack, scale=SCALE, quiet_seconds=QUIET_SECONDS)
    assert any("was told no answer, 1 times" in said for said in outcome.broken)


@pytest.mark.once
async def test_harm_to_others_is_noticed(tmp_path: Path) -> None:
    """A service that dies during an attack: its old callers, its new ones, and its exit status."""
    outcomes: list[Outcome] = []
    with pytest.raises(AssertionError, match="ended with status -9"):
        await bear_a_deadly_attack(tmp_path, outcomes)
    (outcome,) = outcomes
    assert "log: the service died" in outcome.broken
    assert any("a well-behaved caller was told connection lost during" in said for said in outcome.broken)
    assert any("new callers" in said and "were not served during" in said for said in outcome.broken)


def all_but_the_last(stream_id: int, path: str, message: bytes, *headers: tuple[str, str]) -> bytes:
    """The call; the last one on its connection without its message."""
    if stream_id == 2 * floods.CALLS_OPEN - 1:
        return opened(stream_id, path, *headers)
    return asked(stream_id, path, message, *headers)


async def bear_a_deadly_attack(folder: Path, outcomes: list[Outcome]) -> None:
    async with siege(folder) as besieged:

        async def kill(_: Assault) -> None:
            besieged.service.tell(signal.SIGKILL)
            await asyncio.sleep(1)

        outcomes.append(await besieged.bear(Attack("deadly", kill, frozenset()), scale=1, quiet_seconds=QUIET_SECONDS))
