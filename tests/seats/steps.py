"""The steps that a hold can take, for tests that spoil their batches."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from travio_inventory.protocol.claims import ERRORS_MAX
from travio_inventory.seats.hold import Cancelled, Confirmed, Held, Hold, Released
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import Sale

Step: TypeAlias = Callable[[Sale, Hold], Awaitable[Hold]]
SEATS = "A1 A2 A18"
CLAIM_ERRORS = ERRORS_MAX + 1
EVERY_SPOIL = [Spoil.LOST, Spoil.UNANSWERED, Spoil.LATE, Spoil.NOT_DONE]


async def extend(sale: Sale, hold: Hold) -> Hold:
    return await sale.extend(hold, ttl_s=300)


STEPS: list[Step] = [Sale.confirm, Sale.release, Sale.cancel, extend]


async def ready(sale: Sale, step: Step) -> Hold:
    """A hold that the step can be done to."""
    hold = await sale.hold(SEATS)
    return await sale.confirm(hold) if step is Sale.cancel else hold


def assert_done(step: Step, hold: Hold) -> None:
    match hold.state:
        case Confirmed():
            assert step is Sale.confirm
        case Released():
            assert step is Sale.release
        case Cancelled():
            assert step is Sale.cancel
        case Held():
            assert step is extend
            assert hold.extensions == 1
        case other:
            pytest.fail(f"no step makes it {other}")
