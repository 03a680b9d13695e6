"""Work on many things, some in each turn of the event loop, so that whatever else is ready has its turn in between."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_portions(things: Iterable[T], do: Callable[[T], None], per_turn: int) -> None:
    """Do it with each of them: so many now, as many in each of the next turns, whatever happens to one of them."""
    loop, left = asyncio.get_running_loop(), iter(things)

    def next_portion() -> None:
        portion = list(islice(left, per_turn))
        if len(portion) == per_turn:
            loop.call_soon(next_portion)
        for thing in portion:
            do(thing)

    next_portion()
