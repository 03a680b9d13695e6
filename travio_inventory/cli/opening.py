"""Opens many trips through one client: a bounded number at once, each with its outcome."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import anyio

from travio_inventory.cli.exits import Exit
from travio_inventory.client import TripState
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.refusals import ClientError
from travio_inventory.client.unreachable import NoService
from travio_inventory.imports.gtfs.trips import PlannedTrip
from travio_inventory.kernel.refusals import Refusal, RetryableRefusal, WrongRequest
from travio_inventory.seats.refusals import SWAPPED, SeatPlanNotFound, TripDefinedOtherwise, TripNotFound

RETRIES_IN_A_ROW_MAX = 32
"""After so many trips in a row that only a retry may open, the others are left for that retry."""


class Outcome(StrEnum):
    """What became of a trip."""

    WOULD_OPEN = "would be opened"
    OPENED = "opened"
    WAS_OPEN = "was open"
    REFUSED = "refused"
    """The service refuses it, for example as it is open with other stops or seats."""
    RETRY = "not opened, retry"
    LEFT_OUT = "left out"
    """It cannot be opened, whatever the service: the feed or a limit says why."""


@dataclass
class Outcomes:
    """How many trips had which outcome so far."""

    counts: Counter[Outcome] = field(default_factory=Counter)

    @property
    def exit(self) -> Exit:
        """A retry is worth most, so that it is said first."""
        if self.counts[Outcome.RETRY]:
            return Exit.ASK_AGAIN
        return Exit.NO if self.counts[Outcome.REFUSED] or self.counts[Outcome.LEFT_OUT] else Exit.DONE

    def __str__(self) -> str:
        return ", ".join(f"{self.counts[outcome]} {outcome}" for outcome in Outcome if self.counts[outcome]) or "none"


Tell = Callable[[PlannedTrip, Outcome, str], None]


async def open_all(client: InventoryClient, planned: Iterator[PlannedTrip], *, at_once: int, tell: Tell) -> None:
    """Open the trips, so many at once, and tell the outcome of each. Raises what would fail for every trip: NoService,
    PermissionDenied, SeatPlanNotFound, ClientError; and a refusal that so many trips in a row had, though a retry may
    succeed.
    """
    work = _Work(client, planned, tell)
    async with anyio.create_task_group() as workers:
        for _ in range(at_once):
            workers.start_soon(work.go_on, workers.cancel_scope)
    if work.stopped_by is not None:
        raise work.stopped_by


@dataclass
class _Work:
    """What all workers share: the trips that are left, and how it goes."""

    client: InventoryClient
    planned: Iterator[PlannedTrip]
    tell: Tell
    retries_in_a_row: int = 0
    stopped_by: Exception | None = None

    async def go_on(self, all_workers: anyio.CancelScope) -> None:
        """Open one trip after the other, until none is left or the rest would fail too."""
        for each in self.planned:
            try:
                await self._open(each)
            except (Refusal, ClientError) as failed:
                self.stopped_by = failed
                all_workers.cancel()
                return

    async def _open(self, each: PlannedTrip) -> None:
        if each.trip is None:
            self.tell(each, Outcome.LEFT_OUT, each.reason)
            return
        state = None
        try:
            state = await _state(self.client, each.trip.key.trip)
            await self.client.open_trip(each.trip)
            self.tell(each, Outcome.OPENED if state is None else Outcome.WAS_OPEN, _not_sold(state))
            self.retries_in_a_row = 0
        except (NoService, SeatPlanNotFound):
            raise
        except TripDefinedOtherwise as refusal:
            self._tell_difference(each, refusal, _not_sold(state))
        except WrongRequest as refusal:
            self.tell(each, Outcome.REFUSED, str(refusal))
        except RetryableRefusal as refusal:
            self.tell(each, Outcome.RETRY, str(refusal))
            self.retries_in_a_row += 1
            if self.retries_in_a_row >= RETRIES_IN_A_ROW_MAX:
                raise

    def _tell_difference(self, each: PlannedTrip, refusal: TripDefinedOtherwise, not_sold: str) -> None:
        if refusal.is_later_change:
            is_one = refusal.differences == (SWAPPED,)
            was, stay = ("was", "stays") if is_one else ("were", "stay")
            said = f"its {' and '.join(refusal.differences)} {was} changed since it was opened, and {stay}"
            self.tell(each, Outcome.WAS_OPEN, "; ".join(filter(None, [said, not_sold])))
        else:
            self.tell(each, Outcome.REFUSED, str(refusal))


async def _state(client: InventoryClient, trip: str) -> TripState | None:
    """The state of a trip that is there: opening it changes nothing, so that has to be asked before."""
    try:
        return (await client.trip_sale(trip)).state
    except TripNotFound:
        return None


def _not_sold(state: TripState | None) -> str:
    """What is said of a trip that was open and is not sold."""
    if state is None or state in (TripState.OPEN, TripState.UNSPECIFIED):
        return ""
    return f"it is {(state.name or '').lower()}"
