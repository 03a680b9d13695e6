"""What a step writes and where: the hold's row, its event and its claims, all in its home."""

from collections.abc import Sequence

from travio_inventory.protocol import index_entries, listings, rows
from travio_inventory.protocol.batches import IndexEntry, Outcome, Partition, Row, RowKey, Rows, Write
from travio_inventory.protocol.hold import Confirmed, HoldState, Recorded
from travio_inventory.protocol.resource import H, Resource, home_and_others, home_of
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.sending import Sender


async def see(sender: Sender, resource: Resource[H], partition: Partition, keys: Sequence[RowKey]) -> Rows:
    """The rows that a move of these is computed from; no read if it depends on nothing. Raises StoreUnavailable."""
    asked = resource.depends_on(partition, keys)
    return await sender.batches.get(partition, asked) if asked else {}


async def see_home(sender: Sender, resource: Resource[H], holds: Sequence[H]) -> Rows:
    """What a step on these holds, which have one home, is computed from. Raises StoreUnavailable."""
    home = home_of(resource, holds[0].organization, holds[0].id)
    return await see(sender, resource, home, [key for hold in holds for key in resource.keys(hold, home)])


async def step(
    sender: Sender,
    resource: Resource[H],
    hold: H,
    state: HoldState,
    condition: Row,
    *,
    seen: Rows,
    at_ms: int,
    beside: Sequence[Write] = (),
) -> Outcome:
    """Take the hold from what `condition` says to `state`: one batch on its home, its event and the rows `beside`
    included, index entries for the other partitions before it.
    """
    now = await sender.now(at_ms)
    retention = sender.rules.retention
    asked = [*others_due(resource, [hold], at_ms, retention), *listings.of_hold(hold.with_state(state), retention)]
    writes = step_writes(sender, resource, [(hold, state, condition)], seen, now)
    return await send(sender, resource, [hold], [*writes, *beside], asked, now)


async def send(
    sender: Sender,
    resource: Resource[H],
    holds: Sequence[H],
    writes: Sequence[Write],
    others: Sequence[IndexEntry],
    now: Recorded,
) -> Outcome:
    """Steps of this moment on these holds, which have one home."""
    home = home_of(resource, holds[0].organization, holds[0].id)
    recorded = index_entries.recorded(home, now.epoch, sender.rules.retention)
    return await sender.apply(home, writes, [recorded, *others], at_ms=now.at_ms)


async def list_again(sender: Sender, resource: Resource[H], hold: H) -> None:
    """The process that made the hold's last step may have died before it was listed."""
    entries = listings.of_hold(hold, sender.rules.retention)
    await sender.batches.apply(home_of(resource, hold.organization, hold.id), (), entries)


def step_writes(
    sender: Sender, resource: Resource[H], steps: Sequence[tuple[H, HoldState, Row]], seen: Rows, now: Recorded
) -> list[Write]:
    """The rows of holds that have one home, their events and their claims there, each taken from what its condition
    says to a state; all to the same kind of state.
    """
    first, state, _ = steps[0]
    home = home_of(resource, first.organization, first.id)
    owned = {hold.id: resource.keys(hold, home) for hold, _, _ in steps}
    told = [write for each in steps for write in _told(sender, resource, *each, now)]
    return [*told, *resource.move(owned, state, home, seen)]


def _told(
    sender: Sender, resource: Resource[H], hold: H, state: HoldState, condition: Row, now: Recorded
) -> tuple[Write, Write]:
    """The hold's row and the event of the step."""
    event = sender.kept(resource.event(hold.with_state(state), now))
    key, changed = rows.hold_key(hold.id), {**rows.of_state(state), **rows.recorded(now)}
    if isinstance(state, Confirmed):
        return Write(key, condition, {**changed, **resource.booking(state)}), event
    return Write(key, condition, {**resource.columns(hold), **changed}, sender.rules.retention.over_s(hold.id)), event


def others_due(resource: Resource[H], holds: Sequence[H], at_ms: int, retention: Retention) -> list[IndexEntry]:
    """The partitions other than their home in which these holds are to be brought in line now."""
    named = {partition for hold in holds for partition in home_and_others(resource, hold)[1]}
    return [index_entries.due(partition, at_ms, retention) for partition in sorted(named)]
