"""An extension without an answer, of a hold that ends meanwhile: what it was is said only as far as it is certain."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from tests.protocol.parts import Noted
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol.batches import Outcome, Write
from travio_inventory.protocol.hold import Expired
from travio_inventory.protocol.refusals import HoldExpired, HoldReleased
from travio_inventory.seats.hold import Hold
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, commits
from verification.kit.passing import Batch, Send
from verification.kit.sale import TTL_S, Sale

LONGER_S = 2 * TTL_S
Then = Callable[[Sale, Hold], Awaitable[object]]


class Ending(Noted):
    """After the first batch the hold ends."""

    def __init__(self, sale: Sale, hold: Hold, *then: Then) -> None:
        super().__init__(sale.store)
        self._sale, self._hold, self._then_end = sale.elsewhere(), hold, list(then)

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        outcome = await super().pass_on(batch, send)
        while self._then_end:
            await self._then_end.pop(0)(self._sale, self._hold)
        return outcome


async def expires(sale: Sale, hold: Hold) -> None:
    """Its time passes, and another process ends it."""
    sale.clock.pass_s(2 * LONGER_S)
    await sale.process.holds.expiring.expire(await sale.find(hold))


async def is_released(sale: Sale, hold: Hold) -> None:
    await sale.release(hold)


async def is_extended(sale: Sale, hold: Hold) -> None:
    await sale.extend(hold, ttl_s=LONGER_S)


async def extended(sale: Sale, how: Spoil, *then: Then) -> Hold:
    """The hold on A1, extended by a batch that fares so."""
    hold = await sale.hold("A1")
    sale.store.spoil(how, extending, times=1)
    sale.process.sender.batches = Ending(sale, hold, *then)
    return await sale.extend(hold, ttl_s=LONGER_S)


def extending(partition: object, writes: Sequence[Write]) -> bool:
    return commits(partition, writes)  # type: ignore[arg-type]  # it looks at the writes


async def test_what_was_extended_and_has_expired_since_was_extended(sale: Sale) -> None:
    hold = await extended(sale, Spoil.UNANSWERED, expires)
    assert (hold.state, hold.extensions) == (Expired(START_MS + LONGER_S * 1_000), 1)


async def test_what_was_not_extended_and_has_expired_since_has_expired(sale: Sale) -> None:
    with pytest.raises(HoldExpired):
        await extended(sale, Spoil.LOST, expires)


async def test_what_another_extended_is_not_said_to_be_extended_by_a_batch_that_never_left(sale: Sale) -> None:
    with pytest.raises(HoldExpired):
        await extended(sale, Spoil.NOT_DONE, is_extended, expires)


async def test_whether_a_released_hold_was_extended_before_is_unknown_where_somebody_extended_it(sale: Sale) -> None:
    with pytest.raises(OutcomeUnknown):
        await extended(sale, Spoil.UNANSWERED, is_released)


async def test_a_released_hold_that_nobody_extended_was_released(sale: Sale) -> None:
    with pytest.raises(HoldReleased):
        await extended(sale, Spoil.LOST, is_released)
