"""What each refusal of the kernel says to its caller, and when to try again."""

from collections.abc import Callable

import pytest

from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    IdempotencyKeyReused,
    InvalidRequest,
    OutcomeUnknown,
    Overloaded,
    RateLimited,
    Refusal,
    RetryableRefusal,
    Unauthenticated,
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
        (Unauthenticated, "this call needs a token"),
        (lambda: Unauthenticated("invalid_token", "the token has expired"), "the token has expired"),
        (lambda: RateLimited("holder", retry_after_ms=7), "too many requests of this holder"),
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


def test_its_fields_may_be_called_otherwise() -> None:
    refusal = InvalidRequest([Violation("seat_ids[1]", "must not be empty"), Violation("trip_id", "is wrong")])
    refusal.rename(str.upper)
    assert str(refusal) == "SEAT_IDS[1]: must not be empty; TRIP_ID: is wrong"
    assert refusal.violations == (("SEAT_IDS[1]", "must not be empty"), ("TRIP_ID", "is wrong"))


def test_it_carries_what_a_face_needs() -> None:
    assert (Unauthenticated("invalid_token").error, Unauthenticated().error) == ("invalid_token", "")
    limited = RateLimited("address", retry_after_ms=70)
    assert (limited.whose, limited.retry_after_ms) == ("address", 70)
