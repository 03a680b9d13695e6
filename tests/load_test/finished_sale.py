"""A small correct sale, in its own store, with the record of all answers."""

import asyncio
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree

from load_test.record import RECORD_FILE, Attempt, Line, Opened, Outcome, Recorder, Step, StepKind
from load_test.trips import HOT_SEAT, ORGANIZATION, WHOLE_JOURNEY, coach, ends
from travio_inventory.app.backends import open_batches
from travio_inventory.app.service import open_inventory
from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Applied, Row, RowKey, Write
from travio_inventory.seats.commands import ConfirmHoldCommand, GiveBackCommand
from travio_inventory.seats.hold import HoldId
from travio_inventory.seats.records.seat_rows import group_partition
from travio_inventory.seats.refusals import SeatContended, SeatTaken
from travio_inventory.seats.trip import Ends, Journey, Trip, TripKey
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.settings import Settings, load_settings
from verification.kit.asking import hold_seats, open_trip

HOT, COLD = coach("hot"), replace(coach("cold"), seats_per_group=16)
NOBODYS_HOLD = str(HoldId(HOT.key.trip, 0, "0" * 32, is_late=False))


@dataclass(frozen=True, slots=True)
class Change:
    """A change that spoils a row of the store."""

    group: int
    row: RowKey
    values: Row
    trip: TripKey = COLD.key


class FinishedSale:
    """Ann won the hot seat and Bob did not; on another trip Dan bought two seats and Eve released one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[Line] = [Opened(ORGANIZATION, "hot", HOT_SEAT, contenders=2), Opened(ORGANIZATION, "cold")]
        asyncio.run(self._sell())
        self.write()

    @property
    def settings(self) -> Settings:
        """The settings that name the sale's store."""
        return load_settings(store="embedded", data=self.folder / "data", background=False, events="none")

    def copied_to(self, folder: Path) -> "FinishedSale":
        """The same sale in another folder."""
        other = copy(self)
        other.folder = Path(copytree(self.folder, folder))
        other.lines = list(self.lines)
        return other

    async def _sell(self) -> None:
        async with open_inventory(self.settings) as inventory:
            await open_trip(inventory, HOT)
            await open_trip(inventory, COLD)
            self.ann = await self._hold(inventory, "ann", HOT, [HOT_SEAT], WHOLE_JOURNEY)
            self.bob = await self._hold(inventory, "bob", HOT, [HOT_SEAT], WHOLE_JOURNEY)
            self.dan = await self._hold(inventory, "dan", COLD, ["seat-B1", "seat-J4"], Journey(1, 2))
            self.eve = await self._hold(inventory, "eve", COLD, ["seat-C1"], Journey(0, 0))
            await inventory.confirm_hold(
                Actor(ORGANIZATION, "dan"), ConfirmHoldCommand(hold_id=self.dan, order_id="order")
            )
            await inventory.release_hold(Actor(ORGANIZATION, "eve"), GiveBackCommand(hold_id=self.eve))
        done = Outcome.DONE
        self.lines += [Step(self.dan, StepKind.CONFIRM, done), Step(self.eve, StepKind.RELEASE, done)]

    async def _hold(self, inventory: Inventory, user: str, trip: Trip, seats: list[str], journey: Journey) -> str:
        actor, key, hold_id = Actor(ORGANIZATION, user), f"key-{user}", ""
        try:
            hold = await hold_seats(inventory, actor, trip.key.trip, Ends(*ends(journey)), seats, ttl_s=600, key=key)
            outcome, hold_id = Outcome.DONE, hold.id
        except (SeatContended, SeatTaken):
            outcome = Outcome.CONTENTION
        self.lines.append(Attempt(trip.key.trip, user, key, tuple(seats), *journey, outcome, hold_id))
        return hold_id

    def write(self) -> None:
        """Write the record as the lines are now."""
        recorder = Recorder(self.folder / RECORD_FILE)
        for line in self.lines:
            recorder.write(line)
        recorder.close()

    def tell_otherwise(self, alter: Callable[[Line], Line | None]) -> None:
        """Rewrite the record line by line; None leaves a line out."""
        self.lines = [altered for line in self.lines if (altered := alter(line)) is not None]
        self.write()

    def change(self, *changes: Change) -> None:
        """Spoil the store."""
        asyncio.run(self._change(changes))

    async def _change(self, changes: tuple[Change, ...]) -> None:
        async with open_batches(self.settings) as store:
            for group, row, values, trip in ((c.group, c.row, c.values, c.trip) for c in changes):
                outcome = await store.batches.apply(group_partition(trip, group), [Write(row, {}, values)])
                assert isinstance(outcome, Applied)
