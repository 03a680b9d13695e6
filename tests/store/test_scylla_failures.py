"""What an error of the driver means for a batch: a wrong guess sells a seat twice, or hides a bug."""

import pytest
from cassandra import (
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    OperationType,
    RateLimitReached,
    ReadFailure,
    ReadTimeout,
    Unauthorized,
    Unavailable,
    WriteFailure,
    WriteTimeout,
    WriteType,
)
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown
from cassandra.protocol import OverloadedErrorMessage, SyntaxException

from travio_inventory.protocol.batches import NotDone, StoreUnavailable, Unknown
from travio_inventory.store.scylla.failures import CAUSE_CHARS_MAX, Failure, outcome_of, unread

SERIAL, QUORUM = ConsistencyLevel.LOCAL_SERIAL, ConsistencyLevel.LOCAL_QUORUM
NO_HOST = NoHostAvailable("Unable to complete the operation against any hosts", {})
MAY_BE_DONE = [
    WriteTimeout("", consistency=SERIAL, required_responses=2, received_responses=1, write_type=WriteType.CAS),
    WriteTimeout("", consistency=QUORUM, required_responses=2, received_responses=1, write_type=WriteType.SIMPLE),
    WriteFailure("", consistency=SERIAL, required_responses=2, received_responses=1, failures=1),
    ReadTimeout("", consistency=SERIAL, required_responses=2, received_responses=1, data_retrieved=False),
    ReadFailure("", consistency=SERIAL, required_responses=2, received_responses=1, failures=1),
    OperationTimedOut(),
    ConnectionShutdown("Connection to 10.0.0.1 was closed"),
    Unavailable("", consistency=QUORUM, required_replicas=2, alive_replicas=1),
    RateLimitReached(op_type=OperationType.Write, rejected_by_coordinator=False),
    OverloadedErrorMessage(0x1001, "overloaded", None),
    NO_HOST,
    RuntimeError("the driver has a defect"),
]
WRONG = [InvalidRequest("undefined column"), Unauthorized("no"), SyntaxException(0x2000, "no viable alternative", None)]


@pytest.mark.parametrize("error", MAY_BE_DONE, ids=lambda error: type(error).__name__)
def test_after_these_a_batch_that_was_sent_may_be_done(error: Exception) -> None:
    outcome = outcome_of(Failure(error, was_sent=True))
    assert isinstance(outcome, Unknown)
    assert outcome.cause.startswith(type(error).__name__)


@pytest.mark.parametrize(
    "failure",
    [
        Failure(Unavailable("", consistency=SERIAL, required_replicas=2, alive_replicas=1), was_sent=True),
        Failure(Unavailable("", consistency=ConsistencyLevel.SERIAL), was_sent=True),
        Failure(NO_HOST, was_sent=False),
    ],
)
def test_after_these_it_never_will_be(failure: Failure) -> None:
    assert isinstance(outcome_of(failure), NotDone)


@pytest.mark.parametrize("error", WRONG, ids=lambda error: type(error).__name__)
def test_a_bug_of_ours_is_raised_and_not_tried_again(error: Exception) -> None:
    for was_sent in (True, False):
        with pytest.raises(type(error)):
            outcome_of(Failure(error, was_sent))
    with pytest.raises(type(error)):
        unread(Failure(error, was_sent=True))


@pytest.mark.parametrize("error", MAY_BE_DONE, ids=lambda error: type(error).__name__)
def test_a_read_that_failed_is_just_not_read(error: Exception) -> None:
    assert isinstance(unread(Failure(error, was_sent=True)), StoreUnavailable)


def test_a_cause_is_one_short_line() -> None:
    outcome = outcome_of(Failure(RuntimeError("much\nto say " * 100), was_sent=True))
    assert isinstance(outcome, Unknown)
    assert "\n" not in outcome.cause
    assert len(outcome.cause) == CAUSE_CHARS_MAX
