"""Asks again where that is safe: bounded in number and time, with exponential back-off and full jitter."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import TypeVar

import anyio

from travio_inventory.client.refusals import ClientError
from travio_inventory.kernel.refusals import AskAgain, BackendUnavailable, OutcomeUnknown, Overloaded
from travio_inventory.seats.refusals import SeatContended, TripOpening

BACKOFF_S = 0.05
BACKOFF_S_MAX = 2.0
CONTENDED_ATTEMPTS_MAX = 100
TRANSIENT = (BackendUnavailable, OutcomeUnknown, Overloaded, TripOpening)
"""Over in a moment without anybody's doing. A contended seat and a reached limit are the caller's to think
about.
"""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often one call is sent, and how long it may take with all its attempts and pauses.

    Whatever is run must be safe to repeat: a read, or a step under an idempotency key or a hold's id.
    """

    attempts_max: int
    deadline_s: float
    jitter: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        if self.attempts_max < 1 or self.deadline_s <= 0:
            raise ValueError("attempts_max must be at least 1 and deadline_s positive")

    async def run(self, attempt: Callable[[float], Awaitable[_Answer]]) -> _Answer:
        """The first answer. `attempt` is told how many seconds it has.

        Once an attempt's outcome is unknown, only a definite answer settles it: a later "ask again", or one that
        is not the service's, raises OutcomeUnknown. Raises what the last attempt raised otherwise.
        """
        ends_at = monotonic() + self.deadline_s
        is_unknown = False
        for attempts in range(1, self.attempts_max + 1):
            try:
                return await attempt(ends_at - monotonic())
            except AskAgain as refusal:
                is_unknown = is_unknown or isinstance(refusal, OutcomeUnknown)
                pause_s = self._pause_s(refusal, attempts)
                is_last = attempts == self.attempts_max or monotonic() + pause_s >= ends_at
                if is_unknown and is_last and not isinstance(refusal, OutcomeUnknown):
                    raise OutcomeUnknown from refusal
                if is_last or not (is_unknown or isinstance(refusal, TRANSIENT)):
                    raise
            except ClientError as turned_away:
                if is_unknown:
                    raise OutcomeUnknown from turned_away
                raise
            await anyio.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    async def while_contended(self, ask: Callable[[], Awaitable[_Answer]], *, for_s: float) -> _Answer:
        """The answer once nobody else is at the seats. Raises SeatContended after `for_s` seconds."""
        ends_at = monotonic() + for_s
        for attempts in range(1, CONTENDED_ATTEMPTS_MAX):
            try:
                return await ask()
            except SeatContended as refusal:
                pause_s = self._pause_s(refusal, attempts)
                if monotonic() + pause_s >= ends_at:
                    raise
            await anyio.sleep(pause_s)
        return await ask()

    def _pause_s(self, refusal: AskAgain, attempts: int) -> float:
        """At least what the service asked for, and a random part that doubles with each attempt."""
        backoff_s = min(BACKOFF_S * 2**attempts, BACKOFF_S_MAX)
        return refusal.retry_after + self.jitter.uniform(0, backoff_s)
