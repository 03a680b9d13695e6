"""Shoppers who repeat every call until they get an answer, and note the certain answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from travio_inventory.client import (
    HoldEnded,
    HoldStatus,
    InventoryClient,
    Journey,
    OutcomeUnknown,
    RetryableRefusal,
    SeatContended,
    SeatTaken,
    Trip,
)
from travio_inventory.seats.refusals import BY_STORE
from verification.kit.trips import Cell, cells, ends

ANSWER_SECONDS_MAX = 60.0
"""The longest time that anybody waits for an answer while the service is killed again and again."""
PAUSE_SECONDS = 0.02
BREATHER_SECONDS_MAX = 0.03

ENDS = ("release", "cancel")

Result = TypeVar("Result")


@dataclass
class Attempt:
    """One hold that was requested with a key, and its outcome. Times in Unix seconds.

    `steps` has, by name, when each step that was acknowledged was first sent and when its answer was there.
    """

    user: str
    key: str
    trip: str
    seats: tuple[str, ...]
    journey: Journey
    seconds: int
    hold_id: str = ""
    refusal: type[Exception] | None = None
    held_at: float = 0.0
    expires_at: float = 0.0
    steps: dict[str, tuple[float, float]] = field(default_factory=dict)
    status: HoldStatus = HoldStatus.UNSPECIFIED
    """The state of the hold after it has expired."""

    @property
    def order(self) -> str:
        """The order under which the hold is confirmed."""
        return f"order-{self.key}"

    @property
    def cells(self) -> list[Cell]:
        """The requested seats."""
        return cells(self.trip, self.seats, self.journey)

    def owned(self) -> list[tuple[float, float]]:
        """When the cells were certainly this holder's: from an answer until the next call that could end it."""
        if not self.hold_id:
            return []
        given_back_at = min((sent for name, (sent, _) in self.steps.items() if name in ENDS), default=float("inf"))
        spans = [(self.held_at, min(self.expires_at, given_back_at))]
        if "confirm" in self.steps:
            spans.append((self.steps["confirm"][1], given_back_at))
        return [(since, until) for since, until in spans if since < until]


class Shopper:
    """Holds seats of some trip at random and then confirms, extends, releases, cancels or forgets them."""

    def __init__(self, name: str, client: InventoryClient, trips: list[Trip], random: Random) -> None:
        self._name = name
        self._client = client
        self._trips = trips
        self._random = random
        self.attempts: list[Attempt] = []

    async def shop(self, is_over: asyncio.Event) -> None:
        """Shop until the end, then finish the current hold."""
        while not is_over.is_set():
            attempt = self._next()
            self.attempts.append(attempt)
            client = self._client.acting_for(attempt.user)
            await hold(client, attempt)
            if attempt.hold_id:
                await self._go_on(client, attempt)
            await asyncio.sleep(self._random.uniform(0, BREATHER_SECONDS_MAX))

    def _next(self) -> Attempt:
        number = len(self.attempts)
        trip = self._random.choice(self._trips)
        first = self._random.randrange(len(trip.segments))
        journey = Journey(first, self._random.randrange(first, len(trip.segments)))
        seats = self._random.sample([seat.id for seat in trip.seats], self._random.choice([1, 1, 2, 3]))
        key = f"{self._name}-{number}"
        seconds = self._random.choice([1, 2, 3])
        return Attempt(
            f"{self._name}-{number // 20}", key, trip.key.trip, trip.in_layout_order(seats), journey, seconds
        )

    async def _go_on(self, client: InventoryClient, attempt: Attempt) -> None:
        attempt.status = HoldStatus.EXPIRED
        match self._random.choice(["forget", "repeat", "release", "release", "extend", "confirm", "cancel", "cancel"]):
            case "repeat":
                with suppress(HoldEnded, SeatContended):  # it may have expired since
                    assert await insist(lambda: ask(client, attempt)) == attempt.hold_id
            case "release":
                if await self._step(attempt, "release", lambda: client.release(attempt.hold_id)):
                    attempt.status = HoldStatus.RELEASED
            case "extend":
                await self._extend(client, attempt)
                await self._cancel(client, attempt)
            case "confirm":
                await self._confirm(client, attempt)
            case "cancel":
                await self._cancel(client, attempt)
            case _:
                pass  # forget it

    async def _confirm(self, client: InventoryClient, attempt: Attempt) -> None:
        await asyncio.sleep(self._random.choice([0, 0, 0, 0, 0, 0, 1.5]))
        try:
            await self._step(attempt, "confirm", lambda: client.confirm(attempt.hold_id, attempt.order))
        except HoldEnded:
            return
        attempt.status = HoldStatus.CONFIRMED

    async def _cancel(self, client: InventoryClient, attempt: Attempt) -> None:
        await self._confirm(client, attempt)
        if attempt.status is HoldStatus.CONFIRMED:
            await self._step(attempt, "cancel", lambda: client.cancel(attempt.hold_id))
            attempt.status = HoldStatus.CANCELLED

    async def _extend(self, client: InventoryClient, attempt: Attempt) -> None:
        try:
            until = await self._step(attempt, "extend", lambda: client.extend(attempt.hold_id, 3))
        except HoldEnded:
            return
        attempt.expires_at = max(attempt.expires_at, until.timestamp())

    async def _step(self, attempt: Attempt, name: str, call: Callable[[], Awaitable[Result]]) -> Result:
        sent_at = time.time()
        answer = await insist(call)
        attempt.steps[name] = (sent_at, time.time())
        return answer


async def ask(client: InventoryClient, attempt: Attempt, *, settle: bool = False) -> str:
    """Send the attempt's request once, under its key; the hold's id."""
    answer = await client.hold(
        attempt.trip,
        *ends(attempt.journey),
        attempt.seats,
        seconds=attempt.seconds,
        key=attempt.key,
        settle=settle,
    )
    attempt.expires_at = max(attempt.expires_at, answer.expires_at.timestamp())
    return answer.id


async def hold(client: InventoryClient, attempt: Attempt) -> None:
    """Call with the attempt's key until it is held, refused, or turned away with no unknown outcome left."""
    unknown: list[OutcomeUnknown] = []

    async def asked() -> str:
        try:
            return await ask(client, attempt, settle=bool(unknown))
        except OutcomeUnknown as refusal:
            unknown.append(refusal)
            raise

    try:
        attempt.hold_id = await insist(asked)
    except (SeatContended, SeatTaken, HoldEnded) as refusal:
        is_final = not isinstance(refusal, SeatContended | SeatTaken) or refusal.decided == BY_STORE
        attempt.refusal = type(refusal) if is_final else SeatContended
    else:
        attempt.held_at = time.time()


async def insist(call: Callable[[], Awaitable[Result]]) -> Result:
    """Call again until there is an answer. A contended seat is an answer only if no earlier outcome is unknown.

    Raises TimeoutError after ANSWER_SECONDS_MAX.
    """
    is_unknown = False
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        while True:
            try:
                return await call()
            except RetryableRefusal as refusal:
                is_unknown = is_unknown or isinstance(refusal, OutcomeUnknown)
                if isinstance(refusal, SeatContended) and not is_unknown:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
