"""Each attack, small: legal answers only, nobody else harmed, memory and log bounded, and a clean stop in the end.

All are borne by one service, one after the other, so that what one leaves behind the next would show.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.attack.assault import Assault, Attack
from tests.attack.attacks import ATTACKS, NOT_TAKEN
from tests.attack.line import opened
from tests.attack.siege import Siege, siege
from tests.system.requests import path_of

SCALE = 0.01
QUIET_SECONDS = 0.1
CONNECTIONS_MAX = 80
"""Fewer than the idle ones of this scale."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def besieged(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Siege]:
    async with siege(tmp_path_factory.mktemp("siege"), TRAVIO_CONNECTIONS_MAX=str(CONNECTIONS_MAX)) as besieged:
        yield besieged


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_harms_nobody(besieged: Siege, attack: Attack) -> None:
    outcome = await besieged.bear(attack, scale=SCALE, quiet_seconds=QUIET_SECONDS)
    assert outcome.broken == []


async def test_a_promise_that_is_broken_is_seen(besieged: Siege) -> None:
    """Answers that the attack may not get, and callers that find no room, or lose theirs to a newcomer."""

    async def fill(assault: Assault) -> None:
        async with assault.lines(2 * CONNECTIONS_MAX) as lines:
            for line in lines:
                line.write(opened(1, path_of("HoldSeats")))
            await asyncio.sleep(1)

    outcome = await besieged.bear(Attack("full", fill, frozenset(NOT_TAKEN)), scale=1, quiet_seconds=QUIET_SECONDS)
    assert any("was told closed" in said for said in outcome.broken)
    assert any("new callers" in said or "well-behaved caller was told" in said for said in outcome.broken)
