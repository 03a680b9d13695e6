"""Messages with many parts, and how long the event loop stands still while they are read."""

import asyncio
import gc
import time
from typing import Any

SEAT_CONFIG, SEATS, BODY_BYTES = 5, 2, 4_000_000
TURN_S_MAX = 0.25
"""Of processor time: five times as long as the longest turn is; such a message alone takes half a second."""


def varint(value: int) -> bytes:
    more = value >> 7
    return bytes([value & 0x7F | 0x80]) + varint(more) if more else bytes([value])


def of_seats(seat: bytes, count: int) -> bytes:
    """InitializeTripInventoryRequest with so many seats."""
    inner = (bytes([SEATS << 3 | 2]) + varint(len(seat)) + seat) * count
    return bytes([SEAT_CONFIG << 3 | 2]) + varint(len(inner)) + inner


async def longest_turn_s(work: "asyncio.Future[Any]") -> float:
    """How long the loop stood at most until that was done, in processor time of its thread. The garbage collector does
    not look through what other tests of this process have left.
    """
    gc.collect()
    gc.freeze()
    try:
        longest, before = 0.0, time.thread_time()
        while not work.done():
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, before = max(longest, now - before), now
    finally:
        gc.unfreeze()
    return longest
