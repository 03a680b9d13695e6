"""Draws the seats of a trip live: again at each change on a terminal, a line for each change elsewhere."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple, Self

from travio_inventory.cli.arguments import stamp
from travio_inventory.cli.drawn_maps import drawn_state, show_drawing
from travio_inventory.cli.screen import Screen
from travio_inventory.client import Journey, MapSeat, MapUpdate, SeatMap
from travio_inventory.client.client import InventoryClient

SEATS_NAMED_MAX = 20
LIVE = "live; Ctrl-C ends it"


class WatchedPart(NamedTuple):
    """What is watched."""

    trip: str
    origin: str
    destination: str
    journey: Journey | None
    section: str

    def map_of(self, client: InventoryClient) -> "asyncio.Future[SeatMap]":
        """Its map as it is now."""
        read = client.seat_map(self.trip, self.origin, self.destination, segments=self.journey, section=self.section)
        return asyncio.ensure_future(read)


async def show_live(client: InventoryClient, screen: Screen, part: WatchedPart) -> None:
    """Show the map, then whatever changes, until the user interrupts it."""
    with suppress(asyncio.CancelledError), _Terminal(screen, part) as terminal:
        async for seat_map, update in _maps(client, part):
            said = LIVE if update.is_whole else _as_line(update, datetime.now(UTC))
            if screen.as_json:
                screen.raw(json.dumps(_as_plain(update)))
            elif screen.fancy:
                terminal.show(seat_map, said)
            elif update.is_whole:
                _draw(screen, part, seat_map, said)
            else:
                screen.say(said)


class _Terminal:
    """Shows the map as it was told last, and shows it again when the terminal has another size."""

    def __init__(self, screen: Screen, part: WatchedPart) -> None:
        self._screen = screen
        self._part = part
        self._shown: tuple[SeatMap, str] | None = None

    def __enter__(self) -> Self:
        if self._screen.fancy:
            with suppress(ValueError, RuntimeError, NotImplementedError):  # only where signals can be heard
                asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, self._draw)
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen.fancy:
            with suppress(ValueError, RuntimeError, NotImplementedError):
                asyncio.get_running_loop().remove_signal_handler(signal.SIGWINCH)

    def show(self, seat_map: SeatMap, said: str) -> None:
        self._shown = seat_map, said
        self._draw()

    def _draw(self) -> None:
        if self._shown is not None:
            self._screen.clear()
            _draw(self._screen, self._part, *self._shown)


async def _maps(client: InventoryClient, part: WatchedPart) -> AsyncIterator[tuple[SeatMap, MapUpdate]]:
    """The map after each update. Its layout is read again when all seats come again, for it may be another one."""
    seat_map, is_new = await part.map_of(client), True
    watched = client.watch(part.trip, part.origin, part.destination, segments=part.journey, section=part.section)
    async with aclosing(watched) as updates:
        async for update in updates:
            if update.is_whole and (not is_new or _differs(seat_map, update)):
                seat_map = await part.map_of(client)
            is_new = False
            seat_map = _with(seat_map, update)
            yield seat_map, update


def _differs(seat_map: SeatMap, update: MapUpdate) -> bool:
    """Whether the map is of another layout: the trip was changed after it was read."""
    return {each.seat.id for each in seat_map.seats} != {seat.seat for seat in update.seats}


def _with(seat_map: SeatMap, update: MapUpdate) -> SeatMap:
    """The map with the seats as the update says."""
    now = {seat.seat: seat for seat in update.seats}
    seats = tuple(
        MapSeat(each.seat, now[each.seat.id].status, now[each.seat.id].held_until) if each.seat.id in now else each
        for each in seat_map.seats
    )
    return replace(seat_map, seats=seats, as_of=update.as_of)


def _draw(screen: Screen, part: WatchedPart, seat_map: SeatMap, said: str) -> None:
    show_drawing(screen, seat_map, f"{part.trip}  {part.origin} - {part.destination}")
    screen.raw("")
    screen.say(said, "dim")


def _as_line(update: MapUpdate, heard_at: datetime) -> str:
    """Which seats have changed to what, in a line; with when it was heard, for `as_of` is earlier than the change."""
    named = [f"{seat.seat} {drawn_state(seat.status).value}" for seat in update.seats[:SEATS_NAMED_MAX]]
    more = len(update.seats) - len(named)
    return f"{heard_at.astimezone():%H:%M:%S}  {', '.join(named)}{f' and {more} more' if more else ''}"


def _as_plain(update: MapUpdate) -> dict[str, object]:
    return {
        "kind": "snapshot" if update.is_whole else "change",
        "trip_changed": update.trip_changed,
        "position": update.position,
        "as_of": stamp(update.as_of),
        "seats": [
            {
                "seat": seat.seat,
                "status": drawn_state(seat.status).value,
                "held_until": stamp(seat.held_until),
                "version": seat.version,
            }
            for seat in update.seats
        ],
    }
