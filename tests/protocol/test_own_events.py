"""What a process publishes of its own steps at once, and what it leaves to the relays."""

from collections.abc import Sequence

from tests.protocol.recorded import OPEN, ids, opens, own
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.protocol.own_events import LOOK_AGAIN_MS, NOTE_EVERY_MS, OLD_MS, WAIT_MS, OwnEvents
from travio_inventory.protocol.told_notes import ToldNotes
from verification.kit.sale import Sale


def notes(sale: Sale) -> ToldNotes:
    return ToldNotes(sale.process.sender.batches, "told", kept_s=1_000_000)


async def followed(sale: Sale) -> OwnEvents:
    """From now on it has what the process records."""
    await opens(sale, OPEN)
    follows = OwnEvents(sale.process.sender, notes(sale))
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
    await own(sale, "A1", 1)
    sale.clock.pass_ms(OLD_MS)
    assert await follows.unpublished() == []


async def test_what_was_published_is_noted_soon_and_no_event_waits_for_that(sale: Sale) -> None:
    follows = await followed(sale)
    await own(sale, "A1", 1)
    events = await follows.unpublished()
    await follows.mark_published(events)
    assert not await _noted(sale, events)
    sale.clock.pass_ms(NOTE_EVERY_MS)
    await follows.unpublished()
    assert await _noted(sale, events)


async def _noted(sale: Sale, events: Sequence[Event]) -> bool:
    partition = sale.group_partition("A1")
    read = await notes(sale).read(partition, [event.at_ms for event in events])
    return all(read.has(event.id, event.at_ms) for event in events)


async def test_it_comes_when_something_is_recorded(sale: Sale) -> None:
    follows = await followed(sale)
    await own(sale, "A1", 1)
    await follows.news()
    assert len(await follows.unpublished()) == 1
