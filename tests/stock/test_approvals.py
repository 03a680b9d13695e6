"""Adjustments above the limit on every store: they wait for another person, who decides once."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from tests.stock.shop import BY_HAND, Shop
from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import IdempotencyKeyReused, InvalidRequest, PermissionDenied, Refusal
from travio_inventory.protocol.batches import Batches, Kind
from travio_inventory.stock.approval import WAITS_MS, Approval, ApprovalLimits, ApprovalsQuery, DecideAdjustment
from travio_inventory.stock.bulk import LineState, StockLine, UpdateMany
from travio_inventory.stock.commands import DeleteEntry
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.refusals import (
    AdjustmentRejected,
    ApprovalEnded,
    InsufficientStock,
    OwnAdjustment,
    StockNotFound,
    VersionConflict,
)

LIMIT = 5


@pytest.fixture
def shop(store: Batches) -> Shop:
    """A shop where one person may change five units, in each organization but one."""
    return Shop(store, limits=ApprovalLimits(LIMIT, {"free": 100}))


async def asked(shop: Shop, entry: InventoryEntry, quantity: int, kind: str = "ADJUSTMENT", key: str = "") -> Approval:
    changed = await shop.adjust(entry, quantity, kind, cause=key)
    assert changed.movement is None
    assert changed.waits is not None
    return changed.waits


async def decide(shop: Shop, approval: Approval, by: str = "bob", *, yes: bool = True, note: str = "") -> Approval:
    actor = Actor(shop.actor.organization, by)
    return await shop.stock.approvals.decide(actor, DecideAdjustment(approval.id, yes, note))


async def pending(shop: Shop, *, is_pending: bool = True) -> list[Approval]:
    """All that wait, in pages of two."""
    found: list[Approval] = []
    query = ApprovalsQuery(is_pending, page_size=2)
    while True:
        page = await shop.stock.approvals.page(shop.actor, query)
        found += page.approvals
        if not page.after:
            return found
        query = ApprovalsQuery(is_pending, page.after, 2)


async def told(shop: Shop, sku: str = "cup") -> list[tuple[str, dict[str, object]]]:
    found = await shop.store.read(stock_rows.place(shop.actor.organization, sku, 1), Kind.EVENT)
    in_order = sorted(found.values(), key=lambda row: int(row["ordinal"] or 0))
    return [(str(row["type"]).removeprefix("inventory."), json.loads(str(row["data"]))) for row in in_order]


async def test_what_is_above_the_limit_moves_nothing_until_another_person_approves_it(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    assert (await shop.adjust(entry, -LIMIT, "DAMAGE")).movement is not None
    waiting = await asked(shop, entry, -(LIMIT + 1), "DAMAGE")
    assert (await shop.now(entry)).quantities == (15, 0)
    assert await pending(shop) == [waiting]
    approved = await decide(shop, waiting, note="seen by me")
    assert (approved.status, approved.requested_by, approved.decided_by) == ("APPROVED", "ann", "bob")
    assert (approved.note, approved.decided_at_ms) == ("seen by me", shop.clock.now_ms())
    assert (await shop.now(entry)).quantities == (9, 0)
    movement = (await shop.movements(entry))[-1]
    assert (movement.quantity, movement.type, movement.reason, movement.performed_by) == (-6, "DAMAGE", BY_HAND, "ann")
    assert movement.version == approved.movement_version
    assert await pending(shop) == []
    assert await pending(shop, is_pending=False) == [approved]


async def test_nobody_decides_about_their_own_adjustment(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    waiting = await asked(shop, entry, -10)
    for yes in (True, False):
        with pytest.raises(OwnAdjustment):
            await decide(shop, waiting, "ann", yes=yes)
    assert await pending(shop) == [waiting]
    assert (await shop.now(entry)).quantities.total == 20


async def test_who_asks_and_who_decides_must_be_named(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    waiting = await asked(shop, entry, -10)
    with pytest.raises(InvalidRequest) as nobody:
        await decide(shop, waiting, "")
    shop.actor = Actor(shop.actor.organization, "", frozenset({Scope.STOCK_ADJUST}))
    await shop.adjust(entry, -LIMIT)
    with pytest.raises(InvalidRequest) as unknown:
        await shop.adjust(entry, -10)
    assert [each.value.violations[0].field for each in (nobody, unknown)] == ["user_id", "user_id"]


async def test_a_scope_of_its_own_is_needed_and_others_see_nothing(shop: Shop) -> None:
    waiting = await asked(shop, await shop.entry("cup", 20), -10)
    adjusts = Actor(shop.actor.organization, "bob", frozenset(Scope) - {Scope.STOCK_APPROVE})
    with pytest.raises(PermissionDenied):
        await shop.stock.approvals.decide(adjusts, DecideAdjustment(waiting.id, is_approved=True))
    other = Shop(shop.store)
    assert await pending(other) == []
    with pytest.raises(StockNotFound):
        await decide(other, waiting)


async def test_a_rejection_moves_nothing_and_is_told_to_whoever_repeats_the_request(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    waiting = await asked(shop, entry, -10, key="k")
    rejected = await decide(shop, waiting, yes=False, note="count again")
    assert (rejected.status, rejected.note, (await shop.now(entry)).quantities.total) == (
        "REJECTED",
        "count again",
        20,
    )
    with pytest.raises(AdjustmentRejected) as refused:
        await shop.adjust(entry, -10, cause="k")
    assert refused.value.approval_id == waiting.id
    with pytest.raises(ApprovalEnded):
        await decide(shop, waiting, "carol")


async def test_a_repeated_request_waits_once_and_is_answered_by_its_movement_in_the_end(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    waiting = await asked(shop, entry, -10, key="k")
    shop.clock.pass_s(1)
    assert await asked(shop, entry, -10, key="k") == waiting
    assert await pending(shop) == [waiting]
    with pytest.raises(IdempotencyKeyReused):
        await shop.adjust(entry, -11, cause="k")
    await decide(shop, waiting)
    again = await shop.adjust(entry, -10, cause="k")
    assert (again.movement, again.waits) == ((await shop.movements(entry))[-1], None)
    assert (await shop.now(entry)).quantities.total == 10


async def test_a_limit_that_changes_makes_no_second_movement(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    waiting = await asked(shop, entry, -10, key="k")
    free = Shop(shop.store, shop.actor.organization)
    assert (await free.adjust(entry, -10, cause="k")).waits == waiting
    done = await free.adjust(entry, -7, cause="other")
    again = await shop.adjust(entry, -7, cause="other")
    assert (again.movement, again.waits) == (done.movement, None)
    assert (await shop.now(entry)).quantities.total == 13


async def test_an_organization_may_have_a_limit_of_its_own() -> None:
    limits = ApprovalLimits(LIMIT, {"free": 100})
    assert [limits.need(each, -50) for each in ("acme", "free")] == [True, False]
    assert (limits.need("free", 101), ApprovalLimits().need("acme", 10**12)) == (True, False)


async def test_a_decision_happens_once_whoever_decides_at_once(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    waiting = await asked(shop, entry, -10)
    people = [f"p{number}" for number in range(6)]
    outcomes: Sequence[object] = await asyncio.gather(
        *(decide(shop, waiting, each, yes=number % 2 == 0) for number, each in enumerate(people)),
        return_exceptions=True,
    )
    won = [each for each in outcomes if isinstance(each, Approval)]
    assert len(won) == 1
    assert all(isinstance(each, ApprovalEnded) for each in outcomes if each is not won[0])
    total = (await shop.now(entry)).quantities.total
    assert total == (10 if won[0].status == "APPROVED" else 20)
    assert await decide(shop, waiting, won[0].decided_by, yes=total == 10) == won[0]
    assert (await shop.now(entry)).quantities.total == total


async def test_what_the_stock_can_no_longer_bear_is_refused_and_waits(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    waiting = await asked(shop, entry, -18)
    for _ in range(2):
        await shop.adjust(entry, -LIMIT)
    with pytest.raises(InsufficientStock) as few:
        await decide(shop, waiting)
    assert (few.value.available, await pending(shop)) == (10, [waiting])
    await shop.adjust(entry, LIMIT)
    await shop.adjust(entry, 3)
    await decide(shop, waiting)
    assert (await shop.now(entry)).quantities.total == 0


async def test_what_could_not_be_done_at_all_does_not_wait(shop: Shop) -> None:
    entry = await shop.entry("cup", 7)
    with pytest.raises(InsufficientStock):
        await shop.adjust(entry, -8)
    assert await pending(shop) == []


async def test_a_count_far_off_waits_as_its_difference_whatever_is_sold_meanwhile(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    assert (await shop.count(entry, 16, version=1)).movement is not None
    changed = await shop.count(entry, 8, version=2, cause="k")
    assert changed.waits is not None
    assert (changed.waits.quantity, changed.waits.type) == (-8, "ADJUSTMENT")
    with pytest.raises(VersionConflict):
        await shop.count(entry, 1, version=1)
    await shop.adjust(entry, -3, "OUTBOUND")
    await decide(shop, changed.waits)
    assert (await shop.now(entry)).quantities.total == 5
    assert (await shop.count(entry, 8, version=2, cause="k")).movement == (await shop.movements(entry))[-1]


async def test_a_line_of_a_bulk_waits_as_any_other(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    lines = [StockLine(entry.id, quantity=each, reason="delivery") for each in (-1, -10)]
    command = UpdateMany(lines, "k")
    for _ in range(2):
        outcomes = await shop.stock.update_many(shop.actor, command, within_s=10)
        assert [each.state for each in outcomes] == [LineState.DONE, LineState.WAITING]
    (waiting,) = await pending(shop)
    assert outcomes[1].waits == waiting
    await decide(shop, waiting)
    outcomes = await shop.stock.update_many(shop.actor, command, within_s=10)
    assert [each.state for each in outcomes] == [LineState.DONE, LineState.DONE]
    assert (await shop.now(entry)).quantities.total == 9


async def test_what_nobody_decides_in_time_is_over(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    waiting = await asked(shop, entry, -10)
    shop.clock.pass_s(WAITS_MS / 1_000)
    with pytest.raises(ApprovalEnded):
        await decide(shop, waiting)
    assert (await pending(shop), (await shop.now(entry)).quantities.total) == ([], 20)


async def test_an_entry_that_is_kept_no_more_refuses_and_a_rejection_is_still_possible(shop: Shop) -> None:
    entry = await shop.entry("cup", 0)
    waiting = await asked(shop, entry, 10)
    await shop.stock.keep.delete(shop.actor, DeleteEntry(entry.id, (await shop.now(entry)).version))
    with pytest.raises(StockNotFound):
        await decide(shop, waiting)
    assert (await decide(shop, waiting, yes=False)).status == "REJECTED"


async def test_each_step_is_told_with_its_batch(shop: Shop) -> None:
    entry = await shop.entry("cup", 20)
    await decide(shop, await asked(shop, entry, -10))
    await decide(shop, await asked(shop, entry, 6), yes=False)
    events = [each for each in await told(shop) if each[0].startswith("adjustment")]
    kinds = ["adjustment_requested", "adjustment_approved", "adjustment_requested", "adjustment_rejected"]
    assert [kind for kind, _ in events] == kinds
    assert (events[1][1]["requestedBy"], events[1][1]["decidedBy"], events[1][1]["quantity"]) == ("ann", "bob", -10)
    assert [data["newStock"] for kind, data in await told(shop) if kind == "stock_updated"] == [20, 10]


async def test_a_refused_request_names_what_is_wrong() -> None:
    with pytest.raises(Refusal):
        DecideAdjustment("", is_approved=True)
    with pytest.raises(InvalidRequest) as long:
        DecideAdjustment("a", is_approved=True, note="x" * 300)
    assert [each.field for each in long.value.violations] == ["note"]
