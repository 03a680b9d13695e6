"""From where the places of open epochs are read again, and which of their events are left to who recorded them."""

import pytest

from travio_inventory.protocol import event_rows
from travio_inventory.protocol.batches import Kind, RowKey, Rows
from travio_inventory.protocol.minute_cursor import Place
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS, LOOKBACK_MS, YOUNG_MS, OpenEpochs
from verification.kit.clocks import START_MS, Clock

HERE, THERE, BEFORE = Place(20, "here"), Place(20, "there"), Place(19, "here")


def rows(*at_ms: int) -> Rows:
    """An event of each of these moments."""
    return {RowKey(Kind.EVENT, str(at)): {"at_ms": at} for at in at_ms}


def since(at_ms: int, *, epoch: int = 20) -> str:
    """What a read begins with that finds all that is known to be newer, and what was late."""
    return event_rows.id_from(epoch, at_ms - LOOKBACK_MS)


def shared(clock: Clock) -> OpenEpochs:
    """Those of a relay among others, which looked just now."""
    opened = OpenEpochs(clock, is_alone=False, is_shared=True)
    opened.looked()
    return opened


def test_a_place_is_read_from_its_newest_event_on_or_from_the_last_look() -> None:
    clock = Clock()
    opened = OpenEpochs(clock, is_alone=False, is_shared=False)
    assert opened.start_of(HERE) == since(0)
    opened.read(HERE, rows(START_MS + 30, START_MS + 10))
    opened.read(HERE, rows(START_MS + 20))
    opened.read(HERE, {})
    clock.pass_ms(5_000)
    assert opened.start_of(HERE) == since(START_MS), "from before the first look"
    opened.looked()
    assert opened.start_of(HERE) == since(START_MS + 30)
    assert opened.start_of(THERE) == since(0)
    opened.read(HERE, rows(START_MS + 9_000))
    assert opened.start_of(HERE) == since(START_MS + 5_000), "another clock is ahead"


@pytest.mark.parametrize(("is_alone", "again"), [(False, True), (True, False)])
def test_places_are_looked_at_at_intervals_unless_nobody_else_writes(is_alone: bool, again: bool) -> None:
    clock = Clock()
    clock.pass_ms(LOOK_EVERY_MS)
    opened = OpenEpochs(clock, is_alone=is_alone, is_shared=False)
    assert opened.is_time_to_look()
    opened.looked()
    clock.pass_ms(LOOK_EVERY_MS - 1)
    assert not opened.is_time_to_look()
    clock.pass_ms(1)
    assert opened.is_time_to_look() == again


def test_only_where_relays_share_the_index_young_events_are_left_alone() -> None:
    clock = Clock()
    old, young = (
        (START_MS - YOUNG_MS, START_MS + YOUNG_MS),
        (START_MS - YOUNG_MS + 1, START_MS, START_MS + YOUNG_MS - 1),
    )
    found = rows(*old, *young)
    assert shared(clock).without_young(HERE, found) == rows(*old)
    assert OpenEpochs(clock, is_alone=False, is_shared=False).without_young(HERE, found) == found


def test_a_place_is_read_once_more_from_the_first_event_on_that_was_left_alone() -> None:
    clock = Clock()
    clock.pass_ms(1_000)
    opened = shared(clock)
    opened.read(HERE, rows(START_MS + 900))
    for young in ((START_MS + 40, START_MS + 50), (START_MS + 20,), (START_MS + 30, START_MS + 60)):
        assert opened.without_young(HERE, rows(*young)) == {}
    assert opened.without_young(HERE, rows(START_MS - YOUNG_MS)) == rows(START_MS - YOUNG_MS)
    opened.read(THERE, rows(START_MS + 900))
    assert opened.start_of(THERE) == since(START_MS + 900)
    assert opened.start_of(HERE) == since(START_MS + 20)
    assert opened.start_of(HERE) == since(START_MS + 900)


def test_what_is_known_of_an_epoch_is_forgotten_with_it() -> None:
    clock = Clock()
    opened = shared(clock)
    for place in (HERE, BEFORE):
        opened.read(place, rows(START_MS))
        opened.without_young(place, rows(START_MS - 5))
    opened.forget(20)
    assert opened.start_of(HERE) == since(START_MS - 5)
    opened.looked()
    assert opened.start_of(HERE) == since(START_MS)
    assert opened.start_of(BEFORE) == since(0, epoch=19)
    opened.read(BEFORE, rows(START_MS))
    assert opened.start_of(BEFORE) == since(START_MS, epoch=19), "nothing is left of it"
