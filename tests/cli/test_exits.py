"""What each gRPC status means for a script: exit status 1 is a definite refusal, and nothing else is."""

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from travio_inventory.cli.exits import Exit, failure_of, failure_of_error
from travio_inventory.client.refusals import refusal_from
from travio_inventory.kernel.refusals import Refusal

STEPS_AND_QUESTIONS = {
    Status.OK: (Exit.NO, Exit.NO),
    Status.CANCELLED: (Exit.ASK_AGAIN, Exit.ASK_AGAIN),
    Status.UNKNOWN: (Exit.ASK_AGAIN, Exit.ASK_AGAIN),
    Status.INVALID_ARGUMENT: (Exit.WRONG, Exit.WRONG),
    Status.DEADLINE_EXCEEDED: (Exit.ASK_AGAIN, Exit.ASK_AGAIN),
    Status.NOT_FOUND: (Exit.NO, Exit.NO),
    Status.ALREADY_EXISTS: (Exit.NO, Exit.NO),
    Status.PERMISSION_DENIED: (Exit.NO, Exit.NO),
    Status.RESOURCE_EXHAUSTED: (Exit.ASK_AGAIN, Exit.ASK_AGAIN),
    Status.FAILED_PRECONDITION: (Exit.NO, Exit.NO),
    Status.ABORTED: (Exit.ASK_AGAIN, Exit.ASK_AGAIN),
    Status.OUT_OF_RANGE: (Exit.WRONG, Exit.WRONG),
    Status.UNIMPLEMENTED: (Exit.NO_SERVICE, Exit.NO_SERVICE),
    Status.INTERNAL: (Exit.ASK_AGAIN, Exit.ASK_AGAIN),
    Status.UNAVAILABLE: (Exit.ASK_AGAIN, Exit.ASK_AGAIN),
    Status.DATA_LOSS: (Exit.ASK_AGAIN, Exit.ASK_AGAIN),
    Status.UNAUTHENTICATED: (Exit.NO, Exit.NO),
}


def ends_with(status: Status, *, writes: bool) -> Exit:
    failed = refusal_from(GRPCError(status, "said in between"), writes=writes)
    return (failure_of(failed) if isinstance(failed, Refusal) else failure_of_error(failed)).status


@pytest.mark.parametrize("status", Status)
def test_a_status_without_a_reason_ends_a_command_as_it_should(status: Status) -> None:
    of_a_step, of_a_question = STEPS_AND_QUESTIONS[status]
    assert ends_with(status, writes=True) is of_a_step
    assert ends_with(status, writes=False) is of_a_question
