"""What a process publishes of its own steps at once, and what it leaves to the relays."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from tests.protocol.recorded import OPEN, event, ids, opens, own
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.protocol import own_events
from travio_inventory.protocol.batches import Partition, Row, StoreUnavailable
from travio_inventory.protocol.own_events import LOOK_AGAIN_MS, NOTE_EVERY_MS, OLD_MS, WAIT_MS, OwnEvents
from travio_inventory.protocol.told_notes import NOTHING, Noted, ToldNotes
from verification.kit.sale import Sale


class Looked(ToldNotes):
    """Notes that count how often they are read, and may be unreadable."""

    def __init__(self, sale: Sale) -> None:
        super().__init__(sale.process.sender.batches, "told", kept_s=1_000_000)
        self.looks: list[tuple[Partition, int]] = []
        self.is_down = False

    async def read(self, partition: Partition, moments_ms: Iterable[int], known: Noted = NOTHING) -> Noted:
        moments = [*moments_ms]
        self.looks.append((partition, len(moments)))
        if self.is_down:
            raise StoreUnavailable("unplugged")
        return await super().read(partition, moments, known)


def notes(sale: Sale) -> Looked:
    return Looked(sale)


async def followed(sale: Sale, told: ToldNotes | None = None) -> OwnEvents:
    """From now on, a while after its process began, it has what that records."""
    sale.clock.pass_ms(WAIT_MS)
    await opens(sale, OPEN)
    follows = OwnEvents(sale.process.sender, told or notes(sale))
    assert await follows.unpublished() == []
    return follows


async def published(follows: OwnEvents) -> list[str]:
    events = await follows.unpublished()
    await follows.mark_published(events)
    return ids(events)


async def test_a_first_event_is_published_at_once_and_the_next_one_after_it(sale: Sale) -> None:
    follows = await followed(sale)
    first = await own(sale, "A1", 1)
    assert await published(follows) == [first]
    second = await own(sale, "A1", 1, 1, before=OPEN)
    assert await published(follows) == [second]
    assert await published(follows) == []


async def test_steps_of_one_moment_come_in_order(sale: Sale) -> None:
    follows = await followed(sale)
    await own(sale, "A1", 1, 1, before=OPEN)
    await own(sale, "A1", 1, 0)
    assert [event.ordinal for event in await follows.unpublished()] == [0, 1]


async def test_a_step_on_what_another_process_did_waits_until_that_is_noted(sale: Sale) -> None:
    other = await followed(sale)
    await own(sale, "A1", 1)
    await other.mark_published(await other.unpublished())
    follows = await followed(sale)
    step = await own(sale, "A1", 1, 1, before=OPEN)
    assert await follows.unpublished() == [], "nobody knows that the sink had the first one"
    await other.note()
    assert await follows.unpublished() == [], "it looked a moment ago"
    sale.clock.pass_ms(LOOK_AGAIN_MS)
    assert ids(await follows.unpublished()) == [step]


async def test_one_that_waits_for_long_is_left_to_the_relays(sale: Sale) -> None:
    follows = await followed(sale)
    await own(sale, "A1", 1, 1, before=OPEN)
    assert await follows.unpublished() == []
    sale.clock.pass_ms(WAIT_MS)
    assert await follows.unpublished() == []
    assert not follows._lines


async def test_what_was_not_accepted_is_left_to_the_relays_and_what_follows_it_too(sale: Sale) -> None:
    follows = await followed(sale)
    await own(sale, "A1", 1)
    assert len(await follows.unpublished()) == 1
    assert await follows.unpublished() == [], "the sink raised"
    await own(sale, "A1", 1, 1, before=OPEN)
    assert await follows.unpublished() == []
    refused = await _refused(follows, sale)
    assert await follows.unpublished() == []
    await own(sale, "A2", 2, 1, before=OPEN)
    assert refused.subject not in {event.subject for event in await follows.unpublished()}


async def _refused(follows: OwnEvents, sale: Sale) -> Event:
    await own(sale, "A2", 2)
    [event] = await follows.unpublished()
    await follows.set_aside({event: PublishFailed("not this one")})
    return event


async def test_what_is_old_because_the_process_stood_still_is_left_to_the_relays(sale: Sale) -> None:
    follows = await followed(sale)
    await own(sale, "A1", 1, after_ms=WAIT_MS)
    young = await own(sale, "A2", 1, after_ms=WAIT_MS + 1)
    sale.clock.pass_ms(OLD_MS)
    assert await published(follows) == [young]


async def test_what_was_published_is_noted_soon_and_no_event_waits_for_that(sale: Sale) -> None:
    follows = await followed(sale)
    await own(sale, "A1", 1)
    events = await follows.unpublished()
    await follows.mark_published(events)
    sale.clock.pass_ms(NOTE_EVERY_MS - 1)
    await follows.unpublished()
    assert not await _noted(sale, events)
    sale.clock.pass_ms(1)
    await follows.unpublished()
    assert await _noted(sale, events)
    assert await follows.unpublished() == []


async def _noted(sale: Sale, events: Sequence[Event]) -> bool:
    partition = sale.group_partition("A1")
    read = await notes(sale).read(partition, [event.at_ms for event in events])
    return all(read.has(event.id, event.at_ms) for event in events)


async def test_it_comes_when_something_is_recorded(sale: Sale) -> None:
    follows = await followed(sale)
    await own(sale, "A1", 1)
    await follows.news()
    assert len(await follows.unpublished()) == 1


async def test_many_that_were_published_are_noted_at_once(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_events, "NOTE_MAX", 2)
    follows = await followed(sale)
    await own(sale, "A1", 1)
    first = await follows.unpublished()
    await follows.mark_published(first)
    assert not await _noted(sale, first)
    await own(sale, "A1", 2)
    await follows.mark_published(second := await follows.unpublished())
    assert await _noted(sale, [*first, *second])


async def test_it_comes_again_while_something_waits_and_sleeps_while_nothing_does(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_events, "NOTE_EVERY_MS", 20)
    follows = await followed(sale)
    idle = asyncio.create_task(follows.news())
    await asyncio.sleep(0.1)
    assert not idle.done()
    await own(sale, "A1", 1)
    async with asyncio.timeout(60):
        await idle
        await follows.mark_published(await follows.unpublished())
        await follows.news()
    sale.clock.pass_ms(20)
    assert await follows.unpublished() == []
    await own(sale, "A2", 1, 1, before=OPEN)
    assert await follows.unpublished() == []
    async with asyncio.timeout(60):
        await follows.news()


async def test_an_event_is_published_once_though_its_process_hears_of_it_twice(sale: Sale) -> None:
    follows = await followed(sale)
    await own(sale, "A1", 1)
    assert len(await published(follows)) == 1
    await own(sale, "A1", 1)
    assert await published(follows) == []


async def test_what_cannot_be_read_is_left_to_the_relays(sale: Sale) -> None:
    follows = await followed(sale)
    group = sale.group_partition("A1")
    spoilt: list[Row] = [{"type": ""}, {"subject": ""}, {"data": ""}, {"actor": "a ghost"}]
    for number, values in enumerate(spoilt):
        write = event(sale, "A1", number, 0, epoch=OPEN)
        await sale.process.sender.apply(group, [write._replace(values={**write.values, **values})], [])
    readable = await own(sale, "A1", 9)
    assert await published(follows) == [readable]


async def test_nobody_looks_for_what_is_known(sale: Sale) -> None:
    told = notes(sale)
    follows = await followed(sale, told)
    for ordinal in range(3):
        await own(sale, "A1", 1, ordinal, before=OPEN)
        assert len(await published(follows)) == 1
    assert not told.looks


async def test_what_events_wait_for_is_looked_for_in_few_partitions_at_a_time(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_events, "LOOKS_AT_ONCE", 1)
    told = notes(sale)
    follows = await followed(sale, told)
    for seat, number in (("A1", 1), ("A2", 1), ("A1", 2)):
        await own(sale, seat, number, 1, before=OPEN)
    assert await follows.unpublished() == []
    assert told.looks == [(sale.group_partition("A1"), 2)]
    assert await follows.unpublished() == []
    assert told.looks[1:] == [(sale.group_partition("A2"), 1)]


async def test_notes_that_cannot_be_read_are_looked_for_again(sale: Sale) -> None:
    other = await followed(sale)
    await own(sale, "A1", 1)
    await other.mark_published(await other.unpublished())
    await other.note()
    told = notes(sale)
    follows = await followed(sale, told)
    step = await own(sale, "A1", 1, 1, before=OPEN)
    told.is_down = True
    assert await follows.unpublished() == []
    told.is_down = False
    sale.clock.pass_ms(LOOK_AGAIN_MS)
    assert await published(follows) == [step]


async def test_the_last_event_of_a_subject_that_was_accepted_counts_in_whatever_order_they_are_told(sale: Sale) -> None:
    follows = await followed(sale)
    for ordinal in range(2):
        await own(sale, "A1", 1, ordinal, before=OPEN)
    await follows.mark_published((await follows.unpublished())[::-1])
    third = await own(sale, "A1", 1, 2, before=OPEN)
    assert await published(follows) == [third]


async def test_of_so_many_subjects_the_last_accepted_ones_are_remembered(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_events, "KNOWN_MAX", 2)
    follows = await followed(sale)
    for seat, ordinal in (("A1", 0), ("A2", 0), ("A1", 1), ("A3", 0)):
        await own(sale, seat, 1, ordinal, before=OPEN)
        assert len(await published(follows)) == 1
    for seat, ordinal, known in (("A2", 1, 0), ("A1", 2, 1), ("A3", 1, 1)):
        await own(sale, seat, 1, ordinal, before=OPEN)
        assert len(await published(follows)) == known, seat


async def test_no_more_wait_and_no_more_are_published_in_a_round_than_may(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_events, "WAITING_MAX", 2)
    monkeypatch.setattr(own_events, "EVENTS_PER_ROUND_MAX", 1)
    follows = await followed(sale)
    of_two = [await own(sale, seat, 1) for seat in ("A1", "A2", "A3")][:2]
    assert [await published(follows) for _ in range(3)] == [of_two[:1], of_two[1:], []]


async def test_events_are_counted_that_wait_whatever_they_are_about_and_no_longer_than_they_do(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one hold whose first event is nobody's yet, no more are kept; once it has waited too long there is room."""
    monkeypatch.setattr(own_events, "WAITING_MAX", 2)
    follows = await followed(sale)
    await own(sale, "A1", 1, 1, before=OPEN)
    await own(sale, "A1", 1, 2, before=OPEN)
    assert await published(follows) == []
    beyond = await own(sale, "A2", 1)
    assert await published(follows) == [], "two wait already"
    sale.clock.pass_ms(WAIT_MS)
    await follows.unpublished()
    assert await published(follows) == []
    another = await own(sale, "A3", 1)
    assert await published(follows) == [another]
    assert beyond != another
