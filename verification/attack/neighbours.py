"""Calls that break the rules on a shared connection, as behind a proxy: only the faulty calls are refused."""

from collections.abc import Callable
from typing import Final

from verification.attack.assault import Assault, spread
from verification.attack.peers import in_continuations
from verification.kit.frames import (
    DATA,
    END_HEADERS,
    HEADERS,
    WINDOW_UPDATE,
    asked,
    frame,
    framed,
    header_block,
    in_frames,
    opened,
)
from verification.kit.requests import path_of, request

ANSWER_SECONDS_MAX: Final = 20.0
CHECK: Final = path_of("CheckAvailability")
LARGE: Final = [("x-long", "x" * size) for size in (17_000, 40_000, 60_000)]


def _fault(kind: int, stream_id: int, message: bytes) -> bytes:
    """A complete call with one fault."""
    body = in_frames(stream_id, framed(message))
    begun = opened(stream_id, CHECK)
    faults: list[Callable[[], bytes]] = [
        lambda: in_continuations(header_block(CHECK, LARGE[stream_id % len(LARGE)]), stream_id=stream_id) + body,
        lambda: asked(stream_id, CHECK, message, ("content-length", "1")),
        lambda: begun + frame(WINDOW_UPDATE, 0, stream_id, bytes(4)) + body,
        lambda: begun + frame(HEADERS, END_HEADERS, stream_id, header_block(CHECK)) + body,
        lambda: begun + body + frame(DATA, 0, stream_id, framed(message)),
    ]
    return faults[kind % len(faults)]()


async def faults(assault: Assault) -> None:
    """2,000 faulty calls on four connections, each sent together with a correct call."""
    message = request("CheckAvailability").SerializeToString()

    async def share(number: int) -> None:
        async with assault.connection() as connection:
            rounds = assault.times(500, least=10)
            for at in range(rounds):
                await connection.send(_fault(number + at, 4 * at + 1, message) + asked(4 * at + 3, CHECK, message))
                assault.did("faulty calls", 1)
                await connection.answers(2 * at + 2, within_s=ANSWER_SECONDS_MAX)
            if len(connection.answered) < 2 * rounds:
                assault.heard["no answer"] += 2 * rounds - len(connection.answered)

    await spread(share, range(4), at_once=4)
