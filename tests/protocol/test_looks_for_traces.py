"""What callers pay for traces that are off: one look for what is recorded, and none for whom the gate turns away."""

from collections.abc import Callable
from contextvars import ContextVar

import pytest

from travio_inventory.kernel.trace_context import CURRENT, TraceParent
from travio_inventory.protocol import event_rows
from travio_inventory.seats.refusals import SeatTaken
from verification.kit.sale import Sale


class Looked:
    """The context variable, whose reads are counted."""

    def __init__(self, variable: ContextVar[TraceParent | None]) -> None:
        self.looks = 0
        self._variable = variable

    def get(self) -> TraceParent | None:
        """One look."""
        self.looks += 1
        return self._variable.get()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many there were since it was asked last."""
    looked = Looked(CURRENT)
    monkeypatch.setattr(event_rows, "CURRENT", looked)

    def since() -> int:
        found, looked.looks = looked.looks, 0
        return found

    return since


async def test_a_hold_looks_once_and_whom_the_gate_turns_away_never(sale: Sale, looks: Callable[[], int]) -> None:
    await sale.hold("A1")
    assert looks() == 1
    for _ in range(3):
        with pytest.raises(SeatTaken):
            await sale.hold("A1", by="bob")
    assert looks() == 0


async def test_whom_the_store_refuses_has_looked_once(sale: Sale, looks: Callable[[], int]) -> None:
    """Its batch, with the event, is made before it is known to be refused."""
    await sale.hold("A1")
    looks()
    with pytest.raises(SeatTaken):
        await sale.elsewhere().hold("A1", by="bob")
    assert looks() == 1
