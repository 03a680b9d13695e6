"""Work that takes long is done in a thread, so that the event loop goes on."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

AT_ONCE_MAX = 5_000
"""So much is done in less than 10 ms."""


async def off_loop(much: int, work: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
    """What `work` returns; in a thread if it has to do with more than AT_ONCE_MAX things."""
    if much <= AT_ONCE_MAX:
        return work(*args, **named)
    return await asyncio.to_thread(work, *args, **named)
