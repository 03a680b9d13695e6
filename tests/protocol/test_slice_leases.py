"""Which relay of a sink works on which slices: all have a share, and take over what others leave."""

from collections.abc import Sequence

import pytest

from travio_inventory.protocol.batches import Applied, Index, Kind, Partition, RowKey, Write
from travio_inventory.protocol.minute_cursor import cursor_of
from travio_inventory.protocol.slice_leases import BEAT_MS, KEPT_S, LEASE_MS, RETRY_MS, SliceLeases
from travio_inventory.protocol.slices import SLICES
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import Sale

ALL = frozenset(range(SLICES))
RELAYS = cursor_of(Index.JOURNAL, "told")[0]


def leases(sale: Sale) -> SliceLeases:
    """Those of a relay of its own."""
    return SliceLeases(sale.process.sender, "told")


async def settled(sale: Sale, *relays: SliceLeases, beats: int = 4) -> list[frozenset[int]]:
    """What each has after so many beats of all."""
    for _ in range(beats):
        for each in relays:
            await each.keep()
        sale.clock.pass_ms(BEAT_MS)
    return [await each.keep() for each in relays]


async def test_the_only_relay_has_all_slices_at_once(sale: Sale) -> None:
    assert await leases(sale).keep() == ALL


async def test_who_joins_gets_its_share_and_no_slice_has_two_relays(sale: Sale) -> None:
    first, second, third = (leases(sale) for _ in range(3))
    await settled(sale, first)
    shares = await settled(sale, first, second, third)
    assert sorted(map(len, shares)) == [2, 3, 3]
    assert frozenset().union(*shares) == ALL


async def test_the_slices_of_a_dead_relay_are_taken_over_once_its_leases_are_over(sale: Sale) -> None:
    dead, living = leases(sale), leases(sale)
    await settled(sale, dead, living)
    sale.clock.pass_ms(LEASE_MS - BEAT_MS - 1)
    assert len(await living.keep()) == SLICES // 2, "it may live"
    [share] = await settled(sale, living)
    assert share == ALL


async def test_a_relay_that_stood_still_for_longer_than_a_lease_has_none(sale: Sale) -> None:
    still, other = leases(sale), leases(sale)
    await settled(sale, still, other)
    sale.store.cannot_read(RELAYS)
    sale.clock.pass_ms(LEASE_MS)
    assert await still.keep() == frozenset()


async def test_a_slice_is_mine_until_another_may_have_taken_it(sale: Sale) -> None:
    still, other = leases(sale), leases(sale)
    share, taken = await settled(sale, still, other)
    assert [still.is_mine(part) for part in sorted(share | taken)] == [part in share for part in sorted(share | taken)]
    sale.clock.pass_ms(LEASE_MS - 1)
    assert all(map(still.is_mine, share))
    await still.renew()
    sale.clock.pass_ms(LEASE_MS - 1)
    assert all(map(still.is_mine, share))
    sale.clock.pass_ms(1)
    assert not any(map(still.is_mine, ALL))


async def test_what_is_given_back_is_free_at_once(sale: Sale) -> None:
    first, second = leases(sale), leases(sale)
    await settled(sale, first)
    await second.keep()
    await first.release()
    sale.clock.pass_ms(BEAT_MS)
    assert await second.keep() == ALL


async def test_while_work_takes_long_leases_are_renewed(sale: Sale) -> None:
    busy, other = leases(sale), leases(sale)
    shares = await settled(sale, busy, other)
    for _ in range(5):
        sale.clock.pass_ms(BEAT_MS)
        await busy.renew()
        await other.keep()
    assert await other.keep() == shares[1]
    assert await busy.keep() == shares[0]


async def test_nobody_takes_what_it_has_not_seen_stand_for_the_time_of_a_lease(sale: Sale) -> None:
    """Whatever any clock shows: how long ago it was renewed nobody can know who comes later."""
    await leases(sale).keep()
    sale.clock.pass_ms(10 * LEASE_MS)
    late = leases(sale)
    assert await late.keep() == frozenset()
    assert len(await sale.store.read(RELAYS, Kind.LEASE)) == SLICES + 2
    sale.clock.pass_ms(LEASE_MS)
    assert await late.keep() == ALL


async def test_who_stood_still_past_its_lease_cannot_move_the_position_of_a_slice(sale: Sale) -> None:
    still, other = leases(sale), leases(sale)
    await settled(sale, still)
    position = RowKey(Kind.CURSOR, "03")

    async def move(by: SliceLeases, reached: int) -> bool:
        batch = [Write(position, {}, {"reached": reached}), by.fence(3)]
        return isinstance(await sale.process.sender.batches.apply(RELAYS, batch), Applied)

    assert await move(still, 7)
    await other.keep()
    sale.clock.pass_ms(LEASE_MS)
    assert 3 in await other.keep()
    assert not await move(still, 9)
    assert await move(other, 8)
    assert (await sale.store.get(RELAYS, [position]))[position]["reached"] == 8


def sent(sale: Sale) -> list[Sequence[Write]]:
    """The batches of leases from now on."""
    batches: list[Sequence[Write]] = []

    def is_meant(partition: Partition, writes: Sequence[Write]) -> bool:
        if partition == RELAYS:
            batches.append(writes)
        return False

    sale.store.spoil(Spoil.LOST, is_meant)
    return batches


async def test_leases_are_renewed_at_intervals_and_sooner_after_one_that_failed(sale: Sale) -> None:
    sale.clock.pass_ms(LEASE_MS)
    relay, batches = leases(sale), sent(sale)
    assert await relay.keep() == ALL
    begun = len(batches)
    for passed_ms in (0, RETRY_MS, BEAT_MS - RETRY_MS - 1):
        sale.clock.pass_ms(passed_ms)
        assert await relay.keep() == ALL
        assert len(batches) == begun
    sale.clock.pass_ms(1)
    sale.store.spoil(Spoil.LOST, times=1)
    await relay.keep()
    assert len(batches) == begun + 1, "it failed"
    sale.clock.pass_ms(RETRY_MS - 1)
    await relay.keep()
    assert len(batches) == begun + 1
    sale.clock.pass_ms(1)
    await relay.keep()
    assert len(batches) == begun + 2


async def test_a_relay_that_has_never_reached_the_store_has_nothing_and_tries_again(sale: Sale) -> None:
    relay = leases(sale)
    sale.store.cannot_read(RELAYS)
    assert await relay.keep() == frozenset()
    await relay.release()
    sale.store.mend()
    assert await relay.keep() == frozenset(), "it tried a moment ago"
    sale.clock.pass_ms(RETRY_MS)
    assert await relay.keep() == ALL


async def test_work_renews_leases_no_more_often_than_a_relay_that_has_none(sale: Sale) -> None:
    sale.clock.pass_ms(LEASE_MS)
    relay = leases(sale)
    await relay.keep()
    batches = sent(sale)
    await relay.renew()
    sale.clock.pass_ms(BEAT_MS - 1)
    await relay.renew()
    assert not batches
    sale.clock.pass_ms(1)
    await relay.renew()
    assert len(batches) == 1


async def test_who_has_its_share_takes_no_more_of_what_others_leave_free(sale: Sale) -> None:
    first, second = leases(sale), leases(sale)
    await settled(sale, first)
    await second.keep()
    for _ in range(2):
        sale.clock.pass_ms(BEAT_MS)
        assert len(await first.keep()) == SLICES // 2, "the other one has not come for its own yet"


@pytest.mark.parametrize("who_begins", [0, 1])
async def test_two_relays_have_as_many_whoever_begins(sale: Sale, who_begins: int) -> None:
    """Of the two ids, too, either may be the lesser one."""
    relays = sorted(
        (leases(sale), leases(sale)), key=lambda each: str(each.fence(0).condition), reverse=who_begins == 1
    )
    await settled(sale, relays[0])
    assert [len(share) for share in await settled(sale, *relays)] == [SLICES // 2] * 2


async def test_a_late_copy_of_an_older_renewal_hides_a_newer_one_until_the_next_and_ends_no_lease(sale: Sale) -> None:
    """The other one looks at the worst moment: it has seen the older renewal, and sees it again."""
    owner, other, batches = leases(sale), leases(sale), sent(sale)
    await settled(sale, owner)
    await other.keep()
    older = next(writes for writes in reversed(batches) if len(writes) > 1)
    sale.clock.pass_ms(BEAT_MS)
    await owner.renew()
    assert isinstance(await sale.store.apply(RELAYS, older), Applied)
    await other.keep()
    for _ in range(LEASE_MS // BEAT_MS + 1):
        sale.clock.pass_ms(BEAT_MS)
        await owner.renew()
        assert await other.keep() == frozenset()


async def test_a_late_copy_takes_no_slice_from_who_has_it_now(sale: Sale) -> None:
    gone, stays, batches = leases(sale), leases(sale), sent(sale)
    await settled(sale, gone)
    await gone.renew()
    older = batches[-1]
    assert len(older) == SLICES + 1
    await gone.release()
    assert await stays.keep() == ALL
    assert not isinstance(await sale.store.apply(RELAYS, older), Applied)
    [share] = await settled(sale, stays)
    assert share == ALL


@pytest.mark.parametrize("which", [0, -1], ids=["its first", "its last"])
async def test_a_relay_without_slices_that_is_gone_stays_gone_whatever_arrives_late(sale: Sale, which: int) -> None:
    """Else the others would leave it a share that nobody works on."""
    stays = leases(sale)
    await settled(sale, stays)
    gone, batches = leases(sale), sent(sale)
    for _ in range(2):
        await gone.keep()
        sale.clock.pass_ms(BEAT_MS)
    older = batches[which]
    assert len(older) == 1
    await gone.release()
    [share] = await settled(sale, stays)
    assert share == ALL
    await sale.store.apply(RELAYS, older)
    [share] = await settled(sale, stays)
    assert share == ALL


async def test_each_row_of_a_sink_that_is_taken_away_is_forgotten(sale: Sale) -> None:
    first, second, batches = leases(sale), leases(sale), sent(sale)
    await settled(sale, first, second)
    await first.renew()
    await first.release()
    assert {write.keep_s for writes in batches for write in writes} == {KEPT_S}
    assert first.fence(0).keep_s == KEPT_S
