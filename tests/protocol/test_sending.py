"""What a batch takes with it, until when it may be sent, and what the process remembers of it."""

import asyncio

import pytest

from tests.protocol.parts import noted, pauses
from travio_inventory.protocol import index_entries
from travio_inventory.protocol.batches import ABSENT, ANY_TIME, Applied, Kind, NotDone, RowKey, Unknown, Write
from travio_inventory.protocol.hold import DIGEST_CHARS, Recorded
from travio_inventory.protocol.index_entries import SENT_WITHIN_MS
from travio_inventory.protocol.sending import Sender
from verification.kit.clocks import START_MS, Hasty
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import Sale

HOLD = Write(RowKey(Kind.HOLD, "h"), ABSENT, {"status": "aborted"})
EVENT = Write(RowKey(Kind.EVENT, "e"), ABSENT, {"type": "hold.created"})


class Lowest(Hasty):
    """Draws the lowest bits."""

    def getrandbits(self, k: int, /) -> int:
        """One bit of them."""
        assert k == 4 * DIGEST_CHARS
        return 1


@pytest.fixture
def sender(sale: Sale) -> Sender:
    return sale.process.sender


async def test_an_entry_is_written_until_a_batch_that_carried_it_was_answered(sale: Sale, sender: Sender) -> None:
    partition, sent = sale.group_partition("A2"), noted(sale)
    entry = index_entries.due(partition, START_MS, sender.rules.retention)
    for how, answer in ((Spoil.LOST, Unknown), (Spoil.NOT_DONE, NotDone)):
        sale.store.spoil(how, times=1)
        assert isinstance(await sender.apply(partition, [HOLD], [entry]), answer)
    assert await sender.apply(partition, [HOLD], [entry]) == Applied()
    await sender.apply(partition, [HOLD], [entry])
    assert [list(batch.entries) for batch in sent] == [[entry], [entry], [entry], []]


async def test_a_refusal_is_an_answer_too(sale: Sale, sender: Sender) -> None:
    partition = sale.group_partition("A2")
    await sender.apply(partition, [HOLD], [])
    sent, entry = noted(sale), index_entries.due(partition, START_MS, sender.rules.retention)
    for _ in range(2):
        await sender.apply(partition, [HOLD], [entry])
    assert [list(batch.entries) for batch in sent] == [[entry], []]


async def test_what_was_sent_before_all_was_forgotten_is_not_remembered(sale: Sale, sender: Sender) -> None:
    """The entry would be taken for known longer than it is kept."""
    partition, known_s = sale.group_partition("A2"), sender.rules.retention.known_s
    stall = sale.store.stall(lambda _, writes: writes == [HOLD])
    entry, other = (index_entries.recorded(partition, epoch, sender.rules.retention) for epoch in (1, 2))
    slow = asyncio.ensure_future(sender.apply(partition, [HOLD], [entry]))
    await stall.reached.wait()
    sale.clock.pass_s(known_s)
    await sender.apply(partition, [EVENT], [other])
    stall.go.set()
    await slow
    sent = noted(sale)
    await sender.apply(partition, [HOLD], [entry, other])
    assert [list(batch.entries) for batch in sent] == [[entry]]


async def test_an_unknown_outcome_is_settled_by_a_batch_of_its_own_partition(sale: Sale, sender: Sender) -> None:
    sale.store.spoil(Spoil.LOST, times=1)
    for seat, is_open in (("A1", 1), ("A2", 1), ("A1", 0)):
        await sender.apply(sale.group_partition(seat), [HOLD], [])
        assert sender.counts.doubts.open_count() == is_open


@pytest.mark.parametrize(("began_s", "left_s"), [(0, 60), (-20, 40), (-70, -10), (5, 60)])
async def test_a_step_is_sent_soon_after_its_timestamp_or_never(
    sale: Sale, sender: Sender, began_s: int, left_s: int
) -> None:
    sent, before = noted(sale), asyncio.get_running_loop().time()
    await sender.apply(sale.group_partition("A2"), [HOLD], [], at_ms=START_MS + began_s * 1_000)
    after = asyncio.get_running_loop().time()
    assert SENT_WITHIN_MS == 60_000
    assert before + left_s <= sent[0].send_by <= after + left_s


async def test_a_sender_through_other_batches_is_the_same_but_for_them(sale: Sale, sender: Sender) -> None:
    before = sender.batches
    same = sender.through(sale.market.store)
    assert (same.batches, sender.batches) == (sale.market.store, before)
    assert (same.counts, same.epochs, same.signals) == (sender.counts, sender.epochs, sender.signals)
    await same.apply(sale.group_partition("A2"), [EVENT], [])
    assert sender.counts.recorded == {"hold.created": 1}


async def test_a_batch_without_a_timestamp_may_be_sent_at_any_time(sale: Sale, sender: Sender) -> None:
    sent = noted(sale)
    await sender.apply(sale.group_partition("A2"), [HOLD], [])
    assert sent[0].send_by == ANY_TIME


async def test_followers_hear_of_events_that_were_applied(sale: Sale, sender: Sender) -> None:
    followed, partition = sender.signals.follow(), sale.group_partition("A2")
    sale.store.spoil(Spoil.LOST, times=1)
    await sender.apply(partition, [HOLD, EVENT], [])
    assert followed.take() == {}
    await sender.apply(partition, [HOLD, EVENT], [])
    assert followed.take() == {partition: {EVENT.key: EVENT.values}}
    await sender.apply(partition, [HOLD, EVENT], [])
    assert followed.take() == {}, "it was refused"


async def test_a_step_is_recorded_in_the_present_epoch_at_its_moment(sender: Sender) -> None:
    epoch = await sender.epochs.current()
    assert await sender.now() == Recorded(epoch, START_MS)
    assert await sender.now(START_MS - 7) == Recorded(epoch, START_MS - 7)
    assert sender.kept(EVENT) == EVENT._replace(keep_s=sender.rules.retention.events_s)


async def test_ids_are_of_one_length_and_pauses_of_the_protocol(sale: Sale, sender: Sender) -> None:
    before = pauses(sale)
    await sender.pause()
    assert pauses(sale) == before + 1
    sender.random = Lowest(1)
    assert sender.new_digest() == "1".zfill(DIGEST_CHARS)


async def test_an_event_is_kept_for_as_long_as_events_are_and_otherwise_as_it_is(sender: Sender) -> None:
    event = Write(RowKey(Kind.EVENT, "e"), {}, {"type": "hold.created"})
    assert sender.kept(event) == event._replace(keep_s=sender.rules.retention.events_s)
