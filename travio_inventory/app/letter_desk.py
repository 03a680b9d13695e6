"""Dead letters as an operator handles them, beside the processes that are on the store: what is done is recorded."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from travio_inventory.app.backends import open_guest, open_view
from travio_inventory.app.dead_letters import dead_letters_of
from travio_inventory.app.deeds import deeds_of, one_deed, operator_here
from travio_inventory.protocol.dead_letter_rows import LetterList, StoredLetter
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.settings import Settings

DISCARDED = "discarded"
CHANGED = "it had changed"
"""How a deed ended that found the letter otherwise than it was seen."""


class LetterDesk(NamedTuple):
    """What is done here with a letter is a deed of the house. Raises BackendUnavailable and OutcomeUnknown."""

    letters: DeadLetters
    deeds: Deeds

    async def requeue(self, of: LetterList, told: StoredLetter) -> bool:
        """Have it given again; whether it was still as it was seen."""
        return await self._recorded("requeue dead letter", of, told, lambda: self.letters.want(of, told))

    async def discard(self, of: LetterList, told: StoredLetter) -> bool:
        """It takes effect never; whether it was still as it was seen."""
        return await self._recorded("discard dead letter", of, told, lambda: self.letters.end(of, told, DISCARDED))

    async def _recorded(
        self, verb: str, of: LetterList, told: StoredLetter, handle: Callable[[], Awaitable[bool]]
    ) -> bool:
        about = " ".join(filter(None, (told.id, of.way, of.of, told.letter.reason, told.letter.event)))
        async with one_deed(self.deeds, operator_here(), verb, about) as ending:
            was_as_seen = await handle()
            if not was_as_seen:
                ending.outcome = CHANGED
        return was_as_seen


@asynccontextmanager
async def open_letter_desk(settings: Settings, *, writes: bool) -> AsyncIterator[LetterDesk]:
    """On the store that the settings name. Raises StartFailed."""
    async with open_guest(settings) if writes else open_view(settings) as store:
        yield LetterDesk(dead_letters_of(settings, store), deeds_of(settings, store))
