"""What a transfer loses above the limit of one person another one says, on every store; until then it is in transit."""

import asyncio

import pytest

from tests.stock.carrying import OPENING, Carrying
from tests.stock.shop import Shop
from travio_inventory.kernel.actor import Actor, Scope, service_of
from travio_inventory.kernel.refusals import InvalidRequest, PermissionDenied
from travio_inventory.protocol.batches import Batches
from travio_inventory.stock.approval import ApprovalLimits
from travio_inventory.stock.refusals import OwnAdjustment
from travio_inventory.stock.transfer import OnTheWay, Transfer

LIMIT = 3


@pytest.fixture
async def way(store: Batches) -> Carrying:
    """Cups go from the north to the south, and one person may change three units."""
    return await Carrying.begun(Shop(store, limits=ApprovalLimits(LIMIT)))


def person(way: Carrying, name: str, *scopes: Scope) -> Actor:
    organization = way.shop.actor.organization
    return Actor(organization, name, frozenset(scopes)) if scopes else Actor(organization, name)


async def shipped(way: Carrying, quantity: int = 8) -> Transfer:
    return await way.ship(await way.draft(quantity))


async def test_who_asked_for_a_transfer_says_of_few_units_that_they_are_gone_however_they_are_told(
    way: Carrying,
) -> None:
    transfer = await shipped(way)
    transfer = await way.receive(transfer, 1, rejected=1, lost=1)
    transfer = await way.receive(transfer, 0, lost=1)
    assert (transfer.counts.written_off, transfer.written_off_by) == (LIMIT, "ann")
    for rejected, lost in ((1, 0), (0, 1)):
        with pytest.raises(OwnAdjustment, match="another person has to"):
            await way.receive(transfer, 1, rejected=rejected, lost=lost, key="r")
    with pytest.raises(OwnAdjustment):
        await way.cancel(transfer, OnTheWay.LOST)
    assert await way.shop.stock.transfers.one(way.shop.actor, transfer.id) == transfer
    assert await way.everything() == OPENING
    assert (await way.receive(transfer, 1)).counts.received == 2, "what comes is always taken"
    assert (await way.cancel(transfer, OnTheWay.BACK)).counts.returned == 3
    assert await way.everything() == OPENING


async def test_another_person_who_may_approve_says_so_and_is_named(way: Carrying) -> None:
    first, second = await shipped(way, 4), await shipped(way, 4)
    for nobody, refusal in (
        (person(way, "eve", Scope.STOCK_ADJUST), PermissionDenied),
        (service_of(way.shop.actor.organization), InvalidRequest),
    ):
        with pytest.raises(refusal):
            await way.cancel(first, OnTheWay.LOST, by=nobody)
        with pytest.raises(refusal):
            await way.receive(second, 0, lost=4, by=nobody)
    bob = person(way, "bob", Scope.STOCK_ADJUST, Scope.STOCK_APPROVE)
    for _ in range(2):
        lost = await way.cancel(first, OnTheWay.LOST, by=bob)
        assert (lost.counts.lost, lost.requested_by, lost.written_off_by) == (4, "ann", "bob")
        rejected = await way.receive(second, 0, rejected=4, key="r", by=bob)
        assert (rejected.counts.rejected, rejected.written_off_by) == (4, "bob")
    assert await way.cancel(first, OnTheWay.LOST) == lost, "a repetition is answered, whoever repeats it"
    assert await way.everything() == OPENING


async def test_many_small_losses_at_once_do_not_pass_as_one_large_one(way: Carrying) -> None:
    transfer = await shipped(way)
    parts = (way.receive(transfer, 0, lost=1, key=f"r{number}") for number in range(8))
    told = await asyncio.gather(*parts, return_exceptions=True)
    now = await way.shop.stock.transfers.one(way.shop.actor, transfer.id)
    assert now.counts.lost == LIMIT
    assert sum(isinstance(each, OwnAdjustment) for each in told) == 8 - LIMIT


async def test_without_a_limit_everybody_says_so(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    lost = await way.cancel(await shipped(way), OnTheWay.LOST)
    assert (lost.counts.lost, lost.written_off_by) == (8, "ann")
