"""What is noted of an event that came in: its row, for how long it stays, and who decides of two at once."""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from tests.protocol.parts import Noted as Sent
from travio_inventory.kernel.incoming import Incoming
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import ABSENT, Partition, Row, Table, Write
from travio_inventory.protocol.inbox import ROW, Inbox, Noted, OtherEvent, fingerprint_of, inbox_partition
from travio_inventory.protocol.retention import APART_S
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import START_MS, Clock

RETENTION_S = 100
EVENT = Incoming("shop", "e1", "payment.succeeded", START_MS - 5, "acme", {"b": 1, "a": 2})
PARTITION = Partition(Table.INBOX, "", "shop\x1fe1")


class Noting:
    """An inbox, and what it sends."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = Sent(MemoryBatches(None, Random(1), asyncio.sleep))
        self.inbox = Inbox(self.store, self.clock, retention_s=RETENTION_S)

    @property
    def writes(self) -> list[Write]:
        """Each is alone in its batch."""
        return [write for batch in self.store.sent for write in batch.writes]

    async def begin(self, event: Incoming = EVENT) -> Noted:
        noted = await self.inbox.begin(event)
        assert isinstance(noted, Noted)
        return noted

    async def row(self) -> Row:
        return (await self.store.get(PARTITION, [ROW]))[ROW]


@pytest.fixture
def noting() -> Noting:
    return Noting()


async def test_an_event_is_noted_before_anything_is_decided(noting: Noting) -> None:
    noted = await noting.begin()
    row: Row = {"fingerprint": fingerprint_of(EVENT), "status": "begun", "begun_at_ms": START_MS}
    assert [batch.partition for batch in noting.store.sent] == [PARTITION]
    assert noting.writes == [Write(ROW, ABSENT, row, RETENTION_S + APART_S)]
    assert (noted.decision, noted.outcome) == ("", "")


@pytest.mark.parametrize(("ahead_ms", "more_s"), [(-1, 0), (0, 0), (1, 1), (1_000, 1), (1_001, 2)])
async def test_an_event_of_the_future_is_kept_until_it_is_too_old(noting: Noting, ahead_ms: int, more_s: int) -> None:
    await noting.begin(replace(EVENT, at_ms=START_MS + ahead_ms))
    assert [write.keep_s for write in noting.writes] == [RETENTION_S + APART_S + more_s]


async def test_a_decision_and_an_outcome_are_added_to_what_was_noted(noting: Noting) -> None:
    noted = await noting.begin()
    begun = await noting.row()
    noting.clock.pass_ms(7)
    assert await noted.decide("book") == "book"
    assert await noting.row() == {**begun, "decision": "book"}
    assert noting.writes[1] == Write(
        ROW, {"status": "begun", "decision": None}, await noting.row(), RETENTION_S + APART_S
    )
    assert noted.outcome == ""
    assert await noted.done("booked") == "booked"
    assert await noting.row() == {**begun, "status": "done", "decision": "book", "outcome": "booked"}
    decided: Row = {"status": "begun", "decision": "book"}
    assert noting.writes[2] == Write(ROW, decided, await noting.row(), RETENTION_S + APART_S)
    assert (noted.decision, noted.outcome) == ("book", "booked")


async def test_whoever_gets_the_event_again_finds_how_far_it_is(noting: Noting) -> None:
    first = await noting.begin()
    await first.decide("book")
    noting.clock.pass_ms(7)
    second = await noting.begin(replace(EVENT, at_ms=START_MS + 1, data={"a": 2, "b": 1}))
    assert (second.decision, second.outcome) == ("book", "")
    await second.done("booked")
    third = await noting.begin()
    assert (third.decision, third.outcome) == ("book", "booked")
    assert (await noting.row())["begun_at_ms"] == START_MS


async def test_of_two_who_decide_the_first_one_is_followed_unless_it_is_named_as_overruled(noting: Noting) -> None:
    first, second = await noting.begin(), await noting.begin()
    assert await first.decide("book") == "book"
    assert await second.decide("refund") == "book"
    assert await second.decide("refund", over="book") == "refund"
    assert await first.decide("wait", over="book") == "refund"
    assert await first.done("refunded") == "refunded"
    assert await second.done("booked") == "refunded", "by whichever attempt was first"
    assert second.outcome == "refunded"


async def test_nothing_is_done_by_an_attempt_that_does_not_know_what_another_one_decided(noting: Noting) -> None:
    first, second = await noting.begin(), await noting.begin()
    await first.decide("book")
    with pytest.raises(BackendUnavailable):
        await second.done("nothing to do")
    assert second.decision == "book"
    assert await second.done("booked") == "booked"


async def test_an_event_that_was_forgotten_meanwhile_is_as_it_was_wanted(noting: Noting) -> None:
    """Its row was kept for long enough: nobody decides otherwise any more."""
    noted = await noting.begin()
    noting.store.store = MemoryBatches(None, Random(1), asyncio.sleep)
    assert await noted.decide("book") == "book"
    assert await noted.done("booked") == "booked"
    assert (noted.decision, noted.outcome) == ("book", "booked")


@pytest.mark.parametrize(
    "other",
    [
        replace(EVENT, type="payment.failed"),
        replace(EVENT, organization="other"),
        replace(EVENT, data={"a": 2, "b": 2}),
    ],
)
async def test_another_event_under_the_same_name_is_told_apart(noting: Noting, other: Incoming) -> None:
    await noting.begin()
    assert await noting.inbox.begin(other) == OtherEvent()
    await noting.begin(replace(other, id="e2"))
    await noting.begin(replace(other, source="else"))
    assert inbox_partition(other) == PARTITION


@pytest.mark.parametrize(("age_ms", "is_too_old"), [(RETENTION_S * 1_000, False), (RETENTION_S * 1_000 + 1, True)])
def test_an_event_is_too_old_once_nobody_knows_if_it_came_before(noting: Noting, age_ms: int, is_too_old: bool) -> None:
    assert noting.inbox.is_too_old(replace(EVENT, at_ms=START_MS - age_ms)) is is_too_old
