"""The answers of a bad day are written down: a lost answer is no answer, and a bug is noticed."""

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from travio_inventory.client.refusals import refusal_from
from travio_inventory.kernel.refusals import Refusal
from verification.chaos.notebook import Notebook
from verification.simulation.history import Call, CallOutcome


async def heard(failure: Exception) -> tuple[Notebook, Call]:
    """What is written down of a step that fails with this error."""
    notebook = Notebook()
    call = Call(1, "hold", "", 0.0, holder="u1", process="p1")

    async def ask() -> None:
        refusal = refusal_from(failure, writes=True)
        assert isinstance(refusal, Refusal)
        raise refusal from failure

    await notebook.hear(call, ask)
    return notebook, call


@pytest.mark.parametrize("status", [Status.INTERNAL, Status.UNKNOWN, Status.DATA_LOSS])
async def test_a_bug_of_the_service_is_no_lost_answer(status: Status) -> None:
    notebook, call = await heard(GRPCError(status, "internal error"))
    assert call.answer is CallOutcome.UNKNOWN
    assert len(notebook.strange) == 1


@pytest.mark.parametrize(
    "failure", [GRPCError(Status.UNAVAILABLE, "stopping"), StreamTerminatedError("Connection lost"), TimeoutError()]
)
async def test_a_lost_answer_is_not_strange(failure: Exception) -> None:
    notebook, call = await heard(failure)
    assert call.answer is CallOutcome.UNKNOWN
    assert notebook.strange == []
    assert call.number in notebook.gave_up_s
