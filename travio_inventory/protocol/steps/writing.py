"""What a step writes and where: the hold's row, its event and its claims, all in its home."""

from collections.abc import Mapping, Sequence

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import (
    Applied,
    IndexEntry,
    NotDone,
    Outcome,
    Partition,
    Row,
    RowKey,
    Rows,
    Write,
)
from travio_inventory.protocol.hold import Confirmed, Held, HoldState, Recorded, Released
from travio_inventory.protocol.resource import H, Hold, Resource, home_and_others, home_of
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.sending import Sender

_UNTOLD = Recorded(0, 0)
"""Where nothing is told nobody asks when."""


async def see(sender: Sender, resource: Resource[H], partition: Partition, keys: Sequence[RowKey]) -> Rows:
    """The rows that a move of these is computed from; no read if it depends on nothing. Raises StoreUnavailable."""
    asked = resource.depends_on
    return await sender.batches.get(partition, [*asked, *keys]) if asked else {}


async def see_home(sender: Sender, resource: Resource[H], holds: Sequence[H]) -> Rows:
    """What a step on these holds, which have one home, is computed from. Raises StoreUnavailable."""
    home = home_of(resource, holds[0].organization, holds[0].id)
    beside = resource.depends_on
    asked = [*beside, *(key for hold in holds if beside or hold.moves for key in resource.keys(hold, home))]
    return await sender.batches.get(home, asked) if asked else {}


def by_title(resource: Resource[H], hold: H, keys: Sequence[RowKey], seen: Rows) -> dict[str, Sequence[RowKey]]:
    """These claims of the hold by their titles, which only rows say once it was moved."""
    if not hold.moves:
        return {hold.id: keys}
    split: dict[str, list[RowKey]] = {}
    for key in keys:
        standing = resource.standing(seen[key]) if key in seen else None
        split.setdefault(standing.owner if standing is not None else hold.id, []).append(key)
    return {**split}


async def step(
    sender: Sender,
    resource: Resource[H],
    change: tuple[H, H, Row],
    *,
    seen: Rows,
    at_ms: int,
    beside: Sequence[Write] = (),
) -> Outcome:
    """Take the hold from what the change's condition says to what it is afterwards: one batch on its home, its event
    and the rows `beside` included, index entries for the other partitions before it.
    """
    hold, after, _ = change
    now = await sender.now(at_ms)
    retention = sender.rules.retention
    listed = resource.books.listed(after, retention) if type(after.state) is not type(hold.state) else []
    asked = [*others_due(resource, [hold], at_ms, retention), *listed]
    writes = step_writes(sender, resource, [change], seen, now)
    outcome = await send(sender, resource, [hold], [*writes, *beside], asked, now)
    if isinstance(outcome, Applied):
        sender.counts.live.changed(hold.state, after.state)
    return outcome


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
    retention = sender.rules.retention
    noted = resource.books.noted(home, writes, now, retention)
    recorded = index_entries.recorded(home, now.epoch, retention)
    return await sender.apply(home, writes, [recorded, *noted, *others], at_ms=now.at_ms)


async def follow(
    sender: Sender,
    resource: Resource[H],
    partition: Partition,
    owned: Mapping[str, Sequence[RowKey]],
    state: HoldState,
    seen: Rows,
) -> Outcome:
    """Move these claims to the state that their home row says."""
    now, books = _UNTOLD, resource.books
    if books.tells:
        try:
            now = await sender.now()
        except BackendUnavailable:
            return NotDone("the epoch could not be read")
    writes = resource.move(owned, state, partition, seen, now)
    entries = books.noted(partition, writes, now, sender.rules.retention)
    return await sender.apply(partition, writes, entries, at_ms=now.at_ms if books.tells else None)


async def list_again(sender: Sender, resource: Resource[H], hold: H) -> None:
    """The process that made the hold's last step may have died before it was listed."""
    entries = resource.books.listed(hold, sender.rules.retention)
    if not entries:
        return
    await sender.batches.apply(home_of(resource, hold.organization, hold.id), (), entries)


def step_writes(
    sender: Sender, resource: Resource[H], changes: Sequence[tuple[H, H, Row]], seen: Rows, now: Recorded
) -> list[Write]:
    """The rows of holds that have one home, their events and their claims there, each as it was on its condition, and
    as it is afterwards; all of them in the same kind of state.
    """
    home = home_of(resource, changes[0][0].organization, changes[0][0].id)
    told = [write for each in changes for write in _told(sender, resource, *each, now)]
    return [*told, *_moved(resource, [(before, after) for before, after, _ in changes], home, seen, now)]


def _moved(
    resource: Resource[H], changes: Sequence[tuple[H, H]], home: Partition, seen: Rows, now: Recorded
) -> list[Write]:
    """The claims in their home: what is given up is returned, the rest follows its hold's new state, if that is new."""
    given: dict[str, Sequence[RowKey]] = {}
    kept: dict[str, Sequence[RowKey]] = {}
    for before, after in changes:
        if gone := given_up(resource, before, after, home):
            given |= by_title(resource, before, gone, seen)
        if is_alive(after) and type(after.state) is not type(before.state):
            kept |= by_title(resource, before, resource.keys(after, home), seen)
    returned = resource.move(given, Released(), home, seen, now) if given else ()
    return [*returned, *(resource.move(kept, changes[0][1].state, home, seen, now) if kept else ())]


def given_up(resource: Resource[H], before: H, after: H, partition: Partition) -> Sequence[RowKey]:
    """What the hold had there, and has no more."""
    had = resource.keys(before, partition)
    if not is_alive(after):
        return had
    has = {*resource.keys(after, partition)}
    return [key for key in had if key not in has]


def is_alive(hold: Hold) -> bool:
    """Whether the hold has what it claims."""
    return isinstance(hold.state, Held | Confirmed)


def _told(
    sender: Sender, resource: Resource[H], before: H, after: H, condition: Row, now: Recorded
) -> tuple[Write, Write]:
    """The hold's row and the event of the step."""
    event = sender.kept(resource.event(after, now))
    key, recorded = rows.hold_key(before.id), rows.recorded(now)
    if not is_alive(after):
        ended = {**rows.of_state(before.state), **resource.columns(after), **recorded}
        return Write(key, condition, ended, sender.rules.retention.over_s(before.id)), event
    keep_s = resource.books.bookings_kept_s
    if isinstance(after.state, Confirmed) and keep_s is not None:
        return Write(key, condition, {**resource.columns(after), **recorded}, keep_s), event
    if isinstance(after.state, Confirmed) and after.parts == before.parts and not isinstance(before.state, Confirmed):
        return Write(key, condition, {**rows.of_state(after.state), **resource.booking(after.state), **recorded}), event
    return Write(key, condition, {**resource.changes(before, after), **recorded}), event


def others_due(resource: Resource[H], holds: Sequence[H], at_ms: int, retention: Retention) -> list[IndexEntry]:
    """The partitions other than their home in which these holds are to be brought in line now."""
    named = {partition for hold in holds for partition in home_and_others(resource, hold)[1]}
    return [index_entries.due(partition, at_ms, retention) for partition in sorted(named)]
