"""Dead letters in memory, and what is in them."""

import asyncio
from random import Random

from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.dead_letter_rows import DeadLetter, LetterList, StoredLetter, Way
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.store.memory import MemoryBatches

SHOP_IN, SHOP_OUT = LetterList(Way.IN, "shop"), LetterList(Way.OUT, "shop")


def memory() -> MemoryBatches:
    """A store with nothing in it."""
    return MemoryBatches(None, Random(1), asyncio.sleep)


def in_memory(*, letters_max: int = 100, kept_s: int = 1_000) -> DeadLetters:
    """A place for letters with nothing in it."""
    return DeadLetters(memory(), SystemClock(), letters_max=letters_max, kept_s=kept_s)


async def all_of(letters: DeadLetters, of: LetterList) -> list[StoredLetter]:
    """The letters of the list with their bodies."""
    found = [await letters.read(of, each.id, whole=True) async for each in letters.each(of)]
    return [each for each in found if each is not None]


async def whole(letters: DeadLetters, of: LetterList) -> list[DeadLetter]:
    """What is in them."""
    return [each.letter for each in await all_of(letters, of)]
