"""Where a sweeper looks, and when: to the millisecond for its own process, by the index and in turn for others."""

import pytest

from tests.protocol.parts import Visits, noted
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.protocol.batches import (
    FOR_EVER,
    Index,
    IndexEntry,
    Kind,
    Partition,
    RowKey,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.index_entries import MINUTE_MS, bucket_of
from travio_inventory.protocol.lapses import LOOK_EVERY_MS, LapseFinder
from travio_inventory.protocol.minute_cursor import SET_BACK_MS, SETTLES_MS
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.hold import Hold
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import CLOCK_BOUND_MS, TTL_S, Sale
from verification.simulation.units import Unheard, Units

NOW = START_MS // MINUTE_MS
LAPSES_MS = TTL_S * 1_000 + CLOCK_BOUND_MS
CURSOR = Partition(Table.CURSORS, "", Index.EXPIRY)
BROKEN = ValueError("broken")


class Nowhere:
    """Everywhere, while the store does not say where that is."""

    async def next_partitions(self) -> list[Partition]:
        raise StoreUnavailable("no answer")


async def finder(sale: Sale, *visits: list[Partition]) -> LapseFinder[Hold]:
    """A sweeper's, that begins with the present minute and visits these partitions besides."""
    begins = Write(RowKey(Kind.CURSOR, ""), {}, {"reached": NOW}, FOR_EVER)
    await sale.store.apply(CURSOR, [begins])
    return LapseFinder(sale.process.holds, Visits(*visits))


async def noticed(sale: Sale, seat: str, minute: int) -> None:
    """The index says that something may be due in the seat's partition in that minute."""
    await sale.store.note(Index.EXPIRY, minute, rows.partition_entry(sale.group_partition(seat)))


async def swept(finder: LapseFinder[Hold], *failing: int) -> list[int]:
    """The seat groups that a round visits; these fail."""
    due = await finder.due_partitions()
    failed = {partition: BROKEN for partition in due if partition.number in failing}
    for partition in due:
        if partition not in failed:
            await finder.sweep(partition)
    await finder.close_due(failed)
    return [partition.number for partition in due]


async def swept_at(sale: Sale, finder: LapseFinder[Hold], *at_ms: int) -> list[int]:
    """At which of these moments after the start a round visits anything."""
    found = []
    for each in at_ms:
        sale.clock.pass_ms(START_MS + each - sale.clock.at_ms)
        if await swept(finder):
            found.append(each)
    return found


async def reached(sale: Sale) -> int:
    """The first minute that is not closed."""
    key = RowKey(Kind.CURSOR, "")
    return rows.number((await sale.store.get(CURSOR, [key]))[key], "reached")


async def carried(sale: Sale, minute: int) -> list[str]:
    """What was carried on into that minute."""
    return [each for each in await sale.store.read_index(Index.EXPIRY, bucket_of(minute)) if each[0] == "\x1e"]


# ---- where


class InStock(Units):
    """Their places are in the table of stock."""

    table = Table.STOCK


async def test_each_table_is_swept_by_itself(sale: Sale) -> None:
    sender, process = sale.process.sender, sale.process
    sweeper = LapseFinder(HoldProtocol(sender, InStock(), Unheard(), process.steps.in_background))
    begins = Write(RowKey(Kind.CURSOR, ""), {}, {"reached": NOW}, FOR_EVER)
    await sale.store.apply(CURSOR._replace(name=Index.STOCK_EXPIRY), [begins])
    one, two, three = (Partition(Table.STOCK, "org", "shelf", number) for number in (1, 2, 3))
    await noticed(sale, "A1", NOW)
    await sale.store.note(Index.STOCK_EXPIRY, NOW, rows.partition_entry(two))
    for partition in (one, sale.group_partition("A2")):
        sender.signals.due(partition, sale.clock.elapsed_ms())
    assert await sweeper.due_partitions() == [one, two]
    for partition in (three, sale.group_partition("A3")):
        sender.signals.due(partition, sale.clock.elapsed_ms())
    assert sweeper.due_meanwhile([]) == [three]


# ---- when


async def test_a_hold_of_its_own_process_is_due_to_the_millisecond(sale: Sale) -> None:
    sweeper = await finder(sale)
    await sale.hold("A2")
    await sale.hold("A1")
    sale.store.cannot_list(Index.EXPIRY, NOW + 1)
    assert await swept_at(sale, sweeper, 0, LAPSES_MS - 1) == []
    sale.clock.pass_ms(1)
    assert [await swept(sweeper) for _ in range(2)] == [[0, 1], []]


async def test_what_runs_out_while_a_round_is_under_way_joins_it_once(sale: Sale) -> None:
    sweeper = await finder(sale)
    await sale.hold("A1")
    await sale.hold("A2")
    sale.clock.pass_ms(LAPSES_MS - 1)
    under_way = await sweeper.due_partitions()
    assert sweeper.due_meanwhile(under_way) == []
    sale.clock.pass_ms(1)
    one, other = sorted(sale.group_partition(seat) for seat in ("A1", "A2"))
    assert sweeper.due_meanwhile([one]) == [other]
    assert sweeper.due_meanwhile([one]) == []
    assert sweeper.due_meanwhile([]) == [one], "it is swept after the sweep that may have missed it"
    await sweeper.close_due({other: BROKEN, one: BROKEN})
    assert sweeper.due_meanwhile([]) == [], "what failed waits for its turn"
    sale.clock.pass_ms(WAITS_MS[0])
    assert sweeper.due_meanwhile([]) == [one, other]
    await sweeper.sweep(one)
    await sweeper.close_due({})
    assert not sweeper._back_off.has(one)


async def test_what_belongs_to_another_table_is_due_to_another_sweeper(sale: Sale) -> None:
    sweeper = await finder(sale)
    of_stock = Partition(Table.STOCK, "acme", "sku")
    sale.process.sender.signals.due(of_stock, sale.clock.elapsed_ms())
    assert sweeper.due_meanwhile([]) == []
    assert of_stock not in await sweeper.due_partitions()


async def test_a_hold_of_another_process_is_due_in_its_minute_and_when_it_runs_out(sale: Sale) -> None:
    sweeper = await finder(sale)
    await sale.elsewhere().hold("A1")
    ends, later = LAPSES_MS, LAPSES_MS + LOOK_EVERY_MS
    moments = (0, MINUTE_MS - 1, MINUTE_MS, ends - 1, ends, ends + 1, later - 1, later)
    assert await swept_at(sale, sweeper, *moments) == [MINUTE_MS, ends, later]


async def test_a_hold_that_is_met_a_millisecond_too_early_is_due_in_that_millisecond(sale: Sale) -> None:
    sweeper = await finder(sale)
    await sale.elsewhere().hold("A1")
    moments = (LAPSES_MS - 1, LAPSES_MS)
    assert await swept_at(sale, sweeper, *moments) == [*moments]


async def test_where_a_hold_lasts_for_longer_others_may_be_begun_meanwhile(sale: Sale) -> None:
    sweeper = await finder(sale)
    await sale.elsewhere().hold("A1", ttl_s=100)
    later = MINUTE_MS + LOOK_EVERY_MS
    moments = (MINUTE_MS, MINUTE_MS + 1, later - 1, later, later + 1)
    assert await swept_at(sale, sweeper, *moments) == [MINUTE_MS, later]


async def test_of_several_holds_the_next_one_to_run_out_counts(sale: Sale) -> None:
    sweeper, other = await finder(sale), sale.elsewhere()
    for ends, ttl_s in (("A-B", 61), ("B-C", 63), ("C-D", 62)):
        await other.hold("A1", ends, ttl_s=ttl_s)
    first, second = LAPSES_MS + 1_000, LAPSES_MS + 2_000
    moments = (MINUTE_MS, first - 1, first, second - 1, second)
    assert await swept_at(sale, sweeper, *moments) == [MINUTE_MS, first, second]


async def test_a_minute_is_visited_again_twice_after_its_end_then_closed(sale: Sale) -> None:
    sweeper = await finder(sale)
    await noticed(sale, "A1", NOW)
    first, last = (MINUTE_MS + settles_ms for settles_ms in SETTLES_MS)
    moments = (0, first - 1, first, first + 1, last - 1)
    assert await swept_at(sale, sweeper, *moments) == [0, first - 1, first]
    assert await reached(sale) == NOW
    assert await swept_at(sale, sweeper, last, last + 1) == [last]
    assert await reached(sale) == NOW + 1
    assert await carried(sale, NOW + 3) == []


async def test_a_partition_that_is_named_after_it_was_read_is_read_at_once(sale: Sale) -> None:
    sweeper = await finder(sale, [sale.group_partition("A1")])
    assert await swept(sweeper) == [0]
    await noticed(sale, "A1", NOW)
    assert await swept(sweeper) == [0]
    assert await swept(sweeper) == []


async def test_so_is_one_that_is_named_again_in_another_minute(sale: Sale) -> None:
    sweeper = await finder(sale)
    await noticed(sale, "A1", NOW)
    over = MINUTE_MS + SETTLES_MS[0]
    assert await swept_at(sale, sweeper, over - 2, over, over + 1) == [over - 2, over]
    await noticed(sale, "A1", NOW + 1)
    assert await swept_at(sale, sweeper, over + 2) == [over + 2]


async def test_it_is_led_everywhere_in_turn(sale: Sale) -> None:
    sweeper = await finder(
        sale, [sale.group_partition("A3"), sale.group_partition("A1")], [], [sale.group_partition("A2")]
    )
    assert [await swept(sweeper) for _ in range(4)] == [[0, 2], [], [1], []]


# ---- what fails


async def test_a_partition_that_fails_is_tried_again_after_a_pause(sale: Sale) -> None:
    sweeper = await finder(sale, [sale.group_partition("A1"), sale.group_partition("A2")])
    assert await swept(sweeper, 0) == [0, 1]
    sale.clock.pass_ms(WAITS_MS[0] - 1)
    assert await swept(sweeper) == []
    sale.clock.pass_ms(1)
    assert await swept(sweeper, 0) == [0]
    sale.clock.pass_ms(2 * WAITS_MS[0] - 1)
    assert await swept(sweeper) == []
    sale.clock.pass_ms(1)
    assert await swept(sweeper) == [0]
    assert await swept(sweeper) == []


async def test_one_that_was_swept_waits_only_shortly_when_it_fails_again(sale: Sale) -> None:
    visit = [sale.group_partition("A1")]
    sweeper = await finder(sale, visit, [], visit)
    assert await swept(sweeper, 0) == [0]
    sale.clock.pass_ms(WAITS_MS[0])
    assert await swept(sweeper) == [0]
    assert await swept(sweeper, 0) == [0]
    sale.clock.pass_ms(WAITS_MS[0])
    assert await swept(sweeper) == [0]


async def test_what_fails_is_carried_on_when_its_minute_is_closed(sale: Sale) -> None:
    """As is an entry that cannot be read."""
    sweeper = await finder(sale)
    await noticed(sale, "A1", NOW)
    await noticed(sale, "A2", NOW)
    await sale.store.note(Index.EXPIRY, NOW, "odd")
    group = rows.partition_entry(sale.group_partition("A1"))
    expected = [f"\x1e\x1e{NOW}\x1eodd", f"\x1e\x1e{NOW}\x1e{group}"]
    sale.clock.pass_ms(MINUTE_MS + SETTLES_MS[0])
    assert await swept(sweeper, 0) == [0, 1]
    assert await carried(sale, NOW + 1) == []
    sale.clock.pass_ms(SETTLES_MS[1] - SETTLES_MS[0])
    sent = noted(sale)
    sweeper._minutes.batches = sale.process.sender.batches
    assert await swept(sweeper, 0) == [0, 1]
    entries = [IndexEntry(Index.EXPIRY, bucket_of(NOW + 3), each, Retention().entries_s) for each in expected]
    [batch] = [batch for batch in sent if batch.entries]
    assert sorted(batch.entries) == entries
    sale.clock.pass_ms(WAITS_MS[1])
    assert await swept(LapseFinder(sale.process.holds)) == [0], "another sweeper is led there"


async def test_what_cannot_be_carried_on_keeps_its_minute_open(sale: Sale) -> None:
    sweeper = await finder(sale)
    await noticed(sale, "A1", NOW)
    sale.clock.pass_ms(MINUTE_MS + SETTLES_MS[1])
    sale.store.spoil(Spoil.NOT_DONE)
    with pytest.raises(BackendUnavailable):
        await swept(sweeper, 0)
    sale.store.mend()
    sale.clock.pass_ms(WAITS_MS[0])
    assert await swept(sweeper) == [0]


async def test_without_the_index_it_ends_what_it_knows_otherwise(sale: Sale) -> None:
    sweeper = await finder(sale, [sale.group_partition("A1")])
    sale.store.cannot_read(CURSOR)
    with pytest.raises(BackendUnavailable):
        await sweeper.due_partitions()
    await sale.hold("A2")
    sale.clock.pass_ms(LAPSES_MS)
    assert [each.number for each in await sweeper.due_partitions()] == [0, 1]
    sale.store.mend()
    assert [each.number for each in await sweeper.due_partitions()] == [1], "it was not swept"


async def test_minutes_that_are_over_are_enough_to_go_on_with(sale: Sale) -> None:
    """Where none of the present ones can be read."""
    sweeper = await finder(sale)
    await noticed(sale, "A1", NOW)
    sale.clock.pass_ms(MINUTE_MS + SETTLES_MS[0])
    sale.store.cannot_list(Index.EXPIRY, NOW + 1)
    assert await swept(sweeper) == [0]


async def test_while_the_trips_cannot_be_listed_it_is_led_by_the_rest(sale: Sale) -> None:
    await noticed(sale, "A1", NOW)
    sweeper = await finder(sale)
    sweeper._everywhere = Nowhere()
    assert await swept(sweeper) == [0]


async def test_a_sweeper_without_a_slow_round_is_led_by_the_index(sale: Sale) -> None:
    await finder(sale)
    await noticed(sale, "A1", NOW)
    assert await swept(LapseFinder(sale.process.holds)) == [0]


# ---- clocks


@pytest.mark.parametrize(("back_ms", "is_set_back"), [(SET_BACK_MS, False), (SET_BACK_MS + 1, True)])
async def test_a_clock_that_is_set_back_is_followed_by_a_look_at_all_that_is_known(
    sale: Sale, back_ms: int, is_set_back: bool
) -> None:
    sweeper = await finder(sale)
    await sale.hold("A1")
    sale.clock.pass_ms(1)
    assert await swept(sweeper) == []
    sale.clock.set_by_s(-back_ms / 1_000)
    sale.clock.pass_ms(1)
    assert await swept(sweeper) == [0] * is_set_back
    assert await swept(sweeper) == [], "once"


async def test_what_was_due_already_is_not_forgotten_then(sale: Sale) -> None:
    sweeper = await finder(sale, [sale.group_partition("A2")])
    await sale.hold("A1")
    assert await swept(sweeper, 1) == [1]
    sale.clock.set_by_s(-60)
    sale.clock.pass_ms(WAITS_MS[0])
    assert await swept(sweeper) == [0, 1]


async def test_a_process_that_starts_later_does_not_take_its_clock_for_set_back(sale: Sale) -> None:
    await sale.hold("A1")
    sale.clock.pass_s(2 * SET_BACK_MS / 1_000)
    assert await swept(await finder(sale)) == []
