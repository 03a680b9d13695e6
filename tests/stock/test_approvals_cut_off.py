"""Approvals whose process stops at any call, on a store that loses batches; and broken designs, which are found."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import pytest

from tests.stock.shop import Shop
from tests.stock.test_transfers_cut_off import Mortal, Stopped
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import Refusal, RetryableRefusal
from travio_inventory.protocol.batches import Batches, Partition
from travio_inventory.stock import approval as rules
from travio_inventory.stock import changes
from travio_inventory.stock.approval import (
    Approval,
    ApprovalLimits,
    ApprovalsQuery,
    ApprovalStatus,
    DecideAdjustment,
)
from travio_inventory.stock.records import approvals
from travio_inventory.stock.records.changing import Change, Changed, Changing
from travio_inventory.stock.refusals import ApprovalEnded, OwnAdjustment
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.simulation.virtual_loop import run_virtually

LIMITS = ApprovalLimits(5)


async def asked_and_decided(shop: Shop, inventory: Any, *, yes: bool = True) -> Approval:  # noqa: ANN401 - an entry
    """Ann asks, Bob decides; each until there is an answer."""
    changed = await until_told(lambda: shop.adjust(inventory, -8, "DAMAGE", cause="k"))
    if changed.waits is None:
        page = await shop.stock.approvals.page(shop.actor, ApprovalsQuery(is_pending=False))
        return page.approvals[0]
    bob = Actor(shop.actor.organization, "bob")
    command = DecideAdjustment(changed.waits.id, yes)
    decided: Approval = await until_told(lambda: shop.stock.approvals.decide(bob, command))
    return decided


async def until_told(step: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - whatever it answers
    while True:
        try:
            return await step()
        except RetryableRefusal:
            await asyncio.sleep(1)


async def agrees(shop: Shop, inventory: Any) -> None:  # noqa: ANN401 - an entry
    """The checker: what is approved has its movement, nothing else moved, nobody decided about their own."""
    found = await shop.stock.approvals.page(shop.actor, ApprovalsQuery(is_pending=False))
    moved = {each.movement_id: each for each in (await shop.movements(inventory))[1:]}
    approved = {each.movement_id: each for each in found.approvals if each.status is ApprovalStatus.APPROVED}
    assert {name: each.quantity for name, each in moved.items()} == {
        name: each.quantity for name, each in approved.items()
    }
    assert all(each.decided_by != each.requested_by for each in found.approvals)
    assert (await shop.now(inventory)).quantities.total == 20 + sum(each.quantity for each in moved.values())


async def cut_off(store: Batches, calls: int, *, after: bool) -> bool:
    """Whether the process was stopped at that call; another one does all of it then."""
    shop = Shop(store, limits=LIMITS)
    entry = await shop.entry("cup", 20)
    mortal = Shop(Mortal(store, calls, after=after), shop.actor.organization, limits=LIMITS)
    was_stopped = False
    try:
        await asked_and_decided(mortal, entry)
    except Stopped:
        was_stopped = True
    await agrees(shop, entry)
    assert (await asked_and_decided(shop, entry)).status is ApprovalStatus.APPROVED
    await agrees(shop, entry)
    assert (await shop.now(entry)).quantities.total == 12
    return was_stopped


@pytest.mark.parametrize("after", [False, True])
async def test_a_process_that_stops_at_any_call_approves_once(store: Batches, *, after: bool) -> None:
    for calls in count():
        if not await cut_off(store, calls, after=after):
            break
    assert calls > 6


async def a_day(seed: int) -> None:
    """Many decide at once, both ways, one of them about their own, on a store that loses, delays and doubles."""
    store = MemoryBatches(None, Random(seed), asyncio.sleep)
    shops = [Shop(store, "org", limits=LIMITS) for _ in range(2)]
    entry = await shops[0].entry("cup", 20)
    store.faults = Faults.share(0.5)
    random = Random(seed)

    async def person(number: int) -> None:
        shop, name = shops[number % 2], ("ann", "bob", "carol")[number % 3]
        changed = await until_told(lambda: shop.adjust(entry, -6, cause="k"))
        if changed.waits is not None:
            command = DecideAdjustment(changed.waits.id, random.random() < 0.8)
            try:
                await until_told(lambda: shop.stock.approvals.decide(Actor("org", name), command))
            except (ApprovalEnded, OwnAdjustment):
                return

    for ended in await asyncio.gather(*map(person, range(6)), return_exceptions=True):
        assert ended is None or isinstance(ended, Refusal), ended
    await asyncio.sleep(60)
    store.faults = Faults.none()
    await agrees(shops[0], entry)


@pytest.mark.parametrize("seed", range(6))
def test_many_who_decide_at_once_move_it_once(seed: int) -> None:
    run_virtually(seed, a_day(seed))


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 600))
def test_the_same_on_many_days(seed: int) -> None:
    run_virtually(seed, a_day(seed))


def days_agree() -> bool:
    """Whether the checker sees nothing on any of these days."""
    try:
        for seed in range(12):
            run_virtually(seed, a_day(seed))
    except AssertionError:
        return False
    return True


def test_an_approval_by_oneself_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken design: nobody compares who asked and who decides."""
    decide = rules.decide

    def careless(approval: Approval, *args: Any, **said: Any) -> Approval:  # noqa: ANN401 - as the rule's
        made = decide(replace(approval, requested_by=""), *args, **said)
        return replace(made, requested_by=approval.requested_by)

    monkeypatch.setattr(approvals, "decide", careless)
    assert not days_agree()


def test_a_decision_that_does_not_see_another_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken design: each decision has a cause of its own, and writes the row whatever it says."""
    change = Changing.change

    async def blind(self: Changing, at: Partition, asked: Change) -> Changed:
        beside = asked.beside
        assert beside is not None
        if asked.cause.id.startswith("decided"):

            def make(standing: Any, entry: Any, now_ms: int) -> Any:  # noqa: ANN401 - as Beside's
                (key,) = beside.keys
                entry, (write,) = beside.make({key: {**standing[key], "status": "pending"}}, entry, now_ms)
                return entry, [write._replace(condition={})]

            asked = replace(asked, cause=self.cause_of(""), beside=beside._replace(make=make))
        return await change(self, at, asked)

    monkeypatch.setattr(Changing, "change", blind)
    assert not days_agree()


def test_an_approval_without_its_movement_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken design: the row says that it is approved, and the entry stays as it was."""
    monkeypatch.setattr(changes, "adjusted", lambda entry, _command, now_ms, **_said: changes.noted(entry, now_ms))
    assert not days_agree()
