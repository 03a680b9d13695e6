"""Each refusal is once in the table, and it can be rebuilt from its details."""

from collections.abc import Iterator

import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (  # has no stubs
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    QuotaFailure,
    RetryInfo,
)
from google.rpc.status_pb2 import Status as RpcStatus  # has no stubs
from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.encoding.proto import ProtoStatusDetailsCodec
from grpclib.metadata import encode_bin_value, encode_grpc_message

from travio_inventory.api.grpc.refusals import SerializedDetails, grpc_error
from travio_inventory.api.refusals import TABLE
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    IdempotencyKeyReused,
    InvalidRequest,
    OutcomeUnknown,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Refusal,
    RetryableRefusal,
    Unauthenticated,
    Violation,
)
from travio_inventory.seats import refusals as errors
from travio_inventory.seats.refusals import Decided, TakenCell
from travio_inventory.stock import refusals as of_stock

HEADERS_BYTES_MAX = 8 * 1024
ONE_OF_EACH: list[Refusal] = [
    InvalidRequest([Violation("user_id", "must not be empty")]),
    errors.InvalidTrip([Violation("segments[1]", "starts and ends at the same station")]),
    errors.InvalidJourney([Violation("from_segment_index", "0 to 2, or 4 to 6")], [(0, 2), (4, 6)]),
    errors.InvalidSeats([Violation("seat_ids", "a seat is named twice")]),
    errors.ReplyTooLarge([Violation("section_id", "ask by section")], ["car, 1", "car 2"]),
    errors.TripDefinedOtherwise(),
    IdempotencyKeyReused(),
    errors.SeatHeld([TakenCell("1A", 0, "held", "claimant-digest")]),
    errors.SeatUnavailable([TakenCell("1A", 0, "sold", "claimant-digest")]),
    errors.HoldExpired(1_700_000_000_999),
    errors.HoldReleased(1_700_000_000_000),
    errors.HoldConfirmed(),
    errors.BookingCancelled(),
    errors.HoldChanged(3),
    errors.ExtensionTooLong(1_700_000_000_000),
    errors.SalesClosed("frozen"),
    errors.Departed(1_700_000_000),
    errors.TripCancelled(),
    errors.TripChanged(7),
    errors.HoldNotFound(),
    errors.TripNotFound(),
    errors.SeatPlanNotFound(),
    errors.NotOnWaitlist(),
    of_stock.InsufficientStock(3),
    of_stock.BelowReserved(4),
    of_stock.VersionConflict(7),
    of_stock.StockExists(),
    of_stock.StockLeft(2),
    of_stock.StockSharded(16),
    of_stock.StockFull(1),
    of_stock.NotInTransit(3),
    of_stock.TransferEnded("CLOSED"),
    of_stock.ApprovalEnded("APPROVED", "bob"),
    of_stock.AdjustmentRejected("an-approval"),
    of_stock.OwnAdjustment(),
    of_stock.OverReceived(2),
    of_stock.PartlyReceived(2, "STOCK_FULL"),
    of_stock.PurchaseEnded("CANCELLED"),
    of_stock.TooManyOrders(100),
    of_stock.StockNotFound(),
    of_stock.OrderReserved("cup~64~1"),
    of_stock.ReservationCommitted(),
    of_stock.ReservationCancelled(),
    of_stock.ReservationExpired(),
    Unauthenticated("invalid_token", "the token has expired"),
    PermissionDenied("seats:hold"),
    errors.SeatContended(["1A", "1B"], retry_after_ms=1_250),
    of_stock.StockContended(),
    errors.TripOpening(),
    errors.TripBeingForgotten(),
    errors.HoldLimitReached(4),
    Overloaded(),
    RateLimited("holder", retry_after_ms=1_500),
    BackendUnavailable(),
    OutcomeUnknown(),
]
each_refusal = pytest.mark.parametrize("refusal", ONE_OF_EACH, ids=lambda refusal: type(refusal).__name__)


def kinds(branch: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Every class of the tree with its own reason: those that can be raised."""
    if "reason" in vars(branch):
        yield branch
    for kind in branch.__subclasses__():
        yield from kinds(kind)


def sent(refusal: Refusal) -> RpcStatus:
    """The google.rpc.Status that travels with the refusal."""
    return RpcStatus.FromString(grpc_error(refusal).details)


def detail(refusal: Refusal, kind: type[Message]) -> Message:
    """The refusal's one detail of that kind."""
    (packed,) = (packed for packed in sent(refusal).details if packed.Is(kind.DESCRIPTOR))
    unpacked = kind()
    packed.Unpack(unpacked)
    return unpacked


def test_the_table_has_each_refusal_of_the_tree_and_nothing_else() -> None:
    assert set(TABLE) == set(kinds())


def test_the_examples_here_are_one_of_each() -> None:
    assert [type(refusal) for refusal in ONE_OF_EACH] == list(TABLE)


def test_no_two_refusals_share_a_reason() -> None:
    assert len({kind.reason for kind in TABLE}) == len(TABLE)


def test_each_branch_of_the_tree_has_its_own_statuses() -> None:
    """The status alone says whether to try again."""
    again = {Status.ABORTED, Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED}
    assert {kind for kind, answer in TABLE.items() if answer.status in again} == set(kinds(RetryableRefusal))


@each_refusal
def test_the_details_repeat_status_and_message_and_name_the_reason(refusal: Refusal) -> None:
    error = grpc_error(refusal)
    status = sent(refusal)
    assert error.status is TABLE[type(refusal)].status
    assert (status.code, status.message) == (error.status.value, error.message) == (status.code, str(refusal))
    info = detail(refusal, ErrorInfo)
    assert (info.reason, info.domain) == (refusal.reason, "inventory.travio")  # type: ignore[attr-defined]


@each_refusal
def test_a_client_reads_the_details_with_googles_own_codec(refusal: Refusal) -> None:
    error = grpc_error(refusal)
    ours: StatusDetailsCodecBase = SerializedDetails()
    data = ours.encode(error.status, error.message, error.details)
    first, *_ = ProtoStatusDetailsCodec().decode(error.status, error.message, data)
    assert first == detail(refusal, ErrorInfo)


def test_a_retryable_refusal_says_when_to_try_again() -> None:
    for refusal in ONE_OF_EACH:
        told = any(packed.Is(RetryInfo.DESCRIPTOR) for packed in sent(refusal).details)
        assert told == isinstance(refusal, RetryableRefusal)
        if isinstance(refusal, RetryableRefusal):
            delay = detail(refusal, RetryInfo).retry_delay  # type: ignore[attr-defined]
            assert delay.ToMilliseconds() == refusal.retry_after_ms


@pytest.mark.parametrize(
    ("refusal", "metadata"),
    [
        (errors.SeatContended(["1A", "1B"], retry_after_ms=50), {"seats": "1A,1B", "decided_by": "store"}),
        (
            errors.SeatContended(["1A"], retry_after_ms=50, decided=Decided("edge", 1_700_000_000_012)),
            {"seats": "1A", "decided_by": "edge", "as_of": "1700000000.012"},
        ),
        (
            errors.SeatHeld([TakenCell("1A", 0, "held")], held_until_ms=1_700_000_000_999),
            {"held_until": "1700000000", "decided_by": "store"},
        ),
        (
            errors.SeatHeld([], own_hold="t~0~h", decided=Decided("edge", 1_700_000_000_012)),
            {"own_hold_id": "t~0~h", "decided_by": "edge", "as_of": "1700000000.012"},
        ),
        (errors.SeatUnavailable([]), {"decided_by": "store"}),
        (Unauthenticated(), {}),
        (Unauthenticated("invalid_token"), {"error": "invalid_token"}),
        (PermissionDenied("hold"), {"scope": "hold"}),
        (
            errors.SeatContended(["a,b", "50%"], retry_after_ms=50),
            {"seats": "a%2Cb,50%25", "decided_by": "store"},
        ),
        (errors.HoldExpired(1_700_000_000_999), {"at": "1700000000"}),
        (errors.HoldReleased(), {}),
        (errors.ExtensionTooLong(1_700_000_000_000), {"until": "1700000000"}),
        (errors.HoldLimitReached(4), {"holds_max": "4"}),
        (errors.HoldChanged(3), {"version": "3"}),
        (errors.HoldNotFound(), {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_reason_comes_with_what_belongs_to_it(refusal: Refusal, metadata: dict[str, str]) -> None:
    assert dict(detail(refusal, ErrorInfo).metadata) == metadata  # type: ignore[attr-defined]


def test_taken_seats_are_named_with_their_segments_and_never_with_their_owner() -> None:
    cells = [TakenCell("1A", 0, "held", "claimant-digest"), TakenCell("1A", 1, "sold"), TakenCell("1B", 0, "blocked")]
    cells = [cell._replace(hold="the-hold") for cell in cells]
    refusal = errors.SeatUnavailable(cells)
    failure = detail(refusal, PreconditionFailure)
    assert [(one.type, one.subject) for one in failure.violations] == [  # type: ignore[attr-defined]
        ("held", "1A/0"),
        ("blocked", "1B/0"),
        ("sold", "1A/1"),
    ]
    for kind in (errors.SeatUnavailable, errors.SeatHeld):
        details = grpc_error(kind(cells)).details
        assert b"claimant-digest" not in details
        assert b"the-hold" not in details


@pytest.mark.parametrize(
    "refusal", [errors.SeatContended(["1A"], retry_after_ms=50), errors.SeatHeld([TakenCell("1A", 0, "held")])]
)
def test_a_refusal_of_a_seat_that_may_become_free_begins_with_the_words_that_load_testers_count(
    refusal: Refusal,
) -> None:
    assert (grpc_error(refusal).message or "").startswith("seat query contention - please retry")


def test_wrong_fields_are_named() -> None:
    refusal = InvalidRequest([Violation("user_id", "must not be empty"), Violation("passengers", "too many")])
    named = detail(refusal, BadRequest).field_violations  # type: ignore[attr-defined]
    assert [(one.field, one.description) for one in named] == list(refusal.violations)


def test_a_limit_says_what_is_exceeded() -> None:
    (exceeded,) = detail(errors.HoldLimitReached(4), QuotaFailure).violations  # type: ignore[attr-defined]
    assert exceeded.subject == "user"
    assert exceeded.description == "maximum concurrent holds exceeded: 4"


@pytest.mark.parametrize("seats", [10, 50])
@pytest.mark.parametrize("letter", ["x", "\N{GREEK SMALL LETTER ALPHA}", "\N{SLEUTH OR SPY}"])
def test_the_longest_refusals_still_fit_into_the_headers_that_clients_take(letter: str, seats: int) -> None:
    """A thousand cells of seats with the longest ids, in characters of one, two and four bytes."""
    ids = [f"{seat}{letter * (126 // len(letter.encode()))}" for seat in range(seats)]
    cells = [TakenCell(seat, segment, "blocked") for segment in range(1_000 // seats) for seat in ids]
    violations = [Violation(f"updates[{index}].seat_id", letter * 100) for index in range(5_000)]
    longest: list[Refusal] = [
        errors.SeatUnavailable(cells),
        errors.SeatHeld(cells, held_until_ms=10**15, own_hold="h" * 200, decided=Decided("edge", 10**15)),
        InvalidRequest(violations),
        errors.SeatContended(ids, retry_after_ms=1_000),
    ]
    for refusal in longest:
        error = grpc_error(refusal)
        header_bytes = len(encode_bin_value(error.details)) + len(encode_grpc_message(error.message or ""))
        assert header_bytes < HEADERS_BYTES_MAX
    subjects = [one.subject for one in detail(longest[0], PreconditionFailure).violations]  # type: ignore[attr-defined]
    named = list(dict.fromkeys(subject.rpartition("/")[0] for subject in subjects))
    assert named == ids[: len(named)]
    assert len(named) >= 10
