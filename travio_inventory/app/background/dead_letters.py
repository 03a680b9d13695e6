"""Gives dead letters again that are wanted, one after the other, and counts those that are left."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import NamedTuple, TypeAlias

import anyio

from travio_inventory.app.background.pace import Pace
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.protocol.dead_letter_rows import DeadLetter, LetterList, StoredLetter
from travio_inventory.protocol.dead_letters import Count, DeadLetters
from travio_inventory.protocol.store_waits import StoreWaits

LOOK_EVERY_MS = 2_000
COUNT_EVERY_S = 30.0
AT_ONCE_MAX = 1_000
"""Letters of a list that are given in one round."""
CUT = "CUT"

log = logging.getLogger(__name__)


class Ended(NamedTuple):
    """The letter is over, with this outcome."""

    outcome: str


class StillDead(NamedTuple):
    """It can never take effect, for this reason."""

    reason: str
    said: str


class TryLater(Exception):
    """It could not be given now."""


Given: TypeAlias = Ended | StillDead
Give: TypeAlias = Callable[[DeadLetter], Awaitable[Given]]
"""Gives a letter again. Raises TryLater."""


class DeadLetterJob:
    """No error ends it. `counts` are the letters of each list, as they were counted last."""

    def __init__(
        self, letters: DeadLetters, givers: Mapping[LetterList, Give], *, waits: StoreWaits, jitter: Random
    ) -> None:
        self.counts: dict[LetterList, Count] = {}
        self._letters = letters
        self._givers = givers
        self._waits = waits
        self._counted_s = -COUNT_EVERY_S
        self._pace = Pace(interval_ms=LOOK_EVERY_MS, jitter=jitter)
        self._log_throttle = LogThrottle(now_s=anyio.current_time)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._pace.keep(self.round)

    async def round(self) -> bool:
        """Give what is wanted, and count; whether the store answered."""
        try:
            for of, give in self._givers.items():
                for letter_id in (await self._letters.wanted(of))[:AT_ONCE_MAX]:
                    await self._one(of, letter_id, give)
            await self._count()
        except Exception as failed:  # noqa: BLE001 - the next round may succeed; it is logged
            if not self._waits.heard("dead letters", failed) and self._log_throttle.may_log(type(failed).__name__):
                log.warning("dead letters cannot be seen to now: %s", error_in_words(failed))
            return False
        return True

    async def _one(self, of: LetterList, letter_id: str, give: Give) -> None:
        told = await self._letters.take(of, letter_id)
        if told is None:
            return
        self._counted_s = -COUNT_EVERY_S
        try:
            given = await self._given(told, give)
        except (TryLater, RetryableRefusal) as failed:
            await self._letters.let_go(of, told)
            said = f"dead letter {letter_id} of {of.of}"
            if not self._waits.heard(said, failed) and self._log_throttle.may_log(of.bucket):
                log.warning("%s is given later: %s", said, failed)
            return
        if isinstance(given, Ended):
            await self._letters.end(of, told, given.outcome)
            log.info("dead letter %s of %s was given again: %s", letter_id, of.of, given.outcome)
        else:
            await self._letters.give_back(of, told, given.reason, given.said)
            log.warning("dead letter %s of %s was given in vain: %s: %s", letter_id, of.of, *given)

    @staticmethod
    async def _given(told: StoredLetter, give: Give) -> Given:
        if told.letter.is_cut:
            return StillDead(CUT, "it was too long to be kept whole: its sender must send it again")
        return await give(told.letter)

    async def _count(self) -> None:
        now_s = anyio.current_time()
        if now_s - self._counted_s < COUNT_EVERY_S:
            return
        for of in {*await self._letters.lists(), *self._givers}:
            self.counts[of] = await self._letters.count(of)
        self._counted_s = now_s
