"""What each refusal of the kernel says to its caller, and when to try again."""

from collections.abc import Callable

import pytest

from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    IdempotencyKeyReused,
    InvalidRequest,
    OutcomeUnknown,
    Overloaded,
    Refusal,
    RetryableRefusal,
    Violation,
)


@pytest.mark.parametrize(
    ("refuse", "said"),
    [
        (IdempotencyKeyReused, "this idempotency key was used for another request; use a new key"),
        (Overloaded, "too many requests in flight"),
        (BackendUnavailable, "the store is unavailable; retry"),
        (lambda: BackendUnavailable("the edge is"), "the edge is; retry"),
        (OutcomeUnknown, "the outcome is unknown; retry with the same key"),
    ],
)
def test_it_says_what_to_do(refuse: Callable[[], Refusal], said: str) -> None:
    assert str(refuse()) == said


@pytest.mark.parametrize(
    ("refuse", "retry_after_s"), [(Overloaded, 0.2), (BackendUnavailable, 0.5), (OutcomeUnknown, 0.5)]
)
def test_it_says_when_to_try_again(refuse: Callable[[], RetryableRefusal], retry_after_s: float) -> None:
    assert refuse().retry_after == retry_after_s


def test_an_invalid_request_names_each_field() -> None:
    violations = [Violation("trip_id", "must not be empty"), Violation("seats", "are too many")]
    refusal = InvalidRequest(violations)
    assert str(refusal) == "trip_id: must not be empty; seats: are too many"
    assert refusal.violations == tuple(violations)
