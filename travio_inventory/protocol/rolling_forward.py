"""Brings the cells of a hold in its other seat groups in line with its home row, after each step."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Applied, NotDone, Refused, Row, RowKey, Unknown
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import writing
from travio_inventory.seats.hold import NEVER_MS, Held, Hold, HoldState
from travio_inventory.seats.ports import HoldWatch, SeatGroupKey
from travio_inventory.seats.trip import TripKey

TRIES_MAX = 4


class RollingForward:
    """Says what became of a hold, and carries it to its other seat groups in the background."""

    def __init__(
        self, sender: Sender, watch: HoldWatch, background: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._sender = sender
        self.watch = watch
        self._background = background

    async def settled(self, hold: Hold, *, as_of_ms: int) -> None:
        """The hold is in its state now, by a batch or a look that was sent at that moment: tell the watch, and bring
        its other seat groups in line in the background.
        """
        self._note(hold)
        await self.watch.changed(hold, as_of_ms=as_of_ms)
        if hold.seats_elsewhere and not isinstance(hold.state, Held):
            self._background(self.roll_forward(hold))

    async def rows_settled(self, organization: str, standing: Mapping[str, Row], *, as_of_ms: int) -> None:
        """The same of holds by their rows."""
        holds = [rows.read_hold(organization, hold_id, row) for hold_id, row in standing.items() if row]
        await asyncio.gather(*(self.settled(hold, as_of_ms=as_of_ms) for hold in holds))

    async def given_back(self, hold: Hold) -> None:
        """A hold that never came to be and may have no row that says so: its intents go before anybody looks."""
        await self.roll_forward(hold)
        await self.watch.changed(hold, as_of_ms=self._sender.clock.now_ms())

    def _note(self, hold: Hold) -> None:
        if isinstance(hold.state, Held) and hold.state.expires_at_ms < NEVER_MS:
            clock = self._sender.clock
            left_ms = hold.state.expires_at_ms + self._sender.rules.clock_bound_ms - clock.now_ms()
            for group in hold.seats_by_group:
                self._sender.signals.due(SeatGroupKey(hold.trip, group), clock.elapsed_ms() + left_ms)

    async def roll_forward(self, hold: Hold) -> None:
        """Bring the groups other than the home group in line with the hold's state. Best effort: the home row is
        the truth, and the sweeper finishes what this leaves.
        """
        await asyncio.gather(
            *(self.roll_group(hold.id, hold.trip, group, rows.cell_keys(seats, hold.journey), hold.state)
              for group, seats in hold.seats_elsewhere.items())
        )  # fmt: skip

    async def roll_group(
        self, hold_id: str, trip: TripKey, group: int, cells: Sequence[RowKey], state: HoldState
    ) -> bool:
        """Bring those of the cells that the hold still owns in line with its state; whether that is certain."""
        for _ in range(TRIES_MAX):
            writes = writing.cell_writes(hold_id, cells, state)
            outcome = await self._sender.apply(rows.group_partition(trip, group), writes, ())
            match outcome:
                case Applied():
                    return True
                case Refused(rows=standing):
                    cells = [cell for cell in cells if standing.get(cell, {}).get("owner") == hold_id]
                    if not cells:
                        return True
                case Unknown() | NotDone():
                    await self._sender.pause()
        return False
