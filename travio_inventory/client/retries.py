"""Retries where that is safe: bounded in number and time, with exponential back-off and full jitter."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar, cast

import anyio
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exception,
    wait_random_exponential,
)

from travio_inventory.client.refusals import ClientError
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    OutcomeUnknown,
    Overloaded,
    RateLimited,
    RetryableRefusal,
)
from travio_inventory.seats.refusals import SeatContended, TripOpening

BACKOFF_S = 0.1
BACKOFF_S_MAX = 2.0
CONTENDED_ATTEMPTS_MAX = 100
TRANSIENT = (BackendUnavailable, OutcomeUnknown, Overloaded, RateLimited, TripOpening)
"""Failures that pass by themselves in a moment. What to do about a contended seat or a reached limit is the caller's
decision.
"""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often one call is sent, and how long it may take with all attempts and pauses.

    Whatever is run must be safe to repeat: a read, or a step under an idempotency key or a hold's id.
    """

    attempts_max: int
    deadline_s: float

    def __post_init__(self) -> None:
        if self.attempts_max < 1 or self.deadline_s <= 0:
            raise ValueError("attempts_max must be at least 1 and deadline_s positive")

    async def run(self, attempt: Callable[[float], Awaitable[_Answer]]) -> _Answer:
        """The first answer. `attempt` gets the number of seconds that it has.

        Once an attempt's outcome is unknown, only a definite answer settles it: after a later retryable refusal, or an
        answer that is not the service's, it raises OutcomeUnknown. Otherwise it raises what the last attempt raised.
        """
        ends_at = monotonic() + self.deadline_s
        is_unknown = False

        async def ask() -> _Answer:
            nonlocal is_unknown
            try:
                return await attempt(ends_at - monotonic())
            except OutcomeUnknown:
                is_unknown = True
                raise

        def may_change(error: BaseException) -> bool:
            return isinstance(error, TRANSIENT) or (is_unknown and isinstance(error, RetryableRefusal))

        try:
            return await _asking(may_change, attempts_max=self.attempts_max, for_s=self.deadline_s)(ask)
        except OutcomeUnknown:
            raise
        except (RetryableRefusal, ClientError) as last:
            if is_unknown:
                raise OutcomeUnknown from last
            raise

    async def while_contended(self, ask: Callable[[], Awaitable[_Answer]], *, for_s: float) -> _Answer:
        """The answer once no other attempt contends for the seats. Raises SeatContended after `for_s` seconds."""
        contended = _asking(
            lambda error: isinstance(error, SeatContended), attempts_max=CONTENDED_ATTEMPTS_MAX, for_s=for_s
        )
        return await contended(ask)


def _asking(may_change: Callable[[BaseException], bool], *, attempts_max: int, for_s: float) -> AsyncRetrying:
    """Retries while what was raised may change. A pause is at least what the service asked for, plus a random part that
    doubles with each attempt; none begins that would end after `for_s` seconds.
    """
    return AsyncRetrying(
        retry=retry_if_exception(may_change),
        stop=stop_after_attempt(attempts_max) | stop_before_delay(for_s),
        wait=wait_exception(_asked_for_s) + wait_random_exponential(BACKOFF_S, BACKOFF_S_MAX),
        sleep=anyio.sleep,
        reraise=True,
    )


def _asked_for_s(error: BaseException) -> float:
    return cast(RetryableRefusal, error).retry_after
